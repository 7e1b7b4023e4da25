"""Model files round-trip, and anything that is not one gives a sentence that says so."""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from mixtura._errors import InputError, ModelFileError
from mixtura._version import __version__
from mixtura.io.model_file import SCHEMA, check_arrays, read_model, write_model

DAMAGED = "the model file is damaged or cut short"
ARRAYS = {"weights": np.array([0.25, 0.75]), "means": np.arange(6.0).reshape(2, 3)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.mixtura"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models") / "scratch.mixtura"


def safetensors_bytes(metadata: Any, tensors: dict[str, Any] | None = None) -> bytes:
    """Return a safetensors file with any header: its length, the JSON text and 64 zero bytes."""
    entry = metadata if isinstance(metadata, str) else json.dumps(metadata)
    default = {"a": {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}}
    header = json.dumps({"__metadata__": {"mixtura": entry}, **(tensors or default)}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(64)


def message(path: Path, content: bytes) -> str:
    """Return what is said about a file with this content."""
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as raised:
        read_model(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def test_round_trip(path: Path) -> None:
    metadata = {"names": ["a", "ü", "\ud800"], "nothing": None, "settings": {"tol": 1e-3, "n": 2}}
    write_model(path, ARRAYS, metadata)
    arrays, read = read_model(path)
    check_arrays(path, arrays, ["weights", "means"])
    assert read == {**metadata, "schema": SCHEMA, "library_version": __version__}
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


@given(
    array=npst.arrays(
        dtype=st.sampled_from([np.float64, np.float32, np.int64, np.int32, np.uint8, ">f8"]),
        shape=npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_of_real_numbers_round_trips(scratch: Path, array: NDArray[Any]) -> None:
    for given_array in (array, array.T, array[::-1] if array.ndim else array):
        given_array.flags.writeable = False
        write_model(scratch, {"array": given_array}, {})
        read = read_model(scratch)[0]["array"]
        assert read.dtype == given_array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(read, given_array)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def same(left: Any, right: Any) -> bool:
    """Say whether two JSON values are equal, NaN being equal to itself."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(value=JSON)
def test_any_metadata_round_trips(scratch: Path, value: Any) -> None:
    write_model(scratch, ARRAYS, {"value": value, "more": 1})
    assert same(read_model(scratch)[1]["value"], value)


def test_numpy_numbers_and_tuples_are_metadata(path: Path) -> None:
    write_model(path, ARRAYS, {"n": np.int64(3), "x": (np.float32(0.5), np.float64("-inf"))})
    metadata = read_model(path)[1]
    assert metadata["n"] == 3
    assert metadata["x"] == [0.5, -math.inf]


def test_the_header_is_strict_json(path: Path) -> None:
    write_model(path, ARRAYS, {"trace": [math.nan, math.inf, -math.inf]})
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    stored = json.loads(header["__metadata__"]["mixtura"], parse_constant=pytest.fail)
    assert stored["trace"] == [{"float": "nan"}, {"float": "inf"}, {"float": "-inf"}]


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), np.array([1j]), np.array([True])]
)
def test_other_arrays_are_refused(path: Path, array: NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"array 'labels' has dtype .*; a model file holds real"):
        write_model(path, {"labels": array}, {})
    assert not path.exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, "metadata holds a set"),
        ({1: 2}, "strings for keys"),
        ({"float": "nan"}, "not 'float' as its only key"),
    ],
)
def test_other_metadata_is_refused(path: Path, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write_model(path, ARRAYS, {"value": value})
    assert not path.exists()


def test_writing_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="the model cannot be written: no such file"):
        write_model(tmp_path / "no" / "model.mixtura", ARRAYS, {})
    with pytest.raises(ModelFileError, match="the model cannot be written: is a directory"):
        write_model(tmp_path, ARRAYS, {})


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file; check the path"):
        read_model(tmp_path / "none.mixtura")
    with pytest.raises(ModelFileError, match="this is a directory; name the model file inside it"):
        read_model(tmp_path)
    with pytest.raises(ModelFileError, match="the model cannot be read: embedded null byte"):
        read_model("a\0b")


def test_a_file_of_another_kind(path: Path) -> None:
    expected = "this is not a mixtura model file; name a file that mixtura wrote."
    for content in (b"", b"short", b"a,b\n1,2\n" * 10, b"\x80\x04\x95pickle" * 5):
        assert message(path, content) == expected


def test_safetensors_of_another_program(path: Path) -> None:
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    content = struct.pack("<Q", len(header)) + header
    expected = "this is a safetensors file of another program, not a mixtura model."
    assert message(path, content) == expected
    assert message(path, struct.pack("<Q", 2) + b"{}") == expected


def test_a_newer_schema(path: Path) -> None:
    assert message(path, safetensors_bytes({"schema": SCHEMA + 1})) == (
        f"written by a newer mixtura (schema {SCHEMA + 1}, this version reads up to {SCHEMA}): "
        "upgrade with python -m pip install --upgrade mixtura."
    )


@pytest.mark.parametrize(
    "metadata",
    [
        "not JSON",
        '{"schema": 1, "x": NaN}',
        '{"schema": 1, "x": {"float": {}}}',
        '{"schema": 1, "x": {"float": "lots"}}',
        '{"schema": 1, "x": ' + "9" * 5000 + "}",
        "[" * 100_000,
        "[1]",
        "{}",
        '{"schema": "1"}',
        '{"schema": 0}',
        '{"schema": true}',
    ],
)
def test_damaged_metadata(path: Path, metadata: str) -> None:
    assert message(path, safetensors_bytes(metadata)).startswith(DAMAGED)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("F64", [2**40, 2**40]), ("F64", [9]), ("BF16", [32]), ("F4", [128]), ("X", [64])],
)
def test_damaged_arrays(path: Path, dtype: str, shape: list[int]) -> None:
    tensors = {"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, 64]}}
    assert message(path, safetensors_bytes({"schema": 1}, tensors)).startswith(DAMAGED)


def test_missing_arrays(path: Path) -> None:
    write_model(path, {"means": np.zeros((1, 1))}, {})
    with pytest.raises(ModelFileError, match="the model file lacks the array weights, covariances"):
        check_arrays(path, read_model(path)[0], ["weights", "means", "covariances"])


def test_a_file_cut_short_anywhere(path: Path) -> None:
    write_model(path, ARRAYS, {"names": ["a", "b", "c"]})
    content = path.read_bytes()
    for length in range(len(content)):
        message(path, content[:length])


@given(content=st.binary(max_size=200))
def test_random_bytes_give_nothing_but_the_error(scratch: Path, content: bytes) -> None:
    message(scratch, content)


@given(data=st.data())
def test_altered_bytes_give_nothing_but_the_error(scratch: Path, data: st.DataObject) -> None:
    write_model(scratch, ARRAYS, {"names": ["a", "b", "c"]})
    content = bytearray(scratch.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    scratch.write_bytes(content)
    with suppress(ModelFileError):
        read_model(scratch)
