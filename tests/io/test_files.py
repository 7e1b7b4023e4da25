"""Which files a path, a pattern or a URI stands for."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from mixtura._errors import TableError
from mixtura.io.files import find_files, partition_types


def touch(folder: Path, *names: str) -> None:
    """Make files, and the directories they lie in."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n1\n")


def labels(path: str | Path) -> list[str]:
    """Return what the files that are found are called."""
    return [file.label for file in find_files(str(path))]


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "part-10.csv", "part-2.csv", "part-1.csv", "other.csv")
    assert labels(tmp_path / "part-*.csv") == ["part-1.csv", "part-2.csv", "part-10.csv"]
    assert labels(tmp_path / "part-[12].csv") == ["part-1.csv", "part-2.csv"]
    assert labels(tmp_path / "part-1.csv") == ["part-1.csv"]
    assert labels(f"file://{tmp_path}/part-?.csv") == ["part-1.csv", "part-2.csv"]
    assert labels((tmp_path / "part-2.csv").as_uri()) == ["part-2.csv"]


def test_relative_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.csv", "sub/b.csv", "sub/deep/c.csv")
    monkeypatch.chdir(tmp_path)
    assert labels("*.csv") == ["a.csv"]
    assert labels("sub/**/*.csv") == ["b.csv", "deep/c.csv"]
    assert labels("s*/*.csv") == ["sub/b.csv"]


def test_a_directory_gives_all_that_is_not_hidden(tmp_path: Path) -> None:
    names = ["_SUCCESS", ".x.csv", "_tmp/1.csv", "year=2001/b.csv", "year=1999/b.csv"]
    touch(tmp_path, *names)
    files = find_files(str(tmp_path))
    assert [file.label for file in files] == ["year=1999/b.csv", "year=2001/b.csv"]
    assert [dict(file.partitions) for file in files] == [{"year": "1999"}, {"year": "2001"}]
    assert partition_types(files) == {"year": pa.int64()}
    assert pickle.loads(pickle.dumps(files)) == files


def test_partitions_of_text_and_without_a_value(tmp_path: Path) -> None:
    touch(tmp_path, "k=a%20b/1.csv", "k=__HIVE_DEFAULT_PARTITION__/1.csv")
    files = find_files(str(tmp_path))
    assert {file.partitions["k"] for file in files} == {"a b", None}
    assert partition_types(files) == {"k": pa.string()}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none-*.csv", "no file matches this pattern"),
        ("none.csv", "there is no such file"),
        ("x.npz", "a compressed archive, which is read whole or not at all"),
        ("x.doc", "the ending says no format that can be read in parts; use one of .parquet"),
        ("empty", "is a directory without files"),
        ("mixed", "files of several formats, such as a.csv and b.npy"),
        ("di*", "is no file; name the files"),
        ("-", "standard input can be read only once"),
        ("nowhere://x/y.csv", "is no place that Arrow can read"),
    ],
)
def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str) -> None:
    touch(tmp_path, "x.npz", "x.doc", "mixed/a.csv", "mixed/b.npy", "dir.csv/a.csv")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError) as raised:
        find_files(path)
    assert words in str(raised.value)


def test_changes_are_noticed(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.csv")
    first, second = find_files(str(tmp_path))
    first.check_unchanged()
    os.utime(tmp_path / "a.csv", ns=(1, 1))
    with pytest.raises(TableError, match=r"^a\.csv has changed since the table was opened"):
        first.check_unchanged()
    (tmp_path / "b.csv").unlink()
    with pytest.raises(TableError, match=r"^b\.csv is no longer there"):
        second.check_unchanged()


def test_several_paths_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "b/k=1/x.csv", "b/k=2/x.csv", "a/x.csv", "a/y.npy")
    monkeypatch.chdir(tmp_path)
    files = find_files("b", "a/x.csv")
    assert [file.label for file in files] == ["b/k=1/x.csv", "b/k=2/x.csv", "a/x.csv"]
    files = find_files("b/k=2/x.csv", "b/k=1/x.csv")
    assert [(file.label, file.partitions) for file in files] == [
        ("k=2/x.csv", {"k": "2"}),
        ("k=1/x.csv", {"k": "1"}),
    ]
    far = tmp_path / "b" / "k=1" / "x.csv"
    assert [file.label for file in find_files("a/x.csv", str(far))] == ["a/x.csv", str(far)]
    with pytest.raises(TableError, match=r"^a/x\.csv and 1 more holds files of several formats"):
        find_files("a/x.csv", "a/y.npy")
