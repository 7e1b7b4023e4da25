"""The scikit-learn estimator for k-means."""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from mixtura._errors import InputError
from mixtura.algorithms.holes import column_means
from mixtura.algorithms.kmeans import Clustering, Standing, cluster
from mixtura.algorithms.loop import Progress, asks_to_stop
from mixtura.algorithms.seeding import METHODS, chosen_rows, means_for, rows_at, seed
from mixtura.algorithms.source import OneBlock, Source
from mixtura.algorithms.stepwise import held_by
from mixtura.algorithms.stopping import Status
from mixtura.estimators import checkpoints, identity, online
from mixtura.estimators.centres import MISSING, CentreModel, in_dtype, source_of
from mixtura.estimators.fitting import check_positive, logger, read_only, verbose_logging
from mixtura.estimators.functional import checked_rows
from mixtura.estimators.loading import is_outside
from mixtura.estimators.validation import (
    check_count,
    check_observed,
    check_squares,
    validated_table,
    validated_weights,
)
from mixtura.kernels import ENGINES, array_api
from mixtura.kernels.kmeans import ALGORITHMS, Labels, passes_for, shift_of
from mixtura.model import family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import as_finite
from mixtura.sources import MemorySource

C = TypeVar("C", bound=Clustering)

#: Starts with ``n_init='auto'`` where each may be a poor one.
AUTO_STARTS = 10
#: Relative difference of inertias that rounding may make.
SAME_INERTIA = 1e-12
#: Rows whose mean stands for the table's.
PILOT_ROWS = 1000
#: Rows that are sorted in less time than a fit takes.
SORTED_ROWS = 2048


@dataclass(frozen=True, eq=False)
class KMeansStep:
    """What a callback sees after each iteration of k-means.

    Attributes
    ----------
    restart : int
        Number of the restart, from 0.
    iteration : int
        Number of the iteration, from 1.
    shift : float
        Sum of the squared distances that the centres have moved, in squared units of the columns.
    centers : ndarray of shape (n_clusters, n_features)
        The centres after this iteration.

    Examples
    --------
    >>> from mixtura import KMeans
    >>> shifts = []
    >>> model = KMeans(1, init=[[0.0]], callback=lambda step: shifts.append(step.shift))
    >>> model.fit([[1.0], [3.0]]).cluster_centers_
    array([[2.]])
    >>> shifts
    [4.0]
    """

    restart: int
    iteration: int
    shift: float
    centers: NDArray[Any]


