"""k-means on rows outside memory: tables on disk and Dask collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.holes import column_means
from mixtura.algorithms.lloyd import Aim, Settled, settle
from mixtura.algorithms.mini_batch import COPY_BYTES
from mixtura.algorithms.oversampling import oversampled
from mixtura.algorithms.seeding import seed
from mixtura.algorithms.source import Source
from mixtura.algorithms.total import total_statistics
from mixtura.estimators import identity
from mixtura.estimators.centres import MISSING, in_dtype, source_of
from mixtura.estimators.k_means import best_of, generator, given_centres, in_order, n_starts
from mixtura.estimators.outside import Outside, check_names, opened, readable
from mixtura.estimators.validation import check_count, check_squares
from mixtura.kernels import array_api
from mixtura.kernels.kmeans import has_holes, is_compiled, shift_of, work
from mixtura.model import Family, Statistics
from mixtura.model.families.base import FloatArray

#: Rows that seeds are chosen from: so many, if they have at most so many cells, and at least so
#: many for each seed.
SAMPLE_ROWS, SAMPLE_CELLS, ROWS_PER_SEED = 2**16, 2**22, 20
#: Part of a table's budget that the rows take which mini-batches are made of, and the rows that
#: tell how distances vary.
SAMPLE_SHARE, PROBE_ROWS = 4, 2**16
#: To draw more than this part of all rows, NumPy makes an array of their numbers.
DRAWN_SHARE, NUMBER_BYTES = 50, 8


@dataclass(frozen=True, eq=False)
class Spread:
    """How many numbers columns hold (d,), their means and sums of squares about these."""

    count: FloatArray
    mean: FloatArray
    squares: FloatArray

    def __add__(self, other: Spread) -> Spread:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1.0)
        apart = other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * self.count * share
        return Spread(count, self.mean + share * apart, squares)


def spread(rows: Any, weights: FloatArray | None) -> Spread:
    """Return the spread of a block, whatever the weights of the rows."""
    observed = ~np.isnan(rows)
    count = observed.sum(axis=0).astype(np.float64)
    cells = np.where(observed, rows, 0.0).astype(np.float64)
    mean = cells.sum(axis=0) / np.maximum(count, 1.0)
    apart = np.where(observed, cells - mean, 0.0)
    return Spread(count, mean, np.einsum("ij,ij->j", apart, apart))


def mean_variance(source: Source) -> float:
    """Return the mean of the columns' variances, over the cells that they have."""
    found = source.map_reduce(spread)
    return float(np.mean(found.squares / found.count))


def best_run(
    estimator: Any, X: Any, sample_weight: Any
) -> tuple[Settled, float, tuple[NDArray[Any], ...]]:
    """Return the run of least inertia of every start, the weight of all rows, and its centres.

    The last only if they are recorded.
    """
    if estimator.algorithm not in ("auto", "lloyd"):
        raise InputError(
            f"algorithm={estimator.algorithm!r} keeps bounds of every row, which needs the rows in "
            "memory; use 'auto' or 'lloyd'."
        )
    if callable(estimator.init):
        raise InputError(
            "init is a callable, which is given all rows, and needs them in memory; pass an array "
            "of centres, or the name of a start."
        )
    afar = opened(estimator, X, sample_weight, min_rows=1)
    check_usable(afar, fitting=True, n_clusters=estimator.n_clusters)
    source, engine = source_outside(estimator, afar, estimator.n_clusters)
    how: dict[str, Any] = {
        "engine": engine,
        "holes": afar.survey.incomplete,
        "tol": estimator.tol * mean_variance(source) if estimator.tol else 0.0,
        "max_iter": estimator.max_iter,
    }
    begin = partial(starts, estimator, afar, source, engine)
    data = partial(identity.rows_in, source, estimator)
    best, snapshots = best_of(estimator, begin, partial(settle, source, **how), data)
    return best, source.weight, snapshots


@dataclass(eq=False)
class Worth:
    """Ends passes once one lowers the inertia by less than its standard error.

    Means that move by their squared shifts lower the inertia by these, times ``shares`` (k,) of
    the rows, of each row on average. ``least`` is the standard error, and NaN never reached.
    """

    before: NDArray[Any]
    shares: FloatArray
    least: float
    report: Callable[[float], Any]

    def __call__(self, centres: NDArray[Any], trace: list[float]) -> bool:
        """Return whether the pass that led to these centres has been the last one worth making."""
        squares = np.square(centres.astype(np.float64) - self.before).sum(axis=1)
        self.before = centres
        self.report(-trace[-1])
        return bool(self.shares @ squares < self.least)


