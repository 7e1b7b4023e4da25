"""Statistics of rows under responsibilities that are given, not computed."""

from __future__ import annotations

import numpy as np

from mixtura.algorithms.total import observed_means
from mixtura.kernels import array_api, incomplete
from mixtura.model import Family, Mixture, Statistics, family_named
from mixtura.model.families.base import FloatArray


def statistics_of(
    rows: FloatArray,
    resp: FloatArray,
    weights: FloatArray | None,
    family: Family,
    previous: Mixture | None = None,
) -> Statistics:
    """Return the statistics of rows under given responsibilities (n, k).

    What rows lack is expected under ``previous`` or, without that, under components whose means
    are those of the observed cells and whose columns are not correlated.
    """
    weighted = resp if weights is None else resp * weights[:, None]
    if np.isnan(rows).any():
        return of_incomplete(rows, weighted, weights, family, previous)
    zeroth = weighted.sum(axis=0)
    # Far from the origin, rows about one of them that counts keep their digits.
    origin = rows[0 if weights is None else np.argmax(weights)]
    shift = (weighted.T @ (rows - origin)) / np.where(zeroth > 0, zeroth, 1.0)[:, None]
    return array_api.moments(rows, resp, weights, origin + shift, family)


def of_incomplete(
    rows: FloatArray,
    weighted: FloatArray,
    weights: FloatArray | None,
    family: Family,
    previous: Mixture | None,
) -> Statistics:
    """Return the statistics of rows of which cells are missing (NaN)."""
    if previous is None or not family.correlated:
        about = about_observed(rows, weighted, weights)
        if family.correlated:
            about = uncorrelated(about, rows, weighted, family)
        else:
            units = np.ones(family.covariance_shape(*about.means.shape))
            about = Mixture(about.weights, about.means, units, family.name)
    else:
        about = previous
    total = Statistics.zeros(family, about.means)
    for part in incomplete.parts(rows, about):
        weight = len(part.numbers) if weights is None else weights[part.numbers].sum()
        resp = weighted[part.numbers].T
        total += incomplete.moments(part, resp, np.nan, float(weight), about)
    return total


def about_observed(rows: FloatArray, weighted: FloatArray, weights: FloatArray | None) -> Mixture:
    """Return components of unit variances about the means of their observed cells."""
    k = weighted.shape[1]
    origin = observed_means(rows, weights)
    observed = ~np.isnan(rows)
    cells = weighted.T @ observed
    shift = weighted.T @ np.where(observed, rows - origin, 0.0) / np.where(cells > 0, cells, 1.0)
    return Mixture(np.full(k, 1.0 / k), origin + shift, np.ones_like(shift), "diag")


def uncorrelated(about: Mixture, rows: FloatArray, weighted: FloatArray, family: Family) -> Mixture:
    """Return components of a family that correlates columns, each with the pooled variances."""
    diag = family_named("diag")
    total = Statistics.zeros(diag, about.means)
    for part in incomplete.parts(rows, about):
        total += incomplete.moments(part, weighted[part.numbers].T, np.nan, 0.0, about)
    support = total.support.sum(axis=0)
    variances = total.second.sum(axis=0) / np.where(support > 0, support, 1.0)
    pooled = np.diag(np.where(variances > 0, variances, 1.0))
    covariances = family.pooled(pooled, about.n_components)
    return Mixture(about.weights, about.means, covariances, family.name)
