"""The oracle itself, against SciPy and sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mixtura import Mixture
from mixtura.kernels import reference
from problems import FAMILY_NAMES, assert_close, random_mixture, random_rows


def joint_densities(X: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return weight times density (n, k) by SciPy."""
    k, d = mixture.means.shape
    matrices = mixture.family.full(mixture.covariances, k, d)
    columns = [
        mixture.weights[j] * stats.multivariate_normal(mixture.means[j], matrices[j]).pdf(X)
        for j in range(k)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("d", [2, 3])
def test_densities(name: str, d: int) -> None:
    rng = np.random.default_rng(21)
    mixture, X = random_mixture(rng, name, 3, d), random_rows(rng, 12, 3, d)
    joint = joint_densities(X, mixture)
    np.testing.assert_allclose(reference.log_prob(X, mixture), np.log(joint.sum(axis=1)))
    resp = reference.responsibilities(X, mixture)
    np.testing.assert_allclose(resp, joint / joint.sum(axis=1, keepdims=True), atol=1e-14)
    assert np.array_equal(reference.labels(X, mixture), joint.argmax(axis=1))


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(22)
    mixture, X = random_mixture(rng, name, 3, 2), random_rows(rng, 12, 3, 2)
    weights = rng.uniform(0, 2, 12) if weighted else None
    v = np.ones(12) if weights is None else weights
    joint = joint_densities(X, mixture)
    resp = v[:, None] * joint / joint.sum(axis=1, keepdims=True)
    apart = X[:, None, :] - mixture.means
    scatters = np.einsum("nk,nki,nkj->kij", resp, apart, apart)
    statistics = reference.expect(X, weights, mixture)
    assert_close(statistics.loglik, v @ np.log(joint.sum(axis=1)), 1e-12)
    assert statistics.weight == pytest.approx(v.sum())
    assert_close(statistics.zeroth, resp.sum(axis=0), 1e-12)
    assert_close(statistics.first, np.einsum("nk,nki->ki", resp, apart), 1e-12)
    second = {
        "full": scatters,
        "tied": scatters.sum(axis=0),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": 0.5 * np.trace(scatters, axis1=1, axis2=2),
    }[name]
    assert_close(statistics.second, second, 1e-12)
    assert np.array_equal(statistics.centre, mixture.means)


def test_weight_zero_is_density_zero() -> None:
    mixture = Mixture([0.0, 1.0], [[0.0], [1.0]], [1.0, 1.0], "spherical")
    assert reference.responsibilities([[0.0]], mixture).tolist() == [[0.0, 1.0]]


def test_nearest_is_exact_and_of_equals_the_first() -> None:
    rows = np.array([[0.0], [1e8], [-1e8]])
    assert reference.nearest(rows, [[1.0], [-1.0]]).tolist() == [0, 0, 1]
    close = np.nextafter(1.0, 0.0)  # as squares of doubles the distances would tie
    assert reference.nearest([[1e8]], [[close - 1.0], [0.0], [1.0 - close]]).tolist() == [2]


def test_a_step_of_k_means_by_hand() -> None:
    rows, centres = np.array([[0.0], [1.0], [10.0], [11.0], [99.0]]), [[0.0], [10.0], [50.0]]
    labels, new = reference.kmeans_step(rows, np.array([1.0, 3.0, 1.0, 1.0, 0.0]), centres)
    # The third has none that count, and takes the farther of 1 and 11: the first of equals.
    assert labels.tolist() == [0, 2, 1, 1, 2]
    assert new.ravel().tolist() == [0.0, 10.5, 1.0]
    labels, new = reference.kmeans_step(rows[:2], None, [[0.4], [8.0], [9.0]])
    assert labels.tolist() == [0, 1]
    assert new.ravel().tolist() == [0.0, 1.0, 9.0]
