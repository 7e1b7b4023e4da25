"""Rows on the workers of a cluster, which is one of threads here; tests/cluster has processes."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from mixtura import InputError, MissingDependencyError
from mixtura._errors import SingularCovarianceError
from mixtura.sources import MemorySource
from mixtura.sources import dask as module
from mixtura.sources.dask import FAN_IN, NO_DASHBOARD, DaskRows

#: What tasks of this process leave behind, to which they are sent by name.
MADE: list[int] = []
BEGAN = threading.Event()
SIZES: dict[str, Any] = {"row_work": 4e4, "result_size": 1}  # blocks of 128 rows


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(2, threads_per_worker=1, processes=False, **NO_DASHBOARD) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def table() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(1000, 3))


def counted(block: np.ndarray) -> np.ndarray:
    MADE.append(len(block))
    return block


def slow(rows: np.ndarray, weights: Any) -> float:
    BEGAN.set()
    MADE.append(len(rows))
    time.sleep(0.05)
    return 0.0


def source(rows: DaskRows, **sizes: Any) -> Any:
    weighted = rows.weight is not None
    return rows.as_source(weight=1.0, weighted=weighted, **{**SIZES, **sizes})


def collected(rows: DaskRows) -> list[Any]:
    """Return all blocks in the order in which they are added up."""
    found: list[Any] = source(rows).map_parts(
        lambda part, rows, weights: [(part.start, part.stop, rows, weights)]
    )
    return found


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("chunks", [(1000, 3), (300, 2), ((0, 100, 0, 900), 3)])
@pytest.mark.usefixtures("client")
def test_blocks_are_the_rows_of_an_array_in_order(dtype: str, chunks: Any) -> None:
    X = np.arange(3000).reshape(1000, 3).astype(dtype)
    with DaskRows(da.from_array(X, chunks=chunks)) as rows:
        blocks = collected(rows)
        assert (rows.n_rows, rows.n_features, rows.names, rows.weight) == (1000, 3, None, None)
    assert np.array_equal(np.concatenate([block[2] for block in blocks]), X)
    assert rows.dtype == blocks[0][2].dtype == (np.float32 if dtype == "f4" else np.float64)
    assert [start for start, *_ in blocks] == [0, *(stop for _, stop, *_ in blocks[:-1])]
    assert blocks[-1][1] == 1000


@pytest.mark.usefixtures("client")
def test_blocks_are_the_rows_of_a_dataframe_of_unknown_lengths(table: np.ndarray) -> None:
    frame = pd.DataFrame(table, columns=list("abc"))
    X = dd.from_pandas(frame, npartitions=5)
    X = X[X.a > 0]
    expected = table[table[:, 0] > 0]
    for weights in (None, expected[:, 1] ** 2, X.b**2, (X.b**2).to_dask_array()):
        for collection, names in ((X, ["a", "b", "c"]), (X.to_dask_array(), None)):
            with DaskRows(collection, weights) as rows:
                blocks = collected(rows)
                assert rows.names == names
            assert np.array_equal(np.concatenate([block[2] for block in blocks]), expected)
            if weights is not None:
                own = np.concatenate([block[3] for block in blocks])
                np.testing.assert_allclose(own, expected[:, 1] ** 2, rtol=1e-15)


@pytest.mark.parametrize("in_tasks", [0, 2**20])  # one copy of the function, or one in each
@pytest.mark.usefixtures("client")
def test_results_of_many_partitions_are_added_up_in_order(
    table: np.ndarray, in_tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IN_TASKS", in_tasks)
    n = FAN_IN**2 + 3
    with DaskRows(da.from_array(table[:n], chunks=(1, 3))) as rows:
        assert source(rows).map_parts(lambda part, *_: [part.start]) == list(range(n))


@pytest.mark.parametrize("n", [10, 400, 2000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.usefixtures("client")
def test_a_sample_is_that_of_memory(table: np.ndarray, n: int, weighted: bool) -> None:
    weights = np.random.default_rng(1).integers(0, 3, 1000).astype(float) if weighted else None
    memory = MemorySource(table, weights, row_work=1.0, result_size=1)
    drawn, after = np.random.default_rng(8), np.random.default_rng(8)
    expected = memory.sample_rows(n, after)
    with DaskRows(da.from_array(table, chunks=(170, 3)), weights) as rows:
        found = source(rows).sample_rows(n, drawn)
    assert np.array_equal(found[0], expected[0])
    assert (found[1] is None) == (not weighted)
    assert not weighted or np.array_equal(found[1], expected[1])
    assert drawn.random() == after.random()


def test_partitions_are_made_once_and_let_go_at_the_end(client: Client) -> None:
    MADE.clear()
    X = da.ones((60, 2), chunks=(20, 2)).map_blocks(counted, dtype=float, meta=np.empty((0, 0)))
    with DaskRows(X) as rows:
        for _ in range(4):
            assert source(rows).map_reduce(lambda rows, _: rows.sum()) == 120.0
        assert len(MADE) == 3
        assert sum(len(keys) for keys in client.has_what().values()) >= 3
    assert settles(lambda: not any(client.has_what().values()))


def settles(true: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Return whether something comes true soon."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


@pytest.mark.usefixtures("client")
def test_rows_have_a_place_in_words(table: np.ndarray) -> None:
    with DaskRows(da.from_array(table, chunks=((300, 0, 700), 3))) as rows:
        assert rows.where(0) == "row 0 of partition 0 of X"
        assert rows.where(299) == "row 299 of partition 0 of X"
        assert rows.where(300) == "row 0 of partition 2 of X"


@pytest.mark.usefixtures("client")
def test_a_partition_that_cannot_be_made_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def second(block: np.ndarray, block_id: tuple[int, int] = (0, 0)) -> np.ndarray:
        if block_id[0] == 1:
            raise FileNotFoundError("part.1.parquet")
        return block

    X = da.ones((60, 2), chunks=(20, 2)).map_blocks(second, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(InputError, match=r"partition 1 of X: FileNotFoundError: part.1.parquet"):
        DaskRows(X)
    text = dd.from_pandas(
        pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series([3.0, "x"], dtype=object)}), npartitions=2
    )
    with (
        dask.config.set({"dataframe.convert-string": False}),
        pytest.raises(InputError, match="column 'b'"),
    ):
        DaskRows(text)


@pytest.mark.usefixtures("client")
def test_a_pass_that_fails_names_the_partition(table: np.ndarray) -> None:
    def fails(error: Exception) -> Callable[..., float]:
        def function(part: slice, rows: np.ndarray, weights: Any) -> float:
            if part.start <= 999 < part.stop:
                raise error
            return 0.0

        return function

    with DaskRows(da.from_array(table, chunks=(300, 3))) as rows:
        with pytest.raises(InputError, match="partition 3 of X: ZeroDivisionError: no"):
            source(rows).map_parts(fails(ZeroDivisionError("no")))
        with pytest.raises(SingularCovarianceError, match=r"^flat$"):  # which EM acts upon
            source(rows).map_parts(fails(SingularCovarianceError("flat")))
        assert source(rows).map_parts(lambda part, *_: part.stop - part.start) == 1000


def test_without_a_client_a_cluster_of_threads_lasts_as_long_as_the_rows(
    table: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "current", no_client)
    before = set(threading.enumerate())
    rows = DaskRows(da.from_array(table, chunks=(300, 3)), n_jobs=3)
    assert list(rows._client.nthreads().values()) == [3]
    assert np.isclose(source(rows).map_reduce(lambda rows, _: rows.sum()), table.sum())
    client = rows._client
    del rows  # without a word
    gc.collect()
    assert client.status == "closed"
    assert settles(lambda: not any("Worker" in t.name for t in set(threading.enumerate()) - before))


def no_client() -> Client:
    raise ValueError("there is none")


def test_ctrl_c_drops_what_is_not_done_and_lets_go_of_the_rows(
    client: Client, table: np.ndarray
) -> None:
    def interrupt() -> None:
        if BEGAN.wait(10):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    rows = DaskRows(da.from_array(table, chunks=(20, 3)))
    try:
        threading.Thread(target=interrupt).start()
        MADE.clear()
        with pytest.raises(KeyboardInterrupt):
            source(rows).map_reduce(slow)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(MADE) < 50
    assert settles(lambda: not any(client.has_what().values()))
    assert settles(lambda: not client.cluster.scheduler.tasks)


def test_an_absent_package_is_named_with_the_command(
    table: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mixtura\[dask\]'"):
        DaskRows(da.from_array(table))
