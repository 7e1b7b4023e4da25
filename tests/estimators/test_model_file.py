"""Fitted estimators to and from model files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixtura
from mixtura import GaussianMixture, KMeans, MiniBatchKMeans, ModelFileError, Status
from mixtura.estimators.model_file import ARRAYS
from mixtura.io.model_file import read_model, write_model
from problems import FAMILY_NAMES, random_rows

X = random_rows(np.random.default_rng(80), 120, 3, 3)
ATTRIBUTES = (
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "lower_bounds_",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a model may be written."""
    return tmp_path / "model.mixtura"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_model_comes_back_whole(path: Path, name: str, dtype: Any) -> None:
    rows = X.astype(dtype)
    model = GaussianMixture(3, covariance_type=name, random_state=0, tol=1e-3).fit(rows)
    model.save(path)
    loaded = mixtura.load(path)
    assert type(loaded) is GaussianMixture
    assert loaded.get_params() == model.get_params()
    for attribute in ATTRIBUTES:
        actual, expected = getattr(loaded, attribute), getattr(model, attribute)
        assert np.array_equal(actual, expected)
        assert np.asarray(actual).dtype == np.asarray(expected).dtype
    for attribute in ("converged_", "status_", "n_iter_", "lower_bound_", "n_features_in_"):
        assert getattr(loaded, attribute) == getattr(model, attribute)
    assert np.array_equal(loaded.score_samples(rows), model.score_samples(rows))
    assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    assert np.array_equal(loaded.sample(5)[0], model.sample(5)[0])


def test_feature_names_come_back(path: Path) -> None:
    frame = pd.DataFrame(X, columns=["width", "Länge", "x y"])
    GaussianMixture(2, random_state=0).fit(frame).save(path)
    loaded = mixtura.load(path)
    assert loaded.feature_names_in_.tolist() == ["width", "Länge", "x y"]
    loaded.predict(frame)


def test_a_known_mixture_has_no_likelihood(path: Path) -> None:
    GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical").save(path)
    loaded = mixtura.load(path)
    assert np.isnan(loaded.lower_bound_)
    assert (loaded.n_iter_, loaded.lower_bounds_) == (0, [])


def test_settings_that_are_not_plain_are_left_out(path: Path) -> None:
    model = GaussianMixture(
        2, init_params=np.arange(120) % 2, callback=lambda step: None, n_init=np.int64(2)
    ).fit(X)
    model.save(path)
    loaded = mixtura.load(path)
    assert loaded.init_params == "kmeans"
    assert loaded.callback is None
    assert loaded.n_init == 2
    assert type(loaded.n_init) is int


def test_the_status_is_a_name(path: Path) -> None:
    model = GaussianMixture(2, random_state=0, max_iter=0).fit(X)
    model.save(path)
    assert mixtura.load(path).status_ is Status.MAX_ITER


def test_the_arrays_may_be_changed(path: Path) -> None:
    GaussianMixture(2, random_state=0).fit(X).save(path)
    loaded = mixtura.load(path)
    loaded.means_[0] = 0.0
    loaded.weights_[:] = 0.5


def test_an_unfitted_model_is_not_saved(path: Path) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        GaussianMixture().save(path)
    assert not path.exists()


def damaged(path: Path, arrays: dict[str, Any], model: Any = None, **metadata: Any) -> None:
    """Write a model with some arrays and metadata replaced, or removed where they are None."""
    (model or GaussianMixture(2, random_state=0)).fit(X).save(path)
    old_arrays, old_metadata = read_model(path)
    arrays = {name: a for name, a in {**old_arrays, **arrays}.items() if a is not None}
    merged = {**old_metadata, **metadata}
    merged = {key: value for key, value in merged.items() if value != "removed"}
    write_model(path, arrays, merged)


@pytest.mark.parametrize(
    ("arrays", "metadata", "words"),
    [
        ({}, {"kind": "Forest"}, "holds a Forest, which this version of mixtura does not know"),
        ({}, {"kind": "removed"}, "not whole"),
        ({}, {"covariance_type": "oval"}, "not whole .*covariance_type='oval'"),
        ({}, {"status": "BORED"}, "not whole"),
        ({}, {"settings": {"n_components": 2, "colour": "red"}}, "not whole .*colour"),
        ({}, {"n_iter": "removed"}, "not whole"),
        ({"weights": np.array([0.9, 0.9])}, {}, "not whole .*weights sum to 1.8"),
        ({"means": np.zeros((1, 3))}, {}, "not whole"),
        ({"covariances": np.zeros((2, 3, 3))}, {}, "not whole .*positive definite"),
        ({"weights": None}, {}, "lacks the array weights"),
    ],
)
def test_models_that_are_not_whole(
    path: Path, arrays: dict[str, Any], metadata: dict[str, Any], words: str
) -> None:
    damaged(path, arrays, **metadata)
    with pytest.raises(ModelFileError, match=words):
        mixtura.load(path)


