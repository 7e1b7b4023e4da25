"""Measurements that need a process of their own: memory, first calls, imports.

``python -m benchmarks.processes NAME ARGUMENTS`` measures once, in that process, and prints JSON.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import ROOT
from benchmarks.timing import Row, Subject, compared, interleaved

TINY_ROWS = 1000
IMPORT = "from time import perf_counter as t; s = t(); import {}; print(t() - s)"


def memory(
    X: Any, module: str, estimator: str, parameters: Mapping[str, Any], methods: Sequence[str]
) -> dict[str, float]:
    """Return the MiB that an estimator's methods need beyond the rows, called in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, X)
        return _child("memory", str(path), module, estimator, json.dumps(parameters), *methods)


def first_call(family: str, repeats: int) -> list[Row]:
    """Time what first calls take beyond second ones, without and with machine code on disk."""
    empty, cached = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            empty.append(_child("first_call", family, NUMBA_CACHE_DIR=folder))
            cached.append(_child("first_call", family, NUMBA_CACHE_DIR=folder))
    rows = []
    for call in empty[0]:
        compiling, loading = ([each[call] for each in runs] for runs in (empty, cached))
        subject = Subject(f"first {call}", family=family, peer="itself, cached on disk")
        medians = float(np.median(compiling)), float(np.median(loading))
        details = {"compiling": compiling, "loading": loading}
        rows.append(Row(subject, "s", *medians, details=details))
    return rows


def imports(repeats: int) -> list[Row]:
    """Time the imports of both libraries in fresh interpreters, in turn."""
    calls = {
        "ours": lambda: _import_seconds("mixtura"),
        "theirs": lambda: _import_seconds("sklearn.mixture"),
    }
    subject = Subject("import", peer="sklearn.mixture")
    return [compared(subject, interleaved(calls, repeats), 1 / 1.2)]


def _import_seconds(module: str) -> float:
    return float(_run([sys.executable, "-c", IMPORT.format(module)]))


def _child(*arguments: str, **environment: str) -> dict[str, float]:
    measured: dict[str, float] = json.loads(
        _run([sys.executable, "-m", "benchmarks.processes", *arguments], **environment)
    )
    return measured


def _run(command: list[str], **environment: str) -> str:
    """Return what a program prints, or raise with what it complains of."""
    env = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def measure_memory(
    path: str, module: str, estimator: str, parameters: str, *methods: str
) -> dict[str, float]:
    """Measure in this process, after calls on a tiny table have loaded all code."""
    warnings.simplefilter("ignore")
    X = np.load(path)
    model = getattr(importlib.import_module(module), estimator)(**json.loads(parameters))
    tiny = X[:TINY_ROWS].copy(order="K")
    warm = copy(model)
    if module == "mixtura":  # a tiny table alone would not load machine code
        warm.engine = "numba"
    for method in methods:
        getattr(warm, method)(tiny)
    return {method: _peak_beyond(getattr(model, method), X) for method in methods}


def _peak_beyond(call: Callable[[Any], Any], X: Any) -> float:
    """Return the MiB by which the resident set peaks above its size before the call (Linux).

    What freed memory the allocator keeps goes back first, so that a call cannot live on it.
    """
    ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
    call(X)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """Return a field of /proc/self/status in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def measure_first_call(family: str) -> dict[str, float]:
    """Measure in this process, which has not called anything yet."""
    from mixtura import GaussianMixture

    X = np.random.default_rng(0).normal(size=(100, 2))
    model = GaussianMixture(2, covariance_type=family, engine="numba", tol=1e3, random_state=0)
    start = time.perf_counter()
    import numba  # noqa: F401

    seconds = {"import of numba": time.perf_counter() - start}
    for name in ("fit", "predict"):
        method = getattr(model, name)
        first, second = (_seconds(method, X) for _ in range(2))
        seconds[name] = first - second
    return seconds


def _seconds(call: Callable[[Any], Any], X: Any) -> float:
    start = time.perf_counter()
    call(X)
    return time.perf_counter() - start


if __name__ == "__main__":
    programs: dict[str, Callable[..., dict[str, float]]] = {
        "memory": measure_memory,
        "first_call": measure_first_call,
    }
    print(json.dumps(programs[sys.argv[1]](*sys.argv[2:])))
