"""k-means as a start for mixtures: Lloyd's iterations from greedy k-means++ seeds.

Rows are (n, d) in memory, already scaled and centred; weights are (n,).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.loop import iterate
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.model.families.base import FloatArray

MAX_ITER = 300
#: Iterations after which runs from different seeds are compared; the best alone goes on.
TRIAL_ITER = 3


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres (k, d), the nearest centre of each row (n,) and the weighted sum of squares."""

    centres: FloatArray
    labels: NDArray[np.intp]
    inertia: float


def kmeans(
    rows: FloatArray,
    weights: FloatArray,
    k: int,
    rng: np.random.Generator,
    *,
    n_trials: int = 1,
    tol: float = 0.0,
) -> Clusters:
    """Return a local optimum of k-means, from the most promising of ``n_trials`` seedings."""
    tried = trials(rows, weights, k, rng, n_trials)
    best = min(tried, key=lambda clusters: clusters.inertia)
    return lloyd(rows, weights, best.centres, tol=tol)


def trials(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator, n: int
) -> Iterator[Clusters]:
    """Yield ``n`` clusterings, each from seeds of its own after a few iterations."""
    for _ in range(n):
        seeds = plus_plus(rows, weights, k, rng)
        yield lloyd(rows, weights, rows[seeds], max_iter=TRIAL_ITER)


def lloyd(
    rows: FloatArray,
    weights: FloatArray,
    centres: FloatArray,
    *,
    tol: float = 0.0,
    max_iter: int = MAX_ITER,
) -> Clusters:
    """Return what Lloyd's iterations reach from ``centres``, until one gains at most ``tol``.

    ``tol`` is relative to the sum of squares; at 0 they run until no row changes its cluster.
    """
    squares = squared_lengths(rows)

    def step(clusters: Clusters) -> tuple[Clusters, float]:
        new = assigned(rows, weights, updated(rows, weights, clusters), squares)
        return new, -new.inertia

    start = assigned(rows, weights, centres, squares)
    rule = StoppingRule(Stopping.RELATIVE, tol)
    return iterate(step, start, -start.inertia, rule, max_iter).state


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


def assigned(
    rows: FloatArray, weights: FloatArray, centres: FloatArray, squares: FloatArray
) -> Clusters:
    """Return the clusters of the rows around given centres."""
    apart = rows @ (-2.0 * centres.T)
    apart += squared_lengths(centres)
    labels = apart.argmin(axis=1)
    nearest = np.maximum(squares + apart[np.arange(len(rows)), labels], 0.0)
    return Clusters(centres, labels, float(weights @ nearest))


def updated(rows: FloatArray, weights: FloatArray, clusters: Clusters) -> FloatArray:
    """Return the means of the clusters; an empty one takes the farthest row not yet taken."""
    k = len(clusters.centres)
    members = np.zeros((len(rows), k))
    members[np.arange(len(rows)), clusters.labels] = weights
    support = members.sum(axis=0)
    empty = np.flatnonzero(support <= 0)
    centres: FloatArray = (members.T @ rows) / np.where(support > 0, support, 1.0)[:, None]
    if len(empty):
        own = np.sum((rows - clusters.centres[clusters.labels]) ** 2, axis=1)
        farthest = np.argsort(-own * (weights > 0), kind="stable")[: len(empty)]
        centres[empty] = rows[farthest[np.arange(len(empty)) % len(farthest)]]
    return centres


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
