"""``mixtura score``: say how well a model describes a table."""

from __future__ import annotations

from typing import Annotated

import typer

from mixtura.cli.console import facts, print_json, show
from mixtura.cli.models import (
    likelihood_lines,
    load_model,
    log_likelihood_facts,
    matching_matrix,
)
from mixtura.cli.options import ENDINGS, JsonOption, ModelArgument, TableArgument, ThreadsOption
from mixtura.io.table import counted
from mixtura.io.tables import STREAM, check_writable, read_table, write_table


def score(
    model: ModelArgument,
    table: TableArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help=f"Write the table here with a column log_density (nats): {ENDINGS}.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the log-likelihood of a table under a model, in nats, and BIC and AIC."""
    if output == STREAM:
        raise typer.BadParameter("the scores go to standard output: give -o a file.")
    if output is not None:
        check_writable(output, table, model)
    fitted, names = load_model(model, threads)
    source = read_table(table)
    log_density = fitted.score_samples(matching_matrix(source, fitted, names))
    if output is not None:
        write_table(output, source.appended({"log_density": log_density}))
    n_rows = source.n_rows
    result = log_likelihood_facts(fitted, float(log_density.sum()), n_rows)
    if as_json:
        print_json({"table": source.source, "rows": n_rows, "output": output, **result})
        return
    lines = {"table": f"{source.source}: {counted(n_rows, 'row')}", **likelihood_lines(result)}
    show(facts(lines))
