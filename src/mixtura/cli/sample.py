"""``mixtura sample``: draw new rows from a model."""

from __future__ import annotations

from typing import Annotated

import typer

from mixtura import InputError, NoiseMixture
from mixtura.cli.console import say
from mixtura.cli.models import component_labels, gaussians, groups_of, load_model
from mixtura.cli.options import ENDINGS, ModelArgument
from mixtura.estimators.centres import CentreModel
from mixtura.io.arrays import generic_names
from mixtura.io.arrow import pa
from mixtura.io.table import Table
from mixtura.io.tables import STREAM, check_writable, write_table


def sample(
    model: ModelArgument,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="Number of rows.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed; equal seeds give equal rows.")] = 0,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help=f"Write here: {ENDINGS}; '-' is standard output."),
    ] = STREAM,
) -> None:
    """Draw rows from a model, with the component or class that each was drawn from.

    Where a model has noise, rows are drawn from its components alone.
    """
    check_writable(output, model)
    fitted, names = load_model(model)
    if isinstance(fitted, CentreModel):
        raise InputError(
            f"{model}: holds k-means centres, which do not say how rows spread about them, so that "
            "none can be drawn; fit a mixture with mixtura fit, or make one of the clusters in "
            "Python: KMeans.as_mixture(X).sample(n)."
        )
    X, component = gaussians(fitted).mixture_.sample(rows, random_state=seed)
    columns = names or generic_names(fitted.n_features_in_)
    table = Table(str(model), pa.table(list(X.T.copy()), names=columns))
    own = component_labels(fitted)[component]
    write_table(output, table.appended({groups_of(fitted).title: own}))
    if isinstance(fitted, NoiseMixture):
        say("no row is noise: the model knows how much room noise fills, and not where it lies.")
