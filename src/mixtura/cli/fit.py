"""``mixtura fit``: fit a mixture to a table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from mixtura import GaussianMixture, InputError, Mixture, ModelFileError, TableError
from mixtura.cli.console import INTERRUPTED, announce, facts, hush, print_json, say, show
from mixtura.cli.models import (
    collapsed_line,
    components_table,
    description,
    likelihood_lines,
    log_likelihood_facts,
    model_line,
    weights_table,
)
from mixtura.cli.options import (
    JsonOption,
    QuietOption,
    TableArgument,
    ThreadsOption,
    check_choice,
    in_flags,
    names_in,
    number_or_auto,
)
from mixtura.cli.progress import Watch, shown, stopping_on_interrupt
from mixtura.io.columns import Numeric, numeric_columns
from mixtura.io.table import Table, as_option, counted, named
from mixtura.io.tables import check_model_path, read_table

MEANS_SHOWN = 200
OWN_COLUMN = r"component|certainty|log_density|probability_\d+"


class Covariance(StrEnum):
    """The covariance structures."""

    full = "full"
    tied = "tied"
    diag = "diag"
    spherical = "spherical"


class Init(StrEnum):
    """The starts."""

    kmeans = "kmeans"
    kmeans_plus_plus = "k-means++"
    random = "random"
    random_from_data = "random_from_data"


class Engine(StrEnum):
    """The kernels."""

    auto = "auto"
    numpy = "numpy"
    numba = "numba"


def fit(
    table: TableArgument,
    components: Annotated[
        int,
        typer.Option("--components", "-k", min=1, help="Number of components.", show_default=False),
    ],
    covariance: Annotated[
        Covariance, typer.Option(help="Covariance structure of the components.")
    ] = Covariance.full,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the model here.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to fit, as a,b.", show_default="every column of numbers"),
    ] = None,
    drop: Annotated[str | None, typer.Option(help="Columns to leave out, as a,b.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Column that holds the weight of each row.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed; equal seeds give equal models.")] = 0,
    n_init: Annotated[int, typer.Option(min=1, help="Starts; the best result is kept.")] = 1,
    init: Annotated[Init, typer.Option(help="How a start is chosen.")] = Init.kmeans,
    max_iter: Annotated[int, typer.Option(min=1, help="Most iterations of one start.")] = 1000,
    tol: Annotated[
        str, typer.Option(help="Stop below this gain per row (nats), or 'auto'.")
    ] = "auto",
    reg_covar: Annotated[
        str, typer.Option(help="Added to the variances, or 'auto' for a relative floor.")
    ] = "auto",
    engine: Annotated[Engine, typer.Option(help="Kernels.")] = Engine.auto,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a mixture of Gaussians to the columns of numbers of a table.

    Columns of text, dates and true/false are left out unless --columns names them (true counts as
    1, false as 0). Ctrl-C stops after the iteration at hand and, with -o, keeps the model so far.
    """
    if quiet:
        hush()
    if output is not None:
        check_model_path(output, table)
    chosen, dropped = names_in(columns), names_in(drop)
    check_choice(chosen, dropped, weights)
    model = GaussianMixture(
        components,
        covariance_type=covariance.value,
        tol=number_or_auto(tol, "--tol"),
        reg_covar=number_or_auto(reg_covar, "--reg-covar"),
        max_iter=max_iter,
        n_init=n_init,
        init_params=init.value,
        random_state=seed,
        engine=engine.value,
        n_jobs=threads,
    )
    source = read_table(table)
    left_out = [*(dropped or ()), *([weights] if weights else ())]
    numeric = numeric_columns(source, chosen, left_out)
    if source.n_rows == 1:
        raise TableError(f"{source.source} has 1 row; a fit needs at least 2.")
    report_columns(numeric, explicit=chosen is not None)
    row_weights = None if weights is None else weight_column(source, weights)
    started = time.monotonic()
    with naming(source):
        model = run(model, numeric, row_weights, output, visible=not quiet)
    result = summary(model, source, numeric, row_weights, time.monotonic() - started)
    if output is not None:
        model.save(output)
    if as_json:
        print_json({**result, "seed": seed, "model": output})
    else:
        print_summary(model, result, output)


