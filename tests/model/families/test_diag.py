"""Variances for each component and column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from families import CHECKS
from mixtura import InputError
from mixtura.model import CovarianceFloor, family_named


@pytest.mark.parametrize("check", CHECKS)
def test_structure(check: Callable[[str], None]) -> None:
    check("diag")


def test_recentring_never_leaves_a_negative_variance() -> None:
    # 1000 rows at 0.1, taken about 0: about 0.1 their scatter is zero but for rounding.
    first, second = np.array([[1000 * 0.1]]), np.array([[1000 * 0.1**2 * (1 - 1e-15)]])
    moved = family_named("diag").recentred(second, np.array([[1000.0]]), first, np.array([[0.1]]))
    assert 0.0 <= moved[0, 0] < 1e-12


def test_constant_columns_are_no_sign_of_collapse() -> None:
    floor = CovarianceFloor.relative_to(np.diag([1.0, 0.0]), np.array([0.0, 5.0]))
    scales = family_named("diag").relative_scales(np.array([[1.0, 1e-30]]), floor)
    np.testing.assert_allclose(scales, 1.0 / floor.matrix[0, 0])


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_variances_must_be_positive(value: float) -> None:
    variances = np.array([[1.0, 1.0], [1.0, value]])
    with pytest.raises(InputError, match=r"^covariances\[1\] has a variance that is not positive"):
        family_named("diag").factor(variances, 2, 2)