class KMeans(CentreModel):
    r"""Clusters about centres, of least sum of squared distances; scikit-learn's interface.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, at least 1.
    init : {'k-means++', 'k-means||', 'random'}, array-like or callable, default='k-means++'
        Where to start. ``'k-means++'`` draws rows that are far from those drawn before [2]_,
        ``'k-means||'`` many of them at a time [3]_, ``'random'`` any rows. An array holds centres
        (n_clusters, n_features). A callable gets ``(X, n_clusters, random_state=...)``, with
        ``X`` read-only, and returns such an array. Centres have every coordinate; those that a
        row drawn as one lacks are the columns' means.
    n_init : 'auto' or int, default='auto'
        Number of starts; the least inertia wins. ``'auto'`` is 10 where ``init`` is
        ``'random'`` or a callable, and 1 elsewhere.
    max_iter : int, default=300
        Largest number of iterations per start.
    tol : float, default=1e-4
        Iterations end once the squared distances that the centres move sum to at most this, in
        units of the columns' mean variance. With 0 they end when no row changes its cluster.
    verbose : int, default=0
        Log every iteration.
    random_state : int, RandomState or None, default=None
        Seed of the starts.
    algorithm : {'auto', 'lloyd', 'exponion', 'yinyang', 'elkan'}, default='auto'
        How nearest centres are found: by comparing every row with every centre (``'lloyd'``), or
        with bounds on distances that spare most of that, for few columns (``'exponion'``) [4]_ or
        many (``'yinyang'``) [5]_. ``'elkan'`` is another name of the last. The results are the
        same. Bounds take complete rows: where cells are missing, ``'auto'`` compares everything,
        and algorithms with bounds are refused.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the rows; ``'auto'`` goes by the amount of work. NumPy knows
        ``'lloyd'`` alone.
    callback : callable, optional
        Called with a ``KMeansStep`` after each iteration; returning true ends the fit with the
        best so far.
    record : bool, default=False
        Keep the centres of every iteration in ``snapshots_``, to look at the fit afterwards: as
        many bytes for each as ``cluster_centers_`` has. Model files do not hold them.
    checkpoint : str or path-like, optional
        File to keep the fit in while it goes on. Where it was killed or interrupted, the same fit
        of the same data goes on from there, to the very same result; the file is removed at the
        end. That of another fit is refused.
    checkpoint_every : str or float, default='30s'
        Time between two checkpoints, such as ``'30s'``, ``'5min'`` or ``'1h'``, or a number of
        seconds; with 0 there is one after every iteration.
    forget : float or None, default=0.7
        How ``partial_fit`` weighs what it has seen, above 0.5 and at most 1. The rows of a stream
        that has grown to t times its first rows count as t ** forget times as many, so that
        those seen last count more; the smaller, the sooner old ones fade. None, like 1, weighs
        all rows alike.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centres, in the dtype of the rows.
    labels_ : ndarray of int32 of shape (n_samples,)
        Number of the nearest centre of each row of the fit, equal to ``predict(X)``; there are
        none of rows outside memory.
    inertia_ : float
        Weighted sum of squared distances of the rows from their centres, in float64; over the
        observed cells where some are missing.
    n_iter_ : int
        Iterations of the best start.
    status_ : Status
        Why the best start stopped.
    snapshots_ : tuple of ndarray of shape (n_clusters, n_features)
        With ``record``, the centres that the best start began with and those of each iteration
        that moved them; else empty.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    Notes
    -----
    Minimises :math:`\sum_i v_i \min_j \lVert x_i - c_j \rVert^2` for row weights :math:`v_i` by
    Lloyd's iterations [1]_, up to where no small change helps. A cluster that runs empty takes
    the row farthest from its centre. Nothing of size n_samples x n_clusters is stored, and the
    rows are neither copied nor changed.

    Where cells are missing, distances are over the observed cells of a row, and a coordinate of a
    centre is the mean of the observed cells of its rows, or stays where there are none:
    :math:`\sum_i v_i \min_j \sum_{c \in O_i} (x_{ic} - c_{jc})^2` for the observed columns
    :math:`O_i` of row i. Distances are not scaled up by what is missing, so that a row counts for
    as much as it shows. One that shows nothing is in the first cluster.

    Of rows outside memory, tables on disk and Dask collections, nothing is kept from one pass to
    the next, nor are there ``labels_``; from the same centres the fit goes through those that it
    goes through in memory. ``'k-means++'`` and ``'random'`` draw from a sample of some 65,000
    rows, and of 20 a cluster at least; ``'k-means||'`` passes over all rows seven times. A
    callable ``init`` and algorithms with bounds need the rows in memory.

    References
    ----------
    .. [1] Lloyd, S. (1982). Least squares quantization in PCM. *IEEE Trans. Inf. Theory* 28(2).
       :doi:`10.1109/TIT.1982.1056489`
    .. [2] Arthur, D. & Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
       *SODA '07*. :doi:`10.5555/1283383.1283494`
    .. [3] Bahmani, B. et al. (2012). Scalable k-means++. *PVLDB* 5(7).
       :doi:`10.14778/2180912.2180915`
    .. [4] Newling, J. & Fleuret, F. (2016). Fast k-means with accurate bounds. *ICML*.
       :doi:`10.48550/arXiv.1602.02514`
    .. [5] Ding, Y. et al. (2015). Yinyang k-means: a drop-in replacement of the classic k-means
       with consistent speedup. *ICML*, PMLR 37.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import KMeans
    >>> X = np.array([[1, 2], [2, 4], [0, 3], [10, 2], [11, 4], [9, 3]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 3.0], [10.0, 3.0]]
    >>> model.inertia_
    8.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions(set(METHODS)), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "algorithm": [StrOptions({*ALGORITHMS, "elkan"})],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "engine": [StrOptions(set(ENGINES))],
        "callback": [callable, None],
        "record": ["boolean"],
        **checkpoints.CONSTRAINTS,
        "forget": [Interval(Real, 0.5, 1.0, closed="right"), None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: str | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "auto",
        n_jobs: int | None = None,
        engine: str = "auto",
        callback: Callable[[KMeansStep], Any] | None = None,
        record: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: str | float = "30s",
        forget: float | None = 0.7,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.n_jobs = n_jobs
        self.engine = engine
        self.callback = callback
        self.record = record
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.forget = forget

    @property
    def _allow_nan(self) -> bool:
        return self.algorithm in ("auto", "lloyd")

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> KMeans:
        """Find the clusters of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; float32 is kept, everything else becomes float64. Sums are float64 always.
            NaN stands for a missing cell. A table from ``open_table``, or a Dask array or
            dataframe, is passed over where it is.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        KMeans
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the weights or a parameter cannot be used; the message names which.
        """
        self._fit(X, sample_weight)
        return self

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> KMeans:
        """Add a chunk of rows to what was seen before, in memory that does not grow.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN stands for a missing cell. The first chunk holds at least ``n_clusters``.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        KMeans
            The estimator, with ``labels_`` and ``inertia_`` of the chunk. ``n_iter_`` counts the
            chunks, and ``status_`` is ``Status.ONLINE``.

        Raises
        ------
        ValueError
            If the chunk, the weights or a parameter cannot be used; the message names which.

        Notes
        -----
        The first 10,000 rows (20 for each number in the centres, if that is more) are kept, and
        fitted as ``fit`` does each time that they have doubled. Then the rows of a chunk change
        their clusters until they settle, or for ten passes, and stay. With ``forget=None`` each
        centre is the mean of all rows that its cluster has got. A cluster with less than 1e-5 of
        the weight is placed anew on the chunk's row farthest from its centre. After ``fit``, or
        for a model that was loaded, the stream goes on from the clusters there are.

        Examples
        --------
        >>> from mixtura import KMeans
        >>> model = KMeans(2, forget=None).fit([[0.0], [2.0], [9.0]])
        >>> sorted(model.partial_fit([[4.0], [10.0]]).cluster_centers_[:, 0].tolist())
        [2.0, 9.5]
        """
        online.update_clusters(self, X, sample_weight, best_run)
        return self

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Any, bool]:
        """Fit; return the rows if they are in memory, and whether cells of them are missing."""
        self._validate_params()
        checkpoints.check(self)
        if is_outside(X):
            from mixtura.estimators import centres_outside  # which imports this module

            settled, weight, self.snapshots_ = centres_outside.best_run(self, X, sample_weight)
            self._publish(settled, (settled.held, weight))
            self.__dict__.pop("labels_", None)  # of other rows
            warn_of_empty(np.flatnonzero(settled.rows), self.n_clusters, depth=1)
            return None, False
        rows, holes = validated_table(
            self, X, fitting=True, min_rows=1, missing=MISSING, allow_nan=self._allow_nan
        )
        weights = validated_weights(sample_weight, rows)
        check_count(len(rows), weights, self.n_clusters, "n_clusters")
        check_squares(rows, weights, fitting=True)
        if holes and weights is not None:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
        source = source_of(rows, weights, self.n_clusters, self.n_jobs)
        best, self.snapshots_ = recorded_run(self, source, holes)
        held = held_by(best.labels, rows, weights, self.n_clusters)
        self._publish(best, (held, source.weight))
        self.labels_ = best.labels
        warn_of_empty(best.labels, self.n_clusters, depth=1)
        return rows, holes

    def _publish(self, best: Clustering, held: tuple[FloatArray, float]) -> None:
        self.cluster_centers_ = best.centres
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self.status_ = best.status
        self._held, self._online = held, None

    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Labels:
        """Find the clusters of the rows and return that of each.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        ndarray of shape (n_samples,)
            Cluster numbers, ``labels_``.
        """
        rows, _ = self._fit(X, sample_weight)
        return self.predict(X) if rows is None else self.labels_

    def fit_transform(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Find the clusters of the rows and return the distances from the centres.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Distances, as ``transform`` returns them.
        """
        rows, holes = self._fit(X, sample_weight)
        return self.transform(X) if rows is None else self._distances(rows, holes)


