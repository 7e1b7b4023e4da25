"""Variances along given axes: volumes and shapes that are equal or free (docs/guide, equation 40).

Each function takes the scatter (..., k, d) of every component along each axis, the weight
(..., k, d) it is the sum of, and variances (..., k, d) to go on from, if there are any. It returns
variances of maximum likelihood; leading axes stand for models side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixtura.model.families.base import FloatArray

#: Alternations between two kinds of parameters, at most, and the relative change that ends them.
SWEEPS, SETTLED = 200, 1e-12
#: Smallest scatter of an axis relative to the largest: below, products of them would vanish.
TINY = 1e-30

Rule = Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray]


def free(scatter: FloatArray, weight: FloatArray, start: FloatArray | None = None) -> FloatArray:
    """Return variances of which each is its own."""
    return scatter / np.where(weight > 0, weight, 1.0)


def common(scatter: FloatArray, weight: FloatArray, start: FloatArray | None = None) -> FloatArray:
    """Return the same variances for all components."""
    pooled = free(scatter.sum(axis=-2, keepdims=True), weight.sum(axis=-2, keepdims=True))
    return np.broadcast_to(pooled, scatter.shape)


def common_shape(
    scatter: FloatArray, weight: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """Return variances that are one shape (d,) times a volume of each component's own.

    The likelihood is concave in their logarithms, so that alternating finds its maximum.
    """
    volume = geometric_mean(free(scatter, weight) if start is None else start)
    tiny = np.finfo(np.float64).tiny
    for _ in range(SWEEPS):
        shape = np.maximum(common(scatter / volume, weight)[..., :1, :], tiny)
        new = (scatter / shape).sum(axis=-1, keepdims=True) / np.maximum(
            weight.sum(axis=-1, keepdims=True), tiny
        )
        new = np.where(new > 0, new, volume)
        change = np.abs(np.log(new / volume)).max()
        volume = new
        if change <= SETTLED:
            break
    return volume * shape


def common_volume(
    scatter: FloatArray, weight: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """Return variances of one geometric mean for all components, each with its own shape.

    Where axes of a component have different weights, the missing scatter is expected under the
    variances so far, in turn with them.
    """
    whole = weight.max(axis=-1, keepdims=True)
    missing = whole - weight
    if not missing.any():
        return of_one_volume(scatter, whole)
    variances = of_one_volume(free(scatter, weight), 1.0 + 0.0 * whole) if start is None else start
    for _ in range(SWEEPS):
        new = of_one_volume(scatter + missing * variances, whole)
        change = np.abs(np.log(new / variances)).max()
        variances = new
        if change <= SETTLED:
            break
    return variances


def of_one_volume(scatter: FloatArray, weight: FloatArray) -> FloatArray:
    """Return variances of one geometric mean for components of one weight (..., k, 1) each."""
    size = geometric_mean(scatter)
    volume = free(
        np.where(weight > 0, size, 0.0).sum(axis=-2, keepdims=True),
        weight.sum(axis=-2, keepdims=True),
    )
    return volume * np.maximum(scatter, TINY * scatter.max(axis=-1, keepdims=True)) / size


def geometric_mean(variances: FloatArray) -> FloatArray:
    """Return geometric means over the last axis, which stays; 1 where all are zero."""
    largest = variances.max(axis=-1, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)
    relative = np.where(largest > 0, variances / largest, 1.0)
    logs = np.log(np.maximum(relative, TINY)).mean(axis=-1, keepdims=True)
    return np.where(variances.max(axis=-1, keepdims=True) > 0, largest * np.exp(logs), 1.0)
