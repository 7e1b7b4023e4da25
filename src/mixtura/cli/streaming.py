"""Tables that memory cannot hold: which they are, one look at their rows, and results in parts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from mixtura import OpenTable, TableError
from mixtura.cli.console import logger, messages
from mixtura.estimators.outside import check_cells
from mixtura.io.files import WILDCARD
from mixtura.io.opening import memory_bytes
from mixtura.io.tables import COMPRESSED, STREAM
from mixtura.sources import dask
from mixtura.sources.partitions import of_rows

Columns = dict[str, NDArray[Any]]
T = TypeVar("T")

#: Times its size on disk that a table may take in memory, and again if the text is compressed.
EXPANSION = 4
#: The scheduler that is started for one command, on this machine.
LOCAL = "local"
#: Rows of a batch, at most, and its part of the budget.
BATCH_ROWS, BATCH_SHARE = 8192, 64


def is_streamed(tables: Sequence[str], memory: str) -> bool:
    """Say whether tables are read in parts, as one table: those that memory may not hold.

    Several files, directories, patterns and URIs are, whatever their size.
    """
    name, path = tables[0], Path(tables[0])
    if len(tables) > 1:
        return True
    if name == STREAM or not path.exists():
        return "://" in name or bool(WILDCARD.search(name))
    return path.is_dir() or size_in_memory(path) > memory_bytes(memory)


def size_in_memory(path: Path) -> int:
    """Return how many bytes a table on disk may take in memory.

    Pipes have no size, and archives are always read whole.
    """
    name = path.name.lower()
    size = path.stat().st_size if path.is_file() and not name.endswith(".npz") else 0
    return size * EXPANSION ** (2 if name.endswith(COMPRESSED) else 1)


def refuse(option: str, tables: Sequence[str]) -> TableError:
    """Return the error for an option that needs the rows of such tables in memory."""
    path = Path(tables[0])
    if len(tables) > 1 or not path.is_file():
        return TableError(f"{option} needs all rows in memory: join the files into one table.")
    needed = f"{max(size_in_memory(path) / 1e6, 0.1):.1f}".removesuffix(".0")
    return TableError(
        f"{option} needs all rows in memory, and {path} is read in parts; give --memory {needed}MB."
    )


def kept_by_workers(context: typer.Context, table: OpenTable, scheduler: str) -> Any:
    """Return the rows of a table on the workers of a scheduler, each of its files a partition.

    They stay there as long as the command runs.
    """
    if scheduler != LOCAL:
        context.with_resource(dask.connected(scheduler))
    files = [one_file(table, reader) for reader in table.layout.readers]
    shape = (table.n_features, table.dtype, table.weight is not None)
    rows = dask.DaskRows(*dask.collected(all_rows, files, *shape), where=table.where)
    return context.with_resource(rows)


def one_file(table: OpenTable, reader: Any) -> OpenTable:
    """Return one file of a table."""
    return replace(table, layout=replace(table.layout, readers=[reader]))


def all_rows(table: OpenTable) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return the rows (n, d) of a table and their weights (n,)."""
    empty = np.empty((0, table.n_features), table.dtype), np.empty(0)
    return next(table.chunks(max(table.n_rows, 1)), empty)


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at rows tells; looks at parts of a table add up.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    weight, telling : float
        Sum of the row weights, and that of the rows in which any cell is observed.
    missing : ndarray (d,)
        Missing cells of each column.
    least, greatest : ndarray (d,)
        The least and the greatest number of each column.
    held, mean, scatter : ndarray (d,)
        Weight of the cells that are there, their means, and sums of squares about these.
    """

    n_rows: int
    weight: float
    telling: float
    missing: NDArray[np.int64]
    least: NDArray[Any]
    greatest: NDArray[Any]
    held: NDArray[np.float64]
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def __add__(self, other: Look) -> Look:
        held = self.held + other.held
        share = np.divide(other.held, held, out=np.zeros_like(held), where=held > 0)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = other.mean - self.mean
            mean = self.mean + share * apart
            scatter = self.scatter + other.scatter + self.held * share * apart**2
        return Look(
            self.n_rows + other.n_rows,
            self.weight + other.weight,
            self.telling + other.telling,
            self.missing + other.missing,
            np.minimum(self.least, other.least),
            np.maximum(self.greatest, other.greatest),
            held,
            mean,
            scatter,
        )


def look(rows: NDArray[Any], weights: NDArray[Any] | None) -> Look:
    """Return what there is to know of some rows (m, d)."""
    holes = np.isnan(rows)
    known = np.ones(len(rows)) if weights is None else weights
    there = ~holes
    held = known @ there
    cells = np.where(holes, 0.0, rows).astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.divide(known @ cells, held, out=np.zeros_like(held), where=held > 0)
        cells -= mean
        cells *= there
        cells *= cells
        scatter = known @ cells
    return Look(
        n_rows=len(rows),
        weight=float(known.sum()),
        telling=float(known @ ~holes.all(axis=1)),
        missing=holes.sum(axis=0),
        least=np.fmin.reduce(rows, axis=0, initial=np.inf),
        greatest=np.fmax.reduce(rows, axis=0, initial=-np.inf),
        held=held,
        mean=mean,
        scatter=scatter,
    )


def total(
    X: Any,
    weights: NDArray[Any] | None,
    function: Callable[[Any, Any], T],
    *,
    allow_nan: bool = True,
) -> T:
    """Return the sum of ``function(rows, weights)`` over the batches of a matrix or a table.

    That of rows on workers is computed there. Rows of tables are looked at for infinite cells, and
    for missing ones where none may be.
    """
    if hasattr(X, "map_parts"):
        on_workers: T = X.map_parts(partial(of_rows, function, False), BATCH_ROWS)
        return on_workers
    found: T | None = None
    for rows, own in batches(X, weights, allow_nan):
        part = function(rows, own)
        found = part if found is None else found + part  # type: ignore[operator]
    assert found is not None
    return found


def batches(X: Any, weights: NDArray[Any] | None, allow_nan: bool) -> Iterator[tuple[Any, Any]]:
    """Yield rows and their weights in batches, of a table on disk with a bar of progress."""
    if isinstance(X, np.ndarray):
        for start in range(0, len(X), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            yield X[part], None if weights is None else weights[part]
        return
    most = X.memory // (BATCH_SHARE * 8 * X.n_features)
    done = 0
    with rows_shown(X, "reading") as advance:
        for rows, own in X.chunks(min(max(most, 1), BATCH_ROWS)):
            check_cells(X, slice(done, done + len(rows)), rows, allow_nan)
            yield rows, own
            done += len(rows)
            advance(len(rows))


@contextmanager
def rows_shown(table: OpenTable, what: str, output: str = "") -> Iterator[Callable[[int], Any]]:
    """Show on a terminal's standard error how many rows are done; give what counts them.

    A table that is printed there itself is enough.
    """
    printed = output == STREAM and sys.stdout.isatty()
    if printed or not (messages.is_terminal and logger.isEnabledFor(logging.INFO)):
        yield lambda n: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeRemainingColumn(),
    )
    counts = [reader.n_rows for reader in table.layout.readers]
    known = sum(count or 0 for count in counts) if None not in counts else None
    with Progress(*columns, console=messages, transient=True) as progress:
        yield partial(progress.advance, progress.add_task(what, total=known))


def written(
    table: OpenTable,
    output: str,
    function: Callable[[NDArray[Any]], tuple[Columns, T]],
    fills: str | None = None,
    *,
    allow_nan: bool = True,
) -> T:
    """Write a table with the columns that a function of its rows gives, a part at a time.

    The function returns columns and what else is to be summed over the table, which is returned.
    The matrix (m, d) called ``fills`` among its columns takes the place of missing cells.
    """
    with rows_shown(table, "writing", output) as advance:
        parts = _Parts(table, function, advance, allow_nan)
        names = list(function(np.zeros((1, table.n_features), table.dtype))[0])
        first, *others = sorted(names, key=lambda name: name != fills)
        added: dict[str, Any] = {name: partial(parts.held, name) for name in others}
        if fills is None:
            added = {first: partial(parts.next, first), **added}
        table.write(output, *([] if fills is None else [partial(parts.next, fills)]), **added)
    return parts.total


class _Parts:
    """Columns of one part of a table after the other: one call of a function makes all of them.

    Of each part the first column is asked for first.
    """

    def __init__(
        self,
        table: OpenTable,
        function: Callable[[NDArray[Any]], tuple[Columns, Any]],
        advance: Callable[[int], Any],
        allow_nan: bool,
    ) -> None:
        self.table, self.function, self.advance = table, function, advance
        self.allow_nan = allow_nan
        self.total: Any = None
        self._columns: Columns = {}
        self._done = 0

    def next(self, name: str, rows: NDArray[Any]) -> NDArray[Any]:
        """Return a column of the next part."""
        part = slice(self._done, self._done + len(rows))
        check_cells(self.table, part, rows, self.allow_nan)
        self._columns, found = self.function(rows)
        self.total = found if self.total is None else self.total + found
        self._done = part.stop
        self.advance(len(rows))
        return self._columns[name]

    def held(self, name: str, rows: NDArray[Any]) -> NDArray[Any]:
        """Return another column of the same part."""
        return self._columns[name]
