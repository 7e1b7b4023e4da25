"""Machine code on rows with missing cells, against the oracle."""

from __future__ import annotations

import numpy as np
import pytest

import oracle
from mixtura.kernels import incomplete as numpy_kernels
from mixtura.kernels import reference
from mixtura.kernels.cpu import incomplete
from problems import (
    FAMILY_NAMES,
    LAYOUTS,
    assert_same_statistics,
    laid_out,
    random_mixture,
    random_rows,
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
def test_complete_rows_are_a_special_case(name: str) -> None:
    rng = np.random.default_rng(7)
    X, mixture = random_rows(rng, 200, 3, 4), random_mixture(rng, name, 3, 4)
    statistics = incomplete.expect(X, None, mixture)
    assert_same_statistics(statistics, reference.expect(X, None, mixture), 1e-12)


def test_many_missing_cells_of_wide_rows() -> None:
    # Of one such row alone, what varies in the missing cells is more than a tile may hold.
    rng, d = np.random.default_rng(8), 364
    mixture, X = random_mixture(rng, "tied", 1, d), rng.normal(size=(3, d))
    for row in X:
        row[rng.permutation(d)[: d // 2]] = np.nan
    statistics = incomplete.expect(X, None, mixture)
    assert_same_statistics(statistics, numpy_kernels.expect(X, None, mixture), 1e-11)
