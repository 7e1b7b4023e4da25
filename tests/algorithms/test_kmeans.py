"""k-means as a start."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.algorithms.kmeans import assigned, kmeans, lloyd, plus_plus, squared_lengths, updated

ROWS = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])
ONES = np.ones(5)


def test_lloyd_by_hand() -> None:
    clusters = lloyd(ROWS, ONES, np.array([[0.0], [1.0]]))
    assert sorted(clusters.centres[:, 0]) == [0.5, 11.0]
    assert clusters.inertia == pytest.approx(0.5 + 2.0)
    assert clusters.labels.tolist() == [0, 0, 1, 1, 1]


def test_weights_are_repeats() -> None:
    weights = np.array([1.0, 3.0, 1.0, 0.0, 2.0])
    repeated = np.repeat(ROWS, weights.astype(int), axis=0)
    start = np.array([[0.0], [12.0]])
    weighted = lloyd(ROWS, weights, start)
    plain = lloyd(repeated, np.ones(len(repeated)), start)
    np.testing.assert_allclose(weighted.centres, plain.centres)
    assert weighted.inertia == pytest.approx(plain.inertia)


def test_at_the_end_no_row_is_nearer_to_another_centre() -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(300, 3)), rng.random(300)
    clusters = lloyd(rows, weights, rows[:6])
    apart = ((rows[:, None, :] - clusters.centres) ** 2).sum(axis=2)
    assert np.array_equal(apart.argmin(axis=1), clusters.labels)
    np.testing.assert_allclose(clusters.inertia, weights @ apart.min(axis=1))
    for j in range(6):
        members = clusters.labels == j
        mean = np.average(rows[members], axis=0, weights=weights[members])
        np.testing.assert_allclose(clusters.centres[j], mean, atol=1e-12)


def test_the_sum_of_squares_never_rises() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 2))
    inertias = [lloyd(rows, np.ones(200), rows[:5], max_iter=i).inertia for i in range(15)]
    assert (np.diff(inertias) <= 0).all()
    assert inertias[-1] < inertias[0]


def test_a_tolerance_ends_it_early() -> None:
    rows = np.random.default_rng(2).normal(size=(500, 2))
    exact = lloyd(rows, np.ones(500), rows[:8])
    rough = lloyd(rows, np.ones(500), rows[:8], tol=0.05)
    assert exact.inertia < rough.inertia


def test_an_empty_cluster_takes_the_farthest_row() -> None:
    centres = np.array([[5.0], [100.0], [200.0]])
    clusters = assigned(ROWS, ONES, centres, squared_lengths(ROWS))
    assert clusters.labels.tolist() == [0] * 5
    # The mean of all is 6.8; farthest from the old centre 5 is 12, then 11.
    assert updated(ROWS, ONES, clusters).tolist() == [[6.8], [12.0], [11.0]]


def test_rows_without_weight_are_not_the_farthest() -> None:
    weights = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    clusters = assigned(ROWS, weights, np.array([[5.0], [100.0]]), squared_lengths(ROWS))
    assert updated(ROWS, weights, clusters)[1].tolist() == [11.0]


def test_more_clusters_than_distinct_rows() -> None:
    rows = np.array([[0.0], [0.0], [1.0], [1.0]])
    clusters = kmeans(rows, np.ones(4), 4, np.random.default_rng(0))
    assert clusters.inertia == 0.0
    assert np.isfinite(clusters.centres).all()
    assert set(clusters.centres[:, 0]) <= {0.0, 1.0}


def test_seeds_are_rows_apart_from_each_other() -> None:
    rng = np.random.default_rng(3)
    centres = 100.0 * np.arange(6)[:, None]
    rows = (centres + rng.normal(size=(6, 50))).reshape(-1, 1)
    for seed in range(20):
        seeds = plus_plus(rows, np.ones(300), 6, np.random.default_rng(seed))
        assert sorted(seeds // 50) == list(range(6))


def test_seeds_have_weight() -> None:
    weights = (np.arange(5) % 2).astype(float)
    for seed in range(20):
        seeds = plus_plus(ROWS, weights, 2, np.random.default_rng(seed))
        assert sorted(seeds) == [1, 3]


def test_identical_rows_have_seeds_too() -> None:
    seeds = plus_plus(np.ones((4, 2)), np.array([0.0, 1.0, 1.0, 1.0]), 3, np.random.default_rng(0))
    assert len(seeds) == 3
    assert 0 not in seeds


def test_more_trials_are_no_worse() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(400, 2)) + 6.0 * rng.integers(0, 4, size=(400, 2))
    one, many = (
        np.mean(
            [
                kmeans(rows, np.ones(400), 16, np.random.default_rng(s), n_trials=n).inertia
                for s in range(10)
            ]
        )
        for n in (1, 8)
    )
    assert many < one


def test_the_same_seed_gives_the_same_clusters() -> None:
    rows = np.random.default_rng(5).normal(size=(100, 2))
    one, two = (kmeans(rows, np.ones(100), 4, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.centres, two.centres)
