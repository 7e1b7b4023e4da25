"""What the commands that fit a model have in common: rows in, a run, a model out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import InputError, OpenTable, TableError
from mixtura._text import counted
from mixtura.cli.console import INTERRUPTED, announce, facts, print_json, say, show
from mixtura.cli.labels import Labels, read_labels
from mixtura.cli.models import Model, check_width, matching_columns
from mixtura.cli.options import check_choice, in_flags, names_in, naming
from mixtura.cli.progress import Watch, shown, stopping_on_interrupt
from mixtura.cli.streaming import Look, is_streamed, look, refuse, total
from mixtura.estimators.checkpoints import check
from mixtura.io.columns import Numeric, numeric_columns
from mixtura.io.opened import open_files
from mixtura.io.table import Table, as_option, named
from mixtura.io.tables import check_model_path, read_table

T = TypeVar("T")
UNLIMITED = "1000TB"  # of which no single file needs too much
PARAMETERS_SHOWN = 200
COLUMNS_SHOWN = 10  # of those with missing cells
OWN_COLUMN = (
    r"component|certainty|log_density|probability_\d+|cluster|distance_to_center|squared_distance"
)


@dataclass(frozen=True)
class Rows:
    """What a model is fitted to: columns of a table, and the weight of each row.

    Where the table is read in parts, it is the ``X`` of ``numeric`` too, and has the weights.
    """

    table: Table | OpenTable
    numeric: Numeric
    weights: NDArray[Any] | None
    labels: Labels | None = None

    @cached_property
    def seen(self) -> Look:
        """What a look at all rows tells."""
        with naming(self.table, self.numeric.names):
            found = self.total(look)
        check_weight(self.table, getattr(self.table, "weight", None), found.weight)
        return found

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return self.seen.weight

    @property
    def missing(self) -> dict[str, int]:
        """How many cells of each column are missing, of those in which any are."""
        counts = zip(self.numeric.names, self.seen.missing.tolist(), strict=True)
        return {name: count for name, count in counts if count}

    def total(self, function: Callable[[Any, Any], T], *, allow_nan: bool = True) -> T:
        """Return the sum of ``function(rows, weights)`` over batches of rows."""
        return total(self.numeric.X, self.weights, function, allow_nan=allow_nan)

    def facts(self) -> dict[str, Any]:
        """Return what went into the fit, for machines."""
        return {
            "table": self.table.source,
            "rows": self.seen.n_rows,
            "total_weight": self.weight,
            "left_out": self.numeric.ignored,
            "missing": self.missing,
        }


def read_rows(
    tables: Sequence[str],
    columns: str | None,
    drop: str | None,
    weights: str | None,
    output: Path | None,
    na: list[str] | None = None,
    labels: str | None = None,
    memory: str | None = None,
    workers: Callable[[OpenTable], Any] | None = None,
) -> Rows:
    """Read what the options choose, and say which columns are not used.

    Where the budget of ``memory`` is too small for the tables, they are read in parts, or by
    ``workers``, if there are any.
    """
    if output is not None:
        check_model_path(output, *tables)
    chosen, dropped = names_in(columns), names_in(drop)
    check_choice(chosen, dropped, weights)
    if memory is not None and (workers or is_streamed(tables, memory)):
        if labels is not None:
            raise refuse("--labels", tables)
        rows = streamed_rows(tables, chosen, dropped, weights, na, memory)
        if output is not None:
            check_model_path(output, *files_of(rows.table))
        report_columns(rows.numeric, explicit=chosen is not None)
        if workers is None:
            return rows
        with naming(rows.table, rows.numeric.names):
            return replace(
                rows, numeric=rows.numeric._replace(X=workers(cast(OpenTable, rows.table)))
            )
    if memory is None and is_streamed(tables, UNLIMITED):
        raise refuse("this command", tables)
    source = read_table(tables[0], na or ())
    known = None if labels is None else read_labels(source, labels)
    check_choice(chosen, dropped, weights, known and known.column)
    left_out = [*(dropped or ()), *filter(None, (weights, known and known.column))]
    numeric = numeric_columns(source, chosen, left_out, allow_missing=True)
    report_columns(numeric, explicit=chosen is not None)
    counts = None if weights is None else weight_column(source, weights)
    if known is not None:
        known.compared(np.zeros(source.n_rows), weights=counts)  # complains now, not after the fit
    return Rows(source, numeric, counts, known)


def streamed_rows(
    tables: Sequence[str],
    columns: Sequence[str] | None,
    drop: Sequence[str] | None,
    weights: str | None,
    na: list[str] | None,
    memory: str,
    *,
    allow_empty: bool = False,
) -> Rows:
    """Open tables on disk as one."""
    chosen = columns and list(dict.fromkeys(columns))
    table = open_files(
        tables, chosen, drop or (), weights, memory, na or (), allow_empty=allow_empty
    )
    return Rows(table, Numeric(table.names, cast(Any, table), table.ignored), None)


def rows_for(
    model: Model,
    names: list[str] | None,
    tables: Sequence[str],
    weights: str | None,
    na: list[str] | None,
    memory: str,
    labels: Callable[[Table], Labels] | None = None,
) -> Rows:
    """Read the columns that a model needs: by name, or by position if it knows no names.

    The column of ``weights`` has no position, nor has that of the ``labels``.
    """
    if is_streamed(tables, memory):
        if labels is not None:
            raise refuse("--labels", tables)
        rows = streamed_rows(tables, names, None, weights, na, memory, allow_empty=True)
        if names is None:
            check_width(rows.table, rows.numeric, model)
        return rows
    source = read_table(tables[0], na or ())
    known = labels and labels(source)
    numeric = matching_columns(source, model, names, weights or (known and known.column))
    counts = None if weights is None else weight_column(source, weights)
    return Rows(source, numeric, counts, known)


def files_of(table: Any) -> list[str]:
    """Return the paths of the files of a table that is read in parts."""
    return [reader.file.path for reader in table.layout.readers]


def report_columns(numeric: Numeric, *, explicit: bool) -> None:
    """Say which columns are not used, and which had better not be."""
    if numeric.ignored:
        columns = [f"{name or '(no name)'} ({kind})" for name, kind in numeric.ignored.items()]
        say(f"left out, not numbers: {', '.join(columns)}; --columns and --drop choose columns")
    own = [name for name in numeric.names if re.fullmatch(OWN_COLUMN, name)]
    if own and not explicit:
        is_one = len(own) == 1
        say(
            f"{named('column', own)} {'has a name' if is_one else 'have names'} that mixtura gives "
            f"to its results, and {'is' if is_one else 'are'} fitted like the others; --drop "
            f"{as_option(own)} leaves {'it' if is_one else 'them'} out, --columns chooses columns"
        )


def weight_column(table: Table, name: str) -> NDArray[Any]:
    """Return the weight of each row, or raise where one is negative or all are 0."""
    values = numeric_columns(table, [name]).X[:, 0].astype(np.float64)
    if values.min() < 0:
        row = int(np.argmax(values < 0))
        raise TableError(
            f"{table.source}: the weight in column '{name}' is {values[row]:g} on "
            f"{table.where(row)}; weights are at least 0."
        )
    check_weight(table, name, values.max())
    return values


def check_weight(table: Table | OpenTable, name: str | None, weight: float) -> None:
    """Raise where all weights are 0."""
    if weight == 0 and name is not None:
        raise TableError(f"{table.source}: all weights in column '{name}' are 0; no row counts.")


def keep_in(model: Any, checkpoint: Path | None, every: str | None, output: Path | None) -> None:
    """Let a model keep its fit in a file; raise where it cannot, before the table is read."""
    if checkpoint is None:
        if every is not None:
            raise typer.BadParameter("it needs --checkpoint.", param_hint="--checkpoint-every")
        return
    if output is not None and checkpoint.resolve() == output.resolve():
        raise typer.BadParameter("--checkpoint and --output name the same file.")
    model.set_params(checkpoint=checkpoint)
    if every is not None:
        model.set_params(checkpoint_every=every)
    try:
        check(model)
    except InputError as error:
        raise type(error)(in_flags(str(error))) from None


def run(
    model: Any,
    rows: Rows,
    watch: Watch,
    rebuilt: Callable[[Any, Any], Any],
    output: Path | None,
    *,
    visible: bool,
) -> Any:
    """Return the fitted model; where Ctrl-C stops it, write what there is and leave.

    ``rebuilt(model, best)`` makes a model of what the watch has kept.
    """
    model.set_params(callback=watch)
    X, names = rows.numeric.X, rows.numeric.names
    try:
        with (
            naming(rows.table, names),
            shown(watch, visible=visible),
            stopping_on_interrupt(watch),
        ):
            model.fit(X, sample_weight=rows.weights)
    except KeyboardInterrupt:
        if output is None or watch.best is None:
            leave(model)
        model = rebuilt(model, watch.best)
    model.set_params(callback=None)
    model.feature_names_in_ = np.asarray(names, dtype=object)
    if watch.stopping:
        if output is None:
            leave(model)
        model.save(output)
        after = counted(watch.iterations, "iteration")
        leave(model, f" after {after}; the best model so far is in {output}")
    return model


def leave(model: Any, what: str = "") -> NoReturn:
    """End the command after Ctrl-C, and say where the fit can go on from, if it can."""
    path = getattr(model, "checkpoint", None)
    if path is not None and path.exists():
        what += f"; the same command goes on from the checkpoint {path}"
    if not what:
        raise KeyboardInterrupt
    announce(f"interrupted{what}")
    raise typer.Exit(INTERRUPTED)


def outcome_lines(result: dict[str, Any], kind: str) -> dict[str, str]:
    """Return what was fitted, by which ``kind`` of model, and why it stopped, for people."""
    iterations = f"{counted(result['iterations'], 'iteration')} in {result['seconds']:.2f} s"
    return {
        "table": f"{result['table']}: {counted(result['rows'], 'row')}",
        "columns": ", ".join(result["columns"]),
        **missing_line(result),
        "model": kind,
        "status": f"{in_flags(result['status'])} ({iterations})",
    }


def missing_line(result: dict[str, Any]) -> dict[str, str]:
    """Return how many cells are missing, and where, as a name and a value for people."""
    missing = result["missing"]
    if not missing:
        return {}
    total, cells = sum(missing.values()), result["rows"] * len(result["columns"])
    most = sorted(missing, key=lambda name: -missing[name])[:COLUMNS_SHOWN]
    shown = ", ".join(f"{name} {missing[name]:,}" for name in most)
    more = len(missing) - len(most)
    rest = f" and {counted(more, 'more column')}" if more else ""
    return {"missing": f"{total:,} of {cells:,} cells ({total / cells:.1%}): {shown}{rest}"}


def deliver(
    model: Any,
    result: dict[str, Any],
    lines: dict[str, str],
    parameters: RenderableType,
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write the model, and print the result for machines or ``lines`` and a table for people."""
    if output is not None:
        model.save(output)
    if as_json:
        print_json({**result, "model": output})
        return
    show(facts(lines), "", parameters)
    if output is not None:
        show(f"\nmodel written to {output}; mixtura info shows it again, with --json all of it")
