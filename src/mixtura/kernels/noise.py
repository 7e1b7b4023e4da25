"""Any kernels with a uniform density beside the mixture (docs/guide, equations 57 and 58).

Rows count in the statistics of the mixture with the part of their weight that is not noise, so that
what is summed is what other kernels sum. The part that is noise is what is missing from ``weight``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels import Kernels
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray
from mixtura.model.noise import NoisyMixture, Uniform

#: The label of noise.
NOISE = -1


@dataclass(eq=False)
class NoisyKernels:
    """Kernels for a ``NoisyMixture``, made of those for its Gaussian part."""

    kernels: Kernels
    uniform: Uniform

    def __post_init__(self) -> None:
        self.name, self.compiled = self.kernels.name, self.kernels.compiled
        self.allows_missing = self.kernels.allows_missing

    def expect(
        self, block: Any, sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
    ) -> Statistics:
        """Return the statistics of a block."""
        log_prob, log_share = self._densities(block, mixture)
        weights = np.ones(len(log_prob)) if sample_weight is None else sample_weight
        statistics = self.kernels.expect(block, weights * np.exp(log_share), mixture, scatter)
        return replace(statistics, loglik=float(weights @ log_prob), weight=float(weights.sum()))

    def log_prob(self, block: Any, mixture: Mixture) -> FloatArray:
        """Return the log-density (b,) of each row, in nats."""
        return self._densities(block, mixture)[0]

    def responsibilities(self, block: Any, mixture: Mixture) -> FloatArray:
        """Return the responsibilities (b, k + 1), those of the noise last."""
        share = np.exp(self._densities(block, mixture)[1])[:, None]
        gaussian = self.kernels.responsibilities(block, mixture)
        return np.hstack([gaussian * share, 1.0 - share])

    def labels(self, block: Any, mixture: Mixture) -> NDArray[np.int64]:
        """Return the most probable component (b,) of each row, or -1 for noise."""
        labels = self.responsibilities(block, mixture).argmax(axis=1)
        return np.where(labels == mixture.n_components, NOISE, labels)

    def _densities(self, block: Any, mixture: Mixture) -> tuple[FloatArray, FloatArray]:
        """Return log-densities (b,) and the logarithms of how little each row is noise."""
        assert isinstance(mixture, NoisyMixture)
        with np.errstate(divide="ignore"):  # all of the rows may be noise, or none
            noise, rest = np.log(mixture.noise_weight), np.log1p(-mixture.noise_weight)
        gaussian = self.kernels.log_prob(block, mixture) + rest
        log_prob = np.logaddexp(gaussian, self.uniform.log_density(block) + noise)
        return log_prob, gaussian - log_prob
