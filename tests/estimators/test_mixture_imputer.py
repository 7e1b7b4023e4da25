"""MixtureImputer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError, MixtureImputer, load
from mixtura.estimators import imputer_fit
from mixtura.model import FAMILIES


@parametrize_with_checks(
    [MixtureImputer(), MixtureImputer(2, kind="draw", random_state=0, add_indicator=True)]
)
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def truth() -> Any:
    X = load_wine().data
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.fixture(name="X", scope="module")
def wine_with_holes(truth: Any) -> Any:
    return np.where(np.random.default_rng(0).random(truth.shape) < 0.1, np.nan, truth)


def error(filled: Any, truth: Any, X: Any) -> float:
    return float(np.sqrt(np.mean((filled - truth)[np.isnan(X)] ** 2)))


def test_defaults_beat_neighbours_and_one_gaussian(truth: Any, X: Any) -> None:
    # Measured: .736 against .757 (neighbours) and .782 (one Gaussian).
    filled = MixtureImputer(random_state=0).fit_transform(X)
    assert error(filled, truth, X) < 0.745 < error(KNNImputer().fit_transform(X), truth, X)
    plain = GaussianMixture(random_state=0).fit(X).impute(X)
    assert error(plain, truth, X) > 0.76


def test_number_of_components_of_least_bic(X: Any) -> None:
    model = MixtureImputer("auto", covariance_type="diag", random_state=0).fit(X).model_
    criteria = [
        MixtureImputer(k, covariance_type="diag", random_state=0).fit(X).model_.bic(X)
        for k in range(1, 10)
    ]
    assert model.n_components_ == int(np.argmin(criteria)) + 1 > 1
    assert model.bic(X) == min(criteria)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_every_structure(truth: Any, X: Any, covariance_type: str) -> None:
    imputer = MixtureImputer(covariance_type=covariance_type, random_state=0).fit(X)
    filled = imputer.transform(X)
    assert imputer.model_.covariance_type == covariance_type
    assert imputer.model_.converged_
    assert imputer.n_iter_ >= imputer.model_.n_iter_ > 0
    np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    np.testing.assert_array_equal(filled, imputer.model_.impute(X))
    assert error(filled, truth, X) < 0.85


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": 2},
        {"covariance_type": "diag"},
        {"shrinkage": 1.0},
        {"shrinkage": 0.0, "n_components": 1},
        {"kind": "draw"},
        {"tol": 1e-6},
        {"random_state": 3, "kind": "draw"},
    ],
    ids=str,
)
def test_every_parameter_counts(X: Any, parameters: dict[str, Any]) -> None:
    default = MixtureImputer(random_state=0).fit_transform(X)
    changed = MixtureImputer(**{"random_state": 0, **parameters}).fit_transform(X)
    assert np.abs(changed - default).max() > 1e-6


def test_without_shrinkage_it_is_maximum_likelihood(X: Any) -> None:
    imputer = MixtureImputer(1, shrinkage=0, tol=1e-9).fit(X)
    model = GaussianMixture(tol=1e-9).fit(X)
    np.testing.assert_allclose(imputer.transform(X), model.impute(X), atol=1e-3)


def test_without_shrinkage_a_collapse_is_told() -> None:
    rows = np.c_[np.repeat([0.0, 1.0], 20), np.random.default_rng(0).normal(size=40)]
    rows[::7, 1] = np.nan
    with pytest.warns(ConvergenceWarning, match="collapsed onto .* a larger shrinkage"):
        MixtureImputer(2, shrinkage=0, random_state=0).fit(rows)
    MixtureImputer(2, random_state=0).fit(rows)


def test_units_do_not_matter(X: Any) -> None:
    scale = 10.0 ** np.linspace(-6, 6, X.shape[1])
    near = MixtureImputer(random_state=0).fit_transform(X)
    far = MixtureImputer(random_state=0).fit_transform(X * scale + 3 * scale)
    np.testing.assert_allclose(far / scale - 3, near, atol=1e-5)


def test_threads_do_not_matter(X: Any) -> None:
    one, two = (MixtureImputer(random_state=0, n_jobs=n).fit_transform(X) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_draws_repeat_with_the_seed(X: Any) -> None:
    imputer = MixtureImputer(kind="draw", random_state=0).fit(X)
    np.testing.assert_array_equal(imputer.transform(X), imputer.transform(X))
    free = MixtureImputer(kind="draw").fit(X)
    assert (free.transform(X) != free.transform(X))[np.isnan(X)].all()


def test_frames_names_and_indicators() -> None:
    frame = load_iris(as_frame=True).data
    frame.columns = list("abcd")
    frame.iloc[::7, 1] = np.nan
    frame.iloc[::5, 3] = np.nan
    imputer = MixtureImputer(add_indicator=True).set_output(transform="pandas")
    out = imputer.fit_transform(frame)
    assert list(out.columns) == ["a", "b", "c", "d", "missingindicator_b", "missingindicator_d"]
    pd.testing.assert_frame_equal(out[["a", "c"]], frame[["a", "c"]])
    np.testing.assert_array_equal(out["missingindicator_b"], frame["b"].isna())
    assert not out.isna().any().any()
    plain = MixtureImputer().fit(frame.to_numpy(np.float32))
    assert plain.get_feature_names_out(list("wxyz")).tolist() == list("wxyz")
    assert plain.transform(frame.to_numpy(np.float32)).dtype == np.float32
    later = frame.iloc[:3].copy()
    later["a"] = np.nan  # no hole in fit, no indicator now
    assert imputer.transform(later).shape == (3, 6)


def test_pipelines() -> None:
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame = frame.mask(np.random.default_rng(0).random(frame.shape) < 0.1)
    both = ColumnTransformer(
        [("fill", MixtureImputer(random_state=0), list(frame.columns))], remainder="drop"
    )
    pipeline = make_pipeline(both, LogisticRegression(max_iter=1000))
    assert clone(pipeline).fit(frame, y).score(frame, y) > 0.9


def test_the_model_can_be_saved(X: Any, tmp_path: Path) -> None:
    imputer = MixtureImputer(random_state=0).fit(X)
    imputer.model_.save(tmp_path / "m.mixtura")
    again = load(tmp_path / "m.mixtura")
    np.testing.assert_array_equal(again.impute(X), imputer.transform(X))


def test_errors(X: Any) -> None:
    empty = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [np.nan] * 3})
    with pytest.raises(InputError, match="column 'b' of X is missing in every row"):
        MixtureImputer(1).fit(empty)
    with pytest.raises(ValueError, match="n_components=3 is more than the 2 rows"):
        MixtureImputer().fit(X[:2, :2])
    with pytest.raises(NotFittedError):
        MixtureImputer().transform(X)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        MixtureImputer(max_iter=1, tol=0).fit(X)
    for parameters in ({"n_components": "many"}, {"shrinkage": -1}, {"kind": "mode"}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            MixtureImputer(**parameters).fit(X)


def test_constant_and_repeated_columns(X: Any) -> None:
    odd = np.column_stack([X[:, 0], X[:, 0], np.ones(len(X)), X[:, 1]])
    odd[3, 2] = np.nan
    filled = MixtureImputer(random_state=0).fit_transform(odd)
    assert np.isfinite(filled).all()
    assert filled[3, 2] == pytest.approx(1.0, abs=1e-6)


def test_the_parameters_that_are_passed_on_exist() -> None:
    shared = set(imputer_fit.PASSED_ON)
    assert shared <= set(MixtureImputer().get_params()) & set(GaussianMixture().get_params())


def test_the_model_knows_the_names_of_columns() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0, 6.0], "b": [2.0, 3.9, 6.1, 8.0, np.nan]})
    imputer = MixtureImputer(1).fit(frame)
    assert list(imputer.model_.feature_names_in_) == ["a", "b"]
    imputer.model_.impute(frame)  # without a warning about names
