"""Rows in the partitions of a Dask collection, on the workers of a cluster.

Every partition is made once and kept where it was made. A pass is a task for each of them and a
tree of tasks that add up what they return, by number; the root alone comes to the client. Tasks
hold all that they need, so that the scheduler makes again what is lost with a worker, to the bit.
"""

from __future__ import annotations

from asyncio import CancelledError as AsyncCancelledError
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import accumulate
from types import TracebackType
from typing import Any, TypeVar
from uuid import uuid4
from weakref import finalize

import numpy as np

from mixtura._errors import ClusterError, MissingDependencyError, MixturaError
from mixtura.model.families.base import FloatArray
from mixtura.sources import partitions
from mixtura.sources.sampling import sample
from mixtura.sources.streamed import block_rows
from mixtura.sources.threads import n_threads

T = TypeVar("T")

#: Results that one task adds up: with fewer, a pass waits for more tasks one after the other.
FAN_IN = 8
#: Options of a cluster without pages to look at; what it serves still has a port that is free.
NO_DASHBOARD: dict[str, Any] = {
    "dashboard_address": None,
    "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"},
}
#: Bytes of parameters that all tasks of a pass may have with them; of more there is one copy, which
#: each worker gets once, and tasks wait for it.
IN_TASKS = 2**23
#: Seconds between looks at whether a client that waits has given up on its scheduler.
LOOK = 1.0
#: Seconds that a scheduler has to answer a client that asks for it.
ANSWER = 10
#: What the names of the tasks of passes begin with; they end in the number of the partition.
PASS = "mixtura-pass-"
#: The graph of a pass holds its parameters; Dask warns of what it takes for data.
LARGE_GRAPH = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}


