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
from mixtura.kernels import ENGINES
from mixtura.kernels.fused import multiply_add
from mixtura.model.families.base import FloatArray

Labels = NDArray[np.int32]

ALGORITHMS = ("auto", "lloyd", "exponion", "yinyang")
#: Cost of a pass from which machine code pays for loading it, over the passes of a fit.
COMPILED_WORK = 5e4
#: A sum that was once larger by more than its inverse is counted anew: it has lost as many digits.
LOST = 1e-6
#: Cost of a pass from which bounds may pay for themselves, and for loading or compiling their code.
BOUNDED_WORK = 1e6

#: Bytes of scores that the NumPy passes hold at a time.
SCORE_BYTES = 2**20
#: Products of numbers that OpenBLAS takes one thread for; on small tables more only wait for
#: each other. No chunk is smaller than the rows.
SERIAL_PRODUCTS, LEAST_ROWS = 2**18, 64
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
        return type(self)(
            self.sums + other.sums,
            self.weight + other.weight,
            self.rows + other.rows,
            self.moved + other.moved,
        )

    def after(self, before: Tally) -> Tally:
        """Return what the change is that a pass makes of the tally before it."""
        return before + self

    def largest(self, other: Tally) -> Tally:
        """Return the larger of the sums and weights of two tallies, in absolute value."""
        sums = np.maximum(np.abs(self.sums), np.abs(other.sums))
        return Tally(sums, np.maximum(self.weight, other.weight), self.rows, self.moved)

    def has_lost_digits(self, most: Tally) -> bool:
        """Return whether rows have left that were so large that what they left is mostly rounding.

        ``most`` is the largest of the tallies that this one came from.
        """
        held = self.rows > 0
        sums, largest = (np.abs(each.sums).max(axis=1)[held] for each in (self, most))
        lost = (sums < LOST * largest) | (self.weight[held] < LOST * most.weight[held])
        return bool(lost.any())


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
    """Every row is compared with every centre, by matrix products in small chunks.

    These round in another way than the fused chains of machine code. Where that may matter, which
    of two centres is nearer is decided by such chains, so that both agree to the bit.
    """

    name = "lloyd"

    def __init__(self, n_rows: int, shift: NDArray[Any]) -> None:
        self.labels: Labels = np.full(n_rows, -1, dtype=np.int32)
        self.shift = shift
        self._far = bool(shift.any())

    def aim(self, centres: NDArray[Any]) -> None:
        """Take new centres (k, d)."""
        self.centres = centres - self.shift
        squares = squared_lengths(self.centres)
        self.offsets = (-0.5 * squares).astype(centres.dtype)
        self.lengths = np.sqrt(squares)
        # of sums of products in any order, twice over, as errors of two sums are compared
        self.gamma = float((centres.shape[1] + 8) * np.finfo(centres.dtype).eps)

    def place(self, row: int, label: int) -> None:
        """Put one row into a cluster."""
        self.labels[row] = label

    def apart(self, part: slice, rows: Any, centres: NDArray[Any]) -> FloatArray:
        """Return the squared distances of the rows ``part`` from their centres."""
        labels, squares = self.labels[part], np.empty(len(rows))
        for chunk in chunks(len(rows), rows.shape[1]):
            difference = rows[chunk].astype(np.float64) - centres[labels[chunk]]
            squares[chunk] = squared_lengths(difference)
        return squares

    def about(self, shift: NDArray[Any]) -> NumPyPasses:
        """Return passes over the same rows taken about ``shift``."""
        return self if (shift == self.shift).all() else NumPyPasses(len(self.labels), shift)

    def assign(self, part: slice, rows: Any, weights: FloatArray | None) -> Tally:
        """Update the labels of the rows ``part``."""
        k, d = self.centres.shape
        labels = self.labels[part]
        moved, found = [], []
        for chunk in chunks(len(rows), k, d):
            x = rows[chunk] - self.shift if self._far else rows[chunk]
            new = self._nearest(x)
            changed = np.flatnonzero(new != labels[chunk])
            moved.append(changed + chunk.start)
            found.append(new[changed])
        left, entered = np.concatenate(moved), np.concatenate(found)
        x = (rows[left] - self.shift).astype(np.float64)
        w = np.ones(len(left)) if weights is None else weights[left]
        tally = change(x, w, labels[left], entered, k)
        labels[left] = entered
        return tally

    def _nearest(self, x: NDArray[Any]) -> NDArray[np.intp]:
        """Return the numbers of the nearest centres of rows about ``shift``."""
        scores = x @ self.centres.T
        scores += self.offsets
        if len(self.centres) == 1:
            return np.zeros(len(x), dtype=np.intp)
        new = scores.argmax(axis=1)
        everyone = np.arange(len(x))
        top = scores[everyone, new]
        scores[everyone, new] = -np.inf
        lengths, longest = np.sqrt(squared_lengths(x)), self.lengths.max()
        error = 2.0 * self.gamma * longest * (lengths + longest)
        doubt = np.flatnonzero(top - scores.max(axis=1) <= error)
        if len(doubt):
            scores[doubt, new[doubt]] = top[doubt]
            new[doubt] = self._by_chains(x[doubt], scores[doubt], lengths[doubt])
        return new

    def _by_chains(
        self, x: NDArray[Any], scores: NDArray[Any], lengths: FloatArray
    ) -> NDArray[np.intp]:
        """Return the numbers of the nearest centres, from chains where ``scores`` do not tell."""
        error = self.gamma * self.lengths * (lengths[:, None] + self.lengths)
        least = (scores - error).max(axis=1)
        rows, candidates = np.nonzero(scores + error >= least[:, None])
        chain = self.offsets[candidates]
        for a, b in zip(x[rows].T, self.centres[candidates].T, strict=True):
            chain = multiply_add(a, b, chain)
        exact = np.full_like(scores, -np.inf)
        exact[rows, candidates] = chain
        return exact.argmax(axis=1)


