"""The smallest covariance that a fit may reach (docs/guide, equation 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

#: Smallest variance of a component relative to that of the whole table, in any direction.
RELATIVE_FLOOR = 1e-8
#: Directions in which the whole table varies less than this, relative to its columns' own
#: variances, count as constant: being flat there is no sign of a collapsed component.
FLAT = 1e-10
#: Part of the columns' own variances added to the table's covariance in every direction, so that
#: a covariance on the floor has a Cholesky factor in double precision where columns repeat.
LIFT = 1e-4


@dataclass(frozen=True)
class CovarianceFloor:
    """A lower bound for covariances, in the sense of positive semi-definite matrices.

    Attributes
    ----------
    matrix : ndarray (d, d)
        Every covariance C satisfies ``C - matrix >= 0``.
    whitener : ndarray (d, m)
        Columns span the directions in which the table varies; ``V' C V`` is C in units of the
        floor there. m < d where columns are constant or repeat each other.
    """

    matrix: FloatArray
    whitener: FloatArray

    @classmethod
    def isotropic(cls, variance: float, n_features: int) -> CovarianceFloor:
        """Return the floor that is ``variance`` in every direction."""
        eye = np.eye(n_features)
        return cls(variance * eye, eye / np.sqrt(variance))

    @classmethod
    def relative_to(
        cls, total: FloatArray, location: FloatArray, ratio: float = RELATIVE_FLOOR
    ) -> CovarianceFloor:
        """Return the floor ``ratio * total`` made positive definite.

        ``total`` (d, d) is the covariance of the whole table and ``location`` (d,) its mean.
        Columns that do not vary take their own magnitude (or 1) as scale, so that a constant
        column never makes a covariance singular.
        """
        variances = np.diag(total)
        smallest = np.finfo(np.float64).tiny / ratio**2  # below, precisions would overflow
        squared = np.minimum(np.abs(location), 1e150) ** 2  # must not overflow either
        magnitude = np.where(squared < smallest, 1.0, squared)
        # A spread below the rounding of the column's own numbers is no spread.
        flat = variances <= squared * (64 * np.finfo(np.float64).eps) ** 2
        flat |= variances < smallest
        scale = np.sqrt(np.where(flat, magnitude, variances))
        correlation = total / scale / scale[:, None]
        correlation[flat, :] = 0.0
        correlation[:, flat] = 0.0
        values, vectors = np.linalg.eigh(correlation)
        varies = values > FLAT
        lifted = correlation + np.diag(np.where(flat, 1.0, 0.0)) + LIFT * np.eye(len(scale))
        matrix = ratio * lifted * scale * scale[:, None]
        whitener = vectors[:, varies] / np.sqrt(ratio * (values[varies] + LIFT)) / scale[:, None]
        return cls(matrix, whitener)
