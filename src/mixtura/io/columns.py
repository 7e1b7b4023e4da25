"""From the columns of a table to a matrix of numbers, or a sentence that says why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura._text import counted
from mixtura.io.arrow import pa, pc
from mixtura.io.table import Table, as_option, named, quoted

MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "?")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
WITH_COMMAS = "numbers with thousands commas"
ROW_LABELS = ("", "__index_level_0__")  # what R and pandas write beside the data


class Numeric(NamedTuple):
    """The chosen columns as a matrix, and the columns left out with the reason for each."""

    names: list[str]
    X: NDArray[Any]
    ignored: dict[str, str]


class Cells(NamedTuple):
    """One column: its kind, its numbers (NaN where missing), and which cells are no numbers."""

    kind: str
    values: NDArray[Any]
    bad: NDArray[np.bool_]


def numeric_columns(
    table: Table,
    columns: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    *,
    allow_missing: bool = False,
    allow_empty: bool = False,
) -> Numeric:
    """Return the numeric columns of a table as a matrix without infinite cells.

    Parameters
    ----------
    table : Table
        The table.
    columns : sequence of str, optional
        The columns to take, in this order. By default every column of numbers is taken and the
        others (text, true/false, dates, row labels without a name) are left out. True/false
        columns named here count as 1 and 0.
    drop : sequence of str, optional
        Columns to leave out.
    allow_missing : bool
        Whether cells may be missing; they are NaN.
    allow_empty : bool
        Whether all cells of a column may be: it then counts as numbers.

    Returns
    -------
    Numeric
        Names, matrix (float32 if every column is, else float64), and the columns left out.

    Raises
    ------
    TableError
        If a column does not exist or cannot be used, naming the column and the line.
    """
    names, ignored, arrays = [], {}, []
    for name in _candidates(table, columns, drop):
        cells = read_cells(table.columns.column(name), table.na)
        if allow_empty and cells.kind == "empty":
            cells = cells._replace(kind="numbers")
        reason = "row labels" if name in ROW_LABELS else cells.kind
        if columns is None and reason not in ("numbers", "mixed"):
            ignored[name] = reason
            continue
        check_kind(table, name, cells, explicit=columns is not None)
        names.append(name)
        arrays.append(cells.values)
    if not names:
        left_out = ", ".join(f"'{name}' ({reason})" for name, reason in ignored.items())
        raise TableError(f"{table.source} has no column of numbers; left out: {left_out}.")
    _check_infinite(table, names, arrays)
    if not allow_missing:
        _check_missing(table, names, arrays, explicit=columns is not None)
    return Numeric(names, _stacked(arrays), ignored)


def to_numbers(column: pa.ChunkedArray) -> NDArray[Any] | None:
    """Return a column as numbers with NaN where missing, or None if it is something else."""
    cells = read_cells(column)
    return cells.values if cells.kind in ("numbers", "empty", "true/false") else None


def missing_counts(numeric: Numeric) -> dict[str, int]:
    """Return how many cells of each column are missing, of those in which any are."""
    counts = np.isnan(numeric.X).sum(axis=0).tolist()
    return {name: n for name, n in zip(numeric.names, counts, strict=True) if n}


def read_cells(column: pa.ChunkedArray, na: Sequence[str] = ()) -> Cells:
    """Read a column of any type as numbers, and say what kind it is.

    ``na`` is what stands for a missing cell beside the usual words; a number there does so however
    it is written.
    """
    cells = _read_cells(column, na)
    numbers = [float(text) for text in na if re.match(NUMBER, text.strip())]
    if numbers and cells.kind in ("numbers", "mixed"):
        values = cells.values.copy()
        values[np.isin(values, np.asarray(numbers, dtype=values.dtype))] = np.nan
        cells = cells._replace(values=values)
    if cells.kind == "numbers" and np.isnan(cells.values).all():
        return cells._replace(kind="empty")
    return cells


def _read_cells(column: pa.ChunkedArray, na: Sequence[str]) -> Cells:
    """Read a column of any type as numbers, and say what kind it is."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _read_cells(column.cast(kind.value_type), na)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_string_view(kind):
        return _text_cells(column, na)
    if pa.types.is_null(kind) or column.null_count == len(column):
        return _no_numbers("empty", len(column))
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _numbers("numbers", column)
    if pa.types.is_boolean(kind):
        return _numbers("true/false", column)
    return _no_numbers("dates" if pa.types.is_temporal(kind) else str(kind), len(column))


def _is_string_view(kind: pa.DataType) -> bool:
    """Say whether a type is the string view of newer Arrow versions."""
    return str(kind) == "string_view"


def _numbers(label: str, column: pa.ChunkedArray) -> Cells:
    """Return a column of an arithmetic type, missing cells as NaN; float32 stays float32."""
    wanted = pa.float32() if pa.types.is_float32(column.type) else pa.float64()
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    values = pc.cast(column, wanted, safe=False).to_numpy()
    return Cells(label, values, np.zeros(len(values), dtype=bool))


def _no_numbers(label: str, n_rows: int) -> Cells:
    """Return a column without any number in it."""
    return Cells(label, np.full(n_rows, np.nan), np.zeros(n_rows, dtype=bool))


def missing_words(na: Sequence[str]) -> pa.Array:
    """Return what stands for a missing cell, in lower case."""
    return pa.array([*MISSING, *(text.strip().lower() for text in na)])


