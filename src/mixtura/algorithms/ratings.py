"""Mixtures of raters: variational EM on the observed ratings (docs/guide, equations 25 to 31).

Ratings are standardised: their mean is 0 and their variance 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammaln

from mixtura.algorithms.loop import Progress, Rule, Run, iterate
from mixtura.kernels.ratings import ItemSums, Passes, UserSums
from mixtura.model.families.base import FloatArray

#: Variances that are estimated stay above this, in units of the variance of all ratings.
LEAST = 1e-6
#: Degrees of freedom of the users' scales: below the first the noise had hardly a variance, above
#: the second all users are alike.
FREEDOM = (3.0, 1e4)
#: Shares of the variance of all ratings that effects and noise start from, and of the deviations
#: that are drawn: large, as equal components are a saddle.
EFFECT, NOISE, DRAWN = 0.2, 0.6, 0.3
#: What starts take in turn for the variance of the deviations: with the first, deviations that
#: ratings are too few for shrink at once; with the second, groups are found in few ratings.
DEVIATIONS = (0.05, 0.2)
#: Ratings of an item by a component that the component's other items count as, where items have
#: a noise of their own. Chosen on ratings held out of the training parts of three data sets.
STRENGTH = 100.0


@dataclass(frozen=True, eq=False)
class Raters:
    """All parameters of the model, and the approximate posterior of the items' effects.

    ``weights``, ``offsets`` and ``user_variances`` (k,) are the components' shares, and mean and
    variance of their users' effects; ``freedom`` is that of the users' scales. ``effects`` and
    ``effects_spread`` (n_items,) are mean and variance of the items' effects, a priori
    N(0, ``effect_variance``); ``deviations`` and ``deviations_spread`` (n_items, k) those of each
    component's deviations from them, a priori N(0, ``deviation_variance``). ``variances``
    (n_items, k) is the noise, and ``typical_variances`` (k,) what it is drawn to.
    """

    weights: FloatArray
    offsets: FloatArray
    user_variances: FloatArray
    freedom: float
    effects: FloatArray
    effects_spread: FloatArray
    effect_variance: float
    deviations: FloatArray
    deviations_spread: FloatArray
    deviation_variance: float
    variances: FloatArray
    typical_variances: FloatArray

    @property
    def means(self) -> FloatArray:
        """Mean rating (n_items, k) by a component's average user."""
        return self.effects[:, None] + self.deviations + self.offsets

    @property
    def spreads(self) -> FloatArray:
        """Variance (n_items, k) of what is not known of the means."""
        return self.effects_spread[:, None] + self.deviations_spread


@dataclass(frozen=True, eq=False)
class Users:
    """Posterior of users (n_users, k): ``resp`` by component, and given it the rest.

    A user's effect is ``effects`` on average, about the component's offset, with variance
    ``variances / s`` for the user's scale s, whose mean is ``scales``; that of ``1 / s`` is
    ``widths``, that of ``log(s)`` is ``log_scales``. ``evidence`` (n_users,) is in nats.
    """

    resp: FloatArray
    effects: FloatArray
    variances: FloatArray
    scales: FloatArray
    widths: FloatArray
    log_scales: FloatArray
    evidence: FloatArray


@dataclass(frozen=True, eq=False)
class Predictors:
    """Tables (n_items + 1, k) from which ratings are predicted; the last row is a new item's."""

    means: FloatArray
    spreads: FloatArray
    precisions: FloatArray
    log_precisions: FloatArray


@dataclass(frozen=True)
class Prior:
    """What is not estimated: whether items have a noise of their own, floor and support.

    ``pooled`` is the number of ratings that the variance common to all components counts as in
    each component's, where its items have no noise of their own.
    """

    is_diagonal: bool
    pooled: float
    min_variance: float = LEAST
    min_support: float = 0.0


State = tuple[Raters, Users]


def start(n_items: int, k: int, rng: np.random.Generator, number: int = 0) -> Raters:
    """Return start ``number``: components of falling weights that differ by random deviations.

    Were all as large, none would have the ratings to tell its deviations from noise, and where
    ratings are few the variance of the deviations would fall to nothing before any had.
    """
    table, weights = np.zeros((n_items, k)), 1.0 / np.arange(1, k + 1) ** 2
    return Raters(
        weights=weights / weights.sum(),
        offsets=np.zeros(k),
        user_variances=np.full(k, EFFECT),
        freedom=10.0,
        effects=np.zeros(n_items),
        effects_spread=np.full(n_items, EFFECT),
        effect_variance=EFFECT,
        deviations=rng.normal(0.0, np.sqrt(DRAWN), table.shape),
        deviations_spread=table + LEAST,
        deviation_variance=DEVIATIONS[number % len(DEVIATIONS)],
        variances=table + NOISE,
        typical_variances=np.full(k, NOISE),
    )


