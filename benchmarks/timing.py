"""Interleaved timing, and lines of the result table."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

#: Rest before each timed call, so that threads of the library before it have stopped spinning
#: (seconds).
PAUSE = 0.3


@dataclass(frozen=True)
class Subject:
    """What a line of the result table is about."""

    measure: str
    case: str = ""
    family: str = ""
    data: str = ""
    peer: str = "scikit-learn"


@dataclass(frozen=True)
class Row:
    """A line of the result table; ``ratio`` is how many times better than the peer we are."""

    subject: Subject
    unit: str
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    quartiles: tuple[float, float] | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


class Measurement(NamedTuple):
    """A name to choose by, and the function that measures."""

    name: str
    run: Callable[[], list[Row]]


def interleaved(
    functions: Mapping[str, Callable[[], object]], repeats: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Return the seconds of each call, made in turn (A B A B ...).

    A function that returns a float has timed itself. Warming up, each is called once untimed.
    """
    for function in functions.values():
        if warm_up:
            function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            result = function()
            elapsed = time.perf_counter() - start
            seconds[name].append(result if isinstance(result, float) else elapsed)
    return seconds


def compared(
    subject: Subject,
    seconds: Mapping[str, list[float]],
    target: float | None = None,
    *,
    also: bool = True,
    note: str = "",
    details: Mapping[str, Any] | None = None,
) -> Row:
    """Return the row for paired calls of ``ours`` and ``theirs``.

    The ratio is the median over pairs of their seconds by ours. ``also`` is what else must hold
    for the target to be met.
    """
    ours, theirs = np.array(seconds["ours"]), np.array(seconds["theirs"])
    low, ratio, high = np.quantile(theirs / ours, [0.25, 0.5, 0.75]).tolist()
    return Row(
        subject,
        "s",
        float(np.median(ours)),
        float(np.median(theirs)),
        ratio,
        (low, high),
        "" if target is None else f"≥ {target:.2g}x",
        None if target is None else ratio >= target and also,
        note,
        {"seconds": dict(seconds)} | dict(details or {}),
    )


def default_fits(
    estimators: Mapping[str, Callable[..., Any]], k: int, X: Any, seeds: Iterable[int]
) -> tuple[dict[str, list[float]], dict[str, list[Any]]]:
    """Return the seconds and the models of fits with default settings, each seed in turn."""
    for estimator in estimators.values():
        fit(estimator(k, max_iter=1, random_state=0), X)
    seconds: dict[str, list[float]] = {name: [] for name in estimators}
    models: dict[str, list[Any]] = {name: [] for name in estimators}
    for seed in seeds:
        pair = {name: make(k, random_state=seed) for name, make in estimators.items()}
        calls = {name: partial(fit, model, X) for name, model in pair.items()}
        for name, values in interleaved(calls, 1, warm_up=False).items():
            seconds[name] += values
            models[name].append(pair[name])
    return seconds, models


def fit(model: Any, X: Any) -> None:
    """Fit, whether it converges or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
