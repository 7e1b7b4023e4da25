"""The NumPy kernel on rows with missing cells, against the oracle."""

from __future__ import annotations

import numpy as np
import pytest

import oracle
from mixtura.kernels import incomplete, reference
from problems import (
    FAMILY_NAMES,
    LAYOUTS,
    assert_close,
    assert_same_statistics,
    laid_out,
    random_mixture,
    random_rows,
    with_holes,
)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("shape", oracle.INCOMPLETE_SHAPES, ids=str)
def test_equals_the_oracle(shape: tuple, name: str) -> None:
    oracle.check_incomplete(incomplete, name, shape)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("weights", oracle.WEIGHTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_row_weights(dtype: str, weights: str, name: str) -> None:
    oracle.check_incomplete(incomplete, name, dtype=dtype, weights=weights)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_row_weights_in_runs(name: str) -> None:
    oracle.check_incomplete(incomplete, name, (0, 4, 2, "runs"), "float32", "zeros")


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, name: str) -> None:
    oracle.check_incomplete(incomplete, name, convert=lambda array: laid_out(array, layout))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_units(name: str) -> None:
    oracle.check_incomplete_units(incomplete, name)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_weight_zero_and_far_rows(name: str) -> None:
    oracle.check_incomplete_weight_zero(incomplete, name)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_nearly_dependent_columns(name: str) -> None:
    oracle.check_nearly_dependent_columns(incomplete, name, 1e-8)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_large_tables_go_in_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incomplete, "BLOCK_DOUBLES", 1000)
    X, _, mixture, _ = oracle.incomplete_case(name, oracle.INCOMPLETE, "float64", "none")
    assert len(list(incomplete.parts(X, mixture))) > 2
    oracle.check_incomplete(incomplete, name, weights="fractional")


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_moments_under_given_responsibilities(name: str) -> None:
    rng = np.random.default_rng(6)
    X, mixture = with_holes(rng, random_rows(rng, 30, 2, 3), 0.4), random_mixture(rng, name, 2, 3)
    (part,) = incomplete.parts(X, mixture)
    one = np.zeros((2, len(X)))
    one[1] = part.numbers == 4
    statistics = incomplete.moments(part, one, -1.0, 2.0, mixture)
    mean, square, tells = reference.expected_row(X[4], mixture, 1)
    assert (statistics.loglik, statistics.weight) == (-1.0, 2.0)
    assert statistics.zeroth.tolist() == [0.0, 1.0]
    assert_close(statistics.support, [np.zeros(3), tells], 1e-14)
    assert_close(statistics.first, [np.zeros(3), mean], 1e-13)
    total = {"full": square, "tied": square, "diag": np.diag(square)}.get(
        name, np.trace(square) / 3
    )
    found = statistics.second if name == "tied" else statistics.second[1]
    assert_close(found, total, 1e-13)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_complete_rows_are_a_special_case(name: str) -> None:
    rng = np.random.default_rng(7)
    X, mixture = random_rows(rng, 40, 3, 4), random_mixture(rng, name, 3, 4)
    statistics = incomplete.expect(X, None, mixture)
    assert_same_statistics(statistics, reference.expect(X, None, mixture), 1e-12)
