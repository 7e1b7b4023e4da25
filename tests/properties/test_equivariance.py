"""A change of units or of the origin changes the fit only as it must."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.datasets import load_iris

from mixtura import GaussianMixture, Mixture, m_step, run_em
from problems import FAMILY_NAMES, assert_close, random_rows
from strategies import families, n_features, seeds

K = 3


def groups(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and a grouping to start from that is right for most of them."""
    labels = rng.integers(K, size=40 * K)
    labels[:K] = np.arange(K)
    means = 3.0 * rng.normal(size=(K, d))
    roots = np.eye(d) + 0.4 * rng.normal(size=(K, d, d)) / np.sqrt(d)
    X = means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(40 * K, d)))
    wrong = rng.random(40 * K) < 0.1
    return X, np.where(wrong, rng.integers(K, size=40 * K), labels)


def change(rng: np.random.Generator, name: str, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix and a shift that the family's fits move with."""
    rotation = ortho_group.rvs(d, random_state=rng) if d > 1 else np.array([[-1.0]])
    scales = 10.0 ** rng.uniform(-2, 2, size=d)
    matrix = {
        "full": rotation * scales @ (ortho_group.rvs(d, random_state=rng) if d > 1 else rotation),
        "tied": rotation * scales,
        "diag": np.diag(scales),
        "spherical": scales[0] * rotation,
    }[name]
    return matrix, 10.0 * rng.normal(size=d)


def moved(mixture: Mixture, matrix: np.ndarray, shift: np.ndarray) -> Mixture:
    """Return the mixture of the changed rows."""
    name, d = mixture.covariance_type, mixture.n_features
    covariances = {
        "full": lambda c: matrix @ c @ matrix.T,
        "tied": lambda c: matrix @ c @ matrix.T,
        "diag": lambda c: c * np.diag(matrix) ** 2,
        "spherical": lambda c: c * np.abs(np.linalg.det(matrix)) ** (2 / d),
    }[name](mixture.covariances)
    if name in ("full", "tied"):
        covariances = 0.5 * (covariances + np.swapaxes(covariances, -1, -2))
    return Mixture(mixture.weights, mixture.means @ matrix.T + shift, covariances, name)


def assert_equal_fits(actual: Mixture, expected: Mixture, rtol: float) -> None:
    """Fail unless mixtures agree in units of the components' standard deviations."""
    k, d = expected.means.shape
    deviations = np.sqrt(
        np.einsum("kii->ki", expected.family.full(expected.covariances, k, d))
    ).max(axis=0)
    assert_close(actual.weights, expected.weights, rtol)
    assert_close((actual.means - expected.means) / deviations + 1.0, np.ones((k, d)), rtol)
    units = deviations * deviations[:, None]
    matrices = [m.family.full(m.covariances, k, d) / units for m in (actual, expected)]
    assert_close(matrices[0], matrices[1], rtol)


def assert_equal_traces(actual: np.ndarray, expected: np.ndarray) -> None:
    """Fail unless traces agree; at a fixed point, rounding decides which ends first."""
    n = min(len(actual), len(expected))
    np.testing.assert_allclose(actual[:n], expected[:n], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(actual[-1], expected[-1], rtol=1e-9, atol=1e-6)


@given(name=families, d=n_features, seed=seeds)
@settings(max_examples=40)
def test_em_without_regularisation(name: str, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, labels = groups(rng, d)
    matrix, shift = change(rng, name, d)
    results = [
        run_em(rows, m_step(rows, np.eye(K)[labels], name), tol=0, max_iter=10)
        for rows in (X, X @ matrix.T + shift)
    ]
    assert_equal_fits(results[1].mixture, moved(results[0].mixture, matrix, shift), 1e-6)
    volume = len(X) * np.linalg.slogdet(matrix)[1]
    assert_equal_traces(results[1].log_likelihoods, results[0].log_likelihoods - volume)


@given(name=families, d=n_features, seed=seeds)
@settings(max_examples=40)
def test_fits_with_the_default_floor(name: str, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, labels = groups(rng, d)
    matrix, shift = change(rng, name, d)
    fits = [
        GaussianMixture(K, covariance_type=name, init_params=labels, tol=1e-3).fit(rows)
        for rows in (X, X @ matrix.T + shift)
    ]
    if fits[0].collapsed_.any():
        return
    assert_equal_fits(fits[1].mixture_, moved(fits[0].mixture_, matrix, shift), 1e-6)


@given(name=st.sampled_from(["full", "tied"]), d=n_features, seed=seeds)
@settings(max_examples=25)
def test_default_fits_find_the_same_groups_after_any_linear_change(
    name: str, d: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(40 * K) % K)
    means = 12.0 * (np.eye(K, d) if d > 1 else np.arange(K)[:, None])
    X = means[labels] + rng.normal(size=(40 * K, d))
    matrix, shift = change(rng, "full", d)
    moved_rows = X @ matrix.T + shift
    fits = [
        GaussianMixture(K, covariance_type=name, random_state=0).fit(rows)
        for rows in (X, moved_rows)
    ]
    assert len(set(zip(fits[0].predict(X), fits[1].predict(moved_rows), strict=True))) == K
    volume = np.linalg.slogdet(matrix)[1]
    np.testing.assert_allclose(fits[1].score(moved_rows), fits[0].score(X) - volume, atol=1e-4)


def rounded(X: np.ndarray) -> np.ndarray:
    """Return rows whose numbers keep all their digits at an offset of 1e8."""
    return np.round(X * 2.0**20) / 2.0**20


TABLES = {
    "groups": lambda: random_rows(np.random.default_rng(1), 300, 3, 3, spread=4.0),
    "overlap": lambda: random_rows(np.random.default_rng(2), 300, 3, 3, spread=1.5),
    "iris": lambda: load_iris().data,
}


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_extreme_units_and_origins(name: str, table: str, engine: str) -> None:
    """Shifts of 1e8, scales of 1e-8 and 1e8: same labels, and parameters to 1e-6."""
    X = np.round(TABLES[table]() * 64) / 64  # numbers that an offset of 1e8 leaves as they are
    d = X.shape[1]
    mixed = np.array([1e-8, 1.0, 1e8, 1.0])[:d]
    changes: list[tuple[Any, float]] = [
        (np.ones(d), 1e8),
        (np.full(d, 1e-8), 0.0),
        (np.full(d, 1e8), 0.0),
    ]
    if name != "spherical":  # which is bound to the columns' common unit
        changes.append((mixed, 0.0))

    def fit(rows: np.ndarray) -> GaussianMixture:
        return GaussianMixture(3, covariance_type=name, random_state=0, engine=engine).fit(rows)

    plain = fit(X)
    for scales, shift in changes:
        other = fit(X * scales + shift)
        assert np.array_equal(other.predict(X * scales + shift), plain.predict(X))
        back = moved(other.mixture_, np.diag(1 / scales), -shift / scales)
        assert_equal_fits(back, plain.mixture_, 1e-6)


@given(name=families, d=n_features, seed=seeds, offset=st.sampled_from([-1e6, 1e6]))
@settings(max_examples=30)
def test_an_offset_changes_nothing_beyond_rounding(
    name: str, d: int, seed: int, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    X, labels = groups(rng, d)
    X = rounded(X)
    start = m_step(X, np.eye(K)[labels], name)
    shifted = m_step(X + offset, np.eye(K)[labels], name)
    assert_close(shifted.covariances, start.covariances, 1e-9)
    here, there = (
        run_em(rows, begin, tol=0, max_iter=5)
        for rows, begin in ((X, start), (X + offset, shifted))
    )
    assert_equal_fits(moved(there.mixture, np.eye(d), np.full(d, -offset)), here.mixture, 1e-7)
    assert_equal_traces(there.log_likelihoods, here.log_likelihoods)
