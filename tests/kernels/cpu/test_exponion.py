"""Rings of groups: nothing farther than the ring can matter, and nothing farther is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.kernels.cpu.exponion import FEW_GROUPS, sort_groups
from mixtura.kernels.cpu.kmeans import Exponion, Lloyd
from mixtura.kernels.cpu.scores import ROWS, lanes


def counts(passes: Any) -> tuple[int, int]:
    """Return how many rows the last pass looked at, and how many runs of lanes it compared."""
    looked, compared = zip(*passes._spent, strict=True)
    return sum(looked), sum(compared)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_groups_far_away_are_not_compared(dtype: str) -> None:
    rng, groups = np.random.default_rng(0), 20
    middles = np.arange(groups)[:, None] * [[100.0, 0.0]]
    centres = (middles[:, None, :] + rng.normal(size=(groups, lanes(dtype), 2))).reshape(-1, 2)
    centres = centres.astype(dtype)
    rows = centres[np.repeat(np.arange(len(centres)), ROWS)]
    rows = (rows + rng.normal(size=rows.shape)).astype(dtype)
    passes = Exponion(len(rows), np.zeros(2, dtype))
    passes.aim(centres)
    passes.assign(slice(0, len(rows)), rows, None)
    before = passes.labels.copy()
    passes.aim(centres + np.array([3.0, -2.0], dtype))  # farther than any slack
    passes.assign(slice(0, len(rows)), rows, None)
    looked, compared = counts(passes)
    assert looked == len(rows)
    assert compared <= 2 * len(rows)  # batches that a cluster does not fill count as full
    assert (before != passes.labels).any()
    full = Lloyd(len(rows), np.zeros(2, dtype))
    full.aim(passes.centres)
    full.assign(slice(0, len(rows)), rows, None)
    assert np.array_equal(passes.labels, full.labels)


def test_of_equally_near_centres_in_several_groups_the_lowest_number_wins() -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(-3, 4, size=(60, 2)).astype(float)
    centres = points[rng.integers(60, size=30 * (FEW_GROUPS + 1))]  # several at each place
    rows = rng.integers(-8, 9, size=(300, 2)) / 2
    passes = Exponion(300, np.zeros(2))
    for move in (0.0, 0.5, 0.5, 1.0, -2.0):
        centres = centres + move * (np.arange(len(centres)) % 2)[:, None]
        passes.aim(centres)
        passes.assign(slice(0, 300), rows, None)
        apart = ((rows[:, None, :] - centres) ** 2).sum(axis=2)  # exact
        assert np.array_equal(passes.labels, apart.argmin(axis=1))


def test_groups_are_sorted_by_distance_with_the_own_first() -> None:
    rng = np.random.default_rng(2)
    home = np.array([0, 2, 1, 1, 2])
    gaps = rng.uniform(1, 2, size=(5, 3))
    gaps[np.arange(5), home] = 0.0
    gaps[3, 2] = gaps[3, 0] = 0.0  # a group may lie on the centre of another
    order, rings = np.tile(np.arange(3, dtype=np.int32), (5, 1)), np.empty((5, 3))
    for _ in range(2):  # once more from where it ended, with other distances
        sort_groups(gaps, home, order, rings)
        assert np.array_equal(order[:, 0], home)
        assert (np.sort(order, axis=1) == np.arange(3)).all()
        np.testing.assert_array_equal(rings, np.take_along_axis(gaps, order, axis=1))
        assert (np.diff(rings, axis=1) >= 0).all()
        gaps[gaps > 0] = rng.uniform(1, 2, size=(gaps > 0).sum())
