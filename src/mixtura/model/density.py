"""Log-densities of rows on any array-API namespace (docs/guide, equations 1 to 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.model.families import Family
from mixtura.model.families.base import FloatArray

#: Smallest log-joint density: below it numbers overflow on the way, and a row is equally unlikely
#: under every component.
LOWEST = -1e300
#: Doubles that a temporary of a blocked computation may hold (512 KiB stays in cache).
BLOCK_DOUBLES = 65_536


@dataclass(frozen=True, eq=False)
class Density:
    """A mixture as its density needs it.

    Attributes
    ----------
    family : Family
        The covariance structure.
    means : ndarray (k, d)
        Component means.
    factor : ndarray
        Square roots of the precisions, in the family's shape.
    offsets : ndarray (k,)
        ``log weight - (d log 2 pi + log det covariance) / 2``.
    """

    family: Family
    means: FloatArray
    factor: FloatArray
    offsets: FloatArray

    @classmethod
    def of(
        cls, family: Family, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> Density:
        """Factorise the covariances once, for any number of rows."""
        k, d = means.shape
        factor, log_det = family.factor(covariances, k, d)
        with np.errstate(divide="ignore"):  # a component of weight zero has density zero
            log_weights = np.log(weights)
        return cls(family, means, factor, log_weights - 0.5 * (d * np.log(2.0 * np.pi) + log_det))


def block_slices(n: int, k: int, d: int) -> Iterator[slice]:
    """Yield row ranges whose (k, rows, d) temporaries stay in cache."""
    step = max(1, BLOCK_DOUBLES // (k * (d + 4)))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def log_joint(xp: Any, density: Density, block: Any, arrays: tuple[Any, Any, Any]) -> Any:
    """Return log(weight * density) (k, b) of a block of rows (b, d).

    ``arrays`` are the density's means, factor and offsets on ``block``'s namespace and device.
    """
    means, factor, offsets = arrays
    with np.errstate(over="ignore", invalid="ignore"):
        squared = density.family.mahalanobis(xp, block, means, factor)
        joint = offsets[:, None] - 0.5 * squared
        return xp.where(joint > LOWEST, joint, xp.full_like(joint, LOWEST))


def log_sum_exp(xp: Any, joint: Any) -> tuple[Any, Any]:
    """Return log-sum-exp over components (b,) and the responsibilities (k, b) of ``joint``."""
    top = xp.max(joint, axis=0)
    resp = xp.exp(joint - top)
    total = xp.sum(resp, axis=0)
    return top + xp.log(total), resp / total
