"""k-means on rows that are read in chunks: what it says is what it says of an array."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from mixtura import InputError, KMeans, MiniBatchKMeans
from mixtura.algorithms.lloyd import Settled
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.stopping import Status
from mixtura.estimators import centres_outside
from mixtura.estimators.centres_outside import mean_variance, spread
from mixtura.estimators.k_means import mean_observed_variance
from mixtura.sources import StreamedSource
from mixtura.sources.sampling import sample
from reading import Opened


def blobs(n: int = 5000, holes: float = 0.0, dtype: Any = np.float64, seed: int = 0) -> Any:
    """Return rows about five centres, with cells missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) + (6.0 * rng.normal(size=(5, 3)))[rng.integers(5, size=n)]
    X[rng.random(X.shape) < holes] = np.nan
    return X.astype(dtype)


def check_same(inside: KMeans, outside: KMeans, close: float = 1e-10) -> None:
    """Assert that two fits ended in the same way."""
    np.testing.assert_allclose(
        outside.cluster_centers_, inside.cluster_centers_, rtol=close, atol=close
    )
    assert outside.cluster_centers_.dtype == inside.cluster_centers_.dtype
    assert outside.inertia_ == pytest.approx(inside.inertia_, rel=close)
    assert (outside.n_iter_, outside.status_) == (inside.n_iter_, inside.status_)


@pytest.mark.parametrize("holes", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_a_fit_is_that_of_the_array(holes: float, weighted: bool, init: str) -> None:
    X = blobs(holes=holes)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, len(X)) if weighted else None
    options: dict[str, Any] = {"init": init, "random_state": 3, "n_init": 2}
    outside = KMeans(6, **options).fit(Opened(X, weights))
    check_same(KMeans(6, **options).fit(X, sample_weight=weights), outside)
    again = KMeans(6, **options, n_jobs=1).fit(Opened(X, weights, memory=2**26))
    assert (again.cluster_centers_ == outside.cluster_centers_).all()
    assert again.inertia_ == outside.inertia_


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_from_given_centres_in_single_precision(engine: str) -> None:
    X = blobs(dtype=np.float32)
    options: dict[str, Any] = {"init": X[:4], "tol": 0.0, "engine": engine}
    outside = KMeans(4, **options).fit(Opened(X))
    assert outside.status_ is Status.CONVERGED
    check_same(KMeans(4, **options).fit(X), outside, 1e-6)


def test_starts_on_tables_larger_than_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres_outside, "SAMPLE_ROWS", 500)
    X = blobs()
    for init in ("k-means++", "k-means||", "random"):
        table = Opened(X)
        options: dict[str, Any] = {"init": init, "n_init": 3, "random_state": 0}
        outside, inside = KMeans(5, **options).fit(table), KMeans(5, **options).fit(X)
        assert outside.inertia_ <= 1.02 * inside.inertia_


def test_what_is_asked_of_rows_is_what_it_is_of_the_array() -> None:
    X, weights = blobs(holes=0.1), np.random.default_rng(1).random(5000)
    model, table = KMeans(5, random_state=0).fit(X, sample_weight=weights), Opened(X, weights)
    labels = model.predict(table)
    assert labels.dtype == np.int32
    assert np.array_equal(labels, model.predict(X))
    np.testing.assert_allclose(model.transform(table), model.transform(X), rtol=1e-12)
    assert model.score(table) == pytest.approx(model.score(X, sample_weight=weights), rel=1e-12)
    own = KMeans(5, random_state=0)
    assert np.array_equal(own.fit_predict(table), own.predict(X))
    np.testing.assert_allclose(own.fit_transform(table), own.transform(X), rtol=1e-12)


def test_labels_are_not_kept() -> None:
    X = blobs()
    model = KMeans(2, random_state=0).fit(X).fit(Opened(X))
    with pytest.raises(AttributeError, match=r"predict\(X\) returns the labels, and table.write"):
        _ = model.labels_
    with pytest.raises(AttributeError, match=r"no attribute 'labels_'$"):
        _ = KMeans(2).labels_
    assert len(model.fit(X).labels_) == len(X)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_the_mixture_of_the_clusters(covariance_type: str) -> None:
    X, weights = blobs(), np.random.default_rng(1).uniform(0.5, 2.0, 5000)
    model = KMeans(4, random_state=0).fit(X)
    outside = model.as_mixture(Opened(X, weights), covariance_type)
    inside = model.as_mixture(X, covariance_type, sample_weight=weights)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(outside, name), getattr(inside, name), rtol=1e-9)


