"""What missing cells (NaN) are, given the observed ones (docs/guide, equations 32 to 34)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.incomplete import Part, correlated, independent, parts
from mixtura.model import Mixture
from mixtura.model.density import log_sum_exp
from mixtura.model.families.base import FloatArray, cholesky


def expected(block: NDArray[Any], mixture: Mixture) -> NDArray[Any]:
    """Return the block (b, d) with its missing cells at their means (equation 32)."""
    filled = block.copy()
    for part in parts(block, mixture):
        _fill(filled, part, _means(part, mixture)[0])
    return filled


def expected_with_deviations(
    block: NDArray[Any], mixture: Mixture
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ``expected`` and the standard deviations (b, d), 0 where observed (equation 33)."""
    filled, deviations = block.copy(), np.zeros_like(block)
    for part in parts(block, mixture):
        mean, resp, apart = _means(part, mixture)
        _fill(filled, part, mean)
        between = np.einsum("kb,kbd->bd", resp, apart * apart)
        variances = between + _within(part, resp, mixture)
        deviations[part.numbers] = np.where(part.observed, 0.0, np.sqrt(variances))
    return filled, deviations


def drawn(
    block: NDArray[Any], mixture: Mixture, uniform: FloatArray, normal: FloatArray
) -> NDArray[Any]:
    """Return the block (b, d) with its missing cells drawn (equation 34).

    ``uniform`` (b,) picks the components and ``normal`` (b, d), of standard normal numbers, the
    cells, so that a row's draw does not depend on the rows beside it.
    """
    filled = block.copy()
    k, d = mixture.means.shape
    roots = cholesky(mixture.family.full(mixture.covariances, k, d))
    find = correlated if mixture.family.correlated else independent
    for part in parts(block, mixture):
        rows = np.arange(len(part.numbers))
        resp = log_sum_exp(np, part.joint)[1]
        passed = np.cumsum(resp, axis=0) <= uniform[part.numbers] * resp.sum(axis=0)
        component = np.minimum(passed.sum(axis=0), k - 1)
        # A whole row less what its own observed cells tell of it has the right covariance.
        free = np.empty(part.observed.shape)
        for j in range(k):
            own = component == j
            free[own] = normal[part.numbers[own]] @ roots[j].T
        simulated = np.where(part.observed, free + mixture.means[component], np.nan)
        told = find(rows, simulated, part.observed, mixture).centred[component, rows]
        mean = mixture.means[component] + part.centred[component, rows]
        _fill(filled, part, mean + free - told)
    return filled


def _fill(filled: NDArray[Any], part: Part, values: FloatArray) -> None:
    """Write values (b, d) into the missing cells of a part's rows."""
    filled[part.numbers] = np.where(part.observed, filled[part.numbers], values)


def _means(part: Part, mixture: Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the means (b, d), the responsibilities (k, b) and how far components are (k, b, d)."""
    resp = log_sum_exp(np, part.joint)[1]
    each = mixture.means[:, None, :] + part.centred
    mean = np.einsum("kb,kbd->bd", resp, each)
    return mean, resp, each - mean


def _within(part: Part, resp: FloatArray, mixture: Mixture) -> FloatArray:
    """Return the variances (b, d) of missing cells within components, over these."""
    if not mixture.family.correlated:
        return resp.T @ part.covariances
    variances = part.covariances.diagonal(axis1=2, axis2=3)  # (g, k or 1, d)
    within = np.zeros(part.observed.shape)
    for j, shares in enumerate(resp):
        within += shares[:, None] * variances[part.pattern, j % variances.shape[1]]
    return np.maximum(within, 0.0)