def best_run(estimator: KMeans, source: MemorySource, holes: bool = False) -> Clustering:
    """Run k-means from every start the estimator asks for and return the run of least inertia."""
    return recorded_run(estimator, source, holes)[0]


def recorded_run(
    estimator: KMeans, source: MemorySource, holes: bool
) -> tuple[Clustering, tuple[NDArray[Any], ...]]:
    """Return the run of least inertia of every start, and its centres if they are recorded.

    Of runs that rounding may order, the first wins. ``holes`` tells whether cells are missing.
    """
    how: dict[str, Any] = {
        "algorithm": "yinyang" if estimator.algorithm == "elkan" else estimator.algorithm,
        "engine": estimator.engine,
        "holes": holes,
    }
    tol = estimator.tol * mean_variance(source, holes) if estimator.tol else 0.0

    def run(start: Any, **watched: Any) -> Clustering:
        begun = isinstance(start, Progress)
        shift = start.state.shift if begun else shift_of(start)
        passes = passes_for(source.X, estimator.n_clusters, shift, **how)
        return cluster(source, start, passes, tol=tol, max_iter=estimator.max_iter, **watched)

    best, snapshots = best_of(
        estimator,
        partial(starts, estimator, source, holes),
        run,
        partial(identity.rows_in, source, estimator),
    )
    if len(best.labels) == 0:  # a checkpoint has the centres alone
        best = replace(best, labels=nearest(source, best.centres, how))
    return best, snapshots


