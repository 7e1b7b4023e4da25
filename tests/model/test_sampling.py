"""Draws from a mixture."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError, Mixture
from mixtura.model.sampling import generator
from problems import FAMILY_NAMES, random_mixture


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_moments_of_the_draws(name: str) -> None:
    # Bounds are 6 standard errors of a mean or of a variance of 4e4 normal draws.
    rng = np.random.default_rng(2)
    mixture = random_mixture(rng, name, 2, 3)
    X, labels = mixture.sample(80_000, 0)
    matrices = mixture.family.full(mixture.covariances, 2, 3)
    for j in range(2):
        rows = X[labels == j]
        assert abs(len(rows) / 80_000 - mixture.weights[j]) < 6 * np.sqrt(0.25 / 80_000)
        deviations = np.sqrt(np.diag(matrices[j]))
        error = (rows.mean(axis=0) - mixture.means[j]) / deviations * np.sqrt(len(rows))
        assert np.abs(error).max() < 6
        relative = (np.cov(rows.T) - matrices[j]) / deviations / deviations[:, None]
        assert np.abs(relative).max() < 6 * np.sqrt(2 / len(rows))


def test_rows_are_grouped_and_counted() -> None:
    mixture = Mixture([0.2, 0.0, 0.8], [[-100.0], [0.0], [100.0]], np.ones(3), "spherical")
    X, labels = mixture.sample(50, 1)
    assert X.shape == (50, 1)
    assert (np.diff(labels) >= 0).all()
    assert set(labels) == {0, 2}
    assert ((X[:, 0] > 0) == (labels == 2)).all()


def test_the_same_seed_gives_the_same_rows() -> None:
    mixture = random_mixture(np.random.default_rng(3), "full", 2, 2)
    assert np.array_equal(mixture.sample(5, 7)[0], mixture.sample(5, 7)[0])
    assert not np.array_equal(mixture.sample(5, 7)[0], mixture.sample(5, 8)[0])


def test_a_generator_moves_on() -> None:
    mixture, rng = random_mixture(np.random.default_rng(3), "full", 2, 2), np.random.default_rng(0)
    assert not np.array_equal(mixture.sample(5, rng)[0], mixture.sample(5, rng)[0])


def test_sources_of_randomness() -> None:
    given = np.random.default_rng(0)
    assert generator(given) is given
    legacy = [generator(np.random.RandomState(0)).random() for _ in range(2)]
    assert legacy[0] == legacy[1]
    state = np.random.RandomState(0)
    assert generator(state).random() != generator(state).random()
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("seed", ["a", -1, 1.5])
def test_what_is_no_seed_is_named(seed: object) -> None:
    with pytest.raises(InputError, match=r"random_state=.* is no seed"):
        generator(seed)  # type: ignore[arg-type]


def test_no_rows() -> None:
    X, labels = random_mixture(np.random.default_rng(0), "diag", 2, 3).sample(0, 0)
    assert (X.shape, labels.shape) == ((0, 3), (0,))


@pytest.mark.parametrize("n", [-1, 1.5, "3", None])
def test_number_of_rows_is_checked(n: object) -> None:
    with pytest.raises(InputError, match=r"must be a whole number of at least 0"):
        random_mixture(np.random.default_rng(0), "diag", 2, 3).sample(n)  # type: ignore[arg-type]
