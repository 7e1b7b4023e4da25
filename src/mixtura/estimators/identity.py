"""What tells data from others: numbers of rows and columns, names, and digests of cells."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.source import Source
from mixtura.kernels.ratings import Ratings
from mixtura.model.families.base import FloatArray

#: Multipliers that spread bits (of splitmix64).
SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


def rows_in(source: Source, estimator: Any) -> dict[str, Any]:
    """Return what tells the rows of a source from others: digests do not depend on its blocks."""
    names = getattr(estimator, "feature_names_in_", None)
    cells, weights = source.map_parts(_sums).tolist()
    return {
        "rows": source.n_rows,
        "columns": source.n_features,
        "names of columns": None if names is None else ", ".join(map(str, names)),
        "weights": weights,
        "cells": cells,
    }


def ratings_in(ratings: Ratings) -> dict[str, Any]:
    """Return what tells ratings from others."""
    return {
        "ratings": len(ratings.values),
        "users": ratings.n_rows,
        "items": ratings.n_columns,
        "cells": digest(ratings.starts, ratings.columns, ratings.values),
    }


def _sums(part: slice, rows: Any, weights: FloatArray | None) -> NDArray[np.uint64]:
    """Return two sums of hashes: of the cells of a block, and of its weights."""
    rows = np.asarray(rows)
    state = np.arange(part.start, part.start + len(rows), dtype=np.uint64) + SPREAD[1]
    for column in rows.T:
        _mix(state, _bits(column))
    cells = state.sum()
    if weights is None:
        return np.array([cells, 0], dtype=np.uint64)
    _mix(state, _bits(weights))
    return np.array([cells, state.sum()], dtype=np.uint64)


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values).view(f"u{values.itemsize}")


def _mix(state: NDArray[np.uint64], bits: NDArray[Any]) -> None:
    state ^= bits
    state *= SPREAD[0]
    state ^= state >> np.uint64(32)


def digest(*arrays: NDArray[Any]) -> str:
    """Return a digest of arrays."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
