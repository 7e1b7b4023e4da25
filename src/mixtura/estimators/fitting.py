"""From an estimator's parameters to a run of EM, and back to scikit-learn."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import EfficiencyWarning

from mixtura._errors import InputError
from mixtura.algorithms.acceleration import Path
from mixtura.algorithms.em import EM, FitResult, Step
from mixtura.algorithms.loop import Progress, asks_to_stop
from mixtura.algorithms.restarts import Selection, relative_floor, select
from mixtura.algorithms.source import Source
from mixtura.algorithms.starts import from_responsibilities, start_by
from mixtura.algorithms.stopping import Status, Stopping, StoppingRule
from mixtura.algorithms.total import covariance_of, total_statistics
from mixtura.estimators import checkpoints, identity
from mixtura.estimators.functional import check_structure, source_for
from mixtura.estimators.outside import Outside
from mixtura.estimators.validation import (
    check_count,
    check_magnitude,
    check_observed,
    check_ratio,
    start_array,
    start_mixture,
)
from mixtura.kernels import MASKED, Kernels, work
from mixtura.model import ConjugatePrior, Family, Mixture, Statistics, family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import as_finite, check_one_column, check_symmetric
from mixtura.sources import MemorySource, SortedSource
from mixtura.sources.threads import for_each

logger = logging.getLogger("mixtura")

#: Seconds of an iteration from which a user is told what makes it slow.
HOPELESS = 10.0
#: With ``tol="auto"``, the gain still to come at the end, in nats per row.
AUTO_TOL = 1e-4
#: Endings that the user is warned of.
TOLD = (Status.MAX_ITER, Status.PRECISION, Status.COLLAPSED)
OUTRIGHT = ("weights_init", "means_init", "precisions_init")
#: Attributes that hold the fitted parameters; ``precisions_`` only repeats them.
DEFINING = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def problem(estimator: Any, rows: Any, weights: FloatArray | None, incomplete: bool = False) -> EM:
    """Return the E- and M-step for these rows and the estimator's parameters.

    ``incomplete`` says that cells of the rows are missing.
    """
    k = estimator.n_components
    check_count(len(rows), weights, k)
    if incomplete and weights is not None:
        check_observed(rows, getattr(estimator, "feature_names_in_", None), weights)
    family = structure(estimator, rows.shape[1])
    source, kernels = source_for(
        rows, weights, k, family.name, estimator.engine, estimator.n_jobs, incomplete=incomplete
    )
    if isinstance(source, SortedSource):
        warn_of_patterns(source, k, family.name)
    return steps(estimator, source, kernels, rows)


def problem_outside(estimator: Any, outside: Outside) -> EM:
    """Return the E- and M-step for rows outside memory and the estimator's parameters."""
    k = estimator.n_components
    check_count(outside.survey.positive, None, k)
    family = structure(estimator, outside.n_features)
    source, kernels = outside.for_mixture(k, family.name, estimator.engine)
    return steps(estimator, source, kernels, outside.survey.largest[None])


def structure(estimator: Any, n_features: int) -> Family:
    """Return the covariance structure, checked against the columns and other parameters."""
    family = family_named(estimator.covariance_type)
    check_one_column(estimator.covariance_type, n_features)
    check_ratio(estimator.eigenvalue_ratio, family)
    return family


def steps(estimator: Any, source: Source, kernels: Kernels, rows: Any) -> EM:
    """Return the E- and M-step on a source; ``rows`` tell which column holds large numbers."""
    family = family_named(estimator.covariance_type)
    total = total_statistics(source, kernels, family)
    check_magnitude(total, rows)
    return regularised(estimator, source, kernels, total, estimator.n_components)


def regularised(estimator: Any, source: Source, kernels: Kernels, total: Statistics, k: int) -> EM:
    """Return the steps for ``k`` components of a table whose statistics are ``total``."""
    family = family_named(estimator.covariance_type)
    ratio, auto = estimator.eigenvalue_ratio, estimator.reg_covar == "auto"
    ridge = 0.0 if auto else float(estimator.reg_covar)
    em = EM(source, kernels, family, total, ridge=ridge, reseed=True, ratio=ratio)
    em = with_prior(estimator, em, k)
    return replace(em, floor=relative_floor(em)) if auto and ratio is None else em


