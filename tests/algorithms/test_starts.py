"""Where EM starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixtura import InputError, Mixture
from mixtura.algorithms import starts
from mixtura.algorithms.kmeans import Clustering
from mixtura.algorithms.restarts import collapsed_components, relative_floor
from mixtura.algorithms.starts import (
    METHODS,
    best_of,
    discriminating,
    fallback,
    filled,
    from_responsibilities,
    one_hot,
    standardised,
    start_by,
    tightest,
    views_of,
)
from mixtura.algorithms.stopping import Status
from mixtura.model import family_named
from problems import (
    FAMILY_NAMES,
    RESTRICTED_NAMES,
    assert_close,
    labelled_start,
    problem,
    random_rows,
    with_holes,
)


def table(seed: int = 30) -> np.ndarray:
    """Return 120 rows of three groups in two columns of very different units."""
    return random_rows(np.random.default_rng(seed), 120, 3, 2, spread=6.0) * [1.0, 1e4]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_method_returns_a_usable_mixture(name: str, method: str) -> None:
    X = table()
    start = start_by(method, problem(X, 3, name), 3, np.random.default_rng(0))
    assert (start.n_components, start.n_features, start.covariance_type) == (3, 2, name)
    assert (start.weights > 0).all()
    assert np.isfinite(start.log_prob(X)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_start_depends_on_its_seed_alone(method: str) -> None:
    em = problem(table(), 3, "full")
    one, same, other = (start_by(method, em, 3, np.random.default_rng(s)) for s in (0, 0, 1))
    assert np.array_equal(one.means, same.means)
    if method != "kmeans":  # which finds the three groups every time
        assert not np.array_equal(one.means, other.means)


@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
def test_groups_that_are_obvious_are_found(method: str) -> None:
    rng = np.random.default_rng(31)
    labels = rng.integers(3, size=150)
    X = np.array([[0.0, 0.0], [0.0, 1e5], [20.0, 0.0]])[labels] + rng.normal(size=(150, 2))
    start = start_by(method, problem(X, 3, "diag"), 3, rng)
    found = start.responsibilities(X).argmax(axis=1)
    assert len(set(zip(labels, found, strict=True))) == 3


def test_unknown_methods_are_named() -> None:
    with pytest.raises(InputError, match="init_params='best' is not one of kmeans, k-means\\+\\+"):
        start_by("best", problem(table(), 3, "full"), 3, np.random.default_rng(0))


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_weight_do_not_matter(method: str) -> None:
    X, weights = table(), (np.arange(120) % 2).astype(float)
    X[::2] = 1e9
    em = problem(X, 3, "diag", weights)
    start = start_by(method, em, 3, np.random.default_rng(0))
    assert np.abs(start.means).max() < 1e6


def test_large_tables_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "SAMPLE_ROWS", 50)
    monkeypatch.setattr(starts, "ROWS_PER_MEAN", 0)
    em, seen = problem(table(), 3, "diag"), []

    def spy(view, k, rng, engine):
        seen.append(view.n_rows)
        return one_hot(np.arange(view.n_rows) % k, k)

    monkeypatch.setitem(starts.RESPONSIBILITIES, "random", spy)
    start_by("random", em, 3, np.random.default_rng(0))
    monkeypatch.setattr(starts, "ROWS_PER_MEAN", 20)  # 2 components of 2 columns
    start_by("random", em, 2, np.random.default_rng(0))
    assert seen == [50, 80]


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_distances_are_in_units_that_the_family_ignores(name: str) -> None:
    X = table()
    rows = standardised(X, problem(X, 3, name))
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-12)
    if name == "spherical":
        np.testing.assert_allclose(rows.var(axis=0).mean(), 1.0)
        np.testing.assert_allclose(
            rows.std(axis=0)[1] / rows.std(axis=0)[0], X.std(axis=0)[1] / X.std(axis=0)[0]
        )
    else:
        np.testing.assert_allclose(rows.std(axis=0), 1.0)


def test_constant_columns_are_left_as_they_are() -> None:
    X = np.c_[table()[:, 0], np.full(120, 7.0)]
    rows = standardised(X, problem(X, 3, "full"))
    assert np.isfinite(rows).all()
    assert np.ptp(rows[:, 1]) == 0.0


def cigars(d: int, seed: int = 33) -> tuple[np.ndarray, np.ndarray]:
    """Return two parallel groups, six deviations apart across, fifty times as long, and turned."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=100 * d)
    X = rng.normal(size=(len(labels), d))
    X[:, 0] += 6.0 * labels
    X[:, 1:] *= 50.0
    return X @ np.linalg.qr(rng.normal(size=(d, d)))[0], labels


