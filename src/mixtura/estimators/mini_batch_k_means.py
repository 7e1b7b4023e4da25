"""The scikit-learn estimator for k-means on mini-batches."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from mixtura._errors import InputError
from mixtura.algorithms.kmeans import cluster
from mixtura.algorithms.mini_batch import (
    COPY_BYTES,
    Batch,
    Limits,
    Nested,
    Sample,
    Step,
    Stream,
    absorbed,
    batches,
    nested,
)
from mixtura.estimators import centres_outside
from mixtura.estimators.centres import MISSING, CentreModel, in_dtype, source_of
from mixtura.estimators.fitting import logger, verbose_logging
from mixtura.estimators.k_means import KMeans, best_run, mean_variance, warn_of_empty
from mixtura.estimators.loading import is_outside
from mixtura.estimators.validation import (
    check_count,
    check_squares,
    validated_rows,
    validated_weights,
)
from mixtura.kernels.kmeans import Labels, Passes, passes_for, shift_of
from mixtura.model.families.base import FloatArray
from mixtura.sources import MemorySource

#: Iterations on ``init_size`` rows after which starts are compared.
START_ITER = 3
#: Starts with ``n_init='auto'``; measured, more take longer than they gain.
AUTO_STARTS = 3


class MiniBatchKMeans(CentreModel):
    r"""Clusters about centres, on batches that grow to the table; scikit-learn's interface.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, at least 1.
    init : {'k-means++', 'k-means||', 'random'}, callable or array-like, default='k-means++'
        How to start, as in ``KMeans``, from ``init_size`` rows drawn at random. A callable gets
        them as ``(X, n_clusters, random_state)``.
    max_iter : int, default=100
        Most rows that a fit passes over, in tables.
    batch_size : int, default=1024
        Rows of the first batch; each further one holds those before it and as many again. A
        table of fewer than two batches is clustered as a whole from the start.
    verbose : int, default=0
        Log every step.
    compute_labels : bool, default=True
        Whether to end with ``labels_`` and the ``inertia_`` of all rows, one pass more.
    random_state : int, RandomState or None, default=None
        Seed of the order of the rows and of the starts.
    tol : float, default=0.0
        A batch is done, and the fit if it is the whole table, once the squared distances that
        the centres move sum to at most this, in units of the columns' mean variance. With 0
        that is once no row changes its cluster.
    max_no_improvement : int or None, default=10
        After this many steps in a row that each lower the inertia by less than its standard
        error, which is what it would change by with other rows of the same kind, batches double
        at every step, and the fit ends with the whole table. None goes on to a local optimum.
    init_size : int, optional
        Rows for the starts, at least ``n_clusters``; None for three times the larger of
        ``batch_size`` and ``n_clusters``.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the least inertia on ``init_size`` rows wins after three
        iterations. ``'auto'`` is 1 where ``init`` is an array, else 3.
    reassignment_ratio : float, default=0.01
        In ``partial_fit``, clusters that grow at less than this fraction of the rate of the
        fastest are placed anew before the next chunk. A ``fit`` revisits its rows, and moves
        none but empty clusters.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the rows; ``'auto'`` goes by the amount of work.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centres, in the dtype of the rows that came last.
    labels_ : ndarray of int32 of shape (n_samples,)
        Number of the nearest centre of each row of the fit, or of the last chunk.
    inertia_ : float
        Weighted sum of squared distances of these rows from their centres, in float64. Without
        ``compute_labels`` that of the last batch, scaled to all rows.
    n_iter_ : int
        Rows that the fit passed over, in tables.
    n_steps_ : int
        Steps of the centres, in the fit and the chunks after it.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    Notes
    -----
    Batches are nested [1]_: a row that goes to another cluster is taken out of the sums of its
    old one, so that each row counts once. A batch doubles once half of the centres move by less
    than a tenth of their standard errors, as more steps would fit its noise. The last batch
    is the table, where this is Lloyd's algorithm. At most half the table, and 128 MiB, are
    copied for the batches; an index takes eight bytes a row.

    Of rows outside memory, tables on disk and Dask collections, batches are of a sample of at most
    128 MiB, and of a quarter of a table's budget. Passes over all rows follow, until one lowers the
    inertia by less than its standard error, or, with ``max_no_improvement=None``, no centre moves.
    There are no ``labels_``, and ``inertia_`` is always of all rows.

    References
    ----------
    .. [1] Newling, J. & Fleuret, F. (2016). Nested mini-batch k-means. *NIPS* 29.
       :doi:`10.48550/arXiv.1602.02934`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MiniBatchKMeans
    >>> X = np.array([[1, 2], [2, 4], [0, 3], [10, 2], [11, 4], [9, 3]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 3.0], [10.0, 3.0]]
    >>> model = model.partial_fit([[1, 7], [1, 7], [1, 7]])
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 5.0], [10.0, 3.0]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: KMeans._parameter_constraints[name]
            for name in (
                *("n_clusters", "init", "n_init", "max_iter", "tol", "verbose", "random_state"),
                *("n_jobs", "engine"),
            )
        },
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 1, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0.0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: str | int = "auto",
        reassignment_ratio: float = 0.01,
        engine: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.engine = engine
        self.n_jobs = n_jobs

    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> MiniBatchKMeans:
        """Find the clusters of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; float32 is kept, everything else becomes float64. Sums are float64 always. A
            table from ``open_table``, or a Dask array or dataframe, is read where it is.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights. On the whole table a weight of 2 counts as the row twice;
            batches are drawn from the rows of positive weight, each as likely.

        Returns
        -------
        MiniBatchKMeans
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the weights or a parameter cannot be used; the message names which.
        """
        if is_outside(X):
            self._fit_outside(X, sample_weight)
            return self
        rows, weights = self._validated(X, sample_weight, first=True)
        state = self._state()
        with verbose_logging(self.verbose):
            result = self._nested(rows, weights, state)
        self.n_iter_ = -(-result.n_rows // len(rows))
        self.n_steps_ = result.n_steps
        step, batch = result.step, result.batch
        seen = np.full(self.n_clusters, batch.source.weight)
        self._stream = Stream.of(step.tally, step.centres, batch.passes.shift, seen)
        self._publish(rows, weights, result)
        labels = self.labels_ if self.compute_labels else batch.passes.labels
        warn_of_empty(labels[labels >= 0], self.n_clusters)
        return self

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> MiniBatchKMeans:
        """Add a chunk of rows to what was seen before.

        The rows change their clusters until they settle, or for ten passes. Then they stay, and
        each centre is the mean of all rows that its cluster has ever got.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; the first chunk, if there was no fit, at least ``n_clusters``.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        MiniBatchKMeans
            The estimator, with ``labels_`` and ``inertia_`` of the chunk.

        Raises
        ------
        ValueError
            If the chunk, the weights or a parameter cannot be used; the message names which.
        """
        first = not hasattr(self, "_stream")
        rows, weights = self._validated(X, sample_weight, first=first)
        if first:
            sample = drawn(rows, weights, self._init_size(), (state := self._state()))
            self._stream = Stream.begin(self._start(*sample.first(len(sample.rows)), state))
            self.n_steps_ = 0
        elif len(self._stream.means) != self.n_clusters:
            raise InputError(
                f"n_clusters={self.n_clusters}, but partial_fit goes on with the "
                f"{len(self._stream.means)} clusters it has; use fit, or clone, to begin anew."
            )
        centres = in_dtype(self._stream.means, rows.dtype, "cluster_centers_")
        batch = Batch(self._source(rows, weights), self._passes(rows, centres))
        rng = np.random.default_rng([*self._seed, self.n_steps_])
        with verbose_logging(self.verbose):
            self._stream, result = absorbed(
                self._stream, batch, rows, self.reassignment_ratio, rng, self._report
            )
        self.n_steps_ += result.n_steps
        self._publish(rows, weights, result)
        return self

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
            Cluster numbers, as ``predict`` returns them.
        """
        self.fit(X, sample_weight=sample_weight)
        return self.labels_ if hasattr(self, "labels_") else self.predict(X)

    def _fit_outside(self, X: Any, sample_weight: ArrayLike | None) -> None:
        self._check_parameters()
        with verbose_logging(self.verbose):
            done, weight, self.n_steps_ = centres_outside.nested_run(self, X, sample_weight)
        self.n_iter_, self.inertia_ = done.n_iter, done.inertia
        self.cluster_centers_ = done.centres
        self.__dict__.pop("labels_", None)  # of other rows
        seen = np.full(self.n_clusters, weight)
        self._stream = Stream(done.centres.astype(np.float64), done.held[:, 0], seen)
        warn_of_empty(np.flatnonzero(done.rows), self.n_clusters, depth=1)

    def _nested(self, rows: Any, weights: FloatArray | None, state: Any) -> Nested:
        """Return what growing batches of the rows lead to."""
        most = min(len(rows) // 2, COPY_BYTES // max(1, rows[0].nbytes))
        size = self._init_size()
        sample = drawn(rows, weights, max(most, size), state)
        few = sample.first(min(size, len(sample.rows)))
        centres = self._start(*few, state)
        limits = Limits(
            tol=self.tol * mean_variance(self._source(*few)) if self.tol else 0.0,
            size=len(rows),
            tables=self.max_iter,
            patience=self.max_no_improvement,
        )
        growing = batches(
            self._source(rows, weights),
            sample,
            self.batch_size,
            min(most, len(sample.rows)),
            self._source,
            partial(self._passes, centres=centres),
        )
        return nested(growing, centres, limits, self._report)

    def _start(self, rows: Any, weights: FloatArray | None, state: Any) -> NDArray[Any]:
        """Return the best centres that a few iterations on a few rows lead to."""
        starts = KMeans(
            self.n_clusters,
            init=self.init,
            n_init=self._n_init(),
            max_iter=START_ITER,
            tol=0.0,
            random_state=state,
            engine=self.engine,
        )
        return best_run(starts, self._source(rows, weights)).centres

    def _publish(self, rows: Any, weights: FloatArray | None, result: Nested) -> None:
        """Store the centres, and what they make of the rows."""
        centres, batch, n = result.step.centres, result.batch, len(rows)
        self.cluster_centers_ = centres
        if hasattr(self, "labels_"):
            del self.labels_  # of other rows
        if self.compute_labels:
            whole = batch.source.n_rows == n
            source = batch.source if whole else self._source(rows, weights)
            passes = batch.passes if whole else self._passes(rows, centres)
            done = cluster(source, centres, passes, max_iter=0)
            self.labels_, self.inertia_ = done.labels, done.inertia
        else:
            total = n if weights is None else weights.sum()
            self.inertia_ = float(result.inertia * total / batch.source.weight)

    def _report(self, n_rows: int, step: Step | float) -> None:
        if self.verbose:
            shift = float(step.shifts @ step.shifts) if isinstance(step, Step) else step
            logger.info("batch of %d rows: squared shift of the centres %.6g", n_rows, shift)

    def _init_size(self) -> int:
        return self.init_size or 3 * max(self.batch_size, self.n_clusters)

    def _n_init(self) -> str | int:
        drawn = isinstance(self.init, str) or callable(self.init)
        return AUTO_STARTS if self.n_init == "auto" and drawn else self.n_init

    def _state(self) -> Any:
        """Return the random state of a fit, and keep a seed for chunks to come."""
        state = check_random_state(self.random_state)
        self._seed = state.randint(0, 2**31, size=4).tolist()
        return state

    def _source(self, rows: Any, weights: FloatArray | None) -> MemorySource:
        return source_of(rows, weights, self.n_clusters, self.n_jobs)

    def _passes(self, rows: Any, centres: NDArray[Any]) -> Passes:
        return passes_for(rows, self.n_clusters, shift_of(centres), engine=self.engine, holes=False)

    def _check_parameters(self) -> None:
        self._validate_params()
        if self.init_size is not None and self.init_size < self.n_clusters:
            raise InputError(
                f"init_size={self.init_size} is less than n_clusters={self.n_clusters}; every "
                "cluster starts from a row of its own."
            )

    def _validated(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, first: bool
    ) -> tuple[Any, FloatArray | None]:
        self._check_parameters()
        rows = validated_rows(self, X, fitting=first, min_rows=1, missing=MISSING)
        weights = validated_weights(sample_weight, rows)
        if first:
            check_count(len(rows), weights, self.n_clusters, "n_clusters")
        check_squares(rows, weights, fitting=first)
        return rows, weights


def drawn(rows: Any, weights: FloatArray | None, most: int, state: Any) -> Sample:
    """Return at most ``most`` rows of positive weight in random order."""
    rng = np.random.default_rng(state.randint(0, 2**31, size=4).tolist())
    candidates = np.arange(len(rows)) if weights is None else np.flatnonzero(weights > 0)
    most = min(most, len(candidates))
    return Sample(rows, weights, rng.choice(candidates, most, replace=False))
