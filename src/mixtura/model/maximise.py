"""The M-step: from sufficient statistics to a mixture (docs/guide, equation 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.model.floor import CovarianceFloor
from mixtura.model.mixture import Mixture
from mixtura.model.priors import ConjugatePrior
from mixtura.model.ratio import bounded
from mixtura.model.statistics import Statistics


def maximise(
    statistics: Statistics,
    *,
    floor: CovarianceFloor | None = None,
    ridge: float = 0.0,
    min_support: float = 0.0,
    previous: Mixture | None = None,
    prior: ConjugatePrior | None = None,
    ratio: float | None = None,
    sweeps: int | None = None,
) -> Mixture:
    """Return the mixture of maximum likelihood, or posterior density, given the statistics.

    Coordinates of a component whose responsibilities sum to at most zero over the rows that tell
    of them keep their ``previous`` mean and covariance; those below ``min_support`` keep their
    mean. ``floor`` bounds the covariances from below, ``ratio`` the largest of all their
    eigenvalues over the smallest (the constrained maximum of each); ``ridge`` is added to their
    diagonals. ``sweeps`` bounds the steps of structures whose maximum is found step by step.
    """
    rows = statistics.support
    if prior is not None:
        statistics = prior.added(statistics)
    zeroth, support, family = statistics.zeroth, statistics.support, statistics.family
    kept = (support <= 0) | (support < min_support)
    if previous is None and kept.any():
        raise unsupported(statistics, kept)
    shift = statistics.first / np.where(kept, 1.0, support)
    if previous is not None and kept.any():
        shift = np.where(kept, previous.means - statistics.centre, shift)
    second = family.recentred(statistics.second, support, statistics.first, shift)
    if prior is not None:
        second, support = prior.with_scatter(second, rows, family)
    if floor is not None:
        second = family.supported(second, support, floor)
    before = None if previous is None else previous.covariances
    covariances = family.maximised(second, support, before, sweeps)
    if ridge:
        covariances = family.ridged(covariances, ridge)
    if previous is not None:
        covariances = family.kept(covariances, support, previous.covariances)
    if ratio is not None:
        covariances = bounded(family, covariances, support, ratio)
    if floor is not None:
        covariances = family.floored(covariances, floor)
    weights = zeroth / zeroth.sum()
    return Mixture(weights, statistics.centre + shift, covariances, family.name)


def unsupported(statistics: Statistics, kept: NDArray[np.bool_]) -> InputError:
    """Return the error for the first component, and column where others have more, without rows."""
    component, column = (int(index) for index in np.argwhere(kept)[0])
    support = float(statistics.support[component, column])
    where = "" if kept[component].all() else f" over the rows in which column {column} is observed"
    return InputError(
        f"component {component} has a summed responsibility of {support:g}{where}: there "
        "is nothing to estimate it from. Give `previous`, or use fewer components."
    )
