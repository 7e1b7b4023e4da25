"""mixtura.algorithms.replicates."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura import GaussianMixture, Mixture
from mixtura.algorithms.replicates import (
    GOAL,
    LONGEST,
    Climbed,
    Stack,
    Tables,
    climb,
    cut,
    drawn,
    enlarged,
    lengths,
    maximised,
    n_chunks,
    responsibilities,
    sums,
)
from problems import FOURTEEN, Array

M, N, K, D = 4, 60, 2, 3


@cache
def tables(seed: int = 0, weighted: bool = False) -> Tables:
    """Return tables of two groups; if ``weighted``, one table under different weights."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(1 if weighted else M, N, D)) * [1.0, 2.0, 0.5]
    rows[:, : N // 3] += [3.5, 0.0, 1.0]
    weights = rng.uniform(0.5, 2.0, size=(M, N)) if weighted else np.ones((M, N))
    return Tables.of(rows, weights, rows.var(axis=(0, 1)))


def halves(data: Tables) -> Array:
    """Return responsibilities (M, 2, N): the first rows to the first component."""
    first = (np.arange(N) < N // 3).astype(float)
    return np.broadcast_to(np.stack([0.9 * first + 0.05, 0.95 - 0.9 * first]), (M, 2, N))


def mixture(models: Stack, number: int) -> Mixture:
    """Return one mixture of a stack."""
    return Mixture(models.weights[number], models.means[number], models.covariances[number])


@pytest.mark.parametrize("weighted", [False, True])
def test_densities_are_those_of_the_mixtures(weighted: bool) -> None:
    data = tables(weighted=weighted)
    models = maximised("VVV", sums(data, halves(data)))
    resp, loglik = responsibilities(data, models)
    for number in range(M):
        rows = data.rows[number % len(data.rows)]
        one = mixture(models, number)
        np.testing.assert_allclose(resp[number].T, one.responsibilities(rows), atol=1e-12)
        assert loglik[number] == pytest.approx(data.weights[number] @ one.log_prob(rows), rel=1e-12)


@pytest.mark.parametrize("name", FOURTEEN)
@pytest.mark.parametrize("weighted", [False, True])
def test_fits_are_those_of_the_estimator(name: str, weighted: bool) -> None:
    data = tables(weighted=weighted)
    start = maximised(name, sums(data, halves(data)))
    found = climb(name, data, start, LONGEST, 1e-7)
    model = GaussianMixture(K, covariance_type=name, init_params=halves(data)[0].T, tol=1e-10)
    for number in range(M):
        rows, weights = data.rows[number % len(data.rows)], data.weights[number]
        model.fit(rows, sample_weight=weights)
        expected = weights @ model.score_samples(rows)
        assert found.loglik[number] == pytest.approx(expected, abs=2e-3)
        one = found.models.subset(np.array([number]))
        again = responsibilities(data.subset(np.array([number])), one)[1][0]
        assert found.loglik[number] == again


@settings(max_examples=20)
@given(st.integers(0, 99), st.sampled_from(FOURTEEN))
def test_no_round_lowers_the_likelihood(seed: int, name: str) -> None:
    data = tables(seed % 5)
    resp = np.random.default_rng(seed).dirichlet([0.3] * 3, size=(M, N)).transpose(0, 2, 1)
    models = maximised(name, sums(data, resp))
    before = np.full(M, -np.inf)
    for n_rounds in (1, 2, 4, 8):
        loglik = climb(name, data, models, n_rounds, 0.0).loglik
        sound = np.isfinite(loglik)
        assert (loglik[sound] >= before[sound] - 1e-8).all()
        before = np.where(sound, loglik, before)


def test_a_component_on_a_point_has_collapsed() -> None:
    data = tables()
    resp = np.full((M, 2, N), [[1.0], [0.0]])
    resp[0, :, 0] = [0.0, 1.0]  # one row of its own
    resp[1:] = halves(data)[1:]
    for name in ("VVV", "VVI", "VII", "VEE", "VEI"):
        start = maximised(name, sums(data, resp))
        found = climb(name, data, start, 3, GOAL)
        assert (np.isfinite(found.loglik) == [False, True, True, True]).all()


def test_steps_beyond_spare_the_rows_of_components() -> None:
    zeroth, before = np.array([[5.0, 5.0], [1.0, 9.0], [5.0, 5.0]]), np.array([[5.1, 4.9]] * 3)
    factor = lengths(np.ones(3), np.array([10.0, 10.0, np.inf]), zeroth, before)
    rate = np.sqrt(10 / 11)
    assert factor[0] == pytest.approx(rate / (1 - rate))
    assert factor[1] == pytest.approx(0.5 * 1.0 / 4.1)  # half of one row
    assert factor[2] == 0.0  # gains do not shrink


def test_cuts_keep_the_rows() -> None:
    data = tables()
    models = maximised("VVV", sums(data, halves(data)))
    resp, _ = responsibilities(data, models)
    for rng in (None, np.random.default_rng(0)):
        parted = cut(data, models, resp, 1, rng)
        np.testing.assert_allclose(parted[:, 1] + parted[:, 2], resp[:, 1])
        assert np.array_equal(parted[:, 0], resp[:, 0])
        assert (np.minimum(parted[:, 1], parted[:, 2]) == 0).all()
        assert (parted[:, 1].any(axis=1) & parted[:, 2].any(axis=1)).all()
    rng = np.random.default_rng(1)
    sizes = [cut(data, models, resp, 1, rng)[:, 2].sum(axis=1) for _ in range(10)]
    shares = np.concatenate(sizes) / np.tile(resp[:, 1].sum(axis=1), 10)
    assert shares.min() < 0.2  # anywhere, not only at the mean
    assert shares.max() > 0.8
    longest = np.linalg.eigh(models.covariances[0, 1])[1][:, -1]
    above = (data.rows[0] - models.means[0, 1]) @ longest > 0
    across = cut(data, models, resp, 1, None)[0, 2] > 0
    assert np.array_equal(above, across) or np.array_equal(above, ~across)


def test_one_more_component_is_found() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(M, N, D))
    rows[:, : N // 3] += 6.0
    data = Tables.of(rows - rows.mean(axis=(0, 1)), np.ones((M, N)), rows.var(axis=(0, 1)))
    one = climb("EEE", data, maximised("EEE", sums(data, np.ones((M, 1, N)))), LONGEST, GOAL)
    two = enlarged("EEE", data, one.models, np.random.default_rng(1), GOAL)
    np.testing.assert_allclose(np.sort(two.models.weights), [[1 / 3, 2 / 3]] * M, atol=0.01)
    assert (two.loglik > one.loglik + 50.0).all()


def test_the_best_of_several() -> None:
    data = tables()
    models = maximised("VVV", sums(data, halves(data)))
    stacks = [Climbed(models.subset(np.arange(M)[::-1]), np.array([1.0, 5.0, 2.0, -np.inf]))]
    stacks.append(Climbed(models, np.array([3.0, 4.0, 2.0, 0.0])))
    first, second = Climbed.best(stacks, 2)
    assert first.loglik.tolist() == [3.0, 5.0, 2.0, 0.0]
    assert second.loglik.tolist() == [1.0, 4.0, 2.0, -np.inf]
    assert np.array_equal(first.models.means[0], models.means[0])
    assert np.array_equal(first.models.means[1], models.means[2])
    assert stacks[0].loglik.tolist() == [1.0, 5.0, 2.0, -np.inf]


def test_draws_are_from_the_mixture() -> None:
    means, covariances = np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([np.eye(2), [[4, 1], [1, 2]]])
    models = Stack.repeated(1, np.array([0.25, 0.75]), means, covariances)
    rows = drawn(models, 3, 20_000, np.random.default_rng(0))
    assert rows.shape == (3, 20_000, 2)
    assert not np.array_equal(rows[0], rows[1])
    second = rows[0][rows[0].sum(axis=1) > 9.0]
    assert len(second) / 20_000 == pytest.approx(0.75, abs=0.02)
    np.testing.assert_allclose(np.cov(second.T), covariances[1], atol=0.15)


def test_chunks_hold_something() -> None:
    assert n_chunks(5, 10**9, 2, 2) == 5
    assert n_chunks(5, 10, 2, 2) == 1
    assert n_chunks(999, 272, 3, 2) > 1
