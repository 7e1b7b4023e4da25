"""From an estimator's parameters to a run of EM, and back to scikit-learn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from mixtura._errors import InputError
from mixtura.algorithms.em import EM, FitResult, Step, total_statistics
from mixtura.algorithms.restarts import Selection, relative_floor, select
from mixtura.algorithms.starts import from_responsibilities, start_by
from mixtura.algorithms.stopping import Status, Stopping, StoppingRule
from mixtura.estimators.functional import source_for
from mixtura.estimators.validation import check_count, check_magnitude, start_mixture
from mixtura.model import Mixture, family_named
from mixtura.model.mixture import as_finite
from mixtura.model.families.base import FloatArray
from mixtura.sources.threads import for_each

logger = logging.getLogger("mixtura")

#: With ``tol="auto"``, the gain still to come at the end, in nats per row.
AUTO_TOL = 1e-4
OUTRIGHT = ("weights_init", "means_init", "precisions_init")


def problem(estimator: Any, rows: Any, weights: FloatArray | None) -> EM:
    """Return the E- and M-step for these rows and the estimator's parameters."""
    k = estimator.n_components
    check_count(len(rows), weights, k)
    family = family_named(estimator.covariance_type)
    source, kernels = source_for(
        rows, weights, k, family.name, estimator.engine, estimator.n_jobs
    )
    total = total_statistics(source, kernels, family)
    check_magnitude(total)
    auto = estimator.reg_covar == "auto"
    ridge = 0.0 if auto else float(estimator.reg_covar)
    em = EM(source, kernels, family, total, ridge=ridge, reseed=True)
    return replace(em, floor=relative_floor(em)) if auto else em


def run(estimator: Any, em: EM, rows: Any) -> Selection:
    """Run EM from every start the estimator asks for and return the best."""
    starts = start_functions(estimator, em, rows)
    rule = (
        StoppingRule(Stopping.REMAINING, AUTO_TOL, em.source.weight)
        if estimator.tol == "auto"
        else StoppingRule(Stopping.MEAN, float(estimator.tol), em.source.weight)
    )

    def one(number: int, single: EM) -> FitResult:
        return single.run(
            starts[number](),
            rule,
            estimator.max_iter,
            callback=observer(estimator),
            restart=number,
        )

    threads = em.source.threads
    with verbose_logging(estimator.verbose):
        if len(starts) == 1 or threads == 1:
            return select(em, len(starts), lambda i: one(i, em), partial(for_each, threads=1))
        alone = replace(em, source=em.source.with_threads(1))
        return select(em, len(starts), lambda i: one(i, alone), partial(for_each, threads=threads))


def start_functions(estimator: Any, em: EM, rows: Any) -> list[Callable[[], Mixture]]:
    """Return one function per restart that makes its start; outright starts are made once."""
    previous = getattr(estimator, "_mixture", None)
    if estimator.warm_start and previous is not None and fits(previous, em, estimator):
        return [lambda: previous]
    k, given = estimator.n_components, estimator.init_params
    complete = all(getattr(estimator, name) is not None for name in OUTRIGHT)
    n = estimator.n_init if isinstance(given, str) or callable(given) else 1
    seed = check_random_state(estimator.random_state).randint(0, 2**31, size=4)
    children = np.random.SeedSequence(seed.tolist()).spawn(1 if complete else n)

    def make(child: np.random.SeedSequence) -> Mixture:
        if complete:
            return overridden(estimator, em, None)
        rng = np.random.default_rng(child)
        if isinstance(given, str):
            start = start_by(given, em, k, rng)
        else:
            legacy = np.random.RandomState(np.random.MT19937(child))
            brought = given(rows, k, legacy) if callable(given) else given
            start = from_given(brought, estimator, em, rows)
        return overridden(estimator, em, start)

    return [partial(make, child) for child in children]


def from_given(given: Any, estimator: Any, em: EM, rows: Any) -> Mixture:
    """Return the start that a Mixture, labels or responsibilities stand for."""
    n, k = len(rows), estimator.n_components
    start = start_mixture(given, n, k, estimator.covariance_type)
    if isinstance(start, Mixture):
        return start
    return from_responsibilities(em, np.asarray(rows), start, em.source.sample_weight)


def fits(mixture: Mixture, em: EM, estimator: Any) -> bool:
    """Return whether a solution can start a fit of this shape."""
    return (
        mixture.covariance_type == em.family.name
        and mixture.n_components == estimator.n_components
        and mixture.n_features == em.source.n_features
    )


