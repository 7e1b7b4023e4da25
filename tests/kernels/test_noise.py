"""Kernels with noise against sums over rows, written out (equations 57 and 58)."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels import Kernels, choose, reference
from mixtura.kernels.noise import NOISE, NoisyKernels
from mixtura.model.noise import NoisyMixture, Uniform
from problems import (
    FAMILY_NAMES,
    RESTRICTED_NAMES,
    assert_close,
    random_mixture,
    random_rows,
    with_holes,
)

UNIFORM = Uniform(np.log([6.0, 8.0, 7.0]))


def setting(name: str, share: float, *, holes: bool = False) -> tuple[np.ndarray, NoisyMixture]:
    """Return rows and a mixture with noise."""
    rng = np.random.default_rng(1)
    X = random_rows(rng, 60, 2, 3)
    return (with_holes(rng, X, 0.3) if holes else X), NoisyMixture(
        random_mixture(rng, name, 2, 3), share
    )


def noisy(engine: str, X: np.ndarray) -> NoisyKernels:
    """Return the kernels of an engine with noise."""
    kernels: Kernels = choose(engine, X, 0.0, bool(np.isnan(X).any()))
    return NoisyKernels(kernels, UNIFORM)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("holes", [False, True])
def test_densities_and_responsibilities_add_up(engine: str, holes: bool) -> None:
    X, mixture = setting("full", 0.3, holes=holes)
    kernels = noisy(engine, X)
    parts = np.exp(mixture.log_prob(X)) * 0.7, 0.3 * np.exp(UNIFORM.log_density(X))
    assert_close(kernels.log_prob(X, mixture), np.log(sum(parts)), 1e-12)
    resp = kernels.responsibilities(X, mixture)
    assert_close(resp[:, -1], parts[1] / sum(parts), 1e-11)
    assert_close(resp.sum(axis=1), np.ones(60), 1e-14)
    assert_close(resp[:, :2], mixture.responsibilities(X) * (1 - resp[:, -1:]), 1e-12)
    labels = kernels.labels(X, mixture)
    assert set(labels) == {NOISE, 0, 1}
    assert np.array_equal(labels == NOISE, resp[:, -1] > resp[:, :2].max(axis=1))
    assert kernels.allows_missing == holes
    assert kernels.compiled == (engine == "numba")


@pytest.mark.parametrize("name", FAMILY_NAMES + RESTRICTED_NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_are_those_of_rows_weighted_by_what_is_no_noise(
    name: str, weighted: bool
) -> None:
    X, mixture = setting(name, 0.4)
    weights = np.random.default_rng(2).exponential(size=60) if weighted else None
    kernels = noisy("numpy", X)
    rest = 1.0 - kernels.responsibilities(X, mixture)[:, -1]
    own = np.ones(60) if weights is None else weights
    actual = kernels.expect(X, weights, mixture)
    expected = reference.expect(X, own * rest, mixture)
    for field in ("zeroth", "first", "second"):
        assert_close(getattr(actual, field), getattr(expected, field), 1e-11, field)
    assert actual.weight == pytest.approx(own.sum())
    assert actual.loglik == pytest.approx(own @ kernels.log_prob(X, mixture))
    assert actual.weight - actual.zeroth.sum() == pytest.approx(own @ (1.0 - rest))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing(share: float) -> None:
    X, mixture = setting("diag", share)
    kernels = noisy("numpy", X)
    expected = UNIFORM.log_density(X) if share else mixture.log_prob(X)
    assert_close(kernels.log_prob(X, mixture), expected, 1e-13)
    assert np.array_equal(kernels.responsibilities(X, mixture)[:, -1], np.full(60, share))
