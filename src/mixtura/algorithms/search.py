"""The best mixtures of a small table, for many structures and numbers of components at once.

They start from partitions that all structures share. Then each learns from its neighbours: from
other structures with as many components, from its own with one fewer, of which one is split, and
with one more, of which two are merged, until none gains (docs/guide/choosing.md, "The search").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms.batch import (
    Batch,
    Climbed,
    Integers,
    Layout,
    Monomials,
    Priors,
    climb,
    expect,
    maximise,
    moments,
)
from mixtura.model.families.base import FloatArray
from mixtura.model.families.structured import n_parameters

#: Updates after which starts are compared, and those after which suggestions of neighbours are.
SHORT, TRIALS = 12, (6, 24)
#: Updates that a model gets at most.
LONGEST = 1000
#: Gain to come, per unit of weight, at which models have settled, first and last, and how often
#: they learn from neighbours at each. What gains no more than twice that is not better.
LEVELS = ((1e-3, 3), (1e-5, 5))
#: Gain, per unit of weight, that estimates of what is to come are trusted with.
TRUSTED = 0.02
#: Components that are split, of each model.
SPLITS = 4
#: Parts that mixtures are updated in, at most.
PARTS = 4
#: Letters of a structure, from what restricts most.
LETTERS = "IEV"

#: Labels (n,) of a number of groups.
Partition = Callable[[int], Integers]


#: Calls a function with each of the numbers below another.
Each = Callable[[Callable[[int], None], int], None]


def one_by_one(function: Callable[[int], None], n: int) -> None:
    """Call a function with each of the numbers below ``n``."""
    for i in range(n):
        function(i)


@dataclass(frozen=True, eq=False)
class Grid:
    """Models by structure and number of components.

    Attributes
    ----------
    rows : Monomials
        The table.
    names : tuple of str
        Structures in mclust's letters.
    sizes : tuple of int
        Numbers of components, rising.
    priors : Priors or None
        Of the models, in their order.
    each : callable
        Calls a function with each of the numbers below a second argument, on threads or not.
    least : int
        Values of a part of the mixtures that are updated side by side: components times rows.
    """

    rows: Monomials
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    priors: Priors | None = None
    each: Each = one_by_one
    least: int = 300_000

    def __len__(self) -> int:
        return len(self.names) * len(self.sizes)

    def model(self, number: int) -> tuple[str, int]:
        """Return the structure and number of components of a model."""
        return self.names[number // len(self.sizes)], self.sizes[number % len(self.sizes)]

    def number(self, name: str, k: int) -> int | None:
        """Return the number of a model, or None if it is not asked for."""
        if k not in self.sizes:
            return None
        return self.names.index(name) * len(self.sizes) + self.sizes.index(k)

    @cached_property
    def charges(self) -> FloatArray:
        """Half of what BIC charges each model for its covariances."""
        models = (self.model(number) for number in range(len(self)))
        counts = np.array([n_parameters(name, k, self.rows.d) for name, k in models])
        return 0.5 * np.log(len(self.rows.weights)) * counts

    def special_cases(self, number: int) -> list[int]:
        """Return the models of structures that this one contains, with as many components."""
        name, k = self.model(number)
        own = [other for other in self.names if other != name and is_nested(other, name)]
        return [self.names.index(o) * len(self.sizes) + self.sizes.index(k) for o in own]

    def start(self, owners: Sequence[int] | Integers, resp: Sequence[FloatArray]) -> Batch:
        """Return the mixtures that the M-step makes of responsibilities (k, n), model by model."""
        models = [self.model(int(owner)) for owner in owners]
        counts = np.array([k for _, k in models], dtype=np.intp)
        c, d = int(counts.sum()), self.rows.d
        priors = None if self.priors is None else self.priors.subset(np.asarray(owners))
        layout = Layout(tuple(name for name, _ in models), counts, priors)
        empty = Batch(layout, np.zeros(c), np.zeros((c, d)), np.zeros((c, d, d)))
        weighted = np.vstack(resp) * self.rows.weights
        return maximise(empty, moments(self.rows, weighted, np.zeros(len(layout))), blank=True)

    def climb(self, batch: Batch, n_updates: int, goal: float) -> Climbed:
        """Return what ``climb`` makes of mixtures: part by part, which caches and threads like."""
        layout = batch.layout
        values = np.cumsum(layout.counts) * len(self.rows.weights)
        step = max(values[-1] / PARTS, self.least)
        bounds = np.searchsorted(values, np.arange(step, values[-1], step))
        parts = [part for part in np.split(np.arange(len(layout)), bounds) if len(part) > 0]
        if len(parts) == 1:
            return climb(self.rows, batch, n_updates, goal)
        found: dict[int, Climbed] = {}

        def one(i: int) -> None:
            with np.errstate(all="ignore"):  # the setting is a thread's own
                found[i] = climb(self.rows, batch.subset(parts[i]), n_updates, goal)

        self.each(one, len(parts))
        reached = Climbed(batch, np.zeros(len(layout)), np.zeros(len(layout)))
        for i, part in enumerate(parts):
            reached = reached.replaced(part, found[i], np.arange(len(part)))
        return reached


def searched(
    grid: Grid, partitions: Sequence[Partition], levels: Sequence[tuple[float, int]] = LEVELS
) -> Climbed:
    """Return the best mixture found of every model, settled to the last of the levels."""
    with np.errstate(all="ignore"):  # numbers that overflow belong to models that collapse
        return _searched(grid, partitions, levels)


def _searched(
    grid: Grid, partitions: Sequence[Partition], levels: Sequence[tuple[float, int]]
) -> Climbed:
    found = started(grid, partitions)
    for level, rounds in levels:
        goal = level * float(grid.rows.weights.sum())
        if level != LEVELS[0][0]:
            found = grid.climb(found.batch, LONGEST, goal)
        found = taught(grid, found, goal, rounds)
    return ordered(grid, found, goal)


def taught(grid: Grid, found: Climbed, goal: float, rounds: int) -> Climbed:
    """Return the models after some rounds of learning from their neighbours."""
    fresh = np.ones(len(grid), dtype=np.bool_)
    for _ in range(rounds):
        owners, resp = suggestions(grid, found, fresh)
        if len(owners) == 0:
            break
        new = improved(grid, found, owners, grid.start(owners, resp), goal)
        fresh = new.loglik != found.loglik
        found = new
    return found


def learnt(grid: Grid, batch: Batch, level: float) -> tuple[Climbed, Integers]:
    """Return what models make of a grid's rows after a round, and which did learn."""
    goal = level * float(grid.rows.weights.sum())
    with np.errstate(all="ignore"):
        found = grid.climb(batch, LONGEST, goal)
        new = taught(grid, found, goal, 1)
    return new, np.flatnonzero(new.loglik != found.loglik)


