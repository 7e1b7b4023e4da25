"""From what users give to what the algorithms take; every complaint names the culprit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight, validate_data

from mixtura._errors import InputError
from mixtura.estimators.loading import loaded
from mixtura.model import Family, Mixture, Statistics
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import as_finite
from mixtura.sources.threads import for_each, n_threads

#: Cells that a thread looks at in one go.
CHECKED_CELLS = 500_000
#: How far above the smallest number of full precision the square of this must lie, as a root.
VANISHING = 10.0


def validated_rows(
    estimator: Any,
    X: Any,
    *,
    fitting: bool,
    min_rows: int = 2,
    missing: str = "",
    allow_nan: bool = False,
) -> Any:
    """Return ``X`` as float64 or float32 rows (n, d), without a copy where possible.

    ``missing`` is what to add to the complaint about a cell that is NaN. Where those are allowed,
    every column must hold a number in some row to fit.
    """
    options: Any = {"fitting": fitting, "min_rows": min_rows, "missing": missing}
    return validated_table(estimator, X, **options, allow_nan=allow_nan)[0]


def validated_table(
    estimator: Any,
    X: Any,
    *,
    fitting: bool,
    min_rows: int = 2,
    missing: str = "",
    allow_nan: bool = True,
) -> tuple[Any, bool]:
    """Return rows as ``validated_rows`` does, and whether cells are missing."""
    X = loaded(X, type(estimator).__name__)
    with naming_cells(X, missing, allow_nan):
        rows = validate_data(
            estimator,
            with_nan(X),
            dtype=[np.float64, np.float32],
            ensure_min_samples=min_rows if fitting else 1,
            ensure_all_finite=False,  # scikit-learn's own look at every cell has one thread
            reset=fitting,
        )
        incomplete = check_finite(rows, allow_nan)
    if incomplete and fitting:
        check_observed(rows, getattr(estimator, "feature_names_in_", None))
    return rows if rows.flags.aligned else rows.copy(), incomplete


def check_finite(rows: Any, allow_nan: bool = False) -> bool:
    """Return whether cells are NaN; raise where one is not finite, but for NaN that is allowed.

    Sums tell, but for numbers near the largest.
    """

    def check(block: Any) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(block.sum()) or np.isfinite(block).all():
                return False
        if not allow_nan or np.isinf(block).any():
            raise ValueError("X holds a cell that is not finite.")
        return True

    return any(blockwise(rows, check))


def check_observed(rows: Any, names: Any = None, weights: FloatArray | None = None) -> None:
    """Raise naming the first column without a number in any row of positive weight."""
    counting = rows if weights is None else rows[weights > 0]
    empty = np.logical_and.reduce(blockwise(counting, lambda block: np.isnan(block).all(axis=0)))
    if empty.any():
        raise not_observed(int(np.argmax(empty)), names, weights is not None)


def not_observed(column: int, names: Any, weighted: bool) -> InputError:
    """Return the error for a column without a number in any row that counts."""
    label = column if names is None else repr(str(names[column]))
    rows_meant = "every row of positive sample_weight" if weighted else "every row"
    return InputError(
        f"column {label} of X is missing in {rows_meant}: there is nothing to estimate it from. "
        "Leave the column out."
    )


def blockwise(rows: Any, function: Callable[[Any], Any]) -> list[Any]:
    """Return ``function(block)`` of blocks of rows, whatever the number of threads."""
    step = max(1, CHECKED_CELLS // max(1, rows.shape[1]))
    starts = range(0, len(rows), step)
    results: list[Any] = [None] * len(starts)

    def one(number: int) -> None:
        results[number] = function(rows[starts[number] : starts[number] + step])

    for_each(one, len(starts), n_threads(None))
    return results


@contextmanager
def naming_cells(X: Any, missing: str = "", allow_nan: bool = False) -> Iterator[None]:
    """Turn a complaint about the values of a table into one that names row and column.

    ``missing`` is added where the cell is NaN.
    """
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, TypeError) and not re.search("N(A|aT)Type", str(error)):  # pandas
            raise
        found = bad_cell(X, allow_nan)
        if found is None:
            raise
        row, column, value = found
        names = getattr(X, "columns", None)
        label = column if names is None else repr(names[column])
        kind = "NaN" if isinstance(value, float) and np.isnan(value) else repr(value)
        allowed = "a finite number, or NaN where it is missing" if allow_nan else "a finite number"
        raise InputError(
            f"X holds {kind} in row {row}, column {label}; every cell must be {allowed}. "
            f"Fill or drop the cell, or leave the column out.{missing if kind == 'NaN' else ''}"
        ) from None


def bad_cell(X: Any, allow_nan: bool = False) -> tuple[int, int, Any] | None:
    """Return row, column and value of the first cell that is no finite number, if there is one.

    Where ``allow_nan``, a missing number is none; text that cannot be read as a number is.
    """
    try:
        X = with_nan(X)
        table = np.asarray(X)
    except ValueError:  # rows of different lengths, or dates
        return None
    if table.ndim != 2 or table.dtype.kind not in "fiubOSU":
        return None
    if table.dtype.kind in "fiub":
        good = np.isfinite(table) | (allow_nan & np.isnan(table))
        rows = np.flatnonzero(~good.all(axis=1))
        if len(rows) == 0:
            return None
        column = int(np.argmin(good[rows[0]]))
        return int(rows[0]), column, float(table[rows[0], column])
    for (row, column), cell in np.ndenumerate(np.asarray(X, dtype=object)):
        value = as_number(cell)
        if not np.isfinite(value) and not (allow_nan and is_missing(cell)):
            return row, column, value if is_missing(cell) or np.isinf(value) else cell
    return None


def with_nan(X: Any) -> Any:
    """Return a table with NaN for masked cells, and for pandas.NA and None in columns of objects.

    Dates, which NumPy would take for numbers, are refused.
    """
    if isinstance(X, np.ma.MaskedArray):
        X = unmasked(X)
    if isinstance(X, np.ndarray):
        check_no_dates([X.dtype.kind], None)
        return X
    if not (hasattr(X, "mask") and hasattr(X, "dtypes") and X.ndim == 2):
        return X
    kinds = [dtype.kind for dtype in X.dtypes]
    check_no_dates(kinds, X.columns)
    return X.mask(X.isna(), np.nan) if "O" in kinds else X


def unmasked(X: Any) -> NDArray[Any]:
    """Return a masked array as an array with NaN where it is masked."""
    if not np.ma.is_masked(X):
        return np.asarray(X)
    dtype = X.dtype if X.dtype.kind == "f" else float if X.dtype.kind in "biu" else object
    filled: NDArray[Any] = X.astype(dtype).filled(np.nan)
    return filled


def check_no_dates(kinds: list[str], names: Any) -> None:
    """Raise naming the first column of dates or durations."""
    for column, kind in enumerate(kinds):
        if kind in "mM":
            label = column if names is None else repr(names[column])
            raise InputError(
                f"column {label} of X holds dates or durations; leave it out, or pass numbers in "
                "its place."
            )


def is_missing(cell: Any) -> bool:
    """Return whether a cell of a table of objects stands for a missing number."""
    try:
        return bool(np.isnan(float(cell)))
    except (TypeError, ValueError, OverflowError):
        return cell is None


def as_number(cell: Any) -> float:
    """Return a cell as a float; NaN where it is no number, infinity where it is too large."""
    try:
        return float(cell)
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        return float("nan")


def check_columns(rows: Any, n_features: int) -> None:
    """Raise unless rows have as many columns as the mixture."""
    if rows.shape[1] != n_features:
        raise InputError(f"X has {rows.shape[1]} columns; the mixture has {n_features}.")


def validated_weights(sample_weight: Any, X: Any) -> FloatArray | None:
    """Return row weights (n,) as float64; ``None`` stays."""
    if sample_weight is None:
        return None
    if not np.asarray(sample_weight).any():
        raise InputError("sample_weight is zero for every row: there is nothing to fit.")
    weights: FloatArray = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    with np.errstate(over="ignore"):
        if np.isinf(weights.sum()):
            raise InputError("sample_weight sums to infinity; divide it by a power of ten.")
    return np.ascontiguousarray(weights)


def check_count(
    n_rows: int, weights: FloatArray | None, n_components: int, name: str = "n_components"
) -> None:
    """Raise unless there are as many rows of positive weight as components."""
    n = n_rows if weights is None else int(np.count_nonzero(weights))
    if n < n_components:
        kind = "rows" if weights is None else "rows of positive sample_weight"
        raise InputError(
            f"{name}={n_components} is more than the {n} {kind}; use fewer {name[2:]}."
        )


def check_magnitude(total: Statistics, rows: Any) -> None:
    """Raise naming the column of largest numbers where their squares do not fit into a double."""
    if np.isfinite(total.second).all() and np.isfinite(total.centre).all():
        return
    raise too_large(int(np.nanargmax(np.fmax.reduce(np.abs(rows), axis=0))))


def check_squares(
    rows: Any, weights: FloatArray | None = None, where: str = "", *, fitting: bool = False
) -> None:
    """Raise naming the column of largest numbers where sums of squares do not fit into the dtype.

    Those of a row must fit into the rows' own, the weighted ones of all rows into a double. In
    rows to fit, unless all are zero, the largest square must not vanish either.
    """
    own, double = (float(np.finfo(dtype).max) / 8.0 for dtype in (rows.dtype, np.float64))
    heaviest = 1.0 if weights is None else max(1.0, float(weights.max()))

    def squares(block: Any) -> float:
        with np.errstate(over="ignore"):
            total = float(np.einsum("ij,ij->", block, block))
            return total if total == total else float(np.nansum(np.square(block)))

    least = VANISHING * np.sqrt(float(np.finfo(rows.dtype).tiny)) if fitting else 0.0
    total = sum(blockwise(rows, squares))
    if rows.size * least**2 <= total < min(own, double / heaviest):
        return
    most = np.fmax.reduce(np.abs(rows), axis=0, initial=0.0).astype(np.float64)
    limit = np.sqrt(min(own / rows.shape[1], double / heaviest / rows.size))
    if most.max() > limit:
        raise too_large(int(np.argmax(most)), where)
    if 0.0 < most.max() < least:
        raise InputError(
            f"{where}column {int(np.argmax(most))} holds the largest number, {most.max():.3g}, so "
            "small that its square vanishes; multiply the table by a power of ten."
        )


def too_large(column: int, where: str = "") -> InputError:
    """Return the error for a column of numbers whose squares overflow."""
    return InputError(
        f"{where}column {column} holds numbers so large that their squares overflow; divide it "
        "by a power of ten."
    )


def start_array(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return a starting parameter as float64 of the right shape."""
    array = as_finite(name, value)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}; this fit needs {shape}.")
    return array


