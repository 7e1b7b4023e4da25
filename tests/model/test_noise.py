"""A mixture beside a uniform density."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.model.noise import NoisyMixture, Uniform
from problems import random_mixture


def test_noisy_mixture_is_the_mixture_and_a_weight() -> None:
    mixture = random_mixture(np.random.default_rng(0), "VEV", 3, 2)
    noisy = NoisyMixture(mixture, 0.25)
    assert isinstance(noisy, Mixture)
    assert noisy.noise_weight == 0.25
    assert noisy.covariance_type == "VEV"
    for name in ("weights", "means", "covariances"):
        assert np.array_equal(getattr(noisy, name), getattr(mixture, name))


def test_density_is_one_over_the_volume_of_what_is_observed() -> None:
    uniform = Uniform(np.log([2.0, 5.0, 0.5]))
    assert uniform.log_volume == pytest.approx(np.log(5.0))
    assert np.exp(uniform.log_density(np.zeros((2, 3)))) == pytest.approx([0.2, 0.2])
    rows = np.array([[0.0, np.nan, 1.0], [np.nan, np.nan, np.nan], [0.0, 0.0, 0.0]])
    assert np.exp(uniform.log_density(rows)) == pytest.approx([1.0, 1.0, 0.2])