@contextmanager
def naming(table: Table) -> Iterator[None]:
    """Let an error of the library name the table, and its parameters as options."""
    try:
        yield
    except (TableError, ModelFileError):
        raise
    except InputError as error:
        raise TableError(f"{table.source}: {in_flags(str(error))}") from None


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
    report_constant(numeric)


def report_constant(numeric: Numeric) -> None:
    """Say which columns hold one value only."""
    X = numeric.X
    names = [numeric.names[j] for j in np.flatnonzero(X.min(axis=0) == X.max(axis=0))]
    if not names:
        return
    one = len(names) == 1
    what = f"{named('column', names)} {'does' if one else 'do'} not vary"
    why = f"{'it tells' if one else 'they tell'} no groups apart and only "
    why += f"{'shifts' if one else 'shift'} the log-likelihood"
    can_drop = len(names) < len(numeric.names)
    leaves = f"; --drop {as_option(names)} leaves {'it' if one else 'them'} out"
    say(f"{what}: {why}{leaves if can_drop else ''}")


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
    model: GaussianMixture,
    numeric: Numeric,
    weights: NDArray[Any] | None,
    output: Path | None,
    *,
    visible: bool,
) -> GaussianMixture:
    """Return the fitted model; where Ctrl-C stops it, write what there is and leave."""
    weight = float(len(numeric.X) if weights is None else weights.sum())
    watch = Watch(model.tol, model.max_iter, weight, keep=output is not None)
    model.set_params(callback=watch)
    try:
        with shown(watch, visible=visible), stopping_on_interrupt(watch):
            model.fit(numeric.X, sample_weight=weights)
    except KeyboardInterrupt:
        if output is None or watch.best is None:
            raise
        model = rebuilt(model, watch.best)
    model.set_params(callback=None)
    model.feature_names_in_ = np.asarray(numeric.names, dtype=object)
    if watch.stopping and output is not None:
        model.save(output)
        after = counted(watch.iterations, "iteration")
        announce(f"interrupted after {after}; the best model so far is in {output}")
        raise typer.Exit(INTERRUPTED)
    return model


def rebuilt(model: GaussianMixture, mixture: Mixture) -> GaussianMixture:
    """Return a model with the settings of ``model`` and the parameters of ``mixture``."""
    settings = model.get_params()
    del settings["covariance_type"], settings["n_components"], settings["callback"]
    return GaussianMixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariances, mixture.covariance_type, **settings
    )


def summary(
    model: GaussianMixture,
    table: Table,
    numeric: Numeric,
    weights: NDArray[Any] | None,
    seconds: float,
) -> dict[str, Any]:
    """Return what the fit found, for machines."""
    weight = float(len(numeric.X) if weights is None else weights.sum())
    return {
        "table": table.source,
        "rows": table.n_rows,
        "total_weight": weight,
        "left_out": numeric.ignored,
        **log_likelihood_facts(model, model.lower_bound_ * weight, weight),
        **description(model, numeric.names),
        "seconds": seconds,
    }


def print_summary(model: GaussianMixture, result: dict[str, Any], output: Path | None) -> None:
    """Print what the fit found, for people."""
    show(facts(fit_facts(result)), "")
    if model.means_.size <= MEANS_SHOWN:
        show(components_table(model, result["columns"]))
    else:
        show(weights_table(model))
    if output is not None:
        show(f"\nmodel written to {output}; mixtura info shows it again, with --json all of it")


def fit_facts(result: dict[str, Any]) -> dict[str, str]:
    """Return the summary of a fit as names and values for people."""
    table = f"{result['table']}: {counted(result['rows'], 'row')}"
    iterations = f"{counted(result['iterations'], 'iteration')} in {result['seconds']:.2f} s"
    return {
        "table": table,
        "columns": ", ".join(result["columns"]),
        "model": model_line(result),
        "status": f"{in_flags(result['status'])} ({iterations})",
        **collapsed_line(result),
        **likelihood_lines(result),
    }
