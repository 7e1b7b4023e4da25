"""Expectation-maximisation on any source of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.acceleration import Path, accelerated_step, extrapolated, plain_step
from mixtura.algorithms.loop import Ended, Progress, Run, asks_to_stop, iterate
from mixtura.algorithms.source import Source
from mixtura.algorithms.stopping import Status, StoppingRule, remaining
from mixtura.algorithms.total import covariance_of
from mixtura.kernels import Kernels
from mixtura.model import (
    ConjugatePrior,
    CovarianceFloor,
    Family,
    Mixture,
    Statistics,
    maximise,
)
from mixtura.model.families.base import FloatArray
from mixtura.model.ratio import bounded

#: Steps towards an M-step's maximum in each iteration, which goes on from the one before.
SWEEPS = 2
#: A component has collapsed where its variance in some direction is below this many floors.
COLLAPSED = 10.0
#: Updates between looks for a collapsed component of an incomplete table, which EM creeps along.
COLLAPSE_CHECK = 50
#: A component with less than this part of the total weight is empty.
EMPTY = 1e-8
#: Weights tried for a re-seeded component, relative to an equal share.
RESEED_SHARES = (0.5, 0.05, 0.005)


@dataclass(frozen=True)
class Step:
    """What a callback sees after each EM iteration.

    Attributes
    ----------
    restart : int
        Number of the restart, from 0.
    iteration : int
        Number of the EM update, from 1.
    log_likelihood : float
        Total over the rows, in nats, of ``mixture``; with a prior, plus the logarithm of its
        density relative to the largest.
    gain : float
        Rise of the log-likelihood in this iteration, in nats.
    remaining : float
        Aitken's estimate of the rise still to come, in nats per unit of weight; infinite while
        there is none.
    mixture : Mixture
        The parameters after this update.

    Examples
    --------
    >>> from mixtura import Mixture, run_em
    >>> start = Mixture([0.5, 0.5], [[6.0], [7.0]], [1.0, 4.0], "spherical")
    >>> x, gains = [[-1.0], [0.0], [4.0], [5.0], [6.0]], []
    >>> result = run_em(x, start, callback=lambda step: gains.append(step.gain))
    >>> min(gains) >= 0
    True
    """

    restart: int
    iteration: int
    log_likelihood: float
    gain: float
    remaining: float
    mixture: Mixture


@dataclass(frozen=True, eq=False)
class FitResult:
    """The outcome of a run of EM.

    Attributes
    ----------
    mixture : Mixture
        The parameters after the last update.
    status : Status
        Why the run ended; ``status.value`` is a sentence.
    log_likelihoods : ndarray (n_iter + 1,)
        Total log-likelihood in nats of the start and after each update; with a prior, plus the
        logarithm of its density relative to the largest.
    seconds : ndarray (n_iter + 1,)
        Seconds since the start.
    snapshots : tuple of Mixture
        The start and every later mixture, if they were recorded.
    responsibilities : ndarray (n, k) or None
        Of the rows under ``mixture``, where they were asked for.

    Examples
    --------
    >>> from mixtura import Mixture, run_em
    >>> start = Mixture([0.5, 0.5], [[6.0], [7.0]], [1.0, 4.0], "spherical")
    >>> result = run_em([[-1.0], [0.0], [4.0], [5.0], [6.0]], start, max_iter=1)
    >>> result.n_iter, result.converged
    (1, False)
    """

    mixture: Mixture
    status: Status
    log_likelihoods: FloatArray
    seconds: FloatArray
    snapshots: tuple[Mixture, ...] = ()
    responsibilities: FloatArray | None = None

    @property
    def n_iter(self) -> int:
        """Number of EM updates."""
        return len(self.log_likelihoods) - 1

    @property
    def converged(self) -> bool:
        """Whether the stopping rule was reached."""
        return self.status is Status.CONVERGED


@dataclass(frozen=True, eq=False)
class EM:
    """The E-step and the M-step for one source, family and regularisation.

    Attributes
    ----------
    source : Source
        The rows.
    kernels : Kernels
        The code that runs the E-step.
    family : Family
        The covariance structure.
    total : Statistics or None
        The whole table's statistics; without them the tied family sums its scatter anew.
    floor : CovarianceFloor or None
        Lower bound of the covariances.
    ridge : float
        Added to the diagonals of the covariances; not an M-step of the likelihood.
    min_support : float
        Components with a smaller summed responsibility keep their mean.
    reseed : bool
        Give components without support a new place; needs ``total``.
    prior : ConjugatePrior or None
        Of means and covariances; its log-density counts as part of the log-likelihood.
    ratio : float or None
        Bound of the covariances' largest eigenvalue over their smallest.
    """

    source: Source
    kernels: Kernels
    family: Family
    total: Statistics | None = None
    floor: CovarianceFloor | None = None
    ridge: float = 0.0
    min_support: float = 0.0
    reseed: bool = False
    prior: ConjugatePrior | None = None
    ratio: float | None = None

    def expect(self, mixture: Mixture) -> Statistics:
        """Return the statistics of all rows (E-step), with the prior in the log-likelihood."""
        statistics = self._likelihood(mixture)
        if self.prior is None:
            return statistics
        return replace(statistics, loglik=statistics.loglik + self.prior.log_density(mixture))

    def _likelihood(self, mixture: Mixture) -> Statistics:
        by_total = self.family.uses_total_scatter and not self.kernels.allows_missing
        if self.total is None or not by_total:
            return self._pass(mixture, True)
        statistics = self._pass(mixture, False)
        second = self.family.within_total(
            self.total.second[0],
            statistics.zeroth,
            statistics.first,
            mixture.means - self.total.centre[0],
        )
        return self._pass(mixture, True) if second is None else replace(statistics, second=second)

    def _pass(self, mixture: Mixture, scatter: bool) -> Statistics:
        mixture.density  # noqa: B018 - factorised once, before the threads need it
        return self.source.map_reduce(partial(_expect_block, self.kernels, mixture, scatter))

    def maximise(self, statistics: Statistics, previous: Mixture | None) -> Mixture:
        """Return the mixture of maximum likelihood given the statistics (M-step)."""
        return maximise(
            statistics,
            floor=self.floor,
            ridge=self.ridge,
            min_support=self.min_support,
            previous=previous,
            prior=self.prior,
            ratio=self.ratio,
            sweeps=None if previous is None else SWEEPS,
        )

    def step(self, state: tuple[Mixture, Statistics]) -> tuple[tuple[Mixture, Statistics], float]:
        """Return the state after one EM update, and its log-likelihood."""
        try:
            mixture = self.maximise(state[1], state[0])
            statistics = self.expect(mixture)
        except SingularCovarianceError:  # possible without a floor
            raise Ended(Status.COLLAPSED) from None
        if self.reseed and statistics.zeroth.min() < EMPTY * statistics.weight:
            mixture, statistics = self.reseeded(mixture, statistics)
        return (mixture, statistics), statistics.loglik

    def reseeded(self, mixture: Mixture, statistics: Statistics) -> tuple[Mixture, Statistics]:
        """Move the emptiest component to the row of lowest density, if the likelihood rises.

        Some weight is small enough for it to rise wherever the new component beats the mixture
        on average (docs/guide, equation 11).
        """
        assert self.total is not None
        component = int(np.argmin(statistics.zeroth))
        worst = self.source.map_reduce(partial(_worst_block, self.kernels, mixture))
        means = mixture.means.copy()
        means[component] = np.where(np.isnan(worst.row), self.total.centre[0], worst.row)
        table = covariance_of(self.total) + self.ridge * np.eye(means.shape[1])
        covariances = self.family.blended(mixture.covariances, component, table)
        others = np.delete(mixture.weights, component).sum()
        for share in RESEED_SHARES:
            weight = share / mixture.n_components
            weights = mixture.weights * ((1.0 - weight) / others)
            weights[component] = weight
            try:
                moved = self.feasible(Mixture(weights, means, covariances, self.family.name))
                candidate = self.expect(moved)
            except SingularCovarianceError:  # of a structure without a floor
                continue
            if candidate.loglik > statistics.loglik:
                return moved, candidate
        return mixture, statistics

    def feasible(self, mixture: Mixture) -> Mixture:
        """Return the mixture with covariances within the bounds, where they are not."""
        covariances = mixture.covariances
        if self.ratio is not None:
            support = np.repeat(mixture.weights[:, None], mixture.n_features, axis=1)
            covariances = bounded(self.family, covariances, support, self.ratio)
        if self.floor is not None:
            covariances = self.family.floored(covariances, self.floor)
        if covariances is mixture.covariances:
            return mixture
        return Mixture(mixture.weights, mixture.means, covariances, mixture.covariance_type)

    def beyond(self, before: Mixture, now: Mixture, factor: float) -> Mixture:
        """Return ``now`` plus ``factor`` times the step that led to it."""
        return extrapolated(before, now, factor)

    @property
    def lifts(self) -> bool:
        """Whether columns that do not vary are lifted in all components of a restricted structure.

        That is no M-step of the likelihood.
        """
        if self.floor is None or not self.family.restricted:
            return False
        d, directions = self.floor.whitener.shape
        return np.count_nonzero(self.floor.whitener.any(axis=1)) == directions < d

    def creeps(self, mixture: Mixture) -> bool:
        """Return whether a component of an incomplete table lies on the floor.

        What it lacks keeps it from settling there: each update takes it a little closer.
        """
        if not (self.reseed and self.kernels.allows_missing) or self.floor is None:
            return False
        scales = self.family.relative_scales(mixture.covariances, self.floor)
        return bool((scales <= COLLAPSED).any())

    def run(
        self,
        start: Mixture | Progress[Path],
        rule: StoppingRule,
        max_iter: int,
        *,
        accelerate: bool = False,
        record: bool = False,
        callback: Callable[[Step], Any] | None = None,
        restart: int = 0,
        keep: Callable[[Progress[Path]], Any] | None = None,
    ) -> FitResult:
        """Iterate from ``start`` until the rule is reached (docs/guide, equations 4 and 5).

        Where ``accelerate``, longer steps are tried between those of EM (equation 12). ``keep`` is
        handed the progress after each update; from there a run goes on to the same end.
        """
        begun = start if isinstance(start, Progress) else self.begin(start)
        snapshots = list(begun.snapshots or [begun.state.mixture]) if record else []

        def on_step(state: Path, values: list[float]) -> bool:
            if record:
                snapshots.append(state.mixture)
            if callback is None:
                return False
            to_come = remaining(values) / rule.weight
            gain = values[-1] - values[-2]
            step = Step(restart, len(values) - 1, values[-1], gain, to_come, state.mixture)
            return asks_to_stop(callback, step)

        advance = accelerated_step if accelerate else plain_step
        updates = count(len(begun.values))

        def step(path: Path) -> tuple[Path, float]:
            if next(updates) % COLLAPSE_CHECK == 0 and self.creeps(path.mixture):
                raise Ended(Status.COLLAPSED)
            return advance(self, path)

        def keep_all(progress: Progress[Path]) -> None:
            assert keep is not None
            keep(replace(progress, snapshots=tuple(snapshots)))

        outcome: Run[Path] = iterate(
            step,
            begun.state,
            begun.values[-1],
            rule,
            max_iter,
            monotone=self.ridge == 0.0 and not self.lifts,
            on_step=on_step,
            keep=None if keep is None else keep_all,
            begun=begun,
        )
        return FitResult(
            outcome.state.mixture,
            outcome.status,
            np.array(outcome.values),
            np.array(outcome.seconds),
            tuple(snapshots),
        )

    def begin(self, start: Mixture) -> Progress[Path]:
        """Return the progress of a run that has its start and the statistics there."""
        start = self.feasible(start)
        statistics = self.expect(start)
        return Progress(Path(start, statistics), (statistics.loglik,))


def _expect_block(
    kernels: Kernels, mixture: Mixture, scatter: bool, rows: Any, weights: FloatArray | None
) -> Statistics:
    return kernels.expect(rows, weights, mixture, scatter)


@dataclass(frozen=True, eq=False)
class _Worst:
    """The row of lowest log-density among those with weight; ``+`` keeps the lower."""

    log_prob: float
    row: FloatArray

    def __add__(self, other: _Worst) -> _Worst:
        return other if other.log_prob < self.log_prob else self


def _worst_block(
    kernels: Kernels, mixture: Mixture, rows: Any, weights: FloatArray | None
) -> _Worst:
    log_prob = kernels.log_prob(rows, mixture)
    if weights is not None:
        log_prob = np.where(weights > 0, log_prob, np.inf)
    index = int(np.argmin(log_prob))
    row = np.array(rows[index, :], dtype=np.float64)  # the block's memory may be used again
    return _Worst(float(log_prob[index]), row)
