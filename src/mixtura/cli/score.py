"""``mixtura score``: say how well a model describes a table."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from mixtura._text import counted
from mixtura.cli.clusters import inertia_facts, inertia_lines, nearest
from mixtura.cli.console import facts, print_json, show
from mixtura.cli.fitting import weight_column
from mixtura.cli.models import (
    ClassModel,
    Model,
    gaussians,
    likelihood_lines,
    load_model,
    log_likelihood_facts,
    matching_columns,
)
from mixtura.cli.options import (
    ENDINGS,
    JsonOption,
    ModelArgument,
    NaOption,
    TableArgument,
    ThreadsOption,
    WeightsOption,
    naming,
)
from mixtura.estimators.centres import CentreModel
from mixtura.io.tables import STREAM, check_writable, read_table, write_table


def score(
    model: ModelArgument,
    table: TableArgument,
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
        check_writable(output, table, model)
    fitted, names = load_model(model, threads)
    source = read_table(table, na or ())
    numeric = matching_columns(source, fitted, names, weights)
    counts = np.ones(source.n_rows) if weights is None else weight_column(source, weights)
    with naming(source, numeric.names):
        column, values = row_scores(fitted, numeric.X)
    if output is not None:
        write_table(output, source.appended({column: values}))
    n_rows, total, weight = source.n_rows, float((counts * values).sum()), float(counts.sum())
    if isinstance(fitted, CentreModel):
        result = inertia_facts(total, weight)
        lines = inertia_lines(result)
    else:
        result = log_likelihood_facts(fitted, total, numeric.X, counts)
        lines = likelihood_lines(result)
    if as_json:
        read = {"table": source.source, "rows": n_rows, "total_weight": weight}
        print_json({**read, "output": output, **result})
        return
    show(facts({"table": f"{source.source}: {counted(n_rows, 'row')}", **lines}))


def row_scores(model: Model, X: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Return the score (n,) of every row and the name of its column."""
    if isinstance(model, CentreModel):
        return "squared_distance", nearest(model, X)[1]
    density = gaussians(model) if isinstance(model, ClassModel) else model
    return "log_density", density.score_samples(X)
