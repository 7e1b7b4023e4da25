"""partial_fit: where streams begin, what they go on from, and what they keep."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import GaussianMixture, InputError, KMeans, Mixture, Status, load
from mixtura.estimators import online
from mixtura.estimators.online import Gathered, start_rows
from mixtura.kernels import work
from problems import FOURTEEN, assert_same_mixture, random_mixture, random_rows, with_holes

Array = Any


def streamed(model: Any, rows: Array, size: int, weights: Array | None = None) -> Any:
    """Return a model with rows added in chunks."""
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        model.partial_fit(rows[part], sample_weight=None if weights is None else weights[part])
    return model


def few(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Let streams gather only ``n`` rows."""
    monkeypatch.setattr("mixtura.estimators.online.SAMPLE_ROWS", n)
    monkeypatch.setattr("mixtura.estimators.online.ROWS_PER_MEAN", 0)


@pytest.fixture
def rows() -> Array:
    return random_rows(np.random.default_rng(0), 1200, 3, 2, spread=4.0)


def test_rows_are_gathered_until_they_have_doubled() -> None:
    gathered = Gathered().with_chunk(np.zeros((3, 1)), None).merged()
    assert (gathered.n_rows, gathered.due) == (3, 6)
    gathered = gathered.with_chunk(np.ones((2, 1)), np.array([2.0, 3.0])).merged()
    rows, weights = gathered.chunks[0]
    assert_array_equal(rows[:, 0], [0, 0, 0, 1, 1])
    assert_array_equal(weights, [1, 1, 1, 2, 3])
    assert start_rows(100, 100) == 200_000


def test_a_first_chunk_is_fitted(rows: Array) -> None:
    model = GaussianMixture(3, random_state=0).partial_fit(rows)
    fitted = GaussianMixture(3, random_state=0).fit(rows)
    assert_array_equal(model.means_, fitted.means_)
    assert model.lower_bound_ == pytest.approx(fitted.lower_bound_)
    assert (model.n_iter_, model.converged_, model.status_) == (1, False, Status.ONLINE)
    assert not model.collapsed_.any()


def test_a_stream_comes_close_to_the_fit_of_all_rows(
    rows: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 200)
    best = GaussianMixture(3, random_state=0).fit(rows).lower_bound_
    for forget in (0.7, None):
        model = streamed(GaussianMixture(3, random_state=0, forget=forget), rows, 50)
        assert best - 0.01 < model.score(rows) <= best + 1e-9
        assert model.n_iter_ == 24
        assert model.predict(rows).shape == (1200,)
    shuffled = Mixture([1.0], [[0.0, 0.0]], [np.eye(2)]).sample(400, 0)[0]
    fading = streamed(GaussianMixture(3, random_state=0, forget=0.6), rows, 50)
    steady = streamed(GaussianMixture(3, random_state=0, forget=None), rows, 50)
    assert streamed(fading, shuffled, 50).score(shuffled) > streamed(steady, shuffled, 50).score(
        shuffled
    )


def test_memory_does_not_grow(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 200)
    model = streamed(GaussianMixture(3, random_state=0), rows[:300], 100)
    size = len(pickle.dumps(model))
    assert len(pickle.dumps(streamed(model, rows, 100))) <= size + 200


def test_bounds_are_relative_to_all_rows_seen(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 200)
    model = streamed(GaussianMixture(3, random_state=0, forget=0.6), rows, 100)
    total = model._online.state.total
    assert total.weight == pytest.approx(len(rows))
    assert_allclose(total.centre[0], rows.mean(axis=0), rtol=1e-10)
    assert_allclose(total.second[0] / total.weight, np.cov(rows.T, bias=True), rtol=1e-10)


def test_units_and_origin_do_not_matter(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 200)
    scale, shift = np.array([1e-3, 250.0]), np.array([3e3, -7.0])
    plain = streamed(GaussianMixture(3, random_state=0), rows, 100)
    moved = streamed(GaussianMixture(3, random_state=0), rows * scale + shift, 100)
    assert_allclose(moved.means_, plain.means_ * scale + shift, rtol=1e-6)
    assert_array_equal(moved.predict(rows * scale + shift), plain.predict(rows))


@pytest.mark.parametrize("kind", [GaussianMixture, KMeans])
def test_weights_count_rows(kind: Any, rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 1)
    first, chunk = rows[:300], rows[300:400]
    counts = np.random.default_rng(1).integers(0, 3, 100)
    weighted, repeated = (kind(3, random_state=0).partial_fit(first) for _ in range(2))
    weighted.partial_fit(chunk, sample_weight=counts)
    repeated.partial_fit(np.repeat(chunk, counts, axis=0))
    name = "means_" if kind is GaussianMixture else "cluster_centers_"
    assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-10)


