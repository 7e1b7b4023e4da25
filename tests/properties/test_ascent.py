"""EM never descends and ends where the gradient is zero; broken M-steps are found out.

The loop refuses a step that loses, so these tests take the steps themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mixtura import InputError, Mixture
from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.loop import Ended
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.total import covariance_of
from mixtura.model import ConjugatePrior, CovarianceFloor, Statistics, maximise
from mixtura.model.density import log_joint
from problems import (
    FAMILY_NAMES,
    RESTRICTED_NAMES,
    problem,
    random_covariances,
    random_mixture,
    random_rows,
    with_holes,
)
from strategies import families, n_components, n_features, seeds

#: Derivatives of the log-likelihood per unit of weight that count as zero.
FLAT = 1e-7

MStep = Callable[[EM, Statistics, Mixture], Mixture]


def sound(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Take the M-step as it is."""
    return em.maximise(statistics, previous)


def ascent(em: EM, start: Mixture, n: int, m_step: MStep = sound) -> list[tuple[Mixture, float]]:
    """Return the mixture and its log-likelihood at the start and after each of n updates."""
    mixture = em.feasible(start)
    statistics = em.expect(mixture)
    path = [(mixture, statistics.loglik)]
    for _ in range(n):
        mixture = m_step(em, statistics, mixture)
        statistics = em.expect(mixture)
        path.append((mixture, statistics.loglik))
    return path


def assert_never_descends(path: list[tuple[Mixture, float]], weight: float) -> None:
    """Fail unless every single step keeps the log-likelihood, up to rounding."""
    values = np.array([value for _, value in path])
    assert np.isfinite(values).all()
    allowed = 1e-11 * np.maximum(np.abs(values[1:]), weight)
    assert (np.diff(values) >= -allowed).all()


@given(
    name=families,
    k=n_components,
    d=n_features,
    seed=seeds,
    spread=st.floats(0.3, 5.0),
    floor=st.sampled_from(["none", "relative", "high"]),
    weighted=st.booleans(),
)
@settings(max_examples=120)
def test_every_step_ascends(
    name: str, k: int, d: int, seed: int, spread: float, floor: str, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 30 + 10 * k * d, k, d, spread)
    weights = rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.9) if weighted else None
    em = problem(X, k, name, weights)
    if floor != "none":
        high = CovarianceFloor.isotropic(0.5, d)
        em = replace(em, floor=high if floor == "high" else relative_floor(em))
    start = random_mixture(rng, name, k, d, spread)
    try:
        path = ascent(em, start, 40)
    except InputError:
        assume(floor != "none")  # without a floor, a component may collapse
        raise
    assert_never_descends(path, em.source.weight)
    if floor == "high":
        matrices = path[-1][0].family.full(path[-1][0].covariances, k, d)
        assert np.linalg.eigvalsh(matrices).min() >= 0.5 * (1 - 1e-9)


@given(
    name=st.sampled_from(RESTRICTED_NAMES),
    k=n_components,
    d=st.integers(1, 4),
    seed=seeds,
    holes=st.booleans(),
    regularised=st.sampled_from(["none", "relative", "prior"]),
)
@settings(max_examples=60)
def test_every_step_of_a_restricted_structure_ascends(
    name: str, k: int, d: int, seed: int, holes: bool, regularised: str
) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 30 + 10 * k * d, k, d)
    X = with_holes(rng, X, 0.2) if holes else X
    em = problem(X, k, name, rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.9))
    if regularised == "relative":
        em = replace(em, floor=relative_floor(em))
    if regularised == "prior":
        em = replace(em, prior=conjugate(em, k))
    try:
        path = ascent(em, random_mixture(rng, name, k, d), 25)
    except SingularCovarianceError:
        assume(regularised == "prior")  # without, a component may collapse
        raise
    assert_never_descends(path, em.source.weight)


def conjugate(em: EM, k: int) -> ConjugatePrior:
    """Return the default prior for a problem."""
    assert em.total is not None
    return ConjugatePrior.of(covariance_of(em.total), em.total.centre[0], em.family, k)


@given(name=families, k=n_components, d=st.integers(1, 4), seed=seeds, holes=st.booleans())
@settings(max_examples=40)
def test_every_step_ascends_with_a_prior(name: str, k: int, d: int, seed: int, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 20 + 5 * k * d, k, d)
    X = with_holes(rng, X, 0.2) if holes else X
    em = problem(X, k, name, rng.exponential(size=len(X)))
    em = replace(em, prior=conjugate(em, k))
    path = ascent(em, random_mixture(rng, name, k, d), 25)
    assert_never_descends(path, em.source.weight)


