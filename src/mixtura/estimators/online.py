"""What estimators that take rows as they come, by ``partial_fit``, have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mixtura._errors import InputError
from mixtura.algorithms.kmeans import cluster
from mixtura.algorithms.starts import ROWS_PER_MEAN, SAMPLE_ROWS
from mixtura.algorithms.stepwise import Clusters, Running, absorbed, held_by, joined, with_rows
from mixtura.algorithms.stopping import Status
from mixtura.estimators import automatic, fitting
from mixtura.estimators.centres import MISSING, in_dtype, source_of
from mixtura.estimators.checkpoints import unkept
from mixtura.estimators.functional import source_for
from mixtura.estimators.loading import is_outside
from mixtura.estimators.validation import (
    check_magnitude,
    check_observed,
    check_squares,
    validated_table,
    validated_weights,
)
from mixtura.kernels import NUMBA_WORK, work
from mixtura.kernels.kmeans import passes_for, shift_of
from mixtura.model import family_named
from mixtura.model.families.base import FloatArray

#: Rows (n, d) and their weights (n,), if they have any.
Chunk = tuple[Any, FloatArray | None]


@dataclass(frozen=True, eq=False)
class Gathered:
    """The first rows of a stream, kept until there are as many as a start looks at.

    ``due`` is the number of rows from which to fit them anew.
    """

    chunks: tuple[Chunk, ...] = ()
    n_rows: int = 0
    due: int = 1

    def with_chunk(self, rows: Any, weights: FloatArray | None) -> Gathered:
        """Return the rows with a copy of a chunk."""
        own = rows.copy(), None if weights is None else weights.copy()
        return replace(self, chunks=(*self.chunks, own), n_rows=self.n_rows + len(rows))

    def merged(self) -> Gathered:
        """Return the same rows as one chunk; the next fit is due once there are twice as many."""
        rows = np.concatenate([rows for rows, _ in self.chunks])
        each = [np.ones(len(rows)) if w is None else w for rows, w in self.chunks]
        unweighted = all(w is None for _, w in self.chunks)
        whole = rows, None if unweighted else np.concatenate(each)
        return Gathered((whole,), self.n_rows, 2 * self.n_rows)


@dataclass(frozen=True, eq=False)
class Online:
    """What a stream of rows has come to; ``gathered`` is None once there are enough.

    ``given`` tells that it began with a solution that was there before.
    """

    state: Any = None
    gathered: Gathered | None = None
    given: bool = False
    n_chunks: int = 0

    def after(
        self,
        chunk: Chunk,
        most: int,
        fit: Callable[[Any, FloatArray | None], Any],
        advance: Callable[[Any, FloatArray | None], Any],
    ) -> Online:
        """Return the stream after a chunk.

        The first rows, up to ``most``, are fitted anew each time that they have doubled. All
        other chunks ``advance`` the state.
        """
        gathered, state = self.gathered, None
        if gathered is not None:
            gathered = gathered.with_chunk(*chunk)
            full = gathered.n_rows >= most
            if full or gathered.n_rows >= gathered.due:
                gathered = gathered.merged()
                state = fit(*gathered.chunks[0])
            gathered = None if full else gathered
        state = advance(*chunk) if state is None else state
        return replace(self, state=state, gathered=gathered, n_chunks=self.n_chunks + 1)


def counting(rows: Any, weights: FloatArray | None) -> Chunk:
    """Return the rows of positive weight, and their weights."""
    if weights is None or weights.all():
        return rows, weights
    return rows[weights > 0], weights[weights > 0]


def check_settings(model: Any) -> None:
    """Raise where a parameter is no good; those that were looked at before are not again.

    That would take a quarter of the time of a small chunk.
    """
    values = [getattr(model, name) for name in model._parameter_constraints]
    known = getattr(model, "_checked", [])
    if len(known) == 0 or any(a is not b for a, b in zip(values, known, strict=True)):
        model._validate_params()
        model._checked = values


def check_in_memory(X: Any) -> None:
    """Raise where a whole table that is elsewhere is passed as a chunk."""
    if is_outside(X):
        raise InputError(
            "partial_fit takes one chunk of rows in memory: call it with the rows and weights of "
            "each of table.chunks(10_000) of open_table, or each partition of a Dask collection. "
            "fit takes the table or the collection itself."
        )


def check_first(chunk: Chunk, name: str, k: int) -> None:
    """Raise unless a first chunk has as many rows that count as there are components."""
    n = len(chunk[0])
    if n < k:
        raise InputError(
            f"{name}={k} is more than the {n} rows of the first chunk; begin with a larger chunk, "
            f"or use fewer {name[2:]}."
        )


def start_rows(k: int, d: int) -> int:
    """Return the number of first rows to gather, which is that of a sample that starts look at."""
    return max(SAMPLE_ROWS, ROWS_PER_MEAN * k * d)


def update_mixture(model: Any, X: Any, sample_weight: Any) -> None:
    """Add a chunk of rows to a GaussianMixture."""
    check_settings(model)
    check_in_memory(X)
    online = online_mixture(model)
    rows, _ = validated_table(model, X, fitting=not hasattr(model, "means_"), min_rows=1)
    chunk = counting(rows, validated_weights(sample_weight, rows))
    k = automatic.MOST if model.n_components == "auto" else model.n_components
    if online.state is not None:
        k = online.state.mixture.n_components
    elif model.n_components != "auto":
        check_first(chunk, "n_components", k)
    fit, advance = (partial(f, model, online) for f in (fitted_mixture, advanced_mixture))
    online = online.after(chunk, start_rows(k, rows.shape[1]), fit, advance)
    running = online.state
    fitting.publish(
        model,
        running.mixture,
        rows.dtype,
        converged_=False,
        status_=Status.ONLINE,
        n_iter_=online.n_chunks,
        lower_bound_=running.loglik,
        collapsed_=running.collapsed,
        _weight=running.weight,
    )
    model._online = online


def online_mixture(model: Any) -> Online:
    """Return what an estimator's stream has come to, or one that goes on from its solution."""
    k = model.n_components
    if getattr(model, "_weight", None) is None and not hasattr(model, "means_"):
        return Online(gathered=Gathered())
    mixture, online = model.mixture_, getattr(model, "_online", None)
    same = k in ("auto", mixture.n_components)
    if not same or family_named(model.covariance_type) != mixture.family:
        raise InputError(
            f"partial_fit goes on with the {mixture.n_components} components of covariance_type="
            f"{mixture.covariance_type!r} that there are; use fit, or clone, to begin anew."
        )
    if online is not None and online.state.mixture is mixture:
        return online
    if getattr(model, "_weight", None) is None:
        return Online(gathered=Gathered(), given=True)
    return Online(Running.settled(mixture, model._weight))


