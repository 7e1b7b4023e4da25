"""``mixtura kmeans``: find clusters about centres in a table."""

from __future__ import annotations

import time
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import KMeans, KMeansStep, Status
from mixtura.cli.clusters import (
    centers_table,
    description,
    inertia_facts,
    inertia_lines,
    model_line,
)
from mixtura.cli.console import grid, hush, say
from mixtura.cli.fitting import (
    PARAMETERS_SHOWN,
    Rows,
    deliver,
    keep_in,
    outcome_lines,
    read_rows,
    run,
)
from mixtura.cli.options import (
    MEMORY,
    CheckpointEveryOption,
    CheckpointOption,
    ColumnsOption,
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
    finite,
    in_flags,
)
from mixtura.cli.progress import CentresWatch
from mixtura.cli.streaming import kept_by_workers
from mixtura.estimators.k_means import n_starts
from mixtura.estimators.outside import unnamed

DOMINANT = 0.9  # share of the variance from which the clusters are those of one column


class Init(StrEnum):
    """The starts; ``k-means||`` has a name that needs no quotes in a shell too."""

    kmeans_plus_plus = "k-means++"
    kmeans_parallel = "k-means-parallel"
    kmeans_bars = "k-means||"
    random = "random"


class Algorithm(StrEnum):
    """The ways to find nearest centres."""

    auto = "auto"
    lloyd = "lloyd"
    exponion = "exponion"
    yinyang = "yinyang"
    elkan = "elkan"


def kmeans(
    context: typer.Context,
    tables: TablesArgument,
    clusters: Annotated[
        int,
        typer.Option("--clusters", "-k", min=1, help="Number of clusters.", show_default=False),
    ],
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
        int | None,
        typer.Option(
            min=1,
            help="Starts; the least inertia is kept.",
            show_default="1, and 10 with --init random",
        ),
    ] = None,
    init: Annotated[Init, typer.Option(help="How a start is chosen.")] = Init.kmeans_plus_plus,
    algorithm: Annotated[
        Algorithm,
        typer.Option(help="How nearest centres are found; the clusters are the same."),
    ] = Algorithm.auto,
    max_iter: MaxIterOption = 300,
    tol: Annotated[
        float,
        typer.Option(
            min=0,
            callback=finite,
            help="Stop once the squared moves of the centres sum to this share of a column's mean "
            "variance; 0: once no row changes its cluster.",
        ),
    ] = 1e-4,
    engine: EngineOption = Engine.auto,
    threads: ThreadsOption = None,
    checkpoint: CheckpointOption = None,
    checkpoint_every: CheckpointEveryOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find clusters of rows about centres (k-means) in the columns of numbers of a table.

    Columns of text, dates and true/false are left out unless --columns names them (true counts as
    1, false as 0). Distances go by the units of the columns, and by the cells that are there.
    Ctrl-C stops after the iteration at hand and, with -o, keeps the model so far; with
    --checkpoint, the same command goes on from there.
    """
    if quiet:
        hush()
    model = KMeans(
        clusters,
        init=init.value.replace("-parallel", "||"),
        n_init=n_init or "auto",
        max_iter=max_iter,
        tol=tol,
        random_state=seed,
        algorithm=algorithm.value,
        n_jobs=threads,
        engine=engine.value,
    )
    keep_in(model, checkpoint, checkpoint_every, output)
    workers = scheduler and partial(kept_by_workers, context, scheduler=scheduler)
    rows = read_rows(tables, columns, drop, weights, output, na, labels, memory, workers or None)
    watch = CentresWatch(n_starts(model), max_iter, keep=output is not None)
    started = time.monotonic()
    model = run(model, rows, watch, partial(rebuilt, rows), output, visible=not quiet)
    seconds = time.monotonic() - started
    spread = rows.seen.scatter / rows.weight
    report_dominant(rows.numeric.names, spread)
    if model.status_ is Status.MAX_ITER:
        say(f"warning: {in_flags(model.status_.value)}")
    result = {
        **rows.facts(),
        **inertia_facts(model.inertia_, rows.weight),
        **shares(model, rows, float(spread.sum())),
        **description(model, rows.numeric.names),
        "seconds": seconds,
        "seed": seed,
    }
    lines = {
        **outcome_lines(result, model_line(result)),
        **inertia_lines(result),
        **explained_line(result),
    }
    parameters = clusters_table(model, result)
    if rows.labels is not None:
        found = rows.labels.compared(model.labels_, None, rows.weights)
        result, parameters = result | found.facts(), found.below(parameters)
    deliver(model, result, lines, parameters, output, as_json=as_json)


def report_dominant(names: list[str], spread: NDArray[Any]) -> None:
    """Say which column makes the clusters, where one has nearly all of the variance."""
    largest = int(np.argmax(spread))
    if len(names) == 1 or spread[largest] <= DOMINANT * spread.sum():
        return
    share = 100.0 * spread[largest] / spread.sum()
    say(
        f"column '{names[largest]}' has {share:.3g} % of the variance of all columns, so that it "
        "decides most of the distances; put the columns into like units, or use mixtura fit, "
        "which does not depend on units"
    )


def shares(model: KMeans, rows: Rows, spread: float) -> dict[str, Any]:
    """Return the sizes of the clusters, and what part of the variance they explain."""
    labels, k = getattr(model, "labels_", None), model.n_clusters
    sizes, weights = (
        rows.total(partial(sizes_of, unnamed(model)))
        if labels is None
        else counts_of(labels, rows.weights, k)
    )
    within = model.inertia_ / rows.weight
    return {
        "explained": max(0.0, 1.0 - within / spread) if spread else None,
        "sizes": sizes.astype(int),
        "weights": weights / rows.weight,
    }


def sizes_of(model: KMeans, X: Any, weights: NDArray[Any] | None) -> NDArray[np.float64]:
    """Return how many of some rows are nearest to each centre, and their weights (2, k)."""
    return counts_of(model.predict(X), weights, model.n_clusters)


def counts_of(labels: NDArray[Any], weights: NDArray[Any] | None, k: int) -> NDArray[np.float64]:
    """Return how many rows each cluster has, and their weights (2, k)."""
    return np.stack([np.bincount(labels, own, k).astype(float) for own in (None, weights)])


def explained_line(result: dict[str, Any]) -> dict[str, str]:
    """Return the part of the variance that is explained as a name and a value for people."""
    part = result["explained"]
    return {} if part is None else {"explained": f"{part:.1%} of the variance of the rows"}


def clusters_table(model: KMeans, result: dict[str, Any]) -> RenderableType:
    """Return sizes and centres, or the sizes alone if there is more than anyone reads."""
    sizes = {
        "rows": [f"{size:,}" for size in result["sizes"]],
        "weight": [f"{weight:.4f}" for weight in result["weights"]],
    }
    if model.cluster_centers_.size <= PARAMETERS_SHOWN:
        return centers_table(model, result["columns"], sizes)
    rows = zip(map(str, range(model.n_clusters)), *sizes.values(), strict=True)
    return grid(["cluster", *sizes], [list(row) for row in rows])


def rebuilt(rows: Rows, model: KMeans, steps: dict[int, KMeansStep]) -> KMeans:
    """Return ``model`` at the best of the steps that its starts had reached."""

    def inertia(step: KMeansStep) -> float:
        model.cluster_centers_ = step.centers
        return -model.score(rows.numeric.X, sample_weight=rows.weights)

    found = {inertia(step): step for step in steps.values()}
    model.inertia_ = min(found)
    best = found[model.inertia_]
    model.cluster_centers_, model.n_iter_ = best.centers, best.iteration
    model.status_ = Status.CALLBACK
    return model
