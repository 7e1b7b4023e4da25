"""Which columns are numbers, and what is said about the others."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura._errors import TableError
from mixtura.io.columns import missing_counts, numeric_columns, read_cells, to_numbers
from mixtura.io.table import Table


def table(**columns: Any) -> Table:
    """Return a table called t.csv whose first row stands on line 2."""
    return Table("t.csv", pa.table(columns), lambda row: f"line {row + 2}")


def message(source: Table, *arguments: Any, **options: Any) -> str:
    """Return the error that choosing columns gives."""
    with pytest.raises(TableError) as raised:
        numeric_columns(source, *arguments, **options)
    text = str(raised.value)
    assert text.startswith("t.csv")
    return text.removeprefix("t.csv").lstrip(": ")


MIXED_TYPES = table(
    text=["a", "b", "c"],
    whole=["1", " 2 ", "+3"],
    decimal=[Decimal("1.5"), Decimal("2.5"), Decimal("-3.25")],
    day=[datetime.date(2001, 1, 1)] * 3,
    truth=[True, False, True],
    written_truth=["True", "false", "TRUE"],
    empty=["", "NA", "null"],
    nothing=pa.nulls(3),
    category=pa.array(["x", "y", "x"]).dictionary_encode(),
    digits=pa.array(["1", "2", "1"]).dictionary_encode(),
    pair=[[1, 2]] * 3,
)


def test_numbers_are_taken_and_the_rest_reported() -> None:
    numeric = numeric_columns(MIXED_TYPES)
    assert numeric.names == ["whole", "decimal", "digits"]
    np.testing.assert_array_equal(numeric.X, [[1, 1.5, 1], [2, 2.5, 2], [3, -3.25, 1]])
    assert numeric.X.dtype == np.float64
    assert numeric.ignored == {
        "text": "text",
        "day": "dates",
        "truth": "true/false",
        "written_truth": "true/false",
        "empty": "empty",
        "nothing": "empty",
        "category": "text",
        "pair": "list<item: int64>",
    }


def test_row_labels_of_other_programs_are_left_out() -> None:
    labelled = Table("t.csv", pa.table([[1, 2], [3, 4], [5, 6]], ["", "a", "__index_level_0__"]))
    numeric = numeric_columns(labelled)
    assert numeric.names == ["a"]
    assert numeric.ignored == {"": "row labels", "__index_level_0__": "row labels"}


def test_columns_are_taken_in_the_order_asked_for() -> None:
    source = table(a=[1, 2], b=[3, 4], c=[5, 6])
    assert numeric_columns(source, ["c", "a", "c"]).X.tolist() == [[5, 1], [6, 2]]
    assert numeric_columns(source, drop=["b"]).names == ["a", "c"]
    assert numeric_columns(source, ["c", "a"], ["c"]).names == ["a"]


def test_true_and_false_count_as_one_and_zero_if_asked_for() -> None:
    numeric = numeric_columns(MIXED_TYPES, ["truth", "written_truth"])
    assert numeric.X.tolist() == [[1, 1], [0, 0], [1, 1]]
    assert numeric.ignored == {}


def test_float32_stays_where_every_column_is() -> None:
    single, double = pa.array([1.5], pa.float32()), pa.array([1.5])
    assert numeric_columns(table(a=single, b=single)).X.dtype == np.float32
    assert numeric_columns(table(a=single, b=double)).X.dtype == np.float64


def test_whole_numbers_of_any_size() -> None:
    source = table(a=["123456789012345678901234567890"], b=pa.array([2**64 - 1], pa.uint64()))
    assert numeric_columns(source).X.tolist() == [[1.2345678901234568e29, 2.0**64]]


@pytest.mark.parametrize("name", ["text", "day", "category", "pair", "empty", "nothing"])
def test_a_column_asked_for_must_hold_numbers(name: str) -> None:
    what = {
        "text": "holds text, not numbers",
        "category": "holds text, not numbers",
        "day": "holds dates, not numbers",
        "pair": "holds list<item: int64>, not numbers",
        "empty": "has no values",
        "nothing": "has no values",
    }[name]
    assert message(MIXED_TYPES, [name]) == f"column '{name}' {what}; choose columns of numbers."


def test_a_mixed_column() -> None:
    source = table(a=["1", "2", "three", "4"], b=[1, 2, 3, 4])
    assert message(source) == (
        "column 'a' holds 'three' on line 4, which is not a number; correct it, or leave the "
        "column out (--drop a)."
    )
    assert message(source, ["a"]).endswith("which is not a number; correct it.")
    assert numeric_columns(source, drop=["a"]).names == ["b"]


def test_a_mixed_column_with_several_bad_cells() -> None:
    long = "long\n" * 20
    source = table(a=[long, "x", "1", "2", ""])
    shown = " ".join(long.split())[:40]
    assert message(source).startswith(
        f"column 'a' holds '{shown}...' on line 2, which is not a number (2 cells of this column "
        "are not); correct it"
    )


def test_mostly_text_is_text() -> None:
    assert read_cells(table(a=["x", "y", "1"]).columns.column("a")).kind == "text"


def test_numbers_with_thousands_commas() -> None:
    source = table(pay=["1,200", "12,345.5", "900", "-1,234,567", ""], a=[1, 2, 3, 4, 5])
    assert numeric_columns(source).ignored == {"pay": "numbers with thousands commas"}
    assert message(source, ["pay"]) == (
        "column 'pay' holds numbers with thousands commas, not numbers; remove the commas."
    )
    assert read_cells(table(a=["1,20", "1,200"]).columns.column("a")).kind == "text"


def test_missing_cells_in_several_columns() -> None:
    source = table(a=["1", "", "NaN"], b=[1.0, 2.0, 3.0], c=[float("nan"), None, 1.0])
    assert message(source) == (
        "has missing cells, which cannot be used here: 'a' (2, first on line 3), 'c' (2, "
        "first on line 2); fill them in, or leave the columns out (--drop a,c)."
    )
    assert message(source, ["c"]).endswith(
        "'c' (2, first on line 2); fill them in, or remove the 2 rows of 3 that have them."
    )
    assert message(table(a=[1.0, None, 3.0], b=[1, 2, 3])).endswith(
        "; fill them in, remove the 1 row of 3 that has them, or leave the column out (--drop a)."
    )


def test_missing_cells_in_many_columns() -> None:
    source = table(**{f"c{j}": [1.0, None] for j in range(12)})
    advice = "fill them in, or remove the 1 row of 2 that has them"
    assert message(source).endswith(f"'c9' (1, first on line 3) and 2 more columns; {advice}.")
    whole = Table("t.csv", source.columns.append_column("whole", pa.array([1, 2])))
    assert message(whole).endswith("that has them, or leave the columns out (--drop).")


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "#N/A", "NaN", "nan", "NULL", "None", "?"])
def test_ways_to_write_a_missing_cell(cell: str) -> None:
    assert "'a' (1, first on line 3)" in message(table(a=["1", cell, "2"]))


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_infinite_cells(cell: str) -> None:
    assert message(table(a=["1", cell])) == (
        f"column 'a' holds '{cell}' on line 3, which is infinite as a number; every cell must be "
        "finite."
    )


def test_infinite_numbers() -> None:
    assert "column 'a' holds '-inf' on line 2" in message(table(a=[-np.inf, 1.0]))


def test_unknown_columns() -> None:
    source = table(alpha=[1], beta=[2])
    assert message(source, ["alhpa"]) == "has no column 'alhpa'; did you mean 'alpha'?"
    assert (
        message(source, ["x", "y"]) == "has no columns 'x', 'y'; its columns are 'alpha', 'beta'."
    )
    assert message(source, None, ["gamma"]).startswith("has no column 'gamma'")


def test_no_column_left() -> None:
    assert message(table(a=["x"], b=["y"])) == (
        "has no column of numbers; left out: 'a' (text), 'b' (text)."
    )
    assert message(table(a=[1]), drop=["a"]) == "no column is left to use; leave out fewer columns."


def test_columns_as_numbers_or_none() -> None:
    columns = MIXED_TYPES.columns
    assert to_numbers(columns.column("text")) is None
    np.testing.assert_array_equal(to_numbers(columns.column("truth")), [1, 0, 1])
    np.testing.assert_array_equal(to_numbers(columns.column("empty")), [np.nan] * 3)


@given(cells=st.lists(st.text(max_size=6) | st.floats().map(str) | st.integers().map(str)))
def test_a_cell_is_a_number_where_python_says_so(cells: list[str]) -> None:
    read = read_cells(pa.chunked_array([pa.array(cells, pa.string())]))
    for cell, value, bad in zip(cells, read.values, read.bad, strict=True):
        try:
            expected = float(cell) if cell.isascii() and "_" not in cell else None
        except ValueError:
            expected = None
        if read.kind in ("numbers", "mixed", "text") and expected is not None and not bad:
            assert value == expected or (np.isnan(value) and np.isnan(expected))
        if bad:
            assert expected is None


def test_missing_cells_where_they_are_allowed() -> None:
    columns = {"a": ["1", "", "?"], "b": ["2", "-9", "-9.0"], "c": ["", "NA", "-9"]}
    source = Table("t", pa.table(columns), na=("-9",))
    numeric = numeric_columns(source, allow_missing=True)
    assert (numeric.names, numeric.ignored) == (["a", "b"], {"c": "empty"})
    np.testing.assert_array_equal(numeric.X, [[1, 2], [np.nan, np.nan], [np.nan, np.nan]])
    assert missing_counts(numeric) == {"a": 2, "b": 2}
    assert numeric_columns(source, ["a", "c"], allow_missing=True, allow_empty=True).X.shape == (
        3,
        2,
    )
    with pytest.raises(TableError, match="column 'c' has no values"):
        numeric_columns(source, ["c"], allow_missing=True)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, -9, 3], pa.int32()),
        pa.array([1.0, -9.0, 3.0], pa.float32()),
        pa.array([1.0, None, 3.0]),
        pa.array([1.0, np.nan, 3.0]),
        pa.array(["1", "Absent ", "3"]),
        pa.array(["1", "-9.00", "3"]).dictionary_encode(),
    ],
    ids=str,
)
def test_what_stands_for_a_missing_cell(column: pa.Array) -> None:
    cells = read_cells(pa.chunked_array([column]), ["-9", "absent"])
    assert cells.kind == "numbers"
    np.testing.assert_array_equal(cells.values, [1, np.nan, 3])
    assert cells.values.dtype == (np.float32 if column.type == pa.float32() else np.float64)


def test_a_column_of_nan_alone_is_empty() -> None:
    assert read_cells(pa.chunked_array([pa.array([np.nan, np.nan])])).kind == "empty"
    assert read_cells(pa.chunked_array([pa.array([7, 7])]), ["7"]).kind == "empty"