def nested_run(model: Any, X: Any, sample_weight: Any) -> tuple[Settled, float, int]:
    """Return where mini-batches of a sample lead, and then passes over all rows.

    Also the weight of all rows, and the number of steps.
    """
    afar = opened(model, X, sample_weight, min_rows=1)
    check_usable(afar, fitting=True, n_clusters=model.n_clusters)
    check_complete(model, afar)
    n, state = afar.n_rows, model._state()
    source, engine = source_outside(model, afar, model.n_clusters)
    room = min(COPY_BYTES, getattr(afar.rows, "memory", COPY_BYTES) // SAMPLE_SHARE)
    most = room // (afar.n_features * afar.dtype.itemsize)
    if n * NUMBER_BYTES > room:
        most = min(most, n // DRAWN_SHARE)
    most = max(model._init_size(), most)
    rows, weights = source.sample_rows(most, np.random.default_rng(model._seed))
    result = model._nested(rows, weights, state)
    centres, shares = result.step.centres, result.step.tally.weight / result.batch.source.weight
    apart = squares_apart(rows, centres, engine)
    least = np.nan if model.max_no_improvement is None else apart.std() / np.sqrt(n)
    passed = -(-result.n_rows // n)
    done = settle(
        source,
        centres,
        engine=engine,
        tol=model.tol * mean_variance(source) if model.tol else 0.0,
        max_iter=0 if len(rows) == n else max(0, model.max_iter - passed),
        on_step=Worth(centres, shares, least, partial(model._report, n)),
    )
    return replace(done, n_iter=passed + done.n_iter), source.weight, result.n_steps + done.n_iter


def squares_apart(rows: Any, centres: NDArray[Any], engine: str) -> FloatArray:
    """Return the squared distances of some of a sample's rows from the nearest centres."""
    some = rows[:: max(1, len(rows) // PROBE_ROWS)]
    passes, _ = Aim(centres, shift_of(centres), engine).passes(some)
    return passes.apart(slice(0, len(some)), some, centres)


def check_usable(afar: Outside, *, fitting: bool = False, n_clusters: int = 1) -> None:
    """Raise unless squares fit into the dtype, and as many rows as clusters have weight."""
    found = afar.survey
    check_count(found.positive, None, n_clusters, "n_clusters")
    # The largest number of each column, as one row that is as heavy as all, has the same limits.
    heaviest = np.array([max(1.0, found.heaviest) * afar.n_rows])
    check_squares(found.largest[None].astype(afar.dtype), heaviest, fitting=fitting)


def source_outside(estimator: Any, afar: Outside, k: int) -> tuple[Source, str]:
    """Return rows as a source for passes over ``k`` centres, and the engine for them."""
    n, d = afar.n_rows, afar.n_features
    engine = "numba" if is_compiled(estimator.engine, n, d, k) else "numpy"
    threaded = engine == "numba"
    return afar.source(work(1, d, k), 4 * k * (d + 2), threaded=threaded), engine


def starts(
    estimator: Any, afar: Outside, source: Source, engine: str, state: np.random.RandomState
) -> Iterator[Callable[[], NDArray[Any]]]:
    """Yield what makes the centres (k, d) of each start."""
    init, k = estimator.init, estimator.n_clusters
    for _ in range(n_starts(estimator)):
        if isinstance(init, str):
            yield partial(seeded, estimator, afar, source, engine, generator(state))
        else:
            yield partial(given_centres, init, (k, afar.n_features), afar.dtype)


def seeded(
    estimator: Any, afar: Outside, source: Source, engine: str, rng: np.random.Generator
) -> NDArray[Any]:
    """Return centres (k, d) by k-means|| on all rows, or by the other methods on a sample.

    A table that is not larger than the sample starts as it does in memory.
    """
    init, k = estimator.init, estimator.n_clusters
    most = max(k * ROWS_PER_SEED, min(SAMPLE_ROWS, SAMPLE_CELLS // afar.n_features))
    if init == "k-means||" and afar.n_rows > most:
        means = column_means(source) if afar.survey.incomplete else None
        return oversampled(source, k, rng, engine=engine, means=means)
    rows, weights = source.sample_rows(most, rng)
    few = in_order(source_of(rows, weights, k, estimator.n_jobs))
    return seed(few, k, init, rng, engine=estimator.engine, holes=has_holes(rows))


def score(model: Any, X: Any, sample_weight: Any) -> float:
    """Return the negative inertia of rows outside memory."""
    aim, source, _ = nearest(model, X, sample_weight)
    return -float(source.map_reduce(aim.outcome)[0])


def nearest(model: Any, X: Any, sample_weight: Any) -> tuple[Aim, Source, Outside]:
    """Return rows as a source, and what finds the nearest of a model's centres for them."""
    rows = readable(X, sample_weight, model.n_jobs)
    check_names(model, rows)
    afar = Outside(rows, model.n_jobs, fitting=False)
    check_usable(afar)
    check_complete(model, afar)
    centres = in_dtype(model.cluster_centers_, afar.dtype, "cluster_centers_")
    source, engine = source_outside(model, afar, len(centres))
    return Aim(centres, shift_of(centres), engine, afar.survey.incomplete), source, afar


def check_complete(model: Any, afar: Outside) -> None:
    """Raise naming the first column in which cells are missing, where the model takes none."""
    found = afar.survey
    if found.incomplete and not model._allow_nan:
        column = int(np.argmin(found.observed))
        label = column if afar.names is None else repr(str(afar.names[column]))
        raise InputError(
            f"column {label} of {afar.rows.source} has missing cells; fill or drop them, or leave "
            f"the column out.{MISSING}"
        )


def hard_statistics(
    model: Any, X: Any, family: Family, sample_weight: Any
) -> tuple[Statistics, EM]:
    """Return the statistics of the clusters, and the E- and M-step on the same rows."""
    aim, source, afar = nearest(model, X, sample_weight)
    if aim.holes:
        raise InputError(
            "as_mixture of a table with missing cells needs the rows in memory; fit a "
            "GaussianMixture with init_params='k-means++' to the table."
        )
    statistics = source.map_reduce(partial(hard, aim, family))
    over, kernels = afar.for_mixture(len(aim.centres), family.name, model.engine)
    return statistics, EM(over, kernels, family, total_statistics(over, kernels, family))


def hard(aim: Aim, family: Family, rows: Any, weights: FloatArray | None) -> Statistics:
    """Return the statistics of the rows of a block, each of which belongs to one cluster."""
    resp = np.eye(len(aim.centres))[aim.labels(rows)]
    return array_api.moments(rows, resp, weights, aim.centres.astype(np.float64), family)
