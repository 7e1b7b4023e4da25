"""Fits that survive being killed: what they have so far in a file, and back.

A checkpoint holds what the fit was asked for and of which data, the state of the random numbers
before its first start, the outcome of every start that has ended and the progress of those under
way. All of it is exact, so that a fit that goes on ends where an undisturbed one does, to the bit.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import fields, is_dataclass
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mixtura._errors import CheckpointError, ClusterError, InputError
from mixtura._text import shortened
from mixtura.algorithms.acceleration import Path
from mixtura.algorithms.em import FitResult
from mixtura.algorithms.kmeans import Clustering, Standing
from mixtura.algorithms.lloyd import Settled
from mixtura.algorithms.loop import Progress, Run
from mixtura.algorithms.ratings import Raters
from mixtura.algorithms.stopping import Status
from mixtura.estimators.identity import digest
from mixtura.io.atomic import reason
from mixtura.io.checkpoint import (
    check_place,
    damaged,
    read_checkpoint,
    remove_checkpoint,
    unwritable,
    write_checkpoint,
)
from mixtura.kernels.incomplete_kmeans import CellTally
from mixtura.kernels.kmeans import Tally
from mixtura.model import Family, Mixture, Statistics, family_named

logger = logging.getLogger("mixtura")

#: What a state is made of, by name; nothing else is ever made of a file.
RECORDS: dict[str, Any] = {
    record.__name__: record
    for record in (
        *(CellTally, Clustering, FitResult, Mixture, Path, Progress),
        *(Raters, Run, Settled, Standing, Statistics, Tally),
    )
}
#: Parameters that change nothing about where a fit ends.
ASIDE = ("callback", "checkpoint", "checkpoint_every", "n_jobs", "verbose", "verbose_interval")
#: What scikit-learn checks of the parameters.
CONSTRAINTS: dict[str, list[Any]] = {
    "checkpoint": [str, PathLike, None],
    "checkpoint_every": [str, Real],
}
UNITS = {None: 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


class Checkpoint:
    """What one fit has so far; with a path, in a file that is written when it is due.

    Starts that run side by side may tell of their progress from threads of their own.

    Attributes
    ----------
    random : RandomState
        The random numbers that all starts are drawn from.
    stopped : bool
        Whether a callback has ended the fit, which can go on.
    """

    def __init__(self, random: Any, path: Any = None, every: float = 0.0) -> None:
        self.random, self.path, self.every = random, path, every
        self.stopped = False
        self.facts: dict[str, Any] = {}
        self.done: dict[int, Any] = {}
        self.running: dict[int, Any] = {}
        self._written, self._failed = time.monotonic(), False
        self._writing = threading.Lock()

    def outcome(self, start: int) -> Any:
        """Return the outcome of a start that has ended, or None."""
        return self.done.get(start)

    def begun(self, start: int) -> Progress[Any] | None:
        """Return the progress of a start that is under way, or None."""
        return self.running.get(start)

    def keeper(self, start: int) -> Callable[[Progress[Any]], None] | None:
        """Return what takes the progress of a start after each step, or None without a path."""
        if self.path is None:
            return None

        def keep(progress: Progress[Any]) -> None:
            self.running[start] = progress
            self._write_if_due()

        return keep

    def finish(self, start: int, outcome: Any, status: Status) -> None:
        """Take the outcome of a start, unless a callback has ended it, which can go on."""
        if status is Status.CALLBACK:
            self.stopped = True
        elif self.path is not None:
            self.done[start] = outcome
            self.running.pop(start, None)
            self._write_if_due()

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= self.every:
            self.write()

    def write(self) -> None:
        """Write the file; where that fails warn once, and leave the one that there is."""
        if not self._writing.acquire(blocking=False):  # another start is at it
            return
        try:
            write_checkpoint(self.path, *self._content())
        except OSError as error:
            if not self._failed:
                self._failed = True
                warnings.warn(
                    f"{self.path}: the checkpoint cannot be written: {reason(error)}. The fit goes "
                    "on, and tries again; until then the last checkpoint stays.",
                    UserWarning,
                    stacklevel=2,
                )
        finally:
            self._written = time.monotonic()
            self._writing.release()

    def _content(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        running = dict(self.running)  # before what is done, so that no start is in neither
        parts = {"done": dict(self.done), "running": running}
        arrays: dict[str, NDArray[Any]] = {}
        states = {
            part: {str(start): packed(state, arrays) for start, state in states.items()}
            for part, states in parts.items()
        }
        return arrays, {**self.facts, **states}

    def begin(self, facts: dict[str, Any]) -> None:
        """Write the first file of a fit, so that it is known that one can be written."""
        self.facts = {**facts, "random": plain(self.random.get_state(legacy=False))}
        try:
            write_checkpoint(self.path, *self._content())
        except OSError as error:
            raise unwritable(self.path, error) from None

    def resume(self, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> None:
        """Take over what is in a file."""
        try:
            self.random = deepcopy(self.random)
            self.random.set_state(metadata["random"])
            self.facts = {name: metadata[name] for name in ("fit", "settings", "data", "random")}
            for part, own in (("done", self.done), ("running", self.running)):
                for start, state in metadata[part].items():
                    own[int(start)] = unpacked(state, arrays)
        except (KeyError, TypeError, ValueError, IndexError):
            raise damaged(self.path) from None


@contextmanager
def kept(estimator: Any, data: Callable[[], dict[str, Any]]) -> Iterator[Checkpoint]:
    """Give the checkpoint of a fit: empty, or what its file holds; remove the file at the end.

    ``data`` describes the data. A fit that fails, or that a callback ends, leaves the file with
    the latest it has, if that is anything.
    """
    random = check_random_state(estimator.random_state)
    path = getattr(estimator, "checkpoint", None)
    if path is None:
        yield Checkpoint(random)
        return
    checkpoint = Checkpoint(random, path, seconds(estimator.checkpoint_every))
    facts, found = {**purpose(estimator), "data": data()}, check(estimator)
    if found is None:
        checkpoint.begin(facts)
    else:
        check_data(path, found[1]["data"], facts["data"])
        checkpoint.resume(*found)
        counts = len(checkpoint.done), len(checkpoint.running)
        logger.info("going on from %s: starts that have ended: %d, under way: %d", path, *counts)
    try:
        yield checkpoint
    except BaseException as error:
        checkpoint.stopped = bool(checkpoint.done or checkpoint.running)
        if checkpoint.stopped and isinstance(error, ClusterError):
            raise ClusterError(f"{error} It will go on from its checkpoint {path}.") from error
        raise
    finally:
        if checkpoint.stopped:
            checkpoint.write()
        else:
            remove_checkpoint(path)


def unkept(estimator: Any) -> Any:
    """Return an estimator for runs that are no ``fit``, and have no checkpoint."""
    other = copy(estimator)
    other.checkpoint = None
    return other


def check(estimator: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Raise where a fit cannot be kept or not go on; return what the file holds, if there is one.

    That takes no look at the data.
    """
    path = estimator.checkpoint
    if path is None:
        return None
    seconds(estimator.checkpoint_every)
    if isinstance(getattr(estimator, "n_components", None), str):
        raise InputError(
            "checkpoint does not go with n_components='auto', as its search cannot go on from the "
            "middle; give a number of components."
        )
    check_place(path)
    found = read_checkpoint(path)
    if found is not None:
        check_purpose(path, found[1], purpose(estimator))
    return found


