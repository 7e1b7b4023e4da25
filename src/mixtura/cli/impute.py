"""``mixtura impute``: fill in the missing cells of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import GaussianMixture, InputError, MixtureImputer, TableError
from mixtura._text import counted
from mixtura.cli.console import facts, grid, hush, number, print_json, show
from mixtura.cli.fitting import report_columns
from mixtura.cli.models import gaussians, load_model, matching_columns
from mixtura.cli.options import (
    ENDINGS,
    ColumnsOption,
    Covariance,
    DropOption,
    JsonOption,
    NaOption,
    QuietOption,
    SeedOption,
    TableArgument,
    ThreadsOption,
    check_choice,
    check_no_fit,
    names_in,
    naming,
)
from mixtura.estimators.centres import CentreModel
from mixtura.io.arrow import pa
from mixtura.io.columns import Numeric, missing_counts, numeric_columns
from mixtura.io.table import Table
from mixtura.io.tables import STREAM, check_writable, numbered, read_table, write_table

Filled = tuple[list[NDArray[Any]], NDArray[Any] | None]
COMPONENTS = 3
EXACT = 2.0**53  # doubles hold every whole number below


def impute(
    table: TableArgument,
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
        check_writable(path, table, *([model] if model else []))
    if model is None:
        check_choice(names_in(columns), names_in(drop), None)
    source = read_table(table, na or ())
    if model is None:
        numeric = numeric_columns(source, names_in(columns), names_in(drop), allow_missing=True)
        check_kept(source, numeric)
        report_columns(numeric, explicit=columns is not None)
        kind = covariance.value if covariance else "full"
        k = components or min(COMPONENTS, source.n_rows)
        fitted = fit(source, numeric, k, kind, seed, threads)
    else:
        fitted, names = stored(model, threads)
        numeric = matching_columns(source, fitted, names)
        check_kept(source, numeric)
    with naming(source, numeric.names):
        tables, deviations = fill(fitted, numeric.X, draws, seed)
    for path, filled in zip(outputs, tables, strict=True):
        write_table(path, completed(source, numeric, filled, deviations if std else None))
    if output == STREAM:
        return
    result = {
        "table": source.source,
        "rows": source.n_rows,
        "outputs": outputs,
        **filled_facts(numeric, tables, deviations),
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


def check_kept(source: Table, numeric: Numeric) -> None:
    """Raise where whole numbers are too large to become decimal ones, as filling in needs."""
    for name in missing_counts(numeric):
        values = numeric.X[:, numeric.names.index(name)]
        is_whole = pa.types.is_integer(source.columns.column(name).type)
        if is_whole and np.nanmax(np.abs(values), initial=0.0) >= EXACT:
            raise TableError(
                f"{source.source}: column '{name}' holds missing cells and whole numbers above "
                "2^53, which filling in would round; leave it out, or make it decimal numbers."
            )


def fit(
    source: Table, numeric: Numeric, components: int, kind: str, seed: int, threads: int | None
) -> GaussianMixture:
    """Return a mixture fitted to the table, as ``MixtureImputer`` fits it."""
    if source.n_rows == 1:
        raise TableError(f"{source.source} has 1 row; a fit needs at least 2.")
    imputer = MixtureImputer(components, covariance_type=kind, random_state=seed, n_jobs=threads)
    with naming(source, numeric.names):
        return imputer.fit(numeric.X).model_


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


def completed(
    source: Table, numeric: Numeric, filled: NDArray[Any], deviations: NDArray[Any] | None
) -> Table:
    """Return the table with its missing cells filled in, and their standard deviations."""
    columns, missing = (
        dict(zip(numeric.names, array.T, strict=True)) for array in (filled, np.isnan(numeric.X))
    )
    table = source.filled(columns, missing)
    if deviations is None:
        return table
    each = dict(zip(numeric.names, deviations.T, strict=True))
    return table.appended({f"{name}_std": each[name] for name in missing_counts(numeric)})


def filled_facts(
    numeric: Numeric, tables: list[NDArray[Any]], deviations: NDArray[Any] | None
) -> dict[str, Any]:
    """Return what was filled in, by column."""
    missing, columns = np.isnan(numeric.X), {}
    for name, count in missing_counts(numeric).items():
        j = numeric.names.index(name)
        holes, there = missing[:, j], numeric.X[~missing[:, j], j]
        columns[name] = {
            "missing": count,
            "mean_observed": there.mean(dtype=np.float64) if len(there) else None,
            "mean_filled": np.mean([each[holes, j] for each in tables], dtype=np.float64),
            **({} if deviations is None else {"mean_std": deviations[holes, j].mean()}),
        }
    return {
        "used": numeric.names,
        "missing": int(missing.sum()),
        "empty_rows": int(missing.all(axis=1).sum()),
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
