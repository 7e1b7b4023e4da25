"""EM with noise: every step, the box (equation 59), and rows that lie apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mixtura import InputError
from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.loop import Ended
from mixtura.algorithms.noise import NoisyEM, box_around, stray_rows
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.kernels.noise import NoisyKernels
from mixtura.model import Mixture
from mixtura.model.noise import NoisyMixture
from problems import (
    FAMILY_NAMES,
    RESTRICTED_NAMES,
    assert_close,
    problem,
    random_mixture,
    random_rows,
    with_holes,
)
from strategies import n_components, seeds


def with_noise(em: EM) -> NoisyEM:
    """Return the steps of EM with noise, with the floor of the table where there is one."""
    floor = None if em.family.restricted else relative_floor(em)
    kernels = NoisyKernels(em.kernels, box_around(em.source, em.kernels))
    return NoisyEM(em.source, kernels, em.family, em.total, floor)


@given(
    name=st.sampled_from(FAMILY_NAMES + RESTRICTED_NAMES),
    k=n_components,
    d=st.integers(1, 4),
    seed=seeds,
    holes=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=80)
def test_every_step_ascends(
    name: str, k: int, d: int, seed: int, holes: bool, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = 30 + 10 * k * d
    X = np.vstack([random_rows(rng, n, k, d), rng.uniform(-9, 9, (n // 3, d))])
    X = with_holes(rng, X, 0.2) if holes else X
    weights = rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.9) if weighted else None
    em = with_noise(problem(X, k, name, weights))
    mixture: Mixture = em.feasible(NoisyMixture(random_mixture(rng, name, k, d), 0.3))
    values = []
    try:
        for _ in range(20):
            statistics = em.expect(mixture)
            values.append(statistics.loglik)
            mixture = em.maximise(statistics, mixture)
            assert isinstance(mixture, NoisyMixture)
            assert 0.0 <= mixture.noise_weight <= 1.0
    except SingularCovarianceError:
        assume(not em.family.restricted)  # without a floor, a component may collapse
        raise
    allowed = 1e-11 * np.maximum(np.abs(values[1:]), em.source.weight)
    assert (np.diff(values) >= -allowed).all()


def test_noise_weight_is_what_the_components_leave() -> None:
    """Equation 58."""
    X = random_rows(np.random.default_rng(3), 90, 2, 2)
    em = with_noise(problem(X, 2, "tied"))
    start = NoisyMixture(random_mixture(np.random.default_rng(4), "tied", 2, 2), 0.2)
    new = em.maximise(em.expect(start), start)
    assert isinstance(new, NoisyMixture)
    noise = em.kernels.responsibilities(X, start)[:, -1]
    assert new.noise_weight == pytest.approx(noise.mean())
    assert new.weights.sum() == pytest.approx(1.0)


def test_a_run_in_which_all_rows_are_noise_ends() -> None:
    em = with_noise(problem(random_rows(np.random.default_rng(3), 90, 1, 2), 1, "full"))
    far = NoisyMixture(Mixture([1.0], [[1e9, 1e9]], np.eye(2)[None]), 0.2)
    with pytest.raises(Ended):
        em.maximise(em.expect(far), far)


@given(seed=seeds, k=st.integers(1, 3), factor=st.floats(0.0, 50.0))
@settings(max_examples=20)
def test_longer_steps_lead_to_mixtures_with_noise(seed: int, k: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    em = with_noise(problem(random_rows(rng, 60, k, 2), k, "full"))
    start = em.feasible(NoisyMixture(random_mixture(rng, "full", k, 2), rng.uniform(0.0, 1.0)))
    new = em.maximise(em.expect(start), start)
    stayed, led = em.beyond(start, new, 0.0), em.beyond(start, new, factor)
    assert isinstance(start, NoisyMixture)
    assert isinstance(new, NoisyMixture)
    assert isinstance(stayed, NoisyMixture)
    assert isinstance(led, NoisyMixture)
    assert stayed.noise_weight == pytest.approx(new.noise_weight)
    assert 0.0 <= led.noise_weight <= 1.0
    if factor > 0.1 and start.noise_weight != new.noise_weight:
        onwards = np.sign(new.noise_weight - start.noise_weight)
        assert onwards * (led.noise_weight - new.noise_weight) >= 0.0


def test_longer_steps_take_fewer_and_ascend() -> None:
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 1.5])
    em = with_noise(problem(np.vstack([X, rng.uniform(-6, 8, (200, 2))]), 2, "full"))
    start = NoisyMixture(Mixture([0.5, 0.5], X[[0, 400]], np.array([np.eye(2)] * 2)), 0.3)
    rule = StoppingRule(Stopping.REMAINING, 1e-6, em.source.weight)
    plain, longer = (em.run(start, rule, 2000, accelerate=each) for each in (False, True))
    assert plain.converged
    assert longer.converged
    assert longer.n_iter < 0.7 * plain.n_iter
    assert longer.log_likelihoods[-1] == pytest.approx(plain.log_likelihoods[-1], abs=0.01)
    assert (np.diff(longer.log_likelihoods) >= -1e-9).all()


def test_floor_keeps_the_noise() -> None:
    em = with_noise(problem(random_rows(np.random.default_rng(3), 90, 1, 2), 1, "full"))
    start = NoisyMixture(Mixture([1.0], [[0.0, 0.0]], 1e-30 * np.eye(2)[None]), 0.2)
    lifted = em.feasible(start)
    assert isinstance(lifted, NoisyMixture)
    assert lifted.noise_weight == 0.2
    assert lifted.covariances[0, 0, 0] > 1e-12


def test_box_is_the_smaller_one() -> None:
    rng = np.random.default_rng(5)
    square = rng.uniform(0, 1, (400, 2)) * [2.0, 5.0]
    sides = np.ptp(square, axis=0)
    em = problem(square, 1, "diag")
    assert box_around(em.source, em.kernels).log_extents == pytest.approx(np.log(sides))
    diagonal = rng.uniform(-1, 1, (400, 2)) * [10.0, 0.1] @ [[0.6, 0.8], [-0.8, 0.6]]
    em = problem(diagonal, 1, "diag")
    axes = np.linalg.eigh(np.cov(diagonal.T))[1]
    volume = np.prod(np.ptp(diagonal @ axes, axis=0))
    box = box_around(em.source, em.kernels)
    assert np.exp(box.log_volume) == pytest.approx(volume)
    assert volume < 0.2 * np.prod(np.ptp(diagonal, axis=0))


def test_box_of_incomplete_or_flat_tables_lies_along_the_columns() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(200, 2)) @ [[1.0, 1.0], [0.0, 0.1]]
    holes = with_holes(rng, X, 0.2)
    flat = np.c_[X[:, 0], 2.0 * X[:, 0]]
    for table in (holes, flat):
        em = problem(table, 1, "full")
        sides = np.nanmax(table, axis=0) - np.nanmin(table, axis=0)
        assert_close(box_around(em.source, em.kernels).log_extents, np.log(sides), 1e-12)


def test_rows_of_no_weight_are_not_in_the_box() -> None:
    X = np.vstack([np.random.default_rng(5).uniform(0, 1, (100, 2)), [[50.0, 50.0]]])
    em = problem(X, 1, "full", np.r_[np.ones(100), 0.0])
    assert box_around(em.source, em.kernels).log_volume < 0.0


def test_constant_column_is_named() -> None:
    em = problem(np.c_[np.arange(9.0), np.ones(9)], 1, "full")
    with pytest.raises(InputError, match="column 1 of X does not vary"):
        box_around(em.source, em.kernels)


@pytest.mark.parametrize("holes", [False, True])
def test_stray_rows_do_not_depend_on_units(holes: bool) -> None:
    rng = np.random.default_rng(6)
    X = np.vstack([rng.normal(size=(300, 2)), rng.uniform(-30, 30, (30, 2))])
    X = with_holes(rng, X, 0.02) if holes else X
    scale = np.array([1e6, 1e-6])
    found = [
        stray_rows(problem(table, 2, "full"), table, np.ones(330), [None, 0.1])
        for table in (X, X * scale)
    ]
    for first, second in zip(*found, strict=True):
        assert np.array_equal(first, second)
    assert found[0][1].sum() == 33
    assert found[0][0][300:].mean() > 0.9
