"""What fitted estimators say of the rows of Dask collections, computed where these are."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from mixtura.sources import partitions
from mixtura.sources.threads import on_one_thread

#: Attributes that may be as large as the table, or hold what it is not to be sent along with.
LEFT_BEHIND = ("labels_", "snapshots_", "snapshot_lower_bounds_", "feature_names_in_")
#: Parameters of fits alone that may hold anything.
OF_FITS = ("callback", "checkpoint", "init", "init_params")


def mapped(estimator: Any, method: str, X: Any, *options: Any) -> Any:
    """Return a method's result for the rows of a Dask array or dataframe, lazily.

    It is a Dask array; of a dataframe whose cells are filled in, a dataframe. A graph holds the
    model once.
    """
    from mixtura.sources.dask import node  # imports Dask

    names, d, dtype = partitions.described(X)
    frame = hasattr(X, "columns")
    known: Any = X._meta if frame else np.empty((0, d), dtype)
    validate_data(estimator, known, reset=False, skip_check_array=True)  # columns
    model = portable(estimator)
    one = np.asarray(getattr(model, method)(np.zeros((1, d), dtype), *options))
    fills = method == "impute" or (method == "transform" and hasattr(estimator, "add_indicator"))
    columns = None
    if frame and fills:
        columns = list(X.columns)
        if method == "transform":
            columns = list(estimator.get_feature_names_out(columns if names is None else names))
    how: dict[str, Any] = {
        "model": node(model),
        "method": method,
        "options": options,
        "empty": one[:0],
        "kept": dtype,
        "width": d,
        "columns": columns,
    }
    if columns is not None:
        meta = type(known)(one[:0], columns=columns, index=known.index[:0])
        return X.map_partitions(block, meta=meta, **how)
    if frame:
        return X.map_partitions(block, meta=one[:0], **how)
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    shape: Any = {"drop_axis": 1}
    if one.ndim == 2:
        shape = {"chunks": (X.chunks[0], (one.shape[1],))}
    return X.map_blocks(block, dtype=one.dtype, meta=one[:0], **shape, **how)


def portable(estimator: Any) -> Any:
    """Return a fitted estimator without what predictions do not need."""
    model, defaults = copy(estimator), type(estimator)().get_params()
    for name in LEFT_BEHIND:
        if name in vars(model):
            delattr(model, name)
    for name in set(OF_FITS) & set(defaults):
        setattr(model, name, defaults[name])
    return model


def block(
    rows: Any,
    *,
    model: Any,
    method: str,
    options: tuple[Any, ...],
    empty: Any,
    kept: Any,
    width: int,
    columns: list[str] | None,
    block_id: tuple[int, ...] = (0,),
    partition_info: dict[str, Any] | None = None,
) -> Any:
    """Return a method's result for the rows of one partition, as a dataframe if it has ``columns``.

    Rows that errors name are counted from 0 in the partition.
    """
    number = block_id[0] if partition_info is None else partition_info["number"]
    table = partitions.made(number, rows, kept, width).rows
    try:
        with on_one_thread():
            result = getattr(model, method)(table, *options) if len(table) else empty
    except Exception as error:
        raise partitions.unusable(number, error) from error
    if columns is None:
        return result
    return type(rows)(result, columns=columns, index=rows.index)
