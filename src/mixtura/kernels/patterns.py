"""Which columns are observed in which rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Rows of one pattern from which machine code works on their observed columns alone.
LONG = 32
#: Of fewer rows, those that miss at most one column in so many are completed one by one. Measured
#: with 10 to 100 columns, as was LONG.
FEW = 2


class Patterns(NamedTuple):
    """The patterns of missing cells in a table: how many rows (g,) miss how many columns (g,)."""

    rows: NDArray[np.intp]
    missing: NDArray[np.intp]


def grouped(observed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return an order (n,) that puts rows of one pattern side by side, and where each starts (g,).

    ``observed`` is (n, d). Rows of one pattern keep their order.
    """
    n = len(observed)
    packed = np.packbits(observed, axis=1)
    words = np.zeros((n, -(-packed.shape[1] // 2) * 2), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    keys = words.view(np.uint16)  # sorted by radix
    order = np.lexsort(keys.T)
    ordered = keys[order]
    starts = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    return order, np.concatenate([np.zeros(min(n, 1), dtype=np.intp), starts])


def patterns_of(rows: Any) -> tuple[NDArray[np.intp], Patterns]:
    """Return an order (n,) of rows (n, d) by what they miss (NaN), and their patterns."""
    observed = ~np.isnan(rows)
    order, starts = grouped(observed)
    lengths = np.diff(np.append(starts, len(rows)))
    return order, Patterns(lengths, np.count_nonzero(~observed[order[starts]], axis=1))


def pair_work(patterns: Patterns, n_features: int, complete: Any) -> float:
    """Return the cost of a pass for one component whose columns are correlated.

    ``complete`` gives that of a row and a component with all of so many columns. The unit is
    about a nanosecond, as in ``mixtura.kernels.work``.
    """
    n, m = patterns.rows.astype(np.float64), patterns.missing.astype(np.float64)
    o = n_features - m
    completed = n * (complete(n_features) + n_features * m * (1.6 + 0.7 * m))
    alone = np.ceil(n / 128.0) * 128.0 * complete(o) + o**3 + m * o**2 + 0.5 * m**2 * o
    few = (patterns.rows < LONG) & (FEW * m <= n_features)
    return float(np.where(few, completed, np.where(o > 0, alone, 0.0)).sum())
