"""What is checked as a table on disk is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura._errors import InputError
from mixtura.io.files import find_files
from mixtura.io.opening import check_names, listed, memory_bytes, open_reader
from mixtura.io.readers import MatrixReader
from mixtura.io.text_reader import TextReader


@pytest.mark.parametrize(
    ("memory", "size"),
    [("512MB", 512_000_000), ("2GiB", 2 << 30), ("1.5 kb", 1500), (77, 77), (np.int64(5), 5)],
)
def test_sizes_of_memory(memory: Any, size: int) -> None:
    assert memory_bytes(memory) == size


@pytest.mark.parametrize("memory", ["much", "-1MB", 0, -5, True, None, 2.5, "5 apples", "0.1B"])
def test_what_is_no_size_of_memory(memory: Any) -> None:
    with pytest.raises(InputError, match="memory must be a positive number of bytes or a size"):
        memory_bytes(memory)


@pytest.mark.parametrize(
    ("names", "columns", "weight", "words"),
    [
        (["a", "a"], None, None, r"t has several columns called 'a' \(columns 1, 2\)"),
        (["apple", "b"], ["appel"], None, "t has no column 'appel'; did you mean 'apple'"),
        (["a", "b"], None, "w", "t has no column 'w'; its columns are 'a', 'b'"),
        (["a", "b"], ["a", "b", "a"], None, "columns has 'a' more than once"),
        (["a", "b"], ["a", "b"], "b", "columns has the weight 'b'"),
        (["a", "b"], [], None, "columns is empty"),
    ],
)
def test_names(names: list[str], columns: Any, weight: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_names("t", names, columns, weight)


@pytest.mark.parametrize("words", ["ab", b"ab", 3, None, [0], slice(2)])
def test_what_is_no_list_of_text(words: Any) -> None:
    with pytest.raises(InputError, match=r"columns must be a list of text such as \['a', 'b'\]"):
        listed("columns", words)
    assert [*map(type, listed("columns", np.array(["a", "b"])))] == [str, str]


def test_the_ending_chooses_the_reader(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert isinstance(open_reader(find_files(str(tmp_path / "a.npy"))[0], ()), MatrixReader)
    assert isinstance(open_reader(find_files(str(tmp_path / "a.csv"))[0], ()), TextReader)