def best_of(
    estimator: Any,
    starts: Callable[[np.random.RandomState], Iterator[Callable[[], NDArray[Any]]]],
    run: Callable[..., C],
    data: Callable[[], dict[str, Any]],
) -> tuple[C, tuple[NDArray[Any], ...]]:
    """Return the run of least inertia of every start, and its centres if they are recorded.

    ``starts(random)`` yields what makes the centres of each, and ``run(start, on_step=, keep=)``
    goes on from centres, or from the progress that a checkpoint has. Runs that it has the outcome
    of come without labels. ``data`` describes the rows for it.
    """
    best: tuple[C, tuple[NDArray[Any], ...]] | None = None
    with verbose_logging(estimator.verbose), checkpoints.kept(estimator, data) as kept:
        for restart, first in enumerate(starts(kept.random)):
            found = kept.outcome(restart) or run_of(estimator, run, restart, first, kept)
            if best is None or found[0].inertia < best[0].inertia * (1.0 - SAME_INERTIA):
                best = found
            if found[0].status is Status.CALLBACK:
                break
    assert best is not None
    return best


def run_of(
    estimator: Any,
    run: Callable[..., C],
    restart: int,
    first: Callable[[], NDArray[Any]],
    kept: checkpoints.Checkpoint,
) -> tuple[C, tuple[NDArray[Any], ...]]:
    """Return what a start leads to, and its centres if they are recorded."""
    begun, take = kept.begun(restart), kept.keeper(restart)
    start: Any = first() if begun is None else begun
    snapshots = ([start] if begun is None else list(begun.snapshots)) if estimator.record else []

    def keep(progress: Progress[Standing]) -> None:
        assert take is not None
        take(replace(progress, snapshots=tuple(snapshots)))

    on_step = observer(estimator, restart, snapshots)
    reached = run(start, on_step=on_step, keep=None if take is None else keep)
    found = tuple(snapshots)
    kept.finish(restart, (replace(reached, labels=reached.labels[:0]), found), reached.status)
    return reached, found


