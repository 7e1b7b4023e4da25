"""The rows of a search, and the samples that all models are compared on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture
from mixtura.estimators import survey
from mixtura.estimators.survey import (
    Survey,
    batch_of,
    in_form,
    letters_of,
    mixture_of,
    survey_of,
    with_neighbours,
)
from mixtura.model import family_named
from problems import Array, assert_close, random_rows, with_holes

MODEL = GaussianMixture(random_state=0, engine="numpy", n_jobs=1)
NAMES = ("EII", "VVI", "EEE", "full")


def rows_of(n: int = 90, d: int = 3) -> Array:
    return 5.0 + 3.0 * random_rows(np.random.default_rng(0), n, 3, d, spread=4.0)


def of(X: Array, weights: Array | None = None, **settings: Any) -> Survey:
    model = GaussianMixture(**{**MODEL.get_params(), **settings})
    return survey_of(model, X, weights, bool(np.isnan(X).any()), NAMES, (1, 2, 3))


def test_small_tables_are_their_own_sample() -> None:
    found = of(rows_of())
    assert found.others is None
    values = found.centre + found.unit * found.grid.rows.values[:, 1:4]
    assert_close(values, rows_of(), 1e-12)


def test_larger_tables_have_two_samples_of_rows_that_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "WHOLE_ROWS", 10)
    monkeypatch.setattr(survey, "SAMPLE_ROWS", 20)
    monkeypatch.setattr(survey, "OTHER_ROWS", 30)
    X, weights = rows_of(), np.repeat([0.0, 2.0], 45)
    found = of(X, weights)
    assert found.others is not None
    for grid, n in ((found.grid, 20), (found.others, 30)):
        values = found.centre + found.unit * grid.rows.values[:, 1:4]
        distances = np.abs(values[:, None] - X[45:]).max(axis=2)
        assert values.shape == (n, 3)
        assert (distances.min(axis=1) < 1e-12).all()
        assert (grid.rows.weights == 2.0).all()


def test_samples_have_no_holes() -> None:
    X = with_holes(np.random.default_rng(1), rows_of(), 0.2)
    found = of(X)
    assert found.others is not None
    assert np.isfinite(found.grid.rows.values).all()
    assert np.isfinite(found.others.rows.values).all()


def test_structures_and_sizes_to_learn_from() -> None:
    assert with_neighbours(("VVI",), (4,), 100, 3) == (("VVI", "EEE", "VVV"), (3, 4, 5))
    assert with_neighbours(("VVI",), (4,), 4, 3)[1] == (3, 4)
    assert with_neighbours(("VVI",), (4,), 100, 1)[0] == ("VVI",)
    assert with_neighbours(NAMES, (1, 2, 3), 100, 3) == (NAMES, (1, 2, 3))


def test_letters() -> None:
    assert letters_of("diag", 1) == "VII"
    assert letters_of("diag", 2) == "VVI"
    assert letters_of("tied", 1) == "EII"


def test_mixtures_go_to_the_sample_and_back() -> None:
    found = of(rows_of())
    grid = found.grid
    start = grid.start(range(len(grid)), [np.full((k, 90), 1.0 / k) for k in [1, 2, 3] * 4])
    fitted: list[Any] = [None] * len(grid)
    for name in NAMES:
        number = grid.number(letters_of(name, 3), 3)
        assert number is not None
        model = GaussianMixture(3, covariance_type=name, random_state=0).fit(rows_of())
        fitted[number] = model.mixture_
    batch = batch_of(found, start, fitted)
    for number, mixture in enumerate(fitted):
        part = batch.layout.part(number)
        if mixture is None:
            assert (batch.means[part] == start.means[part]).all()
            continue
        back = mixture_of(found, number, batch)
        assert_close(back.means, mixture.means, 1e-12)
        assert_close(back.covariances, mixture.covariances, 1e-12)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_matrices_take_the_form_of_a_family(name: str) -> None:
    family = family_named(name)
    model = GaussianMixture(2, covariance_type=name, random_state=0).fit(rows_of())
    full = family.full(model.covariances_, 2, 3)
    assert_close(in_form(family, full), model.covariances_, 1e-14)
