"""Read one file of a table in batches of rows: Parquet, Arrow IPC and NPY.

A reader holds what is known of a file and no open handle, so that it can be pickled; every call
of ``batches`` opens the file anew. Memory is bounded by what is asked for, not by the file: of a
Parquet file one page of each column is held, of an Arrow file one batch of rows, if compressed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura._text import counted
from mixtura.io.arrays import generic_names
from mixtura.io.arrow import pa, parquet
from mixtura.io.atomic import reason
from mixtura.io.files import File
from mixtura.io.table import row_number

LARGEST_BUFFER = 1 << 18  # bytes read at a time; four times as many leave the processor's cache
SMALLEST_BUFFER = 1 << 14


class Reader(Protocol):
    """One file: its columns (text has the type string), and its rows if they are known."""

    file: File
    schema: Any
    n_rows: int | None

    def batches(self, names: Sequence[str], rows: int, memory: int) -> Iterator[Any]:
        """Yield the columns ``names`` as record batches or matrices (m, d) of some rows each."""

    def where(self, row: int) -> str:
        """Say where a row of this file stands."""


@contextmanager
def readable(file: File, kind: str = "") -> Iterator[None]:
    """Turn what Arrow raises about a file into sentences."""
    file.check_unchanged()
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise TableError(f"{file.label} cannot be read: {reason(error)}.") from None
    except (pa.ArrowException, OSError) as error:
        words = str(error).split("\n")[0].rstrip(".")
        kind = kind or file.kind
        raise TableError(f"{file.label} is not a readable {kind} file: {words}.") from None
    file.check_unchanged()


@dataclass
class ParquetReader:
    """A Parquet file, whose row groups may be of any size."""

    file: File

    def __post_init__(self) -> None:
        """Read the columns and the number of rows."""
        with readable(self.file), self._opened() as opened:
            self.schema = opened.schema_arrow
            self.n_rows: int | None = opened.metadata.num_rows

    @contextmanager
    def _opened(self, buffer_size: int = SMALLEST_BUFFER) -> Iterator[Any]:
        """Open the file; without a buffer for each column, whole row groups would be read."""
        with (
            self.file.filesystem.open_input_file(self.file.path) as handle,
            parquet.ParquetFile(handle, pre_buffer=False, buffer_size=buffer_size) as opened,
        ):
            yield opened

    def batches(self, names: Sequence[str], rows: int, memory: int) -> Iterator[Any]:
        """Yield record batches of at most ``rows`` rows."""
        size = min(max(memory // 32 // len(names), SMALLEST_BUFFER), LARGEST_BUFFER)
        with readable(self.file), self._opened(size) as opened:
            yield from opened.iter_batches(batch_size=rows, columns=list(names), use_threads=True)

    def where(self, row: int) -> str:
        """Say where a row of this file stands."""
        return row_number(row)


@dataclass
class ArrowReader:
    """An Arrow IPC file or stream; on a local disk its pages are mapped and given back."""

    file: File

    def __post_init__(self) -> None:
        """Read the columns and, where the batches are not compressed, count the rows."""
        with readable(self.file), self._mapped() as (source, _), self._opened(source) as opened:
            self.schema = opened.schema
        parts = self._parts(self.schema.names[:1])
        self.n_rows: int | None = sum(part.num_rows for part, _ in parts)

    @contextmanager
    def _mapped(self) -> Iterator[tuple[Any, Callable[[], None]]]:
        """Open the file: what Arrow reads from, and a function that gives its pages back."""
        if not (self.file.is_local and self.file.size and hasattr(mmap, "MADV_DONTNEED")):
            with self.file.filesystem.open_input_file(self.file.path) as handle:
                yield handle, lambda: None
            return
        with open(self.file.path, "rb") as handle:
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        yield pa.BufferReader(pa.py_buffer(mapped)), partial(mapped.madvise, mmap.MADV_DONTNEED)

    @contextmanager
    def _opened(self, source: Any, names: Sequence[str] | None = None) -> Iterator[Any]:
        """Open a file or a stream, of which only the named columns are decompressed."""
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        fields = None if names is None else [self.schema.get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        opener = pa.ipc.open_file if is_file else pa.ipc.open_stream
        with opener(source, options=options) as opened:
            yield opened

    def _parts(self, names: Sequence[str]) -> Iterator[tuple[Any, Callable[[], None]]]:
        """Yield the record batches of the file, and what gives back the pages they lie in."""
        with (
            readable(self.file),
            self._mapped() as (source, release),
            self._opened(source, names) as opened,
        ):
            if hasattr(opened, "num_record_batches"):
                for i in range(opened.num_record_batches):
                    yield opened.get_batch(i), release
            else:
                for part in opened:
                    yield part, release

    def batches(self, names: Sequence[str], rows: int, memory: int) -> Iterator[Any]:
        """Yield slices of at most ``rows`` rows, and give their pages back now and then."""
        touched = 0
        for part, release in self._parts(names):
            for start in range(0, part.num_rows, rows):
                piece = part.slice(start, rows).select(list(names))
                with readable(self.file):
                    piece.validate(full=True)  # Arrow trusts the offsets in the file otherwise
                yield piece
                touched += piece.nbytes
                if touched > memory // 32:
                    release()
                    touched = 0

    def where(self, row: int) -> str:
        """Say where a row of this file stands."""
        return row_number(row)


@dataclass
class MatrixReader:
    """An NPY file in either memory order, read by position."""

    file: File

    def __post_init__(self) -> None:
        """Read the header."""
        label = self.file.label
        with readable(self.file), self._opened() as handle:
            try:
                shape, self.is_fortran, self.dtype = _read_npy_header(handle)
            except (ValueError, KeyError) as error:
                raise TableError(f"{label} is not a readable NPY file: {error}.") from None
            self.offset = handle.tell()
        if len(shape) not in (1, 2) or self.dtype.kind not in "fiub" or 0 in shape[1:]:
            raise TableError(
                f"{label} holds an array of shape {shape} and type {self.dtype}; a table is a "
                "matrix of numbers, one row per line."
            )
        n_rows, self.n_columns = (*shape, 1)[:2]
        self.n_rows: int | None = n_rows
        if self.file.size < self.offset + n_rows * self.n_columns * self.dtype.itemsize:
            raise TableError(f"{label} is cut short: it should hold {counted(n_rows, 'row')}.")
        wide = self.dtype.itemsize > 8
        kind = pa.from_numpy_dtype(np.float64 if wide else self.dtype.newbyteorder("="))
        self.schema = pa.schema([(name, kind) for name in generic_names(self.n_columns)])

    def _opened(self) -> Any:
        """Open the file."""
        return self.file.filesystem.open_input_file(self.file.path)

    def batches(self, names: Sequence[str], rows: int, memory: int) -> Iterator[Any]:
        """Yield matrices (m, d), which the next one overwrites."""
        chosen = [self.schema.get_field_index(name) for name in names]
        with readable(self.file), self._opened() as handle:
            if self.is_fortran:
                yield from self._columns(handle, chosen, rows)
            else:
                yield from self._rows(handle, chosen)

    def _rows(self, handle: Any, chosen: list[int]) -> Iterator[NDArray[Any]]:
        """Read rows that lie one after another, as many as stay in the processor's cache."""
        rows = max(LARGEST_BUFFER // (self.n_columns * self.dtype.itemsize), 1)
        block = np.empty((rows, self.n_columns), self.dtype)
        every = chosen == list(range(self.n_columns))
        handle.seek(self.offset)
        for start in range(0, self.n_rows or 0, rows):
            part = block[: min(rows, (self.n_rows or 0) - start)]
            self._fill(handle, part)
            yield part if every else part[:, chosen]

    def _columns(self, handle: Any, chosen: list[int], rows: int) -> Iterator[NDArray[Any]]:
        """Read a piece of each column in turn."""
        n_rows = self.n_rows or 0
        block = np.empty((len(chosen), min(rows, n_rows)), self.dtype)
        for start in range(0, n_rows, rows):
            m = min(rows, n_rows - start)
            for j, column in enumerate(chosen):
                handle.seek(self.offset + (column * n_rows + start) * self.dtype.itemsize)
                self._fill(handle, block[j, :m])
            yield block[:, :m].T

    def _fill(self, handle: Any, block: NDArray[Any]) -> None:
        """Read bytes into an array whose memory is contiguous."""
        if handle.readinto(block.reshape(-1).view(np.uint8).data) < block.nbytes:
            raise OSError("it is cut short")

    def where(self, row: int) -> str:
        """Say where a row of this file stands."""
        return row_number(row)


def _read_npy_header(handle: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape of the array, whether it is in Fortran order, and the type."""
    version = np.lib.format.read_magic(handle)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return read[version](handle)
