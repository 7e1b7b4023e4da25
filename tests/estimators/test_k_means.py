"""The k-means estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from mixtura import InputError, KMeans, KMeansStep, MiniBatchKMeans, Status, kmeans_plusplus
from mixtura.estimators import k_means
from mixtura.kernels.kmeans import ALGORITHMS
from problems import FAMILY_NAMES, laid_out

LAYOUTS = ("C", "F", "strided", "reversed", "read-only")


def groups(n: int = 400, d: int = 3, k: int = 5, seed: int = 0) -> np.ndarray:
    """Return rows of overlapping groups, which take k-means a good many iterations."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + rng.normal(scale=2.0, size=(k, d))[rng.integers(k, size=n)]


X = groups()
HOLED = np.array([[1.0, 2.0], [np.nan, 3.0]])


def same(first: KMeans, second: KMeans) -> bool:
    """Return whether two fits are equal to the last bit."""
    names = ("cluster_centers_", "labels_", "inertia_", "n_iter_")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


# --- the same as scikit-learn ----------------------------------------------------------------


@pytest.mark.parametrize("tol", [0.0, 1e-4, 1e-2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(400, 2, 3), (1000, 5, 20), (300, 40, 7)])
def test_from_one_start_as_scikit_learn(
    shape: tuple[int, int, int], weighted: bool, tol: float
) -> None:
    n, d, k = shape
    rows = groups(n, d, k)
    weights = np.random.default_rng(1).random(n) if weighted else None
    chosen = {"n_clusters": k, "init": rows[:k], "tol": tol}
    ours = KMeans(**chosen).fit(rows, sample_weight=weights)
    theirs = sklearn.cluster.KMeans(**chosen).fit(rows, sample_weight=weights)
    assert np.array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == theirs.labels_.dtype
    assert ours.n_iter_ == theirs.n_iter_ > 2
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-12)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-10)
    assert ours.score(rows, sample_weight=weights) == pytest.approx(-theirs.inertia_, rel=1e-12)
    np.testing.assert_allclose(ours.transform(rows), theirs.transform(rows), rtol=1e-7)


def test_a_callable_draws_what_it_draws_in_scikit_learn() -> None:
    def drawn(rows: Any, k: int, random_state: Any) -> Any:
        seen.append(rows.shape)
        return random_state.normal(size=(k, rows.shape[1]))

    seen: list[tuple[int, int]] = []
    centred = X - X.mean(axis=0)  # scikit-learn calls it with rows about their mean
    chosen = {"init": drawn, "n_init": 2, "random_state": 3, "tol": 0}
    ours = KMeans(4, **chosen).fit(centred)
    theirs = sklearn.cluster.KMeans(4, **chosen).fit(centred)
    assert len(seen) == 4
    assert ours.inertia_ == pytest.approx(theirs.inertia_)
    assert np.array_equal(ours.labels_, theirs.labels_)


# --- what every fit promises -----------------------------------------------------------------


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    dtype=st.sampled_from([np.float64, np.float32]),
    offset=st.sampled_from([0.0, 1e3, 1e8]),
    algorithm=st.sampled_from(ALGORITHMS),
    max_iter=st.sampled_from([1, 3, 300]),
)
def test_labels_are_predictions_and_inertia_is_theirs(
    seed: int, dtype: Any, offset: float, algorithm: str, max_iter: int
) -> None:
    rows = (groups(60, 2, 4, seed) + offset).astype(dtype)
    model = KMeans(4, random_state=seed, algorithm=algorithm, max_iter=max_iter)
    if len(np.unique(rows, axis=0)) < 4:  # single precision has no digits left
        with pytest.warns(ConvergenceWarning, match="clusters hold rows"):
            model.fit(rows)
    else:
        model.fit(rows)
    assert model.cluster_centers_.dtype == dtype
    assert np.array_equal(model.predict(rows), model.labels_)
    apart = rows.astype(float) - model.cluster_centers_[model.labels_].astype(float)
    assert model.inertia_ == pytest.approx(float((apart**2).sum()))
    assert model.score(rows) == -model.inertia_


