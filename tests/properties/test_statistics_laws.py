"""Statistics are a commutative monoid that stands for the rows (docs/guide, equation 4)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura import Mixture
from mixtura.kernels import array_api
from mixtura.model import Statistics, maximise
from problems import assert_close, assert_same_statistics, random_mixture, random_rows
from strategies import families, n_components, n_features, seeds

ROWS = 60


def table(seed: int, k: int, d: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Return rows, row weights with zeros among them, and a generator."""
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=ROWS) * (rng.random(ROWS) < 0.8)
    return random_rows(rng, ROWS, k, d), weights, rng


def shuffled(mixture: Mixture, order: np.ndarray) -> Mixture:
    """Return a mixture with its components in another order."""
    own = mixture.covariance_type != "tied"
    covariances = mixture.covariances[order] if own else mixture.covariances
    name = mixture.covariance_type
    return Mixture(mixture.weights[order], mixture.means[order], covariances, name)


@given(name=families, k=n_components, d=n_features, seed=seeds, parts=st.integers(1, 6))
@settings(max_examples=60)
def test_the_whole_is_the_sum_of_its_parts_in_any_order(
    name: str, k: int, d: int, seed: int, parts: int
) -> None:
    X, weights, rng = table(seed, k, d)
    mixture = random_mixture(rng, name, k, d)
    whole = array_api.expect(X, weights, mixture)
    rows = rng.permutation(ROWS)
    cuts = np.sort(rng.integers(0, ROWS + 1, size=parts - 1))
    total = Statistics.zeros(mixture.family, mixture.means)
    for piece in np.split(rows, cuts):
        if len(piece):
            total = total + array_api.expect(X[piece], weights[piece], mixture)
    assert_same_statistics(total, whole, 1e-11)


@given(name=families, k=n_components, d=n_features, seed=seeds)
@settings(max_examples=60)
def test_addition_is_associative_and_commutative(name: str, k: int, d: int, seed: int) -> None:
    X, weights, rng = table(seed, k, d)
    mixture = random_mixture(rng, name, k, d)
    a, b, c = (
        array_api.expect(X[i::3], weights[i::3], mixture).recentred(rng.normal(size=(k, d)))
        for i in range(3)
    )
    assert_same_statistics((a + b) + c, a + (b + c), 1e-10)
    assert_same_statistics((a + b).recentred(c.centre), (b + a).recentred(c.centre), 1e-10)
    here = b.recentred(a.centre)  # about the same points, it commutes to the bit
    assert_same_statistics(a + here, here + a, 0.0)


@given(name=families, k=n_components, d=n_features, seed=seeds, far=st.sampled_from([1.0, 1e4]))
@settings(max_examples=60)
def test_recentring_is_exact_and_undone(name: str, k: int, d: int, seed: int, far: float) -> None:
    X, weights, rng = table(seed, k, d)
    resp, centre = rng.dirichlet(np.ones(k), size=ROWS), rng.normal(size=(k, d))
    family = random_mixture(rng, name, k, d).family
    here = array_api.moments(X, resp, weights, centre, family)
    elsewhere = centre + far * rng.normal(size=(k, d))
    there = array_api.moments(X, resp, weights, elsewhere, family)
    for part in ("zeroth", "first", "second", "centre"):
        assert_close(getattr(here.recentred(elsewhere), part), getattr(there, part), 1e-11, part)
        back = getattr(here.recentred(elsewhere).recentred(centre), part)
        assert_close(back, getattr(here, part), 1e-12 * max(1.0, far**2), part)


@given(name=families, k=n_components, d=n_features, seed=seeds, factor=st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_scaling_is_scaling_the_weights(
    name: str, k: int, d: int, seed: int, factor: float
) -> None:
    X, weights, rng = table(seed, k, d)
    mixture = random_mixture(rng, name, k, d)
    scaled = array_api.expect(X, weights, mixture).scaled(factor)
    assert_same_statistics(array_api.expect(X, factor * weights, mixture), scaled, 1e-12)


@given(name=families, k=n_components, d=n_features, seed=seeds)
@settings(max_examples=40)
def test_weights_are_repeats_and_zeros_are_absence(name: str, k: int, d: int, seed: int) -> None:
    X, _, rng = table(seed, k, d)
    mixture, counts = random_mixture(rng, name, k, d), rng.integers(0, 4, size=ROWS)
    weighted = array_api.expect(X, counts.astype(float), mixture)
    repeated = array_api.expect(np.repeat(X, counts, axis=0), None, mixture)
    assert_same_statistics(weighted, repeated, 1e-11)
    X[counts == 0] = 1e8 * rng.normal(size=(int(np.sum(counts == 0)), d))
    assert_same_statistics(array_api.expect(X, counts.astype(float), mixture), weighted, 1e-13)


@given(name=families, k=n_components, d=n_features, seed=seeds)
@settings(max_examples=40)
def test_components_have_no_order(name: str, k: int, d: int, seed: int) -> None:
    X, weights, rng = table(seed, k, d)
    mixture, order = random_mixture(rng, name, k, d), rng.permutation(k)
    plain = array_api.expect(X, weights, mixture)
    permuted = array_api.expect(X, weights, shuffled(mixture, order))
    assert_close(permuted.loglik, plain.loglik, 1e-12)
    assert_close(permuted.zeroth, plain.zeroth[order], 1e-11)
    expected = shuffled(maximise(plain), order)
    assert_close(maximise(permuted).means, expected.means, 1e-10)
    assert_close(maximise(permuted).covariances, expected.covariances, 1e-10)


@given(name=families, k=n_components, d=n_features, seed=seeds, spread=st.floats(0.0, 100.0))
@settings(max_examples=40)
def test_responsibilities_are_proportions(
    name: str, k: int, d: int, seed: int, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    mixture, X = random_mixture(rng, name, k, d, spread), random_rows(rng, ROWS, k, d, spread)
    resp = mixture.responsibilities(X)
    assert (resp >= 0).all()
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-13)
    statistics = array_api.expect(X, None, mixture)
    np.testing.assert_allclose(statistics.zeroth.sum(), ROWS, rtol=1e-13)
