"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from mixtura.io.atomic import atomic_writer, reason


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_writer(path) as handle:
        handle.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file"]


def fail_after_writing(handle: BinaryIO, error: type[BaseException]) -> None:
    """Write half of the content and fail."""
    handle.write(b"half")
    raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_writer(path) as handle:
        fail_after_writing(handle, error)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with atomic_writer(tmp_path / "file") as handle:
            handle.write(b"")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o604)
    with atomic_writer(path) as handle:
        handle.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_links_are_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with atomic_writer(link) as handle:
        handle.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_devices_are_written_and_not_replaced() -> None:
    with atomic_writer(os.devnull) as handle:
        handle.write(b"content")
    assert not Path(os.devnull).is_file()


def test_a_missing_directory_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, atomic_writer(tmp_path / "no" / "file"):
        pass
    assert reason(raised.value) == "no such file or directory"


def test_reasons_without_a_system_message() -> None:
    assert reason(OSError("Odd failure")) == "odd failure"
