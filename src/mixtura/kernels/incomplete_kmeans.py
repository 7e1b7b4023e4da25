"""k-means where cells are missing: distances and sums over observed cells (equation 21).

Squared distances are summed column by column in the dtype of the rows, each product and sum
rounded, so that NumPy and machine code agree to the bit. Differences lose no digits far from the
origin: only sums are taken about ``shift``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.kmeans import Labels, Tally, chunks
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class CellTally(Tally):
    """The sums of a whole pass: ``weight`` (k, d) is that of the observed cells.

    Taken anew in each pass, they lose no digits, and a coordinate that no row has weighs exactly
    nothing. ``rows`` are those of positive weight in which a cell is observed.
    """

    def after(self, before: Tally) -> Tally:
        """Return this tally, whatever was before."""
        return self

    def largest(self, other: Tally) -> Tally:
        """Return this tally: no other one led to it."""
        return self

    def has_lost_digits(self, most: Tally) -> bool:
        """Return that none left."""
        return False


class IncompletePasses:
    """Every row is compared with every centre over its observed cells, by NumPy.

    A row in which everything is missing is as near to all centres, and counts for nothing.
    """

    name = "lloyd"

    def __init__(self, n_rows: int, shift: NDArray[Any]) -> None:
        self.labels: Labels = np.full(n_rows, -1, dtype=np.int32)
        self.shift = shift

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d)."""
        self.centres = centres

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster."""
        self.labels[row] = label

    def about(self, shift: NDArray[Any]) -> IncompletePasses:
        """Return passes over the same rows, with sums about ``shift``."""
        return self if (shift == self.shift).all() else type(self)(len(self.labels), shift)

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances (b,) of the rows ``part`` from their centres."""
        labels, squares = self.labels[part], np.empty(len(rows))
        for chunk in chunks(len(rows), rows.shape[1]):
            difference = rows[chunk].astype(np.float64) - centres[labels[chunk]]
            np.fmax(np.square(difference, out=difference), 0.0, out=difference)
            squares[chunk] = difference.sum(axis=1)
        return squares

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        old = self.labels[part].copy()
        for chunk in chunks(len(rows), len(self.centres)):
            squares = observed_squares(rows[chunk].T, self.centres)
            self.labels[part][chunk] = squares.argmin(axis=0)
        moved = self.labels[part] != old
        if weights is not None:
            moved &= weights > 0
        return replace(self.count(part, rows, weights), moved=int(np.count_nonzero(moved)))

    def count(self, part: slice, rows: Any, weights: FloatArray | None) -> CellTally:
        """Return the sums of the rows ``part`` by their labels, row after row."""
        labels, (k, d) = self.labels[part], self.centres.shape
        w = np.ones(len(rows)) if weights is None else weights
        sums, weight = np.empty((k, d)), np.empty((k, d))
        counting = np.zeros(len(rows), dtype=bool)
        for column, middle in enumerate(self.shift.astype(np.float64)):
            x = rows[:, column].astype(np.float64) - middle
            observed = ~np.isnan(x)
            x[~observed] = 0.0
            sums[:, column] = np.bincount(labels, w * x, k)
            weight[:, column] = np.bincount(labels, w * observed, k)
            counting |= observed
        held = np.bincount(labels[counting & (w > 0)], minlength=k)
        return CellTally(sums, weight, held.astype(np.int64), 0)


def observed_squares(columns: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return the squared distances (m, b) of points (m, d) from rows over their observed cells.

    The rows come as columns (d, b).
    """
    total = np.zeros((len(points), columns.shape[1]), columns.dtype)
    with np.errstate(over="ignore"):
        for column, coordinates in zip(columns, points.T, strict=True):
            apart = column - coordinates[:, None]
            np.square(apart, out=apart)
            total += np.fmax(apart, 0.0, out=apart)  # of NaN and 0 that is 0
    return total
