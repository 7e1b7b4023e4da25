"""NumPy files as tables."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura.io.arrays import generic_names, read_npy, read_npz, write_npy, write_npz
from mixtura.io.columns import numeric_columns
from mixtura.io.table import Table


def npy(array: Any) -> Table:
    """Write an array as NPY and read it as a table."""
    handle = io.BytesIO()
    np.save(handle, array)
    handle.seek(0)
    return read_npy("f.npy", handle)


def npz(member: str | None = None, **arrays: Any) -> Table:
    """Write arrays as NPZ and read them as a table."""
    handle = io.BytesIO()
    np.savez(handle, **arrays)
    handle.seek(0)
    return read_npz("f.npz", handle, member)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", "i4", ">i2", "u1", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_of_any_number_type(dtype: Any, order: Any) -> None:
    X = np.arange(6).reshape(3, 2).astype(dtype, order=order)
    table = npy(X)
    assert table.names == generic_names(2) == ["x0", "x1"]
    numeric = numeric_columns(table)
    np.testing.assert_array_equal(numeric.X, X.astype(np.float64))
    assert numeric.X.dtype == (np.float32 if dtype == "f4" else np.float64)


def test_a_vector_is_one_column() -> None:
    assert npy(np.arange(3)).columns.column("x0").to_pylist() == [0, 1, 2]


def test_true_and_false() -> None:
    assert numeric_columns(npy(np.eye(2, dtype=bool)), ["x1"]).X.tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\) and type float64; a table is a matrix"),
        (np.array(["a"]), r"shape \(1, 1\) and type <U1; a table is a matrix of numbers"),
        (np.zeros((1, 2), dtype=complex), "type complex128"),
        (np.float64(1.0), r"shape \(\)"),
        (np.zeros((0, 2)), r"f.npy has no rows or no columns \(its shape is \(0, 2\)\)"),
        (np.array([None]), "f.npy is not a readable NPY file: Object arrays cannot be loaded"),
    ],
)
def test_other_arrays(array: NDArray[Any], words: str) -> None:
    with pytest.raises(TableError, match=words):
        npy(array)


def test_npz_takes_x_and_its_names() -> None:
    X = np.arange(4.0).reshape(2, 2)
    assert npz(X=X, names=np.array(["a", "b"]), other=np.eye(3)).names == ["a", "b"]
    assert npz(X=X, names=np.array(["a"])).names == ["x0", "x1"]
    assert npz(X=X, names=np.zeros(2)).names == ["x0", "x1"]


def test_npz_takes_the_only_array_or_matrix() -> None:
    assert npz(values=np.arange(3)).n_rows == 3
    assert npz(row=np.arange(5), values=np.eye(3)).n_rows == 3


def test_npz_takes_the_array_that_is_named() -> None:
    assert npz("b", a=np.eye(2), b=np.eye(3), X=np.eye(4)).n_rows == 3
    with pytest.raises(TableError, match=r"f\.npz has no array 'c', only 'a', 'b'\."):
        npz("c", a=np.eye(2), b=np.eye(3))


def test_npz_without_an_obvious_array() -> None:
    with pytest.raises(TableError) as raised:
        npz(a=np.eye(2), b=np.eye(3))
    assert str(raised.value) == (
        "f.npz holds 'a', 'b'; say which array is the table, as in f.npz::NAME."
    )
    with pytest.raises(TableError, match="holds no array"):
        npz()


def test_npz_never_unpickles() -> None:
    with pytest.raises(TableError, match="not a readable NPZ file: Object arrays"):
        npz(X=np.array([[{}]]))


def columns() -> pa.Table:
    """Return columns that a matrix can hold."""
    return pa.table({"a": [1, 2], "b": ["0.5", ""], "c": [True, False], "d": [1.5, None]})


def test_writing(tmp_path: Path) -> None:
    expected = [[1.0, 0.5, 1.0, 1.5], [2.0, np.nan, 0.0, np.nan]]
    for name, writer in (("f.npy", write_npy), ("f.npz", write_npz)):
        with open(tmp_path / name, "wb") as handle:
            writer(handle, name, columns())
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), expected)
    with np.load(tmp_path / "f.npz") as archive:
        np.testing.assert_array_equal(archive["X"], expected)
        assert archive["names"].tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("writer", [write_npy, write_npz])
def test_text_cannot_be_written(writer: Any) -> None:
    table = columns().append_column("s", pa.array(["x", "y"]))
    with pytest.raises(TableError) as raised:
        writer(io.BytesIO(), "f.npy", table)
    assert str(raised.value) == (
        "f.npy can hold numbers only, which column 's' is not; write CSV, Parquet or Arrow instead."
    )


@given(content=st.binary(max_size=100), zipped=st.booleans(), cut=st.integers(0, 400))
def test_damaged_files(content: bytes, zipped: bool, cut: int) -> None:
    handle = io.BytesIO()
    np.savez(handle, X=np.eye(2)) if zipped else np.save(handle, np.eye(2))
    damaged = handle.getvalue()[:cut] + content
    if damaged == handle.getvalue():
        return
    for read in (read_npy, read_npz):
        with suppress(TableError):
            read("f", io.BytesIO(damaged))