def with_prior(estimator: Any, em: EM, k: int) -> EM:
    """Return the steps for ``k`` components under the estimator's prior."""
    if estimator.prior is None or em.total is None:
        return em
    total = em.total
    prior = ConjugatePrior.of(covariance_of(total), total.centre[0], em.family, k)
    return replace(em, prior=prior)


def warn_of_patterns(source: SortedSource, k: int, covariance_type: str) -> None:
    """Warn where cells are missing in so many ways that an iteration takes very long."""
    seconds = source.work * 1e-9 / source.threads
    if seconds < HOPELESS:
        return
    diag = 1e-9 * MASKED * work(source.n_rows, source.n_features, k, "diag") / source.threads
    warnings.warn(
        f"X misses cells in {source.n_patterns} different patterns over {source.n_features} "
        f"columns: with covariance_type={covariance_type!r} each needs factorisations of its own, "
        f"and an iteration of EM takes about {seconds:.0f} s on {source.threads} threads. "
        f"covariance_type='diag' needs none and takes about {diag:.2g} s; or leave out columns "
        "that are mostly missing.",
        EfficiencyWarning,
        stacklevel=5,
    )


def run(
    estimator: Any,
    em: EM,
    rows: Any,
    first: Mixture | None = None,
    ended: threading.Event | None = None,
) -> Selection:
    """Run EM from every start the estimator asks for and return the best.

    ``first`` takes the place of the first of them. ``ended`` is set where a callback says so, or a
    start has failed.
    """
    with (
        verbose_logging(estimator.verbose),
        checkpoints.kept(estimator, partial(identity.rows_in, em.source, estimator)) as kept,
    ):
        starts = start_functions(estimator, em, rows, kept.random)
        if first is not None:
            starts[0] = lambda: first
        return run_each(estimator, em, starts, kept, ended or threading.Event())


def run_each(
    estimator: Any,
    em: EM,
    starts: list[Callable[[], Mixture]],
    kept: checkpoints.Checkpoint,
    ended: threading.Event,
) -> Selection:
    """Run EM from every start, but for what is kept of those, and return the best."""
    rule = (
        StoppingRule(Stopping.REMAINING, AUTO_TOL, em.source.weight)
        if estimator.tol == "auto"
        else StoppingRule(Stopping.MEAN, float(estimator.tol), em.source.weight)
    )
    source: Any = em.source
    in_memory = isinstance(source, MemorySource)  # elsewhere fits pass over the rows in turn
    threads = source.threads if in_memory and len(starts) > 1 else 1
    single = replace(em, source=source.with_threads(1)) if threads > 1 else em

    def one(number: int) -> FitResult | None:
        known: FitResult | None = kept.outcome(number)
        if known is not None:
            return known
        if ended.is_set():
            kept.stopped = True
            return None
        start: Mixture | Progress[Path] = kept.begun(number) or starts[number]()
        observe = observer(estimator, ended)
        result = single.run(
            start,
            rule,
            estimator.max_iter,
            accelerate=estimator.tol == "auto" and em.ridge == 0.0,
            record=estimator.record,
            callback=observe,
            restart=number,
            keep=kept.keeper(number),
        )
        kept.finish(number, result, result.status)
        return result

    each = partial(for_each, threads=threads, on_failure=ended.set)
    return select(em, len(starts), one, each)


def start_functions(
    estimator: Any, em: EM, rows: Any, random: np.random.RandomState
) -> list[Callable[[], Mixture]]:
    """Return one function per restart that makes its start; outright starts are made once."""
    previous = estimator.mixture_ if estimator.warm_start and hasattr(estimator, "means_") else None
    if previous is not None and fits(previous, em, estimator):
        return [lambda: previous]
    k, given = estimator.n_components, estimator.init_params
    complete = all(getattr(estimator, name) is not None for name in OUTRIGHT)
    n = estimator.n_init if isinstance(given, str) or callable(given) else 1
    seed = random.randint(0, 2**31, size=4)
    children = np.random.SeedSequence(seed.tolist()).spawn(1 if complete else n)

    def make(child: np.random.SeedSequence) -> Mixture:
        if complete:
            return overridden(estimator, em, None)
        rng = np.random.default_rng(child)
        if isinstance(given, str):
            start = start_by(given, em, k, rng)
        else:
            legacy = np.random.RandomState(np.random.MT19937(child))
            called = callable(given) and rows is not None
            brought = given(read_only(rows), k, legacy) if called else given
            start = from_given(brought, estimator, em, rows)
        return overridden(estimator, em, start)

    return [partial(make, child) for child in children]