@given(
    name=families,
    k=n_components,
    d=n_features,
    seed=seeds,
    ratio=st.sampled_from([1.0, 3.0, 50.0]),
    prior=st.booleans(),
)
@settings(max_examples=40)
def test_every_step_ascends_with_a_bounded_ratio(
    name: str, k: int, d: int, seed: int, ratio: float, prior: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 30 + 10 * k * d, k, d) * np.exp(rng.normal(size=d))
    em = replace(problem(X, k, name, rng.exponential(size=len(X))), ratio=ratio)
    em = replace(em, prior=conjugate(em, k)) if prior else em
    path = ascent(em, random_mixture(rng, name, k, d), 25)
    assert_never_descends(path, em.source.weight)
    for mixture, _ in path:
        values = np.linalg.eigvalsh(mixture.family.full(mixture.covariances, k, d))
        assert values.max() <= ratio * values.min() * (1 + 1e-9)


@given(name=families, seed=seeds, k=st.integers(2, 5))
@settings(max_examples=40)
def test_every_step_ascends_where_components_run_empty(name: str, seed: int, k: int) -> None:
    check_a_run_that_empties_a_component(name, seed, k)


@given(name=st.sampled_from(RESTRICTED_NAMES), seed=seeds, k=st.integers(2, 4))
@settings(max_examples=30)
def test_empty_components_of_restricted_structures_are_placed_anew(
    name: str, seed: int, k: int
) -> None:
    check_a_run_that_empties_a_component(name, seed, k)


def check_a_run_that_empties_a_component(name: str, seed: int, k: int) -> None:
    """Take steps from a start with a component far away from all rows."""
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 60, 2, 2)
    em = problem(X, k, name, reseed=True)
    em = replace(em, floor=relative_floor(em))
    means = np.vstack([random_mixture(rng, name, k - 1, 2).means, [[1e5, 1e5]]])
    covariances = random_mixture(rng, name, k, 2).covariances
    state = Mixture(np.full(k, 1 / k), means, covariances, name)
    statistics = em.expect(state)
    values = [statistics.loglik]
    for _ in range(20):
        try:
            (state, statistics), value = em.step((state, statistics))
        except Ended:  # a structure without a floor
            assert em.family.restricted
            break
        values.append(value)
    assert (np.diff(values) >= -1e-6).all()  # a component on the floor has some eight digits
    assert np.isfinite(values).all()


# --- the gradient at a fixed point -----------------------------------------------------------


def parameters(mixture: Mixture) -> np.ndarray:
    """Return free parameters: log weights, means, and roots of the covariances."""
    roots = (
        np.linalg.cholesky(mixture.covariances)
        if mixture.family.correlated
        else np.sqrt(mixture.covariances)
    )
    return np.concatenate([np.log(mixture.weights), mixture.means.ravel(), roots.ravel()])


def with_parameters(free: np.ndarray, like: Mixture) -> Mixture:
    """Return the mixture that free parameters stand for."""
    k, d = like.means.shape
    logits, means, roots = np.split(free, [k, k + k * d])
    weights = np.exp(logits - logits.max())
    roots = roots.reshape(like.covariances.shape)
    square = roots @ np.swapaxes(roots, -1, -2) if like.family.correlated else roots**2
    name = like.covariance_type
    return Mixture(weights / weights.sum(), means.reshape(k, d), square, name)


def gradient(em: EM, mixture: Mixture) -> np.ndarray:
    """Return the derivatives of the mean log-likelihood by central differences."""
    free, slopes = parameters(mixture), []
    for i in range(len(free)):
        step = np.zeros(len(free))
        step[i] = 1e-5 * max(1.0, abs(free[i]))
        ahead, behind = (
            em.expect(with_parameters(free + sign * step, mixture)).loglik for sign in (1, -1)
        )
        slopes.append((ahead - behind) / (2 * step[i]) / em.source.weight)
    return np.array(slopes)


@cache
def fixed_point(name: str, m_step: MStep = sound) -> tuple[EM, Mixture]:
    """Return a problem with unequal row weights, and where an M-step leads on it."""
    em, start = overlapping_groups(name)
    return em, ascent(em, start, 300, m_step)[-1][0]


def overlapping_groups(name: str) -> tuple[EM, Mixture]:
    """Return a problem of two overlapping groups off the origin, and a start off its optimum."""
    rng = np.random.default_rng(100)
    truth = Mixture([0.35, 0.65], [[1.0, 2.0], [4.0, 1.0]], TWO[name], name)
    X = truth.sample(150, rng)[0]
    em = problem(X, 2, name, rng.uniform(0.5, 2.0, size=150))
    start = Mixture([0.5, 0.5], [[0.5, 1.0], [3.0, 2.0]], TWO[name], name)
    return replace(em, total=None), start  # the scatter is summed anew, so that it can be spoilt


