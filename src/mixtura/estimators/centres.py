"""What all estimators with cluster centres do once they are fitted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.given import statistics_of
from mixtura.algorithms.kmeans import part_inertia
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.total import total_statistics
from mixtura.estimators import model_file, outside
from mixtura.estimators.functional import source_for
from mixtura.estimators.loading import is_outside
from mixtura.estimators.validation import (
    check_squares,
    validated_table,
    validated_weights,
)
from mixtura.kernels import array_api
from mixtura.kernels.incomplete_kmeans import observed_squares
from mixtura.kernels.kmeans import Labels, Passes, chunks, passes_for, shift_of, work
from mixtura.model import Family, Mixture, Statistics, family_named, maximise
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import check_one_column
from mixtura.sources import MemorySource
from mixtura.sources.threads import for_each, n_threads

MISSING = " Only GaussianMixture, and KMeans with algorithm='auto' or 'lloyd', take missing cells."


class CentreModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A fitted estimator that holds ``cluster_centers_``, ``engine`` and ``n_jobs``."""

    cluster_centers_: NDArray[Any]
    labels_: Labels
    engine: str
    n_jobs: int | None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say where the labels are that a fitted estimator does not have."""
            if name == "labels_" and "cluster_centers_" in vars(self):
                raise AttributeError(
                    "labels_ is not kept of rows outside memory, nor in model files: predict(X) "
                    "returns the labels, and table.write('out.parquet', cluster=model.predict) "
                    "writes them next to the rows of a table on disk."
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_is_fitted__(self) -> bool:
        return "cluster_centers_" in vars(self)

    @property
    def _allow_nan(self) -> bool:
        """Whether cells may be missing."""
        return False

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = self._allow_nan
        return tags

    def _rows(self, X: ArrayLike, allow_nan: bool) -> tuple[Any, bool]:
        """Return rows, and whether cells of them are missing."""
        check_is_fitted(self)  # before the rows, so that an unfitted estimator says so
        rows, holes = validated_table(self, X, fitting=False, missing=MISSING, allow_nan=allow_nan)
        check_squares(rows)
        return rows, holes

    def _nearest(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None, *, allow_nan: bool
    ) -> tuple[MemorySource, Passes]:
        """Return the rows as a source, and passes that know their nearest centres."""
        rows, holes = self._rows(X, allow_nan)
        centres = in_dtype(self.cluster_centers_, rows.dtype, "cluster_centers_")
        weights = validated_weights(sample_weight, rows)
        if weights is not None:
            check_squares(rows, weights)
        source = source_of(rows, weights, len(centres), self.n_jobs)
        passes = passes_for(
            rows,
            len(centres),
            shift_of(centres),
            algorithm="lloyd",
            engine=self.engine,
            holes=holes,
        )
        passes.aim(centres)
        source.map_parts(passes.assign)
        return source, passes

    def _distances(self, rows: Any, holes: bool) -> NDArray[Any]:
        k = len(self.cluster_centers_)
        source = source_of(rows, None, k, self.n_jobs)
        out = np.empty((len(rows), k), dtype=rows.dtype)
        measure = observed_distances if holes else distances
        return source.map_rows(partial(measure, self.cluster_centers_), out)

    def predict(self, X: ArrayLike) -> Labels:
        """Return the number of the nearest centre of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of int32 of shape (n_samples,)
            Cluster numbers; of centres equally near the first.
        """
        if is_outside(X):
            check_is_fitted(self)
            return outside.mapped(self, "predict", X, lambda n: np.empty(n, dtype=np.int32))
        return self._nearest(X, allow_nan=self._allow_nan)[1].labels

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the distances of the rows from the centres.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Euclidean distances over the observed cells of a row, in the dtype of the rows.
        """
        if is_outside(X):
            check_is_fitted(self)
            k = len(self.cluster_centers_)
            return outside.mapped(self, "transform", X, lambda n: np.empty((n, k), X.dtype))
        return self._distances(*self._rows(X, self._allow_nan))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the negative inertia of the rows: the higher, the better.

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
        float
            Minus the weighted sum of squared distances from the nearest centres.
        """
        if is_outside(X):
            from mixtura.estimators import centres_outside  # which imports this module

            return centres_outside.score(self, X, sample_weight)
        source, passes = self._nearest(X, sample_weight, allow_nan=self._allow_nan)
        return -source.map_parts(partial(part_inertia, passes, self.cluster_centers_))

    def as_mixture(
        self,
        X: ArrayLike,
        covariance_type: str = "full",
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Mixture:
        r"""Return the mixture of the clusters' Gaussians: one M-step from hard assignments.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; each belongs to the nearest centre. Of a table on disk or a Dask collection no
            cell may be missing.
        covariance_type : str, default='full'
            The covariance structure.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        Mixture
            Weights, means and covariances of the clusters, to compare with a
            ``GaussianMixture`` or to start one from (``init_params``).

        Raises
        ------
        InputError
            If a cluster has no row of positive weight, or is a point or a plane where
            ``covariance_type`` has no floor.

        Notes
        -----
        The weight of a cluster is its share of the rows, its covariance that of maximum
        likelihood, bounded from below by 1e-8 times the covariance of all rows, as
        ``GaussianMixture`` bounds its own. Missing cells count as their cluster expects them:
        with the mean of its observed cells, and the variance of all clusters' about theirs where
        columns are correlated, without covariances to what is observed.
        """
        check_is_fitted(self)
        check_one_column(covariance_type, self.cluster_centers_.shape[1])
        statistics, em = self._hard(X, family_named(covariance_type), sample_weight)
        if (statistics.zeroth == 0).any():
            raise InputError(
                f"cluster {int(np.argmin(statistics.zeroth))} has no row in X; pass the rows of "
                "the fit, or use fewer clusters."
            )
        return maximise(statistics, floor=relative_floor(em))

    def _hard(
        self, X: Any, family: Family, sample_weight: ArrayLike | None
    ) -> tuple[Statistics, EM]:
        """Return the statistics of the clusters of rows, and the E- and M-step for these."""
        if is_outside(X):
            from mixtura.estimators import centres_outside  # which imports this module

            return centres_outside.hard_statistics(self, X, family, sample_weight)
        source, passes = self._nearest(X, sample_weight, allow_nan=self._allow_nan)
        centres = self.cluster_centers_.astype(np.float64)
        holes = bool(np.isnan(source.X).any())
        if holes:
            rows = source.X.astype(np.float64)
            resp = np.eye(len(centres))[passes.labels]
            statistics = statistics_of(rows, resp, source.sample_weight, family)
        else:
            statistics = hard_statistics(source, passes.labels, centres, family)
        source, kernels = source_for(
            source.X,
            source.sample_weight,
            len(centres),
            family.name,
            self.engine,
            self.n_jobs,
            incomplete=holes,
        )
        return statistics, EM(source, kernels, family, total_statistics(source, kernels, family))

    def save(self, path: Any) -> None:
        """Write the fitted model, but for ``labels_``, to a file that ``mixtura.load`` reads.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced in one step, or left as it is on failure.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        check_is_fitted(self)
        model_file.save(self, path)


