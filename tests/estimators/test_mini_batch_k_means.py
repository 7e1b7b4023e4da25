"""k-means on mini-batches: what a user may count on."""

from __future__ import annotations

import logging
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from mixtura import InputError, KMeans, MiniBatchKMeans
from mixtura.estimators.mini_batch_k_means import drawn

Array = Any
CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0], [4.0, 4.0]])


def table(n: int = 6000, spread: float = 1.0, seed: int = 0) -> Array:
    """Return rows of five groups."""
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 5, n)] + spread * rng.normal(size=(n, 2))


def model(**parameters: Any) -> MiniBatchKMeans:
    """Return an estimator of several batches on the table above."""
    return MiniBatchKMeans(**{"n_clusters": 5, "batch_size": 100, "random_state": 0, **parameters})


def chunked(estimator: MiniBatchKMeans, rows: Array, size: int) -> MiniBatchKMeans:
    """Return the estimator after all rows, ``size`` at a time."""
    for start in range(0, len(rows), size):
        estimator.partial_fit(rows[start : start + size])
    return estimator


# What a fit leads to


def test_to_the_end_no_row_would_move() -> None:
    X = table(spread=3.0)
    fitted = model(max_no_improvement=None, n_clusters=9).fit(X)
    apart = ((X[:, None, :] - fitted.cluster_centers_) ** 2).sum(axis=2)
    assert_array_equal(apart.argmin(axis=1), fitted.labels_)
    for j in range(9):
        assert_allclose(X[fitted.labels_ == j].mean(axis=0), fitted.cluster_centers_[j])
    assert fitted.inertia_ == pytest.approx(apart.min(axis=1).sum())


def test_inertia_is_close_to_that_of_kmeans() -> None:
    X = table(spread=2.0)
    whole = KMeans(5, n_init=5, random_state=0).fit(X)
    for seed in range(5):
        assert model(random_state=seed).fit(X).inertia_ < 1.01 * whole.inertia_


def test_labels_are_those_of_predict() -> None:
    X = table(spread=3.0)
    fitted = model().fit(X)
    assert_array_equal(fitted.labels_, fitted.predict(X))
    assert fitted.inertia_ == pytest.approx(-fitted.score(X))
    assert_array_equal(model().fit_predict(X), fitted.labels_)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_threads_change_nothing(engine: str) -> None:
    X = table(40_000, spread=3.0)
    one, two, again = (model(n_jobs=n, engine=engine).fit(X) for n in (1, 2, 2))
    for other in (two, again):
        assert_array_equal(one.cluster_centers_, other.cluster_centers_)
        assert_array_equal(one.labels_, other.labels_)
        assert one.inertia_ == other.inertia_


def test_memory_order_changes_nothing_and_the_table_is_left_alone() -> None:
    X = table(spread=3.0)
    X.flags.writeable = False
    fitted = model(engine="numpy").fit(X)
    other = model(engine="numpy").fit(np.asfortranarray(X))
    assert_allclose(other.cluster_centers_, fitted.cluster_centers_, rtol=1e-12)


def test_single_precision_is_kept() -> None:
    X = table(spread=1.0)
    single, double = model().fit(X.astype(np.float32)), model().fit(X)
    assert single.cluster_centers_.dtype == np.float32
    assert isinstance(single.inertia_, float)
    assert_allclose(single.cluster_centers_, double.cluster_centers_, atol=1e-3)
    assert single.transform(X.astype(np.float32)).dtype == np.float32
    assert single.partial_fit(X).cluster_centers_.dtype == np.float64  # of the last rows


def test_far_from_the_origin_nothing_changes() -> None:
    X = table(spread=1.0)
    near, far = model(init=CENTRES).fit(X), model(init=CENTRES + 1e7).fit(X + 1e7)
    assert_allclose(far.cluster_centers_ - 1e7, near.cluster_centers_, atol=1e-6)


def test_weights_are_repeats_where_the_first_batch_is_the_table() -> None:
    X = table(300, spread=2.0)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    start = {"init": X[:5], "batch_size": 300, "init_size": 5, "max_no_improvement": None}
    weighted = model(**start).fit(X, sample_weight=weights)
    assert weighted.n_iter_ == weighted.n_steps_  # all steps on the whole table
    expected = KMeans(5, init=weighted.cluster_centers_, tol=0.0).fit(np.repeat(X, weights, axis=0))
    assert_allclose(expected.cluster_centers_, weighted.cluster_centers_)
    assert weighted.inertia_ == pytest.approx(expected.inertia_)


def test_rows_without_weight_are_as_good_as_absent() -> None:
    X = table()
    X[::2] += 1000.0
    fitted = model().fit(X, sample_weight=np.arange(len(X)) % 2)
    assert fitted.cluster_centers_.max() < 20.0


def test_a_sample_is_distinct_rows_of_positive_weight() -> None:
    X, weights = np.arange(50.0)[:, None], np.arange(50) % 3.0
    rows, own = drawn(X, weights, 20, np.random.RandomState(0)).first(20)
    assert len(set(rows[:, 0])) == 20
    assert_array_equal(own, weights[rows[:, 0].astype(int)])
    assert (own > 0).all()
    assert len(drawn(X, weights, 50, np.random.RandomState(0)).rows) == 33


