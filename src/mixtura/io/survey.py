"""What the columns of a table on disk hold, and their batches as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura.io.arrow import pa, pc
from mixtura.io.columns import NUMBER, Cells, check_kind, read_cells
from mixtura.io.readers import Reader
from mixtura.io.table import Table, named
from mixtura.io.text_reader import TextReader, comma_columns

MOST_ROWS = 65_536  # of one batch
TEXT_WIDTH = 32  # bytes that a cell of text is taken to need


@dataclass(frozen=True)
class Columns:
    """How the columns of a table are read.

    ``partitions`` holds the types of the columns that directories give, ``na`` what else stands
    for a missing cell, and ``memory`` the budget in bytes.
    """

    readers: list[Reader]
    partitions: dict[str, Any]
    na: tuple[str, ...]
    memory: int

    @property
    def names(self) -> list[str]:
        """All columns: those of the first file, and those that directories give."""
        held = list(self.readers[0].schema.names)
        return held + [name for name in self.partitions if name not in held]

    def type(self, reader: Reader, name: str) -> Any:
        """Return the Arrow type of a column in one of the files."""
        if name not in reader.schema.names:
            return self.partitions[name]
        return reader.schema.field(name).type

    def count(self, reader: Reader) -> int:
        """Return the number of rows of a file; delimited text is read for it, once."""
        if reader.n_rows is None:
            reader.n_rows = sum(len(piece) for piece in self.pieces(reader, [], texts=True))
        return reader.n_rows

    def every(
        self, names: Sequence[str], *, texts: bool = False
    ) -> Iterator[tuple[Reader, int, Any]]:
        """Yield each batch of all files with its file and the number of its first row there."""
        for reader in self.readers:
            row = 0
            for piece in self.pieces(reader, names, texts=texts):
                if len(piece):
                    yield reader, row, piece
                    row += len(piece)
            reader.n_rows = row

    def pieces(self, reader: Reader, names: Sequence[str], *, texts: bool = False) -> Iterator[Any]:
        """Yield batches of those columns that lie in the file, in delimited text as written.

        An NPY file gives matrices, where all the columns lie in it and ``texts`` is false.
        """
        # by its first column a file is counted of which no column is asked for
        held = [n for n in names if n in reader.schema.names] or reader.schema.names[:1]
        if isinstance(reader, TextReader) and texts:
            yield from reader.texts(held, self.memory)
            return
        width = sum(_width(reader.schema.field(name).type) for name in held)
        rows = min(max(self.memory // 256 // width, 1), MOST_ROWS)
        for piece in reader.batches(held, rows, self.memory):
            if isinstance(piece, np.ndarray) and (texts or held != list(names)):
                native = piece.dtype.newbyteorder("=")
                arrays = [pa.array(piece[:, j].astype(native)) for j in range(len(held))]
                piece = pa.RecordBatch.from_arrays(arrays, names=held)
            yield piece

    def numbers(self, reader: Reader, piece: Any, name: str, row: int) -> NDArray[Any]:
        """Return a column of a batch as numbers (m,), NaN where missing.

        ``row`` is the number of the first row of the batch within the file.
        """
        column = self._column(reader, piece, name)
        if not isinstance(reader, TextReader) or not is_text(column.type):
            return self.without(_arithmetic(column))
        cells = self._cells(reader, column, name)
        if cells.bad.any() and cells.kind != "true/false":
            # the words for a mixed column show the first bad cell
            _check(reader, column, name, row, cells._replace(kind="mixed"), explicit=True)
        return cells.values

    def _column(self, reader: Reader, piece: Any, name: str) -> Any:
        """Return a column of a batch, or what the directory of the file says of all its rows."""
        if name in reader.schema.names:
            return piece.column(name)
        value = pa.scalar(reader.file.partitions[name], pa.string())
        return pa.repeat(value.cast(self.partitions[name]), len(piece))

    def without(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return numbers with NaN in the place of those that stand for a missing cell."""
        ours = [float(text) for text in self.na if re.match(NUMBER, text.strip())]
        if not ours:
            return values
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        unwanted = np.isin(values, np.asarray(ours, values.dtype))
        return np.where(unwanted, values.dtype.type(np.nan), values)

    def survey(self, reader: Reader, piece: Any, name: str, row: int, *, explicit: bool) -> str:
        """Return what a column of a batch holds; raise if it should be numbers and is not."""
        column = self._column(reader, piece, name)
        cells = self._cells(reader, column, name)
        if cells.kind == "mixed" or (explicit and cells.kind != "empty"):
            _check(reader, column, name, row, cells, explicit=explicit)
        return cells.kind

    def _cells(self, reader: Reader, column: Any, name: str) -> Cells:
        """Read the cells of a column of a batch, and say what they are."""
        if isinstance(reader, TextReader) and name in reader.schema.names:
            return read_cells(pa.chunked_array([reader.points(column, name)]), self.na)
        kind, values = kind_of(column.type), np.full(len(column), np.nan)
        if kind in ("numbers", "true/false"):
            values = self.without(_arithmetic(column))
            kind = "empty" if np.isnan(values).all() else kind
        return Cells(kind, values, np.zeros(len(column), dtype=bool))

    def table(self, reader: Reader, piece: Any, names: Sequence[str], source: str) -> Table:
        """Return columns of a batch as a table, with the types of the first file."""
        first, arrays = self.readers[0], []
        text = reader if isinstance(reader, TextReader) else None
        for name in names:
            kind = pa.string() if text else self.type(first, name)
            try:
                column = self._column(reader, piece, name).cast(kind)
                arrays.append(text.points(column, name) if text else column)
            except pa.ArrowException as error:
                raise TableError(
                    f"{reader.file.label}: column '{name}' cannot be {kind}, as in "
                    f"{first.file.label}: {error}."
                ) from None
        columns = pa.table(arrays, names=list(names))
        return Table(source, columns, is_text=text is not None, na=self.na)


