"""What functions of the rows return is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mixtura._errors import InputError, TableError
from mixtura.io.opened import open_table
from mixtura.io.table import Table
from mixtura.io.tables import read_table, write_table

COLUMNS = {"a": [1.5, None, 3.0, 4.0], "name": ["p", "q,", "r", "s"], "b": [1, 2, None, 4]}
OUTPUTS = [".csv", ".csv.gz", ".tsv", ".parquet", ".arrow"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A Parquet file of several row groups."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(COLUMNS), path, row_group_size=3)
    return path


def halves(rows: Any) -> Any:
    """Return the rows with 0.5 in the place of NaN."""
    return np.where(np.isnan(rows), 0.5, rows)


@pytest.mark.parametrize("ending", OUTPUTS)
def test_columns_go_beside_the_table(source: Path, ending: str) -> None:
    out, same = source.with_name(f"o{ending}"), source.with_name(f"s{ending}")
    open_table(source).write(
        out,
        label=lambda rows: np.isnan(rows[:, 0]).astype(int),
        p=lambda rows: halves(rows)[:, ::-1],
    )
    expected = Table("x", pa.table(COLUMNS)).appended(
        {
            "label": np.array([0, 1, 0, 0]),
            "p_0": np.array([1, 2, 0.5, 4]),
            "p_1": np.array([1.5, 0.5, 3, 4]),
        }
    )
    write_table(same, expected)
    assert read_table(out).columns.equals(read_table(same).columns)
    assert sorted(os.listdir(out.parent)) == sorted([out.name, same.name, source.name])


def test_missing_cells_are_filled(source: Path) -> None:
    out = source.with_name("o.parquet")
    open_table(source).write(out, halves)
    table = read_table(out).columns
    assert table.to_pydict() == {
        "a": [1.5, 0.5, 3.0, 4.0],
        "name": COLUMNS["name"],
        "b": [1.0, 2.0, 0.5, 4.0],
    }
    open_table(source).write(out, halves, keep=False)
    assert read_table(out).names == ["a", "b"]


def test_cells_of_text_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b,name\n1.50,NA,"x,y"\n,007,NA\n')
    open_table(tmp_path / "t.csv").write(tmp_path / "o.csv", halves)
    assert (tmp_path / "o.csv").read_text() == 'a,b,name\n1.50,0.5,"x,y"\n0.5,007,NA\n'
    open_table(tmp_path / "t.csv").write(tmp_path / "o.parquet")
    assert read_table(tmp_path / "o.parquet").columns.to_pydict() == {
        "a": [1.5, None],
        "b": [None, 7.0],
        "name": ["x,y", "NA"],
    }


def test_matrices(tmp_path: Path) -> None:
    X = np.arange(200_000.0).reshape(-1, 2)
    np.save(tmp_path / "x.npy", X)
    table = open_table(tmp_path / "x.npy")
    table.write(tmp_path / "o.npy", twice=lambda rows: 2 * rows)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), np.column_stack([X, 2 * X]))
    table.write(tmp_path / "o.npy", keep=False, total=lambda rows: rows.sum(axis=1))
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy").ravel(), X.sum(axis=1))


def test_partitions_are_written(tmp_path: Path) -> None:
    (tmp_path / "t" / "year=3").mkdir(parents=True)
    (tmp_path / "t" / "year=3" / "1.csv").write_text("a\n1\n")
    table = open_table(tmp_path / "t")
    table.write(tmp_path / "o.csv", total=lambda rows: rows.sum(axis=1))
    assert (tmp_path / "o.csv").read_text() == "a,year,total\n1,3,4\n"


def test_standard_output(source: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    open_table(source).write("-", keep=False, a=lambda rows: rows[:, 1])
    assert capfdbinary.readouterr().out.split() == [b"a", b"1", b"2", b"nan", b"4"]


def narrow(rows: Any) -> Any:
    """Return an array of another shape."""
    return rows[:-1]


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda t, f: t.write(f / "t.parquet"), "t.parquet is what the command reads"),
        (lambda t, f: t.write(f), "is a directory"),
        (lambda t, f: t.write(f / "*.csv"), "is a pattern; name one file to write to"),
        (lambda t, f: t.write(f / "o.npz"), "cannot be written in parts"),
        (lambda t, f: t.write(f / "o.doc"), "the ending says no format"),
        (lambda t, f: t.write(f / "no" / "o.csv"), "there is no directory"),
        (lambda t, f: t.write(f / "o.npy"), "can hold numbers only, which column 'name' is not"),
        (lambda t, f: t.write(f / "o.csv", a=halves, b=narrow), "the function of 'b' returned"),
        (lambda t, f: t.write(f / "o.csv", narrow), r"a function returned shape \(3, 2\)"),
        (lambda t, f: t.write(f / "o.csv", keep=False), "there is nothing to write"),
        (lambda t, f: t.write(f / "o.csv", b=3), "what is written are functions of rows"),
        (
            lambda t, f: t.write(f / "o.csv", b=halves, b_1=lambda rows: rows[:, 0]),
            "two functions give a column called 'b_1'; use another keyword",
        ),
        (
            lambda t, f: t.write(f / "o.csv", name=lambda rows: rows[:, 0]),
            "already has a column called 'name'; rename or remove it first",
        ),
    ],
)
def test_faults_leave_nothing_behind(
    source: Path, write: Callable[[Any, Path], None], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write(open_table(source), source.parent)
    assert os.listdir(source.parent) == [source.name]


@pytest.mark.parametrize("ending", [*OUTPUTS, ".npy"])
def test_an_interrupt_leaves_the_old_file(source: Path, ending: str) -> None:
    out = source.with_name(f"o{ending}")
    out.write_text("old")
    calls = []

    def stopped(rows: Any) -> Any:
        calls.append(len(rows))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rows[:, 0]

    table = open_table(source, memory=4000)  # of which one row is a batch
    with pytest.raises(KeyboardInterrupt):
        table.write(out, keep=False, a=stopped)
    assert len(calls) == 2
    assert out.read_text() == "old"
    assert sorted(os.listdir(out.parent)) == sorted([out.name, source.name])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("ending", OUTPUTS)
def test_a_full_disk(source: Path, ending: str) -> None:
    out = source.with_name(f"o{ending}")
    out.symlink_to("/dev/full")
    with pytest.raises(TableError, match="cannot be written: no space left on device"):
        open_table(source).write(out)


class Model:
    """A fitted model: methods, and names that rows without names must not meet."""

    def __init__(self, names: list[str]) -> None:
        self.feature_names_in_ = np.array(names, dtype=object)

    def predict(self, rows: Any) -> Any:
        """Return sums of rows by a model that knows no names."""
        assert not hasattr(self, "feature_names_in_")
        return halves(rows).sum(axis=1)


def test_methods_of_models_take_rows_without_names(source: Path) -> None:
    model, out = Model(["a", "b"]), source.with_name("o.parquet")
    open_table(source).write(out, total=model.predict)
    assert parquet.read_table(out)["total"].to_pylist() == [2.5, 2.5, 3.5, 8.0]
    assert hasattr(model, "feature_names_in_")
    with pytest.raises(InputError, match="columns 'a'; the model was fitted on 'a', 'b'"):
        open_table(source, columns=["a"]).write(out, total=model.predict)


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (lambda rows: rows[:, 0], "'c' returned bool for the first rows and float64 for others"),
        (lambda rows: rows > 1, "returned the columns 'c' for the first rows and 'c_0', 'c_1'"),
    ],
)
def test_functions_that_change_their_mind(source: Path, later: Any, words: str) -> None:
    functions = iter([lambda rows: rows[:, 0] > 1, later])
    with pytest.raises(InputError, match=words):
        open_table(source, memory=1).write(
            source.with_name("o.npy"), keep=False, c=lambda rows: next(functions)(rows)
        )
    assert os.listdir(source.parent) == [source.name]
