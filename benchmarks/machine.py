"""Where a result comes from: source, machine, threads, libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import threadpoolctl

import mixtura
from benchmarks.timing import interleaved
from mixtura.sources.threads import n_threads

ROOT = Path(__file__).parents[1]
LIBRARIES = (
    *("numpy", "scipy", "scikit-learn", "numba", "llvmlite"),
    *("faiss-cpu", "torch", "pomegranate", "scikit-surprise"),
    *("pyarrow", "dask", "dask-ml", "pyspark"),
)
VARIABLES = ("MIXTURA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_CPU_NAME")


def provenance() -> dict[str, Any]:
    """Return what a reader needs in order to judge or repeat a run."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain")),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "usable_cores": joblib.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        "mixtura": mixtura.__version__,
        "libraries": {name: _version(name) for name in LIBRARIES},
        "mixtura_threads": n_threads(None),
        "thread_pools": threadpoolctl.threadpool_info(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "load_average_before": load_average(),
    }


class Yardstick(NamedTuple):
    """A call by which others are judged, and how many billion operations or bytes it is."""

    call: Callable[[], object]
    amount: float


def yardsticks(dtype: np.dtype[Any]) -> dict[str, Yardstick]:
    """Return a product of 2000 x 2000 matrices, and a copy of 256 MiB, read and written."""
    a, b, c = np.random.default_rng(0).normal(size=(3, 2000, 2000)).astype(dtype)
    source, target = np.ones(2**25), np.ones(2**25)  # written to, or they would share one page
    return {
        "gemm": Yardstick(lambda: np.matmul(a, b, out=c), 2e-9 * 2000**3),
        "copy": Yardstick(lambda: np.copyto(target, source), 2e-9 * source.nbytes),
    }


@cache
def rates(dtype: np.dtype[Any]) -> dict[str, float]:
    """Return the yardsticks' GFlop/s and GB/s on this machine, in this run."""
    machine = yardsticks(dtype)
    seconds = interleaved({name: one.call for name, one in machine.items()}, 5)
    return {name: one.amount / float(np.median(seconds[name])) for name, one in machine.items()}


def load_average() -> list[float]:
    """Return how many processes wanted to run in the last 1, 5 and 15 minutes."""
    return list(os.getloadavg())


def _git(*arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
