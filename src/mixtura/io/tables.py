"""Read and write tables: the ending of the name says the format, ``-`` is a standard stream.

==============================  ===============================================================
``.csv .tsv .txt`` (and .gz)    delimited text with a header line (commas, semicolons or tabs)
``.parquet .pq``                Parquet
``.arrow .feather .ipc``        Arrow IPC file or stream, Feather version 2
``.npy``                        one matrix; the columns are called x0, x1...
``.npz``                        the matrix ``X`` and optionally ``names``, or the only matrix;
                                ``file.npz::NAME`` chooses another array
``-``                           standard input (recognised by its first bytes, else CSV) and
                                standard output (CSV)
==============================  ===============================================================
"""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from mixtura._errors import TableError
from mixtura.io.arrays import read_npy, read_npz, write_npy, write_npz
from mixtura.io.arrow import pa, parquet, pc
from mixtura.io.atomic import atomic_writer, reason
from mixtura.io.columns import read_cells
from mixtura.io.delimited import Opener, read_delimited, write_delimited
from mixtura.io.table import Table

STREAM = "-"
DELIMITED = (".csv", ".tsv", ".txt")
COMPRESSED = tuple(f"{ending}.gz" for ending in DELIMITED)
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
ENDINGS = (*DELIMITED, *COMPRESSED, *PARQUET, *ARROW, ".npy", ".npz")
MAGIC = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"\xff\xff\xff\xff": ".arrow",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
}
GZIP = b"\x1f\x8b"


def read_table(path: str | os.PathLike[str], na: Sequence[str] = ()) -> Table:
    """Read a table.

    Parameters
    ----------
    path : str or path-like
        The file, or ``-`` for standard input.
    na : sequence of str
        What stands for a missing cell beside nothing, NA, N/A, NaN, null, none and ?; a number
        stands for it however it is written.

    Returns
    -------
    Table
        At least one column and one row. Cells of delimited text are kept as they are written, so
        that writing the table again changes none of them.

    Raises
    ------
    TableError
        If there is no such file, its format is not known, or it is damaged or empty.
    """
    source, member = _split(str(path))
    try:
        table = _read(source, member, na)
    except OSError as error:
        raise TableError(f"{source} cannot be read: {reason(error)}.") from None
    if not table.n_rows or not table.names:
        raise TableError(f"{source} has no rows or no columns.")
    return replace(table, na=tuple(na))


def write_table(path: str | os.PathLike[str], table: Table) -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file, or ``-`` for CSV on standard output.
    table : Table
        The table. What was read as delimited text is stored as numbers, where it is, in formats
        that know types.

    Raises
    ------
    TableError
        If the format is not known or cannot hold a column, or the file cannot be written.
    """
    name = str(path)
    if name == STREAM:
        write_delimited(sys.stdout.buffer, table.columns)
        sys.stdout.buffer.flush()
        return
    writer = _writer(name)
    is_typed = _ending(name) not in DELIMITED + COMPRESSED
    columns = _typed(table) if table.is_text and is_typed else table.columns
    try:
        with atomic_writer(name) as handle:
            writer(handle, columns)
    except OSError as error:
        raise TableError(f"{name} cannot be written: {reason(error)}.") from None
    except pa.ArrowException as error:
        raise TableError(f"{name} cannot hold this table: {error}.") from None


def check_writable(path: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Raise unless a table may be written here: a known ending, a directory, and no input."""
    if str(path) == STREAM:
        return
    check_directory(path)
    _writer(str(path))
    _check_no_input(path, inputs)


def numbered(path: str, n: int) -> list[str]:
    """Return names for ``n`` tables: ``out.csv.gz`` becomes ``out-1.csv.gz`` and so on."""
    ending = path[len(path) - len(_ending(path)) :]
    stem, width = path[: len(path) - len(ending)], len(str(n))
    return [f"{stem}-{number:0{width}}{ending}" for number in range(1, n + 1)]