def nearest(source: MemorySource, centres: NDArray[Any], how: dict[str, Any]) -> Labels:
    """Return the number of the nearest centre of each row, as runs of k-means end with."""
    passes = passes_for(source.X, len(centres), shift_of(centres), **how)
    passes.aim(centres)
    source.map_parts(passes.assign)
    return passes.labels


def warn_of_empty(labels: NDArray[Any], k: int, depth: int = 0) -> None:
    """Warn whoever called ``fit``, ``depth`` calls above the caller, of clusters without rows."""
    found = np.count_nonzero(np.bincount(labels, minlength=k))
    if found < k:
        warnings.warn(
            f"Only {found} of {k} clusters hold rows; the table may not have more distinct rows. "
            "Use fewer clusters.",
            ConvergenceWarning,
            stacklevel=3 + depth,
        )


def starts(
    estimator: KMeans, source: MemorySource, holes: bool, state: np.random.RandomState
) -> Iterator[Callable[[], NDArray[Any]]]:
    """Yield what makes the centres (k, d) of each start."""
    init, k = estimator.init, estimator.n_clusters
    ordered = in_order(source) if isinstance(init, str) else source
    for _ in range(n_starts(estimator)):
        if isinstance(init, str):
            rng = generator(state)
            yield partial(seed, ordered, k, init, rng, engine=estimator.engine, holes=holes)
        elif callable(init):  # of every start, as it may draw from the state
            given = init(read_only(source.X), k, random_state=state)
            yield partial(returned_centres, given, source, k)
        else:
            yield partial(given_centres, init, (k, source.n_features), source.X.dtype)


def in_order(source: MemorySource) -> Source:
    """Return the rows of a small table sorted by what they hold, to draw from.

    The draws of k-means++ then depend neither on the order of the rows nor on whether rows
    repeat or have weights that say so.
    """
    if source.n_rows > SORTED_ROWS:
        return source
    weights = source.sample_weight
    # Compared as bytes, the highest first, numbers have an order that rounding does not change.
    cells = np.ascontiguousarray(source.X + 0.0, dtype=">f8")  # -0.0 becomes 0.0
    cells[np.isnan(cells)] = np.nan  # one for all
    order = np.argsort(cells.view(np.dtype((np.void, 8 * cells.shape[1])))[:, 0])
    return OneBlock(source.X[order], None if weights is None else weights[order])


def generator(state: np.random.RandomState) -> np.random.Generator:
    """Return a generator seeded from the next draws of scikit-learn's kind of one."""
    return np.random.default_rng(state.randint(0, 2**31, size=4).tolist())


def n_starts(estimator: KMeans) -> int:
    """Return the number of starts; given centres need one."""
    init, n = estimator.init, estimator.n_init
    drawn = isinstance(init, str) or callable(init)
    if n == "auto":
        return AUTO_STARTS if callable(init) or (drawn and init == "random") else 1
    if not drawn and n != 1:
        warnings.warn(
            f"init holds the centres to start from: one start is run, not n_init={n}.",
            RuntimeWarning,
            stacklevel=7,
        )
        return 1
    return int(n)


def returned_centres(given: Any, source: MemorySource, k: int) -> NDArray[Any]:
    """Return centres (k, d) that a callable returned, in the dtype of the rows."""
    try:
        array = None if given is None else np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise InputError(
            f"the callable init returned {reprlib.repr(given)}; it must return an array of "
            f"{k} rows and {source.n_features} columns."
        )
    return given_centres(array, (k, source.n_features), source.X.dtype)