def squared_lengths(rows: NDArray[Any]) -> FloatArray:
    """Return the squared Euclidean lengths (n,) of rows, in float64."""
    wide = rows.astype(np.float64, copy=False)
    squares: FloatArray = np.einsum("ij,ij->i", wide, wide)
    return squares


def chunks(n: int, k: int, d: int = 0) -> list[slice]:
    """Return ranges of rows whose scores (b, k) are small enough to stay near the processor.

    With ``d``, so are the products that make them, and BLAS does not spread them over threads.
    """
    step = max(1, SCORE_BYTES // (8 * k))
    if d:
        step = min(step, max(LEAST_ROWS, SERIAL_PRODUCTS // (k * d)))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def change(x: FloatArray, w: FloatArray, old: Any, new: Any, k: int) -> Tally:
    """Return what rows (m, d) of weights (m,) that leave ``old`` for ``new`` change.

    Sums are taken row by row, each entering before it leaves, as machine code does.
    """
    counting = w > 0
    entering = np.concatenate([x * w[:, None], w[:, None], counting[:, None]], axis=1)
    signed = np.stack([entering, -entering], axis=1)
    labels = np.stack([new, np.where(old < 0, k, old)], axis=1)
    width = x.shape[1] + 2
    places = labels[:, :, None] * width + np.arange(width)
    sums = np.bincount(places.ravel(), signed.ravel(), minlength=(k + 1) * width)
    added = sums.astype(np.float64, copy=False).reshape(k + 1, width)[:k]
    rows = added[:, -1].astype(np.int64)
    return Tally(added[:, :-2].copy(), added[:, -2].copy(), rows, int(np.count_nonzero(counting)))


def work(n_rows: int, n_features: int, k: int) -> float:
    """Return the cost of one full pass, in about nanoseconds of one core in machine code."""
    return n_rows * (5.0 + k * (0.3 + 0.04 * n_features))


def is_compiled(engine: str, n_rows: int, n_features: int, k: int) -> bool:
    """Return whether machine code is to pass over rows; "auto" looks at the work to be done."""
    if engine not in ENGINES:
        raise InputError(f"engine={engine!r} is not one of {', '.join(ENGINES)}.")
    enough = work(n_rows, n_features, k) >= COMPILED_WORK
    return engine == "numba" or (engine == "auto" and enough)


def has_holes(rows: Any) -> bool:
    """Return whether a cell of rows (n, d) is missing: NaN."""
    return bool(np.isnan(rows.min()))


def passes_for(
    rows: Any,
    k: int,
    shift: NDArray[Any],
    *,
    algorithm: str = "auto",
    engine: str = "auto",
    holes: bool | None = None,
) -> Passes:
    """Return passes over rows (n, d) to find the nearest of ``k`` centres about ``shift``.

    ``holes`` tells whether a cell is missing; None looks.
    """
    if algorithm not in ALGORITHMS:
        raise InputError(f"algorithm={algorithm!r} is not one of {', '.join(ALGORITHMS)}.")
    if engine == "numpy" and algorithm in ("exponion", "yinyang"):
        raise InputError(
            f"engine='numpy' cannot run algorithm={algorithm!r}; leave one of them at 'auto'."
        )
    if has_holes(rows) if holes is None else holes:
        return incomplete_passes(rows, k, shift, algorithm, engine)
    if not is_compiled(engine, len(rows), rows.shape[1], k):
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


def incomplete_passes(
    rows: Any, k: int, shift: NDArray[Any], algorithm: str, engine: str
) -> Passes:
    """Return passes over rows with missing cells."""
    if algorithm in ("exponion", "yinyang"):
        raise InputError(
            f"algorithm={algorithm!r} cannot run where cells are missing, as its bounds take "
            "complete rows; use 'auto' or 'lloyd'."
        )
    if not is_compiled(engine, len(rows), rows.shape[1], k):
        from mixtura.kernels.incomplete_kmeans import IncompletePasses  # which imports this module

        return IncompletePasses(len(rows), shift)
    from mixtura.kernels.cpu.incomplete_kmeans import CompiledIncompletePasses  # imports Numba

    return CompiledIncompletePasses(len(rows), shift)
