"""NumPy files as tables: NPY holds one array, NPZ the array ``X`` and, beside it, ``names``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura.io.arrow import pa
from mixtura.io.columns import to_numbers
from mixtura.io.table import Table, named, quoted


def generic_names(n_columns: int) -> list[str]:
    """Return the names of columns that have none: ``x0``, ``x1`` and so on."""
    return [f"x{j}" for j in range(n_columns)]


def read_npy(source: str, handle: BinaryIO) -> Table:
    """Read one array; a one-dimensional array is one column."""
    try:
        array = np.lib.format.read_array(handle, allow_pickle=False)
    except Exception as error:  # NumPy's parser of the header may raise anything
        raise TableError(f"{source} is not a readable NPY file: {error}.") from None
    return _table(source, array)


def read_npz(source: str, handle: BinaryIO, member: str | None = None) -> Table:
    """Read the array called ``member``, or ``X``, or the only two-dimensional one."""
    if not zipfile.is_zipfile(handle):
        raise TableError(f"{source} is not a readable NPZ file: it is damaged or of another kind.")
    handle.seek(0)
    try:
        with np.load(handle, allow_pickle=False) as archive:
            chosen = member or _only_matrix(source, archive)
            if chosen not in archive.files:
                raise TableError(f"{source} has no array '{chosen}', only {quoted(archive.files)}.")
            names = archive["names"] if chosen == "X" and "names" in archive.files else None
            return _table(source, archive[chosen], names)
    except TableError:
        raise
    except Exception as error:  # NumPy's parser of the header may raise anything
        raise TableError(f"{source} is not a readable NPZ file: {error}.") from None


def write_npy(handle: BinaryIO, source: str, columns: pa.Table) -> None:
    """Write the columns as one matrix; every column must be numeric."""
    np.lib.format.write_array(handle, matrix(source, columns), allow_pickle=False)


def write_npz(handle: BinaryIO, source: str, columns: pa.Table) -> None:
    """Write the columns as the matrix ``X`` and their ``names``; every column must be numeric."""
    names = np.array(columns.column_names, dtype=np.str_)
    np.savez_compressed(handle, X=matrix(source, columns), names=names)


def _only_matrix(source: str, archive: Any) -> str:
    """Return the name of the array to read, or raise where it is not obvious."""
    names: list[str] = archive.files
    if "X" in names:
        return "X"
    if len(names) == 1:
        return names[0]
    matrices = [name for name in names if archive[name].ndim == 2]
    if len(matrices) == 1:
        return matrices[0]
    raise TableError(
        f"{source} holds {quoted(names) or 'no array'}; say which array is the table, as "
        f"in {Path(source).name}::NAME."
    )


def _table(source: str, array: NDArray[Any], names: NDArray[Any] | None = None) -> Table:
    """Return an array as a table, its columns named ``x0``, ``x1``... unless names are given."""
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise TableError(
            f"{source} holds an array of shape {array.shape} and type {array.dtype}; a table is "
            "a matrix of numbers, one row per line."
        )
    if 0 in array.shape:
        raise TableError(f"{source} has no rows or no columns (its shape is {array.shape}).")
    labels = generic_names(array.shape[1])
    if names is not None and names.shape == (array.shape[1],) and names.dtype.kind == "U":
        labels = names.tolist()
    # a wider type than float64 is not known to Arrow, and neither is a foreign byte order
    kind = np.dtype(np.float64) if array.dtype.itemsize > 8 else array.dtype.newbyteorder("=")
    arrays = [pa.array(np.ascontiguousarray(array[:, j], dtype=kind)) for j in range(len(labels))]
    return Table(source, pa.table(arrays, names=labels))


def matrix(source: str, columns: pa.Table) -> NDArray[Any]:
    """Return every column as numbers, or raise naming those that are not."""
    numbers = {name: to_numbers(columns.column(name)) for name in columns.column_names}
    texts = [name for name, values in numbers.items() if values is None]
    if texts:
        raise TableError(
            f"{source} can hold numbers only, which {named('column', texts)} "
            f"{'is' if len(texts) == 1 else 'are'} not; write CSV, Parquet or Arrow instead."
        )
    return np.column_stack([values for values in numbers.values() if values is not None])