@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_an_offset_changes_nothing_else(offset: float) -> None:
    near = KMeans(5, init=X[:5]).fit(X)
    far = KMeans(5, init=X[:5] + offset).fit(X + offset)
    assert np.array_equal(near.labels_, far.labels_)
    assert near.n_iter_ == far.n_iter_
    # A number near 1e8 is a multiple of 1.5e-8.
    np.testing.assert_allclose(far.cluster_centers_ - offset, near.cluster_centers_, atol=1e-7)
    assert far.inertia_ == pytest.approx(near.inertia_, rel=1e-6)


def test_the_tolerance_is_in_units_of_the_variance() -> None:
    rows = groups(3000, 3, 8)
    plain = KMeans(8, init=rows[:8], tol=1e-3).fit(rows)
    scaled = KMeans(8, init=1024.0 * rows[:8], tol=1e-3).fit(1024.0 * rows)
    assert plain.n_iter_ == scaled.n_iter_ < KMeans(8, init=rows[:8], tol=0).fit(rows).n_iter_
    far = k_means.mean_variance(k_means.source_of(rows + 1e8, None, 8, None))
    assert far == pytest.approx(rows.var(axis=0).mean(), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_and_stays_as_it_is(layout: str, dtype: Any) -> None:
    plain = X.astype(dtype)
    rows = laid_out(plain, layout)
    chosen = {"n_clusters": 4, "random_state": 0}
    model = KMeans(**chosen).fit(rows)
    expected = KMeans(**chosen).fit(plain)
    assert np.array_equal(rows, plain)
    assert np.array_equal(model.labels_, expected.labels_)
    np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, rtol=1e-5)
    assert model.transform(rows).dtype == model.cluster_centers_.dtype == dtype


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
def test_threads_change_no_bit(init: str, engine: str) -> None:
    rows = groups(9000, 3, 6)
    chosen = {"init": init, "engine": engine, "random_state": 0, "n_init": 2, "max_iter": 20}
    one, two, three = (KMeans(6, n_jobs=n, **chosen).fit(rows) for n in (1, 2, 3))
    assert same(one, two)
    assert same(one, three)
    assert np.array_equal(one.transform(rows), two.transform(rows))
    assert one.score(rows) == two.score(rows)


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "elkan"])
def test_every_algorithm_gives_the_same(algorithm: str) -> None:
    chosen = {"n_clusters": 9, "init": X[:9], "engine": "numba", "tol": 0}
    expected = KMeans(algorithm="lloyd", **chosen).fit(X)
    model = KMeans(algorithm=algorithm, **chosen).fit(X)
    assert np.array_equal(model.labels_, expected.labels_)
    assert model.n_iter_ == expected.n_iter_
    assert model.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)


def test_weights_are_repeats_from_any_order() -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(0, 4, size=len(X))
    repeated = rng.permutation(np.repeat(X, weights, axis=0))
    weighted = KMeans(4, random_state=0, tol=0).fit(X, sample_weight=weights)
    plain = KMeans(4, random_state=0, tol=0).fit(repeated)
    assert np.array_equal(weighted.predict(repeated), plain.labels_)
    np.testing.assert_allclose(weighted.cluster_centers_, plain.cluster_centers_)
    assert weighted.inertia_ == pytest.approx(plain.inertia_)


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
def test_rows_without_weight_are_as_if_absent(init: str) -> None:
    outlying = np.vstack([X, np.full((50, 3), 1e3)])
    weights = np.repeat([1.0, 0.0], [len(X), 50])
    model = KMeans(6, init=init, random_state=0).fit(outlying, sample_weight=weights)
    assert np.abs(model.cluster_centers_).max() < 10
    assert model.inertia_ == pytest.approx(-model.score(X))
    assert np.array_equal(model.predict(outlying), model.labels_)


