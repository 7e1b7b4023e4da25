"""CSV and its relatives: commas, semicolons or tabs, quoted cells, one header line.

Numbers without a header may also be separated by single spaces.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from mixtura._errors import TableError
from mixtura._text import counted
from mixtura.io.arrays import generic_names
from mixtura.io.arrow import arrow_csv, pa, pc
from mixtura.io.columns import NUMBER, missing_words
from mixtura.io.table import Table, named, quoted, row_number

logger = logging.getLogger(__name__)

Opener = Callable[[], BinaryIO]
DELIMITERS = ",;\t"
DAMAGED = (OSError, EOFError, zlib.error)  # what a cut or altered .gz raises
DECIMAL_COMMA = r"^\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*$"
BATCH = 65_536  # rows turned into text at a time


@dataclass(frozen=True)
class Header:
    """The first record: cells as written, names to use, and whether it is data already."""

    cells: list[str]
    names: list[str]
    delimiter: str
    is_data: bool


def read_delimited(source: str, opener: Opener, na: Sequence[str] = ()) -> Table:
    """Read delimited text, every cell as the text that is written there.

    ``na`` is what stands for a missing cell beside the usual words.
    """
    try:
        header = read_header(source, opener)
        columns = _parse(source, opener, header)
    except UnicodeDecodeError:
        raise not_utf8(source, opener) from None
    except DAMAGED as error:
        raise TableError(f"{source} is damaged or cut short: {error}.") from None
    if not columns.num_rows:
        raise TableError(f"{source} has a header but no rows.")
    if header.delimiter == ";":
        columns = with_decimal_points(source, columns, na)
    return Table(source, columns, Lines(opener, header), is_text=True)


def write_delimited(
    handle: BinaryIO, columns: pa.Table, delimiter: str = ",", *, header: bool = True
) -> None:
    """Write the columns, under a header line unless told not to, quoting what needs it."""
    names = pa.chunked_array([pa.array(columns.column_names, pa.string())])
    single = columns.num_columns == 1
    written = _escaped(names, delimiter, single=single).to_pylist()
    if header:
        handle.write((delimiter.join(written) + "\n").encode())
    for start in range(0, columns.num_rows, BATCH):
        batch = columns.slice(start, BATCH)
        cells = [_escaped(_as_text(batch, j), delimiter, single=single) for j in range(len(names))]
        lines = pc.binary_join_element_wise(*cells, delimiter).to_pylist()
        handle.write(("\n".join(lines) + "\n").encode())


@dataclass(frozen=True)
class Lines:
    """Find the line of a row by reading the text again; only messages need it."""

    opener: Opener
    header: Header

    def __call__(self, row: int) -> str:
        wanted = row if self.header.is_data else row + 1
        try:
            for number, (line, _) in enumerate(_records(self.opener, self.header.delimiter)):
                if number == wanted:
                    return f"line {line}"
        except (csv.Error, *DAMAGED):
            pass
        return row_number(row)


def read_header(source: str, opener: Opener) -> Header:
    """Read the first record: its delimiter, and whether it names the columns or is data."""
    record = _first_record(opener)
    if not record:
        raise TableError(f"{source} is empty; a table needs a header line and rows.")
    unquoted = re.sub(r'"[^"]*"', "", record)
    delimiter = max(DELIMITERS, key=unquoted.count)
    if delimiter not in unquoted and all(re.match(NUMBER, cell) for cell in record.split()):
        delimiter = " "  # what numpy.savetxt writes
    cells = next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter))
    names = [cell.strip() for cell in cells]
    numeric = [name for name in names if re.match(NUMBER, name)]
    if len(numeric) == len(names):
        logger.info(
            "%s has no header: its first line is all numbers, so the columns are called x0, x1...",
            source,
        )
        return Header(cells, generic_names(len(cells)), delimiter, is_data=True)
    if numeric:
        logger.info(
            "%s: the %s %s; if the first line is data, add a header line",
            source,
            named("column name", numeric),
            "is a number" if len(numeric) == 1 else "are numbers",
        )
    return Header(cells, names, delimiter, is_data=False)


def _first_record(opener: Opener) -> str:
    """Return the first line that is not blank, with those that its quoted cells run on to."""
    with _text(opener) as text:
        record = next((line for line in text if line.strip()), "")
        while record.count('"') % 2 and (line := text.readline()):
            record += line
    return record


def _parse(source: str, opener: Opener, header: Header) -> pa.Table:
    """Parse the whole text into columns of strings."""
    written = header.names if header.is_data else header.cells
    try:
        with opener() as handle:
            columns = arrow_csv.read_csv(
                handle,
                arrow_csv.ReadOptions(column_names=header.names if header.is_data else None),
                arrow_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
                arrow_csv.ConvertOptions(column_types=dict.fromkeys(written, pa.string())),
            )
    except pa.ArrowInvalid as error:
        raise diagnosis(source, opener, header, error) from None
    return columns.rename_columns(header.names)


def with_decimal_points(source: str, columns: pa.Table, na: Sequence[str]) -> pa.Table:
    """Rewrite ``5,1`` as ``5.1`` in those columns that hold nothing but such numbers."""
    changed = []
    for j, field in enumerate(columns.schema):
        column = columns.column(j)
        if not pa.types.is_string(field.type):
            continue
        comma = pc.match_substring_regex(column, DECIMAL_COMMA)
        trimmed = pc.utf8_trim_whitespace(column)
        whole = pc.match_substring_regex(trimmed, r"^[+-]?\d+$")
        missing = pc.is_in(pc.utf8_lower(trimmed), missing_words(na))
        if pc.any(comma).as_py() and pc.all(pc.or_(pc.or_(comma, whole), missing)).as_py():
            points = pc.replace_substring(column, ",", ".")
            columns = columns.set_column(j, field.name, points)
            changed.append(field.name)
    if changed:
        logger.info("%s: decimal commas read as points in %s", source, quoted(changed))
    return columns


def diagnosis(source: str, opener: Opener, header: Header, error: Exception) -> TableError:
    """Return the error for text that Arrow refused: the ragged line if there is one."""
    expected = len(header.cells)
    try:
        for line, cells in _records(opener, header.delimiter):
            if len(cells) != expected:
                return TableError(
                    f"{source}: line {line} has {counted(len(cells), 'cell')} where the first line "
                    f"has {expected}; quote cells that contain '{header.delimiter}' and complete "
                    "short lines."
                )
    except (csv.Error, *DAMAGED):
        pass
    if "UTF8" in str(error):
        return not_utf8(source, opener)
    return TableError(f"{source} is not readable as delimited text: {error}.")


def not_utf8(source: str, opener: Opener) -> TableError:
    """Return the error for text in another encoding, with the first line that shows it."""
    with opener() as handle:
        for number, line in enumerate(handle, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return TableError(
                    f"{source}: line {number} is not UTF-8 text; save the file as UTF-8 CSV."
                )
    return TableError(f"{source} is not UTF-8 text; save the file as UTF-8 CSV.")


def _records(opener: Opener, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every record that is not blank with the line on which it starts."""
    with _text(opener, errors="replace") as text:
        reader = csv.reader(text, delimiter=delimiter)
        start = 1
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1


def _text(opener: Opener, errors: str = "strict") -> io.TextIOWrapper:
    """Open the file as text, without the byte order mark and with line ends untouched."""
    return io.TextIOWrapper(opener(), encoding="utf-8-sig", errors=errors, newline="")


def _as_text(columns: pa.Table, j: int) -> pa.ChunkedArray:
    """Return a column as text, missing cells empty."""
    column = columns.column(j)
    try:
        return pc.fill_null(pc.cast(column, pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise TableError(
            f"column '{columns.column_names[j]}' holds {column.type}, which delimited text cannot; "
            "write Parquet or Arrow instead."
        ) from None


def _escaped(text: pa.ChunkedArray, delimiter: str, *, single: bool) -> pa.ChunkedArray:
    """Quote the cells that hold a delimiter, a quote or a line end, or would be a blank line."""
    special = pc.match_substring_regex(text, f'["\r\n{delimiter}]')
    if single:
        special = pc.or_(special, pc.equal(text, ""))
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), text)