def test_every_array_is_required(path: Path) -> None:
    for name in ARRAYS:
        damaged(path, {name: None})
        with pytest.raises(ModelFileError, match=f"lacks the array {name}"):
            mixtura.load(path)


def test_nothing_is_unpickled(path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a model file was unpickled",))

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelFileError):
        mixtura.load(path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_clustering_comes_back(path: Path, dtype: Any) -> None:
    rows = X.astype(dtype)
    model = KMeans(3, random_state=0, max_iter=2).fit(rows)
    model.save(path)
    loaded = mixtura.load(path)
    assert type(loaded) is KMeans
    assert loaded.get_params() == model.get_params()
    assert np.array_equal(loaded.cluster_centers_, model.cluster_centers_)
    assert loaded.cluster_centers_.dtype == dtype
    for attribute in ("inertia_", "n_iter_", "status_", "n_features_in_"):
        assert getattr(loaded, attribute) == getattr(model, attribute)
    assert not hasattr(loaded, "labels_")
    assert np.array_equal(loaded.predict(rows), model.labels_)


@pytest.mark.parametrize(
    ("arrays", "metadata", "words"),
    [
        ({"cluster_centers": None}, {}, "lacks the array cluster_centers"),
        ({"cluster_centers": np.zeros(3)}, {}, "not whole .*table of finite numbers"),
        ({"cluster_centers": np.full((2, 3), np.nan)}, {}, "not whole .*table of finite numbers"),
        ({"cluster_centers": np.zeros((2, 3), int)}, {}, "not whole .*table of finite numbers"),
        ({}, {"status": "BORED"}, "not whole"),
        ({}, {"inertia": "removed"}, "not whole"),
    ],
)
def test_clusterings_that_are_not_whole(
    path: Path, arrays: dict[str, Any], metadata: dict[str, Any], words: str
) -> None:
    damaged(path, arrays, model=KMeans(2, random_state=0), **metadata)
    with pytest.raises(ModelFileError, match=words):
        mixtura.load(path)


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_stream_goes_on_as_if_never_saved(path: Path, dtype: Any, fitted: bool) -> None:
    rows = np.random.default_rng(2).permutation(X).astype(dtype)
    model = MiniBatchKMeans(3, random_state=0, batch_size=10, reassignment_ratio=0.5)
    (model.fit if fitted else model.partial_fit)(rows[:40])
    model.partial_fit(rows[40:60], sample_weight=np.arange(20))
    model.save(path)
    loaded = mixtura.load(path)
    assert type(loaded) is MiniBatchKMeans
    assert loaded.get_params() == model.get_params()
    assert hasattr(loaded, "n_iter_") == fitted
    for start in (60, 80, 100):
        for attribute in ("cluster_centers_", "inertia_", "n_steps_", "n_features_in_"):
            actual, expected = getattr(loaded, attribute), getattr(model, attribute)
            assert np.array_equal(actual, expected)
            assert np.asarray(actual).dtype == np.asarray(expected).dtype
        assert np.array_equal(loaded.predict(rows), model.predict(rows))
        for each in (loaded, model):
            each.partial_fit(rows[start : start + 20])
    assert np.array_equal(loaded.labels_, model.labels_)


@pytest.mark.parametrize(
    ("arrays", "metadata", "words"),
    [
        ({"since": None}, {}, "lacks the array since"),
        ({"weight": np.ones(3)}, {}, "not whole .*as many as the centres"),
        ({"means": np.full((2, 3), np.inf)}, {}, "not whole .*finite"),
        ({"cluster_centers": np.zeros(3)}, {}, "not whole .*table of finite numbers"),
        ({}, {"seed": "removed"}, "not whole"),
    ],
)
def test_streams_that_are_not_whole(
    path: Path, arrays: dict[str, Any], metadata: dict[str, Any], words: str
) -> None:
    damaged(path, arrays, model=MiniBatchKMeans(2, random_state=0), **metadata)
    with pytest.raises(ModelFileError, match=words):
        mixtura.load(path)
