"""One orientation for all components, by rotations in planes (docs/guide, equation 38)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.model.families.spectra import TINY, Rule

#: Sweeps over all planes, at most, and the gain per unit of weight that ends them.
SWEEPS, SETTLED = 100, 1e-10
#: Smallest variance relative to the largest that is divided by.
FLAT = 1e-30
#: Mixes matrices so that axes which they share stay apart: powers of an irrational number.
MIXING = 0.6180339887498949


def with_common_axes(
    scatter: FloatArray,
    weight: FloatArray,
    rule: Rule,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return covariances (..., k, d, d) of one orientation, whose variances along it obey a rule.

    ``scatter`` is (..., k, d, d) and ``weight`` (..., k). From covariances to go on from, no
    step lowers the likelihood; without, the best of several orientations is gone on from. The
    likelihood may have more than one maximum.
    """
    along = np.repeat(weight[..., None], scatter.shape[-1], axis=-1)
    if start is None:
        axes, variances = best_axes(scatter, along, rule)
    else:
        axes = axes_of(start)
        variances = rule(spectrum(scatter, axes), along, spectrum(start, axes), sweeps)
    value = deviance(spectrum(scatter, axes), along, variances)
    for _ in range(sweeps or SWEEPS):
        axes = rotated(scatter, variances, axes)
        spread = spectrum(scatter, axes)
        variances = rule(spread, along, variances, sweeps)
        new = deviance(spread, along, variances)
        with np.errstate(invalid="ignore"):  # infinite where a component is flat
            gains = (value - new > SETTLED * weight.sum(axis=-1)).any()
        value = new
        if not gains:
            break
    scaled = axes[..., None, :, :] * variances[..., None, :]
    return scaled @ np.swapaxes(axes, -1, -2)[..., None, :, :]


def spectrum(matrices: FloatArray, axes: FloatArray) -> FloatArray:
    """Return the diagonals (..., k, d) of matrices (..., k, d, d) along axes (..., d, d)."""
    along = axes[..., None, :, :]
    return np.maximum(((matrices @ along) * along).sum(axis=-2), 0.0)


def axes_of(covariances: FloatArray) -> FloatArray:
    """Return the axes (..., d, d) that covariances (..., k, d, d) of one orientation share."""
    powers = MIXING ** np.arange(covariances.shape[-3])
    traces = np.maximum(np.trace(covariances, axis1=-2, axis2=-1), TINY)
    mixed = (covariances * (powers / traces)[..., None, None]).sum(axis=-3)
    return np.linalg.eigh(mixed)[1]


def best_axes(scatter: FloatArray, along: FloatArray, rule: Rule) -> tuple[FloatArray, FloatArray]:
    """Return the best axes, of the pooled scatter or a component's, and variances along them."""
    pooled = scatter.sum(axis=-3, keepdims=True)
    candidates = np.linalg.eigh(np.concatenate([pooled, scatter], axis=-3))[1]
    best: tuple[FloatArray, FloatArray, FloatArray] | None = None
    for number in range(candidates.shape[-3]):
        axes = candidates[..., number, :, :]
        spread = spectrum(scatter, axes)
        variances = rule(spread, along, None, None)
        value = deviance(spread, along, variances)
        if best is None:
            best = axes, variances, value
            continue
        better = value < best[2]
        best = (
            np.where(better[..., None, None], axes, best[0]),
            np.where(better[..., None, None], variances, best[1]),
            np.where(better, value, best[2]),
        )
    assert best is not None
    return best[:2]


def deviance(scatter: FloatArray, weight: FloatArray, variances: FloatArray) -> FloatArray:
    """Return twice the negative log-likelihood (...,) that variances along axes have."""
    safe = lifted(variances)
    with np.errstate(over="ignore"):  # nothing is likely under variances of zero
        return (weight * np.log(safe) + scatter / safe).sum(axis=(-2, -1))


def lifted(variances: FloatArray) -> FloatArray:
    """Return variances (..., k, d) that can be divided by, changed only far below rounding."""
    return np.maximum(variances, FLAT * variances.max(axis=(-2, -1), keepdims=True) + TINY)


def rotated(scatter: FloatArray, variances: FloatArray, axes: FloatArray) -> FloatArray:
    """Return axes that are better, or as good, in every plane of two of them.

    For given variances, what a rotation in a plane gains is a quadratic form in its cosine and
    sine, so that the best is an eigenvector of two rows and columns. Planes without an axis in
    common do not disturb each other and are turned together.
    """
    turned = np.swapaxes(axes, -1, -2)[..., None, :, :] @ scatter @ axes[..., None, :, :]
    axes = axes.copy()
    inverse = 1.0 / lifted(variances)
    for p, q in rounds(axes.shape[-1]):
        weight = inverse[..., p] - inverse[..., q]
        difference = (weight * (turned[..., q, q] - turned[..., p, p])).sum(axis=-2)
        cross = (weight * turned[..., p, q]).sum(axis=-2)
        angle = 0.5 * np.arctan2(-2.0 * cross, difference)
        cosine, sine = np.cos(angle)[..., None, :], np.sin(angle)[..., None, :]
        turn_columns(axes, p, q, cosine, sine)
        turn_columns(turned, p, q, cosine[..., None, :, :], sine[..., None, :, :])
        turn_columns(
            np.swapaxes(turned, -1, -2), p, q, cosine[..., None, :, :], sine[..., None, :, :]
        )
    return axes


def turn_columns(
    matrices: FloatArray,
    p: NDArray[np.intp],
    q: NDArray[np.intp],
    cosine: FloatArray,
    sine: FloatArray,
) -> None:
    """Rotate pairs of columns in place."""
    first, second = matrices[..., p], matrices[..., q]
    matrices[..., p] = cosine * first + sine * second
    matrices[..., q] = cosine * second - sine * first


@lru_cache(maxsize=64)
def rounds(d: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return all pairs of d axes, in rounds in which every axis is met once at most."""
    players, found = list(range(d + d % 2)), []
    for _ in range(len(players) - 1 if d > 1 else 0):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        first, second = np.array([pair for pair in pairs if max(pair) < d]).T
        found.append((first, second))
        players = [players[0], players[-1], *players[1:-1]]
    return found
