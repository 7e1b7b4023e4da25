"""exp and log written out so that LLVM vectorises them; results within 2 units in the last place.

The rounding tricks below rely on the order of operations, so these functions are compiled
without ``reassoc``; the flags stay with their instructions when they are inlined.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

EXACT_ORDER = {"contract", "nsz"}

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # the leading 33 bits of ln 2: products with |n| < 2**20 are exact
_LN2_LOW = 1.9082149292705877e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer in the low bits
_EXPONENT_BIAS = 1023 << 52
_TWO_52 = 4503599627370496.0
_TWO_52_BITS = 0x4330000000000000
_MANTISSA = (1 << 52) - 1
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_LOWEST = -708.0


@intrinsic
def _as_int(typingctx: Any, value: Any) -> Any:  # pragma: no cover - runs in the compiler
    """Reinterpret the bits of a double as int64."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _as_double(typingctx: Any, value: Any) -> Any:  # pragma: no cover - runs in the compiler
    """Reinterpret the bits of an int64 as a double."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build


@njit(fastmath=EXACT_ORDER, error_model="numpy")
def exp(y):  # y <= 0 in; below -708 the result is 0
    """Return e**y by 2**n times a polynomial on |r| <= ln(2)/2 (Chebyshev nodes, degree 11)."""
    shifted = y * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    p = 2.5110049204818658e-08
    p = p * r + 2.763265472252779e-07
    p = p * r + 2.755724088722987e-06
    p = p * r + 2.4801485441561313e-05
    p = p * r + 0.00019841269890076403
    p = p * r + 0.0013888888952352863
    p = p * r + 0.008333333333319589
    p = p * r + 0.04166666666648795
    p = p * r + 0.1666666666666668
    p = p * r + 0.5000000000000019
    p = p * r + 1.0
    p = p * r + 1.0
    scale = _as_double((_as_int(shifted) << 52) + _EXPONENT_BIAS)
    return p * scale if y >= _LOWEST else 0.0


@njit(fastmath=EXACT_ORDER, error_model="numpy")
def log(x):  # a positive normal double in
    """Return ln(x) as n ln(2) plus the odd series of atanh on m in [sqrt(1/2), sqrt(2)]."""
    bits = _as_int(x)
    above = bits - _SQRT_HALF_BITS
    n = _as_double(((above >> 52) + 1024) | _TWO_52_BITS) - _TWO_52 - 1024.0
    m = _as_double((above & _MANTISSA) + _SQRT_HALF_BITS)
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    q = 0.07308903576708663
    q = q * s + 0.07665805861027504
    q = q * s + 0.09091446216268435
    q = q * s + 0.11111105544689748
    q = q * s + 0.14285714313126918
    q = q * s + 0.19999999999949444
    q = q * s + 0.3333333333333335
    return n * _LN2_HIGH + (2.0 * f + (2.0 * f * s * q + n * _LN2_LOW))
