"""What is checked as a table on disk is opened."""

from __future__ import annotations

import os
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mixtura._errors import InputError, TableError
from mixtura.io.arrow import pa
from mixtura.io.columns import check_known
from mixtura.io.files import File
from mixtura.io.readers import ArrowReader, MatrixReader, ParquetReader, Reader
from mixtura.io.survey import Columns, check_lacking, kind_of
from mixtura.io.table import Table, named, quoted
from mixtura.io.text_reader import TextReader

UNITS = {
    unit: base**power
    for power, letter in enumerate("kmgt", start=1)
    for unit, base in ((f"{letter}b", 1000), (f"{letter}ib", 1024))
}


def memory_bytes(memory: str | int) -> int:
    """Return a budget of memory in bytes."""
    words = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(memory).lower())
    is_known = isinstance(memory, str | int | np.integer) and not isinstance(memory, bool)
    if words and is_known and words[2] in ("", "b", *UNITS):
        size = int(float(words[1]) * UNITS.get(words[2], 1))
        if size > 0:
            return size
    raise InputError(
        f"memory must be a positive number of bytes or a size such as '512MB' or '2GiB', got "
        f"{memory!r}."
    )


def listed(name: str, words: Any) -> list[str]:
    """Return a list of texts or paths; a text alone would be taken for the list of its letters."""
    if isinstance(words, Iterable) and not isinstance(words, str | bytes):
        found = list(words)
        if all(isinstance(word, str | os.PathLike) for word in found):
            return [str(os.fspath(word)) for word in found]
    got = reprlib.repr(words)
    raise InputError(f"{name} must be a list of text such as ['a', 'b'], got {got}.")


def open_reader(file: File, na: Sequence[str]) -> Reader:
    """Return what reads a file."""
    if file.kind == "delimited text":
        return TextReader(file, tuple(na))
    if file.kind == "NPY":
        return MatrixReader(file)
    return ParquetReader(file) if file.kind == "Parquet" else ArrowReader(file)


def check_names(
    source: str,
    names: list[str],
    columns: Sequence[str] | None,
    weight: str | None,
    drop: Sequence[str] = (),
) -> None:
    """Raise where columns share a name, or one is asked for that is not there, or twice."""
    table = Table(source, pa.schema([(name, pa.null()) for name in names]).empty_table())
    weights = [] if weight is None else [weight]
    check_known(table, [*(columns or ()), *drop, *weights])
    repeated = [name for name, count in Counter(columns or ()).items() if count > 1]
    if repeated:
        raise InputError(f"columns has {quoted(repeated)} more than once; name each column once.")
    if columns is None and not {*names} - {*drop, *weights}:
        raise TableError(f"{source}: no column is left to use; leave out fewer columns.")
    if columns is not None and (not columns or weight in columns):
        what = "is empty" if not columns else f"has the weight '{weight}'"
        raise InputError(f"columns {what}; name the columns of numbers to use.")


def check_survey(
    source: str, names: list[str], ignored: dict[str, str], kinds: dict[str, str]
) -> None:
    """Raise unless there are columns of numbers, and none that was asked for has no values."""
    empty = [name for name in names if kinds[name] == "empty"]
    if empty:
        raise TableError(
            f"{source}: {named('column', empty)} {'has' if len(empty) == 1 else 'have'} no values; "
            "choose columns of numbers."
        )
    if not names:
        left_out = ", ".join(f"'{name}' ({reason})" for name, reason in ignored.items())
        raise TableError(f"{source} has no column of numbers; left out: {left_out}.")


def check_files(columns: Columns, names: Sequence[str], kinds: dict[str, str]) -> None:
    """Raise at a file that lacks a column or holds something else in it than the first one."""
    check_lacking(columns, names)
    for reader in columns.readers:
        if isinstance(reader, TextReader):
            continue
        for name in names:
            kind = kind_of(columns.type(reader, name))
            if kind not in (kinds[name], "numbers", "empty"):
                raise TableError(
                    f"{reader.file.label}: column '{name}' holds {kind}, not {kinds[name]} as in "
                    "other files; the files of a table need the same columns."
                )
