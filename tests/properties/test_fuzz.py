"""Whatever the table, a fit gives numbers or an error that says what to do.

No crash, no NaN, no warning but the documented ones.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, InputError, Status
from mixtura.algorithms.starts import METHODS
from problems import LAYOUTS, laid_out
from strategies import families, seeds

#: How the warnings begin that a fit may give, and the errors that it may raise.
WARNINGS = (
    re.escape(Status.MAX_ITER.value),
    re.escape(Status.PRECISION.value),
    re.escape(Status.COLLAPSED.value),
    r"Collapsed onto a point or a plane, .*: component \d+(, \d+)*\. .*reg_covar\.",
)
TOO_FEW = r"n_components=\d+ is more than the \d+ rows( of positive sample_weight)?; use fewer"
TOO_LARGE = r"column \d+ holds numbers so large that their squares overflow; divide it by"
COLLAPSED = r".*covariances\[\d+\] .*(not positive definite|not positive).*reg_covar"

KINDS = ("normal", "integers", "few rows repeated", "groups", "heavy tails", "two values", "equal")
CHANGES = ("constant column", "repeated column", "dependent column", "outlier")


def body(rng: np.random.Generator, kind: str, n: int, d: int) -> np.ndarray:
    """Return a table of some kind."""
    if kind == "integers":
        return rng.integers(-2, 3, size=(n, d)).astype(float)
    if kind == "few rows repeated":
        few = max(1, n // 5)
        return rng.normal(size=(few, d))[rng.integers(few, size=n)]
    if kind == "groups":
        return rng.normal(size=(n, d)) + 10.0 * rng.integers(0, 3, size=(n, 1))
    if kind == "heavy tails":
        return rng.standard_cauchy(size=(n, d))
    if kind == "two values":
        return np.where(rng.random((n, d)) < 0.5, 0.0, 1e-3)
    if kind == "equal":
        return np.tile(rng.normal(size=(1, d)), (n, 1))
    return rng.normal(size=(n, d))


def changed(rng: np.random.Generator, X: np.ndarray, change: str) -> None:
    """Spoil a table in place."""
    n, d = X.shape
    if change == "constant column":
        X[:, rng.integers(d)] = rng.choice([0.0, -7.3, 1e12, 1e-12])
    elif change == "repeated column":
        X[:, 0] = X[:, -1]
    elif change == "dependent column":
        X[:, 0] = 3.0 * X[:, -1] + 1.0
    else:
        X[rng.integers(n), rng.integers(d)] = rng.choice([-1e12, 1e12])


#: Factors by which tables are multiplied. A number for ``reg_covar`` is in the squared units of
#: the columns, which it cannot regularise where it is no part of their variances at all.
UNITS = [1.0, 1.0, 1e-8, 1e8, 1e-30]
EXTREME_UNITS = [*UNITS, 1e-300, 1e-150, 1e100]


@st.composite
def tables(draw: st.DrawFn, units: list[float]) -> np.ndarray:
    """Draw a table, spoilt in some ways, in some units, dtype and layout."""
    rng = np.random.default_rng(draw(seeds))
    n, d = draw(st.sampled_from([2, 3, 5, 20, 127, 130, 300])), draw(st.integers(1, 9))
    X = body(rng, draw(st.sampled_from(KINDS)), n, d)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=2, unique=True)):
        changed(rng, X, change)
    X *= draw(st.sampled_from(units))
    X += draw(st.sampled_from([0.0, 0.0, 1e8, -1e15]))
    dtype = draw(st.sampled_from(["float64", "float64", "float32"]))
    if np.abs(X).max() < np.finfo(dtype).max:
        X = X.astype(dtype)
    return laid_out(X, draw(st.sampled_from(LAYOUTS)))


def row_weights(kind: str, n: int, seed: int) -> np.ndarray | None:
    """Return row weights of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "none":
        return None
    weights = {
        "fractional": rng.random(n),
        "counts": rng.integers(0, 3, size=n).astype(float),
        "tiny": 1e-200 * rng.random(n),
    }[kind]
    weights[0] = max(weights[0], 1e-200)
    return weights


