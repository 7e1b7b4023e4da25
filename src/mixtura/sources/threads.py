"""One pool of threads for the whole process, so that nested and concurrent fits share the cores."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from numbers import Integral
from typing import Any

import joblib

from mixtura._errors import InputError

_pools: dict[int, ThreadPoolExecutor] = {}
_worker = threading.local()
_caller = threading.Lock()  # held by the calling thread that works along with the pool


def _afresh() -> None:
    """Forget threads and locks that a forked child has the records of, but not the threads."""
    global _caller
    _pools.clear()
    _caller = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_afresh)


def n_threads(n_jobs: int | None) -> int:
    """Return the number of threads to use.

    ``None`` is every core that this process may use: ``MIXTURA_NUM_THREADS`` or
    ``OMP_NUM_THREADS`` where set (joblib sets the latter for its workers), one in a child of
    ``multiprocessing``, else what the affinity mask and container limits leave. Negative
    numbers count from all cores, as in joblib.
    """
    if n_jobs is None:
        return _default()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise InputError(f"n_jobs={n_jobs!r} must be None or a whole number other than 0.")
    return int(n_jobs) if n_jobs > 0 else max(1, _cores() + 1 + int(n_jobs))


def _default() -> int:
    for variable in ("MIXTURA_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(variable, "").strip()
        if text.isdecimal() and int(text) > 0:
            return min(int(text), _cores())
        if text and variable == "MIXTURA_NUM_THREADS":
            raise InputError(f"{variable}={text!r} must be a whole number of at least 1.")
    if multiprocessing.parent_process() is not None:
        return 1
    return _cores()


def _cores() -> int:
    """Return the number of cores that this process may use."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return _counted(joblib.cpu_count, len(allowed), os.environ.get("LOKY_MAX_CPU_COUNT"))


@cache
def _counted(count: Callable[[], int], *_: Any) -> int:
    """Return what ``count`` says: it reads files, for longer than a small fit takes."""
    return int(count())


def for_each(
    function: Callable[[int], Any],
    n: int,
    threads: int,
    on_failure: Callable[[], Any] | None = None,
) -> None:
    """Call ``function(i)`` for i in range(n), on the pool where that helps.

    Threads take numbers from one shared iterator. If a call fails or the wait is interrupted,
    no further number is taken, and the error is raised once running calls have ended;
    ``on_failure``, called at once and perhaps again, may hurry them. A call from within a working
    thread stays on it, so that it never waits for threads that wait for it.

    One calling thread at a time works along with the pool, which has a thread less for it.
    """
    numbers = iter(range(n))
    if threads == 1 or n == 1 or getattr(_worker, "busy", False):
        _drain(function, numbers, on_failure)
        return
    futures: list[Future[None]] = []
    helps = _caller.acquire(blocking=False)
    try:
        for place in range(1, min(threads, n)):
            own = (place, threads, function, numbers, on_failure)
            futures.append(_pool(threads - 1).submit(_placed, *own))
        if helps or not futures:
            _along(threads, function, numbers, on_failure)
        for future in futures:
            future.result()
    except BaseException:
        if on_failure is not None:
            on_failure()
        raise
    finally:
        _exhaust(numbers)
        wait(futures)
        if helps:
            _caller.release()


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Keep what is called from here on the calling thread, one of several that are at work."""
    before = getattr(_worker, "busy", False)
    _worker.busy = True
    try:
        yield
    finally:
        _worker.busy = before


def _along(
    threads: int,
    function: Callable[[int], Any],
    numbers: Iterator[int],
    on_failure: Callable[[], Any] | None,
) -> None:
    """Work on the calling thread as the pool's threads do."""
    with on_one_thread():
        _placed(0, threads, function, numbers, on_failure)


def _placed(
    place: int,
    threads: int,
    function: Callable[[int], Any],
    numbers: Iterator[int],
    on_failure: Callable[[], Any] | None,
) -> None:
    """Work from the core of that number, if all cores are to be used.

    Woken threads may land on one core, and stay there while another is idle; measured, that
    halves the speed on two. The thread is free to move again at once.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))  # of this thread, not of the process
        if len(cores) == threads:
            with suppress(OSError):  # where it is not allowed, the scheduler does what it can
                os.sched_setaffinity(0, {cores[place]})
                os.sched_setaffinity(0, cores)
    _drain(function, numbers, on_failure)


def _drain(
    function: Callable[[int], Any], numbers: Iterator[int], on_failure: Callable[[], Any] | None
) -> None:
    try:
        for number in numbers:
            function(number)
    except BaseException:
        _exhaust(numbers)
        if on_failure is not None:  # at once: the calling thread may have long work of its own
            on_failure()
        raise


def _exhaust(numbers: Iterator[int]) -> None:
    for _ in numbers:
        pass


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        pool = ThreadPoolExecutor(threads, "mixtura", initializer=_mark)
        return _pools.setdefault(threads, pool)
    return _pools[threads]


def _mark() -> None:
    _worker.busy = True