def survey(columns: Columns, names: Sequence[str], *, explicit: bool) -> dict[str, str]:
    """Return what each of some columns holds, from its first cells that are not missing.

    Raises
    ------
    TableError
        If a column is mostly numbers but not all, or, where the columns are named explicitly, if
        one holds no numbers.
    """
    kinds: dict[str, str] = dict.fromkeys(names, "empty")
    for reader in columns.readers:
        row, left = 0, [name for name in names if kinds[name] == "empty"]
        if not left:
            break
        for piece in columns.pieces(reader, left, texts=True):
            _note_commas(columns, reader, piece)
            for name in left:
                kinds[name] = columns.survey(reader, piece, name, row, explicit=explicit)
            row += len(piece)
            left = [name for name in left if kinds[name] == "empty"]
            if not left:
                break
        else:
            reader.n_rows = row
    return kinds


def check_lacking(columns: Columns, names: Sequence[str]) -> None:
    """Raise at a file that does not have all of these columns."""
    first = columns.readers[0].file.label
    for reader in columns.readers:
        known = [*reader.schema.names, *reader.file.partitions]
        lacking = [name for name in names if name not in known]
        if lacking:
            raise TableError(
                f"{reader.file.label} has no {named('column', lacking)}, which {first} has; the "
                "files of a table need the same columns."
            )


def _check(
    reader: Reader, column: Any, name: str, row: int, cells: Cells, *, explicit: bool
) -> None:
    """Raise unless a column of a batch that starts at ``row`` of its file holds numbers."""
    where = reader.where
    table = Table(reader.file.label, pa.table({name: column}), lambda bad: where(row + bad))
    check_kind(table, name, cells, explicit=explicit)


def kind_of(kind: Any) -> str:
    """Say what a column of this type holds."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return "numbers"
    if pa.types.is_boolean(kind):
        return "true/false"
    if pa.types.is_null(kind):
        return "empty"
    return "text" if is_text(kind) else "dates" if pa.types.is_temporal(kind) else str(kind)


def is_text(kind: Any) -> bool:
    """Say whether a type is text."""
    return str(kind) in ("string", "large_string", "string_view")


def _note_commas(columns: Columns, reader: Reader, piece: Any) -> None:
    """Note which columns hold decimal commas, as ``read_table`` does with the whole text."""
    if not isinstance(reader, TextReader) or reader.header.delimiter != ";":
        return
    found = comma_columns(reader.file.label, pa.Table.from_batches([piece]), columns.na)
    for other in columns.readers:
        if isinstance(other, TextReader):
            other.with_commas = {*other.with_commas, *found}


def _arithmetic(column: Any) -> NDArray[Any]:
    """Return a column of numbers or truth values, NaN where it is null."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_null(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if column.null_count:
        wanted = pa.float32() if kind in (pa.float16(), pa.float32()) else pa.float64()
        column = pc.fill_null(column.cast(wanted, safe=False), np.nan)
    values: NDArray[Any] = np.from_dlpack(column)
    return values


def _width(kind: Any) -> int:
    """Return about how many bytes a cell needs."""
    try:
        return max(int(kind.bit_width) // 8, 1)
    except ValueError:
        return TEXT_WIDTH
