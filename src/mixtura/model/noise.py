"""A Gaussian mixture beside a uniform density (docs/guide, equation 57)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import Mixture


@dataclass(frozen=True, eq=False, init=False)
class NoisyMixture(Mixture):
    """A mixture of which a part of the rows is not: ``noise_weight`` of all are uniform.

    The weights are those among the other rows, and sum to 1.
    """

    noise_weight: float = 0.0

    def __init__(self, mixture: Mixture, noise_weight: float) -> None:
        parameters = (mixture.weights, mixture.means, mixture.covariances)
        super().__init__(*parameters, mixture.covariance_type)
        object.__setattr__(self, "noise_weight", noise_weight)


@dataclass(frozen=True, eq=False)
class Uniform:
    """The uniform density over a box, as rows with missing cells need it.

    Attributes
    ----------
    log_extents : ndarray (d,)
        Logarithms of what the box measures along each column; they sum to that of the volume.
    """

    log_extents: FloatArray

    @property
    def log_volume(self) -> float:
        """Logarithm of the volume."""
        return float(self.log_extents.sum())

    def log_density(self, rows: NDArray[np.floating]) -> FloatArray:
        """Return the log-density (n,) of the observed cells of rows (n, d), in nats."""
        observed = ~np.isnan(rows)
        if observed.all():
            return np.full(len(rows), -self.log_volume)
        return -(observed @ self.log_extents)
