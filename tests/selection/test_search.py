"""MixtureSearch."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError, MixtureSearch, load
from mixtura.selection import search
from mixtura.selection.choosing import CRITERIA

CENTRES = np.array([[0.0, 0.0], [7.0, 1.0], [2.0, 8.0]])
DEVIATIONS = np.array([1.0, 0.5])
TYPES = ("VII", "EEI", "VVV")


@parametrize_with_checks([MixtureSearch((1, 2), covariance_types=("VVI", "VVV"))])
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.fixture(scope="module", name="X")
def three_groups() -> Any:
    rows = np.random.default_rng(0).normal(size=(90, 2)) * DEVIATIONS + CENTRES[np.arange(90) % 3]
    rows.flags.writeable = False
    return rows


def small(**parameters: Any) -> MixtureSearch:
    settings = {"n_components": range(1, 5), "covariance_types": TYPES, "random_state": 0}
    return MixtureSearch(**(settings | parameters))


@pytest.fixture(scope="module", name="fitted")
def fitted_search(X: Any) -> MixtureSearch:
    return small().fit(X)


def test_the_model_that_made_the_rows_is_found(fitted: MixtureSearch, X: Any) -> None:
    assert fitted.best_params_ == {"covariance_type": "EEI", "n_components": 3}
    best = fitted.table_[fitted.best_index_]
    assert best["bic"] == fitted.best_score_ == min(row["bic"] for row in fitted.table_)
    assert fitted.best_estimator_.get_params()["covariance_type"] == "EEI"
    assert fitted.best_estimator_.init_params == "kmeans"
    assert fitted.bic(X) == pytest.approx(fitted.best_score_, rel=1e-12)
    assert (np.diff(fitted.mixture_.means[:, 0]) > 0).all()


def test_every_model_has_a_row(fitted: MixtureSearch, X: Any) -> None:
    models = [(row["covariance_type"], row["n_components"]) for row in fitted.table_]
    assert models == [(name, k) for name in TYPES for k in range(1, 5)]
    facts = {"log_likelihood", "n_parameters", "entropy_ratio", "seconds", "status", "degenerate"}
    assert all({*facts, *CRITERIA} <= set(row) for row in fitted.table_)
    row = fitted.table_[1]
    model = GaussianMixture(2, covariance_type="VII", n_init=5, random_state=0).fit(X)
    assert row["n_parameters"] == model.mixture_.n_parameters()
    assert row["log_likelihood"] >= len(X) * model.lower_bound_ - 0.1


def test_what_the_best_model_does(fitted: MixtureSearch, X: Any, tmp_path: Path) -> None:
    best = fitted.best_estimator_
    methods = ("predict", "predict_proba", "score_samples", "score", "bic", "aic", "icl")
    for name in methods:
        np.testing.assert_array_equal(getattr(fitted, name)(X), getattr(best, name)(X))
    weights = np.arange(len(X))
    assert fitted.bic(X, sample_weight=weights) == best.bic(X, weights) != fitted.bic(X)
    np.testing.assert_array_equal(fitted.sample(5, random_state=1)[0], best.sample(5, 1)[0])
    holes = [[np.nan, 1.0]]
    np.testing.assert_array_equal(fitted.impute(holes), best.impute(holes))
    fitted.save(tmp_path / "best.mixtura")
    np.testing.assert_array_equal(load(tmp_path / "best.mixtura").predict(X), fitted.predict(X))
    with pytest.raises(NotFittedError):
        small().predict(X)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion(X: Any, criterion: str) -> None:
    model = small(covariance_types=("VII", "EEI"), criterion=criterion).fit(X)
    values = [row[criterion] for row in model.table_ if not row["degenerate"]]
    assert model.best_score_ == model.table_[model.best_index_][criterion] == min(values)
    assert model.best_params_["n_components"] >= 2


def test_nec_needs_one_component(X: Any) -> None:
    with pytest.raises(InputError, match="n_components must hold 1, too"):
        small(n_components=(2, 3), criterion="nec").fit(X)
    table = small(n_components=(2, 3)).fit(X).table_
    assert all(np.isnan(row["nec"]) for row in table)


def test_frames_keep_their_names(X: Any) -> None:
    frame = pd.DataFrame(X, columns=["length", "width"])
    model = small(n_components=(1, 3)).fit(frame)
    assert list(model.feature_names_in_) == ["length", "width"]
    assert list(model.best_estimator_.feature_names_in_) == ["length", "width"]
    assert model.predict(frame).shape == (90,)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["width", "length"]])


def test_other_columns_are_refused_in_the_name_of_the_search(X: Any) -> None:
    model = small(n_components=1).fit(X)
    for name in ("predict", "score_samples", "bic", "icl", "impute"):
        with pytest.raises(ValueError, match="X has 1 features, but MixtureSearch is expecting 2"):
            getattr(model, name)(X[:, :1])
        with pytest.raises(ValueError, match="minimum of 1 is required by MixtureSearch"):
            getattr(model, name)(X[:0])
    model.fit(pd.DataFrame(X, columns=["length", "width"]))
    with pytest.warns(UserWarning, match="but MixtureSearch was fitted with") as caught:
        model.predict(X=X)
    assert len(caught) == 1


def test_plain_names_and_numbers(X: Any) -> None:
    names, sizes = np.array(["VII", "EEI"]), np.arange(2, 4)
    model = small(covariance_types=names, n_components=sizes).fit(X)
    assert [type(value) for value in model.best_params_.values()] == [str, int]
    assert {type(row["covariance_type"]) for row in model.table_} == {str}


def test_a_structure_is_fitted_once(X: Any) -> None:
    assert search.names_of(("full", "VVV", "VVI", "diag", "VVV"), 2) == ("full", "VVI")
    assert search.names_of(("EEE", "E", "tied", "VVV", "V"), 1) == ("EEE", "VVV")


def test_rows_that_count_bound_the_sizes(X: Any) -> None:
    weights = np.zeros(len(X))
    weights[:3] = 1.0
    model = MixtureSearch(covariance_types=("EII",)).fit(X, sample_weight=weights)
    assert {row["n_components"] for row in model.table_} == {1, 2, 3}
    weights[1:] = 0.0
    with pytest.raises(InputError, match=r"1 row that counts .*; a search needs at least 2"):
        small().fit(X, sample_weight=weights)
    with pytest.raises(InputError, match="1 row that counts"):
        small().fit(np.where(weights[:, None] > 0, X, np.nan))


def test_weights_are_repeats(X: Any) -> None:
    weights = np.arange(len(X)) % 3
    weighted = small().fit(X, sample_weight=weights)
    repeated = small().fit(np.repeat(X, weights, axis=0))
    assert weighted.best_params_ == repeated.best_params_
    assert weighted.best_score_ == pytest.approx(repeated.best_score_, abs=0.01)


def test_missing_cells(X: Any) -> None:
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    model = small().fit(holes)
    assert model.best_params_["n_components"] == 3
    assert model.bic(holes) == pytest.approx(model.best_score_, abs=0.05)


def test_one_column(X: Any) -> None:
    model = small(covariance_types="all").fit(X[:, :1])
    assert {row["covariance_type"] for row in model.table_} == {"E", "V"}
    plain = small(covariance_types=("tied", "diag")).fit(X[:, :1])
    assert plain.best_score_ == pytest.approx(model.best_score_)
    assert plain.predict(X[:, :1]).shape == (90,)


def test_a_prior_reaches_the_best_model(X: Any) -> None:
    model = small(prior="conjugate").fit(X)
    assert model.best_estimator_.prior == "conjugate"
    assert not any(row["degenerate"] for row in model.table_)


def test_one_number_of_components(X: Any) -> None:
    assert small(n_components=2).fit(X).best_params_["n_components"] == 2


def test_copies(fitted: MixtureSearch, X: Any) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    assert copy.table_ == fitted.table_


def test_the_same_for_any_number_of_threads(fitted: MixtureSearch, X: Any) -> None:
    other = small(n_jobs=1).fit(X)
    np.testing.assert_array_equal(other.mixture_.means, fitted.mixture_.means)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": (1, 0)}, "n_components holds 0; it takes whole numbers"),
        ({"n_components": (1, 2.5)}, "n_components holds 2.5"),
        ({"n_components": ()}, "n_components is empty"),
        ({"n_components": "auto"}, r"n_components='auto' must be whole numbers"),
        ({"n_components": (1, 91)}, "n_components holds 91, but X has 90 rows that count"),
        ({"covariance_types": ("VVV", "round")}, "covariance_types: 'round' is not one of"),
        ({"covariance_types": "VVV"}, r"such as \['VVV'\]"),
        ({"covariance_types": ()}, "covariance_types is empty"),
        ({"covariance_types": ("E",)}, "covariance_types: 'E' is for one column"),
        ({"criterion": "best"}, "criterion"),
        ({"prior": "flat"}, "prior"),
        ({"callback": 3}, "callback"),
    ],
    ids=str,
)
def test_unusable_parameters_are_named(X: Any, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small(**parameters).fit(X)


def test_a_callback_sees_every_model(X: Any) -> None:
    rows: list[dict[str, Any]] = []
    model = small(callback=rows.append).fit(X)
    assert len(rows) == len(model.table_)
    assert [row["n_components"] for row in rows] == sorted(row["n_components"] for row in rows)
    for row, told in zip(
        sorted(rows, key=lambda row: TYPES.index(row["covariance_type"])), model.table_, strict=True
    ):
        assert row["bic"] == pytest.approx(told["bic"], abs=0.1)
    assert model.best_estimator_.callback is None


def test_an_interrupt_keeps_what_is_done(X: Any) -> None:
    rows: list[dict[str, Any]] = []

    def stop(row: dict[str, Any]) -> None:
        rows.append(row)
        if len(rows) == 5:
            raise KeyboardInterrupt

    with pytest.warns(ConvergenceWarning, match="5 of 12 models are done"):
        model = small(callback=stop).fit(X)
    assert len(model.table_) == 5
    assert model.best_estimator_.converged_


def test_an_interrupt_before_the_first_model_ends_it(
    X: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "search", stop)
    with pytest.raises(KeyboardInterrupt):
        small().fit(X)
