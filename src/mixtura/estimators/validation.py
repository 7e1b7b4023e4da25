"""From what users give to what the algorithms take; every complaint names the culprit."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, validate_data

from mixtura._errors import InputError
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray


def validated_rows(estimator: Any, X: Any, *, fitting: bool) -> Any:
    """Return ``X`` as float64 or float32 rows (n, d), without a copy where possible."""
    rows = validate_data(
        estimator,
        X,
        dtype=[np.float64, np.float32],
        ensure_min_samples=2 if fitting else 1,
        reset=fitting,
    )
    return rows if rows.flags.aligned else rows.copy()


def validated_weights(sample_weight: Any, X: Any) -> FloatArray | None:
    """Return row weights (n,) as float64; ``None`` stays."""
    if sample_weight is None:
        return None
    weights: FloatArray = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise InputError("sample_weight is zero for every row: there is nothing to fit.")
    return np.ascontiguousarray(weights)


def check_count(n_rows: int, weights: FloatArray | None, n_components: int) -> None:
    """Raise unless there are as many rows of positive weight as components."""
    n = n_rows if weights is None else int(np.count_nonzero(weights))
    if n < n_components:
        kind = "n_samples" if weights is None else "n_samples with a positive sample_weight"
        raise InputError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"{kind} = {n}. Use fewer components."
        )


def check_magnitude(total: Statistics) -> None:
    """Raise naming the first column whose squares do not fit into a double."""
    second = total.second[0]
    variances = np.diagonal(second) if second.ndim == 2 else second
    if np.isfinite(total.second).all() and np.isfinite(total.centre).all():
        return
    column = int(np.argmin(np.isfinite(variances)))
    raise InputError(
        f"column {column} holds numbers so large that their squares overflow; divide it by a "
        "power of ten."
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
    array = np.asarray(resp, dtype=np.float64)
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
