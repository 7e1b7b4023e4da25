"""Where fits with noise start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, InputError
from mixtura.estimators import fitting, noise_fit
from mixtura.estimators.noise_mixture import NoiseMixture
from problems import problem

RNG = np.random.default_rng(0)
#: A group, and 20 far rows.
X = np.vstack([RNG.normal(size=(180, 2)), RNG.uniform(-1e4, 1e4, (20, 2))])


def cleaned(noise: Any, weights: np.ndarray | None = None, k: int = 1) -> list[tuple[int, float]]:
    """Return how many rows are left and how much is noise, for each start."""
    em = problem(X, 1, "full", weights)
    found = noise_fit.without_noise(NoiseMixture(k, noise=noise), em, X, weights, RNG)
    return [(clean.source.n_rows, share) for clean, share in found]


def test_starts_are_without_noise() -> None:
    (by_themselves, share), (rest, few) = cleaned("auto")
    assert share == pytest.approx(1.0 - by_themselves / 200)
    assert abs(by_themselves - 180) < 15
    assert (rest, few) == (190, pytest.approx(0.05))
    assert cleaned(0.3) == [(140, pytest.approx(0.3))]
    assert cleaned(np.arange(200) >= 180) == [(180, pytest.approx(0.1))]
    weights = np.r_[np.ones(180), np.zeros(20)]
    assert cleaned(np.arange(200) >= 170, weights) == [(170, pytest.approx(1 / 18))]


def test_where_too_few_rows_are_left_all_are() -> None:
    assert cleaned(0.999, k=2) == [(200, pytest.approx(1 / 201))]
    with pytest.raises(InputError, match="noise leaves 0 rows"):
        cleaned(np.ones(200, dtype=bool))


def test_large_tables_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_fit, "SAMPLE_ROWS", 100)
    em = fitting.problem(GaussianMixture(), X, None)
    (clean, share), *_ = noise_fit.without_noise(NoiseMixture(noise=0.1), em, X, None, RNG)
    assert (clean.source.n_rows, share) == (90, pytest.approx(0.1))


def test_scale_is_that_of_the_rows_without_noise() -> None:
    em, uniform, starts = noise_fit.problem_with_noise(
        NoiseMixture(2, n_init=3, random_state=0), fitting.problem(GaussianMixture(2), X, None), X
    )
    assert em.floor is not None
    assert np.asarray(em.floor.matrix).max() < 1e-6
    assert uniform.log_volume > np.log(1e8)
    assert len(starts) == 6


@pytest.mark.parametrize("noise", [np.zeros(3, dtype=bool), np.zeros(200), [[True]]])
def test_marks_that_do_not_fit_are_refused(noise: Any) -> None:
    with pytest.raises(InputError, match="give true or false for each of the 200 rows"):
        noise_fit.marked(noise, 200)
