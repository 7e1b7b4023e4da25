"""Where EM starts: k-means, seeds, random responsibilities, or what the user brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mixtura._errors import InputError, SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.given import statistics_of
from mixtura.algorithms.kmeans import Clustering, cluster
from mixtura.algorithms.restarts import collapsed_components, relative_floor
from mixtura.algorithms.seeding import plus_plus
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.total import covariance_of
from mixtura.kernels import incomplete
from mixtura.kernels.kmeans import passes_for, shift_of
from mixtura.model import CovarianceFloor, Mixture, Statistics, family_named, maximise
from mixtura.model.families.base import FloatArray

#: A mixture and its log-likelihood on a sample.
Tried = tuple[Mixture, float]
METHODS = ("kmeans", "k-means++", "random", "random_from_data")
#: Rows that a start looks at, at least, and per number in the means.
SAMPLE_ROWS = 10_000
ROWS_PER_MEAN = 20
#: Seedings that k-means chooses from, and the iterations after which they are compared.
KMEANS_TRIALS = 6
TRIAL_ITER = 3
#: Updates of EM after which starts are compared, if they have not settled before.
SHORT_RUN = 16
#: Updates after which all but the best few end.
FIRST_RUN, FINALISTS = 4, 2
#: Starts count as one whose log-likelihoods differ by less per unit of weight, or whose inertias
#: do relatively.
SAME_START = 1e-4


def start_by(method: str, em: EM, k: int, rng: np.random.Generator) -> Mixture:
    """Return a mixture of ``k`` components to start EM from, by the method of that name."""
    if method not in METHODS:
        raise InputError(f"init_params={method!r} is not one of {', '.join(METHODS)}.")
    d = em.source.n_features
    sample, weights = em.source.sample_rows(max(SAMPLE_ROWS, ROWS_PER_MEAN * k * d), rng)
    rows: FloatArray = np.ascontiguousarray(sample, dtype=np.float64)
    if em.kernels.allows_missing and em.family.correlated:
        rows = filled(rows, em)
    if weights is None:
        weights = np.ones(len(rows))
    weights = weights / weights.max()  # products of larger ones would overflow
    engine = "numba" if em.kernels.compiled else "numpy"
    views = [OneBlock(view, weights) for view in views_of(rows, weights, em, k)]
    if method != "kmeans":
        resp = RESPONSIBILITIES[method](views[-1], k, rng, engine)
        return from_responsibilities(em, rows, resp, weights)
    tried = trials(views, k, rng, engine)
    if not em.kernels.compiled:  # an update costs as much as k-means: one short run for each view
        tried = [tightest(tried[i :: len(views)]) for i in range(len(views))]
    starts = [from_responsibilities(em, rows, one_hot(c.labels, k), weights) for c in tried]
    if len(starts) == 1:
        return starts[0]
    runs = [short_run(em, sample, weights, start, FIRST_RUN) for start in starts]
    longer = [
        short_run(em, sample, weights, mixture, SHORT_RUN - FIRST_RUN)
        for mixture, _ in best_of(em, runs, weights.sum(), FINALISTS)
    ]
    return best_of(em, longer, weights.sum(), 1)[0][0]


def short_run(em: EM, rows: Any, weights: FloatArray, start: Mixture, n_updates: int) -> Tried:
    """Return what a few EM updates on a sample make of a start, and its log-likelihood there.

    Biernacki, Celeux & Govaert (2003), doi:10.1016/S0167-9473(02)00163-9.
    """
    mixture, loglik = start, -np.inf
    for _ in range(n_updates):
        try:
            statistics = em.kernels.expect(rows, weights, mixture)
            mixture = em.maximise(statistics, mixture)
        except SingularCovarianceError:
            break
        settled = statistics.loglik - loglik < SAME_START * statistics.weight
        loglik = statistics.loglik
        if settled:
            break
    return mixture, loglik


def best_of(em: EM, runs: list[Tried], weight: float, n: int) -> list[Tried]:
    """Return the ``n`` runs of highest log-likelihood, the first of those that rounding may order.

    One with a component flat on a point or a plane is among them only if there are no others.
    """
    if n == 0 or not runs:
        return []
    sound = [run for run in runs if not collapsed_components(em, run[0]).any()] or runs
    top = max(loglik for _, loglik in sound)
    best = next(run for run in sound if run[1] >= top - SAME_START * weight)
    return [best, *best_of(em, [run for run in runs if run is not best], weight, n - 1)]


def filled(rows: FloatArray, em: EM) -> FloatArray:
    """Return rows with their missing cells as the table's own distribution expects them."""
    assert em.total is not None
    covariance = covariance_of(em.total)
    floor = CovarianceFloor.relative_to(covariance, em.total.centre[0])
    covariances = family_named("full").floored(covariance[None], floor)
    table = Mixture([1.0], em.total.centre, covariances, "full")
    complete = np.empty_like(rows)
    for part in incomplete.parts(rows, table):
        complete[part.numbers] = part.centred[0] + table.means[0]
    return np.where(np.isnan(rows), complete, rows)


def views_of(rows: FloatArray, weights: FloatArray, em: EM, k: int) -> list[FloatArray]:
    """Return the rows in the coordinates in which groups are looked for: one or two tables."""
    views = [standardised(rows, em)]
    if em.family.correlated and k > 1 and rows.shape[1] > 1:
        telling = discriminating(rows, weights, em, k)
        views += [telling] if telling.shape[1] else []
    return views


def standardised(rows: FloatArray, em: EM) -> FloatArray:
    """Return rows about the table's mean in units that the family does not change with.

    Where a family is bound to one unit for all columns, all are divided by the same number.
    """
    assert em.total is not None
    variances = np.diag(covariance_of(em.total))
    if em.family.one_unit:
        variances = np.full_like(variances, variances.mean())
    scale = np.sqrt(np.where(variances > 0, variances, 1.0))
    return (rows - em.total.centre[0]) / scale


