"""Each component has one variance, the same in every direction (docs/guide, equation 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import Family, FloatArray, positive
from mixtura.model.floor import CovarianceFloor


class Spherical(Family):
    """Variances (k,); mclust calls this structure VII.

    The second moment is the sum over rows of the squared distances over observed columns, divided
    by the number of all columns.
    """

    name = form = "spherical"
    one_unit = True

    def covariance_shape(self, k: int, d: int) -> tuple[int, ...]:
        return (k,)

    def n_covariance_parameters(self, k: int, d: int) -> int:
        return k

    def factor(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        variances = positive(covariances)
        return 1.0 / np.sqrt(variances), d * np.log(variances)

    def mahalanobis(self, xp: Any, block: Any, means: Any, factor: Any) -> Any:
        whitened = (block[None, :, :] - means[:, None, :]) * factor[:, None, None]
        return xp.sum(whitened * whitened, axis=-1)

    def moments(self, xp: Any, block: Any, means: Any, resp: Any, scatter: bool) -> tuple[Any, Any]:
        centred = block[None, :, :] - means[:, None, :]
        first = (resp[:, None, :] @ centred)[:, 0, :]
        return first, xp.sum(resp * xp.sum(centred * centred, axis=-1), axis=1) / block.shape[1]

    def recentred(
        self, second: FloatArray, support: FloatArray, first: FloatArray, shift: FloatArray
    ) -> FloatArray:
        moved = ((2.0 * first - support * shift) * shift).mean(axis=1)
        return np.maximum(second - moved, 0.0)

    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        mean = support.mean(axis=1)
        return second / np.where(mean > 0, mean, 1.0)

    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        return np.where((support > 0).any(axis=1), covariances, previous)

    def marginal(self, covariances: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        return covariances

    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        return np.maximum(covariances, np.diag(floor.matrix).mean())

    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        return covariances + amount

    def relative_scales(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        if floor.whitener.shape[1] == 0:
            return np.full(len(covariances), np.inf)
        return covariances / np.diag(floor.matrix).mean()

    def full(self, covariances: FloatArray, k: int, d: int) -> FloatArray:
        return covariances[:, None, None] * np.eye(d)

    def precisions(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        roots = self.factor(covariances, k, d)[0]
        return roots**2, roots

    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        return 1.0 / positive(precisions)

    def pooled(self, total: FloatArray, k: int) -> FloatArray:
        return np.full(k, np.diag(total).mean())
