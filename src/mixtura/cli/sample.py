"""``mixtura sample``: draw new rows from a model."""

from __future__ import annotations

from typing import Annotated

import typer

from mixtura import GaussianMixture, InputError
from mixtura.cli.models import load_model
from mixtura.cli.options import ENDINGS, ModelArgument
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
    """Draw rows from a model, with the component that each was drawn from."""
    check_writable(output, model)
    fitted, names = load_model(model)
    if not isinstance(fitted, GaussianMixture):
        raise InputError(
            f"{model}: holds k-means centres, which do not say how rows spread about them, so that "
            "none can be drawn; fit a mixture with mixtura fit, or make one of the clusters in "
            "Python: KMeans.as_mixture(X).sample(n)."
        )
    X, component = fitted.mixture_.sample(rows, random_state=seed)
    labels = names or generic_names(fitted.n_features_in_)
    table = Table(str(model), pa.table(list(X.T.copy()), names=labels))
    write_table(output, table.appended({"component": component}))