def source_of(rows: Any, weights: FloatArray | None, k: int, n_jobs: int | None) -> MemorySource:
    """Return rows as a source for passes over ``k`` centres."""
    d = rows.shape[1]
    return MemorySource(
        rows,
        weights,
        row_work=work(1, d, k),
        result_size=4 * k * (d + 2),  # adding them up must not show beside a bounded pass
        threads=n_threads(n_jobs),
    )


def in_dtype(centres: NDArray[Any], dtype: Any, name: str) -> NDArray[Any]:
    """Return centres in the dtype of the rows, or raise if their squares do not fit into it."""
    with np.errstate(over="ignore"):
        cast = centres.astype(dtype, copy=False)
    check_squares(cast, where=f"{name}: ")
    return cast


def distances(centres: NDArray[Any], rows: Any) -> NDArray[Any]:
    """Return the Euclidean distances (n, k) of rows from centres, in the dtype of the rows."""
    out = np.empty((len(rows), len(centres)), dtype=rows.dtype)
    for chunk in chunks(len(rows), len(centres)):
        out[chunk] = cdist(rows[chunk], centres)
    return out


def observed_distances(centres: NDArray[Any], rows: Any) -> NDArray[Any]:
    """Return the distances (n, k) of rows from centres over the observed cells."""
    out = np.empty((len(rows), len(centres)), dtype=rows.dtype)
    for chunk in chunks(len(rows), len(centres)):
        squares = observed_squares(rows[chunk].T.astype(np.float64), centres)
        out[chunk] = np.sqrt(squares, out=squares).T
    return out


def hard_statistics(
    source: MemorySource, labels: Labels, centres: FloatArray, family: Family
) -> Statistics:
    """Return the statistics of rows that belong to one cluster each, about the centres (k, d)."""
    k, d = centres.shape
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(k + 1))
    found = [Statistics.zeros(family, centres[j : j + 1]) for j in range(k)]

    def collect(j: int) -> None:
        members = order[ends[j] : ends[j + 1]]
        for chunk in chunks(len(members), d):
            rows, own = source.X[members[chunk]], source.sample_weight
            weights = None if own is None else own[members[chunk]]
            resp = np.ones((len(rows), 1))
            found[j] += array_api.moments(rows, resp, weights, found[j].centre, family)

    for_each(collect, k, source.threads)
    second, shape = np.stack([each.second for each in found]), family.covariance_shape(k, d)
    shared = second.size != np.prod(shape)
    return Statistics(
        family,
        np.nan,
        source.weight,
        np.concatenate([each.zeroth for each in found]),
        np.concatenate([each.first for each in found]),
        second.sum(axis=0) if shared else second.reshape(shape),
        centres,
    )