def _text_cells(column: pa.ChunkedArray, na: Sequence[str]) -> Cells:
    """Return a column of text: numbers, true/false, empty, mixed (mostly numbers) or text."""
    try:
        return _numbers("numbers", pc.cast(column, pa.float64()))
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    lowered = pc.utf8_lower(trimmed)
    numeric = pc.match_substring_regex(trimmed, NUMBER)
    values = pc.cast(pc.if_else(numeric, trimmed, None), pa.float64()).to_numpy()
    missing = pc.fill_null(pc.is_in(lowered, missing_words(na)), True).to_numpy()
    bad = ~pc.fill_null(numeric, False).to_numpy() & ~missing
    n_bad, n_cells = int(bad.sum()), int((~missing).sum())
    if n_cells == 0:
        return Cells("empty", values, bad)
    if n_bad == 0:
        return Cells("numbers", values, bad)
    if n_bad == n_cells and _all_true_false(lowered, bad):
        truth = pc.equal(pc.if_else(pa.array(bad), lowered, None), "true")
        return _numbers("true/false", truth)
    if 2 * n_bad <= n_cells:
        return Cells("mixed", values, bad)
    commas = pc.fill_null(pc.match_substring_regex(trimmed, THOUSANDS), False).to_numpy()
    return Cells(WITH_COMMAS if commas[bad].all() else "text", values, bad)


def _all_true_false(lowered: pa.ChunkedArray, cells: NDArray[np.bool_]) -> bool:
    """Say whether the given cells all read true or false."""
    truth = pc.fill_null(pc.is_in(lowered, pa.array(["true", "false"])), False).to_numpy()
    return bool(truth[cells].all())


def check_known(table: Table, names: Sequence[str]) -> None:
    """Raise naming the columns that the table does not have."""
    known = table.names
    unknown = [name for name in names if name not in known]
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; its columns are {quoted(known)}."
        raise TableError(f"{table.source} has no {named('column', unknown)}{hint}")


def _candidates(
    table: Table, columns: Sequence[str] | None, drop: Sequence[str] | None
) -> list[str]:
    """Return the columns to look at, or raise naming those that the table does not have."""
    check_known(table, [*(columns or ()), *(drop or ())])
    wanted = table.names if columns is None else list(dict.fromkeys(columns))
    left = [name for name in wanted if name not in (drop or ())]
    if not left:
        raise TableError(f"{table.source}: no column is left to use; leave out fewer columns.")
    return left


def check_kind(table: Table, name: str, cells: Cells, *, explicit: bool) -> None:
    """Raise unless the column holds numbers."""
    if cells.kind in ("numbers", "true/false"):
        return
    if cells.kind != "mixed":
        what = "has no values" if cells.kind == "empty" else f"holds {cells.kind}, not numbers"
        advice = "remove the commas" if cells.kind == WITH_COMMAS else "choose columns of numbers"
        raise TableError(f"{table.source}: column '{name}' {what}; {advice}.")
    row = int(np.argmax(cells.bad))
    text = " ".join(str(table.columns.column(name)[row].as_py()).split())
    shown = text if len(text) <= 40 else text[:40] + "..."
    count = int(cells.bad.sum())
    others = "" if count == 1 else f" ({count} cells of this column are not)"
    advice = "" if explicit else f", or leave the column out (--drop {as_option([name])})"
    raise TableError(
        f"{table.source}: column '{name}' holds '{shown}' on {table.where(row)}, which is not a "
        f"number{others}; correct it{advice}."
    )


def _check_infinite(table: Table, names: list[str], arrays: list[NDArray[Any]]) -> None:
    """Raise at the first column with an infinite cell."""
    for name, values in zip(names, arrays, strict=True):
        infinite = np.isinf(values)
        if infinite.any():
            row = int(np.argmax(infinite))
            cell = table.columns.column(name)[row].as_py()
            raise TableError(
                f"{table.source}: column '{name}' holds '{cell}' on {table.where(row)}, which is "
                f"infinite as a number; every cell must be finite."
            )


def _check_missing(
    table: Table, names: list[str], arrays: list[NDArray[Any]], *, explicit: bool
) -> None:
    """Raise naming every column with missing cells, how many, and where the first one is."""
    holes, rows = [], np.zeros(table.n_rows, dtype=bool)
    for name, values in zip(names, arrays, strict=True):
        missing = np.isnan(values)
        if missing.any():
            holes.append((name, int(missing.sum()), table.where(int(np.argmax(missing)))))
            rows |= missing
    if not holes:
        return
    listed = ", ".join(f"'{name}' ({count}, first on {where})" for name, count, where in holes[:10])
    more = "" if len(holes) <= 10 else f" and {counted(len(holes) - 10, 'more column')}"
    can_drop = not explicit and len(holes) < len(names)
    advice = _missing_advice(rows, [name for name, _, _ in holes] if can_drop else [])
    raise TableError(
        f"{table.source} has missing cells, which cannot be used here: {listed}{more}; {advice}."
    )


def _missing_advice(rows: NDArray[np.bool_], columns: list[str]) -> str:
    """Return what to do about the rows and columns that have missing cells."""
    ways = ["fill them in"]
    if not rows.all():
        count = int(rows.sum())
        have = "has" if count == 1 else "have"
        ways.append(f"remove the {counted(count, 'row')} of {len(rows):,} that {have} them")
    if columns:
        which = "column" if len(columns) == 1 else "columns"
        option = f" {as_option(columns)}" if len(columns) <= 10 else ""
        ways.append(f"leave the {which} out (--drop{option})")
    return ", or ".join(filter(None, (", ".join(ways[:-1]), ways[-1])))


def _stacked(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the columns as a matrix of shape (n_rows, n_columns), float32 only if all are."""
    dtype = np.result_type(*arrays)
    X = np.empty((len(arrays[0]), len(arrays)), dtype=dtype)
    for j, values in enumerate(arrays):
        X[:, j] = values
    return X