def test_a_stream_goes_on_from_a_fit_and_from_a_file(rows: Array, tmp_path: Path) -> None:
    fitted = GaussianMixture(3, random_state=0, tol=1e-12).fit(rows)
    fitted.save(tmp_path / "model.mixtura")
    loaded, before = load(tmp_path / "model.mixtura"), fitted.mixture_
    fitted.partial_fit(rows)  # a fixed point stays where it is
    assert_same_mixture(fitted.mixture_, before, 1e-3)
    loaded.partial_fit(rows)
    assert_array_equal(loaded.means_, fitted.means_)
    far = GaussianMixture(3, random_state=0, forget=None).fit(rows)
    mean = far.weights_ @ far.means_
    far.partial_fit(np.full((1, 2), 100.0))  # one row of 1201
    assert_allclose(far.weights_ @ far.means_, (1200 * mean + 100.0) / 1201, rtol=1e-6)


def test_given_parameters_are_where_the_first_rows_start(rows: Array) -> None:
    start = random_mixture(np.random.default_rng(5), "full", 3, 2)
    parameters = (start.weights, start.means, start.covariances)
    model = GaussianMixture.from_parameters(*parameters).set_params(max_iter=1)
    one = GaussianMixture(3, init_params=start, max_iter=1, tol=0.0)
    with pytest.warns(match="max_iter"):
        one.fit(rows)
    assert_allclose(model.partial_fit(rows).means_, one.means_, rtol=1e-12)


def test_labels_start_the_first_chunk_alone(rows: Array) -> None:
    labels = GaussianMixture(3, random_state=0).fit_predict(rows[:300])
    model = GaussianMixture(3, init_params=labels)
    assert streamed(model, rows, 300).n_iter_ == 4


@pytest.mark.parametrize("name", FOURTEEN)
def test_structures_take_incomplete_chunks(
    name: str, rows: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 300)
    holed = with_holes(np.random.default_rng(2), rows, 0.2)
    model = streamed(GaussianMixture(3, covariance_type=name, random_state=0), holed, 150)
    best = GaussianMixture(3, covariance_type=name, random_state=0).fit(holed)
    assert model.score(holed) > best.lower_bound_ - 0.03
    model.partial_fit(rows[:1]).partial_fit([[np.nan, 0.5]])
    assert np.isfinite(model.means_).all()


@pytest.mark.parametrize(
    "settings", [{"prior": "conjugate"}, {"eigenvalue_ratio": 2.0}, {"reg_covar": 1.0}]
)
def test_regularisation_goes_on(
    settings: Any, rows: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 300)
    model = streamed(GaussianMixture(3, random_state=0, **settings), rows, 150)
    fitted = GaussianMixture(3, random_state=0, **settings).fit(rows)
    order = np.argsort(fitted.means_[:, 0]), np.argsort(model.means_[:, 0])
    assert_allclose(model.covariances_[order[1]], fitted.covariances_[order[0]], atol=0.3)
    if "eigenvalue_ratio" in settings:
        values = np.linalg.eigvalsh(model.covariances_)
        assert values.max() / values.min() <= 2.0 + 1e-9


def test_long_streams_run_machine_code(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch, 200)
    plain = streamed(GaussianMixture(3, random_state=0, engine="numpy"), rows, 200)
    used = []
    original = online.source_for

    def spy(*arguments: Any, **options: Any) -> Any:
        used.append(arguments[4])
        return original(*arguments, **options)

    monkeypatch.setattr(online, "source_for", spy)
    monkeypatch.setattr(online, "NUMBA_WORK", 3.0 * work(200, 2, 3, "full"))
    fast = streamed(GaussianMixture(3, random_state=0), rows, 200)
    assert used == ["auto", "auto", "numba", "numba", "numba"]
    assert_allclose(fast.means_, plain.means_, rtol=1e-8)


def test_float32_stays(rows: Array) -> None:
    assert streamed(GaussianMixture(2), rows.astype(np.float32), 600).means_.dtype == np.float32
    assert streamed(KMeans(2), rows.astype(np.float32), 600).cluster_centers_.dtype == np.float32


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([None, 0.51, 0.7, 1.0]))
def test_parameters_are_always_numbers(seed: int, k: int, forget: float | None) -> None:
    rng = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        few(patch, int(rng.integers(1, 20)))
        model: Any = GaussianMixture(k, random_state=0, forget=forget)
        for _ in range(6):
            n = int(rng.integers(k + 1, 30))
            rows = rng.normal(size=(n, 2)) * 10.0 ** rng.integers(-3, 4) + rng.integers(-5, 5)
            if rng.random() < 0.3:
                rows[:] = rows[0]  # nothing but repeats
            holed = with_holes(rng, rows, 0.1)
            model.partial_fit(holed, sample_weight=rng.integers(1, 4, n))
            for name in ("weights_", "means_", "covariances_", "precisions_", "lower_bound_"):
                assert np.isfinite(getattr(model, name)).all()