def ordered(grid: Grid, found: Climbed, goal: float) -> Climbed:
    """Return the models with none behind its special cases."""
    for _ in range(len(LETTERS) * 3):  # no chain of special cases is longer
        _, resp = expect(grid.rows, found.batch)
        behind, ahead = passed(grid, found, 2.0 * goal)
        if len(behind) == 0:
            break
        starts = [resp[found.batch.layout.part(number)] for number in ahead]
        new = improved(grid, found, behind, grid.start(behind, starts), goal)
        if (new.loglik == found.loglik).all():
            break
        found = new
    return found


def passed(grid: Grid, found: Climbed, least: float) -> tuple[Integers, Integers]:
    """Return which models a special case has passed by more than that, and the best such case."""
    pairs = [
        (number, max(special, key=lambda i: found.loglik[i]))
        for number in range(len(grid))
        if (special := grid.special_cases(number))
    ]
    behind = [(i, j) for i, j in pairs if found.loglik[j] > found.loglik[i] + least]
    return np.array([i for i, _ in behind], dtype=np.intp), np.array([j for _, j in behind])


def started(grid: Grid, partitions: Sequence[Partition]) -> Climbed:
    """Return the best that the partitions lead to after some updates."""
    hot = {k: [np.eye(k)[partition(k)].T for partition in partitions] for k in grid.sizes}
    owners = np.repeat(np.arange(len(grid)), len(partitions))
    resp = [each for number in range(len(grid)) for each in hot[grid.model(number)[1]]]
    goal = LEVELS[0][0] * float(grid.rows.weights.sum())
    tried = grid.climb(grid.start(owners, resp), SHORT, goal)
    hope = tried.loglik + np.minimum(tried.to_come, TRUSTED * float(grid.rows.weights.sum()))
    return grid.climb(tried.batch.subset(best_of(owners, hope)), LONGEST, goal)


