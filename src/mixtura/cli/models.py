"""What several commands do with a fitted model: read it, match a table to it, describe it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from mixtura import GaussianMixture, RatingMixture, load
from mixtura._errors import TableError
from mixtura.cli.console import grid, number, width
from mixtura.estimators.centres import CentreModel
from mixtura.io.arrays import generic_names
from mixtura.io.columns import Numeric, numeric_columns
from mixtura.io.table import Table, counted
from mixtura.model import criteria

COMPONENT_WIDTH = 20  # characters that a mean, its deviation and a gap may take


Model = GaussianMixture | CentreModel


def load_model(path: Path, threads: int | None = None) -> tuple[Model, list[str] | None]:
    """Return a model that takes plain matrices, and the names of its columns if it has any."""
    model = load(path)
    if isinstance(model, RatingMixture):
        raise TableError(f"{path} is a model of ratings; use mixtura recommend -m {path}.")
    if not isinstance(model, GaussianMixture | CentreModel):
        raise TableError(
            f"{path} holds a {type(model).__name__}, which commands do not use yet; "
            "read it in Python with mixtura.load."
        )
    names = column_names(model)
    if names is not None:
        del model.feature_names_in_  # tables are matched to the names here, not by scikit-learn
    model.set_params(n_jobs=threads)
    return model, names


def column_names(model: Model) -> list[str] | None:
    """Return the names of the columns that the model was fitted on."""
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def matching_columns(
    table: Table, model: Model, names: list[str] | None, weights: str | None = None
) -> Numeric:
    """Return the columns that the model needs: by name, or by position if it knows no names.

    The column of ``weights`` has no position.
    """
    if names is not None:
        return numeric_columns(table, names, allow_missing=True, allow_empty=True)
    left_out = None if weights is None else [weights]
    numeric = numeric_columns(table, drop=left_out, allow_missing=True, allow_empty=True)
    if len(numeric.names) != model.n_features_in_:
        raise TableError(
            f"{table.source} has {counted(len(numeric.names), 'column')} of numbers; the model, "
            f"which has no column names, needs {model.n_features_in_}."
        )
    return numeric


def log_likelihood_facts(
    model: GaussianMixture, total: float, X: NDArray[Any], weights: NDArray[Any] | None = None
) -> dict[str, float]:
    """Return the log-likelihood (nats) of rows and the criteria that follow from it."""
    n_parameters = model.mixture_.n_parameters()
    weight = float(len(X) if weights is None else weights.sum())
    telling = float(criteria.counts(X, weights).sum())
    return {
        "log_likelihood": total,
        "log_likelihood_per_row": total / weight,
        "bic": criteria.bic(total, n_parameters, telling),
        "aic": criteria.aic(total, n_parameters),
    }


def likelihood_lines(result: dict[str, Any]) -> dict[str, str]:
    """Return the log-likelihood and the criteria as names and values for people."""
    total, mean = result["log_likelihood"], result["log_likelihood_per_row"]
    return {
        "log-likelihood": f"{total:,.4f} nats, {mean:.6f} per row",
        "BIC": f"{result['bic']:,.2f}",
        "AIC": f"{result['aic']:,.2f}",
    }


def model_line(result: dict[str, Any]) -> str:
    """Return what kind of model it is, for people."""
    components = counted(result["components"], "component")
    parameters = counted(result["n_parameters"], "parameter")
    return f"{components}, {result['covariance_type']} covariances, {parameters}"


def collapsed_components(model: GaussianMixture) -> list[int]:
    """Return the components that the fit found collapsed; older files do not say."""
    collapsed = getattr(model, "collapsed_", None)
    return [] if collapsed is None else [int(j) for j in np.flatnonzero(collapsed)]


def collapsed_line(result: dict[str, Any]) -> dict[str, str]:
    """Return the collapsed components as a name and a value for people, if there are any."""
    components = result["collapsed"]
    if not components:
        return {}
    noun = "component" if len(components) == 1 else "components"
    return {"collapsed": f"{noun} {', '.join(map(str, components))}"}


def description(model: GaussianMixture, names: list[str] | None) -> dict[str, Any]:
    """Return all that there is to know about a fitted model."""
    return {
        "components": len(model.weights_),
        "covariance_type": model.covariance_type,
        "columns": names,
        "n_columns": model.n_features_in_,
        "n_parameters": model.mixture_.n_parameters(),
        "converged": bool(model.converged_),
        "status": str(model.status_.value),
        "iterations": int(model.n_iter_),
        "collapsed": collapsed_components(model),
        "log_likelihood_per_row_trace": list(model.lower_bounds_),
        "weights": model.weights_,
        "means": model.means_,
        "standard_deviations": standard_deviations(model),
        "covariances": model.covariances_,
    }


def standard_deviations(model: GaussianMixture) -> NDArray[Any]:
    """Return the standard deviation of every column in every component."""
    mixture = model.mixture_
    k, d = mixture.means.shape
    matrices = mixture.family.full(mixture.covariances, k, d)
    return np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))


def components_table(model: GaussianMixture, names: list[str] | None) -> RenderableType:
    """Return weights, means and standard deviations, as many components abreast as fit."""
    names = names or generic_names(model.n_features_in_)
    cells = [component_cells(model, j) for j in range(len(model.weights_))]
    headers = [f"component {j}" for j in range(len(cells))]
    return side_by_side("mean ± sd", ["weight", *names], headers, cells, COMPONENT_WIDTH)


def side_by_side(
    corner: str,
    labels: list[str],
    headers: list[str],
    cells: Sequence[Sequence[str | Text]],
    needed: int,
) -> RenderableType:
    """Return columns of cells under headers, as many abreast as fit if each has ``needed``."""
    most = max(1, (width() - max(map(len, [corner, *labels]))) // needed)
    abreast = math.ceil(len(cells) / math.ceil(len(cells) / most))  # as many in every table
    tables: list[RenderableType] = []
    for start in range(0, len(cells), abreast):
        part = slice(start, start + abreast)
        rows = [list(row) for row in zip(labels, *cells[part], strict=True)]
        tables += [grid([corner, *headers[part]], rows), ""]
    return Group(*tables[:-1])


def component_cells(model: GaussianMixture, component: int) -> list[str]:
    """Return the weight of a component, and mean and standard deviation of every column in it."""
    means, deviations = model.means_[component], standard_deviations(model)[component]
    pairs = zip(means, deviations, strict=True)
    shown = [f"{number(mean)} ± {number(deviation, 3)}" for mean, deviation in pairs]
    return [f"{model.weights_[component]:.4f}", *shown]


def weights_table(model: GaussianMixture) -> RenderableType:
    """Return the weights alone, for a model too large to print."""
    rows = [[str(j), f"{weight:.4f}"] for j, weight in enumerate(model.weights_)]
    return grid(["component", "weight"], rows)
