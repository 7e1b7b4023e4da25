"""mixtura.selection.uncertainty."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from mixtura import (
    GaussianMixture,
    InputError,
    Mixture,
    MixtureSearch,
    ParameterUncertainty,
    bootstrap_parameters,
)
from mixtura.model import STRUCTURES
from mixtura.selection.uncertainty import matching, resampled, reweighted
from problems import random_mixture

Array = np.ndarray


@cache
def problem() -> tuple[GaussianMixture, Array]:
    """Return two groups far apart, and their fit."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 2)) * [1.0, 2.0], rng.normal(size=(40, 2)) + 20.0])
    return GaussianMixture(2, tol=1e-8, random_state=0).fit(X), X


def arrays(found: ParameterUncertainty, which: str) -> list[Array]:
    """Return one kind of numbers, laid end to end."""
    return [np.asarray(array) for array in getattr(found, which)]


@pytest.mark.parametrize("kind", ["bootstrap", "weighted"])
def test_groups_apart_have_the_errors_of_samples(kind: str) -> None:
    model, X = problem()
    found = bootstrap_parameters(model, X, kind=kind, n_boot=2000, random_state=0)
    order = np.argsort(model.means_[:, 0])
    first = X[:60]
    errors = found.standard_errors
    np.testing.assert_allclose(errors.means[order[0]], first.std(axis=0) / np.sqrt(60), rtol=0.08)
    np.testing.assert_allclose(errors.weights, np.sqrt(0.6 * 0.4 / 100), rtol=0.08)
    fourth = ((first - first.mean(axis=0)) ** 2).std(axis=0) / np.sqrt(60)
    variances = np.diagonal(errors.covariances[order[0]])
    np.testing.assert_allclose(variances, fourth, rtol=0.12)
    assert found.n_collapsed == 0
    estimates = (model.weights_, model.means_, model.covariances_)
    for low, high, estimate in zip(found.lower, found.upper, estimates, strict=True):
        assert low.shape == high.shape == estimate.shape
        assert ((low < estimate) & (estimate < high)).all()


@pytest.mark.parametrize("name", sorted(set(STRUCTURES) - {"E", "V"}))
def test_all_structures_have_errors_in_their_shapes(name: str) -> None:
    _, X = problem()
    fit = GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
    found = bootstrap_parameters(fit, X, n_boot=30, random_state=0)
    assert found.standard_errors.covariances.shape == fit.covariances_.shape
    for replicate in found.replicates.covariances:
        fit.mixture_.family.check("replicate", replicate)
    centre = np.median(found.replicates.covariances, axis=0)
    near = np.abs(centre - fit.covariances_) < found.standard_errors.covariances + 1e-9
    assert near.all()


def test_levels_and_seeds() -> None:
    model, X = problem()
    wide = bootstrap_parameters(model, X, n_boot=50, level=0.9, random_state=1)
    again = bootstrap_parameters(model, X, n_boot=50, level=0.9, random_state=1, n_jobs=1)
    narrow = bootstrap_parameters(model, X, n_boot=50, level=0.5, random_state=1)
    other = bootstrap_parameters(model, X, n_boot=50, level=0.9, random_state=2)
    for which in ("replicates", "lower", "upper", "standard_errors"):
        for one, two in zip(arrays(wide, which), arrays(again, which), strict=True):
            assert np.array_equal(one, two)
    assert not np.array_equal(wide.replicates.means, other.replicates.means)
    assert (narrow.lower.means > wide.lower.means).all()
    assert (narrow.upper.means < wide.upper.means).all()


