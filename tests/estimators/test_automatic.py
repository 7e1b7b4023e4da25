"""n_components="auto": the number of components that has the least BIC."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError, Mixture, Step, load
from mixtura.estimators import automatic
from problems import with_holes

CENTRES = np.array([[0.0, 0.0], [6.0, 1.0], [2.0, 7.0]])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GaussianMixture("auto", covariance_type="spherical")])
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.fixture(scope="module", name="X")
def three_groups() -> Any:
    rows = np.random.default_rng(0).normal(size=(120, 2)) + CENTRES[np.arange(120) % 3]
    rows.flags.writeable = False
    return rows


def auto(**parameters: Any) -> GaussianMixture:
    return GaussianMixture("auto", **{"random_state": 0, **parameters})


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEE"])
def test_number_has_the_least_bic(X: Any, covariance_type: str) -> None:
    model = auto(covariance_type=covariance_type).fit(X)
    assert model.n_components == "auto"
    assert model.n_components_ == len(model.weights_) == 3
    assert model.converged_
    fixed = [
        GaussianMixture(k, covariance_type=covariance_type, n_init=3, random_state=0).fit(X)
        for k in range(1, 5)
    ]
    assert model.bic(X) <= min(each.bic(X) for each in fixed) + 0.01
    assert [each.n_components_ for each in fixed] == [1, 2, 3, 4]


def test_components_are_in_the_order_of_their_means(X: Any) -> None:
    forward, backward = (auto().fit(rows).means_ for rows in (X, X[::-1]))
    assert (np.diff(forward[:, 0]) > 0).all()
    np.testing.assert_allclose(forward, backward, rtol=1e-6)


def test_one_column() -> None:
    x = np.concatenate([np.linspace(0, 1, 30), np.linspace(5, 6, 30)])[:, None]
    for covariance_type in ("full", "tied", "E", "V"):
        assert auto(covariance_type=covariance_type).fit(x).n_components_ == 2


def test_weights_are_repeats(X: Any) -> None:
    weights = np.arange(len(X)) % 3
    weighted = auto().fit(X, sample_weight=weights)
    repeated = auto().fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-6)


def test_missing_cells(X: Any) -> None:
    holes = with_holes(np.random.default_rng(0), X, 0.1)
    holes[0] = np.nan
    model = auto().fit(holes)
    assert model.n_components_ == 3
    told = ~np.isnan(holes).all(axis=1)
    assert model.bic(holes) == pytest.approx(model.bic(holes[told]))


@pytest.mark.parametrize(
    "parameters",
    [
        {"tol": 1e-2},
        {"reg_covar": 1.0},
        {"prior": "conjugate"},
        {"eigenvalue_ratio": 1.0},
        {"max_iter": 0},
    ],
    ids=str,
)
def test_parameters_of_the_fit_count(X: Any, parameters: dict[str, Any]) -> None:
    plain, other = auto().fit(X), auto(**parameters).fit(X)
    fixed = GaussianMixture(3, init_params=plain.mixture_, **parameters).fit(X)
    assert other.n_components_ == 3
    if "tol" not in parameters and "max_iter" not in parameters:
        np.testing.assert_allclose(other.covariances_, fixed.covariances_, rtol=0.01, atol=1e-9)
        assert abs(other.covariances_ - plain.covariances_).max() > 1e-3
    else:
        assert other.n_iter_ <= plain.n_iter_


def test_a_prior_keeps_fits_that_would_collapse() -> None:
    x = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 10, axis=0)
    with pytest.warns(ConvergenceWarning, match="Leave out columns that hold few") as caught:
        assert auto().fit(x).n_components_ == 1
    assert caught[0].filename == __file__
    model = auto(prior="conjugate").fit(x)
    assert model.n_components_ > 1
    assert not model.collapsed_.any()


def test_first_start_is_the_search_s(X: Any) -> None:
    model = auto(n_init=3).fit(X)
    assert len(model.restarts_) == 3
    assert model.lower_bound_ == pytest.approx(model.restarts_[0], abs=1e-3)


def test_the_same_for_any_number_of_threads(X: Any) -> None:
    one, two = (auto(n_jobs=n, n_init=2).fit(X).means_ for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_engines_agree(X: Any) -> None:
    numpy, numba = (auto(engine=engine).fit(X).means_ for engine in ("numpy", "numba"))
    np.testing.assert_allclose(numpy, numba, rtol=1e-6)


def test_no_more_components_than_rows_that_count() -> None:
    assert list(automatic.sizes_for(100)) == list(range(1, automatic.MOST + 1))
    assert list(automatic.sizes_for(2)) == [1, 2]
    assert auto().fit(np.ones((5, 2))).n_components_ == 1
    with pytest.warns(ConvergenceWarning, match="With more than one component"):
        assert auto().fit([[0.0], [1.0]]).n_components_ == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"means_init": CENTRES},
        {"weights_init": [1.0]},
        {"precisions_init": np.eye(2)[None]},
        {"init_params": "random"},
        {"init_params": Mixture([1.0], [[0.0, 0.0]], np.eye(2)[None])},
        {"init_params": lambda X, k, rng: None},
        {"warm_start": True},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_given_starts_are_refused(X: Any, parameters: dict[str, Any]) -> None:
    (name,) = parameters
    with pytest.raises(InputError, match=f"{name} says how to start, and n_components='auto'"):
        auto(**parameters).fit(X)


def test_a_callback_sees_the_fits_and_may_end_them(X: Any) -> None:
    sizes: list[int] = []

    def stop(step: Step) -> bool:
        sizes.append(step.mixture.n_components)
        return sizes[-1] == 2

    model = auto(callback=stop, n_init=2, n_jobs=1).fit(X)
    assert sorted(set(sizes)) == [1, 2]
    assert sizes.count(2) == 1
    assert model.n_components_ == 2


def test_an_interrupt_ends_the_fit(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    search = automatic.search
    monkeypatch.setattr(automatic, "search", lambda *arguments: search(*arguments)[:-1])
    with pytest.raises(KeyboardInterrupt):
        auto().fit(X)


def test_copies_files_and_scikit_learn_keep_it(X: Any, tmp_path: Path) -> None:
    model = auto().fit(X)
    assert clone(model).n_components == "auto"
    model.save(tmp_path / "model.mixtura")
    for copy in (pickle.loads(pickle.dumps(model)), load(tmp_path / "model.mixtura")):
        assert copy.n_components == "auto"
        assert copy.n_components_ == 3
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    theirs = model.to_sklearn()
    assert theirs.n_components == 3
    np.testing.assert_array_equal(theirs.predict(X), model.predict(X))
    assert auto().to_sklearn().n_components == 1
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))
