"""Where k-means starts: rows chosen as first centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray


def plus_plus(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return k row numbers by greedy k-means++: each the best of several draws.

    Rows are drawn with probability proportional to weight times squared distance to the nearest
    seed so far (Arthur & Vassilvitskii 2007); where none is apart, by weight alone.
    """
    trials = 2 + int(np.log(k))
    squares = squared_lengths(rows)
    seeds = [int(rng.choice(len(rows), p=weights / weights.sum()))]
    nearest = distances(rows, rows[seeds], squares)[:, 0]
    while len(seeds) < k:
        potential = np.cumsum(weights * nearest)
        if potential[-1] <= 0:
            seeds.append(int(rng.choice(len(rows), p=weights / weights.sum())))
            continue
        drawn = np.searchsorted(potential, rng.random(trials) * potential[-1], side="right")
        drawn = np.minimum(drawn, len(rows) - 1)
        candidates = np.minimum(distances(rows, rows[drawn], squares), nearest[:, None])
        best = int(np.argmin(weights @ candidates))
        seeds.append(int(drawn[best]))
        nearest = candidates[:, best]
    return np.array(seeds)


def squared_lengths(rows: FloatArray) -> FloatArray:
    """Return the squared Euclidean lengths (n,) of the rows."""
    lengths: FloatArray = np.einsum("ij,ij->i", rows, rows)
    return lengths


def distances(rows: FloatArray, centres: FloatArray, squares: FloatArray) -> FloatArray:
    """Return squared Euclidean distances (n, k)."""
    apart = rows @ (-2.0 * centres.T)
    apart += squares[:, None]
    apart += squared_lengths(centres)
    return np.maximum(apart, 0.0, out=apart)
