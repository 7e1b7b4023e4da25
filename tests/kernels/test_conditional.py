"""What missing cells are given the observed ones, against conditional mixtures row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.kernels import conditional, incomplete
from problems import FAMILY_NAMES, random_mixture

K, D = 3, 5


def with_holes(rng: np.random.Generator, X: Any, share: float = 0.4) -> Any:
    """Return rows with holes: one row without any, one with nothing but holes."""
    hidden = rng.random(X.shape) < share
    hidden[0], hidden[1] = False, True
    return np.where(hidden, np.nan, X).astype(X.dtype)


def given(row: Any, mixture: Mixture) -> Mixture:
    """Return the mixture of a row's missing cells."""
    return mixture.condition({int(j): row[j] for j in np.flatnonzero(~np.isnan(row))})


def moments(mixture: Mixture) -> tuple[Any, Any]:
    """Return the mean (d,) and the covariance matrix (d, d) of a mixture."""
    k, d = mixture.means.shape
    mean = mixture.weights @ mixture.means
    apart = mixture.means - mean
    each = mixture.family.full(mixture.covariances, k, d)
    within = np.tensordot(mixture.weights, each, 1)
    return mean, within + (mixture.weights * apart.T) @ apart


@pytest.fixture(params=FAMILY_NAMES)
def mixture(request: pytest.FixtureRequest) -> Mixture:
    return random_mixture(np.random.default_rng(3), request.param, K, D)


@pytest.mark.parametrize("step", [1, 10**6])
def test_means_and_deviations_are_those_of_the_conditional_mixture(
    mixture: Mixture, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incomplete, "BLOCK_DOUBLES", step * K * D * D)  # parts of one row, or all
    rng = np.random.default_rng(5)
    X = with_holes(rng, mixture.sample(30, rng)[0])
    filled, deviations = conditional.expected_with_deviations(X, mixture)
    np.testing.assert_array_equal(conditional.expected(X, mixture), filled)
    for row, values, spread in zip(X, filled, deviations, strict=True):
        missing = np.isnan(row)
        np.testing.assert_array_equal(values[~missing], row[~missing])
        assert (spread[~missing] == 0).all()
        if missing.any():
            mean, covariance = moments(given(row, mixture))
            np.testing.assert_allclose(values[missing], mean, rtol=1e-10)
            np.testing.assert_allclose(spread[missing] ** 2, np.diag(covariance), rtol=1e-9)


def test_draws_have_the_moments_of_the_conditional_mixture(mixture: Mixture) -> None:
    n, rng = 40_000, np.random.default_rng(7)
    row = np.where([True, False, True, False, False], np.nan, mixture.sample(1, rng)[0][0])
    for one in (row, np.full(D, np.nan)):
        missing = np.isnan(one)
        X = np.repeat(one[None], n, axis=0)
        drawn = conditional.drawn(X, mixture, rng.random(n), rng.standard_normal((n, D)))
        np.testing.assert_array_equal(drawn[:, ~missing], X[:, ~missing])
        mean, covariance = moments(given(one, mixture))
        apart = (drawn[:, missing] - mean) / np.sqrt(np.diag(covariance))
        roots = np.sqrt(np.diag(covariance))
        assert np.abs(apart.mean(axis=0)).max() < 5 / np.sqrt(n)
        correlation = covariance / roots / roots[:, None]
        np.testing.assert_allclose(apart.T @ apart / n, correlation, atol=0.05)


def test_draws_do_not_depend_on_the_rows_beside_them(mixture: Mixture) -> None:
    rng = np.random.default_rng(11)
    X = with_holes(rng, mixture.sample(40, rng)[0])
    uniform, normal = rng.random(40), rng.standard_normal((40, D))
    whole = conditional.drawn(X, mixture, uniform, normal)
    chosen = rng.permutation(40)[:17]
    part = conditional.drawn(X[chosen], mixture, uniform[chosen], normal[chosen])
    np.testing.assert_allclose(part, whole[chosen], rtol=1e-12, atol=1e-12)


def test_a_component_without_weight_is_never_drawn() -> None:
    mixture = Mixture([0.0, 1.0, 0.0], [[-9.0], [0.0], [9.0]], np.full((3, 1, 1), 1e-6))
    X = np.full((3, 1), np.nan)
    uniform = np.array([0.0, 0.5, np.nextafter(1.0, 0.0)])
    drawn = conditional.drawn(X, mixture, uniform, np.zeros((3, 1)))
    np.testing.assert_array_equal(drawn, np.zeros((3, 1)))


def test_single_precision_and_distance_from_the_origin(mixture: Mixture) -> None:
    rng = np.random.default_rng(13)
    X = with_holes(rng, mixture.sample(30, rng)[0])
    single = conditional.expected(X.astype(np.float32), mixture)
    assert single.dtype == np.float32
    near = conditional.expected(X, mixture)
    np.testing.assert_allclose(single, near, rtol=1e-4, atol=1e-4)
    far = Mixture(
        mixture.weights, mixture.means + 1e8, mixture.covariances, mixture.covariance_type
    )
    np.testing.assert_allclose(conditional.expected(X + 1e8, far) - 1e8, near, atol=1e-5)


def test_no_rows(mixture: Mixture) -> None:
    empty = np.empty((0, D))
    assert conditional.expected(empty, mixture).shape == (0, D)
    assert conditional.drawn(empty, mixture, np.empty(0), empty).shape == (0, D)
