"""Watch a fit: show how far it is, keep the best parameters, and stop it on Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from mixtura.algorithms.stopping import SAFETY
from mixtura.cli.console import announce, messages
from mixtura.estimators.fitting import AUTO_TOL

AUTO_GOAL = SAFETY * AUTO_TOL  # nats per row still to come where the default rule stops


class Watch:
    """The callback of a fit; restarts may call it from several threads.

    ``keep`` says whether an interrupted fit is worth finishing its iteration.
    """

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        self.best: Any = None
        self.iterations = 0
        self.stopping = False
        self.progress: Progress | None = None
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, step: Any) -> bool:
        """Take note of one iteration; return True to stop the fit."""
        with self._lock:
            self.iterations += 1
            self.take(step)
            if self.progress is not None:
                start = f"start {step.restart + 1}, " if step.restart else ""
                line = f"{start}iteration {step.iteration}, {self.words(step)}"
                self.progress.update(self.progress.task_ids[0], description=line)
        return self.stopping

    def take(self, step: Any) -> None:
        """Keep what is needed to go on from the best iteration so far."""
        raise NotImplementedError

    def words(self, step: Any) -> str:
        """Return how far the fit is; a line of the terminal has 80 characters."""
        raise NotImplementedError

    def time_left(self, iterations: float) -> str:
        """Return how long so many iterations take."""
        return duration(iterations * (time.monotonic() - self._started) / self.iterations)


class MixtureWatch(Watch):
    """The callback of a GaussianMixture; ``best`` is its mixture of highest log-likelihood.

    Less a ``charge`` for each parameter, where mixtures have different numbers of components.
    """

    def __init__(
        self, tol: float | str, max_iter: int, weight: float, *, keep: bool, charge: float = 0.0
    ) -> None:
        super().__init__(keep=keep)
        self.tol = tol
        self.max_iter = max_iter
        self.weight = weight
        self.charge = charge
        self._best_value = -math.inf

    def take(self, step: Any) -> None:
        """Keep the mixture of highest log-likelihood, less what is charged."""
        value = step.log_likelihood
        if self.charge:
            value -= self.charge * step.mixture.n_parameters()
        if value > self._best_value or self.best is None:
            self._best_value, self.best = value, step.mixture

    def words(self, step: Any) -> str:
        """Return the log-likelihood, what it has gained, and the time left."""
        gain = step.gain / self.weight
        left = iterations_left(gain, step.remaining, self.tol)
        left = min(left, self.max_iter - step.iteration)
        return (
            f"log-likelihood/row {step.log_likelihood / self.weight:.5f}, gain {gain:.0e}, "
            f"{self.time_left(left)} left"
        )


class CentresWatch(Watch):
    """The callback of a KMeans; ``best`` holds the last step of every start.

    A step does not know its inertia, so that the best of them remains to be found.
    """

    def __init__(self, n_starts: int, max_iter: int, *, keep: bool) -> None:
        super().__init__(keep=keep)
        self.n_starts = n_starts
        self.max_iter = max_iter

    def take(self, step: Any) -> None:
        """Keep the step."""
        self.best = {**(self.best or {}), step.restart: step}

    def words(self, step: Any) -> str:
        """Return how far the centres have moved, and the time left at the most."""
        left = (self.n_starts - step.restart) * self.max_iter - step.iteration
        moved = math.sqrt(step.shift)
        return f"centres moved by {moved:.2e}, at most {self.time_left(left)} left"


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
def models_shown(total: int, *, visible: bool) -> Iterator[Callable[[Any], None]]:
    """Show on a terminal's standard error how many models are done; give what counts them."""
    if not (visible and messages.is_terminal):
        yield lambda model: None
        return
    columns = (SpinnerColumn(), TextColumn("models"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        task = progress.add_task("models", total=total)
        yield lambda model: progress.advance(task)


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
