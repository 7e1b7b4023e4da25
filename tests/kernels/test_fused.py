"""Fused multiply-adds with NumPy, against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.kernels.fused import halves, multiply_add, odd_sum, two_product, two_sum

FLOATS = st.floats(1e-30, 1e30).flatmap(lambda size: st.sampled_from([size, -size]))


def rounded(exact: Fraction, dtype: Any) -> Any:
    """Return the nearest number of a dtype, of two equally near the even one."""
    near = dtype(float(exact))
    candidates = [np.nextafter(near, dtype(-np.inf)), near, np.nextafter(near, dtype(np.inf))]
    apart = [abs(Fraction(float(each)) - exact) for each in candidates]
    nearest = [c for c, gap in zip(candidates, apart, strict=True) if gap == min(apart)]
    bits = np.int64 if dtype is np.float64 else np.int32
    return next((c for c in nearest if not dtype(c).view(bits) & 1), nearest[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(FLOATS, FLOATS, st.one_of(FLOATS, st.none()), st.integers(-3, 3))
def test_rounds_once(dtype: Any, a: float, b: float, c: float | None, ulps: int) -> None:
    x, y = dtype(a**0.5 if a > 0 else a), dtype(b**0.5 if b > 0 else b)
    if abs(float(x) * float(y)) > 1e30:
        x, y = dtype(np.sign(x)), dtype(y)
    z = dtype(-float(x) * float(y) if c is None else c)  # None: all but cancels
    for _ in range(abs(ulps)):
        z = np.nextafter(z, dtype(np.inf if ulps > 0 else -np.inf))
    result = multiply_add(*(np.array([each], dtype) for each in (x, y, z)))
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    assert result.dtype == dtype
    assert result[0] == rounded(exact, dtype)


@given(FLOATS, FLOATS)
def test_sums_and_products_lose_nothing(a: float, b: float) -> None:
    x, y = np.array([a]), np.array([b])
    total, rest = two_sum(x, y)
    assert Fraction(total[0]) + Fraction(rest[0]) == Fraction(a) + Fraction(b)
    product, rest = two_product(x, y)
    assert Fraction(product[0]) + Fraction(rest[0]) == Fraction(a) * Fraction(b)
    high, low = halves(x)
    assert high[0] + low[0] == a
    assert Fraction(float(np.float32(low[0] / high[0]))) < Fraction(1, 2**25)


def test_inexact_sums_end_in_an_odd_digit() -> None:
    a, b = np.array([1.0, 1.0, 1.0, 3.0]), np.array([2.0**-60, -(2.0**-60), 1.0, 2.0**-60])
    bits = odd_sum(a, b).view(np.int64) & 1
    assert bits.tolist() == [1, 1, 0, 1]
    assert odd_sum(a, b)[2] == 2.0
