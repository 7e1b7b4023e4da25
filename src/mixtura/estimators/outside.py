"""Rows that are not in memory: tables on disk (``open_table``) and Dask collections.

A fit looks at all rows once (``opened``), and then passes over them through a source. What is
asked of every row is computed block by block (``mapped``, ``totals``).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.algorithms.source import Source
from mixtura.estimators import lazy
from mixtura.estimators.loading import is_lazy
from mixtura.estimators.validation import not_observed
from mixtura.kernels import Kernels, choose, work
from mixtura.model import criteria, family_named
from mixtura.model.families.base import FloatArray
from mixtura.sources import StreamedSource
from mixtura.sources.threads import n_threads

#: Work of looking at a cell, in units of ``mixtura.kernels.work``.
LOOKING = 2.0
#: What asks for each of the kernels' results.
METHODS_OF = {"labels": "predict", "responsibilities": "predict_proba", "log_prob": "score_samples"}


@dataclass(frozen=True, eq=False)
class Survey:
    """What one look at rows tells; surveys of blocks add up.

    Attributes
    ----------
    positive : int
        Rows of positive weight.
    weight, lightest, heaviest : float
        Sum, least and greatest of the row weights.
    telling : float
        Sum of the weights of rows with an observed cell.
    observed : ndarray (d,)
        Rows of positive weight that have a number in a column.
    incomplete : bool
        Whether a cell is missing.
    infinite : (int, int) or None
        Row and column of the first cell that is infinite.
    largest : ndarray (d,)
        Greatest absolute value of a column.
    squares : float
        Sum of the squares of all cells.
    """

    positive: int
    weight: float
    lightest: float
    heaviest: float
    telling: float
    observed: NDArray[np.int64]
    incomplete: bool
    infinite: tuple[int, int] | None
    largest: FloatArray
    squares: float

    def __add__(self, other: Survey) -> Survey:
        places = [each.infinite for each in (self, other) if each.infinite is not None]
        return Survey(
            self.positive + other.positive,
            self.weight + other.weight,
            min(self.lightest, other.lightest),
            max(self.heaviest, other.heaviest),
            self.telling + other.telling,
            self.observed + other.observed,
            self.incomplete or other.incomplete,
            min(places, default=None),
            np.maximum(self.largest, other.largest),
            self.squares + other.squares,
        )


def look(part: slice, rows: Any, weights: FloatArray | None) -> Survey:
    """Return what there is to know of a block of rows."""
    holes = np.isnan(rows)
    largest = np.fmax.reduce(np.abs(rows), axis=0, initial=0.0).astype(np.float64)
    infinite = None
    if np.isinf(largest).any():
        row = int(np.argmax(np.isinf(rows).any(axis=1)))
        infinite = part.start + row, int(np.argmax(np.isinf(rows[row])))
    counting = ~holes if weights is None else ~holes[weights > 0]
    known = np.ones(len(rows)) if weights is None else weights
    with np.errstate(over="ignore"):
        squares = float(np.nansum(np.square(rows), dtype=np.float64))
    return Survey(
        positive=int(np.count_nonzero(known > 0)),
        weight=float(known.sum()),
        lightest=float(known.min(initial=1.0)),
        heaviest=float(known.max(initial=0.0)),
        telling=float(known @ ~holes.all(axis=1)),
        observed=counting.sum(axis=0),
        incomplete=bool(holes.any()),
        infinite=infinite,
        largest=largest,
        squares=squares,
    )


class Outside:
    """Rows outside memory that have been looked at.

    Parameters
    ----------
    rows : OpenTable or DaskRows
        The rows.
    n_jobs : int or None
        Threads to use on this machine.
    fitting : bool
        Whether every column must have a number in some row.

    Attributes
    ----------
    survey : Survey
        What is known of them.
    """

    def __init__(self, rows: Any, n_jobs: int | None, *, fitting: bool = True) -> None:
        self.rows, self.n_jobs = rows, n_jobs
        self.n_rows, self.n_features = int(rows.n_rows), int(rows.n_features)
        self.dtype, self.names = np.dtype(rows.dtype), names_of(rows)
        self.weighted = rows.weight is not None
        if self.n_rows == 0:
            raise InputError(f"{rows.source} has no rows.")
        d = self.n_features
        self.survey: Survey = self.source(LOOKING * d, 3 * d, weight=np.nan).map_parts(look)
        self._check(fitting)

    def _check(self, fitting: bool) -> None:
        found = self.survey
        if found.infinite is not None:
            raise bad_cell(self.rows, *found.infinite)
        if not (found.lightest >= 0 and np.isfinite(found.weight)):
            raise InputError("weights must be numbers of at least 0 with a finite sum.")
        if found.positive == 0 and self.weighted:
            raise InputError("the weight of every row is zero: there is nothing to fit.")
        if fitting and (found.observed == 0).any():
            column = int(np.argmin(found.observed))
            raise not_observed(column, self.names, self.weighted)

    def source(
        self,
        row_work: float,
        result_size: int,
        *,
        weight: float | None = None,
        sort: bool = False,
        threaded: bool = True,
    ) -> Source:
        """Return the rows as a source for passes of this work and result."""
        sizes: dict[str, Any] = {
            "weight": self.survey.weight if weight is None else weight,
            "weighted": self.weighted,
            "row_work": row_work,
            "result_size": result_size,
            "sort": sort,
        }
        if hasattr(self.rows, "as_source"):  # on workers that have threads of their own
            return self.rows.as_source(**sizes)
        return StreamedSource(self.rows, threads=n_threads(self.n_jobs) if threaded else 1, **sizes)

    def for_mixture(self, k: int, covariance_type: str, engine: str) -> tuple[Source, Kernels]:
        """Return the source and the kernels for a mixture, as ``source_for`` does in memory."""
        n, d, incomplete = self.n_rows, self.n_features, self.survey.incomplete
        family = family_named(covariance_type)
        cost = work(n, d, k, covariance_type)
        kernels = choose(engine, np.empty((0, d), self.dtype), cost, incomplete)
        result_size = int(np.prod(family.covariance_shape(k, d))) + k * (d + 1)
        source = self.source(
            cost / n,
            result_size,
            sort=incomplete and family.correlated,
            threaded=kernels.name == "numba",
        )
        return source, kernels


def opened(estimator: Any, X: Any, sample_weight: Any, *, min_rows: int = 2) -> Outside:
    """Return rows to fit an estimator to, looked at; their names become the estimator's."""
    n_jobs = getattr(estimator, "n_jobs", None)
    rows = readable(X, sample_weight, n_jobs)
    if rows.n_rows < min_rows:
        has = counted(rows.n_rows, "row")
        raise InputError(f"{rows.source} has {has}; a fit needs at least {min_rows}.")
    outside = Outside(rows, n_jobs)
    estimator.n_features_in_ = outside.n_features
    if outside.names is not None:
        estimator.feature_names_in_ = np.asarray(outside.names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    return outside


def readable(X: Any, sample_weight: Any, n_jobs: int | None = None) -> Any:
    """Return rows that can be read block by block, and have their weights with them."""
    if is_lazy(X):
        from mixtura.sources.dask import DaskRows  # imports Dask

        return DaskRows(X, sample_weight, n_jobs)
    if sample_weight is not None:
        raise InputError(
            "sample_weight does not go with a table on disk: name the column of the weights in "
            "open_table(..., weight='NAME')."
        )
    return X


def names_of(rows: Any) -> Any:
    """Return the names of the columns that the rows came with, or None."""
    return rows.names if getattr(rows, "is_named", True) else None


def check_names(estimator: Any, rows: Any) -> None:
    """Raise unless an estimator is fitted, and a table has the columns that it was fitted on."""
    check_is_fitted(estimator)
    known, names = getattr(estimator, "feature_names_in_", None), names_of(rows)
    if known is not None and names is not None and list(known) != list(names):
        raise InputError(
            f"{rows.source} has the columns {', '.join(map(repr, names))}; the model was "
            f"fitted on {', '.join(map(repr, known))}. Choose them in this order by "
            "open_table(..., columns=[...])."
        )
    if rows.n_features != estimator.n_features_in_:
        raise InputError(
            f"{rows.source} has {rows.n_features} columns; the model has "
            f"{estimator.n_features_in_}."
        )


def mapped(estimator: Any, method: str, X: Any, out: Callable[[int], Any], *options: Any) -> Any:
    """Return a method's result for every row of a table on disk, of which a part is in memory.

    Of a Dask collection it is lazy. ``out(n)`` makes the array for the results of ``n`` rows.
    """
    if is_lazy(X):
        return lazy.mapped(estimator, method, X, *options)
    check_names(estimator, X)
    results, model = out(X.n_rows), unnamed(estimator)

    def write(part: slice, rows: Any, weights: FloatArray | None) -> int:
        check_cells(X, part, rows, getattr(model, "_allow_nan", True))
        results[part] = getattr(model, method)(rows, *options)
        return 0

    cost = LOOKING * X.n_features
    sizes: dict[str, Any] = {"weight": np.nan, "weighted": X.weight is not None}
    threads = n_threads(getattr(estimator, "n_jobs", None))
    StreamedSource(X, row_work=cost, result_size=1, threads=threads, **sizes).map_parts(write)
    return results


def unnamed(estimator: Any) -> Any:
    """Return an estimator for blocks of rows: without names of columns, and on one thread."""
    other = copy(estimator)
    other.n_jobs = 1
    if hasattr(other, "feature_names_in_"):
        del other.feature_names_in_
    return other


def check_cells(table: Any, part: slice, rows: Any, allow_nan: bool) -> None:
    """Raise naming the first cell of a block that is infinite, or missing where none may be."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.sum()):
            return
    bad = np.isinf(rows) if allow_nan else ~np.isfinite(rows)
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        column = int(np.argmax(bad[row]))
        raise bad_cell(table, part.start + row, column, missing=bool(np.isnan(rows[row, column])))


def bad_cell(table: Any, row: int, column: int, *, missing: bool = False) -> InputError:
    """Return the error for an infinite cell, or one that is missing where none may be."""
    label = column if table.names is None else repr(table.names[column])
    what, allowed = ("no number", "") if missing else ("an infinite number", ", or missing")
    return InputError(
        f"{table.where(row)} has {what} in column {label}; every cell must be a finite "
        f"number{allowed}. Fill or drop the cell, or leave the column out."
    )


def totals(
    estimator: Any, X: Any, sample_weight: Any = None, *, unsure: bool = False
) -> NDArray[Any]:
    """Return sums over all rows: log-likelihood, weight, that of rows that tell, and fuzziness.

    The last, the surprise of ``criteria.Fuzziness``, only where asked for.
    """
    rows = readable(X, sample_weight, estimator.n_jobs)
    check_names(estimator, rows)
    outside = Outside(rows, estimator.n_jobs, fitting=False)
    source = outside.source(LOOKING * rows.n_features, 4)
    return source.map_reduce(partial(_sums, unnamed(estimator), unsure))


def _sums(model: Any, unsure: bool, rows: Any, weights: FloatArray | None) -> NDArray[Any]:
    counts = criteria.counts(rows, weights)
    known = np.ones(len(rows)) if weights is None else weights
    resp = model.predict_proba(rows) if unsure else np.ones((1, 1))
    surprise = criteria.fuzziness(resp, counts if unsure else None).surprise
    return np.array([known @ model.score_samples(rows), known.sum(), counts.sum(), surprise])


def filled(estimator: Any, method: str, table: Any, more: int = 0) -> NDArray[Any]:
    """Return the rows of a table on disk as a method fills them in, with ``more`` columns."""

    def out(n: int) -> NDArray[Any]:
        return np.empty((n, table.n_features + more), table.dtype)

    rows: NDArray[Any] = mapped(estimator, method, table, out)
    return rows