@pytest.mark.parametrize("k", [1, 12])
def test_one_cluster_and_one_for_each_row(k: int) -> None:
    rows = X[:12]
    model = KMeans(k, random_state=0).fit(rows)
    expected = rows.mean(axis=0)[None] if k == 1 else rows[np.argsort(model.labels_)]
    np.testing.assert_allclose(model.cluster_centers_, expected, atol=1e-12)
    assert model.inertia_ == pytest.approx(0.0 if k > 1 else 12 * rows.var(axis=0).sum())


def test_clusters_that_run_empty_take_far_rows() -> None:
    start = np.vstack([X[:2], X[:2] + 1e3])
    model = KMeans(4, init=start).fit(X)
    assert set(model.labels_) == {0, 1, 2, 3}
    assert model.inertia_ < KMeans(2, init=X[:2]).fit(X).inertia_


def test_fewer_distinct_rows_than_clusters() -> None:
    rows = np.repeat([[0.0], [1.0], [5.0]], 4, axis=0)
    with pytest.warns(ConvergenceWarning, match="Only 3 of 5 clusters hold rows"):
        model = KMeans(5, random_state=0).fit(rows)
    assert model.inertia_ == 0.0
    assert model.score([[1.0]]) == 0.0


# --- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "n"),
    [
        ("k-means++", 1),
        ("k-means||", 1),
        ("random", 10),
        (X[:4], 1),
        (lambda X, k, random_state: X[:k], 10),
    ],
)
def test_auto_starts(init: Any, n: int) -> None:
    restarts: set[int] = set()
    KMeans(4, init=init, callback=lambda step: restarts.add(step.restart)).fit(X)
    assert restarts == set(range(n))


def test_the_best_of_several_starts_wins() -> None:
    rows = groups(500, 2, 15)
    runs = [
        [KMeans(15, init="random", n_init=n, random_state=seed).fit(rows).inertia_ for n in (1, 5)]
        for seed in range(4)
    ]
    assert all(several <= one for one, several in runs)
    assert any(several < one for one, several in runs)


def test_given_centres_need_one_start() -> None:
    with pytest.warns(RuntimeWarning, match="one start is run, not n_init=5") as caught:
        KMeans(2, init=X[:2], n_init=5).fit(X)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
def test_the_seed_decides_the_start(init: str) -> None:
    first, again, other = (
        KMeans(9, init=init, n_init=1, random_state=seed, max_iter=1).fit(X) for seed in (0, 0, 1)
    )
    assert same(first, again)
    assert not same(first, other)


def test_starts_differ() -> None:
    runs = [
        KMeans(9, init=init, n_init=1, random_state=0, max_iter=1).fit(X)
        for init in ("k-means++", "k-means||", "random", X[:9])
    ]
    assert len({run.inertia_ for run in runs}) == 4


def test_max_iter() -> None:
    model = KMeans(9, init=X[:9], max_iter=3).fit(X)
    assert model.n_iter_ == 3
    assert model.status_ is Status.MAX_ITER
    assert KMeans(9, init=X[:9]).fit(X).status_ is Status.CONVERGED


def test_how_passes_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    original = k_means.passes_for

    def recorded(*args: Any, **how: str) -> Any:
        seen.append(how)
        return original(*args, **how)

    monkeypatch.setattr(k_means, "passes_for", recorded)
    KMeans(2, algorithm="elkan", engine="numba").fit(X)
    KMeans(2, algorithm="exponion").fit(X)
    yinyang, exponion = ("yinyang", "numba"), ("exponion", "auto")
    assert [(how["algorithm"], how["engine"]) for how in seen] == [yinyang, exponion]
    with pytest.raises(InputError, match=r"engine='numpy' cannot run algorithm='exponion'"):
        KMeans(2, algorithm="exponion", engine="numpy").fit(X)


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    original = k_means.recorded_run

    def recorded(estimator: Any, source: Any, holes: bool) -> Any:
        used.append(source.threads)
        return original(estimator, source, holes)

    monkeypatch.setattr(k_means, "recorded_run", recorded)
    for n_jobs in (1, 3):
        KMeans(2, n_jobs=n_jobs).fit(X)
    assert used == [1, 3]


