"""``mixtura impute``: fill in the missing cells of a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import GaussianMixture, InputError, MixtureImputer, OpenTable, TableError
from mixtura._text import counted
from mixtura.cli.console import facts, grid, hush, number, print_json, show
from mixtura.cli.fitting import Rows, read_rows, rows_for
from mixtura.cli.models import gaussians, load_model
from mixtura.cli.options import (
    ENDINGS,
    MEMORY,
    ColumnsOption,
    Covariance,
    DropOption,
    JsonOption,
    MemoryOption,
    NaOption,
    QuietOption,
    SeedOption,
    TablesArgument,
    ThreadsOption,
    check_no_fit,
    naming,
)
from mixtura.cli.streaming import Columns, is_streamed, refuse, written
from mixtura.estimators.centres import CentreModel
from mixtura.estimators.outside import unnamed
from mixtura.io.arrow import pa
from mixtura.io.table import Table
from mixtura.io.tables import STREAM, check_writable, numbered, write_table

Filled = tuple[list[NDArray[Any]], NDArray[Any] | None]
COMPONENTS = 3
FILLED = ""  # what stands for the columns themselves among those that are appended
EXACT = 2.0**53  # doubles hold every whole number below


def impute(
    tables: TablesArgument,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Fitted mixture; without one, a mixture is fitted to the table first.",
        ),
    ] = None,
    components: Annotated[
        int | None,
        typer.Option(
            "--components",
            "-k",
            min=1,
            help="Number of components to fit.",
            show_default=str(COMPONENTS),
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help=f"Write here: {ENDINGS}; '-' is standard output."),
    ] = STREAM,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Fill in draws instead of best guesses, and write so many tables: OUT-1.csv, "
            "OUT-2.csv...",
            show_default=False,
        ),
    ] = None,
    std: Annotated[
        bool,
        typer.Option(
            "--std", help="Append the standard deviation of each filled column, as NAME_std."
        ),
    ] = False,
    covariance: Annotated[
        Covariance | None,
        typer.Option(help="Covariance structure to fit.", show_default="full"),
    ] = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    na: NaOption = None,
    memory: MemoryOption = MEMORY,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fill in the missing cells of the columns of numbers of a table.

    A cell gets the mean of what it may be, given the others of its row, or a draw from that. All
    columns are kept in their order; cells that are there stay as they are. Columns of text, dates
    and true/false are left out unless --columns names them.
    """
    if quiet:
        hush()
    fitting = {"-k": components, "--covariance": covariance, "--columns": columns, "--drop": drop}
    check_usage(model, fitting, output, draws, std=std, as_json=as_json)
    outputs = [output] if draws is None else numbered(output, draws)
    for path in outputs:
        check_writable(path, *tables, *([model] if model else []))
    if draws is not None and is_streamed(tables, memory):
        raise refuse("--draws", tables)
    if model is None:
        rows = read_rows(tables, columns, drop, None, None, na, memory=memory)
        check_kept(rows)
        kind = covariance.value if covariance else "full"
        k = components or min(COMPONENTS, rows.seen.n_rows)
        fitted = fit(rows, k, kind, seed, threads)
    else:
        fitted, names = stored(model, threads)
        rows = rows_for(fitted, names, tables, None, na, memory)
        check_kept(rows)
    with naming(rows.table, rows.numeric.names):
        if isinstance(rows.table, OpenTable):
            part = partial(filled_part, fitted, rows, std=std)
            sums = written(rows.table, output, part, fills=FILLED)
        else:
            drawn, deviations = fill(fitted, rows.numeric.X, draws, seed)
            for path, each in zip(outputs, drawn, strict=True):
                write_table(path, completed(rows, rows.table, each, deviations if std else None))
            sums = sums_of(rows.numeric.X, drawn, deviations)
    if output == STREAM:
        return
    result = {
        "table": rows.table.source,
        "rows": rows.seen.n_rows,
        "outputs": outputs,
        **filled_facts(rows, sums),
    }
    if as_json:
        print_json(result)
    else:
        show(facts(lines(result)), *([] if not result["columns"] else ["", columns_table(result)]))


def check_usage(
    model: Path | None,
    fitting: dict[str, Any],
    output: str,
    draws: int | None,
    *,
    std: bool,
    as_json: bool,
) -> None:
    """Raise where options do not go together."""
    check_no_fit(model, fitting)
    if draws is not None and std:
        raise typer.BadParameter("--std goes with best guesses; draws show their spread.")
    if output == STREAM and (draws is not None or as_json):
        both = "several tables" if draws is not None else "--json and the table"
        raise typer.BadParameter(f"{both} cannot go to standard output: give -o.")


def check_kept(rows: Rows) -> None:
    """Raise where whole numbers are too large to become decimal ones, as filling in needs."""
    largest = np.maximum(rows.seen.greatest, -rows.seen.least)
    for name in rows.missing:
        if is_whole(rows.table, name) and largest[rows.numeric.names.index(name)] >= EXACT:
            raise TableError(
                f"{rows.table.source}: column '{name}' holds missing cells and whole numbers above "
                "2^53, which filling in would round; leave it out, or make it decimal numbers."
            )


def is_whole(table: Table | OpenTable, name: str) -> bool:
    """Say whether a column holds whole numbers, in any of its files."""
    if isinstance(table, Table):
        return bool(pa.types.is_integer(table.columns.column(name).type))
    layout = table.layout
    return any(pa.types.is_integer(layout.type(reader, name)) for reader in layout.readers)


