"""Rows seen before the table: a conjugate prior of means and covariances."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mixtura.model.families import Family, family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.floor import CovarianceFloor
from mixtura.model.mixture import Mixture
from mixtura.model.statistics import Statistics

#: Rows that the prior of a mean weighs.
MEAN_ROWS = 0.01
#: Structures of which all components share one covariance: it has one prior.
ONE_COVARIANCE = ("EII", "EEI", "tied")


@dataclass(frozen=True, eq=False)
class ConjugatePrior:
    """Normal priors of means and inverse Wishart priors of covariances (docs/guide, equation 39).

    Whatever the structure, they add to the statistics of an M-step.

    Attributes
    ----------
    location : ndarray (d,)
        The mode of every mean.
    mean_rows : float
        Rows that it weighs; 0 leaves means free.
    rows : float
        Rows that the prior of a covariance weighs.
    scatter : ndarray (d, d)
        The scatter of those rows.
    """

    location: FloatArray
    mean_rows: float
    rows: float
    scatter: FloatArray

    @classmethod
    def of(
        cls, covariance: FloatArray, location: FloatArray, family: Family, k: int
    ) -> ConjugatePrior:
        """Return the prior of Fraley & Raftery (2007) for a table and ``k`` components.

        ``covariance`` (d, d) is that of the whole table, lifted where it is singular, and
        ``location`` (d,) its mean.
        """
        d = len(location)
        floor = CovarianceFloor.relative_to(covariance, location)
        lifted = family_named("full").floored(covariance[None], floor)[0]
        scatter, freedom = lifted / k ** (2.0 / d), d + 2.0
        if family.one_unit:
            return cls(location, MEAN_ROWS, (freedom + 2.0) / d, scatter / d)
        rows = freedom + (d + 1.0 if family.correlated else 2.0)
        return cls(location, MEAN_ROWS, rows, scatter)

    @classmethod
    def towards(cls, target: FloatArray, rows: float) -> ConjugatePrior:
        """Return the prior that covariances are worth ``rows`` of covariance ``target``."""
        return cls(np.zeros(len(target)), 0.0, rows, rows * target)

    def added(self, statistics: Statistics) -> Statistics:
        """Return the statistics with those of the rows that the means' prior stands for."""
        if not self.mean_rows:
            return statistics
        k, d = statistics.first.shape
        nothing = Statistics.zeros(statistics.family, np.tile(self.location, (k, 1)))
        rows = np.full((k, d), self.mean_rows)
        return statistics + replace(nothing, cells=rows)

    def with_scatter(
        self, second: FloatArray, support: FloatArray, family: Family
    ) -> tuple[FloatArray, FloatArray]:
        """Return second moments about the new means, and what they are sums of, with the prior's.

        ``support`` (k, d) is that of the table's rows alone.
        """
        k = len(support)
        share = 1.0 if family.name == "tied" else self.share(family, k)  # it has but one second
        scatter = share * family.pooled(self.scatter, k)
        return second + scatter, support + self.on_covariance(family, k)

    def share(self, family: Family, k: int) -> float:
        """Return the part of a covariance's prior that each component has."""
        return 1.0 / k if family.name in ONE_COVARIANCE else 1.0

    def on_covariance(self, family: Family, k: int) -> float:
        """Return the rows that the priors add to each component's in the M-step."""
        return self.share(family, k) * self.rows + float(self.mean_rows > 0)

    def log_density(self, mixture: Mixture) -> float:
        """Return the logarithm of the prior density of means and covariances over its largest."""
        family, (k, d) = mixture.family, mixture.means.shape
        rows = self.on_covariance(family, k)
        scatter = self.share(family, k) * family.full(family.pooled(self.scatter, k), k, d)
        matrices = family.full(mixture.covariances, k, d)
        apart = mixture.means - self.location
        ratios = np.linalg.solve(matrices, scatter / rows)
        shape = np.linalg.slogdet(ratios)[1] - np.trace(ratios, axis1=1, axis2=2) + d
        distances = (apart * np.linalg.solve(matrices, apart[:, :, None])[:, :, 0]).sum()
        return float(0.5 * (rows * shape.sum() - self.mean_rows * distances))
