"""One variance for each component."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from families import CHECKS
from mixtura import InputError
from mixtura.model import CovarianceFloor, family_named


@pytest.mark.parametrize("check", CHECKS)
def test_structure(check: Callable[[str], None]) -> None:
    check("spherical")


def test_the_second_moment_is_a_mean_over_columns() -> None:
    X, means, resp = np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.ones((1, 1))
    _, second = family_named("spherical").moments(np, X, means, resp, True)
    assert second.tolist() == [12.5]  # (9 + 16) / 2


def test_recentring_never_leaves_a_negative_variance() -> None:
    first, second = np.array([[1000 * 0.1]]), np.array([1000 * 0.1**2 * (1 - 1e-15)])
    moved = family_named("spherical").recentred(
        second, np.array([1000.0]), first, np.array([[0.1]])
    )
    assert 0.0 <= moved[0] < 1e-12


def test_the_floor_is_the_mean_over_columns() -> None:
    floor = CovarianceFloor(np.diag([1.0, 3.0]), np.diag([1.0, 3.0**-0.5]))
    assert family_named("spherical").floored(np.array([1.0, 5.0]), floor).tolist() == [2.0, 5.0]


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_variances_must_be_positive(value: float) -> None:
    with pytest.raises(InputError, match=r"^covariances\[1\] has a variance that is not positive"):
        family_named("spherical").factor(np.array([1.0, value]), 2, 2)
