"""The mixture record."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mixtura import InputError, Mixture
from problems import FAMILY_NAMES, random_mixture, random_rows


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
        ({"covariance_type": "round"}, r"covariance_type='round' is not one of diag, full, sph"),
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