def test_progress_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    KMeans(3, init=X[:3]).fit(X)
    assert not caplog.records
    model = KMeans(3, init=X[:3], verbose=1).fit(X)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("start 0, iteration 1: squared shift of the centres ")
    assert len(messages) in (model.n_iter_ - 1, model.n_iter_)  # the last may move no row


def test_the_callback_sees_every_iteration() -> None:
    steps: list[KMeansStep] = []
    KMeans(3, init=X[:3], callback=steps.append).fit(X)
    assert [step.iteration for step in steps] == list(range(1, len(steps) + 1))
    moved = steps[1].centers - steps[0].centers
    assert steps[1].shift == pytest.approx(float((moved**2).sum()))


def test_record_keeps_the_centres_of_the_best_start() -> None:
    plain = KMeans(4, init="random", n_init=5, random_state=0).fit(X)
    model = KMeans(4, init="random", n_init=5, random_state=0, record=True).fit(X)
    assert plain.snapshots_ == ()
    assert np.array_equal(model.snapshots_[-1], plain.cluster_centers_)
    for before, after in zip(model.snapshots_[:-1], model.snapshots_[1:], strict=True):
        labels = np.argmin(((X[:, None] - before) ** 2).sum(axis=2), axis=1)
        expected = [X[labels == j].mean(axis=0) for j in range(4)]
        assert np.allclose(after, expected, rtol=0, atol=1e-12)
    drawn = {tuple(row) for row in X}
    assert all(tuple(centre) in drawn for centre in model.snapshots_[0])


def test_the_callback_ends_the_fit() -> None:
    model = KMeans(9, init="random", n_init=3, callback=lambda step: step.iteration == 2).fit(X)
    assert model.status_ is Status.CALLBACK
    assert model.n_iter_ == 2
    assert np.array_equal(model.predict(X), model.labels_)


