"""k-means: Lloyd's iterations over any source of rows (docs/guide, equation 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.holes import column_means, completed
from mixtura.algorithms.loop import Ended, Progress, iterate
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


@dataclass(frozen=True, eq=False)
class Standing:
    """What an iteration goes on from: the centres (k, d), and the sums of the clusters.

    Labels are the numbers of the nearest of the centres ``before``, but for the rows ``placed`` in
    a cluster that had run empty. ``most`` is what sums and weights have been at most since they
    were counted. Rows are taken about ``shift`` (d,).
    """

    centres: NDArray[Any]
    shift: NDArray[Any]
    tally: Tally
    most: Tally
    before: NDArray[Any] | None = None
    placed: tuple[tuple[int, int], ...] = ()


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
    start: NDArray[Any] | Progress[Standing],
    passes: Passes,
    *,
    tol: float = 0.0,
    max_iter: int = 300,
    on_step: Callable[[NDArray[Any], list[float]], bool] | None = None,
    keep: Callable[[Progress[Standing]], Any] | None = None,
) -> Clustering:
    """Return what Lloyd's iterations reach from centres (k, d), or from where a run has got to.

    They end when no row changes its cluster, when the squared shifts of the centres sum to at
    most ``tol``, or after ``max_iter``. A cluster that runs empty takes the farthest row. Missing
    coordinates of the first centres are the columns' means. ``passes`` are new, and about the shift
    of the run, which ``keep`` is handed after every iteration.
    """
    begun = start if isinstance(start, Progress) else begin(source, start, passes.shift)
    relabel(source, passes, begun.state)
    settled = False

    def step(state: Standing) -> tuple[Standing, float]:
        nonlocal settled
        centres = state.centres
        passes.aim(centres)
        change = source.map_parts(passes.assign)
        tally, placed = filled(source, centres, passes, change.after(state.tally))
        most = tally.largest(state.most)
        settled = change.moved == len(placed) == 0
        if settled and tally.has_lost_digits(most):
            most = tally = recount(source, passes, len(centres))
            settled = bool((means(tally, centres, passes.shift) == centres).all())
        if settled:
            raise Ended(Status.CONVERGED)
        new = means(tally, centres, passes.shift)
        shifted = -float(np.sum((new.astype(np.float64) - centres) ** 2))
        return Standing(new, state.shift, tally, most, centres, placed), shifted

    def report(state: Standing, trace: list[float]) -> bool:
        return on_step is not None and on_step(state.centres, trace)

    how: Any = {"monotone": False, "on_step": report, "keep": keep, "begun": begun}
    run = iterate(step, begun.state, begun.values[-1], ShiftRule(tol), max_iter, **how)
    reached, n_iter = run.state.centres, len(run.values) - 1 + settled
    shift = shift_of(reached)
    if not settled or (shift != passes.shift).any():  # what predict will say of these centres
        passes = passes.about(shift)
        passes.aim(reached)
        source.map_parts(passes.assign)
    inertia = source.map_parts(partial(part_inertia, passes, reached))
    return Clustering(reached, passes.labels, inertia, n_iter, run.status)


def begin(source: Source, centres: NDArray[Any], shift: NDArray[Any]) -> Progress[Standing]:
    """Return the progress of a run that has its first centres."""
    if has_holes(centres):
        centres = completed(centres, column_means(source))
    nothing = Tally.zeros(*centres.shape)
    return Progress(Standing(centres, shift, nothing, nothing), (-np.inf,))


def relabel(source: Source, passes: Passes, state: Standing) -> None:
    """Give new passes the labels that a run had when it was in this state."""
    if state.before is None:
        return
    passes.aim(state.before)
    source.map_parts(passes.assign)
    for row, cluster in state.placed:
        passes.place(row, cluster)


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
) -> tuple[Tally, tuple[tuple[int, int], ...]]:
    """Give each empty cluster the farthest row that its own can spare; return which got which."""
    empty = np.flatnonzero(tally.rows == 0)
    if len(empty) == 0:
        return tally, ()
    spare = partial(farthest, len(empty), centres, passes, tally.rows)
    rows, placed = tally.rows.copy(), list[tuple[int, int]]()
    for row in source.map_parts(spare).numbers:
        donor = passes.labels[row]
        if rows[donor] > 1 and len(placed) < len(empty):
            rows[donor] -= 1
            placed.append((int(row), int(empty[len(placed)])))
            passes.place(*placed[-1])
    if not placed:
        return tally, ()
    # What is left of a sum without its farthest row has lost digits to that row.
    return recount(source, passes, len(centres)), tuple(placed)


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
