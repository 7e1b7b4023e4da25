"""Which columns are observed in which rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def grouped(observed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return an order (n,) that puts rows of one pattern side by side, and where each starts (g,).

    ``observed`` is (n, d). Rows of one pattern keep their order.
    """
    n = len(observed)
    packed = np.packbits(observed, axis=1)
    words = np.zeros((n, -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    keys = words.view(np.uint64)
    order = np.lexsort(keys.T)
    ordered = keys[order]
    starts = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    return order, np.concatenate([np.zeros(min(n, 1), dtype=np.intp), starts])


def count_patterns(rows: Any) -> int:
    """Return how many different sets of columns are observed in rows (n, d)."""
    return len(grouped(~np.isnan(rows))[1])
