"""Rows in memory with missing cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.sources.memory import MemorySource, drawn


class SortedSource(MemorySource):
    """A copy of the rows in an order that puts those side by side that miss the same columns.

    What is asked of every row comes back in the order of the table.

    Parameters
    ----------
    X : array (n, d)
        Rows in the table's order.
    sample_weight : ndarray (n,), optional
        Non-negative weights in the table's order.
    order : ndarray (n,)
        Numbers of the rows in the order to keep them in.
    n_patterns : int
        How many different sets of columns are missing in rows.
    **sizes : dict
        As ``MemorySource`` takes them.
    """

    def __init__(
        self,
        X: Any,
        sample_weight: FloatArray | None,
        order: NDArray[np.intp],
        n_patterns: int,
        **sizes: Any,
    ) -> None:
        weights = None if sample_weight is None else sample_weight[order]
        super().__init__(X[order], weights, **sizes)
        self._order = order
        self.n_patterns = n_patterns

    def map_rows(self, function: Callable[[Any], Any], out: Any) -> Any:
        """Fill ``out`` (n, ...) with ``function(rows)``, block by block, in the table's order."""
        out[self._order] = super().map_rows(function, np.empty_like(out))
        return out

    def arranged(self, values: Any) -> Any:
        """Return one value or row of values a row (n, ...) in the order of the source."""
        return values[self._order]

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` distinct rows of positive weight, in the table's order."""
        places = np.empty_like(self._order)
        places[self._order] = np.arange(len(places))
        own = self.sample_weight
        rows = drawn(self.n_rows, None if own is None else own[places], n, rng)
        chosen = places if rows is None else places[rows]
        return self.X[chosen], None if own is None else own[chosen]
