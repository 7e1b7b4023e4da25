"""What several commands do with a fitted model: read it, match a table to it, describe it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from mixtura import (
    GaussianMixture,
    MixtureClassifier,
    NoiseMixture,
    RatingMixture,
    SemiSupervisedMixture,
    load,
)
from mixtura._errors import TableError
from mixtura._text import counted
from mixtura.cli.console import grid, number, width
from mixtura.cli.options import Sourced
from mixtura.estimators.centres import CentreModel
from mixtura.io.arrays import generic_names
from mixtura.io.columns import Numeric, numeric_columns
from mixtura.io.table import Table
from mixtura.kernels.noise import NOISE
from mixtura.model import criteria
from mixtura.selection.uncertainty import NEGLIGIBLE

COMPONENT_WIDTH = 20  # characters that a mean, its deviation and a gap may take


ClassModel = SemiSupervisedMixture | MixtureClassifier
MixtureModel = GaussianMixture | NoiseMixture | ClassModel
Model = MixtureModel | CentreModel


class Groups(NamedTuple):
    """What rows of a table may be of.

    Attributes
    ----------
    title : str
        What the groups are.
    labels : ndarray (k,)
        What stands for each of them in a column.
    names : list of str
        What they are called.
    """

    title: str
    labels: NDArray[Any]
    names: list[str]


def load_model(path: Path, threads: int | None = None) -> tuple[Model, list[str] | None]:
    """Return a model that takes plain matrices, and the names of its columns if it has any."""
    model = load(path)
    if isinstance(model, RatingMixture):
        raise TableError(f"{path} is a model of ratings; use mixtura recommend -m {path}.")
    names = column_names(model)
    if names is not None:
        del model.feature_names_in_  # tables are matched to the names here, not by scikit-learn
    for each in (model, *getattr(model, "models_", ())):
        each.set_params(n_jobs=threads)
    return model, names


def groups_of(model: MixtureModel) -> Groups:
    """Return what a model assigns rows to, in the order of its probabilities."""
    if isinstance(model, ClassModel):
        return Groups("class", model.classes_, [class_name(each) for each in model.classes_])
    numbers = np.arange(len(model.weights_))
    names = [str(number) for number in numbers]
    if isinstance(model, GaussianMixture):
        return Groups("component", numbers, names)
    return Groups("component", np.append(numbers, NOISE), [*names, "noise"])


def class_name(label: Any) -> str:
    """Return what a class is called: whole numbers without a decimal point."""
    return str(label).removesuffix(".0") if isinstance(label, float) else str(label)


def component_labels(model: MixtureModel) -> NDArray[Any]:
    """Return what stands in a column for the component that a row is of: its number or class."""
    if isinstance(model, SemiSupervisedMixture):
        return model.component_classes_
    if isinstance(model, MixtureClassifier):
        return np.repeat(model.classes_, [each.mixture_.n_components for each in model.models_])
    return np.arange(len(model.weights_))


def gaussians(model: MixtureModel) -> GaussianMixture:
    """Return the components of a model as a mixture: those of all classes, and without noise."""
    if isinstance(model, GaussianMixture):
        return model
    if isinstance(model, MixtureClassifier):
        parts = [each.mixture_ for each in model.models_]
        weights = [prior * part.weights for prior, part in zip(model.priors_, parts, strict=True)]
        matrices = [part.family.full(part.covariances, *part.means.shape) for part in parts]
        means, kind = np.concatenate([part.means for part in parts]), "full"
        arrays = (np.concatenate(weights), means, np.concatenate(matrices))
    else:
        mixture, kind = model.mixture_, model.mixture_.covariance_type
        arrays = (mixture.weights, mixture.means, mixture.covariances)
    return GaussianMixture.from_parameters(*arrays, kind, n_jobs=model.n_jobs)


def n_parameters(model: MixtureModel) -> int:
    """Return the number of free parameters of the density of rows."""
    if isinstance(model, NoiseMixture):
        return model.n_parameters()
    if isinstance(model, MixtureClassifier):
        own = sum(each.mixture_.n_parameters() for each in model.models_)
        return own + len(model.classes_) - 1
    return model.mixture_.n_parameters()


def takes_holes(model: Model) -> bool:
    """Say whether cells of rows may be missing."""
    return bool(getattr(model, "_allow_nan", True))


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
    check_width(table, numeric, model)
    return numeric


def check_width(table: Sourced, numeric: Numeric, model: Model) -> None:
    """Raise unless there are as many columns as a model without names needs."""
    if len(numeric.names) != model.n_features_in_:
        raise TableError(
            f"{table.source} has {counted(len(numeric.names), 'column')} of numbers; the model, "
            f"which has no column names, needs {model.n_features_in_}."
        )


def log_likelihood_facts(
    model: MixtureModel, total: float, weight: float, telling: float
) -> dict[str, float]:
    """Return the log-likelihood (nats) of rows and the criteria that follow from it.

    ``telling`` is the ``weight`` of those rows that have an observed cell.
    """
    count = n_parameters(model)
    return {
        "log_likelihood": total,
        "log_likelihood_per_row": total / weight,
        "bic": criteria.bic(total, count, telling),
        "aic": criteria.aic(total, count),
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


def description(model: MixtureModel, names: list[str] | None) -> dict[str, Any]:
    """Return all that there is to know about a fitted model."""
    mixture, share = gaussians(model), 1.0 - noise_weight(model)
    classwise = isinstance(model, MixtureClassifier)
    last = min(model.models_, key=lambda each: each.converged_) if classwise else model
    return {
        "components": len(mixture.weights_),
        "covariance_type": model.covariance_type,
        "columns": names,
        "n_columns": model.n_features_in_,
        "n_parameters": n_parameters(model),
        "converged": bool(last.converged_),
        "status": str(last.status_.value),
        "iterations": int(model.n_iter_),
        **special_facts(model),
        "weights": share * mixture.weights_,
        "means": mixture.means_,
        "standard_deviations": standard_deviations(mixture),
        "covariances": mixture.covariances_,
    }


def noise_weight(model: MixtureModel) -> float:
    """Return the part of the rows that is noise."""
    return model.noise_weight_ if isinstance(model, NoiseMixture) else 0.0


def special_facts(model: MixtureModel) -> dict[str, Any]:
    """Return what is known of one kind of model alone."""
    if isinstance(model, GaussianMixture):
        trace = list(model.lower_bounds_)
        collapsed = collapsed_components(model)
        return {"collapsed": collapsed, "log_likelihood_per_row_trace": trace}
    if isinstance(model, NoiseMixture):
        return {"noise_weight": model.noise_weight_, "log_volume": model.log_volume_}
    labels, weights = component_labels(model), gaussians(model).weights_
    shares = [float(weights[labels == label].sum()) for label in model.classes_]
    return {"classes": model.classes_, "class_weights": shares, "component_classes": labels}


def standard_deviations(model: GaussianMixture) -> NDArray[Any]:
    """Return the standard deviation of every column in every component."""
    mixture = model.mixture_
    k, d = mixture.means.shape
    matrices = mixture.family.full(mixture.covariances, k, d)
    return np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))


def components_table(model: MixtureModel, names: list[str] | None) -> RenderableType:
    """Return weights, means and standard deviations, as many components abreast as fit."""
    mixture, noise = gaussians(model), noise_weight(model)
    columns = names or generic_names(model.n_features_in_)
    numbers = range(len(mixture.weights_))
    headers = [f"component {j}" for j in numbers]
    cells = [component_cells(mixture, j, 1.0 - noise) for j in numbers]
    first = ["weight"]
    if isinstance(model, ClassModel):
        first.append("class")
        for own, label in zip(cells, component_labels(model), strict=True):
            own.insert(1, class_name(label))
    elif isinstance(model, NoiseMixture):
        headers.append("noise")
        cells.append([f"{noise:.4f}", *([""] * len(columns))])
    return side_by_side("mean ± sd", [*first, *columns], headers, cells, COMPONENT_WIDTH)


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


def component_cells(model: GaussianMixture, component: int, share: float = 1.0) -> list[str]:
    """Return the weight of a component, and mean and standard deviation of every column in it.

    The components are a ``share`` of all rows.
    """
    means, deviations = model.means_[component], standard_deviations(model)[component]
    pairs = zip(means, deviations, strict=True)
    shown = [
        f"{number(mean if abs(mean) > NEGLIGIBLE * deviation else 0.0)} ± {number(deviation, 3)}"
        for mean, deviation in pairs
    ]
    return [f"{share * model.weights_[component]:.4f}", *shown]


def weights_table(model: GaussianMixture) -> RenderableType:
    """Return the weights alone, for a model too large to print."""
    rows = [[str(j), f"{weight:.4f}"] for j, weight in enumerate(model.weights_)]
    return grid(["component", "weight"], rows)
