"""Rows that are read a chunk at a time, the next one while this one is computed on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import numpy as np

from mixtura._errors import InputError
from mixtura.kernels.patterns import patterns_of
from mixtura.model.families.base import FloatArray
from mixtura.sources.folding import Fold
from mixtura.sources.sampling import sample
from mixtura.sources.threads import for_each

T = TypeVar("T")

#: Work of a block, in units of ``mixtura.kernels.work`` (about a nanosecond): enough to make the
#: interpreter's part of it small.
BLOCK_WORK = 4e6
#: Rows of a block are a multiple of the kernels' tiles, and take at most so many bytes as doubles.
TILE, BLOCK_BYTES = 128, 2**22
#: Adding up two results costs about a unit of work a number: at most a 20th of their making.
ADDING = 20.0
#: Part of a table's budget that a chunk takes: two are held, and what the reader needs for one.
CHUNK_SHARE = 16


class Readable(Protocol):
    """A table that is read in order."""

    n_rows: int
    n_features: int
    memory: int

    def chunks(self, n: int) -> Iterator[tuple[Any, FloatArray | None]]:
        """Yield chunks of ``n`` rows (the last may have fewer) and their weights.

        What is yielded is valid until the next but one is asked for.
        """


def block_rows(n_features: int, row_work: float, result_size: int) -> int:
    """Return how many rows a block has, whatever the memory: sums then round in one way."""
    rows = max(BLOCK_WORK, ADDING * result_size) / row_work
    rows = min(rows, BLOCK_BYTES / (8 * n_features))
    return TILE * max(1, round(rows / TILE))


def sorted_by_pattern(rows: Any, weights: FloatArray | None) -> tuple[Any, FloatArray | None]:
    """Return rows in an order that puts those side by side that miss the same columns."""
    order, _ = patterns_of(rows)
    return rows[order], None if weights is None else weights[order]


class StreamedSource:
    """A table that is read anew in every pass.

    Parameters
    ----------
    table : Readable
        The rows, with the bytes that may be used for them.
    weight : float
        Sum of the row weights.
    weighted : bool
        Whether rows have weights.
    row_work : float
        Work per row and pass, in units of ``mixtura.kernels.work``.
    result_size : int
        Doubles in the result of one block.
    threads : int
        Threads to use; the results depend neither on it nor on the memory.
    sort : bool
        Whether ``map_reduce`` gives the rows of a block sorted by what they miss.
    """

    def __init__(
        self,
        table: Readable,
        *,
        weight: float,
        weighted: bool,
        row_work: float,
        result_size: int,
        threads: int = 1,
        sort: bool = False,
    ) -> None:
        self.table = table
        self.threads = threads
        self._weight, self._weighted, self._sort = weight, weighted, sort
        self._block = block_rows(table.n_features, row_work, result_size)
        bytes_per_block = 8 * self._block * table.n_features
        self._chunk = self._block * max(1, table.memory // CHUNK_SHARE // bytes_per_block)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.table.n_rows

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.table.n_features

    @property
    def weight(self) -> float:
        """Sum of the row weights."""
        return self._weight

    def map_reduce(self, function: Callable[[Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(rows, weights)`` over blocks, in an order by number."""

        def of_rows(_: slice, rows: Any, weights: FloatArray | None) -> T:
            if self._sort:
                rows, weights = sorted_by_pattern(rows, weights)
            return function(rows, weights)

        return self.map_parts(of_rows)

    def map_parts(self, function: Callable[[slice, Any, FloatArray | None], T]) -> T:
        """Return the sum of ``function(part, rows, weights)`` over the blocks ``part``.

        Threads take blocks as they come; what they wait for is read on a thread of its own.
        """
        fold: Fold[T] = Fold()
        with _reading(self.table.chunks(self._chunk), self._block) as ahead:

            def run(_: int) -> None:
                taken = ahead.take()
                if taken is None:  # the pass has failed elsewhere
                    return
                number, part, rows, weights = taken
                try:
                    result = function(part, rows, weights)
                finally:
                    ahead.release(part)
                with ahead.turn:
                    fold.add(number, result)

            for_each(run, -(-self.n_rows // self._block), self.threads, ahead.stop)
        return fold.total()

    def sample_rows(self, n: int, rng: np.random.Generator) -> tuple[Any, FloatArray | None]:
        """Return at most ``n`` distinct rows of positive weight, in order, and their weights."""
        return sample(self, self._weighted, n, rng)


@contextmanager
def _reading(chunks: Iterator[Any], block: int) -> Iterator[_Ahead]:
    """Read chunks on a thread that ends with the pass, whatever ends it."""
    reader = _Reader(chunks)
    try:
        yield _Ahead(reader, block)
    finally:
        reader.close()


class _Reader:
    """A thread that takes the next chunk whenever it is asked to.

    Its queues hold no lock that Ctrl-C could leave locked, as those of an executor do.
    """

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._read: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mixtura-reader", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have the next chunk read."""
        self._asked.put(True)

    def get(self) -> Any:
        """Return the chunk that was asked for, None after the last, or raise what reading did."""
        chunk, error = self._read.get()
        if error is not None:
            raise error
        return chunk

    def close(self) -> None:
        """End the thread, and close what it reads."""
        self._asked.put(False)
        self._thread.join()

    def _work(self) -> None:
        while self._asked.get():
            try:
                self._read.put((next(self._chunks, None), None))
            except BaseException as error:
                self._read.put((None, error))
        close = getattr(self._chunks, "close", None)  # a generator closes its files now
        if close is not None:
            close()


class _Ahead:
    """Blocks of chunks, of which the next is being read.

    A chunk is asked for once nobody works on the last but one, whose memory it takes.
    """

    def __init__(self, reader: _Reader, block: int) -> None:
        self.turn = threading.RLock()  # the lock of a condition may stay locked on Ctrl-C
        self._free = threading.Condition(self.turn)
        self._reader, self._block = reader, block
        self._coming = False  # whether a chunk has been asked for
        self._rows: Any = ()
        self._weights: FloatArray | None = None
        self._start = self._at = 0
        self._busy: list[int] = []  # where the blocks that are worked on start
        self._stopped = False
        self._ask()

    def take(self) -> tuple[int, slice, Any, FloatArray | None] | None:
        """Return the next block: its number, where it lies, its rows and their weights."""
        with self.turn:
            while self._at == len(self._rows):
                if self._stopped:
                    return None
                if self._coming:
                    self._next_chunk()
                else:
                    self._free.wait()  # for memory; another thread may go on in the meantime
            low, high = self._at, min(self._at + self._block, len(self._rows))
            part = slice(self._start + low, self._start + high)
            self._at = high
            self._busy.append(part.start)
            weights = None if self._weights is None else self._weights[low:high]
            return part.start // self._block, part, self._rows[low:high], weights

    def release(self, part: slice) -> None:
        """Take note that nobody works on a block any more."""
        with self.turn:
            self._busy.remove(part.start)
            self._ask()
            self._free.notify_all()

    def stop(self) -> None:
        """Let nobody wait for memory that is not going to be free."""
        with self.turn:
            self._stopped = True
            self._free.notify_all()

    def _next_chunk(self) -> None:
        self._coming = False  # so that nobody waits for another after an error
        chunk = self._reader.get()
        if chunk is None:
            raise InputError("the table has fewer rows than when it was opened; open it again.")
        self._start, self._at = self._start + len(self._rows), 0
        self._rows, self._weights = chunk
        self._ask()

    def _ask(self) -> None:
        """Have the next chunk read if the memory of the last but one is free."""
        if not self._coming and all(start >= self._start for start in self._busy):
            self._coming = True
            self._reader.ask()
