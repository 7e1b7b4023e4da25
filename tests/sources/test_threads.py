"""The pool shares the cores: between threads, within workers, and across forks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest

from mixtura import GaussianMixture, InputError
from mixtura.kernels import cpu
from mixtura.sources import threads
from mixtura.sources.threads import for_each, n_threads

CORES = joblib.cpu_count()
#: Seconds after which something that should have ended counts as hung.
HUNG = 60.0

# From Python 3.12 on, forking a process with threads warns.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave it to each test to set the variables that count."""
    for name in ("MIXTURA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("n_jobs", "expected"),
    [
        (None, CORES),
        (1, 1),
        (3, 3),
        (np.int64(2), 2),
        (-1, CORES),
        (-CORES, 1),
        (-CORES - 5, 1),
    ],
)
def test_n_threads_counts_like_joblib(n_jobs: int | None, expected: int) -> None:
    assert n_threads(n_jobs) == expected


@pytest.mark.parametrize("n_jobs", [0, True, 1.5, "2"])
def test_n_threads_refuses_what_is_no_number_of_threads(n_jobs: Any) -> None:
    with pytest.raises(InputError, match="n_jobs"):
        n_threads(n_jobs)


@pytest.mark.parametrize(
    ("own", "openmp", "expected"),
    [
        ("1", None, 1),
        (None, "1", 1),
        ("1", str(CORES), 1),
        (str(CORES), "1", CORES),
        ("1000000", None, CORES),
        ("", "1", 1),
        (None, "many", CORES),
        (None, "0", CORES),
    ],
)
def test_n_threads_heeds_the_environment(
    own: str | None, openmp: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MIXTURA_NUM_THREADS", own), ("OMP_NUM_THREADS", openmp)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert n_threads(None) == expected


@pytest.mark.parametrize("own", ["many", "0", "-1", "²"])
def test_a_senseless_number_of_threads_is_named(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXTURA_NUM_THREADS", own)
    with pytest.raises(InputError, match="MIXTURA_NUM_THREADS="):
        n_threads(None)


def test_n_threads_is_one_in_a_child_of_multiprocessing() -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(n_threads, (None,)).get(HUNG) == 1


def test_n_threads_shares_the_cores_among_joblib_workers() -> None:
    workers = 2
    counts = joblib.Parallel(n_jobs=workers)(joblib.delayed(n_threads)(None) for _ in range(4))
    assert set(counts) == {max(1, CORES // workers)}


@pytest.mark.parametrize("n_workers", [1, 2, 4])
@pytest.mark.parametrize("n", [0, 1, 3, 50])
def test_for_each_calls_every_number_once(n: int, n_workers: int) -> None:
    calls: list[int] = []
    for_each(calls.append, n, n_workers)
    assert sorted(calls) == list(range(n))


def test_for_each_runs_calls_side_by_side() -> None:
    both = threading.Barrier(2, timeout=HUNG)
    for_each(lambda number: both.wait(), 2, 2)  # one after the other would never meet


def test_for_each_keeps_to_the_calling_thread_if_told_to() -> None:
    seen: set[str] = set()
    for_each(lambda number: seen.add(threading.current_thread().name), 5, 1)
    assert seen == {threading.current_thread().name}


@pytest.mark.parametrize("error", [ValueError("bad block"), KeyboardInterrupt()])
def test_for_each_stops_at_an_error_and_raises_it(error: BaseException) -> None:
    calls: list[int] = []

    def fail_at_three(number: int) -> None:
        calls.append(number)
        if number == 3:
            raise error

    with pytest.raises(type(error)):
        for_each(fail_at_three, 1000, 1)
    assert calls == [0, 1, 2, 3]


@pytest.mark.parametrize("failing", [0, 1])
def test_for_each_stops_all_threads_at_an_error(failing: int) -> None:
    calls: list[int] = []
    failures: list[str] = []
    started, failed = threading.Barrier(2, timeout=HUNG), threading.Event()

    def one_fails(number: int) -> None:
        calls.append(number)
        started.wait()
        if number == failing:
            failed.set()
            raise ValueError("bad block")
        failed.wait(HUNG)
        time.sleep(0.05)  # for the failing thread to leave

    with pytest.raises(ValueError, match="bad block"):
        for_each(one_fails, 1000, 2, on_failure=lambda: failures.append("told"))
    assert sorted(calls) == [0, 1]
    assert set(failures) == {"told"}


def test_for_each_takes_no_more_numbers_once_interrupted() -> None:
    calls: list[int] = []
    main, stopped = threading.main_thread().ident, threading.Event()
    assert main is not None

    def interrupt(number: int) -> None:
        calls.append(number)
        if number == 0:
            time.sleep(0.1)  # a signal on the way into a wait does not end it
            signal.pthread_kill(main, signal.SIGINT)
        assert stopped.wait(HUNG)

    with pytest.raises(KeyboardInterrupt):
        for_each(interrupt, 1000, 2, on_failure=stopped.set)
    assert set(calls) <= {0, 1}


def test_for_each_within_for_each_ends() -> None:
    calls: list[int] = []

    def outer(number: int) -> None:
        for_each(calls.append, 5, 2)

    ended_in_time(lambda: for_each(outer, 4, 2))
    assert sorted(calls) == sorted(list(range(5)) * 4)


def test_a_callback_may_fit_another_mixture() -> None:
    rows = table(5000)

    def fit_another(step: Any) -> bool:
        GaussianMixture(2, max_iter=1, reg_covar=1e-6, tol=1e9, engine="numba", n_jobs=2).fit(rows)
        return False

    model = GaussianMixture(
        2,
        n_init=4,
        max_iter=2,
        tol=1e9,
        engine="numba",
        n_jobs=2,
        random_state=0,
        callback=fit_another,
    )
    ended_in_time(lambda: model.fit(rows))
    assert len(model.restarts_) == 4


def ended_in_time(function: Callable[[], Any]) -> None:
    """Run a function on a thread of its own, and fail where it hangs or raises."""
    outcome: list[str] = []

    def run() -> None:
        try:
            function()
            outcome.append("ended")
        except BaseException as error:
            outcome.append(repr(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HUNG)
    assert outcome == ["ended"]


def test_blocks_running_at_once_are_no_more_than_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, running, most = threading.Lock(), 0, 0
    expect = cpu.expect

    def counted(*arguments: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return expect(*arguments)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(cpu, "expect", counted)
    rows = table(20_000)
    fast = {"init_params": "random_from_data", "tol": 1e9, "engine": "numba", "n_jobs": 2}
    models = [GaussianMixture(8, random_state=i, **fast) for i in range(8)]
    joblib.Parallel(n_jobs=4, prefer="threads")(joblib.delayed(m.fit)(rows) for m in models)
    assert 1 <= most <= 2


def table(n: int = 60_000) -> Any:
    """Return rows (n, 8) in three groups, enough for several blocks."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 8)) + 4.0 * rng.integers(0, 3, size=(n, 1))


def used_model() -> GaussianMixture:
    """Return a model whose fit has just used the pool of this process."""
    model = GaussianMixture(3, engine="numba", n_jobs=2, random_state=0)
    model.fit(table())
    assert threads._pools
    return model


def parameters(model: GaussianMixture) -> bytes:
    """Return the fitted parameters, bit by bit."""
    return b"".join(a.tobytes() for a in (model.weights_, model.means_, model.covariances_))


def assert_same_to_rounding(one: GaussianMixture, other: GaussianMixture) -> None:
    """Compare fits of two processes, of which one may have compiled what the other has loaded."""
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_fits_the_same(method: str) -> None:
    model = used_model()
    again = GaussianMixture(**model.get_params())
    with multiprocessing.get_context(method).Pool(1) as pool:
        fitted = pool.apply_async(again.fit, (table(),)).get(HUNG)
    assert_same_to_rounding(fitted, model)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_fits_the_same() -> None:
    model = used_model()
    expected, rows = parameters(model), table()
    child = os.fork()
    if child == 0:  # pragma: no cover - the parent sees the exit status alone
        signal.alarm(int(HUNG))
        try:
            same = parameters(GaussianMixture(**model.get_params()).fit(rows)) == expected
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_joblib_workers_fit_the_same() -> None:
    model = used_model()
    again = GaussianMixture(**{**model.get_params(), "n_jobs": None})
    fits = joblib.Parallel(n_jobs=2)(joblib.delayed(again.fit)(table()) for _ in range(2))
    assert len({parameters(fitted) for fitted in fits}) == 1
    assert_same_to_rounding(fits[0], model)


def test_a_failure_on_the_pool_hurries_the_calling_thread() -> None:
    caller, begun, hurried = threading.current_thread(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def work(_: int) -> None:
        if threading.current_thread() is caller:
            begun.set()
            seen.append(hurried.wait(10))
        elif begun.wait(10):
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        for_each(work, 2, 2, hurried.set)
    assert seen == [True]


def test_one_of_several_threads_at_work_keeps_to_itself() -> None:
    seen: list[int] = []

    def look(_: int) -> None:
        seen.append(threading.get_ident())

    with threads.on_one_thread():
        with threads.on_one_thread():  # which it is already
            pass
        for_each(look, 50, 4)
    assert set(seen) == {threading.get_ident()}
    assert not threads._worker.busy
