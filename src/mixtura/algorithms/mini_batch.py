"""Mini-batch k-means on nested batches (Newling & Fleuret 2016, doi:10.48550/arXiv.1602.02934).

A batch holds the one before it. What a row adds to the sums of its cluster is taken out of its
old cluster when it goes to a new one, so that every row seen counts exactly once, and the last
batch, the whole table, is plain k-means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.kmeans import filled, means, part_inertia
from mixtura.algorithms.seeding import draw
from mixtura.algorithms.source import Source
from mixtura.kernels.kmeans import Passes, Tally
from mixtura.model.families.base import FloatArray

#: A batch has told what it can once half of the centres move by less than this part of their
#: standard errors.
FINE = 0.1
#: Bytes of rows that batches may hold beside the table.
COPY_BYTES = 2**27
#: Bytes of rows copied at a time, so that what NumPy needs for it stays small.
PIECE = 2**16
#: Passes over a chunk that cannot be revisited.
CHUNK_PASSES = 10


class Sample:
    """The rows of a table (n, d) in the given order, copied as far as they are asked for."""

    def __init__(self, table: Any, weights: FloatArray | None, order: NDArray[np.intp]) -> None:
        self.table = table
        self.rows = np.empty((len(order), table.shape[1]), dtype=table.dtype)
        self.weights = None if weights is None else weights[order]
        self._order, self._held = order, 0

    def first(self, n: int) -> tuple[Any, FloatArray | None]:
        """Return the first ``n`` rows, next to each other, and their weights."""
        step = max(1, PIECE // (self.table.shape[1] * self.table.itemsize))
        for start in range(self._held, n, step):
            part = slice(start, min(start + step, n))
            self.rows[part] = self.table[self._order[part]]
        self._held = max(n, self._held)
        return self.rows[:n], None if self.weights is None else self.weights[:n]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows, and the passes over them that go on in a larger batch.

    ``probe`` holds a few of the rows, the first ones, and their weights; None for the whole table.
    """

    source: Source
    passes: Passes
    probe: tuple[Any, FloatArray | None] | None = None


def batches(
    table: Source,
    sample: Sample,
    size: int,
    most: int,
    source_of: Callable[[Any, FloatArray | None], Source],
    passes_of: Callable[[Any], Passes],
) -> Iterator[Batch]:
    """Yield the first ``size`` rows of a sample, twice as many up to ``most``, then the table."""
    if size <= most:
        passes, probe = passes_of(sample.rows), sample.first(size)
    while size <= most:
        yield Batch(source_of(*sample.first(size)), passes, probe)
        size *= 2
    yield Batch(table, passes_of(sample.table))


@dataclass(frozen=True, eq=False)
class Step:
    """What one pass over a batch led to.

    ``centres`` (k, d) are the means of what ``tally`` holds, ``shifts`` (k,) how far they moved;
    ``settled`` says that no row changed its cluster.
    """

    centres: NDArray[Any]
    tally: Tally
    shifts: FloatArray
    settled: bool


def steps(batch: Batch, centres: NDArray[Any], tally: Tally) -> Iterator[Step]:
    """Yield Lloyd's steps from ``centres`` (k, d), without end; ``tally`` is of what is seen.

    A cluster that runs empty takes the farthest row.
    """
    source, passes = batch.source, batch.passes
    while True:
        passes.aim(centres)
        change = source.map_parts(passes.assign)
        tally, placed = filled(source, centres, passes, tally + change)
        new = means(tally, centres, passes.shift)
        shifts = np.linalg.norm(new.astype(np.float64) - centres, axis=1)
        yield Step(new, tally, shifts, change.moved == len(placed) == 0)
        centres = new


@dataclass(frozen=True)
class Limits:
    """When to end, on a table of ``size`` rows, or go on to the next batch.

    That is when all squared shifts sum to at most ``tol``, or after ``patience`` steps in a row
    that each lower the inertia by less than its standard error, were the table's rows drawn anew
    (None to go on). A run passes over ``tables`` times as many rows as the table has.
    """

    tol: float
    size: int
    tables: int
    patience: int | None


@dataclass(frozen=True, eq=False)
class Nested:
    """The last step, the batch it was made on, and how many steps and rows it took to get there."""

    step: Step
    batch: Batch
    n_steps: int
    n_rows: int

    @property
    def inertia(self) -> float:
        """The weighted sum of squared distances over the batch, by the labels of the last pass."""
        passes = self.batch.passes
        return self.batch.source.map_parts(partial(part_inertia, passes, self.step.centres))


