"""Stepwise EM, and k-means, on rows that come in chunks and go (docs/guide, equations 66 to 69).

Cappe & Moulines (2009), doi:10.1111/j.1467-9868.2009.00698.x. What is kept are sums: as much for
a thousand rows as for a thousand million.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.given import statistics_of
from mixtura.algorithms.kmeans import farthest, means, recount
from mixtura.algorithms.mini_batch import CHUNK_PASSES
from mixtura.algorithms.restarts import collapsed_components
from mixtura.algorithms.source import Source
from mixtura.kernels import Kernels
from mixtura.kernels.incomplete_kmeans import CellTally
from mixtura.kernels.kmeans import Passes
from mixtura.model import CovarianceFloor, Mixture, Statistics, family_named, maximise
from mixtura.model.families.base import FloatArray

#: A component with less than this part of the weight that is remembered is dead.
DEAD = 1e-5


@dataclass(frozen=True, eq=False)
class Running:
    """What is kept of rows that are gone.

    Attributes
    ----------
    mixture : Mixture
        The parameters after the last chunk.
    statistics : Statistics
        Of all rows, each under the parameters of its time and with the weight that is left of
        it, about the means of ``mixture``.
    total : Statistics
        Those of the whole table as one component, of which nothing is forgotten.
    weight : float
        Sum of the weights of all rows.
    unit : float
        That of the rows that the stream began with.
    collapsed : ndarray of bool (k,)
        Components that are flat in a direction in which the table is not.
    loglik : float
        Log-likelihood of the last chunk under the parameters before it, in nats per row.
    """

    mixture: Mixture
    statistics: Statistics
    total: Statistics
    weight: float
    unit: float
    collapsed: NDArray[np.bool_]
    loglik: float = np.nan

    @classmethod
    def begin(cls, em: EM, mixture: Mixture) -> Running:
        """Return what is kept of the rows of a fit, under its parameters."""
        assert em.total is not None
        statistics, weight = expected(em, mixture), em.source.weight
        statistics = statistics.recentred(mixture.means)
        flat, loglik = collapsed_components(em, mixture), statistics.loglik / weight
        return cls(mixture, statistics, em.total, weight, weight, flat, loglik)

    @classmethod
    def settled(cls, mixture: Mixture, weight: float) -> Running:
        """Return what is kept of rows whose optimum is ``mixture`` (equation 68)."""
        family = family_named("full" if mixture.family.correlated else "diag")
        points, owners, weights = moment_points(mixture, weight)
        resp = np.eye(mixture.n_components)[owners]
        statistics = statistics_of(points, resp, weights, mixture.family)
        total = statistics_of(points, np.ones((len(points), 1)), weights, family)
        sound = np.zeros(mixture.n_components, dtype=np.bool_)
        statistics = statistics.recentred(mixture.means)
        return cls(mixture, statistics, total, weight, weight, sound)


def part_left(held: float, weight: float, unit: float, forget: float | None) -> float:
    """Return the part that is left of what rows still count as, ``held`` (equation 67).

    ``weight`` is that of all rows, ``unit`` that of those the stream began with.
    """
    if forget is None:
        return 1.0
    return min(1.0, unit ** (1.0 - forget) * weight**forget / held)


def moment_points(mixture: Mixture, weight: float) -> tuple[FloatArray, Any, FloatArray]:
    """Return few rows (2kd, d) that have the components' weights, means and covariances.

    With them come their components and their weights (2kd,), which sum to ``weight``.
    """
    k, d = mixture.means.shape
    roots = np.linalg.cholesky(mixture.family.full(mixture.covariances, k, d))
    apart = np.sqrt(d) * np.swapaxes(roots, 1, 2)
    points = mixture.means[:, None] + np.concatenate([apart, -apart], axis=1)
    weights = np.repeat(mixture.weights * weight / (2 * d), 2 * d)
    return points.reshape(-1, d), np.repeat(np.arange(k), 2 * d), weights


def expected(em: EM, mixture: Mixture) -> Statistics:
    """Return the statistics of a chunk alone, without the log-density of a prior.

    ``em.total`` is that of all chunks and cannot stand for the scatter of one.
    """
    return replace(em, total=None, prior=None).expect(mixture)


def with_rows(total: Statistics, source: Source, kernels: Kernels) -> Statistics:
    """Return the statistics of the whole table with those of a chunk.

    What its rows lack is expected under the table seen so far.
    """
    family, d = total.family, source.n_features
    covariances = family.pooled(np.eye(d), 1)
    if kernels.allows_missing:
        spread = family.full(family.maximised(total.second, total.support), 1, d)[0]
        floor = CovarianceFloor.relative_to(spread, total.centre[0])
        covariances = maximise(total, floor=floor).covariances
    table = Mixture(np.ones(1), total.centre, covariances, family.name)
    with np.errstate(over="ignore", invalid="ignore"):  # sums that overflow are no numbers
        total = total + EM(source, kernels, family).expect(table)
        mean = total.centre + total.first / np.where(total.support > 0, total.support, 1.0)
        return total.recentred(mean) if np.isfinite(mean).all() else total


def absorbed(running: Running, em: EM, forget: float | None) -> Running:
    """Return what is kept with a chunk in it, the source of ``em`` (equations 66 and 67).

    ``em.total`` is that of the whole table, with the chunk. A chunk that would make a component
    singular counts, but leaves the parameters as they are.
    """
    assert em.total is not None
    chunk, old = expected(em, running.mixture), running.statistics
    left = part_left(old.weight, running.weight, running.unit, forget)
    statistics, mixture = old.scaled(left) + chunk, running.mixture
    try:
        mixture = em.maximise(statistics, mixture)
        mixture.density  # noqa: B018 - raises where a component is singular
    except SingularCovarianceError:
        mixture = running.mixture
    statistics = statistics.recentred(mixture.means)
    if statistics.zeroth.min() < DEAD * statistics.weight:
        mixture, statistics = revived(em, mixture, statistics)
    weight = running.weight + em.source.weight
    flat, loglik = collapsed_components(em, mixture), chunk.loglik / em.source.weight
    return Running(mixture, statistics, em.total, weight, running.unit, flat, loglik)


def revived(em: EM, mixture: Mixture, statistics: Statistics) -> tuple[Mixture, Statistics]:
    """Move the emptiest component to the chunk's row of lowest density, if its likelihood rises.

    What it had is dropped, and it begins with the statistics of its new parameters.
    """
    likelihood = replace(em, prior=None)
    now = replace(statistics, loglik=expected(em, mixture).loglik)
    moved, _ = likelihood.reseeded(mixture, now)
    if moved is mixture:
        return mixture, statistics
    component = int(np.argmin(statistics.zeroth))
    share = float(moved.weights[component])
    statistics = without(statistics, component).scaled(1.0 - share)
    points, owners, weights = moment_points(moved, now.weight)
    own = owners == component
    resp = np.eye(moved.n_components)[owners[own]]
    added = statistics_of(points[own], resp, weights[own], mixture.family)
    return moved, (statistics + added).recentred(moved.means)


def without(statistics: Statistics, component: int) -> Statistics:
    """Return the statistics with those of one component set to zero, where they are its own."""
    kept = (np.arange(len(statistics.zeroth)) != component).astype(np.float64)
    second, cells = statistics.second, statistics.cells
    if not statistics.family.uses_total_scatter:  # that is one for all
        second = second * kept.reshape(-1, *[1] * (second.ndim - 1))
    return replace(
        statistics,
        zeroth=statistics.zeroth * kept,
        first=statistics.first * kept[:, None],
        second=second,
        cells=None if cells is None else cells * kept[:, None],
    )


@dataclass(frozen=True, eq=False)
class Clusters:
    """What k-means keeps of rows that are gone: the means (k, d) of their clusters, and weights.

    ``held`` (k, 1), or (k, d) where cells have been missing, is the weight that is left of each
    cluster's rows, ``kept`` that of all; ``weight`` and ``unit`` are as in ``Running``.
    """

    means: FloatArray
    held: FloatArray
    kept: float
    weight: float
    unit: float

    @classmethod
    def of(cls, centres: NDArray[Any], held: FloatArray, weight: float) -> Clusters:
        """Return the clusters of a fit to rows of that weight."""
        return cls(centres.astype(np.float64), held, weight, weight, weight)

    def tally(self, shift: NDArray[Any], left: float) -> CellTally:
        """Return the sums about ``shift`` of the part that is ``left`` of the rows."""
        held = left * self.held
        rows = np.count_nonzero(held, axis=1)
        return CellTally(held * (self.means - shift), held, rows, 0)


def held_by(labels: Any, rows: Any, weights: FloatArray | None, k: int) -> FloatArray:
    """Return the weights (k, 1) of clusters, or (k, d) of their cells where some are missing."""
    w = np.ones(len(labels)) if weights is None else weights
    observed = ~np.isnan(rows)
    columns = [np.ones(len(labels))] if observed.all() else observed.T
    held: FloatArray = np.stack([np.bincount(labels, w * each, k) for each in columns], axis=1)
    return held


def joined(
    clusters: Clusters, source: Source, passes: Passes, table: Any, forget: float | None
) -> Clusters:
    """Return the clusters with the rows of a chunk in them, a ``table`` (n, d) (equation 69).

    These change their clusters until they settle, or for a few passes.
    """
    left = part_left(clusters.kept, clusters.weight, clusters.unit, forget)
    before, new, k = clusters.tally(passes.shift, left), clusters.means, len(clusters.means)
    for _ in range(CHUNK_PASSES):
        passes.aim(new.astype(table.dtype))
        moved = source.map_parts(passes.assign).moved
        own = recount(source, passes, k)
        cells = CellTally(own.sums, own.weight.reshape(k, -1), own.rows, 0)
        tally = before + cells
        new = means(tally, clusters.means, passes.shift.astype(np.float64))
        if moved == 0:
            break
    kept = left * clusters.kept + source.weight
    held = tally.weight
    dead = np.flatnonzero(held.max(axis=1) < DEAD * kept)
    if len(dead):
        new, held = new.copy(), held.copy()
        far = source.map_parts(partial(farthest, len(dead), new, passes, own.rows)).numbers
        placed, rows = dead[: len(far)], table[far]
        new[placed] = np.where(np.isnan(rows), new[placed], rows)
        held[placed] = 0.0
    return Clusters(new, held, kept, clusters.weight + source.weight, clusters.unit)
