"""Delimited text: what is understood, what is refused and where, and what is written."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura._errors import TableError
from mixtura.io.columns import numeric_columns
from mixtura.io.delimited import read_delimited, write_delimited
from mixtura.io.table import Table


def opener(content: str | bytes) -> Callable[[], BinaryIO]:
    """Return what opens this content."""
    return partial(io.BytesIO, content.encode() if isinstance(content, str) else content)


def read(content: str | bytes) -> Table:
    """Read text called t.csv."""
    return read_delimited("t.csv", opener(content))


def message(content: str | bytes) -> str:
    """Return the error that reading this text and taking its numbers gives."""
    with pytest.raises(TableError) as raised:
        numeric_columns(read(content))
    return str(raised.value).removeprefix("t.csv").lstrip(": ")


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4",
        "\ufeffa,b\n1,2\n3,4",
        "\n\na,b\n\n1,2\n\n3,4\n\n",
        "a;b\n1;2\n3;4\n",
        "a\tb\n1\t2\n3\t4\n",
        '"a","b"\n"1","2"\n"3","4"\n',
        "a, b\n1, 2\n 3,4 \n",
    ],
)
def test_ways_to_write_one_table(content: str) -> None:
    numeric = numeric_columns(read(content))
    assert numeric.names == ["a", "b"]
    assert numeric.X.tolist() == [[1, 2], [3, 4]]


def test_cells_are_kept_as_they_are_written() -> None:
    table = read('id,x,"a ""b"", c"\n007,1.50,"two\nlines"\n08,NA,"1,5"\n')
    assert table.names == ["id", "x", 'a "b", c']
    assert table.columns.to_pydict() == {
        "id": ["007", "08"],
        "x": ["1.50", "NA"],
        'a "b", c': ["two\nlines", "1,5"],
    }


@pytest.mark.parametrize("content", ["1,2\n3,4\n", "1 2\n3 4\n", "1;2\n3;4\n"])
def test_numbers_without_a_header(content: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mixtura"):
        table = read(content)
    assert table.names == ["x0", "x1"]
    assert numeric_columns(table).X.tolist() == [[1, 2], [3, 4]]
    assert table.where(1) == "line 2"
    assert caplog.messages == [
        "t.csv has no header: its first line is all numbers, so the columns are called x0, x1..."
    ]


def test_names_that_are_numbers_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mixtura"):
        assert read("5.1,3.5,setosa\n4.9,3.0,setosa\n").names == ["5.1", "3.5", "setosa"]
    assert caplog.messages == [
        "t.csv: the column names '5.1', '3.5' are numbers; if the first line is data, add a header "
        "line"
    ]


def test_decimal_commas(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mixtura"):
        table = read("a;b;c\n5,1;x,y;1\n-7;1,5;2\nNA;2,5;3\n ,5e3;3,5;4\n")
    assert table.columns.column("a").to_pylist() == ["5.1", "-7", "NA", " .5e3"]
    assert table.columns.column("b").to_pylist() == ["x,y", "1,5", "2,5", "3,5"]
    assert caplog.messages == ["t.csv: decimal commas read as points in 'a'"]
    assert "column 'a' holds '5,1' on line 2" in message("a;b\n5,1;1\n2.5;2\n")


@pytest.mark.parametrize("content", ["", "\n \n\n"])
def test_empty_text(content: str) -> None:
    assert message(content) == "is empty; a table needs a header line and rows."


def test_a_header_alone() -> None:
    assert message("a,b\n\n") == "has a header but no rows."


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("a,b\n1,2\n3\n", 3, "1 cell"),
        ("a,b\n\n\n1,2,3\n", 4, "3 cells"),
        ('a,b\n"x\ny",2\n1,2,3\n', 4, "3 cells"),
        ("a,b\n1,2,\n", 2, "3 cells"),
        ('a,b\n"1,2\n3,4\n', 2, "1 cell"),
    ],
)
def test_ragged_lines(content: str, line: int, found: str) -> None:
    assert message(content) == (
        f"line {line} has {found} where the first line has 2; quote cells that contain ',' and "
        "complete short lines."
    )


def test_lines_are_counted_as_an_editor_does() -> None:
    content = 'a,b\n"x\ny",1\n\n"z",2\nw,three\nv,4\n'
    assert message(content).startswith("column 'b' holds 'three' on line 6,")
    assert message(content.replace("three", "")).startswith("has missing cells")
    assert "'b' (1, first on line 6)" in message(content.replace("three", ""))


def test_lines_of_text_that_has_changed_fall_back_to_rows() -> None:
    contents = [b"a\n1\n", b"a\n1\n", b"a\n"]
    table = read_delimited("t.csv", lambda: io.BytesIO(contents.pop(0)))
    assert table.where(0) == "row 1"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a,b\n1,2\nM\xfcller,3\n", 3),
        (b"M\xfcller,b\n1,2\n", 1),
        ("a,b\n1,2\n".encode("utf-16"), 1),
    ],
)
def test_other_encodings(content: bytes, line: int) -> None:
    assert message(content) == f"line {line} is not UTF-8 text; save the file as UTF-8 CSV."


def test_text_beyond_understanding() -> None:
    assert message(b"\x00\x01\x02\n" * 10).startswith(("is not readable", "has", "line"))


def test_compressed_text_cut_short() -> None:
    content = gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)
    cut = partial(gzip.GzipFile, fileobj=io.BytesIO(content[: len(content) // 2]))
    with pytest.raises(TableError, match=r"^t\.csv is damaged or cut short: "):
        read_delimited("t.csv", lambda: io.BufferedReader(cut()))  # type: ignore[arg-type]


def written(columns: Any, delimiter: str = ",") -> str:
    """Return the text of a table."""
    handle = io.BytesIO()
    write_delimited(handle, pa.table(columns), delimiter)
    return handle.getvalue().decode()


def test_only_cells_that_need_it_are_quoted() -> None:
    columns = {"a": ["x", "y,z", 'q"t', "", None], "b,c": [1.0, 0.1, None, 1e-300, float("nan")]}
    assert written(columns) == 'a,"b,c"\nx,1\n"y,z",0.1\n"q""t",\n,1e-300\n,nan\n'
    assert written({"a": ["x,y", "z\tw"], "b": [True, None]}, "\t") == (
        'a\tb\nx,y\ttrue\n"z\tw"\t\n'
    )


def test_an_empty_cell_of_a_single_column_is_no_blank_line() -> None:
    assert written({"a": ["x", ""]}) == 'a\nx\n""\n'


def test_what_text_cannot_hold() -> None:
    with pytest.raises(TableError, match=r"column 'a' holds list<.*>, which delimited text cannot"):
        written({"a": [[1]]})


def test_many_rows() -> None:
    n = 70_000
    assert written({"a": list(range(n))}) == "a\n" + "".join(f"{i}\n" for i in range(n))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=5)
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@given(data=st.data(), delimiter=st.sampled_from(",\t"))
def test_any_text_round_trips(data: st.DataObject, delimiter: str) -> None:
    # the reader strips names, and numbers alone are no header
    names = data.draw(
        st.lists(NAMES.map(lambda name: f"n{name.strip()}"), min_size=2, max_size=4, unique=True)
    )
    n_rows = data.draw(st.integers(1, 5))
    rows = st.lists(CELLS, min_size=n_rows, max_size=n_rows)
    columns = {name: data.draw(rows) for name in names}
    if sum(name.count(",") for name in names) and delimiter == "\t":
        columns = {name.replace(",", ""): cells for name, cells in columns.items()}
    table = read(written(columns, delimiter))
    assert table.columns.to_pydict() == columns


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    whole=st.integers(-(2**53), 2**53),
)
def test_any_number_round_trips(values: list[float], whole: int) -> None:
    numeric = numeric_columns(read(written({"a": values, "b": [whole] * len(values)})))
    assert numeric.X[:, 0].tolist() == values
    assert numeric.X[:, 1].tolist() == [whole] * len(values)


@given(content=st.binary(max_size=100) | st.text(alphabet='a1,;\t\n\r" .', max_size=40))
def test_nothing_but_the_error_comes_of_any_text(content: str | bytes) -> None:
    with suppress(TableError):
        numeric_columns(read(content))
