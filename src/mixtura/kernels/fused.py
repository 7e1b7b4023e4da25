"""Fused multiply-adds with NumPy, to the bit what processors do in one instruction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Multiplied by this, a double splits into two halves of its digits.
SPLITTER = 2.0**27 + 1.0


def multiply_add(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
    """Return a * b + c, rounded once, for arrays of one dtype, float32 or float64.

    The product and the sums are taken exactly, as two doubles each; what is left of the smaller
    ones is rounded to odd, which no later rounding mistakes for a tie. Boldo & Melquiond (2008),
    doi:10.1109/TC.2007.70819.
    """
    if a.dtype == np.float32:  # a double holds the product
        total: NDArray[Any] = odd_sum(a.astype(np.float64) * b, c.astype(np.float64))
        return total.astype(np.float32)
    high, low = two_product(a, b)
    sum_high, sum_low = two_sum(c, low)
    top, rest = two_sum(high, sum_high)
    result: NDArray[Any] = top + odd_sum(sum_low, rest)
    return result


def two_sum(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a + b rounded, and what rounding left out."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def two_product(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a * b rounded, and what rounding left out."""
    product = a * b
    a_high, a_low = halves(a)
    b_high, b_low = halves(b)
    rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, rest


def halves(a: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return two numbers of half the digits that sum to a."""
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def odd_sum(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return a + b, if it is not exact as the neighbour whose last digit is odd."""
    total, rest = two_sum(a, b)
    even = (total.view(np.int64) & 1) == 0
    towards = np.where(rest > 0, np.inf, -np.inf)
    odd: NDArray[Any] = np.where((rest != 0) & even, np.nextafter(total, towards), total)
    return odd
