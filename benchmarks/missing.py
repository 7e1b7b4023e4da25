"""Tables with missing cells beside the same tables without: what is measured, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import DATA, FAMILIES, Problem, Shape, problem
from benchmarks.gmm import OurIterations
from benchmarks.machine import rates
from benchmarks.timing import Measurement, Row, Subject, compared, interleaved
from mixtura import Mixture, run_em
from mixtura.kernels.patterns import FEW, LONG, Patterns, patterns_of
from mixtura.model.families.base import FloatArray

TITLE = "Mixtures of tables with missing cells"
COLUMNS = ("structure", "missing")
#: An iteration over the incomplete table may take this many times one over the complete table.
SLOWDOWN = 3.0
MANY_ROWS, WIDE = Shape(1_000_000, 10, 5), Shape(100_000, 50, 5)
CASES = ((MANY_ROWS, 0.2), (WIDE, 0.05), (Shape(20_000, 50, 5), 0.3))
#: Seconds that five fits of the course's matrix may take together.
FIVE_FITS = 2.0
MATRIX = DATA / "mit686x_netflix.npz"
EM_OPTIONS: dict[str, Any] = {"min_variance": 0.25, "min_support": 1.0, "tol": 1e-6}


@dataclass(frozen=True)
class Settings:
    """How thorough to be; ``repeats`` is the number of pairs per comparison."""

    repeats: int = 7
    quick: bool = False

    def shape(self, shape: Shape) -> Shape:
        """Return the shape to measure."""
        return shape.quick() if self.quick else shape


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements."""
    for whole, share in CASES:
        shape = settings.shape(whole)
        for family in FAMILIES if whole == MANY_ROWS else ("full", "diag"):
            target = whole == MANY_ROWS and family == "full"
            run = partial(iteration, shape, share, family, settings.repeats, target)
            yield Measurement(f"iteration/{family}/{shape}/{share:.0%}", run)
    yield Measurement("matrix", partial(matrix, settings.repeats))


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return what all rows together say: nothing."""
    return []


def with_holes(X: FloatArray, share: float) -> FloatArray:
    """Return a copy in which cells are missing completely at random."""
    holes = X.copy()
    holes[np.random.default_rng(1).random(X.shape) < share] = np.nan
    return holes


def iteration(shape: Shape, share: float, family: str, repeats: int, judged: bool) -> list[Row]:
    """Time iterations over a table with and without its missing cells, in turn."""
    given: Problem = problem(shape, "moderate")
    start, holes = given.start(family), with_holes(given.X, share)
    ours, complete = OurIterations(holes, start), OurIterations(given.X, start)
    seconds = interleaved({"ours": ours, "theirs": complete}, repeats)
    subject = Subject("EM iteration", str(shape), family, f"{share:.0%}", "complete rows")
    patterns = patterns_of(holes)[1]
    details: dict[str, Any] = {
        "patterns": len(patterns.rows),
        "setup_seconds": ours.setup_seconds,
        "complete_setup_seconds": complete.setup_seconds,
    }
    note = f"{len(patterns.rows):,} patterns; set-up {ours.setup_seconds:.2f} s"
    if family == "full":
        speed = 1e-9 * operations(patterns, shape) / float(np.median(seconds["ours"]))
        machine = rates(np.dtype(np.float64))
        details |= {"gflops": speed, "machine": machine}
        note += f"; {speed:.0f} GFlop/s counted, matrix products {machine['gemm']:.0f}"
    target = 1.0 / SLOWDOWN if judged else None
    return [compared(subject, seconds, target, note=note, details=details)]


def operations(patterns: Patterns, shape: Shape) -> float:
    """Return the floating-point operations of an E-step with full covariances.

    Two for each multiply and add: per row and component the product with a triangular factor and
    the scatter of what it works on, and per pattern or row what finds the missing cells.
    """
    d, k = shape.d, shape.k
    rows, m = patterns.rows.astype(np.float64), patterns.missing.astype(np.float64)
    o = d - m
    few = (patterns.rows < LONG) & (FEW * m <= d)
    completed = rows * (2.0 * d * (d + 1) + 4.0 * d * m + m * m) + 4.0 * d * m * m + m**3
    alone = rows * 2.0 * o * (o + 1) + 2.0 * o**3 / 3.0 + 4.0 * m * o * o + 2.0 * m * m * o
    return float(k * np.where(few, completed, alone).sum())


def matrix(repeats: int) -> list[Row]:
    """Time five fits of a matrix of ratings, beside vectorised code as people write it."""
    subject = Subject("five fits", "1200x1200-K12", "spherical", "", "written by hand")
    if not MATRIX.exists():
        return [Row(subject, "s", note=f"not measured: there is no {MATRIX}")]
    with np.load(MATRIX) as stored:
        ratings = stored["netflix_incomplete"].astype(np.float64)
    X = np.where(ratings == 0, np.nan, ratings)
    starts = [start_of(ratings, 12, seed) for seed in range(5)]
    finals: dict[str, list[float]] = {}

    def ours() -> None:
        runs = [run_em(X, start, stopping="relative", **EM_OPTIONS) for start in starts]
        finals["ours"] = [float(run.log_likelihoods[-1]) for run in runs]

    def theirs() -> None:
        finals["theirs"] = [by_hand(ratings, start) for start in starts]

    seconds = interleaved({"ours": ours, "theirs": theirs}, min(repeats, 3))
    same = bool(np.allclose(finals["ours"], finals["theirs"], rtol=1e-9))
    row = compared(subject, seconds, also=same, note="" if same else "other log-likelihoods")
    met = same and row.ours is not None and row.ours < FIVE_FITS
    return [Row(**{**row.__dict__, "target": f"< {FIVE_FITS:g} s", "met": met})]


def start_of(ratings: FloatArray, k: int, seed: int) -> Mixture:
    """Return the start of the published run: rows drawn by the legacy generator."""
    chosen = np.random.RandomState(seed).choice(len(ratings), k, replace=False)
    means = ratings[chosen]
    variances = [np.mean((ratings - mean) ** 2) for mean in means]
    return Mixture(np.full(k, 1.0 / k), means, variances, "spherical")


def by_hand(ratings: FloatArray, start: Mixture) -> float:
    """Return the log-likelihood that EM reaches, in matrix products over all cells."""
    weights, means, variances = start.weights, start.means, start.covariances
    seen = (ratings != 0).astype(np.float64)
    counts, last = seen.sum(axis=1), -np.inf
    while True:
        squares = (ratings**2).sum(axis=1)[:, None] - 2.0 * ratings @ means.T + seen @ (means**2).T
        normaliser = counts[:, None] * np.log(2.0 * np.pi * variances)
        joint = np.log(weights) - 0.5 * (normaliser + squares / variances)
        top = joint.max(axis=1, keepdims=True)
        density = top + np.log(np.exp(joint - top).sum(axis=1, keepdims=True))
        resp, loglik = np.exp(joint - density), float(density.sum())
        if loglik - last <= EM_OPTIONS["tol"] * abs(loglik):
            return loglik
        last = loglik
        weights = resp.mean(axis=0)
        support = resp.T @ seen
        enough = support >= EM_OPTIONS["min_support"]
        means = np.where(enough, resp.T @ ratings / np.where(enough, support, 1.0), means)
        squares = (ratings**2).sum(axis=1)[:, None] - 2.0 * ratings @ means.T + seen @ (means**2).T
        variances = (resp * squares).sum(axis=0) / (resp * counts[:, None]).sum(axis=0)
        variances = np.maximum(variances, EM_OPTIONS["min_variance"])