def fit(
    passes: Passes,
    raters: Raters,
    prior: Prior,
    rule: Rule,
    max_iter: int,
    on_step: Callable[[State, list[float]], bool] | None = None,
    keep: Callable[[Progress[State]], Any] | None = None,
    begun: Progress[State] | None = None,
) -> Run[State]:
    """Return what variational EM reaches from a start; the rest is as in ``iterate``."""
    if begun is None:
        raters = admissible(passes, raters, prior)
        users = expect(passes, raters)
        begun = Progress((raters, users), (bound(raters, users, prior),))
    step, first = partial(em_step, passes, prior), begun.values[0]
    how: Any = {"on_step": on_step, "keep": keep, "begun": begun}
    return iterate(step, begun.state, first, rule, max_iter, **how)


def admissible(passes: Passes, raters: Raters, prior: Prior) -> Raters:
    """Return a start from which no step has to lower the bound, or to keep what was drawn.

    Its noise is not below the floor. Deviations of thin support, which are kept from now on, are
    those of an M-step, not random ones.
    """
    raters = replace(
        raters,
        variances=np.maximum(raters.variances, prior.min_variance),
        typical_variances=np.maximum(raters.typical_variances, prior.min_variance),
    )
    if prior.min_support == 0.0:
        return raters
    return maximise(passes, raters, expect(passes, raters), replace(prior, min_support=0.0))


def em_step(passes: Passes, prior: Prior, state: State) -> tuple[State, float]:
    """Return the state after an M-step and an E-step, and its bound."""
    raters = maximise(passes, *state, prior)
    users = expect(passes, raters)
    return (raters, users), bound(raters, users, prior)


def expect(passes: Passes, raters: Raters) -> Users:
    """Return the posterior of all users."""
    sums = passes.user_sums(raters.means, 1.0 / raters.variances, raters.spreads)
    return posterior(raters, sums, passes.counts)


def posterior(raters: Raters, sums: UserSums, counts: Any) -> Users:
    """Return the posterior of users from sums (n_users, k) of their ratings (equation 28)."""
    n, freedom = np.asarray(counts, dtype=np.float64)[:, None], raters.freedom
    precision = 1.0 / raters.user_variances + sums.weight
    effects = sums.first / precision
    # Rounding alone could make it negative.
    distance = np.maximum(sums.second - sums.first * effects, 0.0)
    half = (freedom + n) / 2.0
    log_prob = np.log(raters.weights) + 0.5 * sums.log_weight
    log_prob -= 0.5 * np.log(precision * raters.user_variances)
    log_prob -= half * np.log1p(distance / freedom)
    log_prob += gammaln(half) - gammaln(freedom / 2.0) - 0.5 * n * np.log(freedom * np.pi)
    most = log_prob.max(axis=1, keepdims=True)
    resp = np.exp(log_prob - most)
    total = resp.sum(axis=1, keepdims=True)
    rate = (freedom + distance) / 2.0
    return Users(
        resp=resp / total,
        effects=effects,
        variances=1.0 / precision,
        scales=half / rate,
        widths=rate / (half - 1.0),
        log_scales=digamma(half) - np.log(rate),
        evidence=(most + np.log(total))[:, 0],
    )


def bound(raters: Raters, users: Users, prior: Prior) -> float:
    """Return the lower bound that every step raises, in nats (equation 29)."""
    total = float(users.evidence.sum() + np.log(raters.weights).sum())
    total -= divergence(raters.effects, raters.effects_spread, raters.effect_variance)
    total -= divergence(raters.deviations, raters.deviations_spread, raters.deviation_variance)
    if prior.is_diagonal:
        return total + STRENGTH * pull(raters.typical_variances, raters.variances)
    typical = raters.typical_variances
    return total + prior.pooled * pull(harmonic_mean(typical), typical)


def pull(centre: FloatArray, variances: FloatArray) -> float:
    """Return the log-density of variances drawn to a centre, per rating (equation 26)."""
    ratio = centre / variances
    return 0.5 * float(np.sum(np.log(ratio) - ratio + 1.0))


def harmonic_mean(variances: FloatArray) -> FloatArray:
    """Return the centre (...) that variances (n, ...) are least drawn to."""
    return np.asarray(1.0 / np.mean(1.0 / variances, axis=0))


def divergence(means: FloatArray, variances: FloatArray, prior: float) -> float:
    """Return the Kullback-Leibler divergence of normal distributions from N(0, ``prior``)."""
    ratio = variances / prior
    return 0.5 * float(np.sum(means**2) / prior + np.sum(ratio - np.log(ratio) - 1.0))


def maximise(passes: Passes, raters: Raters, users: Users, prior: Prior) -> Raters:
    """Return parameters of a higher bound, one group of them after the other."""
    effects = users.effects + raters.offsets
    sums = passes.item_sums(users.resp, users.scales, effects, users.variances)
    return with_noise(of_items(of_users(raters, users), sums, prior), sums, prior)


