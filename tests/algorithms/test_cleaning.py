"""Rows that lie apart (equation 60)."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.algorithms.cleaning import (
    NEIGHBOURS,
    in_sparser_process,
    loneliest,
    neighbour_volumes,
)


def table(n: int, stray: int, seed: int = 0) -> np.ndarray:
    """Return rows of a dense square followed by stray rows of a wide one."""
    rng = np.random.default_rng(seed)
    return np.vstack([rng.uniform(0, 1, (n, 2)), rng.uniform(-20, 20, (stray, 2))])


def test_volumes_are_those_up_to_a_neighbour() -> None:
    X = table(40, 0)
    distances = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    expected = 2 * np.log(np.sort(distances, axis=1)[:, NEIGHBOURS])
    assert neighbour_volumes(X, np.ones(40)) == pytest.approx(expected)


def test_weights_are_repeats_and_have_no_unit() -> None:
    X, rng = table(40, 0), np.random.default_rng(1)
    weights = rng.integers(1, 4, 40)
    weights[0] = 1
    repeated = neighbour_volumes(np.repeat(X, weights, axis=0), np.ones(weights.sum()))
    weighted = neighbour_volumes(X, 7.0 * weights)
    assert repeated == pytest.approx(np.repeat(weighted, weights))


def test_few_rows_have_fewer_neighbours() -> None:
    assert neighbour_volumes(np.zeros((1, 2)), np.ones(1)).tolist() == [0.0]
    volumes = neighbour_volumes(np.array([[0.0], [1.0], [3.0]]), np.ones(3))
    assert np.exp(volumes) == pytest.approx([3.0, 2.0, 3.0])


@pytest.mark.parametrize("stray", [15, 150, 600])
def test_sparser_process_is_found(stray: int) -> None:
    X = table(300, stray)
    lonely = in_sparser_process(neighbour_volumes(X, np.ones(len(X))), np.ones(len(X)))
    assert lonely[:300].mean() < 0.04
    assert lonely[300:].mean() > 0.95


def test_rates_are_a_fixed_point_of_em() -> None:
    """Rows of gamma distributions whose means differ a hundredfold fall apart into them."""
    rng = np.random.default_rng(3)
    u = np.concatenate([rng.gamma(NEIGHBOURS, 1.0, 400), rng.gamma(NEIGHBOURS, 100.0, 100)])
    lonely = in_sparser_process(np.log(u), np.ones(500))
    assert np.array_equal(lonely, np.arange(500) >= 400)
    weights = np.r_[np.full(400, 0.01), np.ones(100)]
    assert np.array_equal(in_sparser_process(np.log(u), weights), lonely)


@pytest.mark.parametrize(
    "volumes", [np.full(5, -np.inf), np.zeros(5), np.array([-3e3, -2e3, -2e3, 0.0])]
)
def test_volumes_that_tell_nothing_mark_nobody(volumes: np.ndarray) -> None:
    assert not in_sparser_process(volumes, np.ones(len(volumes))).all()


def test_loneliest_are_a_share_of_the_weight() -> None:
    volumes = np.array([0.0, 3.0, 1.0, 2.0])
    assert loneliest(volumes, np.ones(4), 0.5).tolist() == [False, True, False, True]
    assert loneliest(volumes, np.array([1.0, 2.0, 1.0, 1.0]), 0.5).sum() == 1
