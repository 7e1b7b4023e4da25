"""Whole passes: tiles that are full, short or alone, and each output by itself."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels import cpu
from problems import FAMILY_NAMES, assert_same_statistics, random_mixture, random_rows


@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 255, 256, 257, 400])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_tiles_add_up(name: str, n: int) -> None:
    rng = np.random.default_rng(n)
    mixture, X, v = random_mixture(rng, name, 3, 3), random_rows(rng, n, 3, 3), rng.random(n)
    for weights in (None, v):
        parts = [
            cpu.expect(X[i : i + 1], None if weights is None else weights[i : i + 1], mixture)
            for i in range(n)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        assert_same_statistics(cpu.expect(X, weights, mixture), total, 1e-11)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_rows_are_described_one_by_one(name: str) -> None:
    rng = np.random.default_rng(27)
    mixture, X = random_mixture(rng, name, 3, 3), random_rows(rng, 300, 3, 3)
    log_prob, resp = cpu.log_prob(X, mixture), cpu.responsibilities(X, mixture)
    labels = cpu.labels(X, mixture)
    for i in (0, 127, 128, 299):
        row = X[i : i + 1]
        np.testing.assert_allclose(cpu.log_prob(row, mixture), log_prob[i : i + 1], rtol=1e-13)
        np.testing.assert_allclose(cpu.responsibilities(row, mixture)[0], resp[i], atol=1e-14)
        assert cpu.labels(row, mixture)[0] == labels[i]
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    assert np.array_equal(resp.argmax(axis=1), labels)
    assert (log_prob.dtype, resp.dtype, labels.dtype) == (np.float64, np.float64, np.int64)


def test_weights_of_one_tile_do_not_reach_the_next() -> None:
    mixture = random_mixture(np.random.default_rng(28), "spherical", 2, 2)
    X = random_rows(np.random.default_rng(28), 130, 2, 2)
    weights = np.zeros(130)
    weights[129] = 2.0
    expected = cpu.expect(X[129:], weights[129:], mixture)
    assert_same_statistics(cpu.expect(X, weights, mixture), expected, 1e-14)


def test_no_rows_have_no_statistics() -> None:
    mixture = random_mixture(np.random.default_rng(29), "full", 2, 3)
    statistics = cpu.expect(np.empty((0, 3)), None, mixture)
    assert (statistics.loglik, statistics.weight) == (0.0, 0.0)
    assert not statistics.zeroth.any()
    assert not statistics.second.any()