@given(st.integers(0, 99), st.integers(1, 5))
def test_components_are_found_again(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    resp = rng.dirichlet(np.full(k, 0.05), 40).T
    resp[:, :k] = np.eye(k)
    orders = np.stack([rng.permutation(k) for _ in range(3)])
    shuffled = np.stack([resp[np.argsort(order)] for order in orders])
    assert np.array_equal(matching(resp, shuffled), orders)


def test_the_order_of_components_changes_nothing_else() -> None:
    model, X = problem()
    mixture = model.mixture_
    turned = Mixture(mixture.weights[::-1], mixture.means[::-1], mixture.covariances[::-1])
    one = bootstrap_parameters(mixture, X, n_boot=20, random_state=0)
    two = bootstrap_parameters(turned, X, n_boot=20, random_state=0)
    for a, b in zip(arrays(one, "replicates"), arrays(two, "replicates"), strict=True):
        np.testing.assert_allclose(a, b[:, ::-1], rtol=1e-6)


def test_weights_are_numbers_of_rows() -> None:
    model, X = problem()
    doubled = bootstrap_parameters(
        model, X, n_boot=500, sample_weight=np.full(100, 4.0), random_state=0
    )
    once = bootstrap_parameters(model, X, n_boot=500, random_state=0)
    ratio = once.standard_errors.means / doubled.standard_errors.means
    np.testing.assert_allclose(ratio, 2.0, rtol=0.15)
    weights = np.array([2.0, 0.5, 0.0])
    rng = np.random.default_rng(0)
    for scheme in (resampled, reweighted):
        drawn = scheme(rng, weights[:2], 4000)
        np.testing.assert_allclose(drawn.mean(axis=0), [2.0, 0.5], rtol=0.25)
    without = bootstrap_parameters(
        model, X, n_boot=20, sample_weight=np.r_[0.0, np.ones(99)], random_state=0
    )
    same = bootstrap_parameters(model, X[1:], n_boot=20, random_state=0)
    assert np.array_equal(without.replicates.means, same.replicates.means)


def test_missing_cells() -> None:
    model, X = problem()
    holes = X.copy()
    holes[::5, 1] = np.nan
    fit = GaussianMixture(2, random_state=0).fit(holes)
    found = bootstrap_parameters(fit, holes, kind="weighted", n_boot=100, random_state=0)
    whole = bootstrap_parameters(model, X, kind="weighted", n_boot=100, random_state=0)
    errors = found.standard_errors.means[np.argsort(fit.means_[:, 0])]
    expected = whole.standard_errors.means[np.argsort(model.means_[:, 0])]
    # A column that is missing in a fifth of the rows, and hardly correlated with the other,
    # tells less: sqrt(1 / 0.8) = 1.12.
    np.testing.assert_allclose(errors[:, 0], expected[:, 0], rtol=0.02)
    assert (errors[:, 1] / expected[:, 1]).mean() == pytest.approx(1.12, abs=0.08)
    assert found.n_collapsed == 0


def test_collapsed_replicates_are_counted() -> None:
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(40, 2)), rng.normal(size=(4, 2)) * 0.1 + 30.0])
    model = GaussianMixture(2, random_state=0).fit(X)
    found = bootstrap_parameters(model, X, n_boot=200, random_state=0)
    assert 0 < found.n_collapsed < 100  # few of four rows were drawn
    assert len(found.replicates.weights) == 200 - found.n_collapsed
    assert f"{found.n_collapsed} left out: a component collapsed" in str(found)
    weighted = bootstrap_parameters(model, X, n_boot=200, kind="weighted", random_state=0)
    assert weighted.n_collapsed < found.n_collapsed
    with pytest.raises(InputError, match="collapsed in 20 of 20 replicates"):
        bootstrap_parameters(
            Mixture([0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]),
            np.r_[np.zeros(9), np.full(9, 9.0)][:, None],
            n_boot=20,
        )


