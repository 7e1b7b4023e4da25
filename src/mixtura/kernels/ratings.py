"""Sums over the ratings of users and of items, the only passes over a rating matrix.

Tables about items (n_items, k) and users (n_users, k) are small beside the ratings; what a pass
needs of one is packed by row, in the order that the functions below name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixtura._errors import InputError
from mixtura.kernels import ENGINES
from mixtura.model.families.base import FloatArray

#: Ratings times components from which machine code pays for loading it, over the passes of a fit.
COMPILED_WORK = 5e6

#: Calls a function with each number below another, on however many threads.
Each = Callable[[Callable[[int], Any], int], None]


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings by row: those of row r have the numbers ``starts[r]`` to ``starts[r + 1]``.

    ``starts`` (n_rows + 1,) and ``columns`` (n,) are int64 and int32, ``values`` (n,) float64;
    columns rise within a row.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: FloatArray
    n_columns: int

    @classmethod
    def of(cls, rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> Ratings:
        """Return ratings given one by one, in any order, of different cells."""
        matrix = sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
        matrix.sort_indices()
        return cls._of(matrix, shape[1])

    @classmethod
    def _of(cls, matrix: Any, n_columns: int) -> Ratings:
        starts, columns = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
        return cls(starts, columns, matrix.data, n_columns)

    def matrix(self, values: FloatArray) -> Any:
        """Return the ratings with other values as a sparse matrix (n_rows, n_columns)."""
        cells = (values, self.columns, self.starts)
        return sparse.csr_array(cells, shape=(self.n_rows, self.n_columns))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.starts) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of ratings (n_rows,) of each row."""
        return np.diff(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Row (n,) of each rating."""
        return np.repeat(np.arange(self.n_rows), self.counts)

    def transposed(self) -> Ratings:
        """Return the same ratings by column."""
        return Ratings._of(self.matrix(self.values).tocsc(), self.n_rows)

    def scaled(self, mean: float, scale: float) -> Ratings:
        """Return ratings ``(r - mean) / scale``."""
        return Ratings(self.starts, self.columns, (self.values - mean) / scale, self.n_columns)


class UserSums(NamedTuple):
    """Sums (n_users, k) over each user's ratings x of items of precision w.

    ``weight`` is that of w, ``first`` of ``w (x - mean)``, ``second`` of
    ``w ((x - mean)**2 + spread)``, and ``log_weight`` of ``log(w)``.
    """

    weight: FloatArray
    first: FloatArray
    second: FloatArray
    log_weight: FloatArray


class ItemSums(NamedTuple):
    """Sums (n_items, k) over each item's ratings x by users of responsibility r.

    ``weight`` is that of ``r s`` for users of scale s, ``first`` of ``r s (x - effect)``,
    ``second`` of ``r s (x - effect)**2 + r v``, and ``support`` of r.
    """

    weight: FloatArray
    first: FloatArray
    second: FloatArray
    support: FloatArray


class Passes(Protocol):
    """The two passes over one matrix of ratings."""

    counts: NDArray[np.int64]  # ratings (n_users,) of each user

    def user_sums(self, means: FloatArray, precisions: FloatArray, spreads: FloatArray) -> UserSums:
        """Return the sums of all users, from tables (n_items, k) about the items."""

    def item_sums(
        self, resp: FloatArray, scales: FloatArray, effects: FloatArray, variances: FloatArray
    ) -> ItemSums:
        """Return the sums of all items, from tables (n_users, k) about the users."""


class NumPyPasses:
    """Sums as products of sparse matrices, with the squares multiplied out."""

    def __init__(self, ratings: Ratings) -> None:
        self.counts = ratings.counts
        self._powers = [ratings.matrix(ratings.values**power) for power in range(3)]

    def user_sums(self, means: FloatArray, precisions: FloatArray, spreads: FloatArray) -> UserSums:
        """Return the sums of all users."""
        ones, x, squares = self._powers
        w = precisions
        weight = ones @ w
        first = x @ w - ones @ (w * means)
        second = squares @ w - 2.0 * (x @ (w * means)) + ones @ (w * (means**2 + spreads))
        return UserSums(weight, first, second, ones @ np.log(w))

    def item_sums(
        self, resp: FloatArray, scales: FloatArray, effects: FloatArray, variances: FloatArray
    ) -> ItemSums:
        """Return the sums of all items."""
        ones, x, squares = (matrix.T for matrix in self._powers)
        w = resp * scales
        first = x @ w - ones @ (w * effects)
        second = squares @ w - 2.0 * (x @ (w * effects))
        second += ones @ (w * effects**2 + resp * variances)
        return ItemSums(ones @ w, first, second, ones @ resp)


def passes_for(ratings: Ratings, k: int, engine: str, each: Each) -> Passes:
    """Return the passes over ratings for ``k`` components; ``each`` runs blocks of rows."""
    if engine not in ENGINES:
        raise InputError(f"engine={engine!r} is not one of {', '.join(ENGINES)}.")
    if engine == "numpy" or (engine == "auto" and len(ratings.values) * k < COMPILED_WORK):
        return NumPyPasses(ratings)
    from mixtura.kernels.cpu.ratings import CompiledPasses  # imports Numba

    return CompiledPasses(ratings, each)
