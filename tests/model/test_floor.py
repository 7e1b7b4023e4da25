"""The covariance floor (docs/guide, equation 9)."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.model.floor import FLAT, LIFT, RELATIVE_FLOOR, CovarianceFloor
from problems import assert_close


def test_isotropic() -> None:
    floor = CovarianceFloor.isotropic(0.25, 3)
    assert floor.matrix.tolist() == (0.25 * np.eye(3)).tolist()
    assert_close(floor.whitener.T @ floor.matrix @ floor.whitener, np.eye(3), 1e-15)


def test_equation_9() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)) * [1e-3, 1.0, 1e4]
    total = np.cov(rows.T, bias=True)
    deviations = np.sqrt(np.diag(total))
    correlations = total / deviations / deviations[:, None]
    expected = 1e-8 * (correlations + 1e-4 * np.eye(3)) * deviations * deviations[:, None]
    floor = CovarianceFloor.relative_to(total, rows.mean(axis=0))
    assert RELATIVE_FLOOR == 1e-8
    assert_close(
        floor.matrix / deviations / deviations[:, None],
        expected / deviations / deviations[:, None],
        1e-12,
    )
    assert_close(floor.whitener.T @ floor.matrix @ floor.whitener, np.eye(3), 1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_do_not_matter(scale: float) -> None:
    total, mean = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -3.0])
    units = np.array([scale, 1.0])
    plain = CovarianceFloor.relative_to(total, mean)
    scaled = CovarianceFloor.relative_to(total * units * units[:, None], mean * units)
    np.testing.assert_allclose(scaled.matrix, plain.matrix * units * units[:, None], rtol=1e-12)


@pytest.mark.parametrize("location", [0.0, 3.0, 1e-200, -1e12, 1e162])
def test_a_constant_column_has_a_floor_but_no_direction(location: float) -> None:
    total = np.array([[2.0, 0.0], [0.0, 0.0]])
    floor = CovarianceFloor.relative_to(total, np.array([1.0, location]))
    assert floor.whitener.shape == (2, 1)
    assert floor.whitener[1, 0] == 0.0
    assert floor.matrix[1, 1] > 0
    assert np.isfinite(floor.matrix).all()


def test_rounding_of_a_constant_is_no_spread() -> None:
    total = np.diag([1.0, 1e-4])
    floor = CovarianceFloor.relative_to(total, np.array([0.0, 1e15]))
    assert floor.whitener.shape == (2, 1)


@pytest.mark.parametrize("d", [2, 5, 40])
def test_repeated_columns_leave_it_positive_definite(d: int) -> None:
    floor = CovarianceFloor.relative_to(np.ones((d, d)), np.zeros(d))
    assert floor.whitener.shape == (d, 1)
    on_the_floor = np.ones((d, d)) + floor.matrix
    np.linalg.cholesky(on_the_floor)  # raises if the floor is lost to rounding
    assert d * np.finfo(float).eps < LIFT * RELATIVE_FLOOR


def test_flat_directions_are_no_sign_of_collapse() -> None:
    narrow = np.array([[1.0, 1.0 - 0.1 * FLAT], [1.0 - 0.1 * FLAT, 1.0]])
    assert CovarianceFloor.relative_to(narrow, np.zeros(2)).whitener.shape == (2, 1)
    wide = np.array([[1.0, 1.0 - 10 * FLAT], [1.0 - 10 * FLAT, 1.0]])
    assert CovarianceFloor.relative_to(wide, np.zeros(2)).whitener.shape == (2, 2)


@pytest.mark.parametrize("exponent", [-320, -300, -150, 150, 290])
def test_extreme_scales_stay_finite(exponent: int) -> None:
    total = np.array([[1.0, 0.5], [0.5, 1.0]]) * 10.0**exponent
    location = np.full(2, 10.0 ** (exponent / 2))
    floor = CovarianceFloor.relative_to(total, location)
    assert np.isfinite(floor.matrix).all()
    assert np.isfinite(floor.whitener).all()
    assert np.isfinite(1.0 / np.diag(floor.matrix)).all()
