"""The table of a search's models, and the choice among them."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from mixtura._errors import InputError, MissingDependencyError, SingularCovarianceError
from mixtura.algorithms.stopping import Status
from mixtura.estimators.automatic import start_of
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.searching import Cell
from mixtura.model.criteria import criteria

CRITERIA = ("bic", "aic", "aicc", "icl", "sabic", "nec")
#: Models whose criterion is at most this much higher than the best are nearly as good: the weight
#: of evidence between them is at most that of "positive" (Kass & Raftery 1995).
NEAR = 6.0
#: Part of what a criterion charges for unsure rows that may go, beside NEAR in ICL, as a fit is
#: taken further (it was no more for any of 378 models of faithful, iris and wine); and most models
#: that are taken further.
UNSETTLED, MOST_SETTLED = 0.2, 8


class Table(list[dict[str, Any]]):
    """Models as a list of dicts, which pandas shows as a table where it is installed."""

    def to_frame(self) -> Any:
        """Return the models as a ``pandas.DataFrame``.

        Returns
        -------
        pandas.DataFrame
            A row for each model.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError(
                "to_frame needs pandas: python -m pip install pandas"
            ) from None
        return pd.DataFrame(self)


def row_of(cell: Cell, n: float, single: float = np.nan) -> dict[str, Any]:
    """Return a model as a row of the table; ``n`` rows count."""
    n_parameters = cell.n_parameters
    found = criteria(
        cell.log_likelihood, n_parameters, n, cell.n_components, cell.fuzziness, single
    )
    return {
        "covariance_type": cell.covariance_type,
        "n_components": cell.n_components,
        "log_likelihood": cell.log_likelihood,
        "n_parameters": n_parameters,
        **found,
        "seconds": cell.seconds,
        "status": cell.status,
        "degenerate": cell.degenerate,
    }


def table_of(cells: list[Cell], n: float) -> Table:
    """Return the table of models, with those of one component to compare entropies with."""
    single = {c.covariance_type: c.log_likelihood for c in cells if c.n_components == 1}
    return Table(row_of(cell, n, single.get(cell.covariance_type, np.nan)) for cell in cells)


def chosen(
    model: GaussianMixture,
    cells: list[Cell],
    criterion: str,
    n: float,
    X: ArrayLike,
    sample_weight: ArrayLike | None,
) -> tuple[Table, int, GaussianMixture]:
    """Return the table, the place of the best model, and its fit at the tolerance of ``model``.

    Models that may be the best are fitted, and what they then are goes into the table, until the
    best of it is one of those.
    """
    cells, table = list(cells), table_of(cells, n)
    fits: dict[int, GaussianMixture] = {}
    due = hopeful(table, criterion)
    while due:
        for place in due:
            fits[place], cells[place] = refitted(model, cells[place], X, sample_weight)
        table = table_of(cells, n)
        best = best_of(table, criterion)
        due = [] if best in fits else [best]
    return table, best, fits[best]


def hopeful(table: Table, criterion: str) -> list[int]:
    """Return the places of the models that may be best once their fits are taken further."""
    first = best_of(table, criterion)
    if criterion not in ("icl", "nec"):
        return [first]

    def hope(place: int) -> float:
        row = table[place]
        if criterion == "nec":
            return float((1.0 - UNSETTLED) * row["nec"])
        return float(row["icl"] - UNSETTLED * (row["icl"] - row["bic"]) - NEAR)

    sound = [place for place, row in enumerate(table) if not row["degenerate"]]
    near = [place for place in sound if hope(place) <= table[first][criterion]]
    return sorted(near, key=hope)[:MOST_SETTLED]


def refitted(
    model: GaussianMixture, cell: Cell, X: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[GaussianMixture, Cell]:
    """Return a cell's fit taken to the tolerance of ``model``, and the cell of that."""
    began = time.perf_counter()
    settings = {name: getattr(cell, name) for name in ("covariance_type", "n_components")}
    fit = GaussianMixture(**{**model.get_params(deep=False), **settings})
    fit.set_params(init_params=start_of(cell, cell.covariance_type))
    try:
        with warnings.catch_warnings():  # about models that may not be chosen
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(X, sample_weight=sample_weight)
    except SingularCovarianceError:
        return fit, replace(cell, status=Status.COLLAPSED, degenerate=True)
    fit.set_params(init_params="kmeans")  # what it goes on from is no setting
    total, _, unsure = fit._total(X, sample_weight, unsure=True)
    return fit, replace(
        cell,
        mixture=fit.mixture_,
        log_likelihood=total,
        fuzziness=unsure,
        status=fit.status_,
        degenerate=fit.status_ is Status.COLLAPSED or bool(fit.collapsed_.any()),
        seconds=cell.seconds + time.perf_counter() - began,
    )


def best_of(table: Table, criterion: str) -> int:
    """Return the place of the model with the least of a criterion; a plain one wins ties."""
    sound = [place for place, row in enumerate(table) if not row["degenerate"]]
    if not sound:
        raise InputError(
            f"none of the {len(table)} models could be fitted without a component that collapses "
            "onto a point or a plane. Leave out columns that hold few different values, use fewer "
            "components, or prior='conjugate'."
        )
    places = [place for place in sound if np.isfinite(table[place][criterion])]
    if not places:
        raise InputError(
            f"criterion={criterion!r} is infinite for all {len(sound)} models that could be fitted:"
            " there are too few rows. Use fewer components, other covariance_types or "
            "criterion='bic'."
        )
    return min(places, key=lambda place: (table[place][criterion], table[place]["n_parameters"]))
