"""Fits of rating mixtures from several starts, and what they leave in the estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, cast

import numpy as np

from mixtura._errors import InputError
from mixtura.algorithms.loop import Run, asks_to_stop
from mixtura.algorithms.ratings import (
    LEAST,
    Prior,
    Raters,
    State,
    Users,
    expect,
    fit,
    posterior,
    predictors,
    start,
)
from mixtura.algorithms.stopping import Status, Stopping, StoppingRule
from mixtura.estimators import checkpoints, identity
from mixtura.estimators.fitting import logger, verbose_logging
from mixtura.estimators.k_means import generator
from mixtura.estimators.ratings_input import Ids
from mixtura.kernels.ratings import Passes, Ratings, UserSums, passes_for
from mixtura.model.families.base import FloatArray
from mixtura.sources.threads import for_each, n_threads

#: Starts with ``n_init='auto'`` where ratings times components are at most so many.
STARTS, FEW = 10, 50_000


@dataclass(frozen=True)
class RatingStep:
    """What a callback sees after each iteration of a ``RatingMixture``.

    Attributes
    ----------
    restart : int
        Number of the restart, from 0.
    iteration : int
        Number of the iteration, from 1.
    lower_bound : float
        What is maximised, in nats for ratings of variance 1.
    gain : float
        How much this iteration has raised it.

    Examples
    --------
    >>> from mixtura import RatingMixture
    >>> gains = []
    >>> model = RatingMixture(1, n_init=1, callback=lambda step: gains.append(step.gain))
    >>> model.fit([[5.0, 1.0], [4.0, 2.0]]).n_iter_ == len(gains)
    True
    """

    restart: int
    iteration: int
    lower_bound: float
    gain: float


def best_run(model: Any, ratings: Ratings, units: tuple[float, float]) -> Run[State]:
    """Return the run of highest bound of those from every start that the estimator asks for."""
    n, k = len(ratings.values), model.n_components
    prior = prior_of(model, n, units)
    rule = StoppingRule(Stopping.MEAN, float(model.tol), n)
    passes, runs = passes_of(model, ratings, units), []
    starts = STARTS if n * k <= FEW else 1
    data = partial(identity.ratings_in, ratings)
    with verbose_logging(model.verbose), checkpoints.kept(model, data) as kept:
        rng = generator(kept.random)
        for number in range(starts if isinstance(model.n_init, str) else model.n_init):
            first = start(ratings.n_columns, k, rng, number)
            runs.append(run_of(model, number, first, passes, prior, rule, kept))
            if runs[-1].status is Status.CALLBACK:
                break
    return max(runs, key=lambda run: run.values[-1])


def run_of(
    model: Any,
    number: int,
    first: Raters,
    passes: Passes,
    prior: Prior,
    rule: StoppingRule,
    kept: checkpoints.Checkpoint,
) -> Run[State]:
    """Return what a start leads to; checkpoints have the parameters alone, without the users."""

    def whole(found: Any) -> Any:
        return replace(found, state=(found.state, expect(passes, found.state)))

    known = kept.outcome(number)
    if known is not None:
        return cast("Run[State]", whole(known))
    begun, take = kept.begun(number), kept.keeper(number)

    def keep(progress: Any) -> None:
        assert take is not None
        take(replace(progress, state=progress.state[0]))

    run = fit(
        passes,
        first,
        prior,
        rule,
        model.max_iter,
        on_step=observer(model, number),
        keep=None if take is None else keep,
        begun=None if begun is None else whole(begun),
    )
    without: Any = replace(cast("Any", run), state=run.state[0])
    kept.finish(number, without, run.status)
    return run


def prior_of(model: Any, n: int, units: tuple[float, float]) -> Prior:
    """Return what is not estimated from ``n`` ratings."""
    return Prior(
        model.covariance_type == "diag",
        pooled=n / model.n_components,
        min_variance=max(LEAST, model.min_variance / units[1] ** 2),
        min_support=model.min_support,
    )


def passes_of(model: Any, ratings: Ratings, units: tuple[float, float]) -> Passes:
    """Return the passes over standardised ratings that the estimator asks for."""
    each = partial(for_each, threads=n_threads(model.n_jobs))
    return passes_for(ratings.scaled(*units), model.n_components, model.engine, each)


def observer(model: Any, restart: int) -> Callable[[State, list[float]], bool]:
    """Return what each iteration reports to: the log if verbose, and the user's callback."""

    def report(state: State, bounds: list[float]) -> bool:
        step = RatingStep(restart, len(bounds) - 1, bounds[-1], bounds[-1] - bounds[-2])
        if model.verbose:
            text = "start %d, iteration %d: lower bound %.6f"
            logger.info(text, step.restart, step.iteration, step.lower_bound)
        return asks_to_stop(model.callback, step)

    return report


def mean_and_scale(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation of ratings; 1 if all are equal."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(values.mean()), float(values.std())
    if not np.isfinite(scale):
        raise InputError("ratings are so large that their squares overflow; divide them.")
    return mean, scale if scale > np.finfo(np.float64).eps * abs(mean) else 1.0


def publish(
    model: Any,
    ratings: Ratings,
    ids: tuple[Ids, Ids],
    units: tuple[float, float],
    raters: Raters,
    users: Users,
) -> None:
    """Store a fit in the estimator: parameters in the units of the ratings, and the ratings."""
    centre, scale = units
    diagonal = model.covariance_type == "diag"
    variances = raters.variances.T if diagonal else raters.typical_variances
    model.weights_ = raters.weights
    model.means_ = centre + scale * raters.means.T
    model.variances_ = scale**2 * variances
    model.responsibilities_ = users.resp
    model.users_, model.items_ = (each.names for each in ids)
    model.rating_range_ = float(ratings.values.min()), float(ratings.values.max())
    model.converged_ = model.status_ is Status.CONVERGED
    model._users, model._items = ids
    model._ratings, model._units, model._raters = ratings, units, raters
    model._predictors = predictors(raters)
    model._known = with_unknown(raters, users)


def with_unknown(raters: Raters, users: Users) -> Users:
    """Return the users and, in the last row, one of whom no rating is known."""
    nobody = UserSums(*4 * [np.zeros((1, len(raters.weights)))])
    unknown = posterior(raters, nobody, np.zeros(1))
    names = (each.name for each in fields(Users))
    return Users(*(np.concatenate([getattr(users, e), getattr(unknown, e)]) for e in names))
