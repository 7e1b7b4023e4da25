"""``n_components="auto"``: the number of components that has the least BIC."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from mixtura._errors import InputError, SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.restarts import Selection
from mixtura.algorithms.stopping import Status
from mixtura.estimators import fitting
from mixtura.estimators.outside import Outside
from mixtura.estimators.searching import Cell, search
from mixtura.estimators.survey import in_form
from mixtura.model import Mixture, family_named
from mixtura.model.criteria import bic, counts
from mixtura.model.families.base import FloatArray

#: Most components that are tried; fewer where there are fewer rows.
MOST = 9
#: Rows outside memory that the search is for.
SAMPLE_ROWS = 50_000
#: Differences of BIC that more iterations may change.
CLOSE = 6.0
ALL_COLLAPSE = (
    "With more than one component, every fit that was found has one that collapses onto a point or "
    "a plane, where the likelihood has no maximum. Leave out columns that hold few different "
    "values, or use a prior."
)


@dataclass(frozen=True, eq=False)
class Fit:
    """The fit of one number of components."""

    em: EM
    selection: Selection
    bic: float

    @property
    def is_sound(self) -> bool:
        """Whether no component has collapsed or is about to."""
        ended = self.selection.result.status in (Status.COLLAPSED, Status.PRECISION)
        return not ended and not self.selection.collapsed.any()


def fit(
    model: Any, rows: Any, weights: FloatArray | None, incomplete: bool
) -> tuple[EM, Selection]:
    """Return the E- and M-step and the outcome of the best number of components.

    The search says where to start. The fits from there are the model's own, so that all its
    parameters have their effect, and of those the one of least BIC wins.
    """
    check_starts(model)
    telling = counts(rows, weights)
    sizes, n = sizes_for(int(np.count_nonzero(telling))), float(telling.sum())
    em = fitting.problem(with_size(model, sizes[-1]), rows, weights, incomplete)
    cells = promising(model, searched(model, rows, weights, incomplete, sizes), n)
    return best_of(model, em, rows, cells, n)


def fit_outside(model: Any, outside: Outside) -> tuple[EM, Selection]:
    """Return the same for rows outside memory, of which a sample says where to start."""
    check_starts(model)
    sizes = sizes_for(outside.survey.positive)
    em = fitting.problem_outside(with_size(model, sizes[-1]), outside)
    rng = np.random.default_rng(check_random_state(model.random_state).randint(2**31))
    rows, weights = em.source.sample_rows(SAMPLE_ROWS, rng)
    cells = searched(model, rows, weights, bool(np.isnan(rows).any()), sizes)
    return best_of(model, em, None, cells, outside.survey.telling)


def searched(
    model: Any, rows: Any, weights: FloatArray | None, incomplete: bool, sizes: range
) -> list[Cell]:
    """Return what the search finds for each number of components."""
    free = {"callback": None, "reg_covar": "auto", "eigenvalue_ratio": None}  # these come later
    seeker = with_size(model, sizes[-1]).set_params(**free)
    cells = search(seeker, rows, weights, incomplete, [model.covariance_type], sizes)
    if len(cells) < len(sizes):  # interrupted
        raise KeyboardInterrupt
    return cells


def best_of(model: Any, em: EM, rows: Any, cells: list[Cell], n: float) -> tuple[EM, Selection]:
    """Return the model's own fit of least BIC of those that start from cells."""
    fits, failures, ended = [], [], threading.Event()
    for cell in cells:
        first = None if cell.degenerate else start_of(cell, model.covariance_type)
        try:
            fits.append(fitted(with_size(model, cell.n_components), em, rows, first, ended, n))
        except SingularCovarianceError as error:
            failures.append(error)
        if ended.is_set():
            break
    if not fits:
        raise failures[0]
    best = min([each for each in fits if each.is_sound] or fits[:1], key=lambda each: each.bic)
    return best.em, best.selection


def promising(model: Any, cells: list[Cell], n: float) -> list[Cell]:
    """Return the cells from which a model's own fit may have the least BIC."""
    own_floor = not isinstance(model.reg_covar, str) and model.reg_covar > 0
    if own_floor or model.eigenvalue_ratio is not None:  # of which the search knows nothing
        return cells
    sound = [cell for cell in cells if not cell.degenerate]
    if len(cells) > 1 and not any(cell.n_components > 1 for cell in sound):
        warnings.warn(ALL_COLLAPSE, ConvergenceWarning, stacklevel=5)
    if model.n_init > 1 or not sound:
        return sound or cells[:1]
    values = [bic(cell.log_likelihood, cell.n_parameters, n) for cell in sound]
    least = min(values) + CLOSE
    return [cell for cell, value in zip(sound, values, strict=True) if value <= least]


def fitted(
    model: Any, em: EM, rows: Any, first: Mixture | None, ended: threading.Event, n: float
) -> Fit:
    """Return the model's own fit, with its BIC for ``n`` rows; a callback may say it is ended."""
    em = fitting.with_prior(model, em, model.n_components)
    selection = fitting.run(model, em, rows, first, ended)
    mixture, value = selection.result.mixture, float(selection.result.log_likelihoods[-1])
    loglik = value if em.prior is None else value - em.prior.log_density(mixture)
    return Fit(em, selection, bic(loglik, mixture.n_parameters(), n))


def start_of(cell: Cell, covariance_type: str) -> Mixture:
    """Return a cell's mixture in the form of a structure, its components ordered by their means.

    So that their order says nothing about that of the rows.
    """
    found = cell.mixture
    assert found is not None
    order = np.lexsort(found.means.T[::-1])
    matrices = found.family.full(found.covariances, *found.means.shape)[order]
    family = family_named(covariance_type)
    covariances = in_form(family, matrices)
    return Mixture(found.weights[order], found.means[order], covariances, family.name)


def sizes_for(n: int) -> range:
    """Return the numbers of components to try on ``n`` rows that count."""
    return range(1, max(1, min(MOST, n)) + 1)


def with_size(model: Any, k: int) -> Any:
    """Return an unfitted model of ``k`` components with the parameters of another."""
    return type(model)(**{**model.get_params(deep=False), "n_components": k})


def check_starts(model: Any) -> None:
    """Raise where a start is given, which has a number of components of its own."""
    given = [name for name in fitting.OUTRIGHT if getattr(model, name) is not None]
    if not isinstance(model.init_params, str) or model.init_params != "kmeans":
        given.append("init_params")
    if model.warm_start:
        given.append("warm_start")
    if given:
        raise InputError(
            f"{given[0]} says how to start, and n_components='auto' chooses starts itself; leave "
            f"{given[0]} at its default, or give a number of components."
        )
