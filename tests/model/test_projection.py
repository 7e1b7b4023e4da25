from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.model.projection import Projection, principal, separating, total_moments
from problems import random_covariances

RNG = np.random.default_rng(3)


def random_mixture(covariance_type: str = "full", k: int = 4, d: int = 5) -> Mixture:
    weights = RNG.dirichlet(np.full(k, 5.0))
    means = 3.0 * RNG.normal(size=(k, d))
    return Mixture(weights, means, random_covariances(RNG, covariance_type, k, d), covariance_type)


def separation(mixture: Mixture, direction: np.ndarray) -> float:
    """Return the quotient that equation 65 makes stationary, term by term."""
    w = mixture.weights
    sigmas = mixture.family.full(mixture.covariances, *mixture.means.shape)
    mean = sum(w[j] * mixture.means[j] for j in range(len(w)))
    between = sum(
        w[j] * np.outer(mixture.means[j] - mean, mixture.means[j] - mean) for j in range(len(w))
    )
    within = sum(w[j] * sigmas[j] for j in range(len(w)))
    inverse = np.linalg.inv(between + within)
    kernel = between @ inverse @ between
    for j in range(len(w)):
        kernel = kernel + w[j] * (sigmas[j] - within) @ inverse @ (sigmas[j] - within)
    return float(direction @ kernel @ direction / (direction @ (between + within) @ direction))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VVE"])
def test_directions_separate_best(covariance_type: str) -> None:
    mixture = random_mixture(covariance_type)
    found = separating(mixture, 5)
    assert found is not None
    parts = [separation(mixture, direction) for direction in found.directions.T]
    np.testing.assert_allclose(found.parts, np.array(parts) / sum(parts), rtol=1e-9, atol=1e-12)
    assert (np.diff(parts) <= 1e-12).all()
    others = max(separation(mixture, RNG.normal(size=5)) for _ in range(200))
    assert parts[0] >= others


def test_coordinates_have_variance_one_and_no_correlation() -> None:
    mixture = random_mixture()
    found = separating(mixture, 3)
    assert found is not None
    projected = found.project_mixture(mixture)
    centre, within, between = total_moments(projected)
    np.testing.assert_allclose(centre, 0.0, atol=1e-12)
    np.testing.assert_allclose(within + between, np.eye(3), atol=1e-10)


def test_projected_mixture_is_that_of_projected_rows() -> None:
    mixture = random_mixture(k=2, d=3)
    projected = principal(mixture).project_mixture(mixture)
    rows, _ = mixture.sample(200_000, 0)
    points = principal(mixture).project(rows)
    _, within, between = total_moments(projected)
    np.testing.assert_allclose(np.cov(points.T), within + between, atol=0.03)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.02)


def test_equal_covariances_leave_the_discriminants() -> None:
    """With one covariance, two components differ along one direction only."""
    mixture = Mixture(
        [0.4, 0.6], [[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]], np.diag([1.0, 4.0, 9.0]), "tied"
    )
    found = separating(mixture)
    assert found is not None
    np.testing.assert_allclose(found.parts, [1.0, 0.0], atol=1e-12)
    fisher = np.array([1.0, 2.0 / 4.0, 0.0])
    direction = found.directions[:, 0]
    np.testing.assert_allclose(
        np.abs(direction @ fisher) / np.linalg.norm(direction) / np.linalg.norm(fisher), 1.0
    )


def test_units_of_columns_change_nothing() -> None:
    mixture = random_mixture()
    scale = np.array([1e-8, 1.0, 1e8, 1e3, 1e-3])
    other = Mixture(
        mixture.weights,
        (mixture.means + 100.0) * scale,
        mixture.covariances * np.outer(scale, scale),
    )
    for way in (separating, principal):
        one, two = way(mixture), way(other)
        assert one is not None
        assert two is not None
        np.testing.assert_allclose(one.parts, two.parts, rtol=1e-6)
        np.testing.assert_allclose(one.loadings, two.loadings, atol=1e-6)
        np.testing.assert_allclose(one.project(mixture.means), two.project(other.means), atol=1e-5)


def test_components_that_do_not_differ_have_no_direction() -> None:
    assert separating(Mixture([1.0], [[1.0, 2.0]], [np.diag([1.0, 3.0])])) is None
    twice = Mixture([0.5, 0.5], [[1.0, 2.0]] * 2, np.eye(2), "tied")
    assert separating(twice) is None


def test_principal_axes_are_those_of_the_correlations() -> None:
    mixture = random_mixture()
    _, within, between = total_moments(mixture)
    total = within + between
    scale = np.sqrt(np.diagonal(total))
    values, vectors = np.linalg.eigh(total / np.outer(scale, scale))
    found: Projection = principal(mixture)
    np.testing.assert_allclose(found.parts, values[::-1][:2] / 5.0)
    np.testing.assert_allclose(np.abs(found.loadings), np.abs(vectors[:, ::-1][:, :2]), atol=1e-12)
    assert (found.loadings[np.abs(found.loadings).argmax(axis=0), [0, 1]] > 0).all()
