"""Moments of tiles, for every way in which columns are taken two or four at a time."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels import cpu
from problems import FAMILY_NAMES, assert_close, random_mixture, random_rows


@pytest.mark.parametrize("scatter", [True, False])
@pytest.mark.parametrize("d", range(1, 14))
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_equation_4(name: str, d: int, scatter: bool) -> None:
    rng = np.random.default_rng(100 + d)
    mixture, X = random_mixture(rng, name, 2, d), random_rows(rng, 130, 2, d)
    v = rng.random(130)
    statistics = cpu.expect(X, v, mixture, scatter)
    weighted = v[:, None] * mixture.responsibilities(X)
    apart = X[:, None, :] - mixture.means
    scatters = np.einsum("nk,nki,nkj->kij", weighted, apart, apart)
    assert_close(statistics.zeroth, weighted.sum(axis=0), 1e-12)
    assert_close(statistics.first, np.einsum("nk,nki->ki", weighted, apart), 1e-11)
    second = {
        "full": scatters,
        "tied": scatters.sum(axis=0) if scatter else np.zeros((d, d)),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": np.trace(scatters, axis1=1, axis2=2) / d,
    }[name]
    assert_close(statistics.second, second, 1e-11)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_matrices_are_exactly_symmetric(name: str) -> None:
    rng = np.random.default_rng(25)
    mixture, X = random_mixture(rng, name, 2, 7), random_rows(rng, 200, 2, 7)
    second = cpu.expect(X, None, mixture).second
    assert np.array_equal(second, np.swapaxes(second, -1, -2))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_moments_are_about_the_means(name: str) -> None:
    # Far from the origin, raw moments would lose every digit of these.
    rng = np.random.default_rng(26)
    X = np.round(random_rows(rng, 200, 1, 3), 3) + 2.0**30
    mean = X.mean(axis=0)
    mixture = random_mixture(rng, name, 1, 3)
    mixture = type(mixture)([1.0], mean[None], mixture.covariances, name)
    statistics = cpu.expect(X, None, mixture)
    assert np.abs(statistics.first).max() < 1e-3
    scatter = (X - mean).T @ (X - mean)
    actual = mixture.family.full(statistics.second, 1, 3)[0]
    assert_close(np.trace(actual), np.trace(scatter), 1e-6)
