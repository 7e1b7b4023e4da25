"""Lloyd's iterations by passes that keep nothing of a row, for tables that no memory holds.

From the same centres they reach what ``kmeans.cluster`` does (docs/guide, equation 13): every pass
finds the nearest centre of every row anew, and takes the sums of the clusters anew. What they hand
to a source can be pickled, and runs where the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.kmeans import (
    Clustering,
    ShiftRule,
    Standing,
    begin,
    counted,
    farthest,
    means,
    part_inertia,
)
from mixtura.algorithms.loop import Ended, Progress, iterate
from mixtura.algorithms.source import Source
from mixtura.algorithms.stopping import Status
from mixtura.kernels.kmeans import Labels, Passes, Tally, passes_for, shift_of
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class Settled(Clustering):
    """A clustering without labels, but with the numbers (k,) of the rows nearest to each centre.

    ``held`` are their weights (k, 1), or those of their cells (k, d) where some are missing.
    """

    rows: NDArray[np.int64]
    held: FloatArray


@dataclass(frozen=True, eq=False)
class Leading:
    """The ``most`` rows of largest keys, the largest first, of equals the first; what they carry.

    Every array of ``carried`` has an entry for each of them.
    """

    most: int
    keys: FloatArray
    carried: tuple[NDArray[Any], ...]

    def __add__(self, other: Leading) -> Leading:
        keys = np.concatenate([self.keys, other.keys])
        order = np.argsort(-keys, kind="stable")[: self.most]
        pairs = zip(self.carried, other.carried, strict=True)
        carried = tuple(np.concatenate(pair)[order] for pair in pairs)
        return Leading(self.most, keys[order], carried)


@dataclass(frozen=True, eq=False)
class Aim:
    """Centres (k, d) that rows are compared with about ``shift`` (d,), by an engine.

    ``holes`` tells whether a cell of any row is missing, as the sums of all blocks must be of one
    kind.
    """

    centres: NDArray[Any]
    shift: NDArray[Any]
    engine: str = "auto"
    holes: bool = False

    def passes(self, rows: Any, weights: FloatArray | None = None) -> tuple[Passes, Tally]:
        """Return passes over some rows that know the nearest centres, and their sums."""
        how: Any = {"algorithm": "lloyd", "engine": self.engine, "holes": self.holes}
        passes = passes_for(rows, len(self.centres), self.shift, **how)
        passes.aim(self.centres)
        return passes, passes.assign(slice(0, len(rows)), rows, weights)

    def labels(self, rows: Any) -> Labels:
        """Return the numbers (b,) of the nearest centres."""
        return self.passes(rows)[0].labels

    def tally(
        self, placed: Mapping[int, int], part: slice, rows: Any, weights: FloatArray | None
    ) -> Tally:
        """Return the sums of a block, with the rows ``placed`` in the clusters of these numbers."""
        passes, tally = self.passes(rows, weights)
        own = [row for row in placed if part.start <= row < part.stop]
        for row in own:
            passes.place(row - part.start, placed[row])
        block = slice(0, len(rows))
        return counted(passes, len(self.centres), block, rows, weights) if own else tally

    def spare(
        self,
        most: int,
        held: NDArray[np.int64],
        part: slice,
        rows: Any,
        weights: FloatArray | None,
    ) -> Leading:
        """Return the farthest rows of a block that their clusters can spare: numbers and labels."""
        passes, _ = self.passes(rows, weights)
        found = farthest(most, self.centres, passes, held, slice(0, len(rows)), rows, weights)
        carried = (found.numbers + part.start, passes.labels[found.numbers])
        return Leading(most, found.distances, carried)

    def outcome(self, rows: Any, weights: FloatArray | None) -> FloatArray:
        """Return the inertia of a block, and the numbers and weights of the clusters' rows."""
        passes, tally = self.passes(rows, weights)
        inertia = part_inertia(passes, self.centres, slice(0, len(rows)), rows, weights)
        counts = np.bincount(passes.labels, minlength=len(self.centres))
        return np.concatenate([[inertia], counts, tally.weight.ravel()])


def settle(
    source: Source,
    start: NDArray[Any] | Progress[Standing],
    *,
    engine: str = "auto",
    holes: bool = False,
    tol: float = 0.0,
    max_iter: int = 300,
    on_step: Callable[[NDArray[Any], list[float]], bool] | None = None,
    keep: Callable[[Progress[Standing]], Any] | None = None,
) -> Settled:
    """Return what Lloyd's iterations reach from centres (k, d), or from where a run has got to.

    They end when no centre moves, when the squared shifts of the centres sum to at most ``tol``,
    or after ``max_iter``. A cluster that runs empty takes the farthest row. ``keep`` is handed the
    run after every iteration.
    """
    begun = start if isinstance(start, Progress) else begin(source, start, shift_of(start))
    settled = False

    def step(state: Standing) -> tuple[Standing, float]:
        nonlocal settled
        tally, n_filled = filled(source, Aim(state.centres, state.shift, engine, holes))
        new = means(tally, state.centres, state.shift)
        settled = n_filled == 0 and bool((new == state.centres).all())
        if settled:
            raise Ended(Status.CONVERGED)
        shifted = -float(np.sum((new.astype(np.float64) - state.centres) ** 2))
        return replace(state, centres=new), shifted

    def report(state: Standing, trace: list[float]) -> bool:
        return on_step is not None and on_step(state.centres, trace)

    how: Any = {"monotone": False, "on_step": report, "keep": keep, "begun": begun}
    run = iterate(step, begun.state, begun.values[-1], ShiftRule(tol), max_iter, **how)
    reached, n_iter = run.state.centres, len(run.values) - 1 + settled
    end = Aim(reached, shift_of(reached), engine, holes)
    k, found = len(reached), source.map_reduce(end.outcome)
    rows, held = found[1 : 1 + k].astype(np.int64), found[1 + k :].reshape(k, -1)
    none = np.empty(0, dtype=np.int32)
    return Settled(reached, none, float(found[0]), n_iter, run.status, rows, held)


def filled(source: Source, aim: Aim) -> tuple[Tally, int]:
    """Return the sums of a pass, and how many empty clusters took the farthest row to spare."""
    tally = source.map_parts(partial(aim.tally, {}))
    empty = np.flatnonzero(tally.rows == 0)
    if len(empty) == 0:
        return tally, 0
    numbers, donors = source.map_parts(partial(aim.spare, len(empty), tally.rows)).carried
    rows, placed = tally.rows.copy(), dict[int, int]()
    for row, donor in zip(numbers.tolist(), donors, strict=True):
        if rows[donor] > 1:
            rows[donor] -= 1
            placed[row] = int(empty[len(placed)])
    if not placed:
        return tally, 0
    # What is left of a sum without its farthest row has lost digits to that row.
    return source.map_parts(partial(aim.tally, placed)), len(placed)
