"""The compiled kernel against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import oracle
from mixtura.kernels import cpu
from problems import FAMILY_NAMES, LAYOUTS, laid_out

#: Single precision differs in how rows are loaded alone, so the unit lane compiles it for one.
DTYPES = [
    pytest.param("float64"),
    pytest.param("float32", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("shape", oracle.SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_shapes(name: str, dtype: str, shape: tuple[int, int, int]) -> None:
    oracle.check(cpu, name, shape, dtype)


@pytest.mark.parametrize("weights", oracle.WEIGHTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_weights(name: str, dtype: str, weights: str) -> None:
    oracle.check(cpu, name, dtype=dtype, weights=weights)


def as_laid_out(layout: str) -> Any:
    """Return a function that lays tables out and leaves weights as they are."""
    return lambda array: laid_out(array, layout) if array.ndim == 2 else array


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_layouts(name: str, dtype: str, layout: str) -> None:
    oracle.check(cpu, name, dtype=dtype, convert=as_laid_out(layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weights", oracle.WEIGHTS)
def test_single_precision_rows(layout: str, weights: str) -> None:
    oracle.check(cpu, "diag", dtype="float32", weights=weights, convert=as_laid_out(layout))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_hard_cases(name: str) -> None:
    oracle.check_hard_cases(cpu, name)


def test_weights_may_be_strided_and_read_only() -> None:
    X, sample_weight, mixture = oracle.case("full", oracle.TYPICAL, "float64", "zeros")
    assert sample_weight is not None
    wide = np.full(3 * len(X), np.nan)
    wide[::3] = sample_weight
    wide.flags.writeable = False
    actual = cpu.expect(X, wide[::3], mixture)
    assert actual.loglik == cpu.expect(X, sample_weight, mixture).loglik


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_same_call_gives_the_same_bits(name: str) -> None:
    X, sample_weight, mixture = oracle.case(name, oracle.TYPICAL, "float64", "fractional")
    one, two = (cpu.expect(X, sample_weight, mixture) for _ in range(2))
    assert one.loglik == two.loglik
    assert np.array_equal(one.first, two.first)
    assert np.array_equal(one.second, two.second)
