"""One pool of threads for the whole process, so that nested and concurrent fits share the cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import joblib

from mixtura._errors import InputError

_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):  # a forked child has the records of the pool but no threads
    os.register_at_fork(after_in_child=_pools.clear)


def n_threads(n_jobs: int | None) -> int:
    """Return the number of threads to use.

    ``None`` is every core that this process may use: ``MIXTURA_NUM_THREADS`` or
    ``OMP_NUM_THREADS`` where set (joblib sets the latter for its workers), one in a child of
    ``multiprocessing``, else what the affinity mask and container limits leave. Negative
    numbers count from all cores, as in joblib.
    """
    if n_jobs is None:
        return _default()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
        raise InputError(f"n_jobs={n_jobs!r} must be None or a whole number other than 0.")
    return n_jobs if n_jobs > 0 else max(1, joblib.cpu_count() + 1 + n_jobs)


def _default() -> int:
    for variable in ("MIXTURA_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(variable, "").strip()
        if text.isdigit() and int(text) > 0:
            return min(int(text), int(joblib.cpu_count()))
    if multiprocessing.parent_process() is not None:
        return 1
    return int(joblib.cpu_count())


def for_each(function: Callable[[int], Any], n: int, threads: int) -> None:
    """Call ``function(i)`` for i in range(n), on the pool where that helps.

    Threads take numbers from one shared iterator. If a call fails or the wait is interrupted,
    no further number is taken, and the error is raised once running calls have ended.
    """
    numbers = iter(range(n))
    if threads == 1 or n == 1:
        _drain(function, numbers)
        return
    pool = _pool(threads)
    futures = [pool.submit(_drain, function, numbers) for _ in range(min(threads, n))]
    try:
        for future in futures:
            future.result()
    finally:
        for _ in numbers:
            pass
        wait(futures)


def _drain(function: Callable[[int], Any], numbers: Iterable[int]) -> None:
    for number in numbers:
        function(number)


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="mixtura")
    return _pools[threads]
