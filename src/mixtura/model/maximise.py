"""The M-step: from sufficient statistics to a mixture (docs/guide, equation 5)."""

from __future__ import annotations

import numpy as np

from mixtura._errors import InputError
from mixtura.model.floor import CovarianceFloor
from mixtura.model.mixture import Mixture
from mixtura.model.statistics import Statistics


def maximise(
    statistics: Statistics,
    *,
    floor: CovarianceFloor | None = None,
    ridge: float = 0.0,
    min_support: float = 0.0,
    previous: Mixture | None = None,
) -> Mixture:
    """Return the mixture of maximum likelihood given the statistics.

    Components whose summed responsibility is at most zero keep their ``previous`` mean and
    covariance; those below ``min_support`` keep their mean. ``floor`` bounds the covariances
    from below (the constrained maximum); ``ridge`` is added to their diagonals.
    """
    zeroth, family = statistics.zeroth, statistics.family
    kept = (zeroth <= 0) | (zeroth < min_support)
    if previous is None and kept.any():
        component = int(np.argmax(kept))
        raise InputError(
            f"component {component} has a summed responsibility of {zeroth[component]:g}: there "
            "is nothing to estimate it from. Give `previous`, or use fewer components."
        )
    shift = statistics.first / np.where(kept, 1.0, zeroth)[:, None]
    if previous is not None and kept.any():
        shift = np.where(kept[:, None], previous.means - statistics.centre, shift)
    second = family.recentred(statistics.second, zeroth, statistics.first, shift)
    covariances = family.maximised(second, zeroth)
    if ridge:
        covariances = family.ridged(covariances, ridge)
    if previous is not None:
        covariances = family.kept(covariances, zeroth, previous.covariances)
    if floor is not None:
        covariances = family.floored(covariances, floor)
    weights = zeroth / zeroth.sum()
    return Mixture(weights, statistics.centre + shift, covariances, family.name)
