"""Tables on disk give what reading them whole gives, and faults name the file and the row."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import parquet

import mixtura
from mixtura._errors import InputError, TableError
from mixtura.io.columns import numeric_columns
from mixtura.io.opened import OpenTable, open_files, open_table
from mixtura.io.table import Table
from mixtura.io.tables import read_table, write_table


def rows_of(table: OpenTable, n: int = 7) -> NDArray[Any]:
    """Return all rows, copied chunk by chunk."""
    chunks = [(rows.copy(), weights) for rows, weights in table.chunks(n)]
    assert [len(rows) for rows, _ in chunks[:-1]] == [n] * (len(chunks) - 1)
    return np.concatenate([rows for rows, _ in chunks])


def saved(path: Path, **columns: Any) -> Path:
    """Write a table in the format that the ending says."""
    write_table(path, Table("x", pa.table(columns)))
    return path


def numbers(dtype: Any) -> st.SearchStrategy[list[Any]]:
    """Draw cells of a type, among them nulls and, of floats, NaN."""
    if dtype == pa.int64():
        return st.lists(st.none() | st.integers(-(2**60), 2**60), min_size=12, max_size=12)
    width = dtype.bit_width
    cells = st.none() | st.floats(width=width, allow_infinity=False)
    return st.lists(cells, min_size=12, max_size=12)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_chunks_are_the_whole_table(data: st.DataObject) -> None:
    types = data.draw(
        st.lists(st.sampled_from([pa.float32(), pa.float64(), pa.int64()]), min_size=1, max_size=3)
    )
    arrays = [pa.array([1, *data.draw(numbers(kind))], kind) for kind in types]
    whole = pa.table(arrays, names=[f"c{j}" for j in range(len(types))])
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, 13), max_size=2))), 13]
    ending = data.draw(st.sampled_from([".parquet", ".arrow", ".csv"]))
    with tempfile.TemporaryDirectory() as folder:
        for i, (start, stop) in enumerate(pairwise(cuts)):
            part, path = whole.slice(start, stop - start), f"{folder}/{i}{ending}"
            if ending == ".parquet":
                parquet.write_table(part, path, row_group_size=data.draw(st.integers(1, 13)))
            else:
                write_table(path, Table("x", part))
        write_table(f"{folder}/whole{ending}", Table("x", whole))
        expected = numeric_columns(read_table(f"{folder}/whole{ending}"), allow_missing=True)
        memory = data.draw(st.sampled_from([1, 3000, "512MB"]))
        table = open_table(f"{folder}/[0-9]{ending}", memory=memory)
        found = rows_of(table, data.draw(st.integers(1, 15)))
    assert table.names == expected.names
    assert found.dtype == table.dtype == expected.X.dtype
    np.testing.assert_array_equal(found, expected.X)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet", ".arrow", ".feather"])
def test_every_format(tmp_path: Path, ending: str) -> None:
    path = saved(
        tmp_path / f"t{ending}",
        a=np.arange(20.0),
        name=[f"n{i}" for i in range(20)],
        w=np.arange(20.0) / 2,
        b=[None, *range(19)],
        truth=[True, False] * 10,
    )
    table = open_table(path, weight="w")
    assert (table.names, table.shape, len(table)) == (["a", "b"], (20, 2), 20)
    assert table.ignored == {"name": "text", "truth": "true/false"}
    assert table.n_bytes == path.stat().st_size
    rows = rows_of(table)
    np.testing.assert_array_equal(rows[:, 0], np.arange(20.0))
    np.testing.assert_array_equal(rows[:, 1], [np.nan, *range(19)])
    weights = np.concatenate([w.copy() for _, w in table.chunks(6) if w is not None])
    np.testing.assert_array_equal(weights, np.arange(20.0) / 2)
    named = open_table(path, columns=["truth", "a"])
    np.testing.assert_array_equal(rows_of(named)[:3], [[1, 0], [0, 1], [1, 2]])
    assert table.where(4) == f"t{ending}, {'line 6' if ending[1] in 'ct' else 'row 5'}"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "i2", ">i2"])
def test_matrices(tmp_path: Path, order: Any, dtype: str) -> None:
    X = np.asarray(np.arange(60).reshape(20, 3), dtype, order=order)
    np.save(tmp_path / "x-1.npy", X)
    np.save(tmp_path / "x-2.npy", X + X.dtype.type(1))
    table = open_table(tmp_path / "x-*.npy", weight="x1", na=["5"])
    assert table.dtype == (np.float32 if dtype in ("f2", "f4", ">f4") else np.float64)
    expected = np.concatenate([X, X + X.dtype.type(1)])[:, [0, 2]].astype(float)
    expected[expected == 5] = np.nan
    np.testing.assert_array_equal(rows_of(table), expected)
    assert next(table.chunks(5))[0].flags[f"{order}_CONTIGUOUS"]


def test_what_is_yielded_stays_until_the_next_but_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(9.0))
    table = open_table(tmp_path / "x.npy")
    chunks, others = table.chunks(2), table.chunks(3)
    first, second, other = next(chunks)[0], next(chunks)[0], next(others)[0]
    assert first.ravel().tolist() == [0, 1]
    next(chunks)
    assert first.ravel().tolist() == [4, 5]
    assert second.ravel().tolist() == [2, 3]
    assert other.ravel().tolist() == [0, 1, 2]


def test_partition_columns(tmp_path: Path) -> None:
    for year, place in ((2001, "a"), (1999, "b")):
        folder = tmp_path / f"year={year}" / f"place={place}"
        folder.mkdir(parents=True)
        saved(folder / "p.parquet", x=[1.0, 2.0])
    table = open_table(tmp_path)
    assert table.names == ["x", "year"]
    assert rows_of(table).tolist() == [[1, 1999], [2, 1999], [1, 2001], [2, 2001]]
    assert table.where(2) == "year=2001/place=a/p.parquet, row 1"
    with pytest.raises(TableError, match="column 'place' holds text, not numbers"):
        open_table(tmp_path, columns=["x", "place"])


def test_repr_and_pickle(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.csv", a=[1.0, 2.0], b=[3, 4])
    table = pickle.loads(pickle.dumps(open_table(path, memory=1000)))
    named = "columns 'a', 'b', 1,000 bytes of memory)"
    assert repr(table) == f"OpenTable('{path}': rows not counted yet, {named}"
    assert rows_of(table).tolist() == [[1, 3], [2, 4]]
    assert repr(table) == f"OpenTable('{path}': 2 rows, {named}"
    with pytest.raises(InputError, match="has no row 2; it has 2 rows"):
        table.where(2)
    with pytest.raises(InputError, match="n must be at least 1, got 0"):
        next(table.chunks(0))


def test_decimal_commas_and_other_words_for_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;-999.0\n2,5;unknown\n-999;4\n")
    expected = numeric_columns(read_table(path, ["-999", "unknown"]), allow_missing=True).X
    found = rows_of(open_table(path, na=["-999", "unknown"]))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, [[1.5, np.nan], [2.5, np.nan], [np.nan, 4]])


def test_columns_that_are_empty_at_first(tmp_path: Path) -> None:
    saved(tmp_path / "1.csv", a=[1, 2], late=["", ""], never=["", "NA"])
    saved(tmp_path / "2.csv", a=[3], late=["7"], never=[""])
    table = open_table(tmp_path)
    assert (table.names, table.ignored) == (["a", "late"], {"never": "empty"})
    np.testing.assert_array_equal(rows_of(table), [[1, np.nan], [2, np.nan], [3, 7]])
    with pytest.raises(TableError, match="column 'never' has no values"):
        open_table(tmp_path, columns=["never"])


def test_files_without_rows(tmp_path: Path) -> None:
    empty, full = pa.array([], pa.float64()), [1.0]
    for ending in (".parquet", ".csv", ".arrow"):
        saved(tmp_path / f"1{ending}", a=empty)
        with pytest.raises(TableError, match="has no rows"):
            open_table(tmp_path / f"1{ending}")
        saved(tmp_path / f"2{ending}", a=full)
        assert rows_of(open_table(tmp_path / f"*{ending}")).tolist() == [[1]]


def faulty(folder: Path, fault: str) -> str:
    """Write three files, with a fault in the second, and return the error."""
    for i in (1, 2, 3):
        saved(folder / f"{i}.parquet", a=[1.0, 2.0], b=[1, 2])
        saved(folder / f"{i}.csv", a=[1.0, 2.0], b=[1, 2])
    second = folder / ("2.csv" if "csv" in fault else "2.parquet")
    if fault == "directory":
        second.unlink()
        second.mkdir()
    elif fault == "truncated":
        second.write_bytes(second.read_bytes()[:-20])
    elif fault == "other":
        second.write_text("not Parquet")
    elif fault == "lacking":
        saved(second, a=[1.0])
    elif fault == "text":
        saved(second, a=["x", "y"], b=[1, 2])
    elif fault == "csv text":
        second.write_text("a,b\n1,2\nhello,3\n")
    elif fault == "csv ragged":
        second.write_text("a,b\n1,2\n3\n")
    elif fault == "csv lacking":
        second.write_text("b,c\n1,2\n")
    with pytest.raises(TableError) as raised:
        rows_of(open_table(folder / f"*{second.suffix}"))
    return str(raised.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("directory", "2.parquet is no file; name the files, or their directory alone."),
        ("truncated", "2.parquet is not a readable Parquet file: "),
        ("other", "2.parquet is not a readable Parquet file: "),
        ("lacking", "2.parquet has no column 'b', which 1.parquet has; "),
        ("text", "2.parquet: column 'a' holds text, not numbers as in other files; "),
        ("csv text", "2.csv: column 'a' holds 'hello' on line 3, which is not a number; correct"),
        ("csv ragged", "2.csv: line 3 has 1 cell where the first line has 2; "),
        ("csv lacking", "2.csv has no column 'a', which 1.csv has; "),
    ],
)
def test_faults_of_one_file_among_several(tmp_path: Path, fault: str, words: str) -> None:
    assert words in faulty(tmp_path, fault)


@pytest.mark.parametrize("cell", ["-1", "NA", "inf", "1e999"])
def test_weights_that_cannot_be_used(tmp_path: Path, cell: str) -> None:
    (tmp_path / "t.csv").write_text(f"a,w\n1,2\n2,{cell}\n")
    with pytest.raises(TableError, match=r"t\.csv: the weight 'w' on line 3 is "):
        rows_of(open_table(tmp_path / "t.csv", weight="w"))


def test_text_in_the_middle_of_a_column_names_its_line(tmp_path: Path) -> None:
    lines = [f"{i},{i}" for i in range(20_000)]
    lines[15_000] = "1,oops"
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(lines))
    table = open_table(tmp_path / "t.csv", memory="1MB")
    with pytest.raises(TableError, match=r"^t\.csv: column 'b' holds 'oops' on line 15002"):
        rows_of(table)


def test_files_that_change_between_passes(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.parquet", a=[1.0, 2.0])
    table = open_table(path)
    rows_of(table)
    os.utime(path, ns=(1, 1))
    with pytest.raises(TableError, match=r"^t\.parquet has changed since the table was opened"):
        rows_of(table)
    path.unlink()
    with pytest.raises(TableError, match=r"^t\.parquet is no longer there"):
        rows_of(table)


def test_no_column_of_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.parquet", name=["x"], truth=[True])
    with pytest.raises(TableError, match=r"left out: 'name' \(text\), 'truth' \(true/false\)"):
        open_table(path)
    with pytest.raises(TableError, match="column 'name' holds text, not numbers"):
        open_table(path, columns=["name"])


PEAK = """
import sys
import mixtura
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1000
table = mixtura.open_table(sys.argv[1], memory="400MB")
before = peak()
total = sum(rows[:, 0].sum(dtype=float) for rows, _ in table.chunks(20_000))
print(peak() - before, total)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".npy", ".csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    """One row group, or one batch, of 160 MB is read within 80 MB (400 MB / 5)."""
    X = np.random.default_rng(0).standard_normal((5_000_000, 8), dtype=np.float32)
    path, table = tmp_path / f"x{ending}", pa.table({f"c{j}": X[:, j] for j in range(8)})
    if ending == ".parquet":
        parquet.write_table(table, path, row_group_size=len(X), use_dictionary=False)
    elif ending == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_batch(table.combine_chunks().to_batches()[0])
    elif ending == ".npy":
        np.save(path, X)
    else:
        write_table(path, Table("x", table.slice(0, 1_000_000)))
        X = X[:1_000_000]
    output = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    )
    grown, total = map(float, output.stdout.split())
    assert grown < 80
    assert total == pytest.approx(X[:, 0].sum(dtype=float), rel=1e-6, abs=1e-3)


def test_the_package_gives_it_lazily() -> None:
    assert mixtura.open_table is open_table
    assert mixtura.OpenTable is OpenTable
    with pytest.raises(AttributeError, match="module 'mixtura' has no attribute 'opn_table'"):
        _ = mixtura.opn_table


def test_several_files_and_columns_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,\n3,4,\n")
    (tmp_path / "b.csv").write_text("x,y,z\n5,one,\n")
    paths = [tmp_path / "b.csv", tmp_path / "a.csv"]
    table = open_table(paths, columns=["x"])
    assert table.source == f"{paths[0]} and 1 more"
    assert np.concatenate([rows.copy() for rows, _ in table.chunks(2)]).ravel().tolist() == [
        5,
        1,
        3,
    ]
    found = open_files(list(map(str, paths)), None, ["y"], None, "1MB", (), allow_empty=True)
    assert (found.names, found.ignored) == (["x", "z"], {})
    assert np.isnan(next(found.chunks(3))[0][:, 1]).all()
    with pytest.raises(TableError, match="no column is left to use"):
        open_files([str(paths[1])], None, ["x", "y", "z"], None, "1MB", ())
    with pytest.raises(TableError, match="has no column 'u'"):
        open_files([str(paths[1])], None, ["u"], None, "1MB", ())
    with pytest.raises(InputError, match="path is empty"):
        open_table([])


@pytest.mark.parametrize(
    "wrong", [{"path": 5}, {"path": [b"x.npy"]}, {"columns": "x0"}, {"weight": 0}, {"na": "9"}]
)
def test_what_is_no_name(tmp_path: Path, wrong: dict[str, Any]) -> None:
    np.save(tmp_path / "x.npy", np.eye(2))
    with pytest.raises(InputError, match=f"{next(iter(wrong))} must be .* got "):
        open_table(**{"path": tmp_path / "x.npy", **wrong})
