"""When to stop: rules on the trace of an objective that rises (docs/guide, equation 10)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from numbers import Real

from mixtura._errors import InputError

#: Gains below this fraction of the objective are rounding.
ROUNDING = 2.0**-50
#: The estimate is of the first order and too small on a plateau, so that the default rule aims
#: closer than it promises. Of 82 slow and quick fits with longer steps, 0.03 ended nine too early,
#: 0.01 three, this none; no rule can tell an optimum from a plateau that is flat enough.
SAFETY = 0.003
#: A gain this much smaller than the goal ends a run by itself: even if each gain were 0.9999 of
#: the one before, less than the goal would be to come.
NEGLIGIBLE = 1e-4


class Status(Enum):
    """How a run ended, as a sentence for people."""

    CONVERGED = "Converged: the fit has settled to within the tolerance."
    MAX_ITER = (
        "Stopped at max_iter before the fit settled. Raise max_iter, or raise tol if this is close "
        "enough."
    )
    CALLBACK = "Stopped by the callback."
    ONLINE = "Goes on: rows are learned from as they come, chunk by chunk."
    COLLAPSED = (
        "Stopped because a component has collapsed onto a point or a plane, where the likelihood "
        "has no maximum; the parameters before that are kept. Use fewer components, a simpler "
        "covariance_type or a variance floor (reg_covar, or min_variance in run_em)."
    )
    PRECISION = (
        "Stopped where rounding outweighs the gains: a component is nearly singular. The best "
        "parameters are kept. Use fewer components, a simpler covariance_type or a larger "
        "reg_covar."
    )


class Stopping(StrEnum):
    """What ``tol`` is compared with."""

    RELATIVE = "relative"
    MEAN = "mean"
    TOTAL = "total"
    REMAINING = "remaining"


@dataclass(frozen=True)
class StoppingRule:
    """Decides from the trace whether to stop.

    Attributes
    ----------
    kind : Stopping
        ``relative``: the gain is at most ``tol * |new|``; ``mean``: the gain per unit of weight
        is below ``tol``; ``total``: the gain is below ``tol``; ``remaining``: the estimated gain
        still to come, per unit of weight, is below ``tol``.
    tol : float
        At least 0.
    weight : float
        Sum of the row weights.
    """

    kind: Stopping
    tol: float
    weight: float = 1.0

    @classmethod
    def named(cls, kind: str, tol: float, weight: float) -> StoppingRule:
        """Return a rule from what a user gave, or raise naming the parameter."""
        if kind not in {each.value for each in Stopping}:
            names = ", ".join(each.value for each in Stopping)
            raise InputError(f"stopping={kind!r} is not one of {names}.")
        if not (isinstance(tol, Real) and tol >= 0):
            raise InputError(f"tol={tol!r} must be a number of at least 0.")
        return cls(Stopping(kind), float(tol), weight)

    def reached(self, trace: Sequence[float]) -> bool:
        """Return whether the last value of the trace is good enough."""
        if len(trace) < 2:
            return False
        gain = trace[-1] - trace[-2]
        if self.kind is Stopping.RELATIVE:
            return gain <= self.tol * abs(trace[-1])
        if self.kind is Stopping.MEAN:
            return abs(gain) < self.tol * self.weight
        if self.kind is Stopping.TOTAL:
            return gain < self.tol
        goal = SAFETY * self.tol * self.weight
        if abs(gain) <= max(ROUNDING * max(abs(trace[-1]), self.weight), NEGLIGIBLE * goal):
            return True
        return remaining(trace) < goal and remaining(trace[:-1]) < 2.0 * goal


def remaining(trace: Sequence[float]) -> float:
    """Return Aitken's estimate of the gain still to come; infinite where gains are not shrinking.

    The larger of the last two ratios of successive gains is used, so that one lucky step does
    not end a run. Where steps may lose (a ridge), their size counts as a gain.
    """
    if len(trace) < 4:
        return math.inf
    last, before, first = (abs(trace[-i] - trace[-i - 1]) for i in (1, 2, 3))
    if min(last, before, first) == 0:
        return 0.0 if last == 0 else math.inf
    ratio = max(last / before, before / first)
    return last * ratio / (1.0 - ratio) if ratio < 1.0 else math.inf
