"""The files of a table on disk: one, those that match a pattern, or those of a directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from mixtura._errors import TableError
from mixtura.io.arrow import arrow_fs, pa
from mixtura.io.atomic import reason
from mixtura.io.tables import ARROW, COMPRESSED, DELIMITED, PARQUET, STREAM

KINDS = {
    "Parquet": PARQUET,
    "Arrow": ARROW,
    "delimited text": (*COMPRESSED, *DELIMITED),
    "NPY": (".npy",),
}
WILDCARD = re.compile(r"[*?[]")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # what stands for a null in the name of a directory


@dataclass(frozen=True)
class File:
    """One file: what messages call it, where it is, and what it was when it was found.

    ``partitions`` holds the values that directories called NAME=VALUE give to its rows.
    """

    label: str
    path: str
    filesystem: Any
    size: int
    mtime: int | None
    partitions: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What its ending says that it is."""
        return _kind(self.path)

    @property
    def is_local(self) -> bool:
        """Whether it lies on a disk of this machine."""
        return isinstance(self.filesystem, arrow_fs.LocalFileSystem)

    def check_unchanged(self) -> None:
        """Raise where the file is no longer what was found."""
        info = self.filesystem.get_file_info(self.path)
        if info.type == arrow_fs.FileType.NotFound:
            raise TableError(f"{self.label} is no longer there; open the table again without it.")
        if (info.size, info.mtime_ns) != (self.size, self.mtime):
            raise TableError(
                f"{self.label} has changed since the table was opened; open it again, and let "
                "nothing write to it meanwhile."
            )


def find_files(*paths: str) -> list[File]:
    """Return the files that paths, patterns and URIs stand for, ``part-2`` before ``part-10``.

    Raises
    ------
    TableError
        If there is none, or they are of several formats or of an unknown one.
    """
    places = [_place(path) for path in paths]
    bases = [base for base, _, _ in places]
    alike = len({os.path.isabs(base) for base in bases}) == 1
    base = os.path.commonpath(bases) if alike else ""
    files = [_file(base, info, system) for _, found, system in places for info in found]
    kinds = {file.kind: file for file in files}
    if len(kinds) > 1:
        one, other = list(kinds.values())[:2]
        raise TableError(
            f"{called(paths)} holds files of several formats, such as {one.label} and "
            f"{other.label}; name those of one, as in *{os.path.splitext(one.path)[1]}."
        )
    return files


