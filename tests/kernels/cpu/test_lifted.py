"""Runs of rows by their observed columns alone; in plain Python, to save compilation."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.kernels.cpu import lifted
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from problems import assert_close, random_covariances, random_mixture

SEEN, LOST = np.array([0, 2, 3]), np.array([1, 4])


def test_inverse_cholesky_factors() -> None:
    matrix = random_covariances(np.random.default_rng(2), "tied", 1, 6)
    factor = np.empty((6, 6))
    log_det = lifted.invert_cholesky.py_func(matrix.copy(), 6, factor)
    assert log_det == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-13)
    assert_close(factor.T @ factor, np.linalg.inv(matrix), 1e-12)
    assert np.array_equal(factor, np.tril(factor))


@pytest.mark.parametrize("name", ["full", "tied"])
def test_marginals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifted, "invert_cholesky", lifted.invert_cholesky.py_func)
    mixture = random_mixture(np.random.default_rng(3), name, 2, 5)
    covariances, log_weights = mixture.covariances.reshape(-1, 5, 5), np.log(mixture.weights)
    centre, factor, offsets = np.empty((2, 3)), np.empty((2, 3, 3)), np.empty(2)
    lifted.marginal.py_func(mixture.means, covariances, log_weights, SEEN, centre, factor, offsets)
    assert np.array_equal(centre, mixture.means[:, SEEN])
    marginal: Mixture = mixture.marginal(SEEN)
    joint = offsets - 0.5 * np.sum((factor @ (0.3 - centre)[:, :, None]) ** 2, axis=(1, 2))
    wanted = marginal.log_prob(np.full((1, 3), 0.3))[0]
    assert np.logaddexp.reduce(joint) == pytest.approx(wanted, rel=1e-13)


def test_what_is_missing_given_the_rest() -> None:
    mixture = random_mixture(np.random.default_rng(4), "full", 1, 5)
    covariance, factor = mixture.covariances[0], np.empty((3, 3))
    lifted.invert_cholesky.py_func(covariance[np.ix_(SEEN, SEEN)], 3, factor)
    maps, rest = np.full((2, 3), np.nan), np.zeros((2, 2))
    lifted.conditional.py_func(covariance, factor, SEEN, LOST, maps, rest)
    row = np.array([0.5, -1.0, 2.0])
    given = mixture.condition(dict(zip(SEEN.tolist(), row, strict=True)))
    expected = mixture.means[0, LOST] + maps @ (row - mixture.means[0, SEEN])
    assert_close(expected, given.means[0], 1e-13)
    assert_close(rest, np.tril(given.covariances[0]), 1e-13)


def test_moments_are_lifted() -> None:
    rng = np.random.default_rng(5)
    maps, rest, rows = rng.normal(size=(2, 3)), random_covariances(rng, "tied", 1, 2), rng.random(7)
    apart = rng.normal(size=(7, 3))
    whole = np.zeros((7, 5))
    whole[:, SEEN], whole[:, LOST] = apart, apart @ maps.T
    first, second = np.ones(5), np.zeros((5, 5))
    lifted.lift_first.py_func(maps, SEEN, LOST, rows @ apart, first)
    assert_close(first, 1.0 + rows @ whole, 1e-14)
    own = np.tril((apart * rows[:, None]).T @ apart)
    lifted.lift_second.py_func(maps, rest, SEEN, LOST, 2.5, own, second)
    wanted = (whole * rows[:, None]).T @ whole
    wanted[np.ix_(LOST, LOST)] += 2.5 * rest
    assert_close(second, np.tril(wanted), 1e-13)


def test_tiles_of_some_columns() -> None:
    X, x, weight = np.arange(20.0).reshape(4, 5), np.empty(3 * ROWS), np.empty(ROWS)
    lifted.load_columns.py_func(X, 1, 3, SEEN, x)
    assert x[[0, 1, ROWS, 3 * ROWS - 1]].tolist() == [5.0, 10.0, 7.0, 13.0]
    lifted.weigh_rows.py_func(np.arange(4.0), 1, 3, weight)
    assert weight[:3].tolist() == [1.0, 2.0, 0.0]
    lifted.weigh_rows.py_func(np.empty(0), 1, 3, weight)
    assert weight[:3].tolist() == [1.0, 1.0, 0.0]
    assert not weight[2:].any()