def read_only(rows: Any) -> Any:
    """Return a view of the rows that cannot be written to."""
    view = rows.view()
    view.flags.writeable = False
    return view


def from_given(given: Any, estimator: Any, em: EM, rows: Any) -> Mixture:
    """Return the start that a Mixture, labels or responsibilities stand for."""
    source: Any = em.source
    n, d, k = source.n_rows, source.n_features, estimator.n_components
    if rows is None and not isinstance(given, Mixture):
        raise InputError(
            "init_params holds a value for every row, or makes one, which needs the rows in "
            "memory; pass a Mixture, or the name of a start."
        )
    start = start_mixture(given, n, k, em.family.name)
    if isinstance(start, Mixture):
        if start.n_features != d:
            raise InputError(f"init_params is a Mixture of {start.n_features} columns; X has {d}.")
        check_structure("init_params", start)
        return start
    resp = source.arranged(start)
    return from_responsibilities(em, np.asarray(source.X), resp, source.sample_weight)


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
    shapes = ((k,), (k, d), em.family.covariance_shape(k, d))
    arrays = [
        None if value is None else start_array(name, value, shape)
        for (name, value), shape in zip(given.items(), shapes, strict=True)
    ]
    if arrays[2] is not None:
        arrays[2] = inverted(arrays[2], em.family)
    if start is not None:
        defaults = (start.weights, start.means, start.covariances)
        arrays = [own if a is None else a for a, own in zip(arrays, defaults, strict=True)]
    weights, means, covariances = (array for array in arrays if array is not None)
    return Mixture(weights, means, covariances, em.family.name)


def inverted(precisions: FloatArray, family: Family) -> FloatArray:
    """Return the covariances of ``precisions_init``."""
    if family.correlated:
        check_symmetric("precisions_init", precisions)
    try:
        return family.from_precisions(precisions)
    except InputError:
        kind = "positive definite" if family.correlated else "positive"
        raise InputError(f"precisions_init must be {kind} for every component.") from None


def observer(estimator: Any, ended: threading.Event) -> Callable[[Step], bool]:
    """Return what each iteration reports to: the log if verbose, and the user's callback.

    Once the callback says so, the fit has ``ended`` for every start.
    """
    began = time.perf_counter()

    def report(step: Step) -> bool:
        if estimator.verbose and step.iteration % estimator.verbose_interval == 0:
            text = "start %d, iteration %d: log-likelihood %.6f"
            values: list[Any] = [step.restart, step.iteration, step.log_likelihood]
            if estimator.verbose > 1:
                text += ", gain %.3g, %.2f s"
                values += [step.gain, time.perf_counter() - began]
            logger.info(text, *values)
        if asks_to_stop(estimator.callback, step):
            ended.set()
        return ended.is_set()

    return report


@contextmanager
def verbose_logging(verbose: int) -> Iterator[None]:
    """Let progress through to the log, which is standard error unless it is set up already."""
    if not verbose:
        yield
        return
    handler = None if logger.hasHandlers() else logging.StreamHandler()
    level = logger.level
    if handler is not None:
        logger.addHandler(handler)
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def complaints(selection: Selection, names: Sequence[str] | None = None) -> Iterator[str]:
    """Yield what the user should know about the outcome, with the ``names`` of the columns."""
    result = selection.result
    only_start = result.status is Status.MAX_ITER and result.n_iter == 0  # max_iter=0 asks for it
    if result.status in TOLD and not only_start:
        yield result.status.value
    if selection.collapsed.any():
        flat = selection.flat_columns
        columns = ", ".join(str(j) if names is None else repr(str(names[j])) for j in flat)
        cause = f"Constant within such a component: column {columns}. " if columns else ""
        numbers = ", ".join(str(j) for j in np.flatnonzero(selection.collapsed))
        yield (
            f"Collapsed onto a point or a plane, where the likelihood has no maximum: component "
            f"{numbers}. {cause}Leave out columns that the groups are made of, or use fewer "
            "components, a simpler covariance_type, a larger n_init or a larger reg_covar."
        )


