"""Rows that miss few columns, completed one by one; in plain Python, to save compilation."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels.cpu import completed
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from problems import assert_close, random_mixture

LOST = np.array([1, 4])


def test_bases_of_nearly_dependent_columns_are_orthonormal() -> None:
    rng = np.random.default_rng(3)
    factor = np.outer(rng.normal(size=8), np.ones(8)) + 1e-7 * rng.normal(size=(8, 8))
    lost, basis, triangle = np.array([1, 4, 6]), np.empty((3, 8)), np.zeros((3, 3))
    log_det = completed.orthonormal.py_func(factor, factor.T @ factor, lost, basis, triangle)
    assert_close(basis @ basis.T, np.eye(3), 1e-14)
    assert_close(basis.T @ triangle, factor[:, lost], 1e-14)
    assert log_det == pytest.approx(2 * np.log(np.abs(np.diag(triangle))).sum(), rel=1e-13)


def test_a_row_is_completed_by_regression() -> None:
    mixture = random_mixture(np.random.default_rng(4), "full", 1, 5)
    factor, row = mixture.density.factor[0], np.array([0.5, np.nan, -1.0, 2.0, np.nan])
    deviation = np.where(np.isnan(row), 0.0, row - mixture.means[0])
    whitened, x = np.empty(5 * ROWS), np.zeros(5 * ROWS)
    whitened[3::ROWS] = factor @ deviation
    basis, triangle = np.empty((3, 5)), np.empty((3, 3))
    log_det = completed.orthonormal.py_func(factor, factor.T @ factor, LOST, basis, triangle)
    squared = completed.complete.py_func(
        whitened, 3, LOST, basis, triangle, x, np.empty(5), np.empty(5)
    )
    seen = np.flatnonzero(~np.isnan(row))
    given = mixture.condition({int(j): row[j] for j in seen})
    assert_close(mixture.means[0, LOST] + x[LOST * ROWS + 3], given.means[0], 1e-13)
    marginal = mixture.marginal(seen)
    own = np.linalg.slogdet(mixture.covariances[0])[1]
    total = 3 * np.log(2 * np.pi) + own + log_det + squared
    assert -0.5 * total == pytest.approx(marginal.log_prob(row[None, seen])[0], rel=1e-13)
    out = np.empty(3)
    completed.conditional_covariance.py_func(triangle, 2, out)
    assert_close(out, given.covariances[0][np.tril_indices(2)], 1e-13)


def test_missing_columns_are_numbered() -> None:
    lost, X = np.full(4, -1), np.array([[0.0] * 4, [np.nan, 1.0, np.nan, 2.0]])
    assert completed.lost_columns.py_func(X, 0, lost) == 0
    assert completed.lost_columns.py_func(X, 1, lost) == 2
    assert lost.tolist() == [0, 2, -1, -1]
