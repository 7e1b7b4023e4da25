"""Problems of k-means for tests, and what the ways to solve them must agree on."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from mixtura.algorithms.kmeans import Clustering, cluster
from mixtura.kernels.kmeans import Passes, shift_of
from mixtura.sources import MemorySource
from problems import Array, laid_out


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows (n, d), weights (n,) or None, and centres (k, d) to start from."""

    rows: Array
    weights: Array | None
    centres: Array

    def solve(self, passes: Passes, *, threads: int = 1, **options: Any) -> Clustering:
        """Return what Lloyd's iterations reach with these passes."""
        source = MemorySource(self.rows, self.weights, row_work=1e5, result_size=1, threads=threads)
        return cluster(source, self.centres, passes, **options)

    @property
    def shift(self) -> Array:
        """The point about which rows and centres are compared."""
        return shift_of(self.centres)


def bits(clustering: Clustering) -> tuple[object, ...]:
    """Return all that a clustering says, to the bit."""
    labels, centres = clustering.labels.tobytes(), clustering.centres.tobytes()
    return labels, centres, clustering.inertia, clustering.n_iter, clustering.status


def random_problem(seed: int, most_rows: int, most_centres: int) -> Problem:
    """Return a problem; what makes it hard is drawn: ties, outliers, offsets, scales, layouts."""
    rng = np.random.default_rng(seed)

    def sometimes(chance: float = 0.25) -> bool:
        return bool(rng.random() < chance)

    n = int(np.exp(rng.uniform(np.log(20), np.log(most_rows))))
    d = int(rng.choice([1, 2, 3, 5, 8, 13, 24, 40]))
    k = int(rng.integers(1, min(n, most_centres) + 1))
    middles = rng.normal(size=(int(rng.integers(1, 30)), d)) * rng.choice([0.0, 3.0, 30.0])
    rows = rng.normal(size=(n, d)) + middles[rng.integers(len(middles), size=n)]
    if sometimes():
        rows = np.round(rows)  # many rows are equally far from several centres
    if sometimes():
        rows = rows[rng.integers(-(-n // 3), size=n)]
    if sometimes():
        rows[:, rng.integers(d)] = 7.0
    if sometimes():
        rows[rng.integers(n, size=2)] = rng.choice([-1e9, 1e6, 1e9], size=(2, d))
    rows = rows * rng.choice([1.0, 1.0, 1e-8, 1e8]) + rng.choice([0.0, 0.0, 1e4, 1e8])
    rows = rows.astype(rng.choice([np.float32, np.float64]))
    centres = rows[rng.choice(n, k, replace=False)]
    if sometimes():
        centres = centres[rng.integers(k, size=k)]
    if sometimes():
        centres[-1] = centres[-1] + 1e6  # empty from the start
    weights = None
    if sometimes():
        weights = rng.integers(0, 3, size=n).astype(float)
        weights[:k] += 1.0
    layout = str(rng.choice(["C", "C", "F", "strided", "reversed"]))
    return Problem(laid_out(rows, layout), weights, np.ascontiguousarray(centres))


def separate_problem(seed: int, n: int = 120, d: int = 3, k: int = 6) -> Problem:
    """Return a problem without near ties, which rounding cannot decide."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d))
    return Problem(rows, rng.uniform(0.5, 2.0, n), rows[:k].copy())


def fused(a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c in the dtype of ``c``, rounded once, to even."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = type(c)(float(exact))
    candidates = [np.nextafter(near, type(c)(to)) for to in (-np.inf, np.inf)]
    whole = np.dtype(f"i{near.nbytes}")
    return min(
        [near, *candidates],
        key=lambda value: (abs(Fraction(float(value)) - exact), int(value.view(whole)) & 1),
    )


def score(row: Array, centre: Array, offset: Any = None) -> Any:
    """Return the score of a row and a centre as a chain of fused products."""
    half = sum((Fraction(float(c)) ** 2 for c in centre), Fraction(0)) / 2
    total = row.dtype.type(-float(half)) if offset is None else offset
    for x, c in zip(row, centre, strict=True):
        total = fused(x, c, total)
    return total


def holed(problem: Problem, seed: int) -> Problem:
    """Return a problem in which cells are missing: all of some rows, none of others."""
    rng = np.random.default_rng(seed)
    n = len(problem.rows)
    share = rng.choice([0.0, 0.2, 0.5, 1.0], p=[0.2, 0.5, 0.2, 0.1], size=(n, 1))
    holes = rng.random(problem.rows.shape) < share
    holes[0] = False  # so that every column has an observed cell
    weights = problem.weights
    if weights is not None:
        weights = weights.copy()
        weights[0] += 1.0
    return Problem(
        np.where(holes, np.nan, problem.rows).astype(problem.rows.dtype), weights, problem.centres
    )


@dataclass(frozen=True, eq=False)
class InBlocks:
    """Rows in blocks of some size, which take only functions that can be sent elsewhere."""

    rows: Array
    weights: Array | None = None
    size: int = 7

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.rows.shape[1])

    @property
    def weight(self) -> float:
        """Sum of the row weights."""
        return float(self.n_rows if self.weights is None else self.weights.sum())

    def map_reduce(self, function: Any) -> Any:
        """Return the sum of ``function(rows, weights)``."""
        own = pickle.loads(pickle.dumps(function))
        return self.map_parts(partial(_without_part, own))

    def map_parts(self, function: Any) -> Any:
        """Return the sum of ``function(part, rows, weights)``."""
        own = pickle.loads(pickle.dumps(function))
        results = []
        for start in range(0, self.n_rows, self.size):
            part = slice(start, min(start + self.size, self.n_rows))
            weights = None if self.weights is None else self.weights[part]
            results.append(own(part, self.rows[part], weights))
        return reduce(add, results)

    def sample_rows(self, n: int, rng: np.random.Generator) -> Any:
        """Return rows as a source in memory does."""
        source = MemorySource(self.rows, self.weights, row_work=1.0, result_size=1)
        return source.sample_rows(n, rng)


def _without_part(function: Any, part: slice, rows: Any, weights: Any) -> Any:
    return function(rows, weights)
