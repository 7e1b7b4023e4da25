"""The classifier with a mixture for each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError
from mixtura.estimators.mixture_classifier import MixtureClassifier, class_priors
from problems import FAMILY_NAMES, RESTRICTED_NAMES, with_holes

X, Y = load_iris(return_X_y=True)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MixtureClassifier()])
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MixtureClassifier("auto"), MixtureClassifier(covariance_type="tied")])
def test_sklearn_convention_holds_for_others(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


def rings(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a class in the middle of another that lies in four clumps around it."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(4, size=200)
    around = 5.0 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[corner]
    rows = np.vstack([around, np.zeros((200, 2))]) + rng.normal(size=(400, 2))
    return rows, np.repeat(["out", "in"], 200)


@pytest.mark.parametrize("name", FAMILY_NAMES + RESTRICTED_NAMES)
@pytest.mark.parametrize("holes", [False, True])
def test_every_structure_classifies(name: str, holes: bool) -> None:
    rows = with_holes(np.random.default_rng(1), X, 0.1) if holes else X
    model = MixtureClassifier(covariance_type=name).fit(rows, Y)
    assert model.score(rows, Y) > 0.87
    assert [m.covariance_type for m in model.models_] == [name] * 3


def test_one_component_is_quadratic_discriminant_analysis() -> None:
    model, peer = MixtureClassifier().fit(X, Y), QuadraticDiscriminantAnalysis().fit(X, Y)
    assert np.array_equal(model.predict(X), peer.predict(X))
    assert model.predict_proba(X) == pytest.approx(peer.predict_proba(X), abs=0.05)
    assert model.priors_ == pytest.approx([1 / 3] * 3)


def test_a_class_is_what_a_mixture_makes_of_its_rows() -> None:
    rows, names = rings()
    model = MixtureClassifier(4, random_state=0).fit(rows, names)
    alone = GaussianMixture(4, random_state=0).fit(rows[names == "out"])
    assert model.models_[1].score(rows) == pytest.approx(alone.score(rows), abs=1e-6)
    assert model.score(rows, names) > 0.98


def test_components_are_chosen_by_bic_for_each_class() -> None:
    rows, names = rings()
    model = MixtureClassifier("auto", covariance_type="spherical").fit(rows, names)
    assert [m.n_components for m in model.models_] == [1, 4]
    assert model.score(rows, names) > 0.98


def test_components_are_chosen_for_one_column() -> None:
    rows, names = rings()
    model = MixtureClassifier("auto").fit(rows[:, :1], names)
    assert [m.n_components for m in model.models_] == [1, 2]


def test_priors_and_weights_count() -> None:
    rows, names = rings()
    weights = np.where(names == "in", 3.0, 1.0)
    model = MixtureClassifier().fit(rows, names, sample_weight=weights)
    assert model.priors_ == pytest.approx([0.75, 0.25])
    nothing = np.full((1, 2), np.nan)
    assert model.predict_proba(nothing)[0] == pytest.approx([0.75, 0.25])
    given = MixtureClassifier(priors=[0.0, 1.0]).fit(rows, names)
    assert set(given.predict(rows)) == {"out"}


def test_classes_may_be_flat_where_others_are_not() -> None:
    """A class whose second column is constant, and one of a single row."""
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(50, 2)), np.c_[rng.normal(size=50), np.zeros(50)]])
    rows, names = np.vstack([rows, [[9.0, 9.0]]]), np.repeat([0, 1, 2], [50, 50, 1])
    model = MixtureClassifier().fit(rows, names)
    assert np.array_equal(model.predict(rows), names)
    assert np.isfinite(model.predict_proba(rows)).all()


def test_warnings_and_errors_name_the_class() -> None:
    rows, names = rings()
    with pytest.warns(ConvergenceWarning) as told:
        MixtureClassifier(3, max_iter=1, tol=0.0, random_state=0).fit(rows, names)
    assert [str(each.message)[:22] for each in told] == [
        "Class 'in': Stopped at",
        "Class 'out': Stopped a",
    ]
    assert {each.filename for each in told} == {__file__}
    rows[names == "out", 1] = np.nan
    with pytest.raises(InputError, match="class 'out': column 1 of X is missing"):
        MixtureClassifier().fit(rows, names)
    with pytest.raises(InputError, match="class 'b' has 1 labelled rows"):
        MixtureClassifier(2).fit(np.zeros((3, 1)), ["a", "a", "b"])


def test_priors_are_checked() -> None:
    codes = np.array([0, 0, 0, 1])
    assert class_priors(None, codes, None, 2).tolist() == [0.75, 0.25]
    for given in ([1.0], [0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], ["a", "b"]):
        with pytest.raises(InputError, match="priors"):
            class_priors(given, codes, None, 2)
