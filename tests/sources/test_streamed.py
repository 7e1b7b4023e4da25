"""StreamedSource: sums and samples of rows that are read in chunks."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura import InputError
from mixtura.sources import MemorySource, StreamedSource
from mixtura.sources.streamed import _Ahead, block_rows
from reading import Ring


def streamed(table, weights=None, **options):
    weight = float(table.n_rows if weights is None else weights.sum())
    sizes = {"row_work": 5e3, "result_size": 3, "weight": weight, "weighted": weights is not None}
    return StreamedSource(table, **{**sizes, **options})


def moments(rows, weights):
    w = np.ones(len(rows)) if weights is None else weights
    return np.array([w.sum(), w @ rows.sum(axis=1), w @ (rows**2).sum(axis=1)])


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 20_000),
    d=st.integers(1, 5),
    memory=st.sampled_from([1, 2**18, 2**22, 2**30]),
    threads=st.integers(1, 3),
    weighted=st.booleans(),
)
def test_sums_are_those_of_the_rows_whatever_threads_and_memory(n, d, memory, threads, weighted):
    rng = np.random.default_rng(n)
    X, weights = rng.normal(size=(n, d)), rng.random(n) if weighted else None
    table = Ring(X, weights, memory)
    total = streamed(table, weights, threads=threads).map_reduce(moments)
    np.testing.assert_allclose(total, moments(X, weights), rtol=1e-10, atol=1e-10)
    other = streamed(Ring(X, weights), weights).map_reduce(moments)
    assert (total == other).all()


def test_blocks_tell_where_they_lie_and_cover_every_row_once():
    X = np.arange(10_001.0)[:, None]
    seen = streamed(Ring(X, memory=1), threads=2).map_parts(
        lambda part, rows, weights: [(part.start, part.stop, rows[:, 0].copy())]
    )
    assert [start for start, _, _ in seen] == [0, *[stop for _, stop, _ in seen[:-1]]]
    np.testing.assert_array_equal(np.concatenate([rows for _, _, rows in seen]), X[:, 0])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 50, 4_999, 5_000, 9_000])
def test_samples_are_those_of_the_rows_in_memory(n, weighted):
    rng = np.random.default_rng(1)
    X, weights = rng.normal(size=(5_000, 3)), None
    if weighted:
        weights = np.where(rng.random(5_000) < 0.3, 0.0, rng.random(5_000))
    memory = MemorySource(X, weights, row_work=1.0, result_size=1)
    rows, own = streamed(Ring(X, weights, 1), weights).sample_rows(n, np.random.default_rng(7))
    expected, their = memory.sample_rows(n, np.random.default_rng(7))
    np.testing.assert_array_equal(rows, expected)
    assert (own is None) == (their is None)
    if weighted:
        np.testing.assert_array_equal(own, their)


def test_what_is_missed_is_sorted_within_blocks_where_asked_for():
    X = np.random.default_rng(0).normal(size=(4_000, 2))
    X[::2, 0] = np.nan

    def changes(rows, weights):
        holes = np.isnan(rows[:, 0])
        return np.count_nonzero(holes[1:] != holes[:-1])

    assert streamed(Ring(X), sort=True).map_reduce(changes) <= 10
    assert streamed(Ring(X)).map_reduce(changes) > 1_000


def test_a_chunk_is_read_while_one_is_computed_on():
    X = np.zeros((4_096, 1))
    reading, overlapped = threading.Event(), []

    class Slow(Ring):
        def chunks(self, n):
            for chunk in super().chunks(n):
                reading.set()
                time.sleep(0.01)
                reading.clear()
                yield chunk

    def look(rows, weights):
        overlapped.append(reading.wait(0.05))
        return 0

    streamed(Slow(X, memory=1)).map_reduce(look)
    assert len(overlapped) > 2
    assert all(overlapped[1:-2])


def test_no_chunk_is_skipped_where_threads_wait_for_the_memory_of_one():
    """Many threads on chunks of one block each wait for each other all the time."""
    X = np.arange(60_000.0)[:, None]

    def slow(part, rows, weights):
        time.sleep(0.0005 * (part.start % 3))
        return float(rows.sum())

    for _ in range(5):
        assert streamed(Ring(X, memory=1), threads=4).map_parts(slow) == X.sum()


def test_memory_bounds_the_chunks_but_not_what_comes_of_them():
    tables = [Ring(np.ones((100_000, 8)), memory=memory) for memory in (2**20, 2**26)]
    for table in tables:
        streamed(table).map_reduce(moments)
        most = max(table.memory / 16, 8 * 8 * block_rows(8, 5e3, 3))
        assert table.largest * 8 * 8 <= most
    assert tables[0].largest < tables[1].largest


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_of_reader_and_computation_end_the_pass(threads):
    class Torn(Ring):
        def chunks(self, n):
            yield from [next(iter(super().chunks(n)))]
            raise InputError("part 2 is torn")

    with pytest.raises(InputError, match="part 2 is torn"):
        streamed(Torn(np.ones((9_000, 1)), memory=1), threads=threads).map_reduce(moments)

    class Short(Ring):
        def chunks(self, n):
            yield from [next(iter(super().chunks(n)))]

    with pytest.raises(InputError, match="fewer rows than when it was opened"):
        streamed(Short(np.ones((9_000, 1)), memory=1), threads=threads).map_reduce(moments)

    def fail(rows, weights):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        streamed(Ring(np.ones((9_000, 1)), memory=1), threads=threads).map_reduce(fail)
    assert not [each for each in threading.enumerate() if "reader" in each.name]


def test_nobody_waits_for_a_block_that_an_interrupt_keeps_from_being_released(monkeypatch):
    def interrupted(self, part):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Ahead, "release", interrupted)
    ended = []

    def slow(rows, weights):
        time.sleep(0.05)
        return 0.0

    def run():
        with pytest.raises(KeyboardInterrupt):
            streamed(Ring(np.ones((60_000, 1)), memory=1), threads=3).map_reduce(slow)
        ended.append(True)

    caller = threading.Thread(target=run, daemon=True)
    caller.start()
    caller.join(20.0)
    assert ended


def test_blocks_are_tiles_of_bounded_size():
    assert block_rows(16, 143.0, 2_200) % 128 == 0
    assert 8 * 100_000 * block_rows(100_000, 1e6, 1) <= 2**22 or block_rows(100_000, 1e6, 1) == 128
    assert block_rows(2, 10.0, 10) > block_rows(2, 100.0, 10)
