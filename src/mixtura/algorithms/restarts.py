"""Several starts, one winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.em import EM, FitResult, covariance_of
from mixtura.algorithms.stopping import Status
from mixtura.model import CovarianceFloor, Mixture
from mixtura.model.families.base import FloatArray

#: A component has collapsed where its variance in some direction is below this many floors.
COLLAPSED = 10.0
#: Log-likelihoods closer than this count as the same optimum (nats per unit of weight).
SAME_OPTIMUM = 2e-4


@dataclass(frozen=True, eq=False)
class Selection:
    """The winner of several runs.

    Attributes
    ----------
    result : FitResult
        The run of highest log-likelihood among those without a collapsed component, or among
        all if every run has one.
    collapsed : ndarray of bool (k,)
        Which components of the winner have collapsed onto a point or a plane.
    log_likelihoods : ndarray (n,)
        Final log-likelihood of every run.
    n_at_best : int
        How many runs reached the winner's log-likelihood.
    """

    result: FitResult
    collapsed: NDArray[np.bool_]
    log_likelihoods: FloatArray
    n_at_best: int


def relative_floor(em: EM) -> CovarianceFloor:
    """Return the floor in the units of the whole table."""
    assert em.total is not None
    return CovarianceFloor.relative_to(covariance_of(em.total), em.total.centre[0])


def collapsed_components(em: EM, mixture: Mixture) -> NDArray[np.bool_]:
    """Return which components (k,) are flat in a direction in which the table is not."""
    covariances = em.family.ridged(mixture.covariances, -em.ridge)
    scales = em.family.relative_scales(covariances, relative_floor(em))
    return np.broadcast_to(scales <= COLLAPSED, (mixture.n_components,))


def select(em: EM, n: int, run: Callable[[int], FitResult], each: Callable[..., None]) -> Selection:
    """Run restart 0..n-1 and return the winner; ``each(function, n)`` does the calling.

    Only the runs' outcomes are kept, and the order of calls does not matter: equals are won by
    the lower number.
    """
    outcomes: list[FitResult | None] = [None] * n

    def one(number: int) -> None:
        outcomes[number] = run(number)

    each(one, n)
    results = [outcome for outcome in outcomes if outcome is not None]
    values = np.array([result.log_likelihoods[-1] for result in results])
    flat = [collapsed_components(em, result.mixture) for result in results]
    sound = np.array(
        [
            not each.any() and result.status is not Status.COLLAPSED
            for each, result in zip(flat, results, strict=True)
        ]
    )
    best = int(np.argmax(np.where(sound | ~sound.any(), values, -np.inf)))
    near = values >= values[best] - SAME_OPTIMUM * em.source.weight
    n_at_best = int(np.sum(near & (sound == sound[best])))
    return Selection(results[best], flat[best], values, n_at_best)