def check_ratio(ratio: float | None, family: Family) -> None:
    """Raise where a bound on eigenvalues is asked for that the structure does not take."""
    if ratio is not None and family.restricted:
        raise InputError(
            f"eigenvalue_ratio={ratio!r} is for the structures 'full', 'tied', 'diag' and "
            f"'spherical'; with covariance_type={family.name!r} leave it None."
        )


def start_mixture(given: Any, n: int, k: int, covariance_type: str) -> Mixture | FloatArray:
    """Return a start given as a Mixture, labels (n,) or responsibilities (n, k).

    Arrays come back as responsibilities.
    """
    if isinstance(given, Mixture):
        if given.covariance_type != covariance_type or given.n_components != k:
            raise InputError(
                f"init_params is a Mixture of {given.n_components} components with "
                f"{given.covariance_type!r} covariances; this estimator has n_components={k} and "
                f"covariance_type={covariance_type!r}."
            )
        return given
    array = np.asarray(given)
    if array.ndim == 1:
        return labels_as_responsibilities(array, n, k)
    return validated_responsibilities(array, n, k)


def labels_as_responsibilities(labels: Any, n: int, k: int) -> FloatArray:
    """Return responsibilities (n, k) of 0 and 1 from labels 0..k-1."""
    if labels.shape != (n,):
        raise InputError(f"init_params holds {len(labels)} labels for {n} rows.")
    whole = np.issubdtype(labels.dtype, np.integer) or np.issubdtype(labels.dtype, np.bool_)
    if not whole or labels.min() < 0 or labels.max() >= k:
        raise InputError(f"labels in init_params must be whole numbers from 0 to {k - 1}.")
    return np.eye(k)[labels.astype(np.intp)]


def validated_responsibilities(
    resp: Any, n: int, k: int | None = None, name: str = "init_params"
) -> FloatArray:
    """Return responsibilities (n, k) as float64, checked to be proportions."""
    array = as_finite(name, resp)
    if array.ndim != 2 or len(array) != n or (k is not None and array.shape[1] != k):
        expected = f"({n}, {'n_components' if k is None else k})"
        raise InputError(f"{name} has shape {array.shape}; responsibilities must be {expected}.")
    if not np.isfinite(array).all() or (array < 0).any():
        raise InputError(f"{name} must hold finite numbers of at least 0.")
    sums = array.sum(axis=1)
    if np.abs(sums - 1.0).max() > 1e-6:
        row = int(np.argmax(np.abs(sums - 1.0)))
        raise InputError(f"{name} must sum to 1 in every row; row {row} sums to {sums[row]:g}.")
    return array
