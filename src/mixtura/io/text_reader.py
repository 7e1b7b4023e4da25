"""Read delimited text in batches of rows, with the rules and the words of ``delimited``."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, BinaryIO, cast

from mixtura._errors import TableError
from mixtura.io.arrow import arrow_csv, pa, pc
from mixtura.io.atomic import reason
from mixtura.io.columns import MISSING
from mixtura.io.delimited import (
    DAMAGED,
    DECIMAL_COMMA,
    Lines,
    diagnosis,
    not_utf8,
    read_header,
    with_decimal_points,
)
from mixtura.io.files import File
from mixtura.io.tables import COMPRESSED

BLOCK = 1 << 20  # bytes of text parsed at a time, if the budget allows


@dataclass
class TextReader:
    """A file of delimited text, plain or gzipped.

    ``numbers`` are the columns that held numbers where the table was surveyed: they are parsed as
    such, which is fast, until a cell is not one; from then on the file is read as text. Columns
    ``with_commas`` hold decimal commas.
    """

    file: File
    na: Sequence[str]
    numbers: Collection[str] = ()
    with_commas: Collection[str] = ()
    n_rows: int | None = None
    is_text: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Read the header."""
        with self._readable():
            self.header = read_header(self.file.label, self.open)
        self.schema = pa.schema([(name, pa.string()) for name in self.header.names])

    def open(self) -> BinaryIO:
        """Open the text, decompressed, for Python, which asks for lines."""
        return cast(BinaryIO, io.BufferedReader(self._stream()))

    def _stream(self) -> Any:
        """Open the text, decompressed, for Arrow."""
        compression = "gzip" if self.file.path.lower().endswith(COMPRESSED) else None
        return self.file.filesystem.open_input_stream(self.file.path, compression=compression)

    def where(self, row: int) -> str:
        """Say on which line a row stands, by reading the file again."""
        return Lines(self.open, self.header)(row)

    def batches(self, names: Sequence[str], rows: int, memory: int) -> Iterator[Any]:
        """Yield record batches in which columns are numbers (NaN or null if missing) or text."""
        done = 0
        if not self.is_text and any(name in self.numbers for name in names):
            try:
                for batch in self._parsed(names, memory, self.numbers):
                    yield batch
                    done += batch.num_rows
                return
            except pa.ArrowInvalid:
                self.is_text = True
        yield from self.texts(names, memory, done)

    def texts(self, names: Sequence[str], memory: int, skip: int = 0) -> Iterator[Any]:
        """Yield record batches of text, every cell as it is written, after ``skip`` rows."""
        try:
            for batch in self._parsed(names, memory):
                if batch.num_rows > skip:
                    yield batch.slice(skip)
                skip = max(skip - batch.num_rows, 0)
        except pa.ArrowInvalid as error:
            raise diagnosis(self.file.label, self.open, self.header, error) from None

    def points(self, column: Any, name: str) -> Any:
        """Return a column of text with decimal commas as points, where it has them."""
        if name not in self.with_commas:
            return column
        is_number = pc.match_substring_regex(column, DECIMAL_COMMA)
        return pc.if_else(is_number, pc.replace_substring(column, ",", "."), column)

    def _parsed(
        self, names: Sequence[str], memory: int, numbers: Collection[str] = ()
    ) -> Iterator[Any]:
        """Yield record batches with these columns of numbers; the others are text."""
        header = self.header
        cells = header.names if header.is_data else header.cells
        written = dict(zip(header.names, cells, strict=True))
        types = {written[name]: pa.float64() if name in numbers else pa.string() for name in names}
        size = min(max(memory // 256, 1 << 16), BLOCK)
        with self._readable(), self._stream() as handle:
            reader = arrow_csv.open_csv(
                handle,
                arrow_csv.ReadOptions(
                    column_names=header.names if header.is_data else None, block_size=size
                ),
                arrow_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
                arrow_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=_spellings(self.na),
                    decimal_point="," if self.with_commas else ".",
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    yield pa.RecordBatch.from_arrays(batch.columns, names=list(names))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what reading raises into sentences; what Arrow cannot parse is left as it is."""
        self.file.check_unchanged()
        label = self.file.label
        try:
            yield
        except UnicodeDecodeError:
            raise not_utf8(label, self.open) from None
        except (FileNotFoundError, PermissionError) as error:
            raise TableError(f"{label} cannot be read: {reason(error)}.") from None
        except DAMAGED as error:
            raise TableError(f"{label} is damaged or cut short: {error}.") from None
        self.file.check_unchanged()


def comma_columns(label: str, texts: Any, na: Sequence[str]) -> list[str]:
    """Return the columns of text that hold nothing but numbers with decimal commas."""
    changed = with_decimal_points(label, texts, na)
    return [n for n in texts.column_names if not changed.column(n).equals(texts.column(n))]


def _spellings(na: Sequence[str]) -> list[str]:
    """Return what stands for a missing number, in every mix of upper and lower case.

    Longer words, of which there would be too many, are found where the cells are read as text.
    """
    words = [word for word in (*MISSING, *(text.strip() for text in na)) if len(word) <= 6]
    return [
        "".join(letters)
        for word in words
        for letters in product(*({letter.lower(), letter.upper()} for letter in word))
    ]
