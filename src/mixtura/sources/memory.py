"""Rows in memory."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.sources.threads import for_each

T = TypeVar("T")

#: Work of a block, in units of ``mixtura.kernels.work`` (about a nanosecond): enough to make
#: handing it to a thread cheap, few enough blocks to share a pass among many cores.
BLOCK_WORK = 5e5
BLOCK_ROWS = 2048  # with fewer, adding up the results would show beside computing them,
ADDING = 200.0  # unless that is at most a 200th of the work
MAX_BLOCKS = 64
#: Doubles that the partial results of a pass may hold together (32 MiB).
RESULT_DOUBLES = 4_194_304


class MemorySource:
    """An array of rows, split into blocks that depend on its shape alone.

    Parameters
    ----------
    X : array (n, d)
        Rows; any array-API namespace, any memory order.
    sample_weight : ndarray (n,), optional
        Non-negative weights.
    row_work : float
        Work per row and pass, in units of ``mixtura.kernels.work``.
    result_size : int
        Doubles in the result of one block.
    threads : int
        Threads to use; the results do not depend on it.
    """

    def __init__(
        self,
        X: Any,
        sample_weight: FloatArray | None = None,
        *,
        row_work: float,
        result_size: int,
        threads: int = 1,
    ) -> None:
        self.X = X
        self.sample_weight = sample_weight
        self.threads = threads
        self.work = row_work * self.n_rows
        self._weight = float(self.n_rows if sample_weight is None else sample_weight.sum())
        self._blocks = split(self.n_rows, row_work, result_size)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def weight(self) -> float:
        """Sum of the row weights."""
        return self._weight

    def with_threads(self, threads: int) -> MemorySource:
        """Return the same rows in the same blocks, to be passed over by ``threads`` threads."""
        other = copy(self)
        other.threads = threads
        return other

    def map_reduce(self, function: Callable[[Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(rows, weights)`` over blocks, in a tree by block number."""
        return self.map_parts(lambda _, rows, weights: function(rows, weights))

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(part, rows, weights)`` over the blocks ``part``."""
        blocks, weights = self._blocks, self.sample_weight
        results: list[Any] = [None] * len(blocks)

        def run(number: int) -> None:
            part = blocks[number]
            own = None if weights is None else weights[part]
            results[number] = function(part, self.X[part, :], own)

        for_each(run, len(blocks), self.threads)
        while len(results) > 1:
            pairs = zip(results[::2], results[1::2], strict=False)
            odd = results[-1:] if len(results) % 2 else []
            results = [left + right for left, right in pairs] + odd
        total: T = results[0]
        return total

    def map_rows(self, function: Callable[[Any], Any], out: Any) -> Any:
        """Fill ``out`` (n, ...) with ``function(rows)``, block by block."""
        blocks = self._blocks

        def run(number: int) -> None:
            out[blocks[number]] = function(self.X[blocks[number], :])

        for_each(run, len(blocks), self.threads)
        return out

    def arranged(self, values: Any) -> Any:
        """Return one value or row of values a row (n, ...) in the order of the source."""
        return values

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` distinct rows of positive weight, in order, and their weights."""
        weights = self.sample_weight
        rows = drawn(self.n_rows, weights, n, rng)
        if rows is None:
            return self.X, None
        return self.X[rows, :], None if weights is None else weights[rows]


def drawn(
    n_rows: int, weights: FloatArray | None, n: int, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    """Return the numbers of at most ``n`` rows that count, in order; None for all."""
    if weights is None and n >= n_rows:
        return None
    if weights is None:  # drawing from a number, not a list, costs nothing of size n_rows
        return np.sort(rng.choice(n_rows, n, replace=False, shuffle=False))
    rows = np.flatnonzero(weights > 0)
    return rows if n >= len(rows) else np.sort(rng.choice(rows, n, replace=False))


def split(n_rows: int, row_work: float, result_size: int) -> list[slice]:
    """Return row ranges of equal size that depend on nothing but these numbers."""
    least_rows = max(1, min(BLOCK_ROWS, int(np.ceil(ADDING * result_size / row_work))))
    most = min(MAX_BLOCKS, RESULT_DOUBLES // max(1, result_size), n_rows // least_rows)
    count = max(1, min(most, int(np.ceil(n_rows * row_work / BLOCK_WORK))))
    count = -(-count // 4) * 4 if count > 4 else count  # equal shares for 2 and 4 threads
    step = -(-n_rows // count)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
