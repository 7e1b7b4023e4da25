"""Structures whose components share volume, shape or orientation (docs/guide, equation 36)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

from families import FORM_CHECKS
from mixtura import InputError
from mixtura._errors import SingularCovarianceError
from mixtura.model import CovarianceFloor, family_named
from mixtura.model.families import RESTRICTED
from mixtura.model.families.structured import CLOSED, matrices_of, n_parameters
from problems import (
    FOURTEEN,
    RESTRICTED_NAMES,
    Array,
    assert_close,
    in_form,
    n_free,
    random_covariances,
    structured,
)

K, D = 3, 3
#: Pairs of a structure and one that it is a case of.
NESTED = [
    (poorer, richer)
    for poorer in FOURTEEN
    for richer in FOURTEEN
    if poorer != richer
    and all(a == b or a + b in ("EV", "IE", "IV") for a, b in zip(poorer, richer, strict=True))
]


def scatters(seed: int = 0, k: int = K, d: int = D) -> tuple[Array, Array]:
    """Return scatter matrices that share nothing, and their weights."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(5.0, 50.0, size=k)
    sizes = weight * np.exp(0.5 * rng.normal(size=k))
    return random_covariances(rng, "full", k, d) * sizes[:, None, None], weight


def deviance(matrices: Array, scatter: Array, weight: Array) -> float:
    """Return twice the negative expected log-likelihood, up to a constant."""
    traces = np.trace(np.linalg.solve(matrices, scatter), axis1=1, axis2=2)
    return float((weight * np.linalg.slogdet(matrices)[1] + traces).sum())


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
@pytest.mark.parametrize("check", FORM_CHECKS)
def test_structure(check: Callable[[str], None], name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", FOURTEEN)
@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 3), (3, 1), (2, 2), (2, 4)])
def test_parameters_are_as_many_as_covariances_move_in(name: str, k: int, d: int) -> None:
    free = np.random.default_rng([k, d]).normal(size=n_free(name, k, d))
    steps = 1e-6 * np.eye(len(free))
    jacobian = [
        (structured(name, free + h, k, d) - structured(name, free - h, k, d)).ravel() / 2e-6
        for h in steps
    ]
    rank = np.linalg.matrix_rank(np.array(jacobian), tol=1e-5)
    assert n_parameters(name, k, d) == rank
    assert family_named(name).n_covariance_parameters(k, d) == rank


@pytest.mark.parametrize("name", FOURTEEN)
@pytest.mark.parametrize(("k", "d"), [(2, 2), pytest.param(3, 3, marks=pytest.mark.slow)])
def test_an_optimiser_finds_nothing_better(name: str, k: int, d: int) -> None:
    scatter, weight = scatters(1, k, d)
    found = deviance(matrices_of(name, scatter, weight), scatter, weight)
    rng = np.random.default_rng(2)
    others = [
        minimize(
            lambda free: deviance(structured(name, free, k, d), scatter, weight),
            0.3 * rng.normal(size=n_free(name, k, d)),
            method="BFGS",
        ).fun
        for _ in range(2)
    ]
    assert found <= min(others) + 1e-6 * abs(found)
    assert found >= min(others) - 1e-4 * abs(found)


@pytest.mark.parametrize("name", FOURTEEN)
def test_models_side_by_side_are_each_by_itself(name: str) -> None:
    tables = [scatters(seed) for seed in range(3)]
    start = np.stack([structured(name, np.zeros(n_free(name, K, D)), K, D)] * 3)
    scatter, weight = (np.stack(each) for each in zip(*tables, strict=True))
    for given in (None, start):
        together = matrices_of(name, scatter, weight, given)
        for number, each in enumerate(together):
            begin = None if given is None else given[number]
            alone = matrices_of(name, scatter[number], weight[number], begin)
            assert_close(each, alone, 1e-4 if name in ("EVE", "VVE") else 1e-9)


def test_a_singular_model_leaves_those_beside_it() -> None:
    scatter, weight = scatters()
    together = matrices_of("VEE", np.stack([scatter, 0.0 * scatter]), np.stack([weight, weight]))
    assert_close(together[0], matrices_of("VEE", scatter, weight), 1e-12)
    assert np.isnan(together[1]).all()
    with pytest.raises(SingularCovarianceError, match=r"all components share is singular: a col"):
        matrices_of("VEE", 0.0 * scatter, weight)


