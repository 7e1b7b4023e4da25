"""Sufficient statistics of a mixture: what one pass over the rows brings back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mixtura._errors import InputError
from mixtura.model.families import Family
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sums over rows under given responsibilities (docs/guide, equations 4, 22 and 23).

    Statistics of two parts of a table add up to those of the whole, in any order. They are
    taken about ``centre``, the component means of the E-step, so that no digits are lost when
    the data sit far from the origin.

    Attributes
    ----------
    family : Family
        The covariance structure that ``second`` belongs to.
    loglik : float
        Weighted log-likelihood of the rows, in nats.
    weight : float
        Sum of the row weights.
    zeroth : ndarray (k,)
        Sum of the weighted responsibilities.
    first : ndarray (k, d)
        Sum of responsibility times (row - centre).
    second : ndarray
        Scatter about ``centre`` in the family's shape.
    centre : ndarray (k, d)
        The points that the moments are taken about.
    cells : ndarray (k, d) or None
        Weighted responsibilities summed over the rows that tell of a column, where cells are
        missing; None where every row tells of all.
    """

    family: Family
    loglik: float
    weight: float
    zeroth: FloatArray
    first: FloatArray
    second: FloatArray
    centre: FloatArray
    cells: FloatArray | None = None

    @property
    def support(self) -> FloatArray:
        """What the moments of each component and column are sums of: weights (k, d)."""
        if self.cells is not None:
            return self.cells
        return np.broadcast_to(self.zeroth[:, None], self.first.shape)

    @classmethod
    def zeros(cls, family: Family, centre: FloatArray) -> Statistics:
        """Return the statistics of no rows, about ``centre``."""
        k, d = centre.shape
        second = np.zeros(family.covariance_shape(k, d))
        return cls(family, 0.0, 0.0, np.zeros(k), np.zeros((k, d)), second, centre)

    def __add__(self, other: Statistics) -> Statistics:
        if self.family != other.family:
            raise InputError(
                f"statistics of family {self.family.name!r} cannot be added to those of "
                f"{other.family.name!r}."
            )
        if other.centre is not self.centre and not np.array_equal(other.centre, self.centre):
            other = other.recentred(self.centre)
        return Statistics(
            self.family,
            self.loglik + other.loglik,
            self.weight + other.weight,
            self.zeroth + other.zeroth,
            self.first + other.first,
            self.second + other.second,
            self.centre,
            None if self.cells is other.cells is None else self.support + other.support,
        )

    def scaled(self, factor: float) -> Statistics:
        """Return the statistics of the same rows with weights multiplied by ``factor``."""
        return replace(
            self,
            loglik=factor * self.loglik,
            weight=factor * self.weight,
            zeroth=factor * self.zeroth,
            first=factor * self.first,
            second=factor * self.second,
            cells=None if self.cells is None else factor * self.cells,
        )

    def recentred(self, centre: FloatArray) -> Statistics:
        """Return the same statistics taken about other points, exactly."""
        shift = centre - self.centre
        return replace(
            self,
            first=self.first - self.support * shift,
            second=self.family.recentred(self.second, self.support, self.first, shift),
            centre=centre,
        )