def test_iterations_are_recorded_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    X, seen = blobs(), []
    options: dict[str, Any] = {"init": X[:4], "record": True}
    outside = KMeans(4, **options, callback=seen.append, verbose=1)
    with caplog.at_level(logging.INFO, "mixtura"):
        outside.fit(Opened(X))
    inside = KMeans(4, **options).fit(X)
    assert len(outside.snapshots_) == len(inside.snapshots_) == len(seen) + 1
    for ours, theirs in zip(outside.snapshots_, inside.snapshots_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    assert "start 0, iteration 1: squared shift" in caplog.text
    stopped = KMeans(4, **options, callback=lambda step: step.iteration == 2).fit(Opened(X))
    assert (stopped.status_, stopped.n_iter_) == (Status.CALLBACK, 2)


def test_a_fit_goes_on_from_its_checkpoint(tmp_path: Any) -> None:
    X, path = blobs(), tmp_path / "kept"
    options: dict[str, Any] = {"random_state": 1, "n_init": 2, "tol": 0.0}
    whole = KMeans(6, **options).fit(Opened(X))

    def fails(step: Any) -> None:
        if step.restart == 1 and step.iteration == 3:
            raise KeyboardInterrupt

    kept: dict[str, Any] = {"checkpoint": path, "checkpoint_every": 0}
    with pytest.raises(KeyboardInterrupt):
        KMeans(6, **options, **kept, callback=fails).fit(Opened(X))
    seen: list[Any] = []
    again = KMeans(6, **options, **kept, callback=seen.append).fit(Opened(X))
    assert (seen[0].restart, seen[0].iteration) == (1, 3)
    assert again.cluster_centers_.tobytes() == whole.cluster_centers_.tobytes()
    assert (again.inertia_, again.n_iter_) == (whole.inertia_, whole.n_iter_)
    assert not path.exists()


def test_rows_may_go_on_coming() -> None:
    X = blobs()
    inside, outside = (KMeans(3, random_state=0).fit(rows) for rows in (X, Opened(X)))
    chunk = blobs(300, seed=1)
    check_same(inside.partial_fit(chunk), outside.partial_fit(chunk))


# --- mini-batches ----------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_mini_batches_of_a_table_that_fits_are_those_of_the_array(weighted: bool) -> None:
    X = blobs()
    weights = np.random.default_rng(1).uniform(0.1, 3.0, len(X)) if weighted else None
    options: dict[str, Any] = {"random_state": 0, "batch_size": 256}
    outside = MiniBatchKMeans(5, **options).fit(Opened(X, weights))
    inside = MiniBatchKMeans(5, **options).fit(X, sample_weight=weights)
    assert not hasattr(outside, "labels_")
    assert outside.inertia_ == pytest.approx(-outside.score(Opened(X, weights)), rel=1e-12)
    assert outside.inertia_ == pytest.approx(inside.inertia_, rel=1e-10)
    centres = inside.cluster_centers_
    np.testing.assert_allclose(outside.cluster_centers_, centres, rtol=1e-10, atol=1e-10)
    assert (outside.n_iter_, outside.n_steps_) == (inside.n_iter_, inside.n_steps_)
    chunk = blobs(300, seed=1)
    ours, theirs = (model.partial_fit(chunk).cluster_centers_ for model in (outside, inside))
    np.testing.assert_allclose(ours, theirs, atol=0.1)


def test_passes_over_all_rows_follow_those_over_a_sample() -> None:
    X = blobs(20_000)
    table = Opened(X, memory=2**16)  # of which a quarter holds 682 rows
    model = MiniBatchKMeans(5, random_state=0, batch_size=64, init_size=300).fit(table)
    local = KMeans(5, init=model.cluster_centers_, tol=0.0).fit(X)
    assert model.inertia_ <= 1.001 * local.inertia_
    longer = MiniBatchKMeans(
        5, random_state=0, batch_size=64, init_size=300, max_no_improvement=None, max_iter=500
    ).fit(Opened(X, memory=2**16))
    assert longer.n_iter_ > model.n_iter_
    assert (
        longer.cluster_centers_
        == KMeans(5, init=longer.cluster_centers_, tol=0.0).fit(Opened(X)).cluster_centers_
    ).all()
    again = MiniBatchKMeans(5, random_state=0, batch_size=64, init_size=300, n_jobs=1).fit(table)
    assert (again.cluster_centers_ == model.cluster_centers_).all()
    assert np.array_equal(again.fit_predict(table), model.predict(X))
    short = MiniBatchKMeans(5, random_state=0, batch_size=64, init_size=300, max_iter=2).fit(table)
    assert short.n_iter_ <= 2


@pytest.mark.parametrize(("memory", "drawn"), [(4 * 20_000, 120), (4 * 50_000, 2_083)])
def test_the_sample_of_mini_batches_takes_no_number_for_every_row_of_a_large_table(
    memory: int, drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def sampled(self: Any, n: int, rng: np.random.Generator) -> Any:
        asked.append(n)
        return sample(self, False, n, rng)

    monkeypatch.setattr(StreamedSource, "sample_rows", sampled)
    MiniBatchKMeans(2, random_state=0, init_size=50).fit(Opened(blobs(6_000), memory=memory))
    assert asked == [drawn]


def test_mini_batches_take_no_missing_cells() -> None:
    with pytest.raises(InputError, match="of a table has missing cells"):
        MiniBatchKMeans(2).fit(Opened(blobs(holes=0.1)))
    with pytest.raises(InputError, match="init_size=1 is less than n_clusters=2"):
        MiniBatchKMeans(2, init_size=1).fit(Opened(blobs()))


# --- what cannot be used ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "exponion"}, "algorithm='exponion' keeps bounds of every row"),
        ({"algorithm": "elkan"}, "algorithm='elkan' keeps bounds of every row"),
        ({"init": lambda X, k, random_state: X[:k]}, "init is a callable"),
        ({"init": np.zeros((2, 2))}, r"init has shape \(2, 2\); this fit needs \(2, 3\)"),
    ],
)
def test_parameters_that_need_the_rows(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KMeans(2, **options).fit(Opened(blobs(20)))


def test_rows_that_cannot_be_clustered() -> None:
    X = blobs(20)
    with pytest.raises(InputError, match="n_clusters=21 is more than the 20 rows"):
        KMeans(21).fit(Opened(X))
    with pytest.raises(InputError, match="column 1 holds numbers so large that their squares"):
        KMeans(2).fit(Opened(X * [1.0, 1e160, 1.0]))
    with pytest.raises(InputError, match="so small that its square vanishes"):
        KMeans(2).fit(Opened(X * 1e-170))
    with pytest.raises(InputError, match="sample_weight does not go with a table on disk"):
        KMeans(2).fit(Opened(X), sample_weight=np.ones(20))
    model = KMeans(2, random_state=0).fit(Opened(X))
    with pytest.raises(InputError, match="squares overflow"):
        model.score(Opened(X * 1e160))
    with pytest.raises(InputError, match="a table has 2 columns; the model has 3"):
        model.score(Opened(X[:, :2]))
    for ask in ("predict", "transform", "score", "as_mixture"):
        with pytest.raises(NotFittedError):
            getattr(KMeans(2), ask)(Opened(X))
    holed = blobs(50, holes=0.2)
    with pytest.raises(InputError, match="as_mixture of a table with missing cells"):
        model.as_mixture(Opened(holed))
    bounded = KMeans(2, algorithm="yinyang", random_state=0).fit(X)
    with pytest.raises(InputError, match="column 1 of a table has missing cells"):
        bounded.score(Opened(holed))


def test_more_clusters_than_distinct_rows() -> None:
    X = np.repeat([[0.0], [1.0]], 4, axis=0)
    with pytest.warns(ConvergenceWarning, match="Only 2 of 3 clusters hold rows") as caught:
        KMeans(3, random_state=0).fit(Opened(X))
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="one start is run, not n_init=5") as caught:
        KMeans(2, init=X[3:5], n_init=5).fit(Opened(X))
    assert caught[0].filename == __file__


# --- the parts -------------------------------------------------------------------------------


def test_spread_is_that_of_all_cells_far_from_the_origin_too() -> None:
    X = 1e8 + blobs(999, holes=0.3)
    X[:100] = np.nan  # a block without a cell
    total = spread(X[:100], None) + spread(X[100:101], None) + spread(X[101:], None)
    np.testing.assert_allclose(total.squares / total.count, np.nanvar(X, axis=0), rtol=1e-9)
    np.testing.assert_allclose(total.mean, np.nanmean(X, axis=0), rtol=1e-15)
    near = blobs(999, holes=0.3)
    found: Any = mean_variance(OneBlock(near))
    assert found == pytest.approx(mean_observed_variance(OneBlock(near)), rel=1e-12)


def test_clusterings_without_labels_are_clusterings() -> None:
    model = KMeans(2, random_state=0)
    settled, weight, _ = centres_outside.best_run(model, Opened(blobs(40)), None)
    assert isinstance(settled, Settled)
    assert settled.labels.size == 0
    assert settled.rows.sum() == settled.held.sum() == weight == 40