@pytest.mark.parametrize(("poorer", "richer"), NESTED)
def test_a_richer_structure_is_at_least_as_likely(poorer: str, richer: str) -> None:
    for seed in range(3):
        scatter, weight = scatters(seed)
        nested = matrices_of(poorer, scatter, weight)
        begin = nested if richer in ("EVE", "VVE") else None  # of several maxima, one above it
        wide = matrices_of(richer, scatter, weight, begin)
        rounding = 1e-9 * weight.sum()
        assert deviance(wide, scatter, weight) <= deviance(nested, scatter, weight) + rounding


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_the_family_and_the_batch_agree(name: str) -> None:
    scatter, weight = scatters()
    family, support = family_named(name), np.repeat(weight[:, None], D, axis=1)
    second = np.trace(scatter, axis1=1, axis2=2) / D if family.one_unit else scatter
    second = np.diagonal(scatter, axis1=1, axis2=2) if family.form == "diag" else second
    assert_close(
        family.maximised(second, support), in_form(name, matrices_of(name, scatter, weight)), 1e-12
    )


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_random_covariances_are_of_the_structure_and_others_are_not(name: str) -> None:
    family, rng = RESTRICTED[name], np.random.default_rng(3)
    covariances = random_covariances(rng, name, K, D)
    family.check("start", covariances)
    assert_close(family.projected(covariances), covariances, 1e-9)
    covariances = random_covariances(rng, family.form, K, D)
    with pytest.raises(InputError, match=rf"start: covariances\[\d\] is not of .*'{name}'.*take '"):
        family.check("start", covariances)
    family.check("start", family.projected(covariances))


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_components_without_support_keep_what_is_their_own(name: str) -> None:
    family, rng = RESTRICTED[name], np.random.default_rng(4)
    previous = random_covariances(rng, name, K, D)
    support = np.repeat(rng.uniform(5.0, 50.0, size=(K, 1)), D, axis=1)
    second = family.scatter(random_covariances(rng, family.form, K, D), support)
    held, empty = second.copy(), support.copy()
    held[1], empty[1] = 0.0, 0.0
    covariances = family.maximised(held, empty, previous)
    family.check("those", covariances)
    # The others are what they are where the component does not exist.
    others = family.maximised(held[[0, 2]], empty[[0, 2]], previous[[0, 2]])
    assert_close(covariances[[0, 2]], others, 1e-5)
    if name in ("EVI", "EVV"):  # all but the volume
        assert_close(covariances[1] / covariances[1].max(), previous[1] / previous[1].max(), 1e-6)
    nothing = family.maximised(0.0 * held, 0.0 * empty, previous)
    assert_close(nothing, previous, 1e-9)


def test_variances_of_cells_are_over_those_observed() -> None:
    second, support = np.array([[8.0, 3.0], [4.0, 9.0]]), np.array([[4.0, 1.0], [4.0, 3.0]])
    assert_close(RESTRICTED["EEI"].maximised(second, support), np.array([[1.5, 3.0]] * 2), 1e-15)
    spread = RESTRICTED["EII"].maximised(second.mean(axis=1), support)
    assert_close(spread, np.array([2.0, 2.0]), 1e-15)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_a_collapsed_component_is_an_error_where_there_is_no_floor_for_it(name: str) -> None:
    family = RESTRICTED[name]
    floor = CovarianceFloor.isotropic(1e-3, 2)
    good = in_form(name, np.repeat(np.eye(2)[None], 2, axis=0))
    assert family.floored(good, floor) is good
    flat = good.copy()
    flat[1] *= 1e-6
    with pytest.raises(
        SingularCovarianceError, match=rf"covariances\[1\] is nearly .*'{name}' has"
    ):
        family.floored(flat, floor)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_columns_that_do_not_vary_are_lifted_for_all(name: str) -> None:
    family, support = RESTRICTED[name], np.full((K, D), 10.0)
    covariances = random_covariances(np.random.default_rng(6), name, K, D)
    floor = CovarianceFloor.relative_to(np.diag([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 5.0]))
    second = family.scatter(covariances, support)
    assert family.supported(second, support, floor) is second
    if family.form != "spherical":
        constant = second.copy()
        constant[..., 2] = 0.0
        if family.correlated:
            constant[:, 2, :] = 0.0
        lifted = family.supported(constant, support, floor)
        family.floored(family.maximised(lifted, support), floor)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_closed_structures_are_those_of_their_columns_too(name: str) -> None:
    family, rng = RESTRICTED[name], np.random.default_rng(7)
    covariances = random_covariances(rng, name, K, 4)
    columns, others = np.array([0, 2]), np.array([1, 3])
    parts = [family.marginal(covariances, columns)]
    parts.append(family.conditional(covariances, others, columns)[0])
    for part in parts:
        if name in CLOSED:
            family.check("part", part)
    if name not in CLOSED:
        with pytest.raises(InputError):
            family.check("part", parts[0])


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_ridges_blends_and_roots_stay_of_the_structure(name: str) -> None:
    family, rng = RESTRICTED[name], np.random.default_rng(8)
    covariances = random_covariances(rng, name, K, D)
    family.check("ridged", family.ridged(covariances, 0.3))
    blended = family.blended(covariances, 1, np.diag([3.0, 0.2, 1.0]))
    family.check("blended", blended)
    assert not np.allclose(blended, covariances)
    assert_close(family.from_log_roots(family.log_roots(covariances)), covariances, 1e-8)
    other = family.log_roots(covariances) + 0.1
    family.check("roots", family.from_log_roots(other))


@pytest.mark.parametrize("name", ["VEE", "VEI"])
def test_numbers_that_overflow_are_a_collapse(name: str) -> None:
    family = family_named(name)
    shape = family.covariance_shape(2, 2)
    second, support = np.zeros(shape), np.full((2, 2), 5.0)
    second[0] = np.eye(2) if len(shape) == 3 else 1.0
    second[1] = 1e-320 * second[0]
    floor = CovarianceFloor.isotropic(1e-8, 2)
    with pytest.raises(SingularCovarianceError, match=r"covariances\[1\] is nearly singular"):
        family.floored(family.maximised(second, support), floor)


def test_one_volume_whatever_the_units() -> None:
    rng, units = np.random.default_rng(5), np.array([1e-8, 1e8, 1.0])
    roots = rng.normal(size=(2, 3, 3))
    scatter = roots @ roots.transpose(0, 2, 1)
    plain = matrices_of("EVV", scatter, np.array([3.0, 4.0]))
    scaled = matrices_of("EVV", scatter * units * units[:, None], np.array([3.0, 4.0]))
    np.testing.assert_allclose(scaled / units / units[:, None], plain, rtol=1e-10)