# Parameters


def test_batch_size_is_that_of_the_first_batch(caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger="mixtura")
    model(batch_size=123, verbose=1).fit(table())
    sizes = [int(message.split()[2]) for message in caplog.messages]
    assert sizes[0] == 123
    assert {after / before for before, after in pairwise(sizes)} >= {2.0}
    assert sizes == sorted(sizes)
    assert sizes[-1] == 6000


def test_verbose_is_silent_by_default(caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger="mixtura")
    model().fit(table())
    assert caplog.messages == []


def test_max_iter_bounds_the_rows_passed_over() -> None:
    X = table(spread=3.0)
    short, long = (model(max_iter=n, max_no_improvement=None).fit(X) for n in (1, 50))
    assert short.n_iter_ == 1 < long.n_iter_ <= 50
    assert short.inertia_ > long.inertia_
    assert short.labels_.shape == (6000,)


def test_a_tolerance_ends_it_early() -> None:
    X = table(spread=3.0)
    rough, exact = (model(tol=tol, max_no_improvement=None).fit(X) for tol in (0.01, 0.0))
    assert rough.n_steps_ < exact.n_steps_
    scaled = model(tol=0.01, max_no_improvement=None).fit(1000.0 * X)
    assert scaled.n_steps_ == rough.n_steps_


def test_patience_ends_it_early() -> None:
    X = table(spread=3.0)
    steps = [model(max_no_improvement=n, n_clusters=12).fit(X).n_steps_ for n in (1, 10, None)]
    assert steps[0] < steps[1] < steps[2]


def test_labels_may_be_left_out() -> None:
    X = table()
    fitted = model().fit(X)
    without = clone(fitted).set_params(compute_labels=False).fit(X)
    assert not hasattr(without, "labels_")
    assert_array_equal(without.cluster_centers_, fitted.cluster_centers_)
    assert without.inertia_ == pytest.approx(fitted.inertia_, rel=1e-3)
    assert not hasattr(fitted.set_params(compute_labels=False).fit(X), "labels_")
    cut = model(compute_labels=False, max_iter=1).fit(X)  # ends on a part of the rows
    assert cut.inertia_ == pytest.approx(fitted.inertia_, rel=0.1)


def test_random_state_decides() -> None:
    X = table(spread=3.0)
    one, same, other = (model(random_state=seed).fit(X).inertia_ for seed in (0, 0, 1))
    assert one == same != other


def test_init_may_be_given_and_sees_init_size_rows() -> None:
    seen: list[Array] = []

    def init(X: Array, k: int, random_state: Any) -> Array:
        seen.append(X.copy())
        return X[:k]

    X = table()
    model(init=init, init_size=321, n_init=2).fit(X)
    assert [len(rows) for rows in seen] == [321, 321]
    assert {tuple(row) for row in seen[0]} < {tuple(row) for row in X}
    model(init=init, n_init=1).fit(X)
    assert len(seen[-1]) == 300
    fitted = model(init=CENTRES).fit(X)
    assert_allclose(fitted.cluster_centers_, CENTRES, atol=0.2)


def test_n_init_takes_the_best_start() -> None:
    X = table(spread=0.5)

    def mean_inertia(n_init: Any) -> float:
        fits = [model(init="random", n_init=n_init, random_state=s).fit(X) for s in range(6)]
        return float(np.mean([fit.inertia_ for fit in fits]))

    one, three, auto = (mean_inertia(n) for n in (1, 3, "auto"))
    assert three == auto < one


def test_reassignment_ratio_moves_clusters_that_died() -> None:
    rng = np.random.default_rng(0)
    first = np.concatenate([rng.normal(size=(500, 1)), [[1000.0]]])
    later = np.concatenate([rng.normal(size=(500, 1)), rng.normal(50.0, size=(500, 1))])
    found = []
    for ratio in (0.0, 0.01):
        stream = MiniBatchKMeans(2, random_state=0, reassignment_ratio=ratio).partial_fit(first)
        found.append(sorted(stream.partial_fit(later).cluster_centers_[:, 0]))
    assert found[0][1] == pytest.approx(1000.0)
    assert found[1][1] == pytest.approx(50.0, abs=0.5)


def test_engines_lead_to_the_same_clusters() -> None:
    X = table()
    numpy, numba = (model(engine=name, init=CENTRES).fit(X) for name in ("numpy", "numba"))
    assert_allclose(numpy.cluster_centers_, numba.cluster_centers_, rtol=1e-10)
    with pytest.raises(ValueError, match="engine"):
        model(engine="abacus").fit(X)


# Chunks


def test_chunks_lead_close_to_a_fit() -> None:
    X = table(spread=1.5)
    best = model().fit(X).inertia_
    for size in (50, 500, 6000):
        assert -chunked(model(), X, size).score(X) < 1.02 * best
    repeated = model()
    for _ in range(5):
        repeated.partial_fit(X)
    assert -repeated.score(X) < 1.02 * best


