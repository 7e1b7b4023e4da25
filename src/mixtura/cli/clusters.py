"""What several commands do with a fitted k-means model: describe it, measure rows against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import KMeans, Status
from mixtura._text import counted
from mixtura.cli.console import number
from mixtura.cli.models import side_by_side
from mixtura.estimators.centres import CentreModel
from mixtura.io.arrays import generic_names
from mixtura.selection.uncertainty import NEGLIGIBLE

CLUSTER_WIDTH = 12  # characters that a coordinate or a heading, and a gap, may take
CHUNK = 4096  # rows whose differences from their centres are held at a time


def nearest(model: CentreModel, X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the cluster (n,) of each row and the squared distance (n,) to its centre."""
    labels, squared = model.predict(X), np.empty(len(X))
    for start in range(0, len(X), CHUNK):
        rows = slice(start, start + CHUNK)
        apart = X[rows].astype(np.float64) - model.cluster_centers_[labels[rows]]
        apart[np.isnan(apart)] = 0.0  # distances are over the cells that are there
        np.einsum("ij,ij->i", apart, apart, out=squared[rows])
    return labels, squared


def inertia_facts(inertia: float, weight: float) -> dict[str, float]:
    """Return the inertia, and what it is per row."""
    return {"inertia": inertia, "mean_squared_distance": inertia / weight}


def inertia_lines(result: dict[str, Any]) -> dict[str, str]:
    """Return the inertia as a name and a value for people."""
    total, mean = number(result["inertia"], 7), number(result["mean_squared_distance"])
    return {"inertia": f"{total}, a mean squared distance of {mean} from the centres"}


def description(model: CentreModel, names: list[str] | None) -> dict[str, Any]:
    """Return all that there is to know about a fitted model."""
    return {
        "clusters": len(model.cluster_centers_),
        "columns": names,
        "n_columns": model.n_features_in_,
        **progress(model),
        "inertia": model.inertia_,
        "centers": model.cluster_centers_,
    }


def progress(model: CentreModel) -> dict[str, Any]:
    """Return how far a fit went and why it stopped; a stream of chunks knows only its steps."""
    if not isinstance(model, KMeans):
        return {"steps": int(model.n_steps_)}
    return {
        "converged": model.status_ is Status.CONVERGED,
        "status": str(model.status_.value),
        "iterations": int(model.n_iter_),
    }


def model_line(result: dict[str, Any]) -> str:
    """Return what kind of model it is, for people."""
    return f"k-means, {counted(result['clusters'], 'cluster')}"


def centers_table(
    model: CentreModel, names: list[str] | None, first: dict[str, list[str]] | None = None
) -> RenderableType:
    """Return the centres below the rows ``first``, as many clusters abreast as fit."""
    first = first or {}
    labels = [*first, *(names or generic_names(model.n_features_in_))]
    centers = model.cluster_centers_
    rounding = NEGLIGIBLE * np.abs(centers).max(axis=0)
    cells = [
        [*(row[j] for row in first.values()), *(number(value) for value in center)]
        for j, center in enumerate(np.where(np.abs(centers) > rounding, centers, 0.0))
    ]
    headers = [f"cluster {j}" for j in range(len(cells))]
    return side_by_side("center", labels, headers, cells, CLUSTER_WIDTH)
