"""The E-step in blocks on any array-API namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from mixtura.model import Family, Mixture, Statistics
from mixtura.model.density import block_slices, log_joint, log_sum_exp
from mixtura.model.families.base import FloatArray

name = "numpy"
compiled = False
allows_missing = False


def expect(block: Any, sample_weight: Any, mixture: Mixture, scatter: bool = True) -> Statistics:
    """Return the statistics of a block (docs/guide, equation 4)."""
    xp, arrays = _prepared(block, mixture)
    k, d = mixture.means.shape
    statistics = Statistics.zeros(mixture.family, mixture.means)
    for part in block_slices(block.shape[0], k, d):
        rows = xp.astype(block[part, :], xp.float64, copy=False)
        density, resp = log_sum_exp(xp, log_joint(xp, mixture.density, rows, arrays))
        weight = float(rows.shape[0])
        if sample_weight is not None:
            weights = sample_weight[part]
            density, resp, weight = density * weights, resp * weights, float(xp.sum(weights))
        first, second = mixture.family.moments(xp, rows, arrays[0], resp, scatter)
        moments = (_host(xp.sum(resp, axis=1)), _host(first), _host(second))
        loglik = float(xp.sum(density))
        statistics += Statistics(mixture.family, loglik, weight, *moments, mixture.means)
    return statistics


def moments(
    rows: Any, resp: Any, sample_weight: Any, centre: FloatArray, family: Family
) -> Statistics:
    """Return the statistics of rows (n, d) under given responsibilities (n, k), about ``centre``.

    There is no mixture yet, so the log-likelihood is NaN.
    """
    xp, (k, d) = array_namespace(rows), centre.shape
    points = centre if isinstance(rows, np.ndarray) else xp.asarray(centre, device=device(rows))
    statistics = Statistics.zeros(family, centre)
    for part in block_slices(rows.shape[0], k, d):
        block = xp.astype(rows[part, :], xp.float64, copy=False)
        weighted = xp.matrix_transpose(resp[part, :])
        weight = float(block.shape[0])
        if sample_weight is not None:
            weighted, weight = weighted * sample_weight[part], float(xp.sum(sample_weight[part]))
        first, second = family.moments(xp, block, points, weighted, True)
        sums = (_host(xp.sum(weighted, axis=1)), _host(first), _host(second))
        statistics += Statistics(family, np.nan, weight, *sums, centre)
    return statistics


def responsibilities(block: Any, mixture: Mixture) -> Any:
    """Return the responsibilities (b, k)."""
    xp, joints = _joints(block, mixture)
    return xp.concat([xp.matrix_transpose(log_sum_exp(xp, joint)[1]) for joint in joints], axis=0)


def log_prob(block: Any, mixture: Mixture) -> Any:
    """Return the log-density (b,) of each row, in nats."""
    xp, joints = _joints(block, mixture)
    return xp.concat([log_sum_exp(xp, joint)[0] for joint in joints])


def labels(block: Any, mixture: Mixture) -> Any:
    """Return the most probable component (b,) of each row."""
    xp, joints = _joints(block, mixture)
    return xp.concat([xp.argmax(joint, axis=0) for joint in joints])


def _joints(block: Any, mixture: Mixture) -> tuple[Any, Any]:
    """Return the namespace of ``block`` and a generator of its log-joint densities."""
    xp, arrays = _prepared(block, mixture)
    k, d = mixture.means.shape

    def joints() -> Any:
        for part in block_slices(block.shape[0], k, d):
            rows = xp.astype(block[part, :], xp.float64, copy=False)
            yield log_joint(xp, mixture.density, rows, arrays)

    return xp, joints()


def _prepared(block: Any, mixture: Mixture) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return the namespace of ``block`` and the mixture's arrays there."""
    xp, density = array_namespace(block), mixture.density
    parameters = (density.means, density.factor, density.offsets)
    if isinstance(block, np.ndarray):
        return xp, parameters
    means, factor, offsets = (xp.asarray(a, device=device(block)) for a in parameters)
    return xp, (means, factor, offsets)


def _host(array: Any) -> FloatArray:
    """Return a small array as NumPy's, whatever device it is on."""
    if isinstance(array, np.ndarray):
        return array
    return np.asarray(np.from_dlpack(array), dtype=np.float64)
