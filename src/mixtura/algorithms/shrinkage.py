"""EM whose covariances are drawn towards a common one (docs/guide, equation 35)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from mixtura.algorithms.em import EM
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class ShrunkEM(EM):
    """EM for the posterior mode, with ``rows`` of covariance ``target`` before each component.

    The log-likelihood of its statistics is that of the rows plus the logarithm of the prior, which
    is 0 where a covariance is the target.

    Attributes
    ----------
    target : ndarray (d, d)
        The covariance that the others are drawn to, positive definite.
    rows : float
        The weight of the target, in rows for each covariance, above 0.
    """

    target: FloatArray
    rows: float

    @classmethod
    def of(cls, em: EM, target: FloatArray, rows: float) -> ShrunkEM:
        """Return an EM with the same rows and settings that shrinks."""
        shared = {field.name: getattr(em, field.name) for field in fields(EM)}
        return cls(**shared, target=target, rows=rows)

    def expect(self, mixture: Mixture) -> Statistics:
        """Return the statistics of all rows, with the prior in the log-likelihood."""
        statistics = super().expect(mixture)
        return replace(statistics, loglik=statistics.loglik + self.log_prior(mixture))

    def maximise(self, statistics: Statistics, previous: Mixture | None) -> Mixture:
        """Return the mixture of maximum posterior density given the statistics."""
        likely = super().maximise(statistics, previous)
        # What each covariance is a mean over: the family divides a scatter of 1 by it.
        held = 1.0 / self.family.maximised(np.ones_like(likely.covariances), statistics.support)
        target = self.family.pooled(self.target, likely.n_components)
        covariances = (held * likely.covariances + self.rows * target) / (held + self.rows)
        return Mixture(likely.weights, likely.means, covariances, self.family.name)

    def log_prior(self, mixture: Mixture) -> float:
        """Return the logarithm of the covariances' prior density over that of the target."""
        k, d = mixture.means.shape
        n = 1 if mixture.covariances.shape == (d, d) else k
        matrices = self.family.full(mixture.covariances, k, d)[:n]
        target = self.family.full(self.family.pooled(self.target, k), k, d)[:n]
        ratios = np.linalg.solve(matrices, target)
        apart = np.linalg.slogdet(ratios)[1] - np.trace(ratios, axis1=1, axis2=2) + d
        return float(0.5 * self.rows * apart.sum())