TWO = {
    "full": np.array([[[1.0, 0.4], [0.4, 0.8]], [[0.7, -0.3], [-0.3, 1.5]]]),
    "tied": np.array([[1.0, 0.4], [0.4, 0.8]]),
    "diag": np.array([[1.0, 0.6], [0.5, 1.5]]),
    "spherical": np.array([1.2, 0.6]),
    **{
        name: random_covariances(np.random.default_rng(101), name, 2, 2)
        for name in RESTRICTED_NAMES
    },
}


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_gradient_is_zero_at_a_fixed_point(name: str) -> None:
    em, mixture = fixed_point(name)
    assert np.abs(gradient(em, mixture)).max() < FLAT
    away = with_parameters(parameters(mixture) + 0.01, mixture)
    assert np.abs(gradient(em, away)).max() > 1e3 * FLAT


def expected_gradient(em: EM, previous: Mixture, mixture: Mixture) -> np.ndarray:
    """Return the derivatives of the expected joint log-likelihood that an M-step maximises."""
    X, weights = em.source.X, em.source.sample_weight
    weighted = weights * previous.responsibilities(X).T
    free, slopes = parameters(mixture), []

    def expected(values: np.ndarray) -> float:
        density = with_parameters(values, mixture).density
        joint = log_joint(np, density, X, (density.means, density.factor, density.offsets))
        return float(np.sum(weighted * joint) / weights.sum())

    for step in 1e-5 * np.eye(len(free)):
        slopes.append((expected(free + step) - expected(free - step)) / 2e-5)
    return np.array(slopes)


# --- the mutation check ----------------------------------------------------------------------


