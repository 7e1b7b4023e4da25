"""Runs of EM for estimators with starts of their own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from mixtura.algorithms.em import EM, FitResult
from mixtura.algorithms.restarts import Selection, select
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.estimators import fitting
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.model import Mixture

#: Parameters that mean what they mean in GaussianMixture.
SHARED = ("covariance_type", "tol", "reg_covar", "prior", "max_iter", "n_init", "engine", "n_jobs")


def gaussian(estimator: Any, n_components: int, **others: Any) -> GaussianMixture:
    """Return a GaussianMixture with the parameters that an estimator shares with it."""
    shared = {name: getattr(estimator, name) for name in SHARED}
    return GaussianMixture(n_components, **{**shared, **others})


def constraints() -> dict[str, list[Any]]:
    """Return what scikit-learn checks of the shared parameters and of ``random_state``."""
    known = GaussianMixture._parameter_constraints
    return {name: known[name] for name in (*SHARED, "random_state")}


def generators(random_state: Any, n: int) -> list[np.random.Generator]:
    """Return a source of randomness for each of ``n`` starts."""
    seed = check_random_state(random_state).randint(0, 2**31, size=4)
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed.tolist()).spawn(n)]


def best_run(estimator: Any, em: EM, starts: Sequence[Callable[[], Mixture]]) -> Selection:
    """Return the best of the runs of EM from each start, one after the other."""
    auto = estimator.tol == "auto"
    rule = (
        StoppingRule(Stopping.REMAINING, fitting.AUTO_TOL, em.source.weight)
        if auto
        else StoppingRule(Stopping.MEAN, float(estimator.tol), em.source.weight)
    )
    longer = auto and em.ridge == 0.0

    def one(number: int) -> FitResult:
        return em.run(starts[number](), rule, estimator.max_iter, accelerate=longer, restart=number)

    def each(function: Callable[[int], Any], n: int) -> None:
        for number in range(n):
            function(number)

    return select(em, len(starts), one, each)


def facts(selection: Selection, weight: float) -> dict[str, Any]:
    """Return what is known of a fit, by attribute."""
    result = selection.result
    return {
        "converged_": result.converged,
        "status_": result.status,
        "n_iter_": result.n_iter,
        "lower_bound_": float(result.log_likelihoods[-1] / weight),
        "restarts_": selection.log_likelihoods / weight,
    }


def warn(estimator: Any, selection: Selection, where: str = "", stacklevel: int = 4) -> None:
    """Warn where the outcome is not what the user asked for; ``where`` comes first.

    The method that calls this is called by the one that the user calls, or ``stacklevel`` is 3.
    """
    for message in fitting.complaints(selection, getattr(estimator, "feature_names_in_", None)):
        warnings.warn(where + message, ConvergenceWarning, stacklevel=stacklevel)
