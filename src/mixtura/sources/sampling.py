"""A few rows of a source that has no array of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.source import Source
from mixtura.model.families.base import FloatArray


def sample(
    source: Source, weighted: bool, n: int, rng: np.random.Generator
) -> tuple[Any, FloatArray | None]:
    """Return at most ``n`` distinct rows of positive weight, in order, and their weights.

    They are those that ``MemorySource.sample_rows`` draws.
    """
    before: dict[int, int] = {}
    total = source.n_rows
    if weighted:
        total = 0
        for start, count in sorted(source.map_parts(_positive)):
            before[start] = total
            total += count
    if n >= total:
        ranks = np.arange(total)
    else:  # as in memory, where drawing from a number leaves the order of draws alone
        ranks = np.sort(rng.choice(total, n, replace=False, shuffle=weighted))
    found = source.map_parts(partial(_picked, ranks, before if weighted else None))
    rows = np.concatenate([rows for rows, _ in found])
    weights = np.concatenate([weights for _, weights in found]) if weighted else None
    return rows, weights


def _positive(part: slice, rows: Any, weights: FloatArray | None) -> list[tuple[int, int]]:
    """Return where a block starts, and how many rows of positive weight it has."""
    assert weights is not None
    return [(part.start, int(np.count_nonzero(weights > 0)))]


def _picked(
    ranks: NDArray[np.intp],
    before: dict[int, int] | None,
    part: slice,
    rows: Any,
    weights: FloatArray | None,
) -> list[tuple[NDArray[Any], FloatArray | None]]:
    """Return the rows of a block whose rank among those that count is one of ``ranks``."""
    first = part.start if before is None else before[part.start]
    counting = np.arange(len(rows)) if weights is None else np.flatnonzero(weights > 0)
    low, high = np.searchsorted(ranks, (first, first + len(counting)))
    if low == high and part.start:  # the first block tells the shape
        return []
    numbers = counting[ranks[low:high] - first]
    return [(np.ascontiguousarray(rows[numbers]), None if weights is None else weights[numbers])]