def test_the_first_rows_choose_the_number_of_components() -> None:
    rng = np.random.default_rng(0)
    X = rng.choice([-9.0, 0.0, 9.0], 4000)[:, None] + rng.normal(size=(4000, 2))
    model = GaussianMixture("auto", covariance_type="spherical", random_state=0)
    for start in range(0, 4000, 500):
        model.partial_fit(X[start : start + 500])
    assert (model.n_components_, model.n_iter_) == (3, 8)
    best = GaussianMixture(3, covariance_type="spherical", random_state=0).fit(X)
    assert model.score(X) == pytest.approx(best.score(X), abs=0.01)


def test_complaints(rows: Array) -> None:
    with pytest.raises(InputError, match="n_components=5 is more than the 4 rows of the first"):
        GaussianMixture(5).partial_fit(rows[:4])
    with pytest.raises(InputError, match="n_clusters=5 is more than the 4 rows of the first"):
        KMeans(5).partial_fit(rows[:4])
    with pytest.raises(InputError, match="goes on with the 2 components of covariance_type='full'"):
        GaussianMixture(2).partial_fit(rows).set_params(n_components=3).partial_fit(rows)
    with pytest.raises(InputError, match="goes on with the 2 clusters"):
        KMeans(2).partial_fit(rows).set_params(n_clusters=3).partial_fit(rows)
    table = SimpleNamespace(chunks=lambda n: iter(()))
    for model in (GaussianMixture(2), KMeans(2)):
        with pytest.raises(InputError, match="takes one chunk of rows in memory"):
            model.partial_fit(table)
    with pytest.raises(ValueError, match="forget"):
        GaussianMixture(2, forget=0.5).partial_fit(rows)
    begun = GaussianMixture(2, random_state=0).partial_fit(rows[:100])
    with pytest.raises(InputError, match="column 0 holds numbers so large"):
        begun.set_params(reg_covar=0.0).partial_fit(np.full((2000, 2), 1e200))
    assert begun.n_iter_ == 1


def test_clusters_with_equal_weights_are_means(rows: Array, monkeypatch: Any) -> None:
    few(monkeypatch, 1)
    model = streamed(KMeans(1, forget=None), rows, 70)
    assert_allclose(model.cluster_centers_[0], rows.mean(axis=0), rtol=1e-10)
    assert model.n_iter_ == 18
    assert model.status_ is Status.ONLINE
    assert model.labels_.shape == (1200 % 70,)


def test_clusters_come_close_to_those_of_all_rows(rows: Array, monkeypatch: Any) -> None:
    few(monkeypatch, 200)
    holed = with_holes(np.random.default_rng(3), rows, 0.1)
    for table in (rows, holed):
        best = KMeans(3, random_state=0, n_init=3).fit(table)
        for forget in (0.7, None):
            model = streamed(KMeans(3, random_state=0, n_init=3, forget=forget), table, 50)
            assert -model.score(table) < 1.01 * best.inertia_


def test_clusters_go_on_from_a_fit_and_from_a_file(rows: Array, tmp_path: Path) -> None:
    model = KMeans(2, random_state=0, forget=None).fit(rows, sample_weight=np.full(1200, 2.0))
    model.save(tmp_path / "model.mixtura")
    loaded, labels = load(tmp_path / "model.mixtura"), model.labels_
    before, chunk = model.cluster_centers_, rows[labels == 0][:10]
    model.partial_fit(chunk)
    n = 2 * np.sum(labels == 0)
    assert_allclose(model.cluster_centers_[0], (n * before[0] + chunk.sum(axis=0)) / (n + 10))
    assert_array_equal(loaded.partial_fit(chunk).cluster_centers_, model.cluster_centers_)
    del loaded._held, loaded._online  # as of a file that does not tell how many rows there were
    loaded.partial_fit(rows)
    assert_allclose(loaded.cluster_centers_, before, rtol=1e-3)


def test_settings_are_checked_again_once_they_change(rows: Array) -> None:
    for model in (GaussianMixture(2), KMeans(2)):
        model.partial_fit(rows).partial_fit(rows)
        with pytest.raises(ValueError, match="forget"):
            model.set_params(forget=2.0).partial_fit(rows)
