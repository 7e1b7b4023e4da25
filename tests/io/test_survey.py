"""What columns hold, and their batches as numbers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mixtura._errors import TableError
from mixtura.io.files import find_files
from mixtura.io.readers import ArrowReader
from mixtura.io.survey import Columns, kind_of, survey
from mixtura.io.table import Table
from mixtura.io.tables import write_table


def columns_of(folder: Path, *tables: dict[str, Any], na: tuple[str, ...] = ()) -> Columns:
    """Write tables to files, and return how they are read."""
    for i, table in enumerate(tables):
        write_table(folder / f"{i}.arrow", Table("x", pa.table(table)))
    return Columns([ArrowReader(file) for file in find_files(str(folder))], {}, na, 1 << 20)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (pa.int8(), "numbers"),
        (pa.decimal128(5, 2), "numbers"),
        (pa.dictionary(pa.int8(), pa.float32()), "numbers"),
        (pa.dictionary(pa.int8(), pa.string()), "text"),
        (pa.large_string(), "text"),
        (pa.bool_(), "true/false"),
        (pa.date32(), "dates"),
        (pa.null(), "empty"),
        (pa.binary(), "binary"),
    ],
)
def test_kinds(kind: Any, words: str) -> None:
    assert kind_of(kind) == words


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pa.array([1, None, 3], pa.int16()), [1, np.nan, 3]),
        (pa.array([1.5, None, np.nan], pa.float32()), [1.5, np.nan, np.nan]),
        (pa.array(np.array([1.5, 2], np.float16)), [1.5, 2]),
        (pa.array([Decimal("1.25"), None]), [1.25, np.nan]),
        (pa.array([True, None]), [1, np.nan]),
        (pa.array([2.0, None, 2.0]).dictionary_encode(), [2, np.nan, 2]),
        (pa.array([-9.0, 4]), [np.nan, 4]),
    ],
)
def test_numbers(tmp_path: Path, cells: Any, expected: list[float]) -> None:
    columns = columns_of(tmp_path, {"a": cells}, na=("-9",))
    ((reader, row, piece),) = columns.every(["a"])
    np.testing.assert_array_equal(columns.numbers(reader, piece, "a", row), expected)
    assert survey(columns, ["a"], explicit=False) == {"a": kind_of(cells.type)}


def test_the_survey_looks_on_while_cells_are_missing(tmp_path: Path) -> None:
    empty = pa.array([None, None], pa.float64())
    columns = columns_of(tmp_path, {"a": empty, "b": empty}, {"a": [None, 1.0], "b": empty})
    assert survey(columns, ["a", "b"], explicit=True) == {"a": "numbers", "b": "empty"}


def test_types_that_differ_between_files(tmp_path: Path) -> None:
    columns = columns_of(tmp_path, {"a": [1, 2]}, {"a": [3.5]})
    pieces = list(columns.every(["a"]))
    with pytest.raises(TableError, match=r"^1\.arrow: column 'a' cannot be int64, as in 0\.arrow"):
        columns.table(pieces[1][0], pieces[1][2], ["a"], "x")
