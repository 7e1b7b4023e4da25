"""How far every row is from its nearest seed, and what further seeds would take off that.

Distances are sums of squared differences, never differences of products, so that they are as
precise far from the origin as near it, and zero between equal rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.kmeans import Labels, chunks, is_compiled
from mixtura.model.families.base import FloatArray

#: Pairs of a candidate and a row nearer to it than to any seed that are noted, 18 bytes each.
MOST_NOTES = 2**20
#: The rows that are nearer to one candidate than to any seed, and what their masses would be.
Notes = tuple[NDArray[np.int64], FloatArray]


class Nearest:
    """The nearest seed of every row of a table, by NumPy.

    ``mass`` (n,) is weight times squared distance to the nearest seed, whose number is in
    ``labels`` (n,). It begins as infinite, but zero for rows without weight, which stay without
    a seed. ``seeds`` (most, d) has room for as many as are to come. Where ``means`` (d,) are given,
    cells of rows may be missing, and distances are over the others: seeds are completed by them.
    """

    def __init__(
        self, mass: FloatArray, seeds: NDArray[Any], means: FloatArray | None = None
    ) -> None:
        self.mass, self.seeds, self.n_seeds, self.means = mass, seeds, 0, means
        self.labels: Labels = np.full(len(mass), -1, dtype=np.int32)

    def aim(self, candidates: NDArray[Any]) -> None:
        """Take candidates (m, d) to become seeds."""
        self.candidates = candidates
        self._found: dict[int, tuple[Any, Any, Any] | None] = {}

    def gains(self, part: slice, rows: Any, weights: FloatArray | None) -> FloatArray:
        """Return by how much each candidate alone would lower the mass of a block."""
        gains, found = np.zeros(len(self.candidates)), []
        for chunk in chunks(len(rows), rows.shape[1]):
            mass = self.mass[part][chunk]
            new = self._masses(rows, weights, chunk)
            candidates, nearer = np.nonzero(new < mass)
            new = new[candidates, nearer]
            gains += np.bincount(candidates, mass[nearer] - new, len(gains))
            found.append((nearer + (part.start + chunk.start), candidates, new))
        begin, end = self._room(part)
        fits = sum(len(rows) for rows, _, _ in found) <= end - begin
        self._found[part.start] = joined(found) if fits else None
        return gains

    def notes(self) -> list[Notes] | None:
        """Return what ``gains`` found for each candidate; None where there was no room for all."""
        found = [self._found[start] for start in sorted(self._found)]
        complete = [each for each in found if each is not None]
        if len(complete) < len(found):
            return None
        rows, candidates, masses = joined(complete)
        order = np.argsort(candidates, kind="stable")
        ends = np.cumsum(np.bincount(candidates, minlength=len(self.candidates)))[:-1]
        return list(zip(np.split(rows[order], ends), np.split(masses[order], ends), strict=True))

    def join(self, part: slice, rows: Any, weights: FloatArray | None) -> int:
        """Make the candidates seeds of the rows of a block; ``seat`` them after the last."""
        for chunk in chunks(len(rows), rows.shape[1]):
            new = self._masses(rows, weights, chunk)
            nearest = new.argmin(axis=0)
            new = new[nearest, np.arange(len(nearest))]
            nearer = new < self.mass[part][chunk]
            self.mass[part][chunk][nearer] = new[nearer]
            self.labels[part][chunk][nearer] = self.n_seeds + nearest[nearer]
        return 0

    def take(self, candidate: NDArray[Any], notes: Notes) -> None:
        """Make a candidate (d,) the seed of the rows that are noted as nearer to it."""
        rows, masses = notes
        nearer = masses < self.mass[rows]
        self.mass[rows[nearer]] = masses[nearer]
        self.labels[rows[nearer]] = self.n_seeds
        self.seat(candidate[None])

    def seat(self, seeds: NDArray[Any]) -> None:
        """Number new seeds (m, d)."""
        self.seeds[self.n_seeds : self.n_seeds + len(seeds)] = seeds
        self.n_seeds += len(seeds)

    def _masses(self, rows: Any, weights: FloatArray | None, chunk: slice) -> FloatArray:
        """Return the masses (m, b) that a chunk of rows would have with each candidate alone."""
        columns = np.ascontiguousarray(rows[chunk].T, dtype=np.float64)
        apart = np.empty_like(columns)
        new = np.empty((len(self.candidates), columns.shape[1]))
        with np.errstate(over="ignore"):
            for candidate, out in zip(self.candidates, new, strict=True):
                np.subtract(columns, candidate[:, None], out=apart)
                np.square(apart, out=apart)
                if self.means is not None:
                    np.fmax(apart, 0.0, out=apart)  # of NaN and 0 that is 0
                np.add.reduce(apart, axis=0, out=out)
        return new if weights is None else np.where(weights[chunk] > 0, weights[chunk] * new, 0.0)

    def _room(self, part: slice) -> tuple[int, int]:
        """Return the range of the notes that is the block's."""
        n = len(self.mass)
        total = min(MOST_NOTES, n * len(self.candidates))
        return part.start * total // n, part.stop * total // n


def joined(found: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """Return the three arrays of all entries, one after another."""
    rows, candidates, masses = zip(*found, strict=True)
    return np.concatenate(rows), np.concatenate(candidates), np.concatenate(masses)


def nearest_for(
    mass: FloatArray, seeds: NDArray[Any], engine: str, means: FloatArray | None = None
) -> Nearest:
    """Return what finds seeds (k, d) by an engine; "auto" looks at the work to be done.

    ``means`` are those of the columns where cells of rows are missing.
    """
    if not is_compiled(engine, len(mass), seeds.shape[1], len(seeds)):
        return Nearest(mass, seeds, means)
    from mixtura.kernels.cpu.seeding import CompiledNearest  # imports Numba

    return CompiledNearest(mass, seeds, means)
