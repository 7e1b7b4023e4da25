"""Where k-means starts: rows, or means of rows, chosen as first centres.

``seed`` returns centres by the name of a method, ``plus_plus`` row numbers. Squared distances are
taken from differences, which leaves nothing that restarts could share: call ``seed`` for each.

Seeds have every coordinate: those that a row lacks are its column's mean. Rows are then as far
from a seed as they will be from the centre that it makes: over the cells that they have.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.holes import column_means, completed, is_incomplete
from mixtura.algorithms.kmeans import cluster
from mixtura.algorithms.source import OneBlock, Source
from mixtura.kernels.kmeans import passes_for, shift_of
from mixtura.kernels.seeding import MOST_NOTES, Nearest, Notes, nearest_for
from mixtura.model.families.base import FloatArray

METHODS = ("k-means++", "k-means||", "random")
#: Draws for one seed more are compared in a pass for each so many seeds, up to so many.
SEEDS_PER_STEP = 16
MOST_STEPS = 8
#: Draws are compared by multiples of this, about a vector of them, whatever the machine.
MULTIPLE = 8
#: Seeds that join in one pass at most: how far each is from all before is kept for it.
MOST_JOINING = 256
#: Neighbouring rows whose masses are summed, so that a draw looks at few numbers.
CELL = 512
#: Rounds of k-means||, rows drawn in each per seed wanted, and Lloyd iterations on the candidates.
ROUNDS = 5
ROWS_PER_SEED = 0.5
LLOYD_ITER = 5


def seed(
    source: Source,
    k: int,
    method: str,
    rng: np.random.Generator,
    *,
    engine: str = "auto",
    holes: bool | None = None,
) -> NDArray[Any]:
    """Return ``k`` centres (k, d), in the dtype of the rows, by the method of that name.

    ``holes`` tells whether a cell is missing; None looks.
    """
    if method not in METHODS:
        raise InputError(f"init={method!r} is not one of {', '.join(METHODS)}.")
    means = means_for(source, holes)
    if method == "random":
        return rows_at(source, random_rows(source, k, rng, means), means)
    if method == "k-means||":
        return oversampled(source, k, rng, engine, means)
    return rows_at(source, chosen_rows(source, k, rng, engine, means), means)


def means_for(source: Source, holes: bool | None) -> FloatArray | None:
    """Return the columns' means where cells are missing, which seeds need there; else None."""
    return column_means(source) if (is_incomplete(source) if holes is None else holes) else None


def plus_plus(
    source: Source,
    k: int,
    rng: np.random.Generator,
    *,
    n_trials: int | None = None,
    engine: str = "auto",
    holes: bool | None = None,
) -> NDArray[np.intp]:
    """Return ``k`` row numbers by greedy k-means++: each seed the best of several draws.

    Rows are drawn with probability proportional to weight times squared distance to the nearest
    seed so far (Arthur & Vassilvitskii 2007); where none is apart, by weight alone. ``holes``
    tells whether a cell is missing; None looks.
    """
    return chosen_rows(source, k, rng, engine, means_for(source, holes), n_trials)


def chosen_rows(
    source: Source,
    k: int,
    rng: np.random.Generator,
    engine: str,
    means: FloatArray | None,
    n_trials: int | None = None,
) -> NDArray[np.intp]:
    """Return ``k`` row numbers by greedy k-means++; ``means`` complete the seeds."""
    trials = 2 + int(np.log(k)) if n_trials is None else n_trials
    nearest, numbers = begun(source, k, rng, engine, means)
    queue: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    then: FloatArray = np.empty(0)
    while len(numbers) < k:
        queue = queue[still_drawn(nearest.mass[queue], then, rng)]
        fresh = draw(nearest.mass, max(0, width(nearest, trials) - len(queue)), rng)
        queue = np.append(queue, fresh)
        if len(queue) == 0:
            return np.append(numbers, draw(weights_of(source, means), k - len(numbers), rng))
        chosen, queue, then = best_of(source, nearest, queue, trials, k - len(numbers), rng)
        numbers.extend(chosen)
    return np.array(numbers)


def begun(
    source: Source, most: int, rng: np.random.Generator, engine: str, means: FloatArray | None
) -> tuple[Nearest, list[np.intp]]:
    """Return how far rows are from a first seed, drawn by weight, and its number.

    There is room for ``most`` seeds.
    """
    mass = weights_of(source, means)
    numbers = draw(mass, 1, rng)
    mass[mass > 0] = np.inf
    row = rows_at(source, numbers, means)
    nearest = nearest_for(mass, np.empty((most, source.n_features), row.dtype), engine, means)
    add(source, nearest, row)
    return nearest, list(numbers)


def add(source: Source, nearest: Nearest, seeds: NDArray[Any]) -> None:
    """Make rows (m, d) seeds."""
    for start in range(0, len(seeds), MOST_JOINING):
        some = seeds[start : start + MOST_JOINING]
        nearest.aim(some)
        source.map_parts(nearest.join)
        nearest.seat(some)


