"""Covariances whose eigenvalues are within a ratio of each other (docs/guide, equation 40)."""

from __future__ import annotations

import numpy as np

from mixtura.model.families import Family
from mixtura.model.families.base import FloatArray


def bounded(
    family: Family, covariances: FloatArray, support: FloatArray, ratio: float
) -> FloatArray:
    """Return the maximum-likelihood covariances with eigenvalues within ``ratio`` of each other.

    That is of the largest of all components and the smallest. ``covariances`` are those without
    the bound, over rows of summed weight ``support`` (k, d).
    """
    k, d = support.shape
    if not family.correlated:
        values = covariances
        weights = support if values.ndim == 2 else support.mean(axis=1)
        return truncated(values, weights, ratio)
    values, axes = np.linalg.eigh(covariances)
    weights = np.broadcast_to(support[:, :1], (k, d)) if values.ndim == 2 else support.sum(axis=0)
    changed = truncated(np.maximum(values, 0.0), weights, ratio)
    if (changed == values).all():
        return covariances
    return (axes * changed[..., None, :]) @ np.swapaxes(axes, -1, -2)


def truncated(values: FloatArray, weights: FloatArray, ratio: float) -> FloatArray:
    """Return ``values`` moved into the interval [m, ratio m] of the highest likelihood.

    Fritz, Garcia-Escudero & Mayo-Iscar (2013), doi:10.1016/j.csda.2012.11.018.
    """
    counted = values[weights > 0]
    if values.max() <= ratio * values.min() or not counted.any():
        return values
    return np.clip(values, *interval(counted, weights[weights > 0], ratio))


def interval(values: FloatArray, weights: FloatArray, ratio: float) -> tuple[float, float]:
    """Return the ends of the best interval for positive ``weights`` of ``values``.

    Between two neighbours of the values and the values over the ratio, the same ones are outside
    wherever the interval begins, and where it is best is known: few are left to compare.
    """
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    ends = np.unique(np.concatenate([values, values / ratio]))
    inner = 0.5 * (ends[1:] + ends[:-1])
    below = np.searchsorted(values, inner)
    above = np.searchsorted(values, ratio * inner)
    logs = np.log(np.maximum(values, np.finfo(np.float64).tiny))  # zeros are always below
    mass, spread, within = (
        np.concatenate([[0.0], np.cumsum(each)])
        for each in (weights, weights * values, weights * (logs + 1.0))
    )
    high = mass[-1] - mass[above]
    outside = mass[below] + high
    pull = spread[below] + (spread[-1] - spread[above]) / ratio
    low = np.clip(pull / np.where(outside > 0, outside, np.inf), ends[:-1], ends[1:])
    low = np.maximum(low, np.finfo(np.float64).tiny)
    deviance = outside * np.log(low) + high * np.log(ratio) + pull / low
    deviance += within[above] - within[below]
    best = low[np.argmin(deviance)]
    return best, ratio * best
