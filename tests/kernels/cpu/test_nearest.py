"""Rows by address, and one full pass over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clusterings import score
from mixtura.kernels.cpu.kmeans import code, packed
from mixtura.kernels.cpu.nearest import COPIED, TILE, copy_for, locate, tile_rows
from mixtura.kernels.cpu.scores import ROWS
from problems import LAYOUTS, laid_out

DTYPES = ("float64", "float32")


def passed(
    rows: Any, shift: Any, centres: Any, labels: Any, weights: Any = None
) -> tuple[Any, Any, Any, tuple[int, int, int]]:
    """Take one pass; return what changes in sums, weights and numbers of rows, and the counts."""
    (k, d), dtype = centres.shape, str(rows.dtype)
    sums, mass, held = np.zeros((k, d)), np.zeros(k), np.zeros(k, np.int64)
    weights = np.empty(0) if weights is None else weights
    groups = packed(centres, np.arange(k))
    counts = code("lloyd", dtype)(rows, shift, *groups, labels, weights, sums, mass, held)
    return sums, mass, held, counts


@pytest.mark.parametrize("d", [1, 5, 128, 5000, 10**6])
def test_a_tile_is_some_batches_that_stay_near_the_core(d: int) -> None:
    rows = tile_rows.py_func(d)
    assert rows % ROWS == 0
    assert ROWS <= rows <= TILE
    assert rows == ROWS or rows * d <= COPIED


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_where_their_addresses_say(layout: str, shift: float) -> None:
    X = laid_out(np.arange(60.0).reshape(20, 3), layout)
    about = np.full(3, shift)
    copied = copy_for.py_func(X, about)
    assert len(copied) == (0 if shift == 0 and layout in ("C", "read-only") else tile_rows(3))
    at, picked = np.empty(ROWS, np.uint64), np.array([4, 2, 9])
    locate.py_func(X, 1, picked, 3, about, copied, at)
    assert (at[3:] == at[2]).all()  # a full batch
    base, data = (copied, copied.ctypes.data) if len(copied) else (X, X.ctypes.data)
    numbers = (at[:3].astype(np.int64) - data) // base.strides[0]
    found = base[numbers]
    np.testing.assert_array_equal(found, X[1 + picked] - shift)


@pytest.mark.parametrize("n", [1, ROWS - 1, ROWS, TILE, TILE + 3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 9, 40])
def test_a_pass_finds_the_best_score_of_lowest_number(n: int, dtype: str, k: int) -> None:
    rng = np.random.default_rng([n, k])
    kept = [0, n // 2, n - 1]
    rows, centres = (rng.integers(-2, 3, size=(m, 2)).astype(dtype) for m in (n, k))
    labels = np.full(n, -1, np.int32)
    moved = passed(rows, np.zeros(2, dtype), centres, labels)[3]
    assert moved[:2] == (n, n)
    for i in kept:
        scores = [score(rows[i], centre) for centre in centres]
        assert labels[i] == int(np.argmax(scores))  # whole numbers tie exactly


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 3, 200])
def test_what_moves_is_counted_where_it_leaves_and_where_it_comes(dtype: str, d: int) -> None:
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(600, d)).astype(dtype)
    weights = rng.integers(0, 3, size=600).astype(float)
    old = rng.integers(-1, 5, size=600).astype(np.int32)
    labels, shift = old.copy(), rows[7].copy()
    sums, mass, held, (moved, looked, compared) = passed(
        rows, shift, rows[:5] - shift, labels, weights
    )
    counted = (labels != old) & (weights > 0)
    assert moved == counted.sum() > 0
    assert (looked, compared) == (600, 600 // ROWS)
    hot = 1.0 * (labels[:, None] == np.arange(5)) - (old[:, None] == np.arange(5))
    hot *= counted[:, None]
    assert np.array_equal(held, hot.sum(axis=0))
    assert np.array_equal(mass, weights @ hot)
    wanted = (hot * weights[:, None]).T @ (rows - shift).astype(float)
    np.testing.assert_allclose(sums, wanted, atol=1e-11)


def test_a_second_pass_moves_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    labels = np.full(100, -1, np.int32)
    passed(rows, np.zeros(2), rows[:5], labels)
    sums, mass, held, (moved, _, _) = passed(rows, np.zeros(2), rows[:5], labels)
    assert moved == 0
    assert not any(array.any() for array in (sums, mass, held))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squares_of_a_few_rows(layout: str) -> None:
    rng = np.random.default_rng(1)
    rows, centres = rng.normal(size=(TILE + 5, 3)), rng.normal(size=(4, 3))
    labels, out = (np.arange(len(rows)) % 4).astype(np.int32), np.empty(len(rows))
    code("squares", "float64")(laid_out(rows, layout), centres, labels, out)
    np.testing.assert_allclose(out, ((rows - centres[labels]) ** 2).sum(axis=1), rtol=1e-14)
