"""Where rows are: in memory, in a table on disk (``open_table``), or in a Dask collection."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from mixtura._errors import InputError

#: Part of a table's budget that is read at a time.
CHUNK_SHARE = 16


def is_lazy(X: Any) -> bool:
    """Return whether rows are a Dask collection."""
    return type(X).__module__.partition(".")[0] in ("dask", "dask_expr")


def is_outside(X: Any) -> bool:
    """Return whether rows are not in memory; those on workers have a source of their own."""
    return any(callable(getattr(X, name, None)) for name in ("chunks", "as_source")) or is_lazy(X)


def loaded(X: Any, who: str) -> Any:
    """Return rows in memory, for what cannot do with less: a table on disk if it is small enough.

    ``who`` is what needs them.
    """
    if isinstance(X, str | os.PathLike):
        raise InputError(
            f"X is the path {os.fspath(X)!r}; open the table with mixtura.open_table, and pass it."
        )
    if not is_outside(X):
        return X
    if is_lazy(X):
        raise InputError(
            f"{who} needs its rows in memory, and X is a Dask collection: pass X.compute(). "
            "GaussianMixture and KMeans take it as it is."
        )
    needed = X.n_rows * X.n_features * np.dtype(X.dtype).itemsize
    if needed > X.memory:
        raise InputError(
            f"{who} needs its rows in memory, and {X.source} takes {needed:,} bytes, more than the "
            f"{X.memory:,} that open_table was given as memory=. Give it more, or fewer columns; "
            "GaussianMixture and KMeans take it as it is, and table.write(path, name=model.predict)"
            " predicts a part at a time."
        )
    if X.weight is not None:
        raise InputError(
            f"{who} takes no weights from a table: open it without weight={X.weight!r}, and pass "
            "them as sample_weight where there is one."
        )
    table = np.empty((X.n_rows, X.n_features), X.dtype)
    step = max(1, X.memory // CHUNK_SHARE * len(table) // max(1, needed))
    for number, (rows, _) in enumerate(X.chunks(step)):
        table[number * step : number * step + len(rows)] = rows
    return table
