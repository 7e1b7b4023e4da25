"""One covariance matrix for all components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from families import CHECKS
from mixtura import InputError
from mixtura.model import family_named
from problems import assert_close, random_rows


@pytest.mark.parametrize("check", CHECKS)
def test_structure(check: Callable[[str], None]) -> None:
    check("tied")


def about_a_point(spread: float) -> tuple[np.ndarray, ...]:
    """Return what the scatter within groups follows from, and that scatter summed directly."""
    rng = np.random.default_rng(15)
    X = random_rows(rng, 200, 3, 4, spread)
    resp, centres, point = rng.dirichlet(np.ones(3), 200).T, rng.normal(size=(3, 4)), X[0]
    first, second = family_named("tied").moments(np, X, centres, resp, True)
    total = (X - point).T @ (X - point)
    return total, resp.sum(axis=1), first, centres - point, second


def test_equation_7() -> None:
    *given, expected = about_a_point(2.0)
    actual = family_named("tied").within_total(*given)
    assert actual is not None
    assert_close(actual, expected, 1e-12)


def test_the_difference_is_not_trusted_where_groups_are_far_apart() -> None:
    rng = np.random.default_rng(16)
    family, resp = family_named("tied"), np.eye(2)[np.arange(100) % 2].T
    for apart, trusted in ((1e2, True), (1e6, False)):
        X = rng.normal(size=(100, 2)) + apart * resp[0][:, None]
        centres = np.stack([X[resp[j] == 1].mean(axis=0) for j in range(2)])
        first, _ = family.moments(np, X, centres, resp, False)
        point = X.mean(axis=0)
        total = (X - point).T @ (X - point)
        second = family.within_total(total, resp.sum(axis=1), first, centres - point)
        assert (second is not None) == trusted


def test_first_moments_without_scatter() -> None:
    rng = np.random.default_rng(17)
    X, means, resp = rng.normal(size=(9, 3)), rng.normal(size=(2, 3)), rng.random((2, 9))
    family = family_named("tied")
    first, second = family.moments(np, X, means, resp, False)
    assert_close(first, family.moments(np, X, means, resp, True)[0], 1e-13)
    assert not second.any()


def test_distances_far_from_the_origin() -> None:
    family, rng = family_named("tied"), np.random.default_rng(18)
    X, means = np.round(rng.normal(size=(5, 2)), 3), np.round(rng.normal(size=(3, 2)), 3)
    shifted = family.mahalanobis(np, X + 2.0**30, means + 2.0**30, np.eye(2))
    np.testing.assert_allclose(shifted, family.mahalanobis(np, X, means, np.eye(2)), rtol=1e-4)


def test_a_singular_matrix_is_named() -> None:
    with pytest.raises(InputError, match=r"^the tied covariance, covariances\[0\] is not positive"):
        family_named("tied").factor(np.ones((2, 2)), 3, 2)
    with pytest.raises(InputError, match=r"^the tied precision, precisions\[0\] is not positive"):
        family_named("tied").from_precisions(np.ones((2, 2)))
