"""Parquet, Arrow and NPY files in batches of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mixtura._errors import TableError
from mixtura.io.files import find_files
from mixtura.io.readers import ArrowReader, MatrixReader, ParquetReader

TABLE = pa.table({"a": np.arange(10.0), "b": np.arange(10, dtype=np.int32)})
MEMORY = 1 << 20


def only(path: Path) -> Any:
    """Return the one file that is there."""
    return find_files(str(path))[0]


def test_parquet_comes_in_batches_across_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(TABLE, path, row_group_size=4)
    reader = ParquetReader(only(path))
    assert reader.n_rows == 10
    batches = list(reader.batches(["b"], 3, MEMORY))
    assert max(len(batch) for batch in batches) == 3
    assert pa.Table.from_batches(batches).column("b").to_pylist() == list(range(10))
    assert reader.where(4) == "row 5"


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("opener", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_comes_in_slices(tmp_path: Path, opener: Any, compression: str | None) -> None:
    path = tmp_path / "x.arrow"
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with opener(path, TABLE.schema, options=options) as writer:
        writer.write_table(TABLE, max_chunksize=6)
    reader = ArrowReader(only(path))
    assert reader.n_rows == 10
    batches = list(reader.batches(["b"], 4, 64))  # pages are given back after every slice
    assert [len(batch) for batch in batches] == [4, 2, 4]
    assert pa.Table.from_batches(batches).column("b").to_pylist() == list(range(10))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "<i4", "|u1", "|b1"])
def test_npy_is_read_by_position(tmp_path: Path, order: Any, dtype: str) -> None:
    path = tmp_path / "x.npy"
    X = np.asarray(np.arange(300_000).reshape(-1, 3) % 2, dtype, order=order)
    np.save(path, X)
    reader = MatrixReader(only(path))
    assert (reader.n_rows, reader.schema.names) == (100_000, ["x0", "x1", "x2"])
    for names, chosen in ((["x0", "x1", "x2"], [0, 1, 2]), (["x2", "x0"], [2, 0])):
        copies = [block.copy() for block in reader.batches(names, 30_000, MEMORY)]
        np.testing.assert_array_equal(np.concatenate(copies), X[:, chosen])


def test_npy_of_one_dimension_is_a_column(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(4.0))
    reader = MatrixReader(only(tmp_path / "x.npy"))
    assert np.concatenate(list(reader.batches(["x0"], 9, MEMORY))).tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 2)), r"holds an array of shape \(2, 2, 2\)"),
        (np.array(["a"]), "a table is a matrix of numbers"),
        (np.zeros((3, 0)), r"holds an array of shape \(3, 0\)"),
    ],
)
def test_npy_that_is_no_table(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(TableError, match=words):
        MatrixReader(only(tmp_path / "x.npy"))


def test_damaged_files(tmp_path: Path) -> None:
    parquet.write_table(TABLE, tmp_path / "x.parquet")
    with pa.ipc.new_file(tmp_path / "x.arrow", TABLE.schema) as writer:
        writer.write_table(TABLE)
    np.save(tmp_path / "x.npy", np.eye(20))
    for ending, reader, words in (
        ("parquet", ParquetReader, "x.parquet is not a readable Parquet file: "),
        ("arrow", ArrowReader, "x.arrow is not a readable Arrow file: "),
        ("npy", MatrixReader, "x.npy is cut short: it should hold 20 rows"),
    ):
        path = tmp_path / f"x.{ending}"
        path.write_bytes(path.read_bytes()[:-50])
        with pytest.raises(TableError) as raised:
            reader(only(path))  # type: ignore[operator]
        assert str(raised.value).startswith(words)
        path.write_bytes(b"something else, and long enough to be looked into")
        with pytest.raises(TableError, match=rf"x\.{ending} is not a readable"):
            reader(only(path))  # type: ignore[operator]


def test_a_damaged_page_is_found_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"a": np.random.default_rng(0).random(9999)}), path)
    content = bytearray(path.read_bytes())
    content[4:64] = bytes(60)  # the header of the first page
    path.write_bytes(content)
    reader = ParquetReader(only(path))
    with pytest.raises(TableError, match=r"x\.parquet is not a readable Parquet file"):
        list(reader.batches(["a"], 100, MEMORY))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((100_000, 2)))
    batches = MatrixReader(only(tmp_path / "x.npy")).batches(["x0"], 10, MEMORY)
    next(batches)
    np.save(tmp_path / "x.npy", np.zeros((100_001, 2)))
    with pytest.raises(TableError, match="has changed since"):
        list(batches)