def improved(grid: Grid, found: Climbed, owners: Integers, batch: Batch, goal: float) -> Climbed:
    """Return the models, with those suggested where they are better.

    Suggestions whose estimated gains do not take them beyond what is there are given up early.
    """
    value = found.loglik + np.minimum(found.to_come, goal)
    trusted = TRUSTED * float(grid.rows.weights.sum())
    for n_updates in TRIALS:
        tried = grid.climb(batch, n_updates, goal)
        hope = tried.loglik + np.minimum(2.0 * tried.to_come, trusted)
        going = np.isneginf(value[owners])  # where there is nothing yet, all go on
        going[best_of(owners, hope)] = True
        going &= hope > value[owners] + 2.0 * goal
        batch, owners = tried.batch.subset(np.flatnonzero(going)), owners[going]
        if len(owners) == 0:
            return found
    tried = grid.climb(batch, LONGEST, goal)
    reached = tried.loglik + np.minimum(tried.to_come, goal)
    first = best_of(owners, reached)
    first = first[reached[first] > value[owners[first]] + 2.0 * goal]
    return found.replaced(owners[first], tried, first)


def best_of(owners: Integers, values: FloatArray) -> Integers:
    """Return the number of the largest value of each owner, owners in order."""
    order = np.lexsort((-values, owners))
    return order[np.unique(owners[order], return_index=True)[1]]


def suggestions(
    grid: Grid, found: Climbed, fresh: NDArray[np.bool_]
) -> tuple[Integers, list[FloatArray]]:
    """Return responsibilities that models may gain from, and the numbers of those models.

    Only ``fresh`` neighbours have something to tell.
    """
    fresh = fresh & np.isfinite(found.loglik)
    _, resp = expect(grid.rows, found.batch)
    resp = resp / np.where(grid.rows.weights > 0, grid.rows.weights, 1.0)
    parts = [resp[found.batch.layout.part(number)] for number in range(len(grid))]
    pairs = [
        (number, suggested)
        for number in range(len(grid))
        for suggested in suggestions_for(grid, found, fresh, parts, number)
    ]
    return np.array([number for number, _ in pairs], dtype=np.intp), [each for _, each in pairs]


def suggestions_for(
    grid: Grid,
    found: Climbed,
    fresh: NDArray[np.bool_],
    parts: Sequence[FloatArray],
    number: int,
) -> Iterator[FloatArray]:
    """Yield responsibilities (k, n) of neighbours for one model."""
    name, k = grid.model(number)
    if k == 1:
        return
    nested = grid.special_cases(number)
    peers = range(grid.sizes.index(k), len(grid), len(grid.sizes))
    others = [i for i in peers if i != number and i not in nested]
    if nested:  # what a special case has reached, this model reaches
        top = max(nested, key=lambda i: found.loglik[i])
        if fresh[top] or fresh[number]:
            yield parts[top]
    if others:
        top = max(others, key=lambda i: found.loglik[i] - grid.charges[i])
        if fresh[top]:
            yield parts[top]
    fewer, more = grid.number(name, k - 1), grid.number(name, k + 1)
    if fewer is not None and fresh[fewer]:
        yield from splits(grid.rows, found.batch, parts[fewer], fewer)
    if more is not None and fresh[more]:
        yield merged(parts[more])


@cache
def is_nested(name: str, other: str) -> bool:
    """Return whether a structure is a special case of another."""
    return all(LETTERS.index(a) <= LETTERS.index(b) for a, b in zip(name, other, strict=True))


def splits(rows: Monomials, batch: Batch, resp: FloatArray, number: int) -> Iterator[FloatArray]:
    """Yield responsibilities with one of the largest components cut across its longest axis."""
    part = batch.layout.part(number)
    values = rows.values[:, 1 : 1 + rows.d]
    for j in np.argsort(-(resp @ rows.weights), kind="stable")[:SPLITS]:
        axis = np.linalg.eigh(batch.covariances[part][j])[1][:, -1]
        side = (values - batch.means[part][j]) @ axis > 0
        cut = np.vstack([resp, resp[j] * ~side])
        cut[j] = resp[j] * side
        yield cut


def merged(resp: FloatArray) -> FloatArray:
    """Return responsibilities with the two components that share most rows made one."""
    lengths = np.sqrt((resp * resp).sum(axis=1))
    alike = resp @ resp.T / np.maximum(lengths * lengths[:, None], np.finfo(np.float64).tiny)
    np.fill_diagonal(alike, -1.0)
    first, second = sorted(np.unravel_index(np.argmax(alike), alike.shape))
    joined = np.delete(resp, second, axis=0)
    joined[first] += resp[second]
    return joined
