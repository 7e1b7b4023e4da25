"""Several starts, one winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import COLLAPSED, EM, FitResult
from mixtura.algorithms.stopping import Status
from mixtura.algorithms.total import covariance_of
from mixtura.model import CovarianceFloor, Mixture, family_named
from mixtura.model.families.base import FloatArray

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
    flat_columns : tuple of int
        Columns that do not vary within a collapsed component.
    """

    result: FitResult
    collapsed: NDArray[np.bool_]
    log_likelihoods: FloatArray
    n_at_best: int
    flat_columns: tuple[int, ...] = ()


def relative_floor(em: EM) -> CovarianceFloor:
    """Return the floor in the units of the whole table."""
    assert em.total is not None
    return CovarianceFloor.relative_to(covariance_of(em.total), em.total.centre[0])


def collapsed_components(em: EM, mixture: Mixture) -> NDArray[np.bool_]:
    """Return which components (k,) are flat in a direction in which the table is not."""
    form = family_named(em.family.form)
    covariances = form.ridged(mixture.covariances, -em.ridge)
    flat = form.relative_scales(covariances, relative_floor(em)) <= COLLAPSED
    return np.broadcast_to(flat, (mixture.n_components,))


def flat_columns(em: EM, mixture: Mixture, collapsed: NDArray[np.bool_]) -> list[int]:
    """Return the columns that do not vary within a collapsed component but do in the table."""
    floor = relative_floor(em)
    matrices = em.family.full(mixture.covariances, *mixture.means.shape)[collapsed]
    variances = np.diagonal(matrices, axis1=1, axis2=2) - em.ridge
    varies = (floor.whitener**2).sum(axis=1) > 0
    flat = (variances <= COLLAPSED * np.diag(floor.matrix)).any(axis=0)
    columns: list[int] = np.flatnonzero(flat & varies).tolist()
    return columns


def select(
    em: EM, n: int, run: Callable[[int], FitResult | None], each: Callable[..., None]
) -> Selection:
    """Run restart 0..n-1 and return the winner; ``each(function, n)`` does the calling.

    Only the runs' outcomes are kept, and the order of calls does not matter: equals are won by
    the lower number. A run may return None to be left out; a start that is singular is, too,
    unless all are.
    """
    outcomes: list[FitResult | None] = [None] * n
    failures: list[SingularCovarianceError] = []

    def one(number: int) -> None:
        try:
            outcomes[number] = run(number)
        except SingularCovarianceError as error:
            failures.append(error)

    each(one, n)
    results = [outcome for outcome in outcomes if outcome is not None]
    if not results:
        raise failures[0]
    return best_of(em, results)


def best_of(em: EM, results: list[FitResult]) -> Selection:
    """Return the run of highest log-likelihood, without collapsed components if there is one.

    A start that was never updated is what the user made it, and counts as sound.
    """
    values = np.array([result.log_likelihoods[-1] for result in results])
    flat = [(result.n_iter > 0) & collapsed_components(em, result.mixture) for result in results]
    ended = np.array([result.status is Status.COLLAPSED for result in results])
    sound = ~(np.any(flat, axis=1) | ended)
    best = int(np.argmax(np.where(sound | ~sound.any(), values, -np.inf)))
    near = values >= values[best] - SAME_OPTIMUM * em.source.weight
    n_at_best = int(np.sum(near & (sound == sound[best])))
    columns = flat_columns(em, results[best].mixture, flat[best])
    return Selection(results[best], flat[best], values, n_at_best, tuple(columns))
