"""EM with uniform noise beside the components (docs/guide, equations 57 to 59)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from mixtura._errors import InputError
from mixtura.algorithms.cleaning import in_sparser_process, loneliest, neighbour_volumes
from mixtura.algorithms.em import EM
from mixtura.algorithms.loop import Ended
from mixtura.algorithms.source import Source
from mixtura.algorithms.starts import filled
from mixtura.algorithms.stopping import Status
from mixtura.algorithms.total import covariance_of, total_statistics
from mixtura.kernels import Kernels
from mixtura.model import CovarianceFloor, Mixture, Statistics, family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.noise import NoisyMixture, Uniform


@dataclass(frozen=True, eq=False)
class NoisyEM(EM):
    """EM for a ``NoisyMixture``; its kernels are ``NoisyKernels``.

    ``total`` is that of rows that are no noise at the start: it tells what scale components have.
    """

    def _likelihood(self, mixture: Mixture) -> Statistics:
        return self._pass(mixture, True)  # the scatter of a table is not that of its groups

    def maximise(self, statistics: Statistics, previous: Mixture | None) -> Mixture:
        """Return the mixture of maximum likelihood given the statistics (M-step)."""
        share = float(statistics.zeroth.sum() / statistics.weight)
        if not share > 0.0:
            raise Ended(Status.COLLAPSED)
        return NoisyMixture(super().maximise(statistics, previous), max(0.0, 1.0 - share))

    def feasible(self, mixture: Mixture) -> Mixture:
        """Return the mixture with covariances within the bounds, where they are not."""
        assert isinstance(mixture, NoisyMixture)
        within = super().feasible(mixture)
        return mixture if within is mixture else NoisyMixture(within, mixture.noise_weight)

    def beyond(self, before: Mixture, now: Mixture, factor: float) -> Mixture:
        """Return ``now`` plus ``factor`` times the last step; noise moves in its log-odds."""
        assert isinstance(before, NoisyMixture)
        assert isinstance(now, NoisyMixture)
        limits = np.finfo(np.float64)
        shares = np.clip([before.noise_weight, now.noise_weight], limits.tiny, 1.0 - limits.eps)
        old, new = logit(shares)
        led = super().beyond(before, now, factor)
        return NoisyMixture(led, float(expit(new + factor * (new - old))))


def stray_rows(
    em: EM, rows: FloatArray, weights: FloatArray, shares: Sequence[float | None]
) -> list[NDArray[np.bool_]]:
    """Return which rows (n, d) of the table lie apart: each share of them, None by themselves."""
    assert em.total is not None
    floor = CovarianceFloor.relative_to(covariance_of(em.total), em.total.centre[0])
    rows = filled(rows, em) if np.isnan(rows).any() else rows
    white = (rows - em.total.centre[0]) @ floor.whitener
    volumes = neighbour_volumes(white, weights)
    return [
        in_sparser_process(volumes, weights)
        if share is None
        else loneliest(volumes, weights, share)
        for share in shares
    ]


@dataclass(frozen=True, eq=False)
class _Reach:
    """The lowest and highest coordinates (m,) of rows; ``+`` widens."""

    low: FloatArray
    high: FloatArray

    def __add__(self, other: _Reach) -> _Reach:
        return _Reach(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    @property
    def log_extents(self) -> FloatArray:
        """Logarithms of how far they lie apart."""
        with np.errstate(divide="ignore"):
            return np.log(self.high - self.low)


def _reach_of_block(
    centre: FloatArray, axes: FloatArray | None, rows: Any, weights: FloatArray | None
) -> _Reach:
    counting = rows if weights is None else rows[weights > 0]
    apart = np.asarray(counting, dtype=np.float64) - centre
    turned = apart if axes is None else apart @ axes
    low = np.fmin.reduce(turned, axis=0, initial=np.inf)
    return _Reach(low, np.fmax.reduce(turned, axis=0, initial=-np.inf))


def box_around(source: Source, kernels: Kernels, names: Any = None) -> Uniform:
    """Return the uniform density over the smaller of two boxes around the rows of a table.

    One lies along the columns, the other along the principal axes; that is for complete rows that
    vary in all directions (Banfield & Raftery 1993, doi:10.2307/2532201). An error calls columns
    by their ``names``.
    """
    total = total_statistics(source, kernels, family_named("full"))
    centre = total.centre[0]
    extents = source.map_reduce(partial(_reach_of_block, centre, None)).log_extents
    if np.isneginf(extents).any():
        column = int(np.argmin(extents))
        label = column if names is None else repr(str(names[column]))
        raise InputError(
            f"column {label} of X does not vary: there is no volume that noise could be spread "
            "over. Leave the column out."
        )
    covariance = covariance_of(total)
    whitener = CovarianceFloor.relative_to(covariance, centre).whitener
    if kernels.allows_missing or whitener.shape[1] < len(centre):
        return Uniform(extents)
    axes = np.linalg.eigh(covariance)[1]
    turned = source.map_reduce(partial(_reach_of_block, centre, axes)).log_extents
    smaller = min(0.0, float(turned.sum() - extents.sum()))
    return Uniform(extents + smaller / len(extents))
