"""A covariance matrix for each component."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from families import CHECKS
from mixtura import InputError
from mixtura.model import CovarianceFloor, family_named
from mixtura.model.families.full import clipped, inverse_lower
from problems import assert_close, random_covariances


@pytest.mark.parametrize("check", CHECKS)
def test_structure(check: Callable[[str], None]) -> None:
    check("full")


@pytest.mark.parametrize("d", range(1, 9))
def test_inverse_of_triangular_matrices(d: int) -> None:
    lower = np.linalg.cholesky(random_covariances(np.random.default_rng(0), "full", 3, d))
    inverse = inverse_lower(lower)
    assert np.array_equal(inverse, np.tril(inverse))
    assert_close(inverse @ lower, np.repeat(np.eye(d)[None], 3, axis=0), 1e-13)


def test_clipping_lifts_the_components_below_the_floor_alone() -> None:
    covariances = np.array([np.diag([1.0, 1e-9]), np.diag([2.0, 3.0])])
    lifted = clipped(covariances, CovarianceFloor.isotropic(0.1, 2))
    assert_close(lifted, [np.diag([1.0, 0.1]), np.diag([2.0, 3.0])], 1e-13)
    assert np.array_equal(lifted[1], covariances[1])
    assert np.array_equal(lifted, np.swapaxes(lifted, -1, -2))


def test_clipping_is_in_units_of_the_floor() -> None:
    # In units of diag(4, 1) the matrix diag(2, 2) is diag(0.5, 2): only the first is lifted.
    floor = CovarianceFloor(np.diag([4.0, 1.0]), np.diag([0.5, 1.0]))
    assert_close(clipped(2.0 * np.eye(2)[None], floor)[0], np.diag([4.0, 2.0]), 1e-14)


def test_the_first_singular_component_is_named() -> None:
    covariances = np.stack([np.eye(2), np.ones((2, 2)), np.zeros((2, 2))])
    with pytest.raises(InputError, match=r"^covariances\[1\] is not positive definite"):
        family_named("full").factor(covariances, 3, 2)
    with pytest.raises(InputError, match=r"^precisions\[1\] is not positive definite"):
        family_named("full").from_precisions(covariances)
