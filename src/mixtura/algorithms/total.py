"""The whole table as one component: where it is, and how it varies."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.source import Source
from mixtura.kernels import Kernels
from mixtura.model import (
    CovarianceFloor,
    Family,
    Mixture,
    Statistics,
    family_named,
    maximise,
)
from mixtura.model.families.base import FloatArray

#: Rows whose mean stands for the table's before the first pass.
PILOT_ROWS = 1000
#: Rows, at least and per column, that the correlations of an incomplete table are estimated from,
#: the most updates of EM for them, and the gain per unit of weight at which they have settled.
CORRELATION_ROWS, ROWS_PER_COLUMN = 2000, 20
CORRELATION_UPDATES, SETTLED = 20, 1e-3


def total_statistics(source: Source, kernels: Kernels, family: Family) -> Statistics:
    """Return the whole table's statistics as those of one component, about its own mean.

    Of an incomplete table they are those of its observed cells, with correlations of maximum
    likelihood on a sample where the family has any.
    """
    rows, weights = source.sample_rows(PILOT_ROWS, np.random.default_rng(0))
    shape = family_named("full" if family.correlated else "diag")
    pilot_shape = family_named("diag") if kernels.allows_missing else shape
    unit = pilot_shape.pooled(np.eye(source.n_features), 1)
    with np.errstate(over="ignore", invalid="ignore"):  # sums that overflow are no numbers
        centre = observed_means(np.asarray(rows, dtype=np.float64), weights)
        centre = np.where(np.isfinite(centre), centre, 0.0)
        pilot = Mixture(np.ones(1), centre[None], unit, pilot_shape.name)
        total = source.map_reduce(partial(_expect_block, kernels, pilot))
        mean = total.centre + total.first / np.where(total.support > 0, total.support, 1.0)
        total = total.recentred(mean)
        if pilot_shape == shape or not (
            np.isfinite(total.second).all() and np.isfinite(mean).all()
        ):
            return total
    return with_correlations(total, source, kernels)


def _expect_block(
    kernels: Kernels, mixture: Mixture, rows: Any, weights: FloatArray | None
) -> Statistics:
    return kernels.expect(rows, weights, mixture)


def observed_means(rows: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return the means (d,) of the observed cells of rows (n, d); 0 where there are none."""
    if not np.isnan(rows).any():
        return np.average(rows, axis=0, weights=weights)
    observed = ~np.isnan(rows)
    weight = observed * (1.0 if weights is None else weights[:, None])
    total = weight.sum(axis=0)
    means: FloatArray = np.where(observed, rows * weight, 0.0).sum(axis=0)
    return means / np.where(total > 0, total, 1.0)


def with_correlations(total: Statistics, source: Source, kernels: Kernels) -> Statistics:
    """Return the statistics of full covariances for those of variances, from a sample."""
    d = source.n_features
    n = max(CORRELATION_ROWS, ROWS_PER_COLUMN * d)
    rows, weights = source.sample_rows(n, np.random.default_rng(0))
    variances = covariance_of(total).diagonal()
    scale = np.sqrt(np.where(variances > 0, variances, 1.0))
    floor = CovarianceFloor.relative_to(np.diag(variances), total.centre[0])
    start = family_named("full").floored(np.diag(variances)[None], floor)
    mixture, loglik = Mixture(np.ones(1), total.centre, start, "full"), -np.inf
    for _ in range(CORRELATION_UPDATES):
        try:
            statistics = kernels.expect(rows, weights, mixture)
            mixture = maximise(statistics, floor=floor, previous=mixture)
        except SingularCovarianceError:  # rounding; what there is will do
            break
        settled = statistics.loglik - loglik < SETTLED * statistics.weight
        loglik = statistics.loglik
        if settled:
            break
    roots = np.sqrt(mixture.covariances[0].diagonal())
    covariance = mixture.covariances[0] / roots / roots[:, None] * scale * scale[:, None]
    covariance[variances <= 0] = 0.0
    covariance[:, variances <= 0] = 0.0
    second = (covariance * total.zeroth[0])[None]
    zero = np.zeros_like(total.centre)
    return Statistics(
        family_named("full"), np.nan, total.weight, total.zeroth, zero, second, total.centre
    )


def covariance_of(total: Statistics) -> FloatArray:
    """Return the covariance matrix (d, d) of the whole table."""
    covariances = total.family.maximised(total.second, total.support)
    return total.family.full(covariances, *total.centre.shape)[0]
