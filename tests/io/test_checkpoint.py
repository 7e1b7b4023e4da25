"""Checkpoint files are whole or not there, and say what is wrong with them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mixtura import CheckpointError
from mixtura.io import checkpoint
from mixtura.io.checkpoint import (
    check_place,
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
)
from mixtura.io.model_file import write_model

ARRAYS = {"a": np.array([0.1, np.nan]), "b": np.empty((0,), np.int32)}
FACTS = {"nothing": None, "value": -np.inf, "list": [1, 0.1]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a checkpoint is."""
    write_checkpoint(tmp_path / "c", ARRAYS, FACTS)
    return tmp_path / "c"


def test_what_is_written_is_read(path: Path) -> None:
    found = read_checkpoint(path)
    assert found is not None
    arrays, facts = found
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert FACTS.items() <= facts.items()
    assert os.listdir(path.parent) == ["c"]


def test_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "c") is None


def test_every_byte_counts(path: Path) -> None:
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"no checkpoint of mixtura|damaged or cut short"):
            read_checkpoint(path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="delete"):
            read_checkpoint(path)


def test_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_model(path, ARRAYS, {})
    with pytest.raises(CheckpointError, match="no checkpoint of mixtura, and is left as it is"):
        read_checkpoint(path)


def test_another_version_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = checkpoint.__version__
    monkeypatch.setattr(checkpoint, "__version__", "99.1")
    with pytest.raises(CheckpointError, match=rf"is of mixtura {own}, and this is mixtura 99\.1"):
        read_checkpoint(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: is a directory"):
        read_checkpoint(tmp_path)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file or directory"):
        check_place(tmp_path / "no" / "c")
    for place in (tmp_path, "/dev/null"):
        with pytest.raises(CheckpointError, match="is no file"):
            check_place(place)
    check_place(tmp_path / "c")
    assert os.listdir(tmp_path) == []


def test_unfinished_files_go_with_the_checkpoint(path: Path) -> None:
    for name in (".c.mixtura-0123.tmp", ".other.mixtura-0123.tmp", "c2"):
        (path.parent / name).touch()
    remove_checkpoint(path)
    assert sorted(os.listdir(path.parent)) == [".other.mixtura-0123.tmp", "c2"]
    remove_checkpoint(path)  # of a fit that another process has ended


def test_a_full_disk_leaves_the_last_checkpoint(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, {}, {})
    monkeypatch.undo()
    assert read_checkpoint(path) is not None
    assert os.listdir(path.parent) == ["c"]


CRASHES = """
import os, sys
import numpy as np
from mixtura.io.checkpoint import read_checkpoint, write_checkpoint

os.fsync = lambda handle: None  # which no kill is about, and which takes long
path = sys.argv[1]
write_checkpoint(path, {"a": np.zeros(3)}, {"number": 0})
outcomes = []
while True:
    calls = len(outcomes)
    child = os.fork()
    if child == 0:
        left = calls
        def end_here(frame, event, argument):
            global left
            left -= event == "c_call"
            if left < 0:
                os._exit(9)  # as a killed process ends: nothing is flushed, nothing cleaned up
        sys.setprofile(end_here)
        write_checkpoint(path, {"a": np.ones(3)}, {"number": 1})
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    arrays, facts = read_checkpoint(path)
    assert (arrays["a"] == facts["number"]).all()
    outcomes.append(facts["number"])
    if status == 0:
        break
    if facts["number"] == 1:
        write_checkpoint(path, {"a": np.zeros(3)}, {"number": 0})
assert outcomes == sorted(outcomes) and outcomes.count(1) > 1, outcomes
print(len(outcomes))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_crash_at_every_call_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHES, str(tmp_path / "c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
