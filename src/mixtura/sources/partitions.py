"""The partitions of a Dask collection: what is known of them before, and what workers do with them.

Nothing here imports Dask.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError, MixturaError
from mixtura.model.families.base import FloatArray
from mixtura.sources.folding import Fold
from mixtura.sources.streamed import sorted_by_pattern
from mixtura.sources.threads import on_one_thread

T = TypeVar("T")


class Partition(NamedTuple):
    """Rows (m, d), float32 or float64, and their weights (m,)."""

    rows: NDArray[Any]
    weights: FloatArray | None


def described(X: Any) -> tuple[list[str] | None, int, np.dtype[Any]]:
    """Return the names of a collection's columns, their number and the dtype to keep rows in.

    Raise where this tells already that it is no table of numbers.
    """
    if getattr(X, "ndim", 0) != 2:
        raise InputError(f"X is a {type(X).__name__}; pass a dask dataframe or array (n, d).")
    if not hasattr(X, "columns"):
        if np.isnan(X.shape[1]):
            raise InputError("X has an unknown number of columns: call X.compute_chunk_sizes().")
        return None, int(X.shape[1]), kept(X.dtype)
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        if dtype.kind not in "fiub" and dtype != np.dtype(object):
            raise InputError(
                f"column {name!r} of X holds {dtype}, not numbers; leave it out, or pass numbers "
                "in its place."
            )
    names = list(X.columns) if all(isinstance(name, str) for name in X.columns) else None
    numbers = all(dtype.kind != "O" for dtype in X.dtypes) and len(X.columns) > 0
    dtypes = [f"{dtype.kind}{dtype.itemsize}" for dtype in X.dtypes] if numbers else [np.float64]
    return names, len(X.columns), kept(np.result_type(*map(np.dtype, dtypes)))


def kept(dtype: Any) -> np.dtype[Any]:
    """Return the dtype that rows are kept in."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def blocks(X: Any) -> list[Any]:
    """Return the partitions of a collection, each with all columns, as delayed objects."""
    if not hasattr(X, "columns") and X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    return list(np.ravel(X.to_delayed()))


def weight_blocks(sample_weight: Any, lengths: Sequence[int]) -> list[Any]:
    """Return the row weights of partitions of these lengths, lazy if they are."""
    n = sum(lengths)
    if not hasattr(sample_weight, "to_delayed"):
        weights = np.asarray(sample_weight, dtype=np.float64)
        if weights.shape != (n,):
            raise InputError(f"sample_weight has shape {weights.shape}; X has {n} rows.")
        return np.split(weights, np.cumsum(lengths)[:-1])
    if sample_weight.ndim != 1:
        raise InputError(f"sample_weight has {sample_weight.ndim} dimensions; it must have one.")
    chunks = getattr(sample_weight, "chunks", [[np.nan]])[0]
    if not np.isnan(sum(chunks)):
        if sum(chunks) != n:
            raise InputError(f"sample_weight has {sum(chunks)} values; X has {n} rows.")
        sample_weight = sample_weight.rechunk((tuple(lengths),))
    parts = list(np.ravel(sample_weight.to_delayed()))
    if len(parts) != len(lengths):
        raise InputError(
            f"sample_weight has {len(parts)} partitions, X has {len(lengths)}: give both the same "
            "ones, or call compute_chunk_sizes() on sample_weight."
        )
    return parts


# What follows runs on the workers.


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Turn an error of any other kind than mixtura's into one that names the partition."""
    try:
        yield
    except MixturaError:
        raise
    except Exception as error:
        raise unusable(number, error) from error


def unusable(number: int, error: BaseException) -> InputError:
    """Return the error for a partition that cannot be made or used."""
    said = str(error) if isinstance(error, MixturaError) else f"{type(error).__name__}: {error}"
    return InputError(f"partition {number} of X: {said}")


def made(number: int, block: Any, dtype: Any, n_features: int) -> Partition:
    """Return a block of an array or a dataframe as rows (m, d)."""
    with naming(number):
        if np.ma.isMaskedArray(block):
            block = np.ma.filled(block.astype(dtype), np.nan)
        if np.ndim(block) != 2 or block.shape[1] != n_features:
            raise ValueError(f"it has shape {np.shape(block)}; X has {n_features} columns.")
        if isinstance(block, np.ndarray) and block.dtype.kind in "fiub":
            return Partition(np.ascontiguousarray(block, dtype), None)
        return Partition(by_column(block, dtype), None)


def by_column(block: Any, dtype: Any) -> NDArray[Any]:
    """Return rows (m, d) of a dataframe, or of an array of objects."""
    rows: NDArray[Any] = np.empty(block.shape, dtype)
    for j, name in enumerate(getattr(block, "columns", range(block.shape[1]))):
        column = block.iloc[:, j] if hasattr(block, "iloc") else block[:, j]
        try:
            if hasattr(column, "isna"):
                column = column.to_numpy(dtype, na_value=np.nan)
            rows[:, j] = column
        except (TypeError, ValueError) as error:
            raise ValueError(f"column {name!r} holds what is no number: {error}") from error
    return rows


def weighted(number: int, part: Partition, weights: Any) -> Partition:
    """Return a partition with weights."""
    with naming(number):
        own = np.asarray(weights, dtype=np.float64)
        if own.shape != (len(part.rows),):
            raise ValueError(f"it has {len(part.rows)} rows; sample_weight has {own.shape} there.")
        return Partition(part.rows, own)


def length(number: int, part: Partition) -> list[int]:
    """Return the number of rows of a partition."""
    return [len(part.rows)]


def passed(number: int, pickled: bytes, start: int, step: int, part: Partition) -> Any:
    """Return the sum of ``function(part, rows, weights)`` over blocks of ``step`` rows.

    The first row is number ``start`` of all. Other tasks take the worker's other cores.
    """
    fold: Fold[Any] = Fold()
    with naming(number), on_one_thread():
        function: Callable[[slice, Any, FloatArray | None], Any] = pickle.loads(pickled)
        for block, low in enumerate(range(0, len(part.rows), step)):
            rows = part.rows[low : low + step]
            weights = None if part.weights is None else part.weights[low : low + step]
            place = slice(start + low, start + low + len(rows))
            fold.add(block, function(place, rows, weights))
    return fold.total()


def of_rows(
    function: Callable[[Any, FloatArray | None], T],
    sort: bool,
    part: slice,
    rows: Any,
    weights: FloatArray | None,
) -> T:
    """Return what a function makes of a block, sorted by what rows miss where it is to be."""
    if sort:
        rows, weights = sorted_by_pattern(rows, weights)
    return function(rows, weights)


def added(*results: T) -> T:
    """Return the sum of results, from the first to the last."""
    return reduce(add, results)
