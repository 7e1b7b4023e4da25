"""A table carries its columns through."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mixtura._errors import TableError
from mixtura._text import counted
from mixtura.io.table import Table, as_option, named, quoted, row_number

TABLE = Table("t.csv", pa.table({"a": ["x", "y"], "b": [1, 2]}))


def test_names_and_rows() -> None:
    assert TABLE.names == ["a", "b"]
    assert TABLE.n_rows == 2
    assert TABLE.where(4) == row_number(4) == "row 5"


def test_appended_columns_stand_on_the_right() -> None:
    extended = TABLE.appended({"c": np.array([0.5, 1.5]), "d": np.array(["p", "q"])})
    assert extended.names == ["a", "b", "c", "d"]
    assert extended.columns.select(["a", "b"]) == TABLE.columns
    assert extended.columns.column("c").to_pylist() == [0.5, 1.5]
    assert extended.source == "t.csv"


def test_appending_a_name_that_is_taken() -> None:
    columns = {"b": np.zeros(2), "c": np.zeros(2), "a": np.zeros(2)}
    with pytest.raises(TableError) as raised:
        TABLE.appended(columns)
    assert str(raised.value) == (
        "t.csv already has columns called 'b', 'a'; rename or remove them first."
    )


def test_every_column_has_a_name_of_its_own() -> None:
    columns = [pa.array([j]) for j in range(4)]
    with pytest.raises(TableError) as raised:
        Table("t.csv", pa.table(columns, ["a", "b", "a", "a"]))
    assert str(raised.value) == (
        "t.csv has several columns called 'a' (columns 1, 3, 4); give each one a name of its own."
    )
    with pytest.raises(TableError) as raised:
        Table("t.csv", pa.table(columns, ["", "b", "c", ""]))
    assert str(raised.value) == "t.csv: columns 1, 4 have no name; give each one a name."


def test_words() -> None:
    assert quoted(["a", "b"]) == "'a', 'b'"
    assert quoted([str(j) for j in range(12)]).endswith("'9' and 2 more")
    assert named("column", ["a"]) == "column 'a'"
    assert named("column", ["a", "b"]) == "columns 'a', 'b'"
    assert as_option(["a", "b"]) == "a,b"
    assert as_option(["a b", "c,d"]) == "'a b,\"c,d\"'"
    assert counted(1, "row") == "1 row"
    assert counted(1200, "row") == "1,200 rows"
    assert counted(0, "row") == "0 rows"


def test_cells_are_filled_and_the_others_stay() -> None:
    typed = {
        "single": pa.array([1.5, None, 0.1], pa.float32()),
        "whole": pa.array([1, 2, None], pa.int64()),
        "words": pa.array(["1", "NA", "3"]),
        "truth": pa.array([True, None, False]),
        "kept": pa.array([1, None, 3], pa.int8()),
    }
    fill = {
        "single": np.array([1.5, 2.5, np.float32(0.1)]),
        "whole": np.array([1.0, 2.0, 0.25]),
        "words": np.array([1.0, 2.0, 3.0]),
        "truth": np.array([1.0, 0.5, 0.0]),
        "kept": np.array([1.0, 2.0, 3.0]),
    }
    missing = {name: np.array([False, True, False]) for name in typed}
    missing |= {"whole": np.array([False, False, True]), "kept": np.zeros(3, dtype=bool)}
    columns = Table("t", pa.table(typed)).filled(fill, missing).columns
    double = pa.float64()
    assert columns.schema.types == [pa.float32(), double, double, double, pa.int8()]
    for name, values in fill.items():
        expected = [1, None, 3] if name == "kept" else values.tolist()
        assert columns.column(name).to_pylist() == expected
    text = Table("t", pa.table({"a": ["01.50", " NA", "x"]}), is_text=True)
    filled = text.filled({"a": np.array([1.5, 1 / 3, np.nan])}, {"a": missing["words"]})
    assert filled.columns.column("a").to_pylist() == ["01.50", "0.3333333333333333", "x"]
