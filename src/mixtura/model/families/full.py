"""Each component has a covariance matrix of its own (docs/guide, equation 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from mixtura.model.families.base import Family, FloatArray, cholesky
from mixtura.model.floor import CovarianceFloor


class Full(Family):
    """Covariances (k, d, d); mclust calls this structure VVV."""

    name = form = "full"
    correlated = True

    def covariance_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d, d)

    def n_covariance_parameters(self, k: int, d: int) -> int:
        return k * d * (d + 1) // 2

    def factor(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        lower = cholesky(covariances)
        log_det = 2.0 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        return inverse_lower(lower), log_det

    def mahalanobis(self, xp: Any, block: Any, means: Any, factor: Any) -> Any:
        whitened = (block[None, :, :] - means[:, None, :]) @ xp.matrix_transpose(factor)
        return xp.sum(whitened * whitened, axis=-1)

    def moments(self, xp: Any, block: Any, means: Any, resp: Any, scatter: bool) -> tuple[Any, Any]:
        centred = block[None, :, :] - means[:, None, :]
        weighted = xp.matrix_transpose(centred * resp[:, :, None])
        return xp.sum(weighted, axis=-1), weighted @ centred

    def recentred(
        self, second: FloatArray, support: FloatArray, first: FloatArray, shift: FloatArray
    ) -> FloatArray:
        cross = first[:, :, None] * shift[:, None, :]
        square = shift[:, :, None] * shift[:, None, :]
        return second - cross - cross.transpose(0, 2, 1) + support[:, :1, None] * square

    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        covariances = second / np.where(support > 0, support, 1.0)[:, :1, None]
        return 0.5 * (covariances + covariances.transpose(0, 2, 1))

    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        return np.where(support[:, :1, None] > 0, covariances, previous)

    def marginal(self, covariances: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        return covariances[:, columns[:, None], columns]

    def conditional(
        self, covariances: FloatArray, known: NDArray[np.intp], unknown: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray]:
        return conditional(covariances, known, unknown)

    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        try:
            np.linalg.cholesky(covariances - floor.matrix)
        except np.linalg.LinAlgError:
            return clipped(covariances, floor)
        return covariances

    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        return covariances + amount * np.eye(covariances.shape[-1])

    def relative_scales(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        if floor.whitener.shape[1] == 0:
            return np.full(len(covariances), np.inf)
        return np.linalg.eigvalsh(floor.whitener.T @ covariances @ floor.whitener)[:, 0]

    def full(self, covariances: FloatArray, k: int, d: int) -> FloatArray:
        return covariances

    def precisions(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        upper = self.factor(covariances, k, d)[0].transpose(0, 2, 1)
        return upper @ upper.transpose(0, 2, 1), upper

    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        inverse = inverse_lower(cholesky(precisions, "precisions"))
        return inverse.transpose(0, 2, 1) @ inverse

    def pooled(self, total: FloatArray, k: int) -> FloatArray:
        return np.repeat(total[None], k, axis=0)


def inverse_lower(lower: FloatArray) -> FloatArray:
    """Return the inverses of lower triangular matrices (k, d, d)."""
    if lower.shape[-1] <= 4:  # one stacked call beats k LAPACK calls on small matrices
        return np.tril(np.linalg.inv(lower))
    return np.stack([np.tril(dtrtri(matrix, lower=1)[0]) for matrix in lower])


def conditional(
    matrices: FloatArray, known: NDArray[np.intp], unknown: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return covariances (k, u, u) of columns given others, and the maps (k, u, o) of their means.

    With W' W the precision of the known columns and C their covariances with the unknown ones,
    the map is C W' W and the covariance is reduced by C W' (C W')' (docs/guide, equation 23).
    """
    root = inverse_lower(cholesky(matrices[:, known[:, None], known]))
    explained = matrices[:, unknown[:, None], known] @ root.transpose(0, 2, 1)
    reduced = explained @ explained.transpose(0, 2, 1)
    return matrices[:, unknown[:, None], unknown] - reduced, explained @ root


def clipped(covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
    """Return covariances (k, d, d) whose eigenvalues in units of the floor are at least 1.

    This is the maximum-likelihood covariance under the constraint (docs/guide, equation 9).
    """
    root = np.linalg.cholesky(floor.matrix)
    inverse = inverse_lower(root[None])[0]
    values, vectors = np.linalg.eigh(inverse @ covariances @ inverse.T)
    back = root @ vectors
    lifted = (back * np.maximum(values, 1.0)[:, None, :]) @ back.transpose(0, 2, 1)
    below = values[:, 0] < 1.0
    return np.where(below[:, None, None], 0.5 * (lifted + lifted.transpose(0, 2, 1)), covariances)