def test_an_interrupt_leaves_no_half_set_estimator() -> None:
    def interrupt(step: KMeansStep) -> None:
        raise KeyboardInterrupt

    model = KMeans(3, callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert not hasattr(model, "cluster_centers_")
    assert not hasattr(model, "labels_")


# --- what cannot be used ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "rows", "words"),
    [
        ({"algorithm": "elkan"}, HOLED, "NaN in row 1, column 0; .* algorithm='auto' or 'lloyd'"),
        ({}, np.vstack([HOLED, [np.inf, 0.0]]), "inf in row 2, column 0; .*or NaN where it is mis"),
        ({}, pd.DataFrame({"a": [1.0, 2.0], "b": np.nan}), "column 'b' of X is missing in every"),
        ({}, pd.DataFrame({"a": [1.0, np.inf]}), "inf in row 1, column 'a'; .*column out.$"),
        ({}, X * [1.0, 1e160, 1.0], "^column 1 holds numbers so large"),
        ({}, (X * [1, 1, 1e20]).astype(np.float32), "^column 2 holds numbers so large"),
        ({"n_clusters": 401}, X, "n_clusters=401 is more than the 400 rows; use fewer clusters"),
        ({"init": X[:3]}, X, r"init has shape \(3, 3\); this fit needs \(2, 3\)"),
        ({"init": lambda X, k, random_state: X[:k, :1]}, X, r"init has shape \(2, 1\)"),
        ({"init": [[0.0] * 3, [np.nan] * 3]}, X, r"init\[1, 0\] is nan"),
        ({"init": np.full((2, 3), 1e200)}, X, "init: column 0 holds numbers so large"),
        ({"init": "first"}, X, "'init' parameter"),
        ({"algorithm": "full"}, X, "'algorithm' parameter"),
        ({"engine": "gpu"}, X, "'engine' parameter"),
        ({"n_init": 0}, X, "'n_init' parameter"),
        ({"max_iter": 0}, X, "'max_iter' parameter"),
        ({"tol": -1.0}, X, "'tol' parameter"),
    ],
)
def test_errors_name_the_culprit(settings: dict[str, Any], rows: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KMeans(**{"n_clusters": 2, **settings}).fit(rows)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(400), "zero for every row"),
        (np.r_[-1.0, np.ones(399)], "Negative values"),
        (np.r_[1.0, np.zeros(399)], "n_clusters=2 is more than the 1 rows of positive"),
        (np.ones(3), "sample_weight.shape"),
        (np.full(400, 1e308), "sums to infinity"),
    ],
)
def test_errors_of_weights(weights: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KMeans(2).fit(X, sample_weight=weights)


def test_a_callable_cannot_change_the_rows() -> None:
    def spoil(rows: Any, k: int, random_state: Any) -> Any:
        rows[0] = 0.0

    with pytest.raises(ValueError, match="read-only"):
        KMeans(2, init=spoil).fit(X)


@pytest.mark.parametrize("returned", [None, "rows", [[1.0], [2.0, 3.0]], object()])
def test_what_a_callable_returned_is_named(returned: Any) -> None:
    with pytest.raises(InputError, match=r"callable init returned .* 2 rows and 3 columns"):
        KMeans(2, init=lambda rows, k, random_state: returned).fit(X)


def test_tables_of_vanishing_numbers_are_refused() -> None:
    for fit in (KMeans(2).fit, lambda rows: kmeans_plusplus(rows, 2)):
        with pytest.raises(InputError, match="its square vanishes"):
            fit(X * 1e-200)
    KMeans(2, random_state=0).fit(X).predict(X * 1e-200)


# --- scikit-learn's ecosystem ----------------------------------------------------------------


def test_frames_names_and_output() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = KMeans(2, random_state=0).set_output(transform="pandas")
    out = model.fit_transform(frame)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert list(out.columns) == list(model.get_feature_names_out()) == ["kmeans0", "kmeans1"]
    assert np.array_equal(out.to_numpy(), model.transform(frame).to_numpy())
    assert np.array_equal(model.fit_predict(frame), model.labels_)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["c", "b", "a"]])


def test_weights_are_routed() -> None:
    weights = np.random.default_rng(0).random(len(X))
    with config_context(enable_metadata_routing=True):
        step = KMeans(3, random_state=0).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), step)
        pipeline.fit(X, sample_weight=weights)
    alone = clone(step).fit(StandardScaler().fit_transform(X), sample_weight=weights)
    assert same(pipeline[-1], alone)


# --- seeds alone -----------------------------------------------------------------------------


def test_seeds_are_rows_of_positive_weight() -> None:
    weights = np.repeat([0.0, 1.0], 200)
    centers, indices = kmeans_plusplus(X, 7, sample_weight=weights, random_state=0)
    assert np.array_equal(centers, X[indices])
    assert len(set(indices)) == 7
    assert indices.min() >= 200
    assert kmeans_plusplus(X.astype(np.float32), 7)[0].dtype == np.float32