class DaskRows:
    """The rows of a Dask array or dataframe, kept on the workers until they are closed.

    The client is the current one (``Client.as_current``, or the last that was made). Without one,
    a cluster is started in this process, whose workers are threads: they share the memory that
    the rows are in, and the kernels do not hold the interpreter.

    Parameters
    ----------
    X : dask array (n, d) or dask dataframe
        Rows; float32 is kept, everything else becomes float64.
    sample_weight : array-like or dask array (n,) or dask series, optional
        Row weights; of lazy ones with partitions of unknown lengths, these are those of X.
    n_jobs : int, optional
        Threads of a cluster that is started.
    where : callable, optional
        What says where a row is, by its number of all.
    """

    #: What messages call the rows.
    source = "X"

    def __init__(
        self,
        X: Any,
        sample_weight: Any = None,
        n_jobs: int | None = None,
        where: Callable[[int], str] | None = None,
    ) -> None:
        self._where = where
        self.names, self.n_features, self.dtype = partitions.described(X)
        self.weight = None if sample_weight is None else "sample_weight"
        self._parts: list[Any] = []
        stack = ExitStack()
        self._closing = finalize(self, stack.close)  # whoever holds rows last need not know
        self._closing.atexit = False  # Dask closes what is left then
        try:
            self._client = stack.enter_context(_client(n_jobs))
            self._address = str(getattr(self._client.scheduler, "address", "of that client"))
            stack.callback(_let_go, self._parts)
            shape = (self.dtype, self.n_features)
            self._keep(partitions.made, [(block, *shape) for block in partitions.blocks(X)])
            lengths = self._sum([(n, partitions.length) for n in range(len(self._parts))])
            self._offsets = list(accumulate(lengths, initial=0))
            if sample_weight is not None:
                weights = partitions.weight_blocks(sample_weight, lengths)
                self._keep(partitions.weighted, list(zip(self._parts, weights, strict=True)))
        except BaseException:
            self.close()
            raise

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self._offsets[-1])

    def where(self, row: int) -> str:
        """Return the place of a row in words; partitions and their rows are counted from 0."""
        if self._where is not None:
            return self._where(row)
        number = bisect_right(self._offsets, row) - 1
        return f"row {row - self._offsets[number]} of partition {number} of X"

    def as_source(self, **sizes: Any) -> DaskSource:
        """Return the rows as a source for passes of the sizes that ``DaskSource`` takes."""
        return DaskSource(self, **sizes)

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T], step: int) -> T:
        """Return the sum of ``function(part, rows, weights)`` over blocks of ``step`` rows."""
        from cloudpickle import dumps  # which comes with Dask

        pickled = dumps(function)
        shared = pickled if len(pickled) * len(self._parts) <= IN_TASKS else node(pickled)
        ends = zip(self._offsets, self._offsets[1:], strict=False)
        calls = [
            (number, partitions.passed, shared, start, step)
            for number, (start, end) in enumerate(ends)
            if start < end
        ]
        total: T = self._sum(calls)
        return total

    def close(self) -> None:
        """Let go of the rows, and of a cluster that was started for them; once is enough."""
        self._closing()

    def __enter__(self) -> DaskRows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _keep(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        """Make every partition by a task, in the place of what there was of it."""
        before, name = self._parts.copy(), f"mixtura-rows-{uuid4().hex}"
        tasks = [_task(function, n, *own, name=f"{name}-{n}") for n, own in enumerate(arguments)]
        with self._reaching():
            self._parts[:] = self._client.persist(tasks)
            for number, part in enumerate(self._parts):
                _check(_future(part), number)
        _let_go(before)

    def _sum(self, calls: Sequence[Any]) -> Any:
        """Return the sum of results, each of (partition, function, arguments...), in a tree."""
        import dask

        name = f"{PASS}{uuid4().hex}"
        results = [
            _task(function, number, *arguments, self._parts[number], name=f"{name}-{number}")
            for number, function, *arguments in calls
        ]
        while len(results) > 1:
            groups = range(0, len(results), FAN_IN)
            results = [_task(partitions.added, *results[i : i + FAN_IN]) for i in groups]
        with self._reaching(), dask.config.set(LARGE_GRAPH):
            future = self._client.compute(results[0], optimize_graph=False)
            try:
                _check(future)
                return future.result()
            finally:  # after Ctrl-C, what is not done yet is dropped
                future.release()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Tell of a scheduler that does not answer any more; let go of the rows on Ctrl-C."""
        try:
            yield
        except MixturaError:
            raise
        except KeyboardInterrupt:
            self.close()
            raise
        except (CancelledError, AsyncCancelledError, OSError, TimeoutError) as error:
            raise ClusterError(
                f"the Dask scheduler {self._address} was lost, and with it what was computed "
                f"({type(error).__name__}). Start a cluster, and fit again."
            ) from error


class DaskSource:
    """The rows of a Dask collection, in blocks that depend on its partitions alone.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    weight : float
        Sum of the row weights.
    weighted : bool
        Whether rows have weights.
    row_work : float
        Work per row and pass, in units of ``mixtura.kernels.work``.
    result_size : int
        Doubles in the result of one block.
    sort : bool
        Whether ``map_reduce`` gives the rows of a block sorted by what they miss.
    """

    def __init__(
        self,
        rows: DaskRows,
        *,
        weight: float,
        weighted: bool,
        row_work: float,
        result_size: int,
        sort: bool = False,
    ) -> None:
        self.rows, self.weight = rows, weight
        self._weighted, self._sort = weighted, sort
        self._block = block_rows(rows.n_features, row_work, result_size)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.rows.n_rows

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.rows.n_features

    def map_reduce(self, function: Callable[[Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(rows, weights)`` over blocks, in a tree by number."""
        return self.map_parts(partial(partitions.of_rows, function, self._sort))

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(part, rows, weights)`` over the blocks ``part``."""
        return self.rows.map_parts(function, self._block)

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` distinct rows of positive weight, in order, and their weights."""
        return sample(self, self._weighted, n, rng)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Make the scheduler at an address the current one; raise ClusterError if none answers."""
    with _installed():
        from distributed import Client
    try:
        client = Client(address, timeout=ANSWER)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}). Start one (dask "
            "scheduler, and dask worker ADDRESS), and give the address that it prints."
        ) from None
    with client:
        yield


def collected(
    read: Callable[[Any], tuple[Any, Any]], parts: Sequence[Any], d: int, dtype: Any, weighted: bool
) -> tuple[Any, Any]:
    """Return Dask arrays of the rows (n, d) and weights (n,) that ``read`` returns of each part."""
    with _installed():
        import dask.array as da

    made = [_task(read, node(part)) for part in parts]
    rows = [da.from_delayed(each[0], (np.nan, d), dtype) for each in made]
    weights = [da.from_delayed(each[1], (np.nan,), np.float64) for each in made]
    how: Any = {"allow_unknown_chunksizes": True}
    return da.concatenate(rows, **how), da.concatenate(weights, **how) if weighted else None


@contextmanager
def _installed() -> Iterator[None]:
    """Say how to install what an import needs."""
    try:
        yield
    except ImportError:
        raise MissingDependencyError(
            "Rows in Dask collections need distributed: python -m pip install 'mixtura[dask]'"
        ) from None


@contextmanager
def _client(n_jobs: int | None) -> Iterator[Any]:
    """Give the current client, or that of a cluster in this process which ends with it."""
    with _installed():
        from distributed import Client, LocalCluster
    try:
        found = Client.current()
    except ValueError:
        workers: Any = {"n_workers": 1, "threads_per_worker": n_threads(n_jobs)}
        with (
            LocalCluster(processes=False, **workers, **NO_DASHBOARD) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
    else:
        yield found


def node(value: Any) -> Any:
    """Return a node of a graph that holds a value."""
    import dask

    return dask.delayed(value, name=f"mixtura-{uuid4().hex}", traverse=False)


def _task(function: Callable[..., Any], *arguments: Any, name: str | None = None) -> Any:
    """Return a task for a worker."""
    import dask

    return dask.delayed(function, pure=False)(*arguments, dask_key_name=name)


def _future(part: Any) -> Any:
    """Return the future of a partition that is kept."""
    from distributed import futures_of

    return futures_of(part)[0]


def _let_go(parts: list[Any]) -> None:
    """Have the workers forget partitions."""
    for part in parts:
        _future(part).release()
    parts.clear()


def _outcome(future: Any) -> BaseException | None:
    """Wait for a task and return its error, unless the client gives up on its scheduler."""
    while True:
        try:
            error: BaseException | None = future.exception(timeout=LOOK)
            return error
        except TimeoutError:
            if future.client.status not in ("running", "connecting"):
                raise


def _check(future: Any, number: int | None = None) -> None:
    """Wait for a task; raise if it failed, naming the partition."""
    from distributed import KilledWorker

    error = _outcome(future)
    if error is None:
        return
    if isinstance(error, KilledWorker):
        name, _, last = str(error.task).rpartition("-")
        place = last if number is None and name.startswith(PASS) else number
        what = f"the task {error.task}" if place is None else f"partition {place} of X"
        raise ClusterError(
            f"{error.allowed_failures + 1} workers died one after the other with {what}. Mostly "
            "they run out of memory: use smaller partitions, or fewer threads in each worker."
        )
    if number is None or isinstance(error, MixturaError):
        raise error
    raise partitions.unusable(number, error) from error
