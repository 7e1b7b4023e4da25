"""Tables by their endings, through files and pipes."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from mixtura._errors import TableError
from mixtura.io.columns import numeric_columns
from mixtura.io.table import Table
from mixtura.io.tables import (
    ENDINGS,
    check_directory,
    check_model_path,
    check_writable,
    numbered,
    read_table,
    write_table,
)

NUMBERS = pa.table({"a": [1.5, 2.5], "b": [3.0, -4.0]})
TYPED = (".parquet", ".pq", ".arrow", ".feather", ".ipc")


def message(path: str | Path) -> str:
    """Return the error that reading gives."""
    with pytest.raises(TableError) as raised:
        read_table(path)
    return str(raised.value)


@pytest.mark.parametrize("ending", [*ENDINGS, ".CSV", ".Parquet"])
def test_every_ending_round_trips(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    write_table(path, Table("x", NUMBERS))
    assert os.listdir(tmp_path) == [path.name]
    table = read_table(path)
    assert table.source == str(path)
    numeric = numeric_columns(table)
    assert numeric.names == (["x0", "x1"] if ending == ".npy" else ["a", "b"])
    assert numeric.X.tolist() == [[1.5, 3.0], [2.5, -4.0]]


@pytest.mark.parametrize("ending", [*ENDINGS, ".stream"])
def test_every_format_is_recognised_in_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path = tmp_path / f"t{ending}"
    if ending == ".stream":
        with pa.ipc.new_stream(path, NUMBERS.schema) as writer:
            writer.write_table(NUMBERS)
    else:
        write_table(path, Table("x", NUMBERS))
    pipe = SimpleNamespace(buffer=io.BytesIO(path.read_bytes()))
    monkeypatch.setattr("sys.stdin", pipe)
    table = read_table("-")
    assert table.source == "standard input"
    assert numeric_columns(table).X.tolist() == [[1.5, 3.0], [2.5, -4.0]]


def test_named_pipes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a,b\n1,2\nx,3\n4,5\n",))
    writer.start()
    table = read_table(path)
    writer.join()
    assert table.where(1) == "line 3"
    assert table.columns.column("a").to_pylist() == ["1", "x", "4"]


def test_standard_output_is_csv(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_table("-", Table("x", NUMBERS))
    assert capfdbinary.readouterr().out == b"a,b\n1.5,3\n2.5,-4\n"


def test_one_array_of_an_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", one=np.eye(2), two=np.eye(3))
    assert read_table(f"{tmp_path / 't.npz'}::two").n_rows == 3
    assert read_table(f"{tmp_path / 't.npz'}::two").source == f"{tmp_path / 't.npz'}::two"
    assert "has no array 'three'" in message(f"{tmp_path / 't.npz'}::three")


@pytest.mark.parametrize("ending", TYPED)
def test_text_of_numbers_becomes_numbers_where_there_are_types(tmp_path: Path, ending: str) -> None:
    text = "whole,real,text,mixed\n1,1.5,x,1\n2,,,2\n3,NA,1,x\n"
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    write_table(tmp_path / f"t{ending}", table)
    columns = read_table(tmp_path / f"t{ending}").columns
    assert columns.to_pydict() == {
        "whole": [1, 2, 3],
        "real": [1.5, None, None],
        "text": ["x", "", "1"],
        "mixed": ["1", "2", "x"],
    }
    assert columns.schema.field("whole").type == pa.int64()
    write_table(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text() == text


def test_no_such_file_directory_and_unknown_ending(tmp_path: Path) -> None:
    assert message(tmp_path / "t.csv") == f"{tmp_path / 't.csv'}: there is no such file; " + (
        "check the path."
    )
    assert message(tmp_path) == f"{tmp_path} is a directory; name a table inside it."
    (tmp_path / "t.xlsx").write_bytes(b"")
    assert message(tmp_path / "t.xlsx") == (
        f"{tmp_path / 't.xlsx'}: the ending says no format that mixtura knows; use one of "
        ".csv .tsv .txt .csv.gz .tsv.gz .txt.gz .parquet .pq .arrow .feather .ipc .npy .npz."
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    assert message(path) == f"{path} cannot be read: permission denied."


def test_a_path_that_is_too_long() -> None:
    assert "cannot be read: file name too long" in message("a" * 300 + ".csv")


@pytest.mark.parametrize("ending", ENDINGS)
def test_empty_and_damaged_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    write_table(path, Table("x", NUMBERS))
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"\0" + content[1:], b"\xff" * 100):
        path.write_bytes(damaged)
        try:
            numeric_columns(read_table(path))
        except TableError as error:
            text = str(error)
            assert text.startswith(str(path))
            assert text.endswith(".")
            assert "\n" not in text


def test_damage_is_named(tmp_path: Path) -> None:
    for name, kind in (("t.parquet", "Parquet"), ("t.arrow", "Arrow")):
        (tmp_path / name).write_bytes(b"a,b\n1,2\n")
        text = message(tmp_path / name)
        assert text.startswith(f"{tmp_path / name} is not a readable {kind} file: ")
    (tmp_path / "t.csv.gz").write_bytes(b"a,b\n1,2\n")
    assert "t.csv.gz is damaged or cut short: " in message(tmp_path / "t.csv.gz")


def test_no_rows_or_columns(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": pa.array([], pa.float64())}), tmp_path / "t.parquet")
    assert message(tmp_path / "t.parquet").endswith("has no rows or no columns.")


def test_repeated_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n")
    assert "several columns called 'a' (columns 1, 3)" in message(tmp_path / "t.csv")
    twins = pa.table([[1], [2]], ["a", "a"])
    parquet.write_table(twins, tmp_path / "t.parquet")
    assert "several columns called 'a' (columns 1, 2)" in message(tmp_path / "t.parquet")


def test_writing_where_nothing_can_be_written(tmp_path: Path) -> None:
    table = Table("x", NUMBERS)
    with pytest.raises(TableError, match=r"t\.csv cannot be written: no such file"):
        write_table(tmp_path / "no" / "t.csv", table)
    with pytest.raises(TableError, match="the ending says no format"):
        write_table(tmp_path / "t.xlsx", table)
    with pytest.raises(TableError, match="which delimited text cannot"):
        write_table(tmp_path / "t.csv", Table("x", pa.table({"a": [[1]]})))
    with pytest.raises(TableError, match=r"t\.npy can hold numbers only, which column 'a' is not"):
        write_table(tmp_path / "t.npy", Table("x", pa.table({"a": ["x"]})))
    assert os.listdir(tmp_path) == []


def test_what_parquet_cannot_hold(tmp_path: Path) -> None:
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(TableError, match="cannot hold this table"):
        write_table(tmp_path / "t.parquet", Table("x", pa.table({"a": union})))
    assert os.listdir(tmp_path) == []


def test_a_place_is_checked_before_the_work(tmp_path: Path) -> None:
    check_writable("-")
    check_writable(tmp_path / "t.csv")
    check_writable("t.parquet")
    with pytest.raises(TableError, match="the ending says no format"):
        check_writable(tmp_path / "t")
    with pytest.raises(TableError, match=r"cannot be written: there is no directory .*no\."):
        check_writable(tmp_path / "no" / "t.csv")
    with pytest.raises(TableError, match="is a directory; name a file inside it"):
        check_directory(tmp_path)


def test_inputs_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, X=np.eye(2))
    for check in (check_writable, check_model_path):
        with pytest.raises(TableError, match="what the command reads; write to another file"):
            check(tmp_path / "." / "t.npz", "-", "no such file", f"{path}::X")


def test_a_model_has_a_name_of_its_own(tmp_path: Path) -> None:
    check_model_path(tmp_path / "m.mixtura", tmp_path / "t.csv")
    check_model_path(tmp_path / "model")
    with pytest.raises(TableError, match="cannot go to standard output"):
        check_model_path("-")
    with pytest.raises(TableError, match=r"and a model is none; name a file such as t\.mixtura"):
        check_model_path(tmp_path / "t.csv.gz")


CELLS = {
    "text": st.text(st.characters(codec="utf-8"), max_size=5) | st.none(),
    "real": st.floats(allow_nan=False) | st.none(),
    "whole": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "truth": st.booleans() | st.none(),
}
TYPES = {"text": pa.string(), "real": pa.float64(), "whole": pa.int64(), "truth": pa.bool_()}


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """Draw a table of columns of several types."""
    n_rows = draw(st.integers(1, 5))
    columns: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, unique=True)):
        rows = draw(st.lists(CELLS[name], min_size=n_rows, max_size=n_rows))
        columns[name] = pa.array(rows, TYPES[name])
    return pa.table(columns)


@given(columns=arrow_tables(), ending=st.sampled_from(TYPED))
def test_types_and_cells_round_trip(
    tmp_path_factory: pytest.TempPathFactory, columns: pa.Table, ending: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round{ending}"
    write_table(path, Table("x", columns))
    assert read_table(path).columns == columns


@pytest.mark.parametrize(
    "ending", [".csv", ".tsv", ".csv.gz", ".parquet", ".arrow", ".npy", ".npz"]
)
def test_missing_cells_come_back_as_such(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    write_table(path, Table("t", pa.table({"x0": [1, None, 3], "x1": [0.5, -9.0, None]})))
    numeric = numeric_columns(read_table(path, ["-9"]), allow_missing=True)
    np.testing.assert_array_equal(numeric.X, [[1, 0.5], [np.nan, np.nan], [3, np.nan]])


def test_whole_numbers_with_holes_are_stored_as_such(tmp_path: Path) -> None:
    source, path = tmp_path / "t.csv", tmp_path / "t.parquet"
    source.write_text("a,b\n1,x\n,y\n-9,NA\n")
    write_table(path, read_table(source, ["-9"]))
    columns = read_table(path).columns
    assert columns.schema.types == [pa.int64(), pa.string()]
    assert columns.column("a").to_pylist() == [1, None, None]
    assert columns.column("b").to_pylist() == ["x", "y", "NA"]


def test_decimal_commas_with_marks_for_missing_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;x\n-;y\n2,5;z\n")
    assert read_table(path, ["-"]).columns.column("a").to_pylist() == ["1.5", "-", "2.5"]


def test_numbered_names() -> None:
    assert numbered("a.b/out.csv.gz", 2) == ["a.b/out-1.csv.gz", "a.b/out-2.csv.gz"]
    assert numbered("OUT.CSV", 10)[::9] == ["OUT-01.CSV", "OUT-10.CSV"]
