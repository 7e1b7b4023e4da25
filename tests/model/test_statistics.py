"""Sufficient statistics."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError
from mixtura.model import Statistics, family_named
from problems import FAMILY_NAMES, assert_close, assert_same_statistics


def by_hand() -> Statistics:
    """Return the statistics of rows 1 and 3, one component, about 2."""
    return Statistics(
        family_named("full"),
        loglik=-3.0,
        weight=2.0,
        zeroth=np.array([2.0]),
        first=np.array([[0.0]]),
        second=np.array([[[2.0]]]),
        centre=np.array([[2.0]]),
    )


def test_recentring_by_hand() -> None:
    moved = by_hand().recentred(np.array([[0.0]]))
    assert moved.first.tolist() == [[4.0]]  # 1 + 3
    assert moved.second.tolist() == [[[10.0]]]  # 1 + 9
    assert moved.centre.tolist() == [[0.0]]
    assert (moved.loglik, moved.weight, moved.zeroth.tolist()) == (-3.0, 2.0, [2.0])


def test_sums_take_the_left_centre() -> None:
    left, right = by_hand(), by_hand().recentred(np.array([[1.0]]))
    total = left + right
    assert total.centre is left.centre
    assert total.first.tolist() == [[0.0]]
    assert total.second.tolist() == [[[4.0]]]
    assert (total.loglik, total.weight, total.zeroth.tolist()) == (-6.0, 4.0, [4.0])


def test_scaling_scales_everything_but_the_centre() -> None:
    half = by_hand().scaled(0.5)
    assert (half.loglik, half.weight, half.zeroth.tolist()) == (-1.5, 1.0, [1.0])
    assert (half.second.tolist(), half.centre.tolist()) == ([[[1.0]]], [[2.0]])


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_zeros_are_neutral(name: str) -> None:
    family, rng = family_named(name), np.random.default_rng(0)
    centre = rng.normal(size=(3, 2))
    shape = family.covariance_shape(3, 2)
    some = Statistics(
        family, -1.0, 4.0, rng.random(3), rng.normal(size=(3, 2)), rng.random(shape), centre
    )
    assert_same_statistics(some + Statistics.zeros(family, centre), some, rtol=0.0)
    assert_same_statistics(Statistics.zeros(family, centre) + some, some, rtol=0.0)


def test_families_do_not_mix() -> None:
    diag = Statistics.zeros(family_named("diag"), np.zeros((1, 1)))
    with pytest.raises(InputError, match="family 'full' cannot be added to those of 'diag'"):
        by_hand() + diag


def of_a_column_each() -> Statistics:
    """Return the statistics of rows (1, missing) and (3, 5) in one component, about (2, 4)."""
    return Statistics(
        family_named("diag"),
        loglik=-3.0,
        weight=2.0,
        zeroth=np.array([2.0]),
        first=np.array([[0.0, 1.0]]),
        second=np.array([[2.0, 1.0]]),
        centre=np.array([[2.0, 4.0]]),
        cells=np.array([[2.0, 1.0]]),
    )


def test_moments_are_sums_over_the_rows_that_tell() -> None:
    moved = of_a_column_each().recentred(np.array([[0.0, 0.0]]))
    assert moved.first.tolist() == [[4.0, 5.0]]
    assert moved.second.tolist() == [[10.0, 25.0]]
    assert moved.support.tolist() == [[2.0, 1.0]]
    assert by_hand().support.tolist() == [[2.0]]


def test_complete_and_incomplete_statistics_add_up() -> None:
    given = of_a_column_each()
    complete = Statistics(
        given.family, -1.0, 3.0, np.array([3.0]), given.first, given.second, given.centre
    )
    for total in (given + complete, complete + given):
        assert total.support.tolist() == [[5.0, 4.0]]
        assert total.zeroth.tolist() == [5.0]
    assert (complete + complete).cells is None
    assert given.scaled(0.5).support.tolist() == [[1.0, 0.5]]
    assert complete.scaled(0.5).support.tolist() == [[1.5, 1.5]]


@pytest.mark.parametrize("name", ["diag", "spherical"])
def test_recentring_incomplete_sums_is_exact(name: str) -> None:
    rng = np.random.default_rng(1)
    X, resp = rng.normal(size=(30, 3)), rng.random((2, 30))
    seen = rng.random((30, 3)) < 0.6

    def about(centre: np.ndarray) -> Statistics:
        apart = np.where(seen, X - centre[:, None, :], 0.0)
        second = np.einsum("kn,kni->ki", resp, apart**2)
        second = second.mean(axis=1) if name == "spherical" else second
        first, cells = np.einsum("kn,kni->ki", resp, apart), resp @ seen
        sums = (-1.0, 30.0, resp.sum(axis=1), first, second, centre, cells)
        return Statistics(family_named(name), *sums)

    here, there = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    assert_same_statistics(about(here).recentred(there), about(there), 1e-12)
    assert_close(about(here).recentred(there).recentred(here).second, about(here).second, 1e-12)