def unnormalised(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Divide the scatter by one row too few."""
    mixture = em.maximise(statistics, previous)
    n = statistics.weight / mixture.n_components
    return Mixture(
        mixture.weights, mixture.means, mixture.covariances * n / (n - 1), em.family.name
    )


def means_off(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Overshoot the means by a hundredth."""
    mixture = em.maximise(statistics, previous)
    return Mixture(mixture.weights, mixture.means * 1.01, mixture.covariances, em.family.name)


def uniform_weights(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Give every component the same weight."""
    mixture, k = em.maximise(statistics, previous), previous.n_components
    return Mixture(np.full(k, 1 / k), mixture.means, mixture.covariances, em.family.name)


def means_kept(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Forget to move the means."""
    mixture = em.maximise(statistics, previous)
    return Mixture(mixture.weights, previous.means, mixture.covariances, em.family.name)


def not_recentred(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Take the scatter about the old means for that about the new ones."""
    mixture = em.maximise(statistics, previous)
    covariances = em.family.maximised(statistics.second, statistics.support)
    return Mixture(mixture.weights, mixture.means, covariances, em.family.name)


def recentred_twice(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Take about the origin what is about the means."""
    moved = statistics.recentred(np.zeros_like(statistics.centre))
    covariances = em.family.maximised(moved.second, statistics.support)
    mixture = em.maximise(statistics, previous)
    return Mixture(mixture.weights, mixture.means, covariances, em.family.name)


def ridge(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Add to the diagonal what is no part of the likelihood."""
    return maximise(statistics, ridge=0.05, previous=previous)


def exchanged(em: EM, statistics: Statistics, previous: Mixture) -> Mixture:
    """Give each component the covariance of the other."""
    mixture = em.maximise(statistics, previous)
    if em.family.name == "tied":
        return replace_covariances(mixture, np.diag(np.diag(mixture.covariances)))
    return replace_covariances(mixture, mixture.covariances[::-1])


def replace_covariances(mixture: Mixture, covariances: np.ndarray) -> Mixture:
    """Return the mixture with other covariances."""
    return Mixture(mixture.weights, mixture.means, covariances, mixture.covariance_type)


MUTANTS = [
    unnormalised,
    means_off,
    uniform_weights,
    means_kept,
    not_recentred,
    recentred_twice,
    ridge,
    exchanged,
]


def descends(name: str, m_step: MStep) -> bool:
    """Return whether a step from far or near lowers the likelihood."""
    em, start = overlapping_groups(name)
    optimum = fixed_point(name)[1]
    try:
        for begin in (start, optimum):
            assert_never_descends(ascent(em, begin, 30, m_step), em.source.weight)
    except AssertionError:
        return True
    return False


def ends_on_a_slope(name: str, m_step: MStep) -> bool:
    """Return whether the gradient is not zero where an M-step leads."""
    return bool(np.abs(gradient(*fixed_point(name, m_step))).max() > FLAT)


def stops_short(name: str, m_step: MStep) -> bool:
    """Return whether a step does not reach the top of what it is to maximise."""
    em, start = overlapping_groups(name)
    mixture = m_step(em, em.expect(start), start)
    return bool(np.abs(expected_gradient(em, start, mixture)).max() > FLAT)


CHECKS = (descends, ends_on_a_slope, stops_short)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_m_step_passes(name: str, check: Callable[[str, MStep], bool]) -> None:
    assert not check(name, sound)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_m_steps_are_found_out(name: str, mutant: MStep) -> None:
    assert stops_short(name, mutant)
    if mutant is not not_recentred:
        assert descends(name, mutant) or ends_on_a_slope(name, mutant)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_forgetting_to_recentre_is_found_out_by_one_check_alone(name: str) -> None:
    # The scatter about the old means is right for these, and the new means then are for it: each
    # half ascends, and they come to rest at the optimum. Only the step itself is not the best.
    assert not descends(name, not_recentred)
    assert not ends_on_a_slope(name, not_recentred)
    assert stops_short(name, not_recentred)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_broken_m_steps_of_restricted_structures_are_found_out(name: str) -> None:
    assert not descends(name, sound)
    for mutant in (unnormalised, means_off, ridge):
        assert descends(name, mutant), mutant.__name__


# --- structures within structures ------------------------------------------------------------


@given(
    pair=st.sampled_from(
        [("spherical", "diag"), ("diag", "full"), ("spherical", "full"), ("tied", "full")]
    ),
    k=n_components,
    d=n_features,
    seed=seeds,
)
@settings(max_examples=40)
def test_a_richer_structure_never_scores_lower_from_the_same_place(
    pair: tuple[str, str], k: int, d: int, seed: int
) -> None:
    poorer, richer = pair
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 60 + 10 * k * d, k, d)
    em = problem(X, k, poorer)
    floor = relative_floor(em)
    nested, loglik = ascent(replace(em, floor=floor), random_mixture(rng, poorer, k, d), 60)[-1]
    matrices = nested.family.full(nested.covariances, k, d)
    covariances = matrices if richer == "full" else np.einsum("kii->ki", matrices)
    start = Mixture(nested.weights, nested.means, covariances, richer)
    wide = replace(problem(X, k, richer), floor=floor)
    assume(wide.feasible(start) is start)  # on the floor, one structure's is another's breach
    path = ascent(wide, start, 20)
    assert path[0][1] == pytest.approx(loglik, rel=1e-9)
    assert path[-1][1] >= loglik - 1e-9 * abs(loglik)
    assert_never_descends(path, len(X))


# --- free parameters -------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 3), (2, 2), (3, 1), (2, 4)])
def test_parameters_are_as_many_as_the_density_moves_in(name: str, k: int, d: int) -> None:
    """Count them by the rank of the log-densities' derivatives at random rows."""
    rng = np.random.default_rng([k, d])
    mixture = random_mixture(rng, name, k, d, spread=1.0)
    X = 3.0 * rng.normal(size=(400, d))
    free = parameters(mixture)
    if mixture.family.correlated:  # roots need not be triangular: more numbers than parameters
        free[k + k * d :] += 0.1 * rng.normal(size=len(free) - k - k * d)
    jacobian = []
    for i in range(len(free)):
        step = np.zeros(len(free))
        step[i] = 1e-5
        ahead, behind = (
            with_parameters(free + sign * step, mixture).log_prob(X) for sign in (1, -1)
        )
        jacobian.append((ahead - behind) / 2e-5)
    singular = np.linalg.svd(np.array(jacobian), compute_uv=False)
    rank = int(np.sum(singular > 1e-6 * singular[0]))
    assert rank == mixture.n_parameters()
    if k > 1:
        assert rank < len(free)  # weights sum to 1


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (2, 5)])
def test_covariances_have_as_many_parameters_as_they_move_in(name: str, k: int, d: int) -> None:
    rng = np.random.default_rng([k, d])
    mixture = random_mixture(rng, name, k, d)
    free, shape = rng.normal(size=mixture.covariances.size), mixture.covariances.shape

    def matrices(values: np.ndarray) -> np.ndarray:
        roots = values.reshape(shape)
        square = roots @ np.swapaxes(roots, -1, -2) if mixture.family.correlated else roots**2
        return mixture.family.full(square, k, d).ravel()

    steps = 1e-5 * np.eye(len(free))
    jacobian = [(matrices(free + step) - matrices(free - step)) / 2e-5 for step in steps]
    expected = mixture.family.n_covariance_parameters(k, d)
    assert np.linalg.matrix_rank(np.array(jacobian), tol=1e-6) == expected
