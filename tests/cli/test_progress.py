"""Watching and stopping a fit."""

from __future__ import annotations

import io
import math
import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mixtura import KMeansStep
from mixtura.cli import progress
from mixtura.cli.progress import (
    CentresWatch,
    MixtureWatch,
    Watch,
    duration,
    iterations_left,
    models_shown,
    shown,
    stopping_on_interrupt,
)


def step(iteration: int, log_likelihood: float, **others: Any) -> Any:
    """Return what a callback is given."""
    fields = {"restart": 0, "gain": 2.0, "remaining": 0.1, "mixture": f"mixture {iteration}"}
    return SimpleNamespace(
        iteration=iteration, log_likelihood=log_likelihood, **{**fields, **others}
    )


def watch(**options: Any) -> Watch:
    """Return a watch over 100 rows."""
    return MixtureWatch(**{"tol": "auto", "max_iter": 50, "weight": 100.0, "keep": True, **options})


def geometric(ratio: float, first: float, tol: float | str) -> tuple[float, int]:
    """Return the estimate after the first gain and the true count, for exact geometric gains."""
    gain, count = first, 0
    while (gain * ratio / (1 - ratio) if tol == "auto" else gain) > (
        progress.AUTO_GOAL if tol == "auto" else tol
    ):
        gain, count = gain * ratio, count + 1
    return iterations_left(first, first * ratio / (1 - ratio), tol), count


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("tol", ["auto", 1e-3, 1e-9])
def test_geometric_gains_are_foreseen(ratio: float, tol: float | str) -> None:
    estimate, count = geometric(ratio, 0.3, tol)
    assert estimate <= count < estimate + 1


def test_what_cannot_be_foreseen() -> None:
    for gain, remaining in ((0.0, 1.0), (1.0, math.inf), (math.nan, 1.0), (1.0, math.nan)):
        assert iterations_left(gain, remaining, "auto") == math.inf
    assert iterations_left(1.0, 1.0, 0.0) == math.inf


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (0.2, "0:01"), (61, "1:01"), (3600, "1:00:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_best_parameters_are_kept() -> None:
    seen = watch()
    for iteration, value in ((1, -300.0), (2, -200.0), (3, -250.0), (1, -400.0)):
        assert seen(step(iteration, value)) is False
    assert seen.best == "mixture 2"
    assert seen.iterations == 4


def centres_step(restart: int, iteration: int) -> KMeansStep:
    """Return what the callback of a KMeans is given."""
    return KMeansStep(restart, iteration, 4e-6, np.zeros((1, 1)))


def test_the_last_step_of_every_start_of_k_means_is_kept() -> None:
    seen = CentresWatch(n_starts=2, max_iter=9, keep=True)
    steps = [centres_step(0, 1), centres_step(0, 2), centres_step(1, 1)]
    assert not any(seen(each) for each in steps)
    assert seen.best == {0: steps[1], 1: steps[2]}
    seen.stopping = True
    assert seen(centres_step(1, 2))


def test_words_on_k_means(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = CentresWatch(n_starts=3, max_iter=100, keep=True)
    monkeypatch.setattr(progress.time, "monotonic", lambda: seen._started + 10.0)
    seen.iterations = 10
    assert seen.words(centres_step(1, 40)) == "centres moved by 2.00e-03, at most 2:40 left"


def test_nothing_is_shown_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    seen = watch()
    with shown(seen, visible=True):
        assert seen.progress is None
        seen(step(1, -300.0))
    assert capsys.readouterr().err == ""


def test_the_line_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Console(stderr=True, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "messages", terminal)
    seen = watch()
    with shown(seen, visible=True):
        seen(step(1, -300.0))
        seen(step(2, -290.0, restart=2, gain=1.0, remaining=math.inf))
        assert seen.progress is not None
        seen.progress.refresh()
    text = capsys.readouterr().err
    assert "choosing the start" in text
    assert "start 3, iteration 2, log-likelihood/row -2.90000, gain 1e-02, 0:" in text
    with shown(watch(), visible=False):
        pass
    assert capsys.readouterr().err == ""


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_asks_and_the_second_breaks_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = watch()

    def fit() -> None:
        with stopping_on_interrupt(seen):
            assert seen(step(1, -300.0)) is False
            interrupt()
            assert seen(step(2, -299.0)) is True
            assert capsys.readouterr().err == (
                "stopping after this iteration; press Ctrl-C again to break off\n"
            )
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        fit()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("keep", [False, True])
def test_ctrl_c_breaks_off_at_once_where_there_is_nothing_to_keep(keep: bool) -> None:
    seen = watch(keep=keep)
    if not keep:
        seen(step(1, -300.0))
    with pytest.raises(KeyboardInterrupt), stopping_on_interrupt(seen):
        interrupt()
    assert seen.stopping


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        seen = watch()
        with stopping_on_interrupt(seen):
            interrupt()
        assert not seen.stopping
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    handlers = []

    def inside() -> None:
        with stopping_on_interrupt(watch()):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


def test_parameters_are_charged_where_numbers_of_components_differ() -> None:
    small, large = (SimpleNamespace(n_parameters=lambda n=n: n) for n in (5, 11))
    plain, charged = watch(), watch(charge=2.0)
    for each in (plain, charged):
        each(step(1, -50.0, mixture=small))
        each(step(1, -40.0, mixture=large))
    assert plain.best is large
    assert charged.best is small


def test_models_are_counted_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, file=io.StringIO(), width=80)
    for console, visible in ((terminal, False), (Console(file=io.StringIO()), True)):
        monkeypatch.setattr(progress, "messages", console)
        with models_shown(2, visible=visible) as done:
            done({})
        assert console.file.getvalue() == ""
    monkeypatch.setattr(progress, "messages", terminal)
    with models_shown(2, visible=True) as done:
        done({})
    assert "1/2" in terminal.file.getvalue()
