"""Longer steps where EM crawls (docs/guide, equation 12)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura import Mixture
from mixtura.algorithms.acceleration import (
    PLAIN_STEPS,
    Path,
    accelerated_step,
    attempt,
    coarse,
    extrapolated,
    plain_step,
)
from mixtura.algorithms.em import EM
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.starts import start_by
from mixtura.algorithms.stopping import Stopping, StoppingRule
from problems import (
    FAMILY_NAMES,
    assert_close,
    assert_same_mixture,
    problem,
    random_mixture,
    random_rows,
)
from strategies import families, seeds

NEVER = StoppingRule(Stopping.MEAN, 0.0)


def crawling(name: str) -> tuple[EM, Mixture]:
    """Return a problem of overlapping groups on which EM is slow, and a start."""
    rng = np.random.default_rng(120)
    X = random_rows(rng, 400, 2, 2, spread=1.0)
    em = problem(X, 2, name)
    return replace(em, floor=relative_floor(em)), random_mixture(rng, name, 2, 2, spread=1.0)


def begin(em: EM, start: Mixture) -> tuple[Path, float]:
    """Return the state before the first step."""
    statistics = em.expect(start)
    return Path(start, statistics), statistics.loglik


@pytest.mark.parametrize("factor", [1.0, 1.7, 3.3, 12.0, 48.0])
def test_the_length_of_a_step_does_not_hang_on_the_last_digits_of_gains(factor: float) -> None:
    assert coarse(factor) == coarse(factor * (1.0 + 1e-8))
    assert coarse(factor) == pytest.approx(factor, rel=1.0 / 32.0)
    assert coarse(1.05 * factor) != coarse(factor)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_plain_step_is_ems_own(name: str) -> None:
    em, start = crawling(name)
    path, _ = begin(em, start)
    new, value = plain_step(em, path)
    (mixture, statistics), expected = em.step((start, path.statistics))
    assert value == expected == statistics.loglik
    assert_same_mixture(new.mixture, mixture, 0.0)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("factor", [0.0, 0.7, 40.0])
def test_extrapolation_leads_from_one_mixture_past_the_other(name: str, factor: float) -> None:
    rng = np.random.default_rng(121)
    before = random_mixture(rng, name, 3, 2)
    now = Mixture(
        [0.2, 0.3, 0.5], before.means + 0.01, before.covariances * 1.01, before.covariance_type
    )
    beyond = extrapolated(before, now, factor)
    assert_close(beyond.means, now.means + factor * 0.01, 1e-12)
    beyond.log_prob(np.zeros((1, 2)))  # positive definite
    if factor == 0.0:
        assert_same_mixture(beyond, now, 1e-12)
    scale = np.log(beyond.covariances.ravel()[0] / now.covariances.ravel()[0])
    assert scale == pytest.approx(factor * np.log(1.01), rel=1e-9, abs=1e-12)
    ratios = np.log(beyond.weights / now.weights) - factor * np.log(now.weights / before.weights)
    assert np.ptp(ratios) < 1e-10  # one factor normalises them


def test_a_component_of_weight_zero_stays_there() -> None:
    covariances = np.ones(2)
    nothing = Mixture([0.0, 1.0], [[0.0], [1.0]], covariances, "spherical")
    assert extrapolated(nothing, nothing, 40.0).weights[0] < 1e-300


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_steps_are_ems_own_until_there_is_a_direction(name: str) -> None:
    em, start = crawling(name)
    plain, accelerated = begin(em, start)[0], begin(em, start)[0]
    for _ in range(PLAIN_STEPS):
        plain, value = plain_step(em, plain)
        accelerated, same = accelerated_step(em, accelerated)
        assert value == same
    assert len(accelerated.behind) == PLAIN_STEPS


def test_an_attempt_that_does_not_pay_is_not_taken() -> None:
    em, start = crawling("full")
    path, _ = begin(em, start)
    for _ in range(PLAIN_STEPS):
        path, value = accelerated_step(em, path)
    quick = replace(path, behind=((path.mixture, value - 1.0), (path.mixture, value - 1e-9)))
    assert attempt(em, quick) is None  # gains that shrink a billionfold
    resting = replace(path, behind=((path.mixture, value), (path.mixture, value)))
    assert attempt(em, resting) is None


@given(name=families, seed=seeds, k=st.integers(1, 4), d=st.integers(1, 4))
@settings(max_examples=60)
def test_no_step_descends(name: str, seed: int, k: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 30 + 10 * k * d, k, d, spread=rng.uniform(0.3, 3.0))
    em = problem(X, k, name)
    em = replace(em, floor=relative_floor(em))
    path, value = begin(em, em.feasible(random_mixture(rng, name, k, d)))
    values = [value]
    for _ in range(60):
        path, value = accelerated_step(em, path)
        values.append(value)
        assert value == path.statistics.loglik
    assert np.isfinite(values).all()
    # A component on the floor has a covariance of condition 1e8, which costs digits.
    assert (np.diff(values) >= -1e-9 * np.maximum(np.abs(values[1:]), len(X))).all()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_optimum_is_the_same_and_nearer(name: str) -> None:
    em, start = crawling(name)
    far = em.run(start, StoppingRule(Stopping.TOTAL, 1e-10), 50_000)
    quick = em.run(start, StoppingRule(Stopping.TOTAL, 1e-10), 50_000, accelerate=True)
    best = max(far.log_likelihoods[-1], quick.log_likelihoods[-1])

    def updates_to(trace: np.ndarray) -> int:
        return int(np.argmax(trace >= best - 1e-4))

    assert quick.log_likelihoods[-1] >= far.log_likelihoods[-1] - 1e-4
    if far.n_iter > 100:
        assert updates_to(quick.log_likelihoods) < updates_to(far.log_likelihoods)


def test_numbers_that_grow_out_of_range_are_no_step() -> None:
    # Means run off and variances with them: extrapolated, their logarithms overflow.
    X = np.array([[-1e20], [0.0], [0.0]])
    em = problem(X, 2, "full", reseed=True)
    em = replace(em, floor=relative_floor(em))
    starts = (start_by("random", em, 2, np.random.default_rng(seed)) for seed in range(50))
    for start in starts:
        result = em.run(start, NEVER, 100, accelerate=True)
        assert np.isfinite(result.log_likelihoods).all()
