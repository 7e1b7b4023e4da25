"""Longer steps where EM crawls (docs/guide, equation 12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mixtura._errors import InputError
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

if TYPE_CHECKING:
    from mixtura.algorithms.em import EM

#: Plain EM updates between two attempts, so that the slowest direction has come to dominate.
PLAIN_STEPS = 4
#: Rates of convergence between which a longer step is worth an E-step, and not absurdly long.
SLOWEST, QUICKEST = 0.98, 0.5


@dataclass(frozen=True, eq=False)
class Path:
    """A state of accelerated EM.

    Attributes
    ----------
    mixture : Mixture
        The current parameters.
    statistics : Statistics
        Those under ``mixture``.
    behind : tuple of (Mixture, float)
        The mixtures since the last attempt, oldest first, with their log-likelihoods.
    """

    mixture: Mixture
    statistics: Statistics
    behind: tuple[tuple[Mixture, float], ...] = ()


def plain_step(em: EM, path: Path) -> tuple[Path, float]:
    """Return the state after one update of EM."""
    (mixture, statistics), value = em.step((path.mixture, path.statistics))
    return Path(mixture, statistics), value


def accelerated_step(em: EM, path: Path) -> tuple[Path, float]:
    """Return the state after one update: EM's own, or a longer one that raises the likelihood."""
    if len(path.behind) >= PLAIN_STEPS:
        leap = attempt(em, path)
        if leap is not None:
            return leap, leap.statistics.loglik
        path = Path(path.mixture, path.statistics)
    behind = (*path.behind, (path.mixture, path.statistics.loglik))
    new, value = plain_step(em, path)
    return replace(new, behind=behind), value


def attempt(em: EM, path: Path) -> Path | None:
    """Return the state beyond the last step, where its log-likelihood is higher."""
    (_, first), (previous, before) = path.behind[-2:]
    now = path.statistics.loglik
    if not now - before > 0.0:
        return None
    ratio = (now - before) / max(before - first, np.finfo(np.float64).tiny)
    rate = min(np.sqrt(ratio), SLOWEST)  # gains shrink with the square of the distance
    if rate < QUICKEST:
        return None
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            beyond = em.feasible(em.beyond(previous, path.mixture, coarse(rate / (1.0 - rate))))
        statistics = em.expect(beyond)
    except InputError:  # singular, or out of range
        return None
    return Path(beyond, statistics) if statistics.loglik > now else None


def coarse(factor: float) -> float:
    """Return a factor to five binary digits.

    Gains are small differences of large sums, whose last digits depend on the order in which rows
    are added up; the length of a step is not to.
    """
    mantissa, exponent = np.frexp(factor)
    return float(np.ldexp(np.round(32.0 * mantissa), exponent - 5))


def extrapolated(before: Mixture, now: Mixture, factor: float) -> Mixture:
    """Return ``now`` plus ``factor`` times the step that led to it.

    Weights move on the scale of their logarithms and covariances on that of their Cholesky
    factors with logarithms on the diagonal, so that the result is a mixture.
    """

    def beyond(old: FloatArray, new: FloatArray) -> FloatArray:
        return new + factor * (new - old)

    tiny = np.finfo(np.float64).tiny
    logits = beyond(np.log(np.maximum(before.weights, tiny)), np.log(np.maximum(now.weights, tiny)))
    weights = np.exp(logits - logits.max())
    family = now.family
    roots = beyond(family.log_roots(before.covariances), family.log_roots(now.covariances))
    return Mixture(
        weights / weights.sum(),
        beyond(before.means, now.means),
        family.from_log_roots(roots),
        now.covariance_type,
    )
