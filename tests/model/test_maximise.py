"""The M-step (docs/guide, equations 5 to 9)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixtura import InputError, Mixture
from mixtura.kernels.array_api import moments
from mixtura.model import CovarianceFloor, Statistics, family_named, maximise
from problems import FAMILY_NAMES, assert_close, random_mixture, random_rows


def statistics(name: str, n: int = 40, k: int = 3, d: int = 2) -> tuple[Statistics, np.ndarray]:
    """Return statistics of rows under random responsibilities, about points off their means."""
    rng = np.random.default_rng(4)
    X, resp = random_rows(rng, n, k, d), rng.dirichlet(np.ones(k), size=n)
    return moments(X, resp, None, rng.normal(size=(k, d)), family_named(name)), np.c_[X, resp]


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_estimates_are_weighted_moments(name: str) -> None:
    given, table = statistics(name)
    X, resp = table[:, :2], table[:, 2:]
    mixture = maximise(given)
    assert_close(mixture.weights, resp.mean(axis=0), 1e-13)
    assert_close(mixture.means, (resp.T @ X) / resp.sum(axis=0)[:, None], 1e-13)
    scatters = np.stack(
        [np.cov(X.T, aweights=resp[:, j], bias=True) * resp[:, j].sum() for j in range(3)]
    )
    support = resp.sum(axis=0)
    expected = {
        "full": scatters / support[:, None, None],
        "tied": scatters.sum(axis=0) / support.sum(),
        "diag": np.diagonal(scatters, axis1=1, axis2=2) / support[:, None],
        "spherical": np.trace(scatters, axis1=1, axis2=2) / (2 * support),
    }[name]
    assert_close(mixture.covariances, expected, 1e-13)
    assert mixture.covariance_type == name


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_centre_does_not_matter(name: str) -> None:
    given, _ = statistics(name)
    moved = maximise(given.recentred(given.centre + np.array([3.0, -2.0])))
    assert_close(moved.means, maximise(given).means, 1e-13)
    assert_close(moved.covariances, maximise(given).covariances, 1e-12)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_matrices_come_out_symmetric(name: str) -> None:
    given, _ = statistics(name, d=5)
    covariances = maximise(given).covariances
    assert np.array_equal(covariances, np.swapaxes(covariances, -1, -2))


def emptied(name: str) -> tuple[Statistics, Mixture]:
    """Return statistics in which component 1 has no rows, and a previous mixture."""
    rng = np.random.default_rng(5)
    resp = np.zeros((40, 3))
    resp[np.arange(40), 2 * (np.arange(40) % 2)] = 1.0
    X, previous = random_rows(rng, 40, 3, 2), random_mixture(rng, name, 3, 2)
    return moments(X, resp, None, previous.means, family_named(name)), previous


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_rows_keeps_its_place(name: str) -> None:
    given, previous = emptied(name)
    mixture = maximise(given, previous=previous)
    assert mixture.weights[1] == 0.0
    assert_close(mixture.means[1], previous.means[1], 1e-14)
    if name != "tied":
        assert np.array_equal(mixture.covariances[1], previous.covariances[1])
        assert not np.array_equal(mixture.covariances[0], previous.covariances[0])


def test_without_a_previous_mixture_empty_components_are_an_error() -> None:
    given, _ = emptied("full")
    with pytest.raises(InputError, match=r"component 1 has a summed responsibility of 0: .*fewer"):
        maximise(given)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_little_support_keeps_the_mean_only(name: str) -> None:
    given, table = statistics(name)
    X, resp = table[:, :2], table[:, 2:]
    weakest = int(np.argmin(given.zeroth))
    previous = random_mixture(np.random.default_rng(6), name, 3, 2)
    limit = float(np.sort(given.zeroth)[:2].mean())
    mixture = maximise(given, min_support=limit, previous=previous)
    others = np.arange(3) != weakest
    assert_close(mixture.means[weakest], previous.means[weakest], 1e-14)
    assert_close(mixture.means[others], maximise(given).means[others], 1e-14)
    assert_close(mixture.weights, given.zeroth / given.weight, 1e-14)
    if name == "diag":  # the variance is taken about the mean that was kept
        squares = (X - previous.means[weakest]) ** 2
        expected = np.average(squares, axis=0, weights=resp[:, weakest])
        assert_close(mixture.covariances[weakest], expected, 1e-12)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_ridge_adds_to_the_diagonals(name: str) -> None:
    given, _ = statistics(name)
    family = family_named(name)
    plain, ridged = maximise(given), maximise(given, ridge=0.5)
    difference = family.full(ridged.covariances, 3, 2) - family.full(plain.covariances, 3, 2)
    assert_close(difference, np.repeat(0.5 * np.eye(2)[None], 3, axis=0), 1e-14)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_floor_holds(name: str) -> None:
    given, _ = statistics(name)
    family, collapsed = family_named(name), replace(given, second=0.0 * given.second)
    collapsed = replace(collapsed, first=0.0 * given.first)
    mixture = maximise(collapsed, floor=CovarianceFloor.isotropic(0.25, 2))
    expected = np.repeat(0.25 * np.eye(2)[None], 3, axis=0)
    assert_close(family.full(mixture.covariances, 3, 2), expected, 1e-14)


def holed(name: str) -> Statistics:
    """Return statistics of 2 components, of which the second never tells of column 1."""
    second = {"diag": np.array([[4.0, 2.0], [6.0, 0.0]]), "spherical": np.array([3.0, 3.0])}[name]
    return Statistics(
        family_named(name),
        loglik=0.0,
        weight=6.0,
        zeroth=np.array([2.0, 4.0]),
        first=np.array([[2.0, 1.0], [3.0, 0.0]]),
        second=second,
        centre=np.zeros((2, 2)),
        cells=np.array([[2.0, 1.0], [3.0, 0.0]]),
    )


def test_estimates_are_over_observed_cells() -> None:
    previous = Mixture([0.5, 0.5], [[0.0, 0.0], [0.0, 7.0]], [[1.0, 1.0], [1.0, 9.0]], "diag")
    mixture = maximise(holed("diag"), previous=previous)
    assert_close(mixture.weights, [1 / 3, 2 / 3], 1e-15)
    assert mixture.means.tolist() == [[1.0, 1.0], [1.0, 7.0]]
    # 4/2 - 1, 2/1 - 1 and 6/3 - 1; the last is kept
    assert mixture.covariances.tolist() == [[1.0, 1.0], [1.0, 9.0]]
    floor = CovarianceFloor.isotropic(2.0, 2)
    assert maximise(holed("diag"), previous=previous, floor=floor).covariances.tolist() == [
        [2.0, 2.0],
        [2.0, 9.0],
    ]
    ridged = maximise(holed("diag"), previous=previous, ridge=0.5)
    assert ridged.covariances.tolist() == [[1.5, 1.5], [1.5, 9.0]]


def test_one_variance_is_the_mean_over_observed_cells() -> None:
    previous = Mixture([0.5, 0.5], [[0.0, 0.0], [0.0, 7.0]], [1.0, 1.0], "spherical")
    mixture = maximise(holed("spherical"), previous=previous)
    assert mixture.means.tolist() == [[1.0, 1.0], [1.0, 7.0]]
    # Sums of squares are 6 and 6: (6 - 2 - 1) / 3 and (6 - 3) / 3.
    assert_close(mixture.covariances, [1.0, 1.0], 1e-15)


def test_little_support_is_a_matter_of_each_column() -> None:
    previous = Mixture([0.5, 0.5], [[8.0, 9.0], [6.0, 7.0]], np.ones((2, 2)), "diag")
    mixture = maximise(holed("diag"), previous=previous, min_support=2.0)
    assert mixture.means.tolist() == [[1.0, 9.0], [1.0, 7.0]]
    # The variance is about the mean that is kept: 2 - 2 * 1 * 9 + 81.
    assert mixture.covariances[0].tolist() == [1.0, 65.0]


def test_a_column_of_which_no_row_tells_is_named() -> None:
    words = r"component 1 has a summed responsibility of 0 over the rows in which column 1 is obs"
    with pytest.raises(InputError, match=words):
        maximise(holed("diag"))
