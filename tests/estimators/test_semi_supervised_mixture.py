"""The estimator that knows the class of some rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError
from mixtura.estimators.semi_supervised_mixture import SemiSupervisedMixture
from problems import FAMILY_NAMES, RESTRICTED_NAMES, with_holes

X, Y = load_iris(return_X_y=True)
#: Five labels of each class.
FEW = np.where(np.arange(150) % 50 < 5, Y, -1)


class LabelPropagation(SemiSupervisedMixture):
    """By this name scikit-learn knows that -1 is no label in one of its checks."""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([LabelPropagation()])
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.mark.parametrize("name", FAMILY_NAMES + RESTRICTED_NAMES)
@pytest.mark.parametrize("holes", [False, True])
def test_few_labels_name_the_classes(name: str, holes: bool) -> None:
    rows = with_holes(np.random.default_rng(1), X, 0.1) if holes else X
    model = SemiSupervisedMixture(covariance_type=name).fit(rows, FEW)
    assert model.score(rows, Y) > 0.84
    assert model.classes_.tolist() == model.component_classes_.tolist() == [0, 1, 2]


#: mclust 6.0.0, MclustSSC(iris, labels, G = 3): log-likelihood and number of parameters.
MCLUST_SSC = {
    "tied": (-256.3628, 24),
    "full": (-188.4827, 44),
    "VEV": (-197.4098, 38),
    "EII": (-407.1340, 15),
}


@pytest.mark.parametrize("name", list(MCLUST_SSC))
def test_mclusts_likelihoods_are_reached(name: str) -> None:
    model = SemiSupervisedMixture(covariance_type=name).fit(X, FEW)
    loglik, n_parameters = MCLUST_SSC[name]
    assert 150 * model.lower_bound_ > loglik - 0.05
    assert model.mixture_.n_parameters() == n_parameters
    expected = n_parameters * np.log(150) - 300 * model.lower_bound_
    assert model.bic_ == pytest.approx(expected)


#: mclust 6.0.0, MclustDA(iris, classes, modelType = "EDDA"): log-likelihood of the rows.
MCLUST_EDDA = {"tied": -256.6462, "full": -182.9208, "VEV": -187.7097}


@pytest.mark.parametrize("name", list(MCLUST_EDDA))
def test_all_labels_make_discriminant_analysis(name: str) -> None:
    model = SemiSupervisedMixture(covariance_type=name).fit(X, Y)
    assert model.mixture_.log_prob(X).sum() == pytest.approx(MCLUST_EDDA[name], abs=1e-4)
    peers = {
        "tied": LinearDiscriminantAnalysis(solver="lsqr"),
        "full": QuadraticDiscriminantAnalysis(),
    }
    if name in peers:
        peer = peers[name].fit(X, Y)
        assert np.array_equal(model.predict(X), peer.predict(X))
        assert model.predict_proba(X) == pytest.approx(peer.predict_proba(X), abs=0.05)


def test_no_labels_but_of_one_class_is_a_mixture() -> None:
    y = np.where(Y == 0, 0, -1)
    model = SemiSupervisedMixture(n_extra=2, covariance_type="tied", random_state=0).fit(X, y)
    assert model.classes_.tolist() == [-1, 0]
    assert model.component_classes_.tolist() == [0, -1, -1]
    assert np.array_equal(model.predict(X) == 0, Y == 0)
    plain = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
    assert model.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-3)


def test_classes_have_components_of_their_own() -> None:
    rng = np.random.default_rng(0)
    clump = rng.integers(4, size=400)
    rows = 8.0 * clump[:, None] + rng.normal(size=(400, 1))
    names = np.array(["odd", "even"], dtype=object)[clump % 2]
    y = np.where(rng.random(400) < 0.2, names, None)
    model = SemiSupervisedMixture(2, random_state=0, n_init=3).fit(rows, y)
    assert model.component_classes_.tolist() == ["even", "even", "odd", "odd"]
    assert (model.predict(rows) == names).all()
    assert model.predict_proba(rows).sum(axis=1) == pytest.approx(1.0)


def test_weights_are_repeats() -> None:
    weights = np.random.default_rng(1).integers(0, 3, 150)
    weights[FEW >= 0] = 1
    weighted = SemiSupervisedMixture().fit(X, FEW, sample_weight=weights)
    rows, labels = np.repeat(X, weights, axis=0), np.repeat(FEW, weights)
    repeated = SemiSupervisedMixture().fit(rows, labels)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-4)
    assert weighted.bic_ == pytest.approx(repeated.bic_, abs=0.05)


def test_results_do_not_depend_on_threads() -> None:
    rows, labels = np.tile(X, (40, 1)), np.tile(FEW, 40)
    rows += 1e-2 * np.random.default_rng(0).normal(size=rows.shape)
    bounds = [
        SemiSupervisedMixture(engine="numba", n_jobs=n, tol=0.1).fit(rows, labels).lower_bound_
        for n in (1, 2)
    ]
    assert bounds[0] == bounds[1]


def test_rows_without_an_observed_cell_have_the_parts_of_the_classes() -> None:
    model = SemiSupervisedMixture().fit(X, FEW)
    assert model.predict_proba(np.full((1, 4), np.nan))[0] == pytest.approx(model.weights_)


def test_prior_has_an_effect() -> None:
    plain, prior = (SemiSupervisedMixture(prior=p).fit(X, FEW) for p in (None, "conjugate"))
    assert np.linalg.det(plain.covariances_).max() < np.linalg.det(prior.covariances_).max()


def test_extra_components_need_numbers_and_rows() -> None:
    with pytest.raises(InputError, match="n_extra needs labels that are numbers"):
        SemiSupervisedMixture(n_extra=1).fit(X, np.where(FEW < 0, None, "a"))
    with pytest.raises(InputError, match="n_extra=1 needs rows without a label"):
        SemiSupervisedMixture(n_extra=1).fit(X, Y)
    with pytest.raises(InputError, match="class 0 has 5 labelled rows"):
        SemiSupervisedMixture(6).fit(X, FEW)
