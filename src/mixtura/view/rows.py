"""The rows that pictures are about: checked, weighted, and in blocks that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.estimators.functional import checked_rows
from mixtura.estimators.validation import validated_weights
from mixtura.model.families.base import FloatArray

#: Numbers that a block may lead to, such as its responsibilities.
BLOCK = 4_000_000


def rows_of(X: Any) -> NDArray[Any]:
    """Return a table as rows (n, d) of float64 or float32, or raise naming what is wrong."""
    rows: NDArray[Any] = checked_rows(X, None)[0]
    return rows


def weights_of(sample_weight: ArrayLike | None, rows: NDArray[Any]) -> FloatArray:
    """Return the weight of each row (n,), 1 where none are given."""
    weights = validated_weights(sample_weight, rows[:, :1])
    return np.ones(len(rows)) if weights is None else weights


def blocks(X: Any, width: int) -> Iterator[slice]:
    """Yield slices of rows for each of which ``width`` numbers are made."""
    step = max(1, BLOCK // max(1, width))
    for start in range(0, len(X), step):
        yield slice(start, min(start + step, len(X)))