def discriminating(rows: FloatArray, weights: FloatArray, em: EM, k: int) -> FloatArray:
    """Return coordinates (n, m) that no linear change of the rows' columns alters but by rotation.

    The rows are whitened, and kept along the ``k - 1`` directions in which they are the least
    Gaussian: as many as the means of k groups span (docs/guide, equation 20).
    """
    assert em.total is not None
    total = weights.sum()
    centred = rows - em.total.centre[0]
    centred -= np.average(centred, axis=0, weights=weights)
    covariance = (centred * weights[:, None]).T @ centred / total
    floor = CovarianceFloor.relative_to(covariance, em.total.centre[0])
    white = centred @ floor.whitener  # without the directions in which rows do not vary
    white /= np.sqrt(np.average(white**2, axis=0, weights=weights))
    m = white.shape[1]
    if m < k:
        return white
    lengths = np.einsum("ij,ij->i", white, white)
    scatter = (white * (weights * lengths)[:, None]).T @ white / total
    values, directions = np.linalg.eigh(scatter / (m + 2))  # all 1 where rows are Gaussian
    telling = np.argsort(-np.abs(np.log(values)), kind="stable")[: k - 1]
    return white @ directions[:, telling]


def trials(
    views: list[OneBlock], k: int, rng: np.random.Generator, engine: str
) -> list[Clustering]:
    """Return clusterings of each view in turn, from seeds of their own after a few iterations."""
    found = []
    for number in range(KMEANS_TRIALS):
        view = views[number % len(views)]
        seeds = plus_plus(view, k, rng, engine=engine)
        found.append(clustered(view, view.rows[seeds], engine, max_iter=TRIAL_ITER))
    return found


def tightest(tried: list[Clustering]) -> Clustering:
    """Return the clustering of lowest inertia; the first of those that rounding may order."""
    least = min(clustering.inertia for clustering in tried)
    return next(c for c in tried if c.inertia <= (1.0 + SAME_START) * least)


def clustered(view: OneBlock, centres: FloatArray, engine: str, **options: Any) -> Clustering:
    """Return what k-means makes of a sample from given centres."""
    passes = passes_for(view.rows, len(centres), shift_of(centres), engine=engine)
    return cluster(view, centres, passes, **options)


def _by_plus_plus(view: OneBlock, k: int, rng: np.random.Generator, engine: str) -> FloatArray:
    return _nearest(view, plus_plus(view, k, rng, engine=engine), engine)


def _by_random_rows(view: OneBlock, k: int, rng: np.random.Generator, engine: str) -> FloatArray:
    assert view.weights is not None
    candidates = np.flatnonzero(view.weights > 0)
    return _nearest(view, rng.choice(candidates, k, replace=k > len(candidates)), engine)


def _nearest(view: OneBlock, seeds: Any, engine: str) -> FloatArray:
    return one_hot(clustered(view, view.rows[seeds], engine, max_iter=0).labels, len(seeds))


def _at_random(view: OneBlock, k: int, rng: np.random.Generator, engine: str) -> FloatArray:
    return rng.dirichlet(np.ones(k), size=view.n_rows)


RESPONSIBILITIES: dict[str, Callable[[OneBlock, int, np.random.Generator, str], FloatArray]] = {
    "k-means++": _by_plus_plus,
    "random": _at_random,
    "random_from_data": _by_random_rows,
}


def one_hot(labels: Any, k: int) -> FloatArray:
    """Return responsibilities (n, k) of 0 and 1."""
    return np.eye(k)[labels]


def from_responsibilities(
    em: EM, rows: FloatArray, resp: FloatArray, weights: FloatArray | None
) -> Mixture:
    """Return the M-step's mixture for given responsibilities (n, k).

    Components without rows get the table's own covariance about rows spread over its order, so
    that no two of them are alike.
    """
    statistics = statistics_of(rows, resp, weights, em.family)
    counting = rows if weights is None else rows[weights > 0]
    whole = bool((statistics.support > 0).all())
    previous = None if whole else fallback(em, counting, resp.shape[1])
    try:
        return em.maximise(statistics, previous)
    except SingularCovarianceError:  # of a structure without a floor
        return with_one_covariance(em, statistics, previous)


def with_one_covariance(em: EM, statistics: Statistics, previous: Mixture | None) -> Mixture:
    """Return the M-step's weights and means, with the covariance that all groups have in common."""
    free = maximise(replace(statistics, family=family_named(em.family.form)), previous=previous)
    matrices = free.family.full(free.covariances, *free.means.shape)
    within = np.average(matrices, axis=0, weights=free.weights)
    floor = relative_floor(em) if em.floor is None else em.floor
    lifted = family_named("full").floored(within[None], floor)[0]
    covariances = em.family.pooled(lifted, free.n_components)
    return Mixture(free.weights, free.means, covariances, em.family.name)


def fallback(em: EM, rows: FloatArray, k: int) -> Mixture:
    """Return a mixture of the table's covariance around k rows spread over the sample."""
    assert em.total is not None
    spread = rows[np.linspace(0, len(rows) - 1, k).astype(int)]
    spread = np.where(np.isnan(spread), em.total.centre[0], spread)
    form = family_named(em.family.form)  # the same for all: of any structure
    covariances = form.ridged(form.pooled(covariance_of(em.total), k), em.ridge)
    table = Mixture(np.full(k, 1.0 / k), spread, covariances, form.name)
    covariances = replace(em, family=form).feasible(table).covariances
    return Mixture(table.weights, spread, covariances, em.family.name)