def test_centres_are_means_of_all_that_was_assigned() -> None:
    X = table(1000, spread=1.0)
    stream, sums, weight = model(), np.zeros((5, 2)), np.zeros(5)
    for start in range(0, 1000, 200):
        chunk = X[start : start + 200]
        stream.partial_fit(chunk)
        np.add.at(sums, stream.labels_, chunk)
        weight += np.bincount(stream.labels_, minlength=5)
        assert stream.labels_.shape == (200,)
    assert_allclose(stream.cluster_centers_, sums / weight[:, None])


def test_what_is_kept_does_not_grow_and_can_be_pickled() -> None:
    X = table(spread=2.0)
    stream = chunked(model(compute_labels=False), X[:1000], 100)
    size = len(pickle.dumps(stream))
    assert abs(len(pickle.dumps(chunked(stream, X[1000:2000], 100))) - size) < 50
    again = pickle.loads(pickle.dumps(stream))
    chunked(stream, X[2000:], 500)
    chunked(again, X[2000:], 500)
    assert_array_equal(stream.cluster_centers_, again.cluster_centers_)


def test_chunks_go_on_from_a_fit() -> None:
    X = table(2000)
    fitted = model().fit(X)
    before, steps = fitted.cluster_centers_.copy(), fitted.n_steps_
    fitted.partial_fit(before[:1] + np.array([[0.5, 0.0]]))
    moved = np.abs(fitted.cluster_centers_ - before).max(axis=1)
    assert 0.0 < moved[0] < 0.01
    assert_allclose(moved[1:], 0.0, atol=1e-12)
    assert fitted.n_steps_ > steps
    assert_array_equal(fitted.fit(X).cluster_centers_, before)  # which forgets what was seen


def test_weights_of_chunks_are_repeats() -> None:
    X = table(1000)
    weights = np.random.default_rng(2).integers(0, 3, 500).astype(float)
    one, two = model().fit(X), model().fit(X)
    one.partial_fit(X[:500], sample_weight=weights)
    two.partial_fit(np.repeat(X[:500], weights.astype(int), axis=0))
    assert_allclose(one.cluster_centers_, two.cluster_centers_)


def test_chunks_do_not_depend_on_threads() -> None:
    X = table(20_000, spread=3.0)
    one, two = (chunked(model(n_jobs=n), X, 5000) for n in (1, 2))
    assert_array_equal(one.cluster_centers_, two.cluster_centers_)


# Complaints


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"init_size": 4}, "init_size=4"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_no_improvement": 0}, "max_no_improvement"),
        ({"reassignment_ratio": -1.0}, "reassignment_ratio"),
        ({"n_clusters": 7000}, "n_clusters=7000 is more than the 6000 rows"),
        ({"init": np.zeros((4, 2))}, "init has shape"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model(**parameters).fit(table())


@pytest.mark.parametrize("compute_labels", [True, False])
def test_fewer_distinct_rows_than_clusters(compute_labels: bool) -> None:
    rows = np.repeat([[0.0], [1.0], [5.0]], 100, axis=0)
    with pytest.warns(ConvergenceWarning, match="Only 3 of 5 clusters hold rows") as caught:
        model(compute_labels=compute_labels).fit(rows)
    assert caught[0].filename == __file__


def test_numbers_that_vanish_are_refused_unless_others_were_seen() -> None:
    X = table(100)
    for method in ("fit", "partial_fit"):
        with pytest.raises(InputError, match="its square vanishes"):
            getattr(model(), method)(X * 1e-200)
    model().partial_fit(X).partial_fit(X * 1e-200)


def test_missing_cells_are_refused() -> None:
    X = table()
    X[17, 1] = np.nan
    for method in ("fit", "partial_fit"):
        with pytest.raises(InputError, match=r"row 17, column 1.* KMeans"):
            getattr(model(), method)(X)


def test_the_first_chunk_needs_a_row_for_each_cluster() -> None:
    stream = model()
    with pytest.raises(InputError, match="n_clusters=5 is more than the 4 rows"):
        stream.partial_fit(table(4))
    assert not hasattr(stream, "cluster_centers_")
    stream.partial_fit(table(50)).partial_fit(table(1))


def test_the_number_of_clusters_stays_while_chunks_come() -> None:
    stream = model().partial_fit(table(100))
    with pytest.raises(InputError, match="n_clusters=6, but partial_fit goes on with the 5"):
        stream.set_params(n_clusters=6).partial_fit(table(100))


def test_feature_names_are_kept_and_compared() -> None:
    frame = pd.DataFrame(table(100), columns=["width", "height"])
    stream = model().partial_fit(frame)
    assert stream.feature_names_in_.tolist() == ["width", "height"]
    with pytest.raises(ValueError, match="depth"):
        stream.partial_fit(frame.rename(columns={"width": "depth"}))


def test_centres_that_do_not_fit_into_the_dtype_of_a_chunk_are_named() -> None:
    model = MiniBatchKMeans(2, random_state=0).partial_fit(np.arange(20.0).reshape(10, 2) * 1e50)
    with pytest.raises(ValueError, match=r"cluster_centers_: column .* so large"):
        model.partial_fit(np.ones((10, 2), np.float32))
