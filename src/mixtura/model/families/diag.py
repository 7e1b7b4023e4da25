"""Each component has variances of its own, without correlations (docs/guide, equation 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import Family, FloatArray, positive
from mixtura.model.floor import CovarianceFloor


class Diag(Family):
    """Variances (k, d); mclust calls this structure VVI."""

    name = form = "diag"

    def covariance_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k, d)

    def n_covariance_parameters(self, k: int, d: int) -> int:
        return k * d

    def factor(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        variances = positive(covariances)
        return 1.0 / np.sqrt(variances), np.log(variances).sum(axis=1)

    def mahalanobis(self, xp: Any, block: Any, means: Any, factor: Any) -> Any:
        whitened = (block[None, :, :] - means[:, None, :]) * factor[:, None, :]
        return xp.sum(whitened * whitened, axis=-1)

    def moments(self, xp: Any, block: Any, means: Any, resp: Any, scatter: bool) -> tuple[Any, Any]:
        centred = block[None, :, :] - means[:, None, :]
        row = resp[:, None, :]
        return (row @ centred)[:, 0, :], (row @ (centred * centred))[:, 0, :]

    def recentred(
        self, second: FloatArray, support: FloatArray, first: FloatArray, shift: FloatArray
    ) -> FloatArray:
        return np.maximum(second - (2.0 * first - support * shift) * shift, 0.0)

    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        return second / np.where(support > 0, support, 1.0)

    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        return np.where(support > 0, covariances, previous)

    def marginal(self, covariances: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        return covariances[:, columns]

    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        return np.maximum(covariances, np.diag(floor.matrix))

    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        return covariances + amount

    def relative_scales(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        units = (floor.whitener**2).sum(axis=1) > 0
        if not units.any():
            return np.full(len(covariances), np.inf)
        return (covariances[:, units] / np.diag(floor.matrix)[units]).min(axis=1)

    def full(self, covariances: FloatArray, k: int, d: int) -> FloatArray:
        return covariances[:, :, None] * np.eye(d)

    def precisions(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        roots = self.factor(covariances, k, d)[0]
        return roots**2, roots

    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        return 1.0 / positive(precisions)

    def pooled(self, total: FloatArray, k: int) -> FloatArray:
        return np.repeat(np.diag(total)[None], k, axis=0)
