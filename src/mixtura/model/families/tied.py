"""All components share one covariance matrix (docs/guide, equation 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import Family, FloatArray, cholesky
from mixtura.model.families.full import clipped, conditional, inverse_lower
from mixtura.model.floor import CovarianceFloor

#: Part of a column's variance that must remain within components for the difference
#: "total minus between" to keep half of the digits.
TRUSTED = 1e-7


class Tied(Family):
    """One covariance (d, d) for all components; mclust calls this structure EEE."""

    name = form = "tied"
    correlated = True
    uses_total_scatter = True

    def covariance_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (d, d)

    def n_covariance_parameters(self, k: int, d: int) -> int:
        return d * (d + 1) // 2

    def factor(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        lower = cholesky(covariances[None], "the tied covariance, covariances")
        log_det = 2.0 * np.log(np.diagonal(lower[0])).sum()
        return inverse_lower(lower)[0], np.full(k, log_det)

    def mahalanobis(self, xp: Any, block: Any, means: Any, factor: Any) -> Any:
        # Rows about one mean: whitening numbers far from the origin would lose digits.
        origin = means[0, :]
        upper = xp.matrix_transpose(factor)
        rows, centres = (block - origin) @ upper, (means - origin) @ upper
        apart = rows[None, :, :] - centres[:, None, :]
        return xp.sum(apart * apart, axis=-1)

    def moments(self, xp: Any, block: Any, means: Any, resp: Any, scatter: bool) -> tuple[Any, Any]:
        d = block.shape[1]
        if not scatter:
            origin = means[0, :]
            first = resp @ (block - origin) - xp.sum(resp, axis=1)[:, None] * (means - origin)
            return first, xp.zeros((d, d), dtype=block.dtype)
        centred = block[None, :, :] - means[:, None, :]
        weighted = centred * resp[:, :, None]
        second = xp.matrix_transpose(xp.reshape(weighted, (-1, d))) @ xp.reshape(centred, (-1, d))
        return xp.sum(weighted, axis=1), second

    def recentred(
        self, second: FloatArray, support: FloatArray, first: FloatArray, shift: FloatArray
    ) -> FloatArray:
        cross = first.T @ shift
        return second - cross - cross.T + (shift * support).T @ shift

    def within_total(
        self, total: FloatArray, zeroth: FloatArray, first: FloatArray, offset: FloatArray
    ) -> FloatArray | None:
        # The table's scatter about the point less that between the groups (docs/guide, equation
        # 7); groups very far apart leave too few digits of the difference.
        support = zeroth[:, None]
        second = self.recentred(total, support, first + support * offset, offset)
        scale = np.sqrt(np.where(np.diag(total) > 0, np.diag(total), 1.0))
        try:
            pivots = np.diag(np.linalg.cholesky(second / scale / scale[:, None]))
        except np.linalg.LinAlgError:
            return None
        return second if (pivots**2 > TRUSTED).all() else None

    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        total = support[:, 0].sum()
        return 0.5 * (second + second.T) / (total if total > 0 else 1.0)

    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        return covariances if support[:, 0].any() else previous

    def marginal(self, covariances: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        return covariances[columns[:, None], columns]

    def conditional(
        self, covariances: FloatArray, known: NDArray[np.intp], unknown: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray]:
        covariances, maps = conditional(covariances[None], known, unknown)
        return covariances[0], maps

    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        try:
            np.linalg.cholesky(covariances - floor.matrix)
        except np.linalg.LinAlgError:
            return clipped(covariances[None], floor)[0]
        return covariances

    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        return covariances + amount * np.eye(len(covariances))

    def relative_scales(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        if floor.whitener.shape[1] == 0:
            return np.full(1, np.inf)
        return np.linalg.eigvalsh(floor.whitener.T @ covariances @ floor.whitener)[:1]

    def full(self, covariances: FloatArray, k: int, d: int) -> FloatArray:
        return np.repeat(covariances[None], k, axis=0)

    def precisions(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        upper = self.factor(covariances, k, d)[0].T
        return upper @ upper.T, upper

    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        inverse = inverse_lower(cholesky(precisions[None], "the tied precision, precisions"))[0]
        return inverse.T @ inverse

    def pooled(self, total: FloatArray, k: int) -> FloatArray:
        return total

    def blended(self, covariances: FloatArray, component: int, total: FloatArray) -> FloatArray:
        return covariances
