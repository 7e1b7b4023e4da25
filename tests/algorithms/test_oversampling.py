"""k-means|| by passes: what is drawn does not depend on blocks, and is as good as in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from clusterings import InBlocks
from mixtura.algorithms.holes import column_means
from mixtura.algorithms.oversampling import Round, first, oversampled, uniforms
from mixtura.algorithms.seeding import seed
from mixtura.algorithms.source import OneBlock

CENTRES = np.random.default_rng(5).normal(size=(12, 3)) * 8.0


def blobs(n: int = 1200, dtype: Any = np.float64) -> Any:
    """Return rows about twelve centres."""
    rng = np.random.default_rng(6)
    return (rng.normal(size=(n, 3)) + CENTRES[rng.integers(12, size=n)]).astype(dtype)


def inertia(rows: Any, centres: Any) -> float:
    """Return the sum of squared distances from the nearest centres."""
    squares = ((rows[:, None] - centres[None]) ** 2).sum(axis=2)
    return float(squares.min(axis=1).sum())


def test_random_numbers_belong_to_rows() -> None:
    whole = uniforms((3, 1), slice(0, 50))
    for start, stop in ((0, 1), (1, 9), (4, 8), (7, 50), (50, 50)):
        assert uniforms((3, 1), slice(start, stop)).tolist() == whole[start:stop].tolist()
    assert not np.isin(uniforms((3, 2), slice(0, 50)), whole).any()
    assert 0.0 <= whole.min() <= whole.max() < 1.0


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_change_nothing(engine: str, missing: bool, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    rows, means = blobs(400, np.float32), None
    weights = rng.integers(0, 3, size=400).astype(float) if weighted else None
    if missing:
        rows[rng.random(rows.shape) < 0.2] = np.nan
        means = column_means(OneBlock(rows, weights))
    found = [
        oversampled(
            InBlocks(rows, weights, size), 6, np.random.default_rng(2), engine=engine, means=means
        )
        for size in (400, 61, 128, 128)
    ]
    assert found[0].shape == (6, 3)
    assert found[0].dtype == np.float32
    assert np.isfinite(found[0]).all()
    assert [each.tobytes() for each in found[1:]] == [found[0].tobytes()] * 3


def test_centres_are_as_good_as_those_in_memory() -> None:
    rows = blobs()
    ours, theirs = [], []
    for number in range(10):
        rng = np.random.default_rng(number)
        own = oversampled(InBlocks(rows, size=200), 12, rng, engine="numpy")
        rng = np.random.default_rng(number)
        other = seed(OneBlock(rows), 12, "k-means||", rng, engine="numpy")
        ours.append(inertia(rows, own))
        theirs.append(inertia(rows, other))
    assert np.median(ours) <= 1.05 * np.median(theirs)


def test_rows_are_drawn_by_weight_and_squared_distance() -> None:
    rows, weights = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([5.0, 4.0, 1.0, 0.0])
    drawn = np.zeros(4)
    for number in range(1000):
        of = Round(rows[:1], (number, 1), "numpy", None)
        (row,) = InBlocks(rows, weights, 3).map_parts(partial(of.drawn, 1)).carried[0]
        drawn[np.flatnonzero(rows[:, 0] == row[0])] += 1
    # Masses are 0, 4 * 1, 1 * 4 and 0: each of two rows 500 times, give or take 16.
    assert drawn[[0, 3]].tolist() == [0, 0]
    assert abs(drawn[1] - 500) < 64


def test_the_first_is_drawn_by_weight_among_rows_that_show_something() -> None:
    rows, weights = np.array([[np.nan], [1.0], [2.0]]), np.array([9.0, 3.0, 1.0])
    drawn = np.zeros(3)
    for number in range(1000):
        (row,) = (
            InBlocks(rows, weights, 2)
            .map_parts(partial(first, np.zeros(1), (number, 0)))
            .carried[0]
        )
        drawn[np.flatnonzero(rows[:, 0] == row[0])] += 1
    assert drawn[0] == 0
    assert abs(drawn[1] - 750) < 56  # 3 in 4 of 1000, give or take 14


def test_fewer_distinct_rows_than_centres() -> None:
    rows = np.repeat([[0.0], [4.0], [9.0]], 5, axis=0)
    centres = oversampled(InBlocks(rows, size=4), 5, np.random.default_rng(0))
    assert {*centres[:, 0]} == {0.0, 4.0, 9.0}