def overridden(estimator: Any, em: EM, start: Mixture | None) -> Mixture:
    """Return the start with the parameters that the user gave outright put in."""
    given = {name: getattr(estimator, name) for name in OUTRIGHT}
    if all(value is None for value in given.values()):
        assert start is not None
        return start
    k, d = estimator.n_components, em.source.n_features
    shapes = {
        "weights_init": (k,),
        "means_init": (k, d),
        "precisions_init": em.family.covariance_shape(k, d),
    }
    arrays = {
        name: start_array(name, value, shapes[name])
        for name, value in given.items()
        if value is not None
    }
    precisions = arrays.get("precisions_init")
    return Mixture(
        arrays["weights_init"] if "weights_init" in arrays else start.weights,  # type: ignore[union-attr]
        arrays["means_init"] if "means_init" in arrays else start.means,  # type: ignore[union-attr]
        start.covariances if precisions is None else em.family.from_precisions(precisions),  # type: ignore[union-attr]
        em.family.name,
    )


def start_array(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return a starting parameter as float64 of the right shape."""
    array = as_finite(name, value)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}; this fit needs {shape}.")
    return array


def observer(estimator: Any) -> Callable[[Step], Any] | None:
    """Return what each iteration reports to: the log if verbose, and the user's callback."""
    if not estimator.verbose:
        callback: Callable[[Step], Any] | None = estimator.callback
        return callback
    began = time.perf_counter()

    def report(step: Step) -> Any:
        if step.iteration % estimator.verbose_interval == 0:
            text = "start %d, iteration %d: log-likelihood %.6f"
            values: list[Any] = [step.restart, step.iteration, step.log_likelihood]
            if estimator.verbose > 1:
                text += ", gain %.3g, %.2f s"
                values += [step.gain, time.perf_counter() - began]
            logger.info(text, *values)
        return estimator.callback(step) if estimator.callback is not None else None

    return report


@contextmanager
def verbose_logging(verbose: int) -> Iterator[None]:
    """Let the package's messages through to standard error, unless logging is set up already."""
    if not verbose or logger.hasHandlers():
        yield
        return
    handler, level = logging.StreamHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def complaints(selection: Selection) -> Iterator[str]:
    """Yield what the user should know about the outcome."""
    if selection.result.status in (Status.MAX_ITER, Status.PRECISION):
        yield selection.result.status.value
    if selection.collapsed.any():
        numbers = ", ".join(str(j) for j in np.flatnonzero(selection.collapsed))
        yield (
            f"Component(s) {numbers} collapsed onto a point or a plane, where the likelihood has "
            "no maximum. Use fewer components, a simpler covariance_type, a larger n_init or a "
            "larger reg_covar."
        )


def adopt(estimator: Any, mixture: Mixture, like: Any = None) -> None:
    """Give an estimator a solution that was not fitted here: known, or taken from ``like``."""
    estimator._set_mixture(mixture)
    estimator.n_features_in_ = mixture.n_features
    if hasattr(like, "feature_names_in_"):
        estimator.feature_names_in_ = like.feature_names_in_
    converged = getattr(like, "converged_", True)
    estimator.converged_ = bool(converged)
    estimator.status_ = Status.CONVERGED if converged else Status.MAX_ITER
    estimator.n_iter_ = int(getattr(like, "n_iter_", 0))
    estimator.lower_bound_ = float(getattr(like, "lower_bound_", np.nan))
    estimator.lower_bounds_ = [float(value) for value in getattr(like, "lower_bounds_", [])]


def as_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's counterpart of an estimator, with its solution if it is fitted."""
    from sklearn.mixture import GaussianMixture

    params = estimator.get_params(deep=False)
    shared = {name: params[name] for name in GaussianMixture().get_params() if name in params}
    if not isinstance(shared["init_params"], str):
        del shared["init_params"]
    model = GaussianMixture(**{n: v for n, v in shared.items() if not _is(v, "auto")})
    if not hasattr(estimator, "means_"):
        return model
    copied = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
    told = ("converged_", "n_iter_", "lower_bound_", "lower_bounds_", "n_features_in_")
    for name in (*copied, *told, "feature_names_in_"):
        if hasattr(estimator, name):
            value = getattr(estimator, name)
            setattr(model, name, value.copy() if name in copied else value)
    return model


def _is(value: Any, text: str) -> bool:
    return isinstance(value, str) and value == text


def check_positive(name: str, value: Any) -> None:
    """Raise unless a parameter is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"Invalid value for '{name}': {value!r}; it must be at least 1.")
