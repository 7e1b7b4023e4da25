"""Watch a fit: show how far it is, keep the best parameters, and stop it on Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn

from mixtura import Mixture
from mixtura.algorithms.stopping import SAFETY
from mixtura.cli.console import announce, messages
from mixtura.estimators.fitting import AUTO_TOL

AUTO_GOAL = SAFETY * AUTO_TOL  # nats per row still to come where the default rule stops


class Watch:
    """The callback of a fit; restarts may call it from several threads.

    ``keep`` says whether an interrupted fit is worth finishing its iteration.
    """

    def __init__(self, tol: float | str, max_iter: int, weight: float, *, keep: bool) -> None:
        self.tol = tol
        self.max_iter = max_iter
        self.weight = weight
        self.keep = keep
        self.best: Mixture | None = None
        self.iterations = 0
        self.stopping = False
        self.progress: Progress | None = None
        self._best_log_likelihood = -math.inf
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, step: Any) -> bool:
        """Take note of one iteration; return True to stop the fit."""
        with self._lock:
            self.iterations += 1
            if step.log_likelihood > self._best_log_likelihood or self.best is None:
                self._best_log_likelihood, self.best = step.log_likelihood, step.mixture
            if self.progress is not None:
                self._show(self.progress, step)
        return self.stopping

    def _show(self, progress: Progress, step: Any) -> None:
        """Refresh the line on the terminal."""
        gain = step.gain / self.weight
        left = iterations_left(gain, step.remaining, self.tol)
        left = min(left, self.max_iter - step.iteration)
        seconds = left * (time.monotonic() - self._started) / self.iterations
        start = f"start {step.restart + 1}, " if step.restart else ""
        line = (  # within 80 characters
            f"{start}iteration {step.iteration}, log-likelihood/row "
            f"{step.log_likelihood / self.weight:.5f}, gain {gain:.0e}, {duration(seconds)} left"
        )
        progress.update(progress.task_ids[0], description=line)


def iterations_left(gain: float, remaining: float, tol: float | str) -> float:
    """Return how many iterations EM still needs, from its geometric convergence.

    Near the optimum gains shrink by a constant factor r, so that the gain still to come is
    ``gain * r / (1 - r)``. What the rule looks at, that sum ('auto') or the gain itself (a
    number), shrinks by the same factor.
    """
    if not (0 < gain < math.inf and 0 < remaining < math.inf):
        return math.inf
    now, goal = (remaining, AUTO_GOAL) if isinstance(tol, str) else (gain, tol)
    if now <= goal:
        return 0.0
    if goal == 0:
        return math.inf
    return math.log(goal / now) / math.log(remaining / (remaining + gain))


def duration(seconds: float) -> str:
    """Return a length of time as minutes and seconds."""
    whole = math.ceil(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@contextmanager
def shown(watch: Watch, *, visible: bool) -> Iterator[None]:
    """Show the progress of a fit on standard error while it is a terminal."""
    if not (visible and messages.is_terminal):
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=messages, transient=True) as progress:
        progress.add_task("choosing the start")
        watch.progress = progress
        yield


@contextmanager
def stopping_on_interrupt(watch: Watch) -> Iterator[None]:
    """Let the first Ctrl-C finish the iteration at hand; the next one breaks off.

    Where there is nothing to keep, Ctrl-C breaks off at once.
    """

    def on_interrupt(signum: int, frame: FrameType | None) -> None:
        if not watch.keep or watch.best is None or watch.stopping:
            watch.stopping = True
            raise KeyboardInterrupt
        watch.stopping = True
        announce("stopping after this iteration; press Ctrl-C again to break off")

    if not interruptible():
        yield
        return
    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def interruptible() -> bool:
    """Say whether Ctrl-C reaches this thread, and is not ignored as in a background job."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