def given_centres(given: Any, shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    """Return centres (k, d) that a user brings, in the dtype of the rows."""
    centres = as_finite("init", given)
    if centres.shape != shape:
        raise InputError(f"init has shape {centres.shape}; this fit needs {shape}.")
    return in_dtype(centres, dtype, "init")


def mean_variance(source: MemorySource, holes: bool = False) -> float:
    """Return the mean of the columns' variances, whatever the weights of the rows."""
    if holes:
        return mean_observed_variance(source)
    pilot = source.X[:: max(1, source.n_rows // PILOT_ROWS)]
    centre, family = pilot.mean(axis=0, dtype=np.float64)[None], family_named("diag")

    def moments(rows: Any, weights: FloatArray | None) -> Any:
        return array_api.moments(rows, np.ones((len(rows), 1)), None, centre, family)

    total = source.map_reduce(moments)
    total = total.recentred(centre + total.first / source.n_rows)
    return float(total.second.mean() / source.n_rows)


def mean_observed_variance(source: MemorySource) -> float:
    """Return the mean of the variances of the columns' observed cells."""
    centre = column_means(source)

    def moments(rows: Any, weights: FloatArray | None) -> FloatArray:
        apart = rows - centre
        observed = ~np.isnan(apart)
        apart[~observed] = 0.0
        return np.stack([observed.sum(axis=0), apart.sum(axis=0), np.square(apart).sum(axis=0)])

    count, first, second = source.map_reduce(moments)
    return float(np.mean(second / count - np.square(first / count)))


def observer(
    estimator: KMeans, restart: int, snapshots: list[NDArray[Any]]
) -> Callable[[NDArray[Any], list[float]], bool]:
    """Return what each iteration reports to: log and ``snapshots`` if asked for, and callback."""

    def report(centres: NDArray[Any], trace: list[float]) -> bool:
        if estimator.record:
            snapshots.append(centres)
        step = KMeansStep(restart, len(trace) - 1, -trace[-1], read_only(centres))
        if estimator.verbose:
            text = "start %d, iteration %d: squared shift of the centres %.6g"
            logger.info(text, step.restart, step.iteration, step.shift)
        return asks_to_stop(estimator.callback, step)

    return report


def kmeans_plusplus(
    X: ArrayLike,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
    n_jobs: int | None = None,
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    r"""Choose rows to start k-means from by greedy k-means++.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows. NaN stands for a missing cell.
    n_clusters : int
        Number of rows to choose, at least 1.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights.
    random_state : int, RandomState or None, default=None
        Seed of the draws.
    n_local_trials : int, optional
        Rows drawn for each centre, of which the best is kept; None for 2 + log(n_clusters), and
        1 for k-means++ as it was published.
    n_jobs : int, optional
        Number of threads; None for every core. The rows chosen do not depend on it.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        The chosen rows, completed by the columns' means.
    indices : ndarray of shape (n_clusters,)
        Their numbers.

    Raises
    ------
    ValueError
        If the table, the weights or a parameter cannot be used; the message names which.

    Notes
    -----
    A row :math:`x_i` of weight :math:`v_i` is drawn with probability proportional to
    :math:`v_i \min_j \lVert x_i - c_j \rVert^2` over the centres :math:`c_j` chosen before [1]_.
    Where cells are missing, the distance is over the observed cells of the row.

    References
    ----------
    .. [1] Arthur, D. & Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
       *SODA '07*. :doi:`10.5555/1283383.1283494`

    Examples
    --------
    >>> from mixtura import kmeans_plusplus
    >>> centers, indices = kmeans_plusplus([[0.0], [0.0], [9.0]], 2, random_state=0)
    >>> sorted(centers[:, 0].tolist())
    [0.0, 9.0]
    """
    check_positive("n_clusters", n_clusters)
    if n_local_trials is not None:
        check_positive("n_local_trials", n_local_trials)
    rows, holes = checked_rows(X, None)
    weights = validated_weights(sample_weight, rows)
    check_count(len(rows), weights, n_clusters, "n_clusters")
    check_squares(rows, weights, fitting=True)
    if holes:
        check_observed(rows, getattr(X, "columns", None), weights)
    source = source_of(rows, weights, n_clusters, n_jobs)
    rng = generator(check_random_state(random_state))
    means = means_for(source, holes)
    indices = chosen_rows(source, n_clusters, rng, "auto", means, n_local_trials)
    return rows_at(source, indices, means), indices
