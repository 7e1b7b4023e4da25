"""What the algorithms ask of rows, wherever they live."""

from __future__ import annotations

from collections.abc import Callable
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

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` rows of positive weight, in row order, and their weights."""
