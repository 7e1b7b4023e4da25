"""Scores in registers: one chain of fused products each, whatever else is computed beside it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numba import types

from clusterings import score
from mixtura.kernels.cpu.compiled import compiled, input_type, output_type
from mixtura.kernels.cpu.kmeans import packed
from mixtura.kernels.cpu.scores import (
    ROWS,
    lanes,
    nearest_lane,
    other_lanes,
    scan_1,
    scan_2,
    scan_3,
    scores_1,
)

DTYPES = ("float64", "float32")


def computed(X, groups, offsets, numbers, out, tops, best, which, second):
    """Score a batch with each group alone, and scan it with 1, 2 and 3 groups at a time."""
    zero, lanes = np.uint64(0), groups.shape[2]
    at = np.empty(ROWS, np.uint64)
    for r in range(ROWS):
        at[r] = np.uint64(X.ctypes.data) + np.uint64(r * X.shape[1] * X.itemsize)
    for g in range(groups.shape[0]):
        scores_1(at, zero, groups, offsets, np.uint64(g), out, np.uint64(g * ROWS * lanes), tops)
    g = np.uint64(0)
    while g < groups.shape[0]:
        scan_1(at, zero, groups, offsets, numbers, g, best[0], which[0], second[0])
        g += np.uint64(1)
    g = np.uint64(0)
    while g < groups.shape[0]:
        scan_2(at, zero, groups, offsets, numbers, g, best[1], which[1], second[1])
        g += np.uint64(2)
    g = np.uint64(0)
    while g < groups.shape[0]:
        scan_3(at, zero, groups, offsets, numbers, g, best[2], which[2], None)
        g += np.uint64(3)


def reduced(values, numbers, second, own, out):
    """Reduce one vector: its largest, the number of that, and the largest of the others."""
    zero = np.uint64(0)
    out[0], out[1] = nearest_lane(values, numbers, zero, zero)
    out[2] = other_lanes(values, numbers, zero, zero, own, None)
    out[3] = other_lanes(values, numbers, zero, zero, own, second)


@cache
def code(function: Any, dtype: str) -> Any:
    """Return the machine code of one of the functions above."""
    number = getattr(types, dtype)
    if function is reduced:
        signature = [*3 * [input_type(1, number)], number, output_type(1, number)]
    else:
        signature = [input_type(2, number), input_type(3, number), *2 * [input_type(2, number)]]
        signature += [*2 * [output_type(1, number)], *3 * [output_type(2, number)]]
    return compiled(function, tuple(signature), "test")


def scored(dtype: str, d: int, k: int) -> dict[str, Any]:
    """Return a batch of rows, centres in whole numbers of six groups, and all that is computed."""
    rng, width = np.random.default_rng([d, k]), lanes(dtype)
    rows = (rng.normal(size=(ROWS, d)) + 3.0).astype(dtype)
    centres = (rng.normal(size=(k, d)) + 3.0).astype(dtype)
    centres[k // 2] = centres[0]  # scores that tie
    groups, offsets, numbers = packed(centres, np.arange(k), 6)
    assert len(groups) == 6
    out = np.empty((6, ROWS, width), dtype)
    tops = np.full(ROWS, -np.inf, dtype)
    best = np.full((3, ROWS * width), -np.inf, dtype)
    which, second = np.zeros_like(best), np.full_like(best, -np.inf)
    code(computed, dtype)(
        rows, groups, offsets, numbers, out.reshape(-1), tops, best, which, second
    )
    best, which, second = (array.reshape(3, ROWS, width) for array in (best, which, second))
    scores = np.moveaxis(out, 1, 0).reshape(ROWS, -1)
    return {
        "rows": rows, "centres": centres, "scores": scores, "tops": tops,
        "best": best, "which": which, "second": second, "numbers": numbers,
        "offsets": offsets,
    }  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_score_is_a_chain_of_fused_products(dtype: str, d: int) -> None:
    k = 4 * lanes(dtype) + 3
    found = scored(dtype, d, k)
    offsets = found["offsets"].ravel()[:k]
    exact = -0.5 * (found["centres"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(offsets, exact, rtol=2 * np.finfo(dtype).eps)
    pairs = list(zip(found["centres"], offsets, strict=True))
    wanted = [[score(row, *pair) for pair in pairs] for row in found["rows"]]
    np.testing.assert_array_equal(found["scores"][:, :k], wanted)
    np.testing.assert_array_equal(found["tops"], np.max(wanted, axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_that_are_left_over_never_win(dtype: str) -> None:
    found = scored(dtype, 3, 1)
    assert (found["scores"][:, 1:] == -np.inf).all()
    assert (found["scores"][:, :1] == found["best"][:, :, 0].T).all()
    assert not found["which"].any()
    assert (found["second"] == -np.inf).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_scans_keep_the_best_of_each_lane_whatever_is_scanned_together(dtype: str) -> None:
    found = scored(dtype, 3, 6 * lanes(dtype) - 1)
    by_lane = found["scores"].reshape(ROWS, 6, -1)
    first = by_lane.argmax(axis=1)  # of equal scores the first
    for variant in range(3):
        np.testing.assert_array_equal(found["best"][variant], by_lane.max(axis=1))
        which = np.take_along_axis(found["numbers"], first.reshape(-1, lanes(dtype)), axis=0)
        np.testing.assert_array_equal(found["which"][variant].ravel(), which.ravel())
    for variant in range(2):
        np.testing.assert_array_equal(found["second"][variant], np.sort(by_lane, axis=1)[:, -2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_equal_lanes_the_lower_number_wins(dtype: str) -> None:
    width = lanes(dtype)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        values, second = rng.integers(3, size=(2, width)).astype(dtype)
        numbers = rng.permutation(100)[:width].astype(dtype)
        own, out = numbers[seed % width], np.empty(4, dtype)
        code(reduced, dtype)(values, numbers, second, own, out)
        assert out[0] == values.max()
        assert out[1] == numbers[values == values.max()].min()
        assert out[2] == values[numbers != own].max()
        assert out[3] == np.where(numbers == own, second, values).max()
