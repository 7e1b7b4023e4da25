"""Where EM starts: k-means, seeds, random responsibilities, or what the user brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mixtura._errors import InputError, SingularCovarianceError
from mixtura.algorithms.em import EM, covariance_of
from mixtura.algorithms.kmeans import Clustering, cluster
from mixtura.algorithms.seeding import distances, plus_plus, squared_lengths
from mixtura.algorithms.source import OneBlock
from mixtura.kernels import array_api
from mixtura.kernels.kmeans import passes_for, shift_of
from mixtura.model import Family, Mixture, Statistics
from mixtura.model.families.base import FloatArray

METHODS = ("kmeans", "k-means++", "random", "random_from_data")
#: Rows that a start looks at, at least, and per number in the means.
SAMPLE_ROWS = 10_000
ROWS_PER_MEAN = 20
#: Seedings that k-means chooses from, and the relative gain at which it is good enough to start EM.
KMEANS_TRIALS = 6
KMEANS_TOL = 1e-4
#: Iterations after which runs of k-means from different seeds are compared.
TRIAL_ITER = 3
SHORT_RUN = 8
#: Starts whose log-likelihoods differ by less, per unit of weight, count as one.
SAME_START = 1e-4


def start_by(method: str, em: EM, k: int, rng: np.random.Generator) -> Mixture:
    """Return a mixture of ``k`` components to start EM from, by the method of that name."""
    if method not in METHODS:
        raise InputError(f"init_params={method!r} is not one of {', '.join(METHODS)}.")
    d = em.source.n_features
    sample, weights = em.source.sample_rows(max(SAMPLE_ROWS, ROWS_PER_MEAN * k * d), rng)
    rows = np.asarray(sample, dtype=np.float64)
    if weights is None:
        weights = np.ones(len(rows))
    units = standardised(rows, em)
    if method == "kmeans" and em.kernels.compiled:  # a pass costs less than one of k-means
        tried = trials(units, weights, k, rng)
        starts = (from_responsibilities(em, rows, one_hot(c.labels, k), weights) for c in tried)
        return best_of([short_run(em, sample, weights, start) for start in starts], weights.sum())
    return from_responsibilities(
        em, rows, RESPONSIBILITIES[method](units, weights, k, rng), weights
    )


def short_run(em: EM, rows: Any, weights: FloatArray, start: Mixture) -> tuple[Mixture, float]:
    """Return what a few EM updates on a sample make of a start, and its log-likelihood there.

    Biernacki, Celeux & Govaert (2003), doi:10.1016/S0167-9473(02)00163-9.
    """
    mixture, loglik = start, -np.inf
    for _ in range(SHORT_RUN):
        try:
            statistics = em.kernels.expect(rows, weights, mixture)
            mixture, loglik = em.maximise(statistics, mixture), statistics.loglik
        except SingularCovarianceError:
            break
    return mixture, loglik


def best_of(runs: list[tuple[Mixture, float]], weight: float) -> Mixture:
    """Return the mixture of highest log-likelihood; the first of those that rounding may order."""
    top = max(loglik for _, loglik in runs)
    return next(mixture for mixture, loglik in runs if loglik >= top - SAME_START * weight)


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


def _by_kmeans(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> FloatArray:
    best = min(trials(rows, weights, k, rng), key=lambda tried: tried.inertia)
    tol = KMEANS_TOL * float(rows.var(axis=0).mean())
    return one_hot(clustered(rows, weights, best.centres, tol=tol).labels, k)


def trials(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> Iterator[Clustering]:
    """Yield clusterings, each from seeds of its own after a few iterations."""
    for _ in range(KMEANS_TRIALS):
        seeds = plus_plus(rows, weights, k, rng)
        yield clustered(rows, weights, rows[seeds], max_iter=TRIAL_ITER)


def clustered(
    rows: FloatArray, weights: FloatArray, centres: FloatArray, **options: Any
) -> Clustering:
    """Return what k-means makes of a sample from given centres."""
    passes = passes_for(rows, len(centres), shift_of(centres))
    return cluster(OneBlock(rows, weights), centres, passes, **options)


def _by_plus_plus(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> FloatArray:
    return _nearest(rows, weights, plus_plus(rows, weights, k, rng))


def _by_random_rows(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> FloatArray:
    candidates = np.flatnonzero(weights > 0)
    picked = rng.choice(candidates, k, replace=k > len(candidates))
    return _nearest(rows, weights, picked)


def _nearest(rows: FloatArray, weights: FloatArray, seeds: Any) -> FloatArray:
    return one_hot(distances(rows, rows[seeds], squared_lengths(rows)).argmin(axis=1), len(seeds))


def _at_random(
    rows: FloatArray, weights: FloatArray, k: int, rng: np.random.Generator
) -> FloatArray:
    return rng.dirichlet(np.ones(k), size=len(rows))


RESPONSIBILITIES: dict[
    str, Callable[[FloatArray, FloatArray, int, np.random.Generator], FloatArray]
] = {
    "kmeans": _by_kmeans,
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
    return em.maximise(statistics, fallback(em, counting, resp.shape[1]))


def statistics_of(
    rows: FloatArray, resp: FloatArray, weights: FloatArray | None, family: Family
) -> Statistics:
    """Return the statistics of rows under given responsibilities, about the components' means."""
    weighted = resp if weights is None else resp * weights[:, None]
    zeroth = weighted.sum(axis=0)
    # Far from the origin, rows about one of them that counts keep their digits.
    origin = rows[0 if weights is None else np.argmax(weights)]
    shift = (weighted.T @ (rows - origin)) / np.where(zeroth > 0, zeroth, 1.0)[:, None]
    return array_api.moments(rows, resp, weights, origin + shift, family)


def fallback(em: EM, rows: FloatArray, k: int) -> Mixture:
    """Return a mixture of the table's covariance around k rows spread over the sample."""
    assert em.total is not None
    spread = rows[np.linspace(0, len(rows) - 1, k).astype(int)]
    covariances = em.family.ridged(em.family.pooled(covariance_of(em.total), k), em.ridge)
    return em.feasible(Mixture(np.full(k, 1.0 / k), spread, covariances, em.family.name))
