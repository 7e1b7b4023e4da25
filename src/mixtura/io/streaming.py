"""Write what functions of the rows of a table on disk return, one batch after another."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError, TableError
from mixtura.io.arrays import matrix
from mixtura.io.arrow import pa, parquet
from mixtura.io.atomic import atomic_writer, reason
from mixtura.io.columns import read_cells
from mixtura.io.delimited import write_delimited
from mixtura.io.files import WILDCARD
from mixtura.io.survey import Columns, check_lacking
from mixtura.io.table import Table, quoted
from mixtura.io.tables import (
    ARROW,
    COMPRESSED,
    DELIMITED,
    PARQUET,
    STREAM,
    check_writable,
)

TEXT = (*DELIMITED, *COMPRESSED)
RowFunction = Callable[[NDArray[Any]], NDArray[Any]]
Writer = Callable[[BinaryIO, Any, Iterator[Any]], None]  # the first part, and all of them


class Rows(Protocol):
    """What is asked of a table on disk."""

    @property
    def source(self) -> str:
        """The path, pattern or URI."""

    @property
    def names(self) -> list[str]:
        """The columns of the rows."""

    @property
    def is_named(self) -> bool:
        """Whether the files name their columns."""

    @property
    def layout(self) -> Columns:
        """How the columns are read."""

    @property
    def n_rows(self) -> int:
        """The number of rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the rows."""


def write_results(
    table: Rows,
    path: str,
    functions: Sequence[RowFunction],
    added: Mapping[str, RowFunction],
    *,
    keep: bool,
) -> None:
    """Write the columns of a table and those that functions of its rows return.

    Raises
    ------
    TableError
        If the file cannot be written or hold a column, or a column of that name is there already.
    InputError
        If a function returns something else than it should.
    """
    writer = _writer(table, path)
    if not all(map(callable, (*functions, *added.values()))):
        raise InputError("what is written are functions of rows, such as model.predict.")
    functions = [_of_rows(table, each) for each in functions]
    added = {name: _of_rows(table, each) for name, each in added.items()}
    if not (keep or functions or added):
        raise InputError("there is nothing to write; keep the columns or give a function.")
    if keep:
        check_lacking(table.layout, table.layout.names)
    parts = _parts(table, path, functions, added, keep=keep)
    try:
        with _output(path) as handle:
            first = next(parts)
            same = (part.cast(first.schema) for part in parts)
            writer(handle, first, chain([first], same))
    except BrokenPipeError:
        raise  # whoever reads it has seen enough
    except OSError as error:
        raise TableError(f"{path} cannot be written: {reason(error)}.") from None
    except pa.ArrowException as error:
        raise TableError(f"{path} cannot hold this table: {error}.") from None


def _of_rows(table: Rows, function: RowFunction) -> RowFunction:
    """Return a function of rows that come without the names of their columns.

    A method of a model that knows names, which must be those of the table, is one of a copy that
    does not.
    """
    model: Any = getattr(function, "__self__", None)
    known = getattr(model, "feature_names_in_", None)
    if known is None:
        return function
    if table.is_named and list(known) != list(table.names):
        raise InputError(
            f"{table.source} has the columns {quoted(table.names)}; the model was fitted on "
            f"{quoted(known)}. Choose them in this order by open_table(..., columns=[...])."
        )
    unnamed = copy(model)
    del unnamed.feature_names_in_
    method: RowFunction = getattr(unnamed, function.__name__)
    return method


@contextmanager
def _output(path: str) -> Iterator[BinaryIO]:
    """Open what is written to."""
    if path == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with atomic_writer(path) as handle:
        yield handle


def _writer(table: Rows, path: str) -> Writer:
    """Return what writes the parts of a table, or raise where no table may be written."""
    if path != STREAM and WILDCARD.search(path):
        raise TableError(f"{path} is a pattern; name one file to write to.")
    files = [reader.file for reader in table.layout.readers]
    check_writable(path, *(file.path for file in files if file.is_local))
    name = path.lower()
    if name.endswith(PARQUET):
        return _write_parquet
    if name.endswith(ARROW):
        return _write_arrow
    if name.endswith(".npy"):
        return partial(_write_npy, path, table.n_rows)
    if name.endswith(".npz"):
        raise TableError(f"{path} cannot be written in parts; name a .npy or .parquet file.")
    if name.endswith(COMPRESSED):
        return _write_compressed
    return partial(_write_delimited, "\t" if name.endswith(".tsv") else ",")


def _write_parquet(handle: BinaryIO, first: Any, parts: Iterator[Any]) -> None:
    """Write Parquet, each part as a row group."""
    with parquet.ParquetWriter(handle, first.schema) as writer:
        for part in parts:
            writer.write_table(part)


def _write_arrow(handle: BinaryIO, first: Any, parts: Iterator[Any]) -> None:
    """Write an Arrow IPC file."""
    with pa.ipc.new_file(handle, first.schema) as writer:
        for part in parts:
            writer.write_table(part)


def _write_delimited(delimiter: str, handle: BinaryIO, first: Any, parts: Iterator[Any]) -> None:
    """Write delimited text."""
    for part in parts:
        write_delimited(handle, part, delimiter, header=part is first)


def _write_compressed(handle: BinaryIO, first: Any, parts: Iterator[Any]) -> None:
    """Write gzipped CSV; no time stamp, so that equal tables give equal files."""
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=handle, mtime=0) as compressed:
        _write_delimited(",", cast(BinaryIO, compressed), first, parts)


def _write_npy(path: str, n_rows: int, handle: BinaryIO, first: Any, parts: Iterator[Any]) -> None:
    """Write one matrix; every column must be numeric."""
    dtype = matrix(path, first).dtype
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (n_rows, first.num_columns),
    }
    np.lib.format.write_array_header_1_0(handle, header)
    for part in parts:
        handle.write(matrix(path, part).astype(dtype, order="C").tobytes())


def _parts(
    table: Rows,
    path: str,
    functions: Sequence[RowFunction],
    added: Mapping[str, RowFunction],
    *,
    keep: bool,
) -> Iterator[Any]:
    """Yield the columns to write, a batch of rows at a time."""
    columns, is_text = table.layout, path == STREAM or path.lower().endswith(TEXT)
    kept = columns.names if keep else table.names if functions else []
    needed = list(dict.fromkeys([*kept, *table.names]))
    first: dict[str, np.dtype[Any]] = {}
    for reader, row, piece in columns.every(needed, texts=True):
        rows = np.empty((len(piece), len(table.names)), table.dtype, order="F")
        for j, name in enumerate(table.names):
            rows[:, j] = columns.numbers(reader, piece, name, row)
        part = columns.table(reader, piece, kept, table.source)
        for function in functions:
            part = _filled(part, table.names, rows, function)
        new: dict[str, NDArray[Any]] = {}
        for name, function in added.items():
            found = _named(name, function, rows)
            twice = [*(found.keys() & new.keys())]
            if twice:
                raise InputError(
                    f"two functions give a column called {quoted(twice)}; use another keyword."
                )
            new |= found
        first = first or {name: values.dtype for name, values in new.items()}
        _check_alike(first, new)
        part = part.appended(new) if kept else replace(part, columns=pa.table(new))
        yield part.columns if is_text else _typed(part, table.names)


def _check_alike(first: dict[str, np.dtype[Any]], new: dict[str, NDArray[Any]]) -> None:
    """Raise where functions return other columns, or another kind, than for the first rows."""
    if first.keys() != new.keys():
        raise InputError(
            f"functions returned the columns {quoted([*first])} for the first rows and "
            f"{quoted([*new])} for others; return as many each time."
        )
    for name, values in new.items():
        if not np.can_cast(values.dtype, first[name], "same_kind"):
            raise InputError(
                f"the function of '{name}' returned {first[name]} for the first rows and "
                f"{values.dtype} for others; return one type each time."
            )


def _filled(part: Table, names: list[str], rows: NDArray[Any], function: RowFunction) -> Table:
    """Return a batch with the missing cells of columns as a function of the rows fills them."""
    values = np.asarray(function(rows))
    if values.shape != rows.shape:
        raise InputError(
            f"a function returned shape {values.shape} for rows of shape {rows.shape}; what "
            "replaces the rows must have their shape."
        )
    columns = part.columns
    for j, name in enumerate(names):
        kind = columns.schema.field(name).type
        if not (part.is_text or pa.types.is_floating(kind)):
            # one type must hold what is filled in, whether or not it is in this batch
            numbers = pa.array(rows[:, j].astype(np.float64))
            columns = columns.set_column(columns.column_names.index(name), name, numbers)
    return replace(part, columns=columns).filled(
        dict(zip(names, values.T, strict=True)), dict(zip(names, np.isnan(rows).T, strict=True))
    )


def _named(name: str, function: RowFunction, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return what a function gives as columns by name."""
    values = np.asarray(function(rows))
    if values.ndim not in (1, 2) or len(values) != len(rows):
        raise InputError(
            f"the function of '{name}' returned shape {values.shape} for {len(rows)} rows; a "
            "column has one value for each row."
        )
    if values.ndim == 1:
        return {name: values}
    return {f"{name}_{j}": np.ascontiguousarray(values[:, j]) for j in range(values.shape[1])}


def _typed(part: Table, names: Sequence[str]) -> Any:
    """Return the columns of a batch, those called ``names`` as numbers where they are text."""
    columns = part.columns
    for name in names if part.is_text else ():
        if name in columns.column_names:
            cells = read_cells(columns.column(name), part.na)
            numbers = pa.array(cells.values, pa.float64(), from_pandas=True)
            columns = columns.set_column(columns.column_names.index(name), name, numbers)
    return columns
