"""Bounds for groups: what they rule out is not compared, and what they say is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.kernels.cpu import kmeans, yinyang
from mixtura.kernels.cpu.kmeans import Lloyd, Yinyang, code, packed
from mixtura.kernels.cpu.scores import ROWS, lanes


def compared(passes: Any) -> int:
    """Return how many runs of lanes the last pass compared."""
    return sum(count for _, count in passes._spent)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("most", [64, 4])
def test_groups_that_are_ruled_out_are_not_compared(
    dtype: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kmeans, "MOST_GROUPS", most)  # fewer groups of more runs of lanes
    rng, groups = np.random.default_rng(0), 20
    middles = 100.0 * rng.normal(size=(groups, 9))
    centres = (middles[:, None, :] + rng.normal(size=(groups, lanes(dtype), 9))).reshape(-1, 9)
    centres = centres.astype(dtype)
    rows = (np.repeat(centres, ROWS, axis=0) + rng.normal(size=(len(centres) * ROWS, 9))).astype(
        dtype
    )
    passes, full = (kind(len(rows), np.zeros(9, dtype)) for kind in (Yinyang, Lloyd))
    passes.aim(centres)
    passes.assign(slice(0, len(rows)), rows, None)
    everything = compared(passes)
    assert everything >= groups * len(rows) // ROWS
    assert (passes.vectors > 1) == (most == 4)
    for _ in range(3):
        centres = centres + rng.normal(size=centres.shape).astype(dtype)
        passes.aim(centres)
        passes.assign(slice(0, len(rows)), rows, None)
        full.aim(centres)
        full.assign(slice(0, len(rows)), rows, None)
        assert np.array_equal(passes.labels, full.labels)
    assert 0 < compared(passes) < everything / 3


def test_of_equally_near_centres_in_several_groups_the_lowest_number_wins() -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(-3, 4, size=(60, 2)).astype(float)
    centres = points[rng.integers(60, size=100)]  # several at each place
    rows = rng.integers(-8, 9, size=(300, 2)) / 2
    passes = Yinyang(300, np.zeros(2))
    for move in (0.0, 0.5, 0.5, 1.0, -2.0):
        centres = centres + move * (np.arange(100) % 2)[:, None]
        passes.aim(centres)
        passes.assign(slice(0, 300), rows, None)
        apart = ((rows[:, None, :] - centres) ** 2).sum(axis=2)  # exact
        assert np.array_equal(passes.labels, apart.argmin(axis=1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("vectors", [1, 2])
def test_spacing_is_just_below_the_distance_to_each_other_group(dtype: str, vectors: int) -> None:
    rng, width = np.random.default_rng(2), vectors * lanes(dtype)
    k = 3 * width + 1
    centres, home = rng.normal(size=(k, 4)).astype(dtype), np.arange(k, dtype=np.int32) // width
    runs, offsets, _ = packed(centres, np.arange(k), vectors)
    gamma, gaps = 12 * float(np.finfo(dtype).eps) / 2, np.full((k, 4), np.nan)
    code("spacing", dtype)(centres, runs, offsets, home, vectors, gamma, gaps)
    wide = centres.astype(np.longdouble)
    apart = np.sqrt(((wide[:, None, :] - wide) ** 2).sum(axis=2))
    for g in range(4):
        nearest = apart[:, home == g].min(axis=1)
        nearest[home == g] = 0.0
        assert (gaps[:, g] <= nearest).all()
        np.testing.assert_allclose(gaps[:, g], nearest.astype(float), rtol=1e-3)


def test_a_row_is_as_near_to_others_as_its_centre_or_its_bounds_allow() -> None:
    bounds, falls = np.array([[5.0, 1.0, 9.0]], np.float32), np.array([1.0, 0.5, 7.0])
    gaps = np.array([[0.0, 4.0, 3.0]])
    # By the bounds 4, 0.5 and 2; by the gaps -1, 3 and 2.
    assert yinyang.closest.py_func(bounds, 0, falls, gaps, 0, 1.0) == 2.0
    assert yinyang.closest.py_func(bounds, 0, falls, gaps, 0, 2.0) == 2.0
    assert yinyang.closest.py_func(bounds, 0, falls, gaps, 0, 3.5) == 0.5
