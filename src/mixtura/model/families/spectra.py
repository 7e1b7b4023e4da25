"""Variances along given axes: volumes and shapes that are equal or free (docs/guide, equation 37).

Each function takes the scatter (..., k, d) of every component along each axis, the weight
(..., k, d) it is the sum of, and variances (..., k, d) to go on from, if there are any. It returns
variances of maximum likelihood, zero where a component is flat; leading axes stand for models side
by side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixtura.model.families.base import FloatArray

#: Alternations between two kinds of parameters, at most, and the relative change that ends them.
SWEEPS, SETTLED = 200, 1e-12
TINY = float(np.finfo(np.float64).tiny)

Rule = Callable[[FloatArray, FloatArray, FloatArray | None, int | None], FloatArray]


def free(
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return variances of which each is its own."""
    return scatter / np.where(weight > 0, weight, 1.0)


def common(
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return the same variances for all components."""
    pooled = free(scatter.sum(axis=-2, keepdims=True), weight.sum(axis=-2, keepdims=True))
    return np.broadcast_to(pooled, scatter.shape)


def common_shape(
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return variances that are one shape (d,) times a volume of each component's own.

    The likelihood is concave in their logarithms, so that alternating finds its maximum.
    """
    volume = np.ones_like(scatter[..., :1]) if start is None else start[..., -1:]
    for _ in range(sweeps or SWEEPS):
        shape = common(scatter / np.maximum(volume, TINY), weight)
        spread = (scatter / np.maximum(shape, TINY)).sum(axis=-1, keepdims=True)
        volume, old = free(spread, weight.sum(axis=-1, keepdims=True)), volume
        if settled(volume, old):
            break
    return volume * shape


def common_volume(
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return variances of one geometric mean for all components, each with its own shape.

    Where axes of a component have different weights, the missing scatter is expected under the
    variances so far, in turn with them.
    """
    whole = weight.max(axis=-1, keepdims=True)
    missing = whole - weight
    if not missing.any():
        return of_one_volume(scatter, whole)
    variances = of_one_volume(free(scatter, weight) * whole, whole) if start is None else start
    for _ in range(sweeps or SWEEPS):
        variances, old = of_one_volume(scatter + missing * variances, whole), variances
        if settled(variances, old):
            break
    return variances


def of_one_volume(scatter: FloatArray, weight: FloatArray) -> FloatArray:
    """Return variances of one geometric mean for components of one weight (..., k, 1) each.

    Those of a component that is flat along an axis are zero.
    """
    with np.errstate(divide="ignore"):
        size = np.exp(np.log(scatter).mean(axis=-1, keepdims=True))
    volume = free(size.sum(axis=-2, keepdims=True), weight.sum(axis=-2, keepdims=True))
    return volume * (scatter / np.where(size > 0, size, np.inf))


def settled(new: FloatArray, old: FloatArray) -> bool:
    """Return whether no number has changed by more than a part in a thousand billion."""
    return bool((np.abs(new - old) <= SETTLED * np.abs(old)).all())
