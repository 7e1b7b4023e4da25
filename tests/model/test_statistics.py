"""Sufficient statistics."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError
from mixtura.model import Statistics, family_named
from problems import FAMILY_NAMES, assert_same_statistics


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