@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize("d", [3, 20])
def test_elongated_groups_are_not_cut_across(d: int, name: str, method: str) -> None:
    X, labels = cigars(d)
    start = start_by(method, problem(X, 2, name), 2, np.random.default_rng(0))
    same = np.mean(start.responsibilities(X).argmax(axis=1) == labels)
    assert max(same, 1 - same) > 0.95


@pytest.mark.parametrize(("d", "k"), [(2, 4), (3, 2), (5, 3)])
def test_telling_coordinates_change_by_rotation_alone(d: int, k: int) -> None:
    rng = np.random.default_rng(34)
    X, weights = random_rows(rng, 200, k, d, spread=4.0), rng.random(200)
    matrix = rng.normal(size=(d, d)) * 10.0 ** np.arange(d)
    views = [
        discriminating(rows, weights, problem(rows, k, "full", weights), k)
        for rows in (X, X @ matrix.T + 100.0)
    ]
    assert views[0].shape == (200, min(d, k - 1))
    assert_close(views[1] @ views[1].T, views[0] @ views[0].T, 1e-6)
    assert_close(np.average(views[0] ** 2, axis=0, weights=weights), np.ones(min(d, k - 1)), 1e-12)


def test_directions_without_spread_are_dropped() -> None:
    X = np.c_[table(), table().sum(axis=1), np.full(120, 3.0)]
    view = discriminating(X, np.ones(120), problem(X, 9, "full"), 9)
    assert view.shape == (120, 2)
    assert np.abs(view).max() < 10


@pytest.mark.parametrize(
    ("name", "k", "n_views"), [("full", 3, 2), ("tied", 3, 2), ("full", 1, 1), ("diag", 3, 1)]
)
def test_correlated_families_look_twice(name: str, k: int, n_views: int) -> None:
    X = table()
    assert len(views_of(X, np.ones(120), problem(X, k, name), k)) == n_views
    constant = np.ones((120, 2))
    assert len(views_of(constant, np.ones(120), problem(constant, k, name), k)) == 1


def test_collapsed_starts_lose_to_sound_ones() -> None:
    X = table()
    em = problem(X, 2, "full")
    total = np.cov(X.T, bias=True)
    sound, flat = (
        Mixture([0.5, 0.5], X[:2], np.stack([total, scale * total])) for scale in (1.0, 1e-12)
    )
    other = Mixture([0.4, 0.6], X[:2], sound.covariances)

    def ranked(*runs: tuple[Mixture, float]) -> list[Mixture]:
        return [mixture for mixture, _ in best_of(em, list(runs), 120.0, 2)]

    assert ranked((flat, 10.0), (sound, 0.0)) == [sound, flat]
    assert ranked((flat, 10.0)) == [flat]
    assert ranked((sound, 0.0), (other, 1e-3)) == [sound, other]
    assert ranked((sound, 0.0), (other, 1.0), (flat, 2.0)) == [other, sound]


def test_of_equal_clusterings_the_first_counts() -> None:
    one, same, better = (
        Clustering(np.zeros((1, 1)), np.zeros(1, dtype=np.int32), inertia, 1, Status.CONVERGED)
        for inertia in (1.0, 1.0 - 1e-9, 0.9)
    )
    assert tightest([one, same]) is one
    assert tightest([one, same, better]) is better


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_given_responsibilities_are_an_m_step(name: str) -> None:
    X, rng = table(), np.random.default_rng(32)
    resp, weights = rng.dirichlet(np.ones(3), 120), rng.random(120)
    start = from_responsibilities(problem(X, 3, name, weights), X, resp, weights)
    weighted = resp * weights[:, None]
    assert_close(start.weights, weighted.sum(axis=0) / weights.sum(), 1e-13)
    assert_close(start.means, (weighted.T @ X) / weighted.sum(axis=0)[:, None], 1e-13)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_components_without_rows_are_spread_over_the_table(name: str) -> None:
    X = table()
    em = problem(X, 3, name)
    start = from_responsibilities(em, X, one_hot(np.zeros(120, dtype=int), 3), None)
    expected = fallback(em, X, 3)
    assert start.weights.tolist() == [1.0, 0.0, 0.0]
    assert_close(start.means[1:], expected.means[1:], 1e-13)
    assert not np.array_equal(start.means[1], start.means[2])
    if name != "tied":
        assert_close(start.covariances[1], expected.covariances[1], 1e-13)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_fallback_has_the_tables_covariance(name: str) -> None:
    X = table()
    spread = fallback(problem(X, 3, name), X, 3)
    assert np.array_equal(spread.means, X[[0, 59, 119]])
    total = np.cov(X.T, bias=True)
    expected = family_named(name).pooled(total, 3)
    assert_close(spread.covariances, expected, 1e-12)