def check_model_path(path: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Raise unless a model may be written here: a file, with no table's name, and no input."""
    name = str(path)
    if name == STREAM:
        raise TableError("a model cannot go to standard output; name a file such as m.mixtura.")
    check_directory(path)
    _check_no_input(path, inputs)
    if name.lower().endswith(ENDINGS):
        stem = Path(name).name[: -len(_ending(name))]
        raise TableError(
            f"{name} is the name of a table, and a model is none; name a file such as "
            f"{stem}.mixtura."
        )


def check_directory(path: str | os.PathLike[str]) -> None:
    """Raise unless the directory that is to hold a file exists and the file is not one itself."""
    if Path(path).is_dir():
        raise TableError(f"{path} is a directory; name a file inside it.")
    if not Path(path).absolute().parent.is_dir():
        raise TableError(f"{path} cannot be written: there is no directory {Path(path).parent}.")


def _check_no_input(path: str | os.PathLike[str], inputs: Sequence[str | os.PathLike[str]]) -> None:
    """Raise where a file that is read would be written over."""
    for given in inputs:
        read = _split(str(given))[0]
        if read != STREAM and _is_same_file(path, read):
            raise TableError(f"{path} is what the command reads; write to another file.")


def _is_same_file(left: str | os.PathLike[str], right: str) -> bool:
    """Say whether two names stand for one file; devices may be read and written at once."""
    with suppress(OSError):
        return Path(left).is_file() and os.path.samefile(left, right)
    return False


def _split(name: str) -> tuple[str, str | None]:
    """Return the file and, where the name says one, the array in it."""
    source, _, member = name.partition("::") if ".npz::" in name else (name, "", "")
    return source, member or None


def _read(source: str, member: str | None, na: Sequence[str]) -> Table:
    """Read a file, a stream or a pipe."""
    if source == STREAM:
        return _read_bytes("standard input", sys.stdin.buffer.read(), na)
    path = Path(source)
    if not path.exists():
        raise TableError(f"{source}: there is no such file; check the path.")
    if path.is_dir():
        raise TableError(f"{source} is a directory; name a table inside it.")
    if not path.is_file():
        return _read_bytes(source, path.read_bytes(), na)
    ending = _ending(source)
    label = f"{source}::{member}" if member and ending == ".npz" else source
    return _read_as(ending, label, partial(_open, path, ending), member, na)


def _open(path: Path, ending: str) -> BinaryIO:
    """Open a file for reading, through the decompressor if its ending asks for that."""
    if ending in COMPRESSED:
        return cast(BinaryIO, gzip.open(path, "rb"))
    return open(path, "rb")


def _read_bytes(source: str, content: bytes, na: Sequence[str]) -> Table:
    """Read what came through a pipe; its first bytes say what it is."""
    if content.startswith(GZIP):
        return read_delimited(source, partial(_unpacked, content), na)
    ending = next((end for magic, end in MAGIC.items() if content.startswith(magic)), ".csv")
    return _read_as(ending, source, partial(io.BytesIO, content), None, na)


def _unpacked(content: bytes) -> BinaryIO:
    """Open compressed bytes for reading."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=io.BytesIO(content)))


def _read_as(
    ending: str, source: str, opener: Opener, member: str | None, na: Sequence[str]
) -> Table:
    """Read a table in the format of this ending."""
    if ending in DELIMITED or ending in COMPRESSED:
        return read_delimited(source, opener, na)
    with opener() as handle:
        if ending == ".npy":
            return read_npy(source, handle)
        if ending == ".npz":
            return read_npz(source, handle, member)
        kind = "Parquet" if ending in PARQUET else "Arrow"
        try:
            return Table(source, _read_typed(handle, kind))
        except (pa.ArrowException, OSError) as error:
            words = str(error).split("\n")[0].rstrip(".")
            raise TableError(f"{source} is not a readable {kind} file: {words}.") from None


def _read_typed(handle: BinaryIO, kind: str) -> pa.Table:
    """Read Parquet, or an Arrow file or stream."""
    if kind == "Parquet":
        return parquet.ParquetFile(handle).read()
    is_file = handle.read(6) == b"ARROW1"
    handle.seek(0)
    columns = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(handle).read_all()
    columns.validate(full=True)  # Arrow trusts the offsets in the file otherwise
    return columns


def _ending(name: str) -> str:
    """Return the known ending of a file name."""
    lowered = name.lower()
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if lowered.endswith(ending):
            return ending
    raise TableError(
        f"{name}: the ending says no format that mixtura knows; use one of {' '.join(ENDINGS)}."
    )


def _writer(name: str) -> Callable[[BinaryIO, pa.Table], None]:
    """Return the function that writes in the format of this ending."""
    ending = _ending(name)
    if ending in DELIMITED:
        return partial(write_delimited, delimiter="\t" if ending == ".tsv" else ",")
    if ending in COMPRESSED:
        return _write_compressed
    if ending == ".npy":
        return lambda handle, columns: write_npy(handle, name, columns)
    if ending == ".npz":
        return lambda handle, columns: write_npz(handle, name, columns)
    return _write_parquet if ending in PARQUET else _write_arrow


def _write_compressed(handle: BinaryIO, columns: pa.Table) -> None:
    """Write gzipped CSV; no time stamp, so that equal tables give equal files."""
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=handle, mtime=0) as compressed:
        write_delimited(compressed, columns)  # type: ignore[arg-type]


def _write_parquet(handle: BinaryIO, columns: pa.Table) -> None:
    """Write Parquet."""
    parquet.write_table(columns, handle)


def _write_arrow(handle: BinaryIO, columns: pa.Table) -> None:
    """Write an Arrow IPC file."""
    with pa.ipc.new_file(handle, columns.schema) as writer:
        writer.write_table(columns)


def _typed(table: Table) -> pa.Table:
    """Return the columns with text that is numbers stored as these, missing cells as nulls."""
    columns = table.columns
    for j, field in enumerate(columns.schema):
        if not pa.types.is_string(field.type):
            continue
        cells = read_cells(columns.column(j), table.na)
        if cells.kind != "numbers":
            continue
        missing = np.isnan(cells.values)
        numbers = pa.array(cells.values, from_pandas=True)
        with suppress(pa.ArrowInvalid):
            numbers = pc.if_else(pa.array(missing), None, columns.column(j)).cast(pa.int64())
        columns = columns.set_column(j, field.name, numbers)
    return columns
