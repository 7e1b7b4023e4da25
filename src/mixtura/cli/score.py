"""``mixtura score``: say how well a model describes a table."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from mixtura import OpenTable
from mixtura._text import counted
from mixtura.cli.clusters import inertia_facts, inertia_lines, nearest
from mixtura.cli.console import facts, print_json, show
from mixtura.cli.fitting import Rows, check_weight, rows_for
from mixtura.cli.models import (
    ClassModel,
    Model,
    gaussians,
    likelihood_lines,
    load_model,
    log_likelihood_facts,
    takes_holes,
)
from mixtura.cli.options import (
    ENDINGS,
    MEMORY,
    JsonOption,
    MemoryOption,
    ModelArgument,
    NaOption,
    TablesArgument,
    ThreadsOption,
    WeightsOption,
    naming,
)
from mixtura.cli.streaming import Columns, written
from mixtura.estimators.centres import CentreModel
from mixtura.io.tables import STREAM, check_writable, write_table
from mixtura.model.criteria import counts


def score(
    model: ModelArgument,
    tables: TablesArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the table here with a column log_density (nats), or squared_distance "
            f"for k-means: {ENDINGS}.",
        ),
    ] = None,
    weights: WeightsOption = None,
    na: NaOption = None,
    memory: MemoryOption = MEMORY,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how well a model describes a table.

    For a mixture that is the log-likelihood, in nats, with BIC and AIC, for one of classes that of
    rows whose class is not known; for k-means the inertia, the sum of the squared distances of the
    rows from their nearest centres.
    """
    if output == STREAM:
        raise typer.BadParameter("the scores go to standard output: give -o a file.")
    if output is not None:
        check_writable(output, *tables, model)
    fitted, names = load_model(model, threads)
    rows = rows_for(fitted, names, tables, weights, na, memory)
    with naming(rows.table, rows.numeric.names):
        total, count, weight, telling = summed(fitted, rows, output)
        check_weight(rows.table, weights, weight)
    if isinstance(fitted, CentreModel):
        result = inertia_facts(total, weight)
        lines = inertia_lines(result)
    else:
        result = log_likelihood_facts(fitted, total, weight, telling)
        lines = likelihood_lines(result)
    source, n_rows = rows.table.source, int(count)
    if as_json:
        read = {"table": source, "rows": n_rows, "total_weight": weight}
        print_json({**read, "output": output, **result})
        return
    show(facts({"table": f"{source}: {counted(n_rows, 'row')}", **lines}))


def summed(model: Model, rows: Rows, output: str | None) -> list[float]:
    """Return sums over all rows, and write the scores of these if they are asked for.

    These are the scores by weight, the rows, their weight, and that of rows with observed cells.
    """

    def scored(X: NDArray[Any], weights: NDArray[Any] | None) -> tuple[Columns, NDArray[Any]]:
        column, values = row_scores(model, X)
        known = np.ones(len(X)) if weights is None else weights
        telling = counts(X, weights).sum()
        return {column: values}, np.array([known @ values, len(X), known.sum(), telling])

    if not isinstance(rows.table, OpenTable):
        columns, sums = scored(rows.numeric.X, rows.weights)
        if output is not None:
            write_table(output, rows.table.appended(columns))
        return sums.tolist()
    how: dict[str, Any] = {"allow_nan": takes_holes(model)}
    if output is not None:
        sums = written(rows.table, output, partial(scored, weights=None), **how)
    if output is None or rows.table.weight is not None:  # which is not told where rows are written
        sums = rows.total(lambda *part: scored(*part)[1], **how)
    return sums.tolist()


def row_scores(model: Model, X: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Return the score (n,) of every row and the name of its column."""
    if isinstance(model, CentreModel):
        return "squared_distance", nearest(model, X)[1]
    density = gaussians(model) if isinstance(model, ClassModel) else model
    return "log_density", density.score_samples(X)
