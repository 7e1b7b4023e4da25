"""``mixtura fit``: fit a mixture to a table."""

from __future__ import annotations

import time
from copy import copy
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import GaussianMixture, Mixture, TableError
from mixtura.cli.console import hush, say
from mixtura.cli.fitting import (
    PARAMETERS_SHOWN,
    Rows,
    deliver,
    keep_in,
    outcome_lines,
    read_rows,
    run,
)
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
    MEMORY,
    CheckpointEveryOption,
    CheckpointOption,
    ColumnsOption,
    Covariance,
    DropOption,
    Engine,
    EngineOption,
    JsonOption,
    LabelsOption,
    MaxIterOption,
    MemoryOption,
    NaOption,
    OutputModelOption,
    QuietOption,
    SchedulerOption,
    SeedOption,
    TablesArgument,
    ThreadsOption,
    WeightsOption,
    number_or_auto,
)
from mixtura.cli.progress import MixtureWatch
from mixtura.cli.streaming import kept_by_workers
from mixtura.estimators.automatic import MOST
from mixtura.io.table import as_option, named

BY_BIC = f"the number of components, as that of least BIC (of {MOST} at most)"


class Init(StrEnum):
    """The starts."""

    kmeans = "kmeans"
    kmeans_plus_plus = "k-means++"
    random = "random"
    random_from_data = "random_from_data"


def fit(
    context: typer.Context,
    tables: TablesArgument,
    components: Annotated[
        int | None,
        typer.Option(
            "--components",
            "-k",
            min=1,
            help="Number of components.",
            show_default=f"1 to {MOST}, by BIC",
        ),
    ] = None,
    covariance: Annotated[
        Covariance, typer.Option(help="Covariance structure of the components.")
    ] = Covariance.full,
    output: OutputModelOption = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    na: NaOption = None,
    memory: MemoryOption = MEMORY,
    scheduler: SchedulerOption = None,
    seed: SeedOption = 0,
    n_init: Annotated[
        int,
        typer.Option(
            min=1,
            help="Starts; the best result is kept. Without -k, the starts of each number; the "
            "first is what the search has found.",
        ),
    ] = 1,
    init: Annotated[Init, typer.Option(help="How a start is chosen.")] = Init.kmeans,
    max_iter: MaxIterOption = 1000,
    tol: Annotated[
        str, typer.Option(help="Stop below this gain per row (nats), or 'auto'.")
    ] = "auto",
    reg_covar: Annotated[
        str, typer.Option(help="Added to the variances, or 'auto' for a relative floor.")
    ] = "auto",
    engine: EngineOption = Engine.auto,
    threads: ThreadsOption = None,
    checkpoint: CheckpointOption = None,
    checkpoint_every: CheckpointEveryOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a mixture of Gaussians to the columns of numbers of a table.

    Without -k, the number of components is the one of least BIC; mixtura select compares covariance
    structures, too.

    Columns of text, dates and true/false are left out unless --columns names them (true counts as
    1, false as 0). Missing cells stay so: the fit goes by those that are there. Ctrl-C stops after
    the iteration at hand and, with -o, keeps the model so far; with --checkpoint, the same command
    goes on from there.
    """
    if quiet:
        hush()
    if components is None and init is not Init.kmeans:
        raise typer.BadParameter("--init needs a number of components: give -k.")
    if components is None and checkpoint is not None:
        raise typer.BadParameter("--checkpoint needs a number of components: give -k.")
    model = GaussianMixture(
        components or "auto",
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
    keep_in(model, checkpoint, checkpoint_every, output)
    workers = scheduler and partial(kept_by_workers, context, scheduler=scheduler)
    rows = read_rows(tables, columns, drop, weights, output, na, labels, memory, workers or None)
    if rows.seen.n_rows == 1:
        raise TableError(f"{rows.table.source} has 1 row; a fit needs at least 2.")
    report_constant(rows)
    charge = 0.0 if components else 0.5 * float(np.log(rows.weight))  # as BIC does
    watch = MixtureWatch(model.tol, max_iter, rows.weight, keep=output is not None, charge=charge)
    started = time.monotonic()
    model = run(model, rows, watch, rebuilt, output, visible=not quiet)
    result = {
        **rows.facts(),
        **log_likelihood_facts(
            model, model.lower_bound_ * rows.weight, rows.weight, rows.seen.telling
        ),
        **description(model, rows.numeric.names),
        "chosen": components is None,
        "seconds": time.monotonic() - started,
        "seed": seed,
    }
    lines = {
        **outcome_lines(result, model_line(result)),
        **({"chosen": BY_BIC} if result["chosen"] else {}),
        **collapsed_line(result),
        **likelihood_lines(result),
    }
    result, parameters = parameters_of(model, rows, result)
    deliver(model, result, lines, parameters, output, as_json=as_json)


def parameters_of(
    model: GaussianMixture, rows: Rows, result: dict[str, Any]
) -> tuple[dict[str, Any], RenderableType]:
    """Return the result, compared with labels if there are any, and a table of the components."""
    is_large = model.means_.size > PARAMETERS_SHOWN
    parameters = weights_table(model) if is_large else components_table(model, rows.numeric.names)
    if rows.labels is None:
        return result, parameters
    probabilities = responsibilities(model, rows.numeric.X)
    found = rows.labels.compared(probabilities.argmax(axis=1), probabilities, rows.weights)
    return result | found.facts(), found.below(parameters)


def responsibilities(model: GaussianMixture, X: NDArray[Any]) -> NDArray[Any]:
    """Return the responsibilities (n, k) of rows that come without the names of their columns."""
    unnamed = copy(model)
    del unnamed.feature_names_in_
    return unnamed.predict_proba(X)


def report_constant(rows: Rows) -> None:
    """Say which columns hold one value only."""
    alike = rows.seen.least == rows.seen.greatest
    names = [rows.numeric.names[j] for j in np.flatnonzero(alike)]
    if not names:
        return
    one = len(names) == 1
    what = f"{named('column', names)} {'does' if one else 'do'} not vary"
    why = f"{'it tells' if one else 'they tell'} no groups apart and only "
    why += f"{'shifts' if one else 'shift'} the log-likelihood"
    can_drop = len(names) < len(rows.numeric.names)
    leaves = f"; --drop {as_option(names)} leaves {'it' if one else 'them'} out"
    say(f"{what}: {why}{leaves if can_drop else ''}")


def rebuilt(model: GaussianMixture, mixture: Mixture) -> GaussianMixture:
    """Return a model with the settings of ``model`` and the parameters of ``mixture``."""
    settings = model.get_params()
    del settings["covariance_type"], settings["n_components"], settings["callback"]
    return GaussianMixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariances, mixture.covariance_type, **settings
    )