def test_settings_of_the_seeding() -> None:
    rows = groups(9000, 3, 6)
    drawn = [
        kmeans_plusplus(rows, 20, random_state=seed, n_local_trials=trials, n_jobs=n_jobs)[1]
        for seed, trials, n_jobs in ((0, None, 1), (0, None, 2), (0, 1, None), (1, None, None))
    ]
    assert np.array_equal(drawn[0], drawn[1])
    assert len({tuple(each) for each in drawn}) == 3
    greedy, single = (
        np.mean(
            [
                KMeans(
                    20,
                    init=kmeans_plusplus(rows, 20, random_state=seed, n_local_trials=trials)[0],
                    max_iter=1,
                )
                .fit(rows)
                .inertia_
                for seed in range(5)
            ]
        )
        for trials in (None, 1)
    )
    assert greedy < single


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_clusters": 0}, "n_clusters=0 must be a whole number"),
        ({"n_clusters": 500}, "n_clusters=500 is more than the 400 rows"),
        ({"n_clusters": 2, "n_local_trials": 0}, "n_local_trials=0 must be"),
    ],
)
def test_errors_of_the_seeding(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        kmeans_plusplus(X, **settings)


# --- published numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "best"), [(1, 5462.2975), (2, 1684.9080), (3, 1329.5949), (4, 1035.4998)]
)
def test_toy_table(shared_data: Path, k: int, best: float) -> None:
    rows = np.loadtxt(shared_data / "mit686x_toy_data.txt")
    costs = []
    for seed in range(5):  # the published starts
        np.random.seed(seed)
        start = rows[np.random.choice(len(rows), k, replace=False)]
        costs.append(KMeans(k, init=start, tol=0).fit(rows).inertia_)
    assert min(costs) == pytest.approx(best, abs=5e-5)


def test_songs(shared_data: Path) -> None:
    songs = np.loadtxt(shared_data / "ucla_lab3_spotify.csv", delimiter=",", skiprows=1)
    rows, artist = songs[:, :-1], songs[:, -1].astype(int)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    model = KMeans(3, n_init=10, random_state=0).fit(rows)
    assert model.inertia_ == pytest.approx(4975.95, abs=5e-3)
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (artist, model.labels_), 1)
    assert counts.max(axis=1).sum() >= 470
    assert sorted(counts.argmax(axis=1)) == [0, 1, 2]


# --- missing cells ---------------------------------------------------------------------------


def with_holes(rows: np.ndarray, share: float = 0.3, seed: int = 0) -> np.ndarray:
    """Return rows of which cells are missing, and everything of the last."""
    holes = np.random.default_rng(seed).random(rows.shape) < share
    holes[-1] = True
    return np.where(holes, np.nan, rows).astype(rows.dtype)


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "random"])
@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_table_with_holes(engine: str, init: str) -> None:
    rows, weights = with_holes(X), np.random.default_rng(1).integers(0, 3, 400).astype(float)
    model = KMeans(5, init=init, engine=engine, random_state=0, tol=0)
    model.fit(rows, sample_weight=weights)
    apart = np.nansum((rows[:, None] - model.cluster_centers_) ** 2, axis=2)
    assert np.array_equal(model.labels_, apart.argmin(axis=1))
    assert np.array_equal(model.labels_, model.predict(rows))
    assert model.labels_[-1] == 0
    np.testing.assert_allclose(model.transform(rows), np.sqrt(apart), atol=1e-12)
    assert model.inertia_ == pytest.approx(weights @ apart.min(axis=1), rel=1e-12)
    assert model.score(rows, sample_weight=weights) == pytest.approx(-model.inertia_, rel=1e-12)
    for j in range(5):
        own = np.ma.masked_invalid(rows[model.labels_ == j])
        means = np.ma.average(own, axis=0, weights=weights[model.labels_ == j])
        np.testing.assert_allclose(model.cluster_centers_[j], means, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_holes_engines_and_threads_change_nothing(dtype: type) -> None:
    rows = with_holes(groups(6_000, 4, 6).astype(dtype))
    fits = [
        KMeans(6, engine=engine, n_jobs=n_jobs, random_state=3).fit(rows)
        for engine, n_jobs in (("numpy", 1), ("numba", 1), ("numba", 2))
    ]
    assert same(fits[0], fits[1])
    assert same(fits[1], fits[2])
    assert fits[0].cluster_centers_.dtype == dtype
    assert fits[0].transform(rows).dtype == dtype


def test_with_holes_weights_are_repeats_from_any_order() -> None:
    rows, weights = with_holes(X), np.random.default_rng(2).integers(0, 4, 400)
    order = np.random.default_rng(3).permutation(weights.sum())
    rows[::2][np.isnan(rows[::2])] *= -1.0  # a missing cell may have a sign
    repeated = np.repeat(rows, weights, axis=0)[order]
    one = KMeans(4, random_state=0).fit(rows, sample_weight=weights)
    two = KMeans(4, random_state=0).fit(repeated)
    np.testing.assert_allclose(one.cluster_centers_, two.cluster_centers_, rtol=1e-12)
    assert one.inertia_ == pytest.approx(two.inertia_, rel=1e-12)


def test_with_holes_units_and_origin_do_not_matter() -> None:
    rows = with_holes(X)
    near, far = (
        KMeans(4, init=X[:4] * scale + offset).fit(rows * scale + offset)
        for scale, offset in ((1.0, 0.0), (1e3, 1e8))
    )
    assert np.array_equal(near.labels_, far.labels_)
    assert far.inertia_ == pytest.approx(1e6 * near.inertia_, rel=1e-6)


def test_clusters_are_found_although_a_third_is_missing() -> None:
    rng = np.random.default_rng(0)
    truth, middles = rng.integers(4, size=600), 8 * np.eye(6)[:4]
    complete = middles[truth] + rng.normal(size=(600, 6))
    model = KMeans(4, n_init=5, random_state=0).fit(with_holes(complete, 0.33))
    assert adjusted_rand_score(truth, model.predict(complete)) > 0.99
    nearest = np.linalg.norm(model.cluster_centers_[:, None] - middles, axis=2).min(axis=0)
    assert nearest.max() < 0.6  # means of some 100 cells, and rows that show little


def test_columns_need_a_number_in_a_row_that_counts() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [np.nan, np.nan, 1.0]})
    assert KMeans(1).fit(frame).cluster_centers_.tolist() == [[2.0, 1.0]]
    with pytest.raises(InputError, match="column 'b' of X is missing in every row of positive"):
        KMeans(1).fit(frame, sample_weight=[1.0, 1.0, 0.0])