def test_report() -> None:
    model, X = problem()
    text = str(bootstrap_parameters(model, X, n_boot=20, random_state=0))
    assert "weights[0]" in text
    assert "covariances[1, 1, 1]" in text
    assert "0.95 interval" in text
    assert text.endswith("20 replicates")
    mixture = random_mixture(np.random.default_rng(0), "full", 3, 6)
    long = str(bootstrap_parameters(mixture, mixture.sample(400, 0)[0], n_boot=3, random_state=0))
    assert f"and {3 + 18 + 108 - 60} more" in long


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "jackknife"}, "kind='jackknife' is not one of bootstrap, weighted"),
        ({"n_boot": 1}, "at least 2"),
        ({"n_boot": 2.5}, "n_boot=2.5"),
        ({"level": 1.0}, "level=1.0 must be a number between 0 and 1"),
        ({"sample_weight": np.full(100, 0.001)}, "sample_weight sums to 0.1"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict[str, Any], message: str) -> None:
    model, X = problem()
    with pytest.raises(InputError, match=message):
        bootstrap_parameters(model, X, **options)


def test_a_search_stands_for_its_best_model() -> None:
    _, X = problem()
    search = MixtureSearch([1, 2], covariance_types=["VVI"], random_state=0)
    with pytest.raises(NotFittedError):
        bootstrap_parameters(search, X)
    options = {"n_boot": 20, "random_state": 0}
    for each in (search.fit(X), GaussianMixture("auto", covariance_type="VVI").fit(X)):
        best = getattr(each, "best_estimator_", each)
        assert len(best.weights_) == 2
        found, expected = (bootstrap_parameters(m, X, **options) for m in (each, best.mixture_))
        np.testing.assert_array_equal(found.standard_errors.means, expected.standard_errors.means)
    with pytest.raises(InputError, match="prior='conjugate'"):
        bootstrap_parameters(search.set_params(prior="conjugate").fit(X), X)


def test_ridges_are_refused() -> None:
    _, X = problem()
    bootstrap_parameters(GaussianMixture(reg_covar=0.0).fit(X), X, n_boot=2)  # a floor, at most
    with pytest.raises(InputError, match=r"reg_covar=0\.5, and replicates are fitted by maximum"):
        bootstrap_parameters(GaussianMixture(reg_covar=0.5).fit(X), X, n_boot=2)


def test_what_is_rounding_is_shown_as_zero() -> None:
    X = np.array([[-1.0, -1e-3], [0.0, 0.0], [1.0, -1e-3], [0.0, 2e-3]])
    mixture = Mixture([1.0], [[1.5e-64, 1e-8]], [X.var(axis=0)], "diag")
    lines = str(bootstrap_parameters(mixture, X, n_boot=5, random_state=0)).splitlines()
    told = {line.split("]")[0]: line.split()[-4:] for line in lines[1:-2]}
    assert told["weights[0"] == ["1", "0", "1", "1"]
    assert told["means[0, 0"][0] == "0"
    assert told["means[0, 1"][0] == "1e-08"
    assert told["covariances[0, 1"][0] == "1.5e-06"


def test_models_of_another_kind_are_refused() -> None:
    _, X = problem()
    with pytest.raises(InputError, match="model is a int"):
        bootstrap_parameters(3, X)
    with pytest.raises(InputError, match="prior='conjugate'"):
        bootstrap_parameters(GaussianMixture(2, prior="conjugate").fit(X), X)
    with pytest.raises(InputError, match="X has 1 columns"):
        bootstrap_parameters(problem()[0], X[:, :1])


def test_faithful_as_mclust(shared_data: Path) -> None:
    X = np.loadtxt(shared_data / "faithful.csv", delimiter=",", skiprows=1)
    model = GaussianMixture(2, tol=1e-8, random_state=0).fit(X)
    errors = bootstrap_parameters(model, X, random_state=0).standard_errors
    order = np.argsort(-model.means_[:, 0])
    # MclustBootstrap of mclust 6.0.0, nboot = 999; both have about 3 per cent of noise.
    np.testing.assert_allclose(errors.weights, 0.0286, rtol=0.1)
    expected = [[0.0323, 0.4618], [0.0293, 0.6073]]
    np.testing.assert_allclose(errors.means[order], expected, rtol=0.1)
    expected = [[[0.02007, 0.2682], [0.2682, 4.352]], [[0.01442, 0.1683], [0.1683, 4.345]]]
    np.testing.assert_allclose(errors.covariances[order], expected, rtol=0.1)