def fit(rows: Rows, components: int, kind: str, seed: int, threads: int | None) -> GaussianMixture:
    """Return a mixture fitted to the table, as ``MixtureImputer`` fits it."""
    if rows.seen.n_rows == 1:
        raise TableError(f"{rows.table.source} has 1 row; a fit needs at least 2.")
    imputer = MixtureImputer(components, covariance_type=kind, random_state=seed, n_jobs=threads)
    with naming(rows.table, rows.numeric.names):
        return unnamed(imputer.fit(rows.numeric.X).model_)


def stored(path: Path, threads: int | None) -> tuple[GaussianMixture, list[str] | None]:
    """Return the mixture of a file, and the names of its columns.

    That is one of all classes, and leaves noise out: it says nothing of a missing cell.
    """
    fitted, names = load_model(path, threads)
    if isinstance(fitted, CentreModel):
        raise InputError(
            f"{path}: holds no mixture of Gaussians, which alone says what missing cells may be; "
            "fit one with mixtura fit, or leave --model out."
        )
    return gaussians(fitted), names


def fill(model: GaussianMixture, X: NDArray[Any], draws: int | None, seed: int) -> Filled:
    """Return the filled matrices, and the standard deviations of best guesses."""
    if draws is None:
        filled, deviations = model.impute(X, return_std=True)
        return [filled], deviations
    drawn = model.impute(X, "draw", draws, random_state=seed)
    return list(drawn.reshape(draws, *X.shape)), None


def filled_part(
    model: GaussianMixture, rows: Rows, X: NDArray[Any], *, std: bool
) -> tuple[Columns, FillSums]:
    """Return a part of a table filled in, and the standard deviations of its cells by column."""
    filled, deviations = model.impute(X, return_std=True)
    columns = {FILLED: filled, **(std_columns(rows, deviations) if std else {})}
    return columns, sums_of(X, [filled], deviations)


def std_columns(rows: Rows, deviations: NDArray[Any]) -> Columns:
    """Return the standard deviations (n, d) of the columns with missing cells."""
    each = dict(zip(rows.numeric.names, deviations.T, strict=True))
    return {f"{name}_std": each[name] for name in rows.missing}


def completed(
    rows: Rows, source: Table, filled: NDArray[Any], deviations: NDArray[Any] | None
) -> Table:
    """Return the table with its missing cells filled in, and their standard deviations."""
    columns, missing = (
        dict(zip(rows.numeric.names, array.T, strict=True))
        for array in (filled, np.isnan(rows.numeric.X))
    )
    table = source.filled(columns, missing)
    return table if deviations is None else table.appended(std_columns(rows, deviations))


@dataclass(frozen=True, eq=False)
class FillSums:
    """Sums of each column (d,) over cells; parts of a table add up.

    They are of the numbers that are there, of those that are filled in, and of the deviations of
    the latter. ``empty`` counts the rows without any number.
    """

    empty: int
    observed: NDArray[np.float64]
    filled: NDArray[np.float64]
    deviations: NDArray[np.float64] | None

    def __add__(self, other: FillSums) -> FillSums:
        both = None
        if self.deviations is not None and other.deviations is not None:
            both = self.deviations + other.deviations
        return FillSums(
            self.empty + other.empty,
            self.observed + other.observed,
            self.filled + other.filled,
            both,
        )


def sums_of(
    X: NDArray[Any], tables: list[NDArray[Any]], deviations: NDArray[Any] | None
) -> FillSums:
    """Return the sums of rows and of what fills them in, of several tables their mean."""
    holes = np.isnan(X)

    def summed(array: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = array.sum(axis=0, where=where, dtype=np.float64)
        return sums

    return FillSums(
        int(holes.all(axis=1).sum()),
        summed(X, ~holes),
        np.mean([summed(each, holes) for each in tables], axis=0),
        None if deviations is None else summed(deviations, holes),
    )


def filled_facts(rows: Rows, sums: FillSums) -> dict[str, Any]:
    """Return what was filled in, by column."""
    columns = {}
    for name, count in rows.missing.items():
        j, there = rows.numeric.names.index(name), rows.seen.n_rows - count
        columns[name] = {
            "missing": count,
            "mean_observed": sums.observed[j] / there if there else None,
            "mean_filled": sums.filled[j] / count,
            **({} if sums.deviations is None else {"mean_std": sums.deviations[j] / count}),
        }
    return {
        "used": rows.numeric.names,
        "missing": sum(rows.missing.values()),
        "empty_rows": sums.empty,
        "columns": columns,
    }


def lines(result: dict[str, Any]) -> dict[str, str]:
    """Return what was done as names and values for people."""
    cells = result["rows"] * len(result["used"])
    share = f" ({result['missing'] / cells:.1%})"
    rows = counted(result["empty_rows"], "row")
    return {
        "table": f"{result['table']}: {counted(result['rows'], 'row')}",
        "filled in": f"{result['missing']:,} of {counted(cells, 'cell')}{share}",
        **({"no value in": f"{rows}, filled from the others"} if result["empty_rows"] else {}),
        "written to": ", ".join(result["outputs"]),
    }


def columns_table(result: dict[str, Any]) -> RenderableType:
    """Return what was filled in, a line for each column, for people."""
    headers = {"missing": "missing", "mean_observed": "mean there", "mean_filled": "mean filled in"}
    headers |= {"mean_std": "typical error (sd)"}
    kept = [key for key in headers if all(key in each for each in result["columns"].values())]
    rows = [
        [name, *("-" if each[key] is None else number(each[key]) for key in kept)]
        for name, each in result["columns"].items()
    ]
    return grid(["column", *(headers[key] for key in kept)], rows)