def test_the_fallback_respects_the_floor() -> None:
    X = np.ones((5, 2))
    em = problem(X, 3, "full")
    em = type(em)(em.source, em.kernels, em.family, em.total, relative_floor(em))
    assert np.isfinite(fallback(em, X, 3).log_prob(X)).all()


def test_one_hot() -> None:
    assert one_hot(np.array([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_mixture_of_one_is_the_table() -> None:
    X = table()
    start = start_by("kmeans", problem(X, 1, "full"), 1, np.random.default_rng(0))
    expected = Mixture([1.0], [X.mean(axis=0)], [np.cov(X.T, bias=True)])
    assert_close(start.means, expected.means, 1e-12)
    assert_close(start.covariances, expected.covariances, 1e-12)


def holed(seed: int = 30) -> np.ndarray:
    """Return ``table`` without a third of its cells, some rows without any."""
    X = with_holes(np.random.default_rng(seed), table(seed), 0.3)
    assert np.isnan(X).all(axis=1).any()
    return X


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_method_starts_from_incomplete_rows(name: str, method: str) -> None:
    em = problem(holed(), 3, name)
    start = start_by(method, em, 3, np.random.default_rng(0))
    assert (start.weights > 0).all()
    assert np.isfinite(em.expect(start).loglik)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_obvious_groups_are_found_in_incomplete_rows(name: str) -> None:
    rng = np.random.default_rng(31)
    labels = rng.integers(3, size=300)
    centres = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 1e5, 9.0, 0.0], [20.0, 0.0, 9.0, 5.0]])
    X = with_holes(rng, centres[labels] + rng.normal(size=(300, 4)), 0.2)
    em = problem(X, 3, name)
    start = start_by("kmeans", em, 3, rng)
    found = em.kernels.responsibilities(X, start).argmax(axis=1)
    counts = np.zeros((3, 3))
    np.add.at(counts, (labels, found), 1)
    assert counts.max(axis=1).sum() > 270
    assert len(set(counts.argmax(axis=1))) == 3


def test_filled_rows_are_regressions_on_what_is_observed() -> None:
    rng = np.random.default_rng(35)
    X = rng.multivariate_normal([1.0, -2.0], [[1.0, 0.9], [0.9, 1.0]], size=3000)
    X[::3, 1], X[1::3, 0], X[2] = np.nan, np.nan, np.nan
    em = problem(X, 2, "full")
    complete = filled(X, em)
    seen = ~np.isnan(X)
    assert np.array_equal(complete[seen], X[seen])
    assert em.total is not None
    assert_close(complete[2], em.total.centre[0], 1e-14)
    np.testing.assert_allclose(np.diff(complete[::3, 1]) / np.diff(X[::3, 0]), 0.9, atol=0.05)


def test_a_fallback_without_missing_means() -> None:
    X = holed()
    X[0] = np.nan
    em = problem(X, 3, "diag")
    assert em.total is not None
    means = fallback(em, X, 3).means
    assert np.array_equal(means[0], em.total.centre[0])
    assert np.isfinite(means).all()


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_groups_that_are_flat_start_from_what_they_have_in_common(name: str) -> None:
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(30, 2)), [[9.0, 9.0], [9.0, 12.0], [9.0, 15.0]]]
    labels = np.r_[np.zeros(30), np.ones(3)].astype(int)  # the second group is a line
    em = problem(X, 2, name)
    em = replace(em, floor=relative_floor(em))
    start = labelled_start(em, X, labels)
    start.family.check("start", start.covariances)
    assert_close(start.means[1], [9.0, 12.0], 1e-12)
    assert np.isfinite(em.expect(start).loglik)
    assert not collapsed_components(em, start).any()


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_empty_groups_start_somewhere_and_of_the_structure(name: str) -> None:
    X = random_rows(np.random.default_rng(0), 60, 2, 3)
    em = problem(X, 3, name)
    em = replace(em, floor=relative_floor(em))
    start = labelled_start(em, X, 2 * (np.arange(60) % 2))
    start.family.check("start", start.covariances)
    assert start.weights[1] == 0.0
    assert np.isfinite(em.expect(start).loglik)