def test_missing_cells_are_tagged_where_they_are_taken() -> None:
    for algorithm in ALGORITHMS:
        allowed = get_tags(KMeans(algorithm=algorithm)).input_tags.allow_nan
        assert allowed == (algorithm in ("auto", "lloyd"))
    assert not get_tags(MiniBatchKMeans()).input_tags.allow_nan


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_clusters_of_incomplete_rows_make_a_mixture(name: str) -> None:
    rows = with_holes(X)
    model = KMeans(3, random_state=0).fit(rows)
    mixture = model.as_mixture(rows, name)
    np.testing.assert_allclose(mixture.means, model.cluster_centers_, rtol=1e-9)
    np.testing.assert_allclose(mixture.weights, np.bincount(model.labels_) / len(rows))
    assert np.isfinite(mixture.log_prob(rows)).all()


def test_seeds_of_a_table_with_holes() -> None:
    rows = with_holes(X)
    centers, indices = kmeans_plusplus(rows, 20, random_state=0)
    means = np.nanmean(rows, axis=0)
    np.testing.assert_allclose(centers, np.where(np.isnan(rows[indices]), means, rows[indices]))
    with pytest.raises(InputError, match="column 'b' of X is missing"):
        kmeans_plusplus(pd.DataFrame({"a": [1.0, 2.0], "b": np.nan}), 1)


def test_a_callable_sees_the_holes() -> None:
    rows = with_holes(X)

    def first(X: Any, k: int, random_state: Any) -> Any:
        assert np.isnan(X).sum() == np.isnan(rows).sum()
        return np.nan_to_num(X[:k])

    assert KMeans(3, init=first).fit(rows).status_ is Status.CONVERGED
    with pytest.raises(ValueError, match=r"init\[0, \d\] is nan"):
        KMeans(3, init=lambda X, k, random_state: X[-k:][::-1]).fit(rows)