def publish(estimator: Any, mixture: Mixture, dtype: Any, **facts: Any) -> None:
    """Give an estimator the attributes of a solution, in ``dtype`` where its range holds them.

    ``facts`` are what is known of the fit, by attribute; the rest is as if there had been none.
    """
    unknown = {
        "converged_": True,
        "status_": Status.CONVERGED,
        "n_iter_": 0,
        "lower_bound_": np.nan,
        "lower_bounds_": [],
        "restarts_": np.empty(0),
        "n_best_restarts_": 0,
        "collapsed_": np.zeros(mixture.n_components, dtype=np.bool_),
        "snapshots_": (),
        "snapshot_lower_bounds_": np.empty(0),
        "_weight": None,
    }
    for name, value in {**unknown, **facts}.items():
        setattr(estimator, name, value)
    estimator.n_features_in_, estimator.n_components_ = mixture.n_features, mixture.n_components
    most = np.finfo(np.float64).max  # without a floor, a variance may have no finite inverse
    with np.errstate(over="ignore"):
        precisions, factors = mixture.family.precisions(mixture.covariances, *mixture.means.shape)
        precisions = np.clip(precisions, -most, most)
    defining = (mixture.weights, mixture.means, mixture.covariances, factors)
    exact = {**dict(zip(DEFINING, defining, strict=True)), "precisions_": precisions}
    with np.errstate(over="ignore"):
        cast = {name: array.astype(dtype) for name, array in exact.items()}
    sound = all(np.isfinite(array).all() for array in cast.values())
    published = cast if sound else exact
    for name, array in published.items():
        setattr(estimator, name, array.copy())
    estimator._solution = (mixture, published)


def current_mixture(estimator: Any) -> Mixture:
    """Return the mixture that an estimator's attributes hold, whoever assigned them.

    ``precisions_cholesky_`` counts where it was assigned since the fit and ``covariances_`` was
    not, or where that is missing.
    """
    solution: tuple[Mixture | None, dict[str, FloatArray]] = (None, {})
    mixture, published = getattr(estimator, "_solution", solution)
    names = [name for name in DEFINING if hasattr(estimator, name)]
    changed = [
        name
        for name in names
        if name not in published or not np.array_equal(getattr(estimator, name), published[name])
    ]
    if mixture is not None and not changed:
        return mixture
    current = {name: np.array(getattr(estimator, name)) for name in names}
    family = family_named(estimator.covariance_type)
    if "precisions_cholesky_" in changed and "covariances_" not in changed:
        covariances = covariances_from(current["precisions_cholesky_"], family)
    else:
        covariances = current["covariances_"]
    return Mixture(current["weights_"], current["means_"], covariances, family.name)


def covariances_from(factors: FloatArray, family: Family) -> FloatArray:
    """Return the covariances whose precisions have these Cholesky factors."""
    factors = as_finite("precisions_cholesky_", factors)
    square = factors @ np.swapaxes(factors, -1, -2) if family.correlated else factors**2
    return family.from_precisions(square)


def adopt(estimator: Any, mixture: Mixture, like: Any = None) -> None:
    """Give an estimator a solution that was not fitted here: known, or taken from ``like``."""
    converged = bool(getattr(like, "converged_", True))
    publish(
        estimator,
        mixture,
        np.asarray(getattr(like, "means_", mixture.means)).dtype,
        converged_=converged,
        status_=Status.CONVERGED if converged else Status.MAX_ITER,
        n_iter_=int(getattr(like, "n_iter_", 0)),
        lower_bound_=float(getattr(like, "lower_bound_", np.nan)),
        lower_bounds_=[float(value) for value in getattr(like, "lower_bounds_", [])],
    )
    if hasattr(like, "feature_names_in_"):
        estimator.feature_names_in_ = like.feature_names_in_


def as_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's counterpart of an estimator, with its solution if it is fitted."""
    from sklearn.mixture import GaussianMixture

    params = estimator.get_params(deep=False)
    shared = {name: params[name] for name in GaussianMixture().get_params() if name in params}
    shared["covariance_type"] = family_named(shared["covariance_type"]).form
    if hasattr(estimator, "n_components_"):
        shared["n_components"] = estimator.n_components_
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


def check_sklearn(model: Any) -> None:
    """Raise unless ``model`` is scikit-learn's GaussianMixture."""
    from sklearn.mixture import GaussianMixture

    if not isinstance(model, GaussianMixture):
        raise InputError(
            f"model is a {type(model).__name__}; from_sklearn takes a sklearn.mixture."
            "GaussianMixture."
        )


def _is(value: Any, text: str) -> bool:
    return isinstance(value, str) and value == text


def check_positive(name: str, value: Any) -> None:
    """Raise unless a parameter is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name}={value!r} must be a whole number of at least 1.")
