"""The passes of k-means over a block of rows: nearest centres, and what they change in the sums.

All ways to find the nearest centre agree on what is compared, the *score* of a row x and a
centre c, ``x @ c - c @ c / 2`` in the dtype of the rows: the larger, the nearer. Of equal scores
the centre of lower number wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.kernels import NUMBA_WORK, choose
from mixtura.model.families.base import FloatArray

Labels = NDArray[np.int32]

ALGORITHMS = ("auto", "lloyd", "exponion", "yinyang")
#: Cost of a pass from which machine code pays for loading it, over the passes of a fit.
COMPILED_WORK = 1.5e5
#: Cost of a pass from which bounds may pay for themselves, and for loading or compiling their code.
BOUNDED_WORK = 1e6

#: Bytes of scores that the NumPy passes hold at a time.
SCORE_BYTES = 2**20
#: Centres farther from the origin than this many times their spread are compared about their
#: middle, by dtype: products of numbers far from the origin lose digits.
FAR = {np.dtype(np.float64): 32.0, np.dtype(np.float32): 2.0}


@dataclass(frozen=True, eq=False)
class Tally:
    """What one pass changes: sums (k, d) and weights (k,) of the clusters, their numbers of rows.

    ``moved`` counts the rows of positive weight that went to another cluster. Tallies add up.
    """

    sums: FloatArray
    weight: FloatArray
    rows: NDArray[np.int64]
    moved: int

    @classmethod
    def zeros(cls, k: int, d: int) -> Tally:
        """Return the tally of no rows."""
        return cls(np.zeros((k, d)), np.zeros(k), np.zeros(k, dtype=np.int64), 0)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.sums + other.sums,
            self.weight + other.weight,
            self.rows + other.rows,
            self.moved + other.moved,
        )


class Passes(Protocol):
    """Nearest centres for all rows of a table, kept from one pass to the next.

    ``labels`` (n,) are the numbers of the nearest centres, -1 before the first pass. Rows are
    taken about ``shift`` (d,), and so are the centres.
    """

    name: str
    shift: NDArray[Any]

    @property
    def labels(self) -> Labels:
        """Numbers (n,) of the nearest centres."""

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d), in the dtype of the rows."""

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of a block, the rows ``part``; return what that changes."""

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster, whose centre need not be the nearest."""

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances (b,) of the rows ``part`` from their labels' ``centres``."""

    def about(self, shift: NDArray[Any]) -> Passes:
        """Return passes over the same rows taken about ``shift``: these, if it is theirs."""


def shift_of(centres: NDArray[Any]) -> NDArray[Any]:
    """Return the point (d,) about which to compare rows with centres: mostly the origin."""
    middle = np.sort(centres, axis=0)[len(centres) // 2]  # an outlier among them does not matter
    lengths = np.sort(np.einsum("ij,ij->i", *2 * [centres - middle]))
    far = middle @ middle > FAR[centres.dtype] ** 2 * lengths[len(lengths) // 2]
    return middle if far else np.zeros_like(middle)


class NumPyPasses:
    """Every row is compared with every centre, by matrix products in small chunks."""

    name = "lloyd"

    def __init__(self, n_rows: int, shift: NDArray[Any]) -> None:
        self.labels: Labels = np.full(n_rows, -1, dtype=np.int32)
        self.shift = shift
        self._far = bool(shift.any())

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d)."""
        self.centres = centres - self.shift
        self.offsets = np.einsum("ij,ij->i", self.centres, self.centres) / 2

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster."""
        self.labels[row] = label

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances of the rows ``part`` from their centres."""
        labels, squares = self.labels[part], np.empty(len(rows))
        for chunk in chunks(len(rows), rows.shape[1]):
            difference = rows[chunk].astype(np.float64) - centres[labels[chunk]]
            np.einsum("ij,ij->i", difference, difference, out=squares[chunk])
        return squares

    def about(self, shift: NDArray[Any]) -> NumPyPasses:
        """Return passes over the same rows taken about ``shift``."""
        return self if (shift == self.shift).all() else NumPyPasses(len(self.labels), shift)

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        k, d = self.centres.shape
        tally = Tally.zeros(k, d)
        for chunk in chunks(len(rows), k):
            x = rows[chunk] - self.shift if self._far else rows[chunk]
            old = self.labels[part][chunk]
            new = (x @ self.centres.T - self.offsets).argmax(axis=1)
            moved = np.flatnonzero(new != old)
            w = np.ones(len(moved)) if weights is None else weights[chunk][moved]
            tally += change(x[moved].astype(np.float64), w, old[moved], new[moved], k)
            old[moved] = new[moved]
        return tally


def chunks(n: int, k: int) -> list[slice]:
    """Return ranges of rows whose scores (b, k) are small enough to stay near the processor."""
    step = max(1, SCORE_BYTES // (8 * k))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def change(x: FloatArray, w: FloatArray, old: Any, new: Any, k: int) -> Tally:
    """Return what rows (m, d) of weights (m,) that leave ``old`` for ``new`` change."""
    everyone = np.arange(len(x))
    known, counting = np.flatnonzero(old >= 0), w > 0
    entered = np.zeros((k, len(x)))
    entered[new, everyone] = w
    entered[old[known], known] = -w[known]
    came = np.bincount(new[counting], minlength=k)
    left = np.bincount(old[known][counting[known]], minlength=k)
    return Tally(entered @ x, entered.sum(axis=1), came - left, int(np.count_nonzero(counting)))


def work(n_rows: int, n_features: int, k: int) -> float:
    """Return the cost of one full pass, in about nanoseconds of one core in machine code."""
    return n_rows * (5.0 + k * (0.3 + 0.04 * n_features))


def passes_for(
    rows: Any, k: int, shift: NDArray[Any], *, algorithm: str = "auto", engine: str = "auto"
) -> Passes:
    """Return passes over rows (n, d) to find the nearest of ``k`` centres about ``shift``."""
    if algorithm not in ALGORITHMS:
        raise InputError(f"algorithm={algorithm!r} is not one of {', '.join(ALGORITHMS)}.")
    bounded = algorithm in ("exponion", "yinyang")
    if bounded and engine == "numpy":
        raise InputError(
            f"engine='numpy' cannot run algorithm={algorithm!r}; leave one of them at 'auto'."
        )
    cost = work(len(rows), rows.shape[1], k) * NUMBA_WORK / COMPILED_WORK
    if not choose("numba" if bounded else engine, rows, cost).compiled:
        return NumPyPasses(len(rows), shift)
    from mixtura.kernels.cpu import kmeans as cpu  # imports Numba

    if algorithm == "auto" and work(len(rows), rows.shape[1], k) >= BOUNDED_WORK:
        return cpu.Auto(len(rows), shift, k)
    kind = {
        "auto": cpu.Lloyd,
        "lloyd": cpu.Lloyd,
        "exponion": cpu.Exponion,
        "yinyang": cpu.Yinyang,
    }[algorithm]
    return kind(len(rows), shift)
