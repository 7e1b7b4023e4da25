"""What the commands that fit a model have in common: rows in, a run, a model out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import TableError
from mixtura._text import counted
from mixtura.cli.console import INTERRUPTED, announce, facts, print_json, say, show
from mixtura.cli.labels import Labels, read_labels
from mixtura.cli.options import check_choice, in_flags, names_in, naming
from mixtura.cli.progress import Watch, shown, stopping_on_interrupt
from mixtura.io.columns import Numeric, missing_counts, numeric_columns
from mixtura.io.table import Table, as_option, named
from mixtura.io.tables import check_model_path, read_table

PARAMETERS_SHOWN = 200
COLUMNS_SHOWN = 10  # of those with missing cells
OWN_COLUMN = (
    r"component|certainty|log_density|probability_\d+|cluster|distance_to_center|squared_distance"
)


class Rows(NamedTuple):
    """What a model is fitted to: columns of a table, and the weight of each row."""

    table: Table
    numeric: Numeric
    weights: NDArray[Any] | None
    labels: Labels | None = None

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return float(len(self.numeric.X) if self.weights is None else self.weights.sum())

    def facts(self) -> dict[str, Any]:
        """Return what went into the fit, for machines."""
        return {
            "table": self.table.source,
            "rows": self.table.n_rows,
            "total_weight": self.weight,
            "left_out": self.numeric.ignored,
            "missing": missing_counts(self.numeric),
        }


def read_rows(
    table: str,
    columns: str | None,
    drop: str | None,
    weights: str | None,
    output: Path | None,
    na: list[str] | None = None,
    labels: str | None = None,
) -> Rows:
    """Read what the options choose, and say which columns are not used."""
    if output is not None:
        check_model_path(output, table)
    chosen, dropped = names_in(columns), names_in(drop)
    check_choice(chosen, dropped, weights)
    source = read_table(table, na or ())
    known = None if labels is None else read_labels(source, labels)
    check_choice(chosen, dropped, weights, known and known.column)
    left_out = [*(dropped or ()), *filter(None, (weights, known and known.column))]
    numeric = numeric_columns(source, chosen, left_out, allow_missing=True)
    report_columns(numeric, explicit=chosen is not None)
    counts = None if weights is None else weight_column(source, weights)
    if known is not None:
        known.compared(np.zeros(source.n_rows), weights=counts)  # complains now, not after the fit
    return Rows(source, numeric, counts, known)


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
    if not values.any():
        raise TableError(f"{table.source}: all weights in column '{name}' are 0; no row counts.")
    return values


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
            raise
        model = rebuilt(model, watch.best)
    model.set_params(callback=None)
    model.feature_names_in_ = np.asarray(names, dtype=object)
    if watch.stopping:
        if output is None:
            raise KeyboardInterrupt
        model.save(output)
        after = counted(watch.iterations, "iteration")
        announce(f"interrupted after {after}; the best model so far is in {output}")
        raise typer.Exit(INTERRUPTED)
    return model


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
