"""The only iteration loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from mixtura.algorithms.stopping import ROUNDING, Status

S = TypeVar("S")


class Rule(Protocol):
    """Decides from the trace of an objective when to stop; ``weight`` is that of all rows."""

    @property
    def weight(self) -> float:
        """Sum of the row weights."""

    def reached(self, trace: Sequence[float]) -> bool:
        """Return whether the last value of the trace is good enough."""


class Ended(Exception):  # noqa: N818 - a message to the loop, not an error
    """Raised by a step that cannot be taken, with the status that the run ends with."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.value)
        self.status = status


@dataclass(frozen=True)
class Run(Generic[S]):
    """What a loop leaves behind.

    Attributes
    ----------
    state : S
        The last state that was accepted.
    values : tuple of float
        The objective of the start and after each accepted step.
    seconds : tuple of float
        Time since the start at each of ``values``.
    status : Status
        Why it stopped.
    """

    state: S
    values: tuple[float, ...]
    seconds: tuple[float, ...]
    status: Status


@dataclass(frozen=True, eq=False)
class Progress(Generic[S]):
    """A run that goes on: all that its next steps depend on.

    Attributes
    ----------
    state : S
        The last state that was accepted.
    values, seconds : tuple of float
        The trace so far, as in ``Run``.
    snapshots : tuple
        What was recorded so far, if anything is.
    """

    state: S
    values: tuple[float, ...]
    seconds: tuple[float, ...] = (0.0,)
    snapshots: tuple[Any, ...] = ()


def asks_to_stop(callback: Callable[[Any], Any] | None, step: Any) -> bool:
    """Show a step to a callback, if there is one; return whether it says so by true itself."""
    answer = None if callback is None else callback(step)
    return isinstance(answer, bool | np.bool_) and bool(answer)


def iterate(
    step: Callable[[S], tuple[S, float]],
    state: S,
    value: float,
    rule: Rule,
    max_iter: int,
    *,
    monotone: bool = True,
    on_step: Callable[[S, list[float]], bool] | None = None,
    keep: Callable[[Progress[S]], Any] | None = None,
    begun: Progress[S] | None = None,
) -> Run[S]:
    """Take steps that raise an objective until the rule is reached.

    Where steps are ``monotone`` in exact arithmetic, one that loses to rounding ends the run and
    is not taken; nor is one that raises ``Ended``. ``on_step`` sees every accepted state with the
    trace so far; true stops. ``keep`` is handed the progress wherever there are steps to come,
    and a run that has ``begun`` goes on from it, in place of ``state``, to the same end.
    """
    begun = begun or Progress(state, (value,))
    state, values, seconds = begun.state, list(begun.values), list(begun.seconds)
    start = time.perf_counter() - seconds[-1]
    status = Status.MAX_ITER
    for _ in range(max_iter + 1 - len(values)):
        try:
            new, value = step(state)
        except Ended as end:
            status = end.status
            break
        if not math.isfinite(value) or (monotone and value < values[-1]):
            status = settled(values[-1], value, rule.weight)
            break
        state = new
        values.append(value)
        seconds.append(time.perf_counter() - start)
        stopped = on_step is not None and on_step(state, values)
        if rule.reached(values):
            status = Status.CONVERGED
            break
        if keep is not None:
            keep(Progress(state, tuple(values), tuple(seconds)))
        if stopped:
            status = Status.CALLBACK
            break
    return Run(state, tuple(values), tuple(seconds), status)


def settled(old: float, new: float, weight: float) -> Status:
    """Return why a step that cannot lose in exact arithmetic has lost."""
    rounding = old - new <= 2.0**26 * ROUNDING * max(abs(old), weight)
    return Status.CONVERGED if rounding else Status.PRECISION
