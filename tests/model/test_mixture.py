"""The mixture record."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mixtura import InputError, Mixture
from problems import FAMILY_NAMES, random_mixture, random_rows, with_holes


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_log_prob_and_responsibilities(name: str) -> None:
    rng = np.random.default_rng(7)
    mixture, X = random_mixture(rng, name, 3, 2), random_rows(rng, 30, 3, 2)
    matrices = mixture.family.full(mixture.covariances, 3, 2)
    joint = np.stack(
        [
            weight * stats.multivariate_normal(mean, matrix).pdf(X)
            for weight, mean, matrix in zip(mixture.weights, mixture.means, matrices, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(mixture.log_prob(X), np.log(joint.sum(axis=1)))
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixture.responsibilities(X), expected, atol=1e-14)


def test_many_rows_go_through_in_blocks() -> None:
    mixture = random_mixture(np.random.default_rng(8), "full", 4, 3)
    X = random_rows(np.random.default_rng(8), 20_000, 4, 3)
    some = [0, 9_999, 19_999]
    np.testing.assert_array_equal(mixture.log_prob(X)[some], mixture.log_prob(X[some]))
    expected = mixture.responsibilities(X[some])
    np.testing.assert_allclose(mixture.responsibilities(X)[some], expected, rtol=1e-13)


def test_far_rows_belong_to_someone() -> None:
    mixture = Mixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], "spherical")
    assert mixture.responsibilities([[1e8], [-1e8]]).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    np.testing.assert_allclose(mixture.log_prob([[1e8]]), -0.5e16, rtol=1e-7)


@pytest.mark.parametrize(
    ("name", "n"),
    # k - 1 weights, k d means, and of covariances k d (d + 1) / 2, d (d + 1) / 2, k d and k
    [
        ("full", 2 + 12 + 30),
        ("tied", 2 + 12 + 10),
        ("diag", 2 + 12 + 12),
        ("spherical", 2 + 12 + 3),
    ],
)
def test_criteria(name: str, n: int) -> None:
    rng = np.random.default_rng(9)
    mixture, X = random_mixture(rng, name, 3, 4), random_rows(rng, 50, 3, 4)
    loglik = mixture.log_prob(X).sum()
    assert mixture.n_parameters() == n
    assert mixture.bic(X) == pytest.approx(n * np.log(50) - 2 * loglik)
    assert mixture.aic(X) == pytest.approx(2 * n - 2 * loglik)


def test_shape() -> None:
    mixture = Mixture(np.full(3, 1 / 3), np.zeros((3, 2)), np.ones(3), "spherical")
    assert (mixture.n_components, mixture.n_features) == (3, 2)
    assert mixture.family.name == mixture.covariance_type == "spherical"


def test_it_cannot_be_reassigned() -> None:
    mixture = Mixture([1.0], [[0.0]], [1.0], "spherical")
    with pytest.raises(dataclasses.FrozenInstanceError):
        mixture.weights = np.ones(1)  # type: ignore[misc]


def test_full_is_the_default_and_lists_will_do() -> None:
    mixture = Mixture([1], [[0, 0]], [[[2, 0], [0, 2]]])
    assert mixture.covariance_type == "full"
    assert {getattr(mixture, n).dtype for n in ("weights", "means", "covariances")} == {
        np.dtype(np.float64)
    }


ONE = {"weights": [1.0], "means": [[0.0, 0.0]], "covariances": [[[1.0, 0.0], [0.0, 1.0]]]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": [0.5, 0.5]}, r"weights has shape \(2,\); 1 means need \(1,\)"),
        ({"weights": [0.9]}, r"weights sum to 0.9; they must sum to 1"),
        ({"weights": [np.nan]}, r"weights\[0\] is nan; every entry must be finite"),
        ({"means": [0.0, 0.0]}, r"means has shape \(2,\); it must be \(n_components, n_features\)"),
        ({"means": [[]]}, r"means has shape \(1, 0\)"),
        ({"means": [[0.0, np.inf]]}, r"means\[0, 1\] is inf"),
        ({"means": [["a", "b"]]}, r"means must be an array of numbers"),
        ({"covariances": np.eye(2)}, r"covariances has shape \(2, 2\); .*needs \(1, 2, 2\)"),
        ({"covariances": [[[1.0, 2.0], [3.0, 1.0]]]}, r"differs from its mirror image"),
        (
            {"covariance_type": "round"},
            r"covariance_type='round' is not one of full, tied",
        ),
        ({"covariance_type": None}, r"covariance_type=None is not one of"),
    ],
)
def test_complaints_name_the_parameter(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Mixture(**{**ONE, **change})


def test_negative_weights_are_named() -> None:
    with pytest.raises(InputError, match=r"weights\[1\] is -0.5; none may be negative"):
        Mixture([1.5, -0.5], [[0.0], [1.0]], [1.0, 1.0], "spherical")


@pytest.mark.parametrize("method", ["log_prob", "responsibilities", "bic"])
@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[0.0]], r"X has shape \(1, 1\); this mixture needs \(n_samples, 2\)"),
        ([0.0, 0.0], r"X has shape \(2,\)"),
        ([[0.0, np.inf]], r"X\[0, 1\] is inf"),
    ],
)
def test_rows_are_checked(method: str, X: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        getattr(Mixture(**ONE), method)(X)


@pytest.mark.parametrize(
    ("covariances", "name", "words"),
    [
        (
            [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]],
            "full",
            r"covariances\[1\] is not positive definite",
        ),
        ([[1.0, 1.0], [1.0, 1.0]], "tied", r"the tied covariance.*not positive definite"),
        ([[1.0, 1.0], [0.0, 1.0]], "diag", r"covariances\[1\] has a variance that is not positive"),
        ([1.0, -1.0], "spherical", r"covariances\[1\] has a variance that is not positive"),
    ],
)
def test_singular_covariances_are_named_when_used(covariances: Any, name: str, words: str) -> None:
    mixture = Mixture([0.5, 0.5], np.zeros((2, 2)), covariances, name)
    with pytest.raises(InputError, match=words + r".*reg_covar"):
        mixture.log_prob([[0.0, 0.0]])


def test_the_caller_keeps_its_arrays() -> None:
    weights, means = np.array([0.5, 0.5]), np.zeros((2, 1))
    mixture = Mixture(weights, means, np.ones(2), "spherical")
    mixture.log_prob([[1.0]])
    assert (weights.tolist(), means.tolist()) == ([0.5, 0.5], [[0.0], [0.0]])


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_rows_with_missing_cells(name: str) -> None:
    rng = np.random.default_rng(10)
    mixture, X = random_mixture(rng, name, 3, 3), random_rows(rng, 40, 3, 3)
    X = with_holes(rng, X, 0.4)
    X[5] = np.nan
    log_prob, resp = mixture.log_prob(X), mixture.responsibilities(X)
    for row, density, shares in zip(X, log_prob, resp, strict=True):
        seen = np.flatnonzero(~np.isnan(row))
        if len(seen) == 0:
            assert density == pytest.approx(0.0, abs=1e-15)
            np.testing.assert_allclose(shares, mixture.weights, rtol=1e-14)
            continue
        marginal = mixture.marginal(seen)
        assert density == pytest.approx(marginal.log_prob(row[None, seen])[0], rel=1e-12)
        np.testing.assert_allclose(
            shares, marginal.responsibilities(row[None, seen])[0], atol=1e-13
        )
    n_parameters = mixture.n_parameters()
    told = np.count_nonzero(~np.isnan(X).all(axis=1))
    assert told < 40
    assert mixture.bic(X) == pytest.approx(n_parameters * np.log(told) - 2 * log_prob.sum())


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_marginals_are_densities_of_fewer_columns(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(11), name, 2, 3)
    marginal = mixture.marginal([2, 0])
    assert (marginal.n_features, marginal.covariance_type) == (2, name)
    assert np.array_equal(marginal.weights, mixture.weights)
    assert np.array_equal(marginal.means, mixture.means[:, [2, 0]])
    # The joint density summed over the missing column is the marginal one.
    grid = np.linspace(-15, 15, 3001)
    rows = np.c_[np.full(3001, 0.3), grid, np.full(3001, -0.7)]
    total = np.exp(mixture.log_prob(rows)).sum() * 0.01
    assert marginal.log_prob([[-0.7, 0.3]])[0] == pytest.approx(np.log(total), abs=1e-6)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_mean_of_a_conditional_mixture_is_regression(name: str) -> None:
    rng = np.random.default_rng(12)
    mixture = random_mixture(rng, name, 2, 3, spread=1.0)
    given = mixture.condition({1: 0.4})
    rows = mixture.sample(400_000, rng)[0]
    near = np.abs(rows[:, 1] - 0.4) < 0.05
    regression = rows[near][:, [0, 2]].mean(axis=0)
    np.testing.assert_allclose(given.weights @ given.means, regression, atol=0.04)
    assert given.covariance_type == name


def test_a_conditional_mixture_by_hand() -> None:
    covariances = [[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]]]
    mixture = Mixture([0.5, 0.5], [[0.0, 0.0], [4.0, 4.0]], covariances)
    given = mixture.condition({0: 2.0})
    densities = np.array([stats.norm(0, np.sqrt(2)).pdf(2), stats.norm(4, 1).pdf(2)])
    np.testing.assert_allclose(given.weights, densities / densities.sum(), rtol=1e-13)
    np.testing.assert_allclose(given.means, [[1.0], [4.0]], rtol=1e-14)
    np.testing.assert_allclose(given.covariances, [[[2.5]], [[1.0]]], rtol=1e-14)
    assert np.isfinite(mixture.condition({0: 1e9}).means).all()
    assert mixture.condition({}) is mixture
    swapped = mixture.condition({np.int64(1): 2.0})
    np.testing.assert_allclose(swapped.means[0], [2.0 / 3.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([], "columns is empty: keep at least one"),
        ([2], "columns holds 2; columns are 0 to 1"),
        ([-1], "columns holds -1; columns are 0 to 1"),
        ([0, 0], "columns holds a column twice"),
        ([True, False], "columns must hold numbers of columns, from 0 to 1"),
        (["a"], "columns must hold numbers of columns"),
        (0, "columns must hold numbers of columns"),
    ],
)
def test_columns_to_keep_are_checked(columns: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Mixture(**ONE).marginal(columns)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({0: 1.0, 1: 1.0}, "known holds every column: leave at least one"),
        ({2: 1.0}, "known holds 2; columns are 0 to 1"),
        ({"a": 1.0}, "known must hold numbers of columns"),
        ({0: np.nan}, r"known\[0\] is nan"),
        ({0: "x"}, r"known\[0\] must be an array of numbers"),
    ],
)
def test_known_values_are_checked(known: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Mixture(**ONE).condition(known)