def problems(units: list[float]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a table, row weights and the settings of a fit."""
    options = {
        "X": tables(units),
        "weights": st.sampled_from(["none", "none", "fractional", "counts", "tiny"]),
        "seed": seeds,
        "k": st.integers(1, 6),
        "covariance_type": families,
        "engine": st.sampled_from(["numpy", "numba"]),
        "init_params": st.sampled_from(["kmeans", "kmeans", *METHODS]),
        "n_init": st.sampled_from([1, 1, 3]),
        "max_iter": st.sampled_from([1000, 1000, 5, 0]),
    }
    return st.fixed_dictionaries(options)


def fitted(X: np.ndarray, weights: str, seed: int, k: int, errors: str, **params: Any) -> Any:
    """Return a fitted estimator, or None where an error that is allowed was raised."""
    model: Any = GaussianMixture(k, random_state=0, n_jobs=2, **params)
    complaint = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, sample_weight=row_weights(weights, len(X), seed))
        except InputError as raised:
            complaint, model = str(raised), None
    assert model is not None or re.match(errors, complaint), complaint
    for warning in caught:
        assert issubclass(warning.category, ConvergenceWarning), str(warning.message)
        assert re.match("|".join(WARNINGS), str(warning.message)), str(warning.message)
    return model


def assert_numbers(model: GaussianMixture, X: np.ndarray) -> None:
    """Fail unless all that a model holds and says of its own rows are numbers that make sense."""
    fit = (model.weights_, model.means_, model.covariances_, model.precisions_)
    for array in (*fit, model.precisions_cholesky_, model.lower_bounds_, model.lower_bound_):
        assert np.isfinite(array).all()
    assert (model.weights_ >= 0).all()
    np.testing.assert_allclose(model.weights_.sum(), 1.0, rtol=1e-5)
    assert np.isfinite(model.score_samples(X)).all()
    resp = model.predict_proba(X)
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-9)
    labels = model.predict(X)
    assert ((labels >= 0) & (labels < model.n_components)).all()
    certainty = resp[np.arange(len(X)), labels]
    np.testing.assert_allclose(certainty, resp.max(axis=1), rtol=1e-9)


def check_defaults(params: dict[str, Any]) -> None:
    """Fit with the default floor, under which no step may descend."""
    model = fitted(errors=f"{TOO_FEW}|{TOO_LARGE}", **params)
    if model is not None:
        assert_numbers(model, params["X"])
        assert (np.diff(model.lower_bounds_) >= 0).all()


def check_ridges(reg_covar: float, params: dict[str, Any]) -> None:
    """Fit with a number, which may be too small for the table."""
    errors = f"{TOO_FEW}|{TOO_LARGE}|{COLLAPSED}"
    model = fitted(errors=errors, reg_covar=reg_covar, **params)
    if model is not None:
        assert_numbers(model, params["X"])


DEFAULTS = given(params=problems(EXTREME_UNITS))
RIDGES = given(reg_covar=st.sampled_from([0.0, 1e-6, 1.0]), params=problems(UNITS))


@DEFAULTS
@settings(max_examples=150)
def test_default_fits(params: dict[str, Any]) -> None:
    check_defaults(params)


@RIDGES
@settings(max_examples=100)
def test_fits_with_a_ridge(reg_covar: float, params: dict[str, Any]) -> None:
    check_ridges(reg_covar, params)


@pytest.mark.slow
@DEFAULTS
@settings(max_examples=5000)
def test_many_default_fits(params: dict[str, Any]) -> None:
    check_defaults(params)


@pytest.mark.slow
@RIDGES
@settings(max_examples=3000)
def test_many_fits_with_a_ridge(reg_covar: float, params: dict[str, Any]) -> None:
    check_ridges(reg_covar, params)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_a_single_row_repeated(covariance_type: str, d: int, engine: str) -> None:
    X = np.full((10, d), 0.1)
    model = GaussianMixture(3, covariance_type=covariance_type, engine=engine, random_state=0)
    assert_numbers(model.fit(X), X)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_more_columns_than_rows(covariance_type: str) -> None:
    X = np.random.default_rng(0).normal(size=(6, 40))
    model = fitted(X, "none", 0, 2, "never", covariance_type=covariance_type)
    assert_numbers(model, X)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_numbers_whose_squares_overflow(covariance_type: str, engine: str) -> None:
    X = np.c_[np.arange(9.0), np.linspace(-1e200, 1e200, 9)]
    model = GaussianMixture(2, covariance_type=covariance_type, engine=engine)
    with pytest.raises(InputError, match=r"column 1 holds numbers so large .* power of ten"):
        model.fit(X)
