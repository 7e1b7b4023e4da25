"""Statistics under given responsibilities."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.algorithms.given import statistics_of
from mixtura.kernels import reference
from mixtura.model import family_named, maximise
from problems import (
    FAMILY_NAMES,
    assert_close,
    assert_same_mixture,
    random_mixture,
    random_rows,
    with_holes,
)


def table() -> np.ndarray:
    """Return rows of three groups in two columns."""
    return random_rows(np.random.default_rng(30), 120, 3, 2, spread=6.0)


def test_statistics_are_about_the_means_however_far_they_lie() -> None:
    X = np.round(table(), 3) + 2.0**35
    resp = np.eye(2)[np.arange(120) % 2]
    statistics = statistics_of(X, resp, None, family_named("full"))
    assert np.abs(statistics.first).max() < 1e-3
    assert_close(statistics.centre[0], X[::2].mean(axis=0), 1e-15)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_under_its_own_mixture_it_is_the_e_step(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(31)
    X, previous = with_holes(rng, table(), 0.3), random_mixture(rng, name, 3, 2)
    weights = rng.random(120) if weighted else None
    resp = reference.responsibilities(X, previous)
    given = statistics_of(X, resp, weights, family_named(name), previous)
    wanted = reference.expect(X, weights, previous)
    assert given.weight == pytest.approx(wanted.weight)
    assert_same_mixture(maximise(given), maximise(wanted), 1e-10)
    assert_close(given.support, wanted.support, 1e-12)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_without_a_mixture_observed_means_stand_for_what_is_missing(name: str) -> None:
    rng = np.random.default_rng(32)
    X, labels = with_holes(rng, table() + 1e6, 0.3), np.arange(120) % 3
    weights = rng.random(120)
    mixture = maximise(statistics_of(X, np.eye(3)[labels], weights, family_named(name)))
    for j in range(3):
        rows, v = X[labels == j], weights[labels == j][:, None]
        mean = np.nansum(v * rows, axis=0) / np.sum(v * ~np.isnan(rows), axis=0)
        if name in ("diag", "spherical"):
            assert_close(mixture.means[j], mean, 1e-14)
            squares = v * (rows - mean) ** 2
            total = np.nansum(squares, axis=0), np.sum(v * ~np.isnan(rows), axis=0)
            if name == "spherical":
                total = total[0].sum(), total[1].sum()
            assert_close(mixture.covariances[j], total[0] / total[1], 1e-8)
        else:  # rows of no observed cell aside, the expected rows have the observed mean
            assert_close(mixture.means[j], mean, 1e-12)
    matrices = mixture.family.full(mixture.covariances, 3, 2)
    assert np.linalg.eigvalsh(matrices).min() > 0


@pytest.mark.parametrize("name", ["full", "tied"])
def test_what_is_missing_varies_as_the_table_does(name: str) -> None:
    # Two rows of one component, the second column of one of them missing.
    X = np.array([[0.0, 0.0], [2.0, np.nan], [0.0, 4.0], [2.0, 8.0]])
    resp = np.eye(2)[[0, 0, 1, 1]]
    covariance = maximise(statistics_of(X, resp, None, family_named(name))).covariances
    pooled = 8.0 / 3.0  # of (0), (4, 8) about 0 and 6
    first = np.array([[1.0, 0.0], [0.0, pooled / 2]])
    if name == "full":
        assert_close(covariance, [first, [[1.0, 2.0], [2.0, 4.0]]], 1e-12)
    else:
        assert_close(covariance, (2 * first + [[2.0, 4.0], [4.0, 8.0]]) / 4, 1e-12)
