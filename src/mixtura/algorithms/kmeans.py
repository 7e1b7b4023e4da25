"""k-means: Lloyd's iterations over any source of rows (docs/guide, equation 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.holes import column_means, completed
from mixtura.algorithms.loop import Ended, iterate
from mixtura.algorithms.source import Source
from mixtura.algorithms.stopping import Status
from mixtura.kernels.incomplete_kmeans import IncompletePasses
from mixtura.kernels.kmeans import Labels, Passes, Tally, change, has_holes, shift_of
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class Clustering:
    """Centres (k, d), the number of the nearest for each row (n,), and how they came about.

    ``inertia`` is the weighted sum of squared distances, in float64 whatever the rows.
    """

    centres: NDArray[Any]
    labels: Labels
    inertia: float
    n_iter: int
    status: Status


@dataclass(frozen=True)
class ShiftRule:
    """Ends a run once the centres' squared shifts, whose negative is traced, sum to ``tol``."""

    tol: float
    weight: float = 1.0

    def reached(self, trace: Sequence[float]) -> bool:
        """Return whether the last shift is small enough."""
        return -trace[-1] <= self.tol


def cluster(
    source: Source,
    centres: NDArray[Any],
    passes: Passes,
    *,
    tol: float = 0.0,
    max_iter: int = 300,
    on_step: Callable[[NDArray[Any], list[float]], bool] | None = None,
) -> Clustering:
    """Return what Lloyd's iterations reach from ``centres`` (k, d).

    They end when no row changes its cluster, when the squared shifts of the centres sum to at
    most ``tol``, or after ``max_iter``. A cluster that runs empty takes the farthest row. Missing
    coordinates of the first centres are the columns' means.
    """
    if has_holes(centres):
        centres = completed(centres, column_means(source))
    tally, settled = Tally.zeros(*centres.shape), False
    most = tally  # what the sums and weights have been at most since they were counted

    def step(centres: NDArray[Any]) -> tuple[NDArray[Any], float]:
        nonlocal tally, settled, most
        passes.aim(centres)
        change = source.map_parts(passes.assign)
        tally, n_filled = filled(source, centres, passes, change.after(tally))
        most = tally.largest(most)
        settled = change.moved == n_filled == 0
        if settled and tally.has_lost_digits(most):
            most = tally = recount(source, passes, len(centres))
            settled = bool((means(tally, centres, passes.shift) == centres).all())
        if settled:
            raise Ended(Status.CONVERGED)
        new = means(tally, centres, passes.shift)
        return new, -float(np.sum((new.astype(np.float64) - centres) ** 2))

    run = iterate(step, centres, -np.inf, ShiftRule(tol), max_iter, monotone=False, on_step=on_step)
    n_iter = len(run.values) - 1 + settled
    shift = shift_of(run.state)
    if not settled or (shift != passes.shift).any():  # what predict will say of these centres
        passes = passes.about(shift)
        passes.aim(run.state)
        source.map_parts(passes.assign)
    inertia = source.map_parts(partial(part_inertia, passes, run.state))
    return Clustering(run.state, passes.labels, inertia, n_iter, run.status)


def part_inertia(
    passes: Passes, centres: NDArray[Any], part: slice, rows: Any, weights: FloatArray | None
) -> float:
    """Return the weighted sum of squared distances of a block."""
    apart = passes.apart(part, rows, centres)
    return float(apart.sum() if weights is None else weights @ apart)


def means(tally: Tally, centres: NDArray[Any], shift: NDArray[Any]) -> NDArray[Any]:
    """Return the means of the clusters; one without rows keeps its centre.

    So does a coordinate that no row of the cluster has.
    """
    weight = tally.weight.reshape(len(centres), -1)  # of rows or of cells
    held = (tally.rows > 0)[:, None] & (weight > 0)  # rounding can take the weight of light rows
    new = tally.sums / np.where(held, weight, 1.0) + shift
    return np.where(held, new, centres).astype(centres.dtype)


def filled(
    source: Source, centres: NDArray[Any], passes: Passes, tally: Tally
) -> tuple[Tally, int]:
    """Give each empty cluster the farthest row that its own can spare; return how many got one."""
    empty = np.flatnonzero(tally.rows == 0)
    if len(empty) == 0:
        return tally, 0
    spare = partial(farthest, len(empty), centres, passes, tally.rows)
    rows, n_filled = tally.rows.copy(), 0
    for row in source.map_parts(spare).numbers:
        donor = passes.labels[row]
        if rows[donor] > 1 and n_filled < len(empty):
            rows[donor] -= 1
            passes.place(int(row), int(empty[n_filled]))
            n_filled += 1
    if n_filled == 0:
        return tally, 0
    # What is left of a sum without its farthest row has lost digits to that row.
    return recount(source, passes, len(centres)), n_filled


def recount(source: Source, passes: Passes, k: int) -> Tally:
    """Return the sums of the clusters from the labels alone."""
    return source.map_parts(partial(counted, passes, k))


def counted(passes: Passes, k: int, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
    """Return the sums of a block by its labels."""
    if isinstance(passes, IncompletePasses):
        return passes.count(part, rows, weights)
    x = (rows - passes.shift).astype(np.float64)
    w = np.ones(len(x)) if weights is None else weights
    return change(x, w, np.full(len(x), -1), passes.labels[part], k)


@dataclass(frozen=True, eq=False)
class Farthest:
    """The ``most`` rows farthest from their centres, the farthest first; of equals the first."""

    most: int
    distances: FloatArray
    numbers: NDArray[np.intp]

    def __add__(self, other: Farthest) -> Farthest:
        both = [
            np.concatenate([getattr(each, name) for each in (self, other)])
            for name in ("distances", "numbers")
        ]
        order = np.argsort(-both[0], kind="stable")[: self.most]
        return Farthest(self.most, *(array[order] for array in both))


def farthest(
    most: int,
    centres: NDArray[Any],
    passes: Passes,
    held: NDArray[np.int64],
    part: slice,
    rows: Any,
    weights: FloatArray | None,
) -> Farthest:
    """Return the farthest rows of a block that count, are apart and do not sit alone."""
    apart = passes.apart(part, rows, centres)
    spare = (held[passes.labels[part]] > 1) & (apart > 0)
    if weights is not None:
        spare &= weights > 0
    candidates = np.flatnonzero(spare)
    order = candidates[np.argsort(-apart[candidates], kind="stable")[:most]]
    return Farthest(most, apart[order], order + part.start)
