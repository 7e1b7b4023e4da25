"""Tables with missing cells: where they are, and the means of what is there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.source import Source
from mixtura.kernels.kmeans import has_holes
from mixtura.model.families.base import FloatArray


def is_incomplete(source: Source) -> bool:
    """Return whether a cell is missing."""
    return bool(source.map_reduce(lambda rows, weights: int(has_holes(rows))))


def column_means(source: Source) -> FloatArray:
    """Return the weighted means (d,) of the observed cells of each column; 0 where there are none.

    Far from the origin, too, this is as good as a start needs.
    """

    def sums(rows: Any, weights: FloatArray | None) -> FloatArray:
        w = np.ones(len(rows)) if weights is None else weights
        observed = ~np.isnan(rows)
        return np.stack([w @ np.where(observed, rows, 0.0), w @ observed])

    total, weight = source.map_reduce(sums)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), 0.0)


def completed(points: NDArray[Any], means: FloatArray) -> NDArray[Any]:
    """Return points (m, d) with the columns' ``means`` (d,) in place of what is missing."""
    return np.where(np.isnan(points), means, points).astype(points.dtype)