def of_users(raters: Raters, users: Users) -> Raters:
    """Return new weights, offsets, variances and freedom of the users."""
    held = users.resp.sum(axis=0)
    weighted = users.resp * users.scales
    shift = (weighted * users.effects).sum(axis=0) / positive(weighted.sum(axis=0))
    squares = weighted * (users.effects - shift) ** 2 + users.resp * users.variances
    gap = float(np.sum(users.resp * (users.log_scales - users.scales)) / len(users.resp))
    return replace(
        raters,
        weights=(held + 1.0) / (len(users.resp) + len(held)),
        offsets=raters.offsets + shift,
        user_variances=np.maximum(squares.sum(axis=0) / positive(held), LEAST),
        freedom=best_freedom(gap),
    )


def best_freedom(gap: float) -> float:
    """Return the degrees of freedom that suit scales whose mean of ``log(s) - s`` is ``gap``."""

    def slope(freedom: float) -> float:
        return float(np.log(freedom / 2.0) + 1.0 - digamma(freedom / 2.0) + gap)

    least, most = FREEDOM
    if slope(least) <= 0.0:
        return least
    return most if slope(most) >= 0.0 else float(brentq(slope, least, most))


def of_items(raters: Raters, sums: ItemSums, prior: Prior) -> Raters:
    """Return the items' effects, their deviations, and the priors of both (equation 30)."""
    w = 1.0 / raters.variances
    precision = w * sums.weight
    spread = 1.0 / (1.0 / raters.effect_variance + precision.sum(axis=1))
    effects = spread * (w * (sums.first - sums.weight * raters.deviations)).sum(axis=1)
    own_spread = 1.0 / (1.0 / raters.deviation_variance + precision)
    own = own_spread * w * (sums.first - sums.weight * effects[:, None])
    if prior.min_support > 0.0:
        thin = sums.support < prior.min_support
        own = np.where(thin, raters.deviations, own)
        own_spread = np.where(thin, raters.deviations_spread, own_spread)
    return replace(
        raters,
        effects=effects,
        effects_spread=spread,
        effect_variance=max(float(np.mean(effects**2 + spread)), LEAST),
        deviations=own,
        deviations_spread=own_spread,
        deviation_variance=max(float(np.mean(own**2 + own_spread)), LEAST),
    )


def with_noise(raters: Raters, sums: ItemSums, prior: Prior) -> Raters:
    """Return new variances of the noise."""
    means = raters.effects[:, None] + raters.deviations
    squares = sums.second - 2.0 * means * sums.first
    squares += sums.weight * (means**2 + raters.spreads)
    if prior.is_diagonal:
        drawn = STRENGTH * raters.typical_variances + squares
        variances = np.maximum(drawn / (STRENGTH + sums.support), prior.min_variance)
        return replace(raters, variances=variances, typical_variances=harmonic_mean(variances))
    drawn = prior.pooled * harmonic_mean(raters.typical_variances) + squares.sum(axis=0)
    typical = drawn / (prior.pooled + sums.support.sum(axis=0))
    typical = np.maximum(typical, prior.min_variance)
    variances = np.repeat(typical[None], len(squares), axis=0)
    return replace(raters, variances=variances, typical_variances=typical)


def positive(values: FloatArray) -> FloatArray:
    """Return numbers to divide by: those of components without users are no longer 0."""
    return np.maximum(values, np.finfo(np.float64).tiny)


def predictors(raters: Raters) -> Predictors:
    """Return what predictions need of the items, with a row for one that nobody has rated."""
    k = len(raters.weights)
    unseen = raters.effect_variance + raters.deviation_variance
    precisions = 1.0 / np.vstack([raters.variances, raters.typical_variances])
    return Predictors(
        means=np.vstack([raters.means, raters.offsets]),
        spreads=np.vstack([raters.spreads, np.full(k, unseen)]),
        precisions=precisions,
        log_precisions=np.log(precisions),
    )


def newcomer(raters: Raters, items: Predictors, numbers: Any, values: FloatArray) -> Users:
    """Return the posterior of one user who gave these items these ratings."""
    w, apart = items.precisions[numbers], values[:, None] - items.means[numbers]
    terms = (w, w * apart, w * (apart**2 + items.spreads[numbers]), items.log_precisions[numbers])
    sums = UserSums(*(term.sum(axis=0, keepdims=True) for term in terms))
    return posterior(raters, sums, np.array([len(values)]))


def predicted(items: Predictors, numbers: Any, users: Users, rows: Any) -> tuple[Any, Any]:
    """Return mean and variance (n,) of ratings, of items and users by number (equation 31)."""
    resp = users.resp[rows]
    given = items.means[numbers] + users.effects[rows]
    mean = np.sum(resp * given, axis=-1)
    noise = (1.0 / items.precisions[numbers] + users.variances[rows]) * users.widths[rows]
    apart = (given - mean[..., None]) ** 2
    return mean, np.sum(resp * (noise + items.spreads[numbers] + apart), axis=-1)
