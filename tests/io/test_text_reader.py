"""Delimited text in batches: fast while all cells are numbers, right when they are not."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mixtura._errors import TableError
from mixtura.io.columns import MISSING
from mixtura.io.files import find_files
from mixtura.io.text_reader import TextReader, comma_columns

MEMORY = 1 << 24  # blocks of 64 KiB


def reader_of(path: Path, text: str | bytes, **options: Any) -> TextReader:
    """Return what reads a file of this content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return TextReader(find_files(str(path))[0], (), **options)


def cells(batches: Any, name: str) -> list[Any]:
    """Return the cells of a column."""
    return [cell for batch in batches for cell in batch.column(name).to_pylist()]


def test_numbers_are_parsed_as_such(tmp_path: Path) -> None:
    words = [*MISSING[1:], *(word.upper() for word in MISSING[1:]), "Null", "NaN"]
    text = "a,b\n" + "".join(f"{word},x\n" for word in ["1.5", "1e3", *words])
    reader = reader_of(tmp_path / "x.csv", text, numbers={"a"})
    (batch,) = reader.batches(["a"], 1, MEMORY)
    assert not reader.is_text
    values = batch.column("a").to_numpy(zero_copy_only=False)
    assert values[:2].tolist() == [1.5, 1000.0]
    assert np.isnan(values[2:]).all()


def test_a_cell_that_is_no_number_turns_to_text_without_losing_rows(tmp_path: Path) -> None:
    lines = [f"{i},y" for i in range(40_000)]
    lines[30_000] = "unknown,y"  # too long a word to give all its spellings to the parser
    reader = reader_of(tmp_path / "x.csv", "a,b\n" + "\n".join(lines), numbers={"a"})
    found = cells(reader.batches(["a"], 1, MEMORY), "a")
    assert [float(cell) for cell in found[:30_000]] == list(range(30_000))
    assert found[30_000:] == ["unknown", *map(str, range(30_001, 40_000))]
    assert reader.is_text
    assert reader.where(30_000) == "line 30002"


def test_texts_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    reader = reader_of(path, gzip.compress(b'a,b\n 1.50,"x,y"\nNA,\n'), numbers={"a"})
    batches = list(reader.texts(["b", "a"], MEMORY))
    assert cells(batches, "a") == [" 1.50", "NA"]
    assert cells(batches, "b") == ["x,y", ""]


def test_decimal_commas(tmp_path: Path) -> None:
    text = pa.table({"a": ["1,5", "2"], "b": ["x", "1,5"]})
    assert comma_columns("x.csv", text, ()) == ["a"]
    reader = reader_of(tmp_path / "x.csv", "a;b\n1,5;2\n2;3\n", numbers={"a"}, with_commas={"a"})
    assert cells(reader.batches(["a"], 1, MEMORY), "a") == [1.5, 2.0]
    column = pa.chunked_array([["1,5", "1.5", "NA"]])
    assert reader.points(column, "a").to_pylist() == ["1.5", "1.5", "NA"]
    assert reader.points(column, "b").to_pylist() == ["1,5", "1.5", "NA"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n3\n", r"x\.csv: line 3 has 1 cell where the first line has 2"),
        (b"a,b\n1,2\n\xff,3\n", r"x\.csv: line 3 is not UTF-8 text"),
        (b"", r"x\.csv is empty"),
    ],
)
def test_faults(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        list(reader_of(tmp_path / "x.csv", content).batches(["a", "b"], 1, MEMORY))


def test_a_gzip_that_is_cut_short(tmp_path: Path) -> None:
    text = "a\n" + "\n".join(str(x) for x in np.random.default_rng(0).random(50_000))
    reader = reader_of(tmp_path / "x.csv.gz", gzip.compress(text.encode())[:200_000])
    with pytest.raises(TableError, match=r"x\.csv\.gz is damaged or cut short"):
        list(reader.texts(["a"], MEMORY))