def seconds(every: Any) -> float:
    """Return the seconds between checkpoints: a number, or a text such as ``"5min"``."""
    if isinstance(every, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(s|min|h)?\s*", every)
        if match is not None:
            return float(match[1]) * UNITS[match[2]]
    elif isinstance(every, Real) and not isinstance(every, bool) and 0.0 <= float(every) < math.inf:
        return float(every)
    raise InputError(
        f"checkpoint_every={every!r} must be a number of seconds of at least 0, or a text such as "
        "'30s', '5min' or '1h'."
    )


def purpose(estimator: Any) -> dict[str, Any]:
    """Return which fit this is: the estimator's name, and its parameters that count."""
    params = estimator.get_params(deep=False)
    settings = {name: described(value) for name, value in params.items() if name not in ASIDE}
    if params.get("warm_start") and hasattr(estimator, "means_"):
        settings["warm_start"] = f"from {described(estimator.mixture_)}"
    return {"fit": type(estimator).__name__, "settings": settings}


def described(value: Any) -> Any:
    """Return a parameter as JSON knows it; arrays, and what is like them, by their digest."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mixture):
        arrays = (value.weights, value.means, value.covariances)
        return f"a Mixture ({value.covariance_type}, {digest(*arrays)})"
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else "?"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):  # a RandomState, of which the file has the state
        return f"a {type(value).__name__}"
    return f"an array of shape {array.shape} ({digest(array)})"


def check_purpose(path: Any, kept: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise naming in what a fit differs from the one that a checkpoint is of."""
    if kept.get("fit") != own["fit"]:
        apart = [f"a {kept.get('fit')} there and a {own['fit']} here"]
    else:
        then, now = kept["settings"], own["settings"]
        names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        apart = [f"{name} is {then.get(name)!r} there and {now.get(name)!r} here" for name in names]
    if apart:
        raise other(path, "a fit with other settings", apart)


def check_data(path: Any, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise naming in what data differ from those that a checkpoint is of."""
    for name in now:
        if then.get(name) == now[name]:
            continue
        words = f"{name} differ"
        if name not in ("cells", "weights"):  # of which there are digests
            old, new = (shortened(each[name], 60) for each in (then, now))
            words = f"{name}: {old} there and {new} here"
        raise other(path, "a fit of other data", [words])


def other(path: Any, what: str, apart: list[str]) -> CheckpointError:
    """Return the error for the checkpoint of another fit."""
    return CheckpointError(
        f"{path}: the checkpoint is of {what}: {'; '.join(apart)}. Run that fit to its end, give "
        "this one another path, or delete the file to begin anew."
    )


def packed(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a state as JSON values, its arrays put into ``arrays``.

    The order of their axes in memory is kept, as sums of many numbers round by it.
    """
    if isinstance(value, np.ndarray):
        axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
        name = str(len(arrays))
        arrays[name] = value.transpose(axes)
        return {"array": name, "axes": axes}
    if isinstance(value, Status):
        return {"status": value.name}
    if isinstance(value, Family):
        return {"family": value.name}
    if is_dataclass(value):
        own = {each.name: packed(getattr(value, each.name), arrays) for each in fields(value)}
        return {"record": type(value).__name__, "fields": own}
    if isinstance(value, tuple):
        return [packed(each, arrays) for each in value]
    return value


def unpacked(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return the state that ``packed`` was given."""
    if isinstance(value, list):
        return tuple(unpacked(each, arrays) for each in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(arrays[value["array"]]).transpose(np.argsort(value["axes"]))
    if "status" in value:
        return Status[value["status"]]
    if "family" in value:
        return family_named(value["family"])
    own = {name: unpacked(each, arrays) for name, each in value["fields"].items()}
    return RECORDS[value["record"]](**own)


def plain(value: Any) -> Any:
    """Return the state of random numbers in JSON's types."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
