"""Machine code for the passes over a rating matrix: one row of ratings after another.

The table about the other side has one packed row (4, k) per column, so that what a rating needs
lies together. Every row's sums are its own, added in the order of its ratings, so that they do
not depend on blocks or threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from mixtura.kernels.cpu.compiled import compiled, input_type, once, output_type
from mixtura.kernels.ratings import Each, ItemSums, Ratings, UserSums
from mixtura.model.families.base import FloatArray

#: Ratings of a block that a thread works on.
BLOCK_RATINGS = 32_768


class CompiledPasses:
    """Sums by machine code, over the ratings by user and again by item."""

    def __init__(self, ratings: Ratings, each: Each) -> None:
        self.counts = ratings.counts
        self._users, self._items, self._each = ratings, ratings.transposed(), each

    def user_sums(self, means: FloatArray, precisions: FloatArray, spreads: FloatArray) -> UserSums:
        """Return the sums of all users."""
        w = precisions
        table = np.stack([means, w, w * spreads, np.log(w)], axis=1)
        return UserSums(*self._run(self._users, table))

    def item_sums(
        self, resp: FloatArray, scales: FloatArray, effects: FloatArray, variances: FloatArray
    ) -> ItemSums:
        """Return the sums of all items."""
        table = np.stack([effects, resp * scales, resp * variances, resp], axis=1)
        return ItemSums(*self._run(self._items, table))

    def _run(self, ratings: Ratings, table: FloatArray) -> FloatArray:
        out = np.zeros((4, ratings.n_rows, table.shape[2]))
        function, starts = code(), ratings.starts
        n_blocks = max(1, len(ratings.values) // BLOCK_RATINGS)
        edges = np.searchsorted(starts, np.linspace(0, starts[-1], n_blocks + 1)[1:-1])
        edges = np.concatenate([[0], edges, [ratings.n_rows]])

        def one(block: int) -> None:
            first, last = edges[block], edges[block + 1]
            function(starts, ratings.columns, ratings.values, table, first, last, out)

        self._each(one, n_blocks)
        return out


def row_sums(starts, columns, values, table, first, last, out):
    """Add up the ratings of the rows from ``first`` to before ``last``.

    ``table`` (n_columns, 4, k) holds, for each column, what to take from a rating x, the weight
    of the squares, what to add to them, and what to add up by itself. ``out`` (4, n_rows, k) gets
    the sums of the weight, of the weighted differences and squares, and of the last.
    """
    k = table.shape[2]
    for row in range(first, last):
        weight, one, two, other = out[0, row], out[1, row], out[2, row], out[3, row]
        for place in range(starts[row], starts[row + 1]):
            x, about = values[place], table[columns[place]]
            for j in range(k):  # two loops: in one, LLVM gives up on telling the arrays apart
                difference = x - about[0, j]
                weighted = about[1, j] * difference
                one[j] += weighted
                two[j] += weighted * difference + about[2, j]
            for j in range(k):
                weight[j] += about[1, j]
                other[j] += about[3, j]


@once
def code() -> Callable[..., Any]:
    """Return the machine code of ``row_sums``."""
    integer = types.int64
    ratings = (input_type(1, integer), input_type(1, types.int32), input_type(1))
    signature = (*ratings, input_type(3), integer, integer, output_type(3))
    return compiled(row_sums, signature, "kernel for ratings")