def fitted_mixture(model: Any, online: Online, rows: Any, weights: FloatArray | None) -> Running:
    """Return what a fit of the rows gathered so far leads to."""
    incomplete = bool(np.isnan(rows).any())
    if incomplete:
        check_observed(rows, getattr(model, "feature_names_in_", None))
    if model.n_components == "auto" and not online.given:
        chosen, selection = automatic.fit(unkept(model), rows, weights, incomplete)
        return Running.begin(chosen, selection.result.mixture)
    em = fitting.problem(model, rows, weights, incomplete)
    init = model.init_params  # an array is about the rows of the first chunk
    goes_on = online.state is not None and not (isinstance(init, str) or callable(init))
    first = model.mixture_ if online.given or goes_on else None
    return Running.begin(em, fitting.run(unkept(model), em, rows, first).result.mixture)


def advanced_mixture(model: Any, online: Online, rows: Any, weights: FloatArray | None) -> Running:
    """Return what one step of EM with a chunk leads to."""
    running: Running = online.state
    (k, d), family = running.mixture.means.shape, running.mixture.family.name
    # As much work as there has been is to come.
    enough = online.n_chunks * work(len(rows), d, k, family) >= NUMBA_WORK
    engine = "numba" if enough and model.engine == "auto" else model.engine
    incomplete = bool(np.isnan(rows).any())
    source, kernels = source_for(
        rows, weights, k, family, engine, model.n_jobs, incomplete=incomplete
    )
    total = with_rows(running.total, source, kernels)
    check_magnitude(total, rows)
    return absorbed(running, fitting.regularised(model, source, kernels, total, k), model.forget)