def called(paths: Sequence[str]) -> str:
    """Return what messages call a table of these paths."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _place(path: str) -> tuple[str, list[Any], Any]:
    """Return the directory that names are told from, what is found there, and its file system."""
    if path == STREAM:
        raise TableError("standard input can be read only once; name a file, or use read_table.")
    filesystem, inner = _filesystem(path)
    try:
        base, found = _matches(path, filesystem, inner)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {reason(error)}.") from None
    directory = next((i for i in found if i.type != arrow_fs.FileType.File), None)
    if directory is not None:
        raise TableError(f"{directory.path} is no file; name the files, or their directory alone.")
    return base, sorted(found, key=_in_natural_order), filesystem


def partition_types(files: Sequence[File]) -> dict[str, Any]:
    """Return the columns that the directories of the files give, and the Arrow type of each."""
    types = {}
    for name in files[0].partitions:
        given = [file.partitions.get(name) for file in files]
        whole = all(value is None or re.fullmatch(r"-?\d{1,18}", value) for value in given)
        types[name] = pa.int64() if whole else pa.string()
    return types


def _filesystem(path: str) -> tuple[Any, str]:
    """Return the file system of a path or URI, and the path in it."""
    if "://" not in path:
        return arrow_fs.LocalFileSystem(), path
    # what stands for other characters in a URI must not hide a pattern from Arrow
    scheme, _, rest = path.partition("://")
    head = WILDCARD.split(rest, maxsplit=1)[0]
    try:
        filesystem, inner = arrow_fs.FileSystem.from_uri(f"{scheme}://{head}")
    except (pa.ArrowException, OSError, ValueError) as error:
        words = str(error).split("\n")[0].rstrip(".")
        raise TableError(f"{path} is no place that Arrow can read: {words}.") from None
    if head.endswith("/") and not inner.endswith("/"):
        inner += "/"
    return filesystem, inner + rest[len(head) :]


def _matches(path: str, filesystem: Any, inner: str) -> tuple[str, list[Any]]:
    """Return the directory that names are told from, and what is found there."""
    info = filesystem.get_file_info(inner.rstrip("/") or inner)
    if info.type == arrow_fs.FileType.File:
        return os.path.dirname(info.path), [info]
    if info.type == arrow_fs.FileType.Directory:
        files = _files_below(filesystem, info.path)
        if not files:
            raise TableError(f"{path} is a directory without files; name one that holds a table.")
        return info.path, files
    if not WILDCARD.search(inner):
        raise TableError(f"{path}: there is no such file; check the path.")
    head = WILDCARD.split(inner, maxsplit=1)[0]
    found = _expanded(filesystem, inner)
    if not found:
        raise TableError(f"{path}: no file matches this pattern; check the path.")
    return os.path.dirname(head), found


def _files_below(filesystem: Any, base: str) -> list[Any]:
    """Return the files of a directory and of those in it, but for hidden ones."""
    selector = arrow_fs.FileSelector(base, recursive=True)
    return [
        info
        for info in filesystem.get_file_info(selector)
        if info.type == arrow_fs.FileType.File and not _is_hidden(base, info.path)
    ]


def _is_hidden(base: str, path: str) -> bool:
    """Say whether a part of the path starts as what other writers leave beside the data."""
    parts = path[len(base) :].split("/")
    return any(part.startswith((".", "_")) and "=" not in part for part in parts)


def _expanded(filesystem: Any, pattern: str) -> list[Any]:
    """Return what matches a pattern, in which ``**`` stands for any number of directories."""
    first, *rest = pattern.split("/")
    paths = [first] if not WILDCARD.search(first) else _children(filesystem, "", first)
    for part in rest:
        if part == "**":
            paths = [deep for path in paths for deep in _directories(filesystem, path or "/")]
        elif WILDCARD.search(part):
            paths = [c for path in paths for c in _children(filesystem, path or "/", part)]
        else:
            paths = [f"{path.rstrip('/')}/{part}" for path in paths]
    infos = filesystem.get_file_info(list(dict.fromkeys(paths)))
    return [info for info in infos if info.type != arrow_fs.FileType.NotFound]


def _children(filesystem: Any, directory: str, pattern: str) -> list[str]:
    """Return what a directory holds that matches a pattern without slashes."""
    selector = arrow_fs.FileSelector(directory or ".", allow_not_found=True)
    if filesystem.get_file_info(directory or ".").type == arrow_fs.FileType.File:
        return []
    found = [info.base_name for info in filesystem.get_file_info(selector)]
    below = f"{directory.rstrip('/')}/" if directory else ""
    return [
        below + name
        for name in found
        if fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
    ]


def _directories(filesystem: Any, base: str) -> list[str]:
    """Return a directory and all those in it, but for hidden ones."""
    selector = arrow_fs.FileSelector(base, allow_not_found=True, recursive=True)
    below = [
        info.path
        for info in filesystem.get_file_info(selector)
        if info.type == arrow_fs.FileType.Directory and not _is_hidden(base, info.path)
    ]
    return [base, *below]


def _in_natural_order(info: Any) -> list[tuple[int, int, str]]:
    """Return what sorts paths as people do: numbers by their value."""
    parts = re.split(r"(\d+)", info.path)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def _file(base: str, info: Any, filesystem: Any) -> File:
    """Return what is known of a file; its label leaves out the directory of the table."""
    label = info.path[len(base) :].lstrip("/") if base else info.path
    _kind(label)
    pairs = [part.split("=", 1) for part in label.split("/")[:-1] if "=" in part]
    values = {unquote(key): None if v == NO_VALUE else unquote(v) for key, v in pairs}
    return File(label, info.path, filesystem, info.size, info.mtime_ns, values)


def _kind(name: str) -> str:
    """Return what the ending of a name says, or raise naming those that are known."""
    for kind, endings in KINDS.items():
        if name.lower().endswith(endings):
            return kind
    if name.lower().endswith(".npz"):
        raise TableError(
            f"{name} is a compressed archive, which is read whole or not at all; save its matrix "
            "as .npy, or read it into memory."
        )
    known = " ".join(ending for endings in KINDS.values() for ending in endings)
    raise TableError(
        f"{name}: the ending says no format that can be read in parts; use one of {known}."
    )
