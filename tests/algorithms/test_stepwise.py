"""Stepwise EM and k-means: what is kept of chunks, what fades, and what begins anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import Mixture, run_em
from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.stepwise import (
    Clusters,
    Running,
    absorbed,
    expected,
    held_by,
    joined,
    moment_points,
    part_left,
    with_rows,
    without,
)
from mixtura.algorithms.total import covariance_of, total_statistics
from mixtura.kernels.kmeans import passes_for
from problems import FAMILY_NAMES, assert_same_mixture, problem, random_mixture, with_holes

Array = Any


def advanced(running: Running, rows: Array, forget: float | None = None, **weights: Any) -> Running:
    """Return what a chunk leads to, without a floor."""
    mixture = running.mixture
    em = problem(rows, mixture.n_components, mixture.covariance_type, **weights)
    return absorbed(
        running, replace(em, total=with_rows(running.total, em.source, em.kernels)), forget
    )


def begun(rows: Array, mixture: Mixture) -> Running:
    """Return what is kept of a first chunk."""
    em = problem(rows, mixture.n_components, mixture.covariance_type)
    return Running.begin(em, mixture)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_same_chunk_twice_is_one_step_of_em(name: str, share: float) -> None:
    rng = np.random.default_rng(0)
    start = random_mixture(rng, name, 3, 2)
    rows = with_holes(rng, start.sample(200, rng)[0] + 0.3, share)
    running = advanced(begun(rows, start), rows)
    # Sums of both chunks are twice those of one, under the parameters of the start.
    assert_same_mixture(running.mixture, run_em(rows, start, max_iter=1).mixture, 1e-8)
    assert running.weight == running.statistics.weight == 400.0
    assert_array_equal(running.statistics.centre, running.mixture.means)


def test_each_chunk_counts_under_the_parameters_of_its_time() -> None:
    start = Mixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
    chunks = [np.array([[-1.0], [1.0], [3.0]]), np.array([[5.0], [0.5]]), np.array([[2.0]])]
    running, kept, mixture = begun(chunks[0], start), np.zeros((3, 2)), start
    for number, rows in enumerate(chunks):
        resp = mixture.responsibilities(rows)
        kept += [resp.sum(axis=0), (resp * rows).sum(axis=0), (resp * rows**2).sum(axis=0)]
        if number:
            running = advanced(running, rows)
            means = kept[1] / kept[0]
            assert_allclose(running.mixture.means[:, 0], means, rtol=1e-12)
            variances = kept[2] / kept[0] - means**2
            assert_allclose(running.mixture.covariances[:, 0, 0], variances, rtol=1e-12)
            mixture = running.mixture


def test_one_component_is_the_table_whatever_the_chunks() -> None:
    rng = np.random.default_rng(1)
    rows, w = rng.normal(1e6, 1.0, size=(300, 2)), rng.uniform(0.5, 2.0, 300)
    start = Mixture([1.0], [[1e6, 1e6]], [np.eye(2)])
    running = Running.settled(start, 1e-9)
    for part in np.split(np.arange(300), [1, 5, 100, 250]):
        running = advanced(running, rows[part], sample_weight=w[part])
    mean = np.average(rows, axis=0, weights=w)
    assert_allclose(running.mixture.means[0], mean, rtol=1e-14)
    spread = np.cov(rows.T, aweights=w, ddof=0)
    assert_allclose(running.mixture.covariances[0], spread, rtol=1e-7)
    assert_allclose(covariance_of(running.total), spread, rtol=1e-7)
    assert running.weight == pytest.approx(w.sum())


@pytest.mark.parametrize(
    ("held", "forget", "left"),
    [
        (400.0, None, 1.0),
        (400.0, 1.0, 1.0),  # 400 of 400 rows count
        (400.0, 0.5, 0.5),  # 100**0.5 * 400**0.5 = 200 of 400
        (100.0, 0.5, 1.0),  # fewer than that are left
    ],
)
def test_what_is_left_of_rows(held: float, forget: float | None, left: float) -> None:
    assert part_left(held, 400.0, 100.0, forget) == pytest.approx(left)


def test_old_rows_fade() -> None:
    start = Mixture([1.0], [[0.0]], [[[1.0]]])
    running = begun(np.array([[-1.0], [1.0]]), start)  # unit 2
    running = advanced(running, np.array([[2.0], [4.0]]), 0.5)  # 2 of 2 rows are left: none fades
    assert running.mixture.means[0, 0] == pytest.approx(1.5)
    running = advanced(running, np.array([[8.0]]), 0.5)  # sqrt(2 * 4) of 4 rows are left
    left = np.sqrt(8.0)
    assert running.statistics.weight == pytest.approx(left + 1.0)
    assert running.mixture.means[0, 0] == pytest.approx((left * 1.5 + 8.0) / (left + 1.0))


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_settled_mixture_is_the_optimum_of_its_statistics(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(2), name, 3, 4)
    running = Running.settled(mixture, 50.0)
    em = problem(mixture.sample(50, 0)[0], 3, name)
    assert_same_mixture(em.maximise(running.statistics, mixture), mixture, 1e-8)
    points, _, weights = moment_points(mixture, 50.0)
    assert_allclose(running.total.centre[0], mixture.weights @ mixture.means, rtol=1e-10)
    assert_allclose(
        np.diag(covariance_of(running.total)),
        np.diag(np.cov(points.T, aweights=weights, ddof=0)),
        rtol=1e-10,
    )


@pytest.mark.parametrize("name", ["full", "diag"])
def test_total_of_incomplete_chunks(name: str) -> None:
    rng = np.random.default_rng(3)
    rows = with_holes(rng, rng.normal(size=(4000, 2)) @ [[2.0, 1.0], [0.0, 0.5]], 0.2)
    first, rest = problem(rows[:2000], 1, name), problem(rows[2000:], 1, name)
    assert first.total is not None
    total = with_rows(first.total, rest.source, rest.kernels)
    whole = problem(rows, 1, name)
    expected = total_statistics(whole.source, whole.kernels, whole.family)
    assert_allclose(total.centre, expected.centre, atol=0.02)
    assert_allclose(covariance_of(total), covariance_of(expected), rtol=0.03)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_dead_component_begins_anew_where_density_is_lowest(name: str) -> None:
    covariance = random_mixture(np.random.default_rng(4), name, 3, 2).covariances
    mixture = Mixture([0.5, 0.5 - 1e-9, 1e-9], [[0, 0], [3, 0], [-900, 0]], covariance, name)
    rows = np.concatenate([mixture.sample(150, 5)[0], [[40.0, 40.0], [40.5, 39.0], [39.0, 40.5]]])
    running = advanced(Running.settled(mixture, 1000.0), rows)
    moved = running.mixture.means[2]
    assert min(np.abs(rows[-3:] - moved).sum(axis=1)) < 1e-9
    assert running.mixture.weights[2] > 0.0015
    assert_array_equal(running.statistics.centre[2], moved)
    # What it had far away is gone; the weight of all rows is what it was.
    assert_allclose(running.statistics.first[2], 0.0, atol=1e-9)
    assert running.statistics.weight == pytest.approx(1153.0, rel=1e-12)
    again = advanced(running, rows)
    assert np.abs(again.mixture.means[2] - 40.0).max() < 25.0  # it goes on from there
    assert np.isfinite(again.mixture.covariances).all()


def test_statistics_without_a_component() -> None:
    rng = np.random.default_rng(6)
    for name in ("full", "diag", "tied"):
        mixture = random_mixture(rng, name, 3, 2)
        em = problem(with_holes(rng, mixture.sample(60, rng)[0], 0.2), 3, name)
        left = without(expected(em, mixture), 1)
        assert left.zeroth[1] == 0.0
        assert not left.first[1].any()
        assert not left.support[1].any()
        assert (left.zeroth[[0, 2]] > 0).all()


def test_a_chunk_that_makes_a_component_singular_leaves_the_parameters() -> None:
    class Singular(EM):
        def maximise(self, *_: Any) -> Mixture:
            raise SingularCovarianceError("flat")

    mixture = random_mixture(np.random.default_rng(7), "full", 2, 2)
    rows = mixture.sample(30, 0)[0]
    em = problem(rows, 2, "full")
    running = absorbed(
        begun(rows, mixture), Singular(em.source, em.kernels, em.family, em.total), None
    )
    assert running.mixture is mixture
    assert running.weight == running.statistics.weight == 60.0


def clusters_with(clusters: Clusters, rows: Array, forget: float | None = None) -> Clusters:
    """Return clusters with a chunk in them."""
    k, d = clusters.means.shape
    passes = passes_for(rows, k, np.zeros(d), engine="numpy", algorithm="lloyd")
    return joined(clusters, OneBlock(rows), passes, rows, forget)


def test_centres_are_the_means_of_all_rows_they_got() -> None:
    rng = np.random.default_rng(8)
    rows = np.concatenate([rng.normal(size=(60, 2)), rng.normal(9.0, 1.0, size=(40, 2))])
    labels, rows = np.repeat([0, 1], [60, 40]), rows
    order = rng.permutation(100)
    first, *rest = np.split(order, [20, 23, 70])
    held = held_by(labels[first], rows[first], None, 2)
    means = np.stack([rows[first][labels[first] == j].mean(axis=0) for j in (0, 1)])
    clusters = Clusters.of(means, held, 20.0)
    for part in rest:
        clusters = clusters_with(clusters, rows[part])
    assert_allclose(clusters.means, [rows[:60].mean(axis=0), rows[60:].mean(axis=0)], rtol=1e-12)
    assert_allclose(clusters.held[:, 0], [60.0, 40.0])


def test_centres_where_cells_are_missing_are_means_of_observed_cells() -> None:
    first, second = np.array([[1.0, np.nan], [9.0, 9.0]]), np.array([[3.0, 5.0], [np.nan, 7.0]])
    clusters = Clusters.of(np.array([[1.0, 4.0], [9.0, 9.0]]), held_by([0, 1], first, None, 2), 2.0)
    clusters = clusters_with(clusters, second)
    assert_allclose(clusters.means, [[2.0, 5.0], [9.0, 8.0]])
    assert_array_equal(clusters.held, [[2.0, 1.0], [1.0, 2.0]])


def test_old_rows_of_clusters_fade() -> None:
    clusters = Clusters(np.array([[0.0]]), np.array([[100.0]]), 100.0, 100.0, 25.0)
    clusters = clusters_with(clusters, np.full((50, 1), 3.0), 0.5)  # sqrt(25 * 100) = 50 are left
    assert clusters.kept == 100.0
    assert_allclose(clusters.means, 1.5)


def test_a_dead_cluster_is_placed_on_the_farthest_row() -> None:
    held = np.array([[1e7], [1e-3]])
    clusters = Clusters(np.array([[0.0], [500.0]]), held, 1e7, 1e7, 1e7)
    clusters = clusters_with(clusters, np.array([[1.0], [-20.0], [2.0]]))
    assert clusters.means[1, 0] == -20.0
    assert clusters.held[1, 0] == 0.0
    clusters = clusters_with(clusters, np.array([[-22.0], [0.5]]))
    assert clusters.means[1, 0] == -22.0