def width(nearest: Nearest, trials: int) -> int:
    """Return how many draws to compare with the rows in one pass.

    The more seeds there are, the fewer rows each draw is nearer to than they are.
    """
    m, n = nearest.n_seeds, len(nearest.mass)
    steps = min(1 + m // SEEDS_PER_STEP, MOST_STEPS, len(nearest.seeds) - m)
    draws = max(trials, min(steps * trials, MOST_NOTES * m // n))
    return -(-draws // MULTIPLE) * MULTIPLE


def best_of(
    source: Source,
    nearest: Nearest,
    queue: NDArray[np.intp],
    trials: int,
    most: int,
    rng: np.random.Generator,
) -> tuple[list[np.intp], NDArray[np.intp], FloatArray]:
    """Return seeds, each the best of ``trials`` draws, the draws left and their masses when drawn.

    Draws come from the masses before the first of these seeds. For later ones each is kept with
    the probability that its mass is still there, which leaves draws from the masses of then.
    """
    rows, then = rows_at(source, queue, nearest.means), nearest.mass[queue]
    nearest.aim(rows)
    gains = source.map_parts(nearest.gains)
    notes = nearest.notes()
    chosen: list[np.intp] = []
    while len(chosen) < most:
        kept = np.flatnonzero(still_drawn(nearest.mass[queue], then, rng))
        if len(kept) < trials:
            return chosen, queue[kept], nearest.mass[queue[kept]]
        hand = kept[:trials]
        if notes is not None:
            gains[hand] = [gain(nearest.mass, notes[candidate]) for candidate in hand]
        best = hand[np.argmax(gains[hand])]
        chosen.append(queue[best])
        if notes is None:
            add(source, nearest, rows[[best]])
            most = 1
        else:
            nearest.take(rows[best], notes[best])
        then[: hand[-1] + 1] = np.inf
    return chosen, queue, then


def still_drawn(mass: FloatArray, then: FloatArray, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which draws from the masses of ``then`` are draws from those of now."""
    return (rng.random(len(then)) * then <= mass) & (mass > 0)


def gain(mass: FloatArray, notes: Notes) -> float:
    """Return by how much a candidate lowers the mass."""
    rows, masses = notes
    return float(np.maximum(mass[rows] - masses, 0.0).sum())


def oversampled(
    source: Source, k: int, rng: np.random.Generator, engine: str, means: FloatArray | None
) -> NDArray[Any]:
    """Return ``k`` centres by k-means|| (Bahmani et al. 2012).

    A few rounds draw many rows at a time; each stands for the rows that it is nearest to, and
    greedy k-means++ and a few iterations of k-means among these few make the centres.
    """
    each = int(np.ceil(ROWS_PER_SEED * k))
    nearest, _ = begun(source, 1 + ROUNDS * each, rng, engine, means)
    for _ in range(ROUNDS):
        drawn = np.unique(draw(nearest.mass, each, rng))
        if len(drawn) > 0:
            add(source, nearest, rows_at(source, drawn, means))
    m = nearest.n_seeds
    if m <= k:
        return rows_at(source, chosen_rows(source, k, rng, engine, means), means)

    def held(part: slice, rows: Any, weights: FloatArray | None) -> FloatArray:
        return np.bincount(nearest.labels[part] + 1, weights, m + 1)[1:].astype(np.float64)

    return condensed(OneBlock(nearest.seeds[:m], source.map_parts(held)), k, rng, engine)


def condensed(few: OneBlock, k: int, rng: np.random.Generator, engine: str) -> NDArray[Any]:
    """Return ``k`` centres for candidates that weigh as much as the rows they stand for."""
    centres = few.rows[chosen_rows(few, k, rng, engine, None)]
    passes = passes_for(few.rows, k, shift_of(centres), engine=engine, holes=False)
    return cluster(few, centres, passes, max_iter=LLOYD_ITER).centres


def random_rows(
    source: Source, k: int, rng: np.random.Generator, means: FloatArray | None
) -> NDArray[np.intp]:
    """Return ``k`` row numbers drawn by weight, distinct while rows of positive weight last."""
    weights = weights_of(source, means)
    shares = weights / weights.sum()
    return rng.choice(len(shares), k, replace=bool(np.count_nonzero(shares) < k), p=shares)


def weights_of(source: Source, means: FloatArray | None) -> FloatArray:
    """Return the weights (n,) of all rows; 0 where every cell is missing."""
    out = np.ones(source.n_rows)

    def write(part: slice, rows: Any, weights: FloatArray | None) -> int:
        if weights is not None:
            out[part] = weights
        if means is not None:
            out[part][np.isnan(rows).all(axis=1)] = 0.0
        return 0

    source.map_parts(write)
    return out


def rows_at(
    source: Source, numbers: NDArray[np.intp], means: FloatArray | None = None
) -> NDArray[Any]:
    """Return the rows (m, d) of the given numbers, completed by ``means`` if there are any."""
    order = np.argsort(numbers, kind="stable")
    wanted = numbers[order].tolist()

    def pick(part: slice, rows: Any, weights: FloatArray | None) -> list[Any]:
        low, high = bisect_left(wanted, part.start), bisect_left(wanted, part.stop)
        return [] if low == high else [rows[numbers[order[low:high]] - part.start]]

    found = np.concatenate(source.map_parts(pick))
    out = np.empty_like(found)
    out[order] = found
    return out if means is None else completed(out, means)


def draw(mass: FloatArray, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return ``n`` numbers drawn with replacement by mass; none if all is zero."""
    starts = np.arange(0, len(mass), CELL)
    upto = np.cumsum(np.add.reduceat(mass, starts))
    if not upto[-1] > 0:
        return np.empty(0, dtype=np.intp)
    targets = rng.random(n) * upto[-1]
    cells = within(upto, targets)
    before = np.concatenate([[0.0], upto])[cells]
    drawn = [
        start + within(np.cumsum(mass[start : start + CELL]), target)
        for start, target in zip(starts[cells], targets - before, strict=True)
    ]
    return np.array(drawn, dtype=np.intp)


def within(upto: FloatArray, targets: Any) -> Any:
    """Return which of the summands of ``upto`` reach the targets; never one that is zero."""
    last = np.searchsorted(upto, upto[-1])
    return np.minimum(np.searchsorted(upto, targets, side="right"), last)
