"""The best fit of every model to one table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture
from mixtura.algorithms.search import is_nested
from mixtura.algorithms.stopping import Status
from mixtura.estimators import searching, survey
from mixtura.estimators.searching import Cell, Fit, climbed, search
from mixtura.estimators.survey import letters_of
from mixtura.model import family_named
from problems import Array, assert_close, random_rows, with_holes

NAMES = ("EII", "VVI", "EEE", "VEV", "full")
SIZES = (1, 2, 3)
#: Settings that leave no doubt about the answer.
MODEL = GaussianMixture(random_state=0, engine="numpy", n_jobs=1)


def rows_of(seed: int = 0, n: int = 120, d: int = 2) -> Array:
    rng = np.random.default_rng(seed)
    return 5.0 + random_rows(rng, n, 3, d, spread=4.0)


def found(X: Array, weights: Array | None = None, **settings: Any) -> dict[tuple[str, int], Cell]:
    model = GaussianMixture(**{**MODEL.get_params(), **settings})
    cells = search(model, X, weights, bool(np.isnan(X).any()), NAMES, SIZES)
    return {(cell.covariance_type, cell.n_components): cell for cell in cells}


def assert_ordered(cells: dict[tuple[str, int], Cell], least: float) -> None:
    for (name, k), cell in cells.items():
        for (other, same), beyond in cells.items():
            if k == same and is_nested(letters_of(name, 2), letters_of(other, 2)):
                assert beyond.log_likelihood >= cell.log_likelihood - least


def larger_than_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "WHOLE_ROWS", 0)
    monkeypatch.setattr(survey, "SAMPLE_ROWS", 60)
    monkeypatch.setattr(survey, "OTHER_ROWS", 80)


def test_a_cell_tells_of_its_mixture() -> None:
    X = rows_of()
    for (name, k), cell in found(X).items():
        assert cell.mixture is not None
        assert cell.mixture.covariance_type == family_named(name).name
        assert cell.mixture.n_components == k
        assert cell.n_parameters == cell.mixture.n_parameters()
        assert cell.log_likelihood == pytest.approx(cell.mixture.log_prob(X).sum(), rel=1e-12)
        surprise = -np.log(cell.mixture.responsibilities(X).max(axis=1)).sum()
        assert cell.fuzziness.surprise == pytest.approx(surprise, abs=1e-9)
        assert cell.status is Status.CONVERGED
        assert not cell.degenerate


def test_no_fit_can_be_gone_on_from_far() -> None:
    X = rows_of()
    cells = found(X)
    assert_ordered(cells, 1e-2)
    for (name, k), cell in cells.items():
        model = GaussianMixture(k, covariance_type=name, init_params=cell.mixture).fit(X)
        assert model.score(X) * len(X) - cell.log_likelihood < 0.02


def test_larger_tables_go_on_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    X = rows_of()
    whole = found(X)
    larger_than_samples(monkeypatch)
    sampled = found(X)
    assert_ordered(sampled, 0.1)
    for model, cell in sampled.items():
        assert cell.log_likelihood > whole[model].log_likelihood - 3.0
    assert found(X)["full", 3].log_likelihood == sampled["full", 3].log_likelihood


def test_fits_of_larger_tables_learn_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    larger_than_samples(monkeypatch)
    X = np.random.default_rng(8).normal(size=(400, 3)) ** 3
    learnt = found(X)
    monkeypatch.setattr(searching, "learnt", lambda grid, batch, level: (batch, ()))
    alone = found(X)
    gains = {
        model: cell.log_likelihood - alone[model].log_likelihood for model, cell in learnt.items()
    }
    assert max(gains.values()) > 1.0
    assert min(gains.values()) > -0.1


def test_an_interrupt_keeps_fits_that_have_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    larger_than_samples(monkeypatch)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "learnt", stop)
    cells = found(rows_of())
    assert len(cells) == len(NAMES) * len(SIZES)
    best = cells["full", 3]
    assert best.mixture is not None
    assert best.log_likelihood == pytest.approx(best.mixture.log_prob(rows_of()).sum(), rel=1e-10)
    monkeypatch.setattr(searching, "climbed", stop)
    with pytest.raises(KeyboardInterrupt):
        found(rows_of())


def test_a_table_too_flat_for_its_sample_leaves_no_fit() -> None:
    X = np.c_[rows_of(), np.zeros(120)]
    where = survey.survey_of(MODEL, X, None, False, ("full",), (2,))
    flat = Mixture([0.5, 0.5], np.zeros((2, 3)), np.zeros((2, 3, 3)), "full")
    where = replace(where, em=replace(where.em, floor=None))
    fit = climbed(where, 0, Fit(flat), 1e-3)
    assert fit.mixture is None
    assert searching.told(where, 0, Fit(flat)).degenerate


def test_weights_are_repeated_rows() -> None:
    X, counts = rows_of(), np.random.default_rng(1).integers(0, 3, 120)
    weighted, repeated = found(X, counts.astype(float)), found(np.repeat(X, counts, axis=0))
    for model in (("EII", 2), ("EEE", 3), ("full", 3)):
        assert weighted[model].log_likelihood == pytest.approx(
            repeated[model].log_likelihood, rel=1e-4
        )


def test_rows_without_a_cell_change_nothing() -> None:
    X = rows_of()
    empty = np.full((5, 2), np.nan)
    cells, padded = found(X), found(np.concatenate([empty, X]))
    for model, cell in cells.items():
        assert padded[model].log_likelihood == pytest.approx(cell.log_likelihood, rel=1e-9)


def test_missing_cells() -> None:
    X = with_holes(np.random.default_rng(2), rows_of(), 0.1)
    cells = found(X)
    assert_ordered(cells, 0.1)
    best = cells["full", 3]
    assert best.mixture is not None
    assert best.log_likelihood == pytest.approx(best.mixture.log_prob(X).sum(), rel=1e-10)


def test_a_prior_is_no_part_of_the_likelihood() -> None:
    X = rows_of()
    cell = found(X, prior="conjugate")["full", 3]
    assert cell.mixture is not None
    assert cell.log_likelihood == pytest.approx(cell.mixture.log_prob(X).sum(), rel=1e-12)
    assert cell.log_likelihood < found(X)["full", 3].log_likelihood
    alone = GaussianMixture(3, prior="conjugate", init_params=cell.mixture).fit(X)
    assert_close(cell.mixture.means, alone.means_, 1e-2)


def test_one_column_has_two_structures() -> None:
    X = rows_of(d=2)[:, :1]
    cells = search(MODEL, X, None, False, ("E", "V", "tied"), SIZES)
    assert [cell.covariance_type for cell in cells] == ["E"] * 3 + ["V"] * 3 + ["tied"] * 3
    assert cells[1].log_likelihood == cells[7].log_likelihood
    assert cells[1].n_parameters == 4


def test_collapse_is_told() -> None:
    X = np.repeat(rows_of(n=6), 4, axis=0)  # six points: as many components have no width
    cells = search(MODEL, X, None, False, ("full",), (1, 6))
    assert not cells[0].degenerate
    assert cells[1].degenerate
    assert cells[1].status is Status.COLLAPSED


def test_every_model_is_reported_and_an_interrupt_keeps_what_is_done() -> None:
    X, reported = rows_of(), []
    search(MODEL, X, None, False, NAMES, SIZES, reported.append)
    assert len(reported) == len(NAMES) * len(SIZES)
    done: list[Cell] = []

    def stop(cell: Cell) -> None:
        done.append(cell)
        if len(done) == 4:
            raise KeyboardInterrupt

    kept = search(MODEL, X, None, False, NAMES, SIZES, stop)
    assert [cell.n_components for cell in done] == [1] * 4
    assert len(kept) == 4


def test_units_do_not_matter_to_what_is_found() -> None:
    X = rows_of()
    cells, scaled = found(X), found(1e6 * X - 1e9)
    for (name, k), cell in cells.items():
        shifted = scaled[name, k].log_likelihood + 240 * np.log(1e6)
        assert shifted == pytest.approx(cell.log_likelihood, abs=0.05)


def test_a_column_that_tells_nothing_changes_no_number_of_components() -> None:
    X = rows_of()
    for column in (np.ones(120), X[:, 0] - X[:, 1]):
        cells = search(MODEL, np.c_[X, column], None, False, ("full",), SIZES)
        assert not any(cell.degenerate for cell in cells)
        gains = np.diff([cell.log_likelihood for cell in cells])
        alone = search(MODEL, X, None, False, ("full",), SIZES)
        assert_close(gains, np.diff([cell.log_likelihood for cell in alone]), 2e-3)


def test_a_model_alone_learns_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(8).normal(size=(150, 3)) ** 3
    (alone,) = search(MODEL, X, None, False, ("VVI",), (4,))
    monkeypatch.setattr(survey, "FEW", 0)
    (without,) = search(MODEL, X, None, False, ("VVI",), (4,))
    assert alone.covariance_type == "VVI"
    assert alone.log_likelihood > without.log_likelihood + 1.0