def update_clusters(model: Any, X: Any, sample_weight: Any, run: Callable[..., Any]) -> None:
    """Add a chunk of rows to a KMeans, whose runs from its starts are ``run``."""
    check_settings(model)
    check_in_memory(X)
    online, k = online_clusters(model), model.n_clusters
    rows, _ = validated_table(
        model,
        X,
        fitting=not hasattr(model, "cluster_centers_"),
        min_rows=1,
        missing=MISSING,
        allow_nan=model._allow_nan,
    )
    chunk = counting(rows, validated_weights(sample_weight, rows))
    check_squares(*chunk)
    if online.state is None:
        check_first(chunk, "n_clusters", k)
    fit = partial(fitted_clusters, model, online, run)
    advance = partial(advanced_clusters, model, online)
    online = online.after(chunk, start_rows(k, rows.shape[1]), fit, advance)
    centres = in_dtype(online.state.means, rows.dtype, "cluster_centers_")
    holes = bool(np.isnan(rows).any())
    passes = passes_for(
        rows, k, shift_of(centres), algorithm="lloyd", engine=model.engine, holes=holes
    )
    weights = validated_weights(sample_weight, rows)
    done = cluster(source_of(rows, weights, k, model.n_jobs), centres, passes, max_iter=0)
    model.cluster_centers_, model.snapshots_ = centres, ()
    model.labels_, model.inertia_ = done.labels, done.inertia
    model.n_iter_, model.status_ = online.n_chunks, Status.ONLINE
    model._held, model._online = (online.state.held, online.state.weight), online


def online_clusters(model: Any) -> Online:
    """Return what an estimator's stream has come to, or one that goes on from its centres."""
    if not hasattr(model, "cluster_centers_"):
        return Online(gathered=Gathered())
    centres, online = model.cluster_centers_, getattr(model, "_online", None)
    if len(centres) != model.n_clusters:
        raise InputError(
            f"n_clusters={model.n_clusters}, but partial_fit goes on with the {len(centres)} "
            "clusters it has; use fit, or clone, to begin anew."
        )
    if online is not None and np.array_equal(online.state.means.astype(centres.dtype), centres):
        return online
    held = getattr(model, "_held", None)
    if held is None:
        return Online(gathered=Gathered(), given=True)
    return Online(Clusters.of(centres, *held))


def fitted_clusters(
    model: Any,
    online: Online,
    run: Callable[..., Any],
    rows: Any,
    weights: FloatArray | None,
) -> Clusters:
    """Return what k-means makes of the rows gathered so far."""
    holes, k = bool(np.isnan(rows).any()), model.n_clusters
    check_squares(rows, weights, fitting=True)
    if holes:
        check_observed(rows, getattr(model, "feature_names_in_", None))
    if online.given:
        params = {**model.get_params(), "init": model.cluster_centers_, "n_init": 1}
        model = type(model)(**params)
    source = source_of(rows, weights, k, model.n_jobs)
    best = run(unkept(model), source, holes)
    return Clusters.of(best.centres, held_by(best.labels, rows, weights, k), source.weight)


def advanced_clusters(
    model: Any, online: Online, rows: Any, weights: FloatArray | None
) -> Clusters:
    """Return the clusters with a chunk."""
    k, clusters = model.n_clusters, online.state
    centres = in_dtype(clusters.means, rows.dtype, "cluster_centers_")
    holes = bool(np.isnan(rows).any())
    passes = passes_for(
        rows, k, shift_of(centres), algorithm="lloyd", engine=model.engine, holes=holes
    )
    source = source_of(rows, weights, k, model.n_jobs)
    return joined(clusters, source, passes, rows, model.forget)
