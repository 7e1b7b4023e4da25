"""What the algorithms ask of rows, wherever they live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from mixtura.model.families.base import FloatArray

T = TypeVar("T")


class Source(Protocol):
    """Rows with weights; implementations live in ``mixtura.sources``."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def n_features(self) -> int:
        """Number of columns."""

    @property
    def weight(self) -> float:
        """Sum of the row weights."""

    def map_reduce(self, function: Callable[[Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(rows, weights)`` over fixed blocks, in a fixed order."""

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T]) -> T:
        """As ``map_reduce``, of ``function(part, rows, weights)``: the block and where it lies."""

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` rows of positive weight, in row order, and their weights."""


@dataclass(frozen=True, eq=False)
class OneBlock:
    """A few rows (n, d) with weights (n,), for what algorithms try on a sample."""

    rows: Any
    weights: FloatArray | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.rows.shape[1])

    @property
    def weight(self) -> float:
        """Sum of the row weights."""
        return float(self.n_rows if self.weights is None else self.weights.sum())

    def map_reduce(self, function: Callable[[Any, FloatArray | None], T]) -> T:
        """Return ``function(rows, weights)``."""
        return function(self.rows, self.weights)

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T]) -> T:
        """Return ``function(part, rows, weights)``."""
        return function(slice(0, len(self.rows)), self.rows, self.weights)

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return the rows, which are a sample already."""
        return self.rows, self.weights