def nested(
    growing: Iterator[Batch],
    centres: NDArray[Any],
    limits: Limits,
    on_step: Callable[[int, Step], Any] | None = None,
) -> Nested:
    """Return where k-means gets from ``centres`` (k, d) on ``growing`` batches."""
    n_steps = n_rows = 0
    passes, rule = None, Enough(limits)
    for batch in growing:
        size = batch.source.n_rows
        room = max((limits.tables * limits.size - n_rows) // size, n_steps == 0)
        if room == 0:
            break
        if batch.passes is not passes:
            passes, tally = batch.passes, Tally.zeros(*centres.shape)
        for step in islice(steps(batch, centres, tally), room):
            n_steps, n_rows = n_steps + 1, n_rows + size
            if on_step is not None:
                on_step(size, step)
            if rule.met(batch, step):
                break
        centres, tally = step.centres, step.tally
        done = Nested(step, batch, n_steps, n_rows)
    return done


class Enough:
    """Whether more steps on the same batch are worth their time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.batch: Batch | None = None
        self.deviation = self.explained = 0.0
        self.poor = 0

    def met(self, batch: Batch, step: Step) -> bool:
        """Return whether this step has been the last that the batch is worth."""
        hidden = batch.probe is not None and self._hidden(batch, batch.probe, step)
        self._judge(batch, step.tally)
        small = float(step.shifts @ step.shifts) <= self.limits.tol
        patience = self.limits.patience
        return hidden or step.settled or small or (patience is not None and self.poor >= patience)

    def _hidden(self, batch: Batch, probe: tuple[Any, Any], step: Step) -> bool:
        """Return whether half of the centres moved by little of their standard errors."""
        rows, weights = probe
        apart = batch.passes.apart(slice(0, len(rows)), rows, step.centres)
        mean = np.average(apart, weights=weights)
        self.deviation = float(np.sqrt(np.average((apart - mean) ** 2, weights=weights)))
        held = step.tally.rows > 0
        errors = np.sqrt(mean / step.tally.rows[held])
        return bool(np.median(step.shifts[held] - FINE * errors) <= 0)

    def _judge(self, batch: Batch, tally: Tally) -> None:
        """Count the steps that lower the inertia by less than noise, from one batch to the next.

        What the sums of squares about the centres lose, those of the centres gain.
        """
        held = tally.rows > 0
        mean = tally.sums[held] / tally.weight[held, None]
        squares = np.sum(tally.sums[held] * mean)
        before, self.explained = self.explained, float(squares) / batch.source.weight
        if self.batch is batch:
            noise = self.deviation / np.sqrt(self.limits.size)
            self.poor = self.poor + 1 if self.explained - before < noise else 0
        self.batch = batch


@dataclass(frozen=True, eq=False)
class Stream:
    """What is kept of rows that are gone: the means (k, d) and weights (k,) of their clusters.

    ``since`` (k,) is the weight of all rows since a cluster was placed. All in float64.
    """

    means: FloatArray
    weight: FloatArray
    since: FloatArray

    @classmethod
    def begin(cls, centres: NDArray[Any]) -> Stream:
        """Return a stream of which nothing is seen."""
        k = len(centres)
        return cls(centres.astype(np.float64), np.zeros(k), np.zeros(k))

    @classmethod
    def of(cls, tally: Tally, centres: NDArray[Any], shift: NDArray[Any], since: Any) -> Stream:
        """Return the stream of a tally about ``shift``; clusters without rows keep centres."""
        exact = means(tally, centres.astype(np.float64), shift.astype(np.float64))
        return cls(exact, tally.weight, since)

    def tally(self, shift: NDArray[Any]) -> Tally:
        """Return the clusters' sums about ``shift``; of numbers of rows, whether there are any."""
        sums = self.weight[:, None] * (self.means - shift)
        return Tally(sums, self.weight, (self.weight > 0).astype(np.int64), 0)

    def light(self, ratio: float) -> NDArray[np.intp]:
        """Return the clusters that grow at less than ``ratio`` times the rate of the fastest."""
        rates = self.weight / np.where(self.since > 0, self.since, np.inf)
        known = self.since > 0
        return np.flatnonzero(known & (rates < ratio * rates.max()) & (rates < rates.max()))

    def merged(self, light: NDArray[np.intp], places: NDArray[Any]) -> Stream:
        """Return the stream with some clusters added to the nearest others and placed anew."""
        mean, weight, since = self.means.copy(), self.weight.copy(), self.since.copy()
        others = np.setdiff1d(np.arange(len(weight)), light)
        for j in light:
            near = others[np.argmin(((mean[others] - mean[j]) ** 2).sum(axis=1))]
            total = weight[near] + weight[j]
            if total > 0:
                mean[near] += weight[j] / total * (mean[j] - mean[near])
            weight[near] = total
        mean[light], weight[light], since[light] = places, 0.0, 0.0
        return Stream(mean, weight, since)


def revived(
    stream: Stream, batch: Batch, rows: Any, ratio: float, rng: np.random.Generator
) -> tuple[Stream, Tally]:
    """Return the stream with light clusters placed on rows (n, d) of a chunk, and its tally.

    Rows are drawn by weight times squared distance from the nearest centre, as in k-means++.
    """
    source, passes = batch.source, batch.passes
    light = stream.light(ratio)
    if len(light) == 0:
        return stream, Tally.zeros(*stream.means.shape)
    centres = stream.means.astype(rows.dtype)
    passes.aim(centres)
    tally = source.map_parts(passes.assign)
    mass = np.empty(len(rows))

    def weigh(part: slice, block: Any, weights: FloatArray | None) -> int:
        apart = passes.apart(part, block, centres)
        mass[part] = apart if weights is None else weights * apart
        return 0

    source.map_parts(weigh)
    drawn = draw(mass, len(light), rng)
    return (stream.merged(light, rows[drawn]) if len(drawn) else stream), tally


def absorbed(
    stream: Stream,
    batch: Batch,
    rows: Any,
    ratio: float,
    rng: np.random.Generator,
    on_step: Callable[[int, Step], Any] | None = None,
) -> tuple[Stream, Nested]:
    """Return the stream with a chunk of rows (n, d) in it, and how that came about.

    Rows of the chunk change their clusters until they settle, or for a few passes; what was
    seen before stays where it is.
    """
    passes = batch.passes
    stream, tally = revived(stream, batch, rows, ratio, rng)
    centres = stream.means.astype(rows.dtype)
    n_steps = 0
    for step in islice(steps(batch, centres, tally + stream.tally(passes.shift)), CHUNK_PASSES):
        n_steps += 1
        if on_step is not None:
            on_step(len(rows), step)
        if step.settled:
            break
    since = stream.since + batch.source.weight
    new = Stream.of(step.tally, step.centres, passes.shift, since)
    return new, Nested(step, batch, n_steps, n_steps * len(rows))
