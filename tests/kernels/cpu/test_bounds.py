"""Bounds hold in exact arithmetic, whatever scores and lengths have lost to rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import types

from clusterings import score
from mixtura.kernels.cpu import bounds
from mixtura.kernels.cpu.compiled import compiled, input_type, output_type
from mixtura.kernels.reference import squared_distance

DTYPES = ("float64", "float32")


def bounded(scores, length, gamma, out):
    """Write lower and upper bounds of the distances that scores stand for."""
    for n in range(scores.shape[0]):
        out[0, n] = bounds.below(scores[n], length, gamma)
        out[1, n] = bounds.above(scores[n], length, gamma)


def apart(length, own, other, gamma, out):
    """Write the margin."""
    out[0] = bounds.margin(length, own, other, gamma)


def lowered(values, out):
    """Write numbers rounded down to float32."""
    for n in range(values.shape[0]):
        out[n] = bounds.rounded_down(values[n])


@cache
def code(function: Any) -> Any:
    """Return the machine code of one of the functions above, with the flags of the passes."""
    number = types.float64
    signature = {
        bounded: (input_type(1), number, number, output_type(2)),
        apart: (number, number, number, number, output_type(1)),
        lowered: (input_type(1), output_type(1, types.float32)),
    }[function]
    return compiled(function, signature, "test")


def gamma_of(d: int, dtype: str) -> float:
    """Return the relative error that passes reckon with."""
    return float((d + 8) * np.finfo(dtype).eps / 2)


def length_of(row: Any) -> float:
    """Return the squared length of a row as the passes compute it."""
    return float(row.astype(np.float64) @ row.astype(np.float64))


def checked(rows: Any, centres: Any) -> None:
    """Fail unless the bounds bracket all distances."""
    gamma, out = gamma_of(rows.shape[1], rows.dtype.name), np.empty((2, len(centres)))
    for row in rows:
        scores = np.array([float(score(row, centre)) for centre in centres])
        code(bounded)(scores, length_of(row), gamma, out)
        for centre, low, high in zip(centres, *out, strict=True):
            square = squared_distance(row, centre)
            assert 0 <= Fraction(low) ** 2 <= square <= Fraction(high) ** 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e3])
@pytest.mark.parametrize("scale", [1.0, 1e-20, 1e12])
def test_bounds_bracket_the_distance(dtype: str, d: int, spread: float, scale: float) -> None:
    rng = np.random.default_rng(d)
    rows = (rng.normal(size=(4, d)) * spread + 1.0) * scale  # far from the origin, and near it
    centres = (rng.normal(size=(6, d)) * spread + 1.0) * scale
    centres[0] = rows[0]
    centres[1] = rows[1] * (1.0 + 1e-7)
    rows[3] *= 1e3
    checked(rows.astype(dtype), centres.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounds_are_close(dtype: str) -> None:
    rng = np.random.default_rng(0)
    row, centres = rng.normal(size=5).astype(dtype), rng.normal(size=(9, 5)).astype(dtype)
    scores = np.array([float(score(row, centre)) for centre in centres])
    out = np.empty((2, 9))
    code(bounded)(scores, length_of(row), gamma_of(5, dtype), out)
    np.testing.assert_allclose(out[0], out[1], rtol=1e-3 if dtype == "float32" else 1e-12)


def test_no_centre_is_as_far_as_can_be() -> None:
    out = np.empty((2, 1))
    code(bounded)(np.array([-np.inf]), 1.0, 1e-15, out)
    assert out[0, 0] == bounds.MOST
    assert not out[1, 0] < np.inf


@given(
    dtype=st.sampled_from(DTYPES),
    d=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    offset=st.sampled_from([0.0, 1.0, 1e3]),
    nudge=st.integers(0, 40),
)
def test_beyond_the_margin_scores_agree(
    dtype: str, d: int, seed: int, offset: float, nudge: int
) -> None:
    rng = np.random.default_rng(seed)
    row = (rng.normal(size=d) + offset).astype(dtype)
    step = rng.normal(size=d) * 10.0 ** rng.integers(-3, 2)
    near = (row + step).astype(dtype)
    far = (row - step * (1.0 + nudge * np.finfo(dtype).eps)).astype(dtype)  # almost as far
    own, other = sorted(squared_distance(row, centre) for centre in (near, far))
    if squared_distance(row, near) > own:
        near, far = far, near
    out, gamma = np.empty(1), gamma_of(d, dtype)
    low, high = math.sqrt(other) * (1 - 1e-15), math.sqrt(own) * (1 + 1e-15)
    code(apart)(length_of(row), high, low, gamma, out)
    if low - high > out[0]:
        assert score(row, near) > score(row, far)


def test_the_margin_is_of_the_order_of_the_rounding() -> None:
    out, gamma = np.empty(1), gamma_of(3, "float32")
    code(apart)(1.0, 1.0, 1.1, gamma, out)
    assert 5 * gamma < out[0] < 50 * gamma


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_rounding_down_never_rounds_up(values: list[float]) -> None:
    given_, out = np.array(values), np.empty(len(values), np.float32)
    code(lowered)(given_, out)
    for value, low in zip(values, out, strict=True):
        assert low == -np.inf or Fraction(float(low)) <= Fraction(value)
        if 1e-30 < abs(value) < 1e30:
            assert low == pytest.approx(value, rel=3e-7)


def test_rounding_keeps_what_is_unknown() -> None:
    out = np.empty(3, np.float32)
    code(lowered)(np.array([np.nan, -np.inf, np.inf]), out)
    assert np.isnan(out[0])
    assert out[1] == -np.inf
    assert not out[2] > bounds.MOST  # a level may still exceed it


def test_slack_is_what_is_left_of_the_gap() -> None:
    top, other, length = (np.array([x]) for x in (0.5, 0.0, 1.0))  # 0 and 1 away
    slack, beyond = np.empty(1), np.array([np.inf])
    bounds.slacks.py_func(top, other, length, beyond, 1, 1e-16, slack)
    assert slack[0] == pytest.approx(1.0, abs=1e-6)
    beyond[0] = 0.25
    bounds.slacks.py_func(top, other, length, beyond, 1, 1e-16, slack)
    assert slack[0] == pytest.approx(0.25, abs=1e-6)


def test_rows_are_picked_once_their_slack_is_used_up() -> None:
    labels = np.array([0, 1, -1, 1, 0, 1])
    slack = np.array([2.0, 2.0, 9.0, 4.0, np.nan, -np.inf], np.float32)
    level, picked = np.array([1.0, 3.0]), np.empty(6, int)
    pick = bounds.pick.py_func
    assert pick(0, 6, 6, labels, slack, level, picked) == (4, 6)
    assert picked[:4].tolist() == [1, 2, 4, 5]
    assert pick(0, 6, 2, labels, slack, level, picked) == (2, 3)  # where to go on
    assert pick(3, 6, 2, labels, slack, level, picked) == (2, 6)
    assert picked[:2].tolist() == [4, 5]


def test_order_is_stable() -> None:
    keys, order = np.array([2, -1, 0, 2, 0, -1, 1]), np.empty(7, int)
    bounds.order_by.py_func(keys, 7, np.empty(4, int), order)
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()
