"""Lazy results on Dask collections equal those in memory, block by block."""

from __future__ import annotations

import pickle
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, InputError, KMeans, MixtureImputer
from mixtura.estimators import lazy
from mixtura.sources.threads import _worker

METHODS = ("predict", "predict_proba", "score_samples")


@pytest.fixture
def table() -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.normal(size=(200, 3)) + 4.0 * rng.integers(0, 2, size=(200, 1))


def holed(table: np.ndarray) -> np.ndarray:
    table = table.copy()
    table[::3, 1] = table[::7, 2] = np.nan
    return table


def in_frame(table: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(table, columns=list("abc"), index=np.arange(len(table)) * 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("chunks", [(200, 3), ((60, 0, 140), (1, 2))])
def test_arrays_give_lazy_arrays(table: np.ndarray, method: str, dtype: str, chunks: Any) -> None:
    X = table.astype(dtype)
    model = GaussianMixture(2, random_state=0).fit(X)
    expected = getattr(model, method)(X)
    found = lazy.mapped(model, method, da.from_array(X, chunks=chunks))
    assert isinstance(found, da.Array)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("method", METHODS)
def test_dataframes_give_lazy_arrays(table: np.ndarray, method: str) -> None:
    frame = in_frame(table)
    model = GaussianMixture(2, random_state=0).fit(frame)
    X = dd.from_pandas(frame, npartitions=3)
    X, kept = X[X.a > 1.0], frame[frame.a > 1.0]
    found = lazy.mapped(model, method, X)
    assert isinstance(found, da.Array)
    assert np.array_equal(found.compute(scheduler="sync"), getattr(model, method)(kept))


def test_clusters_are_lazy(table: np.ndarray) -> None:
    X = table.astype("f4")
    model = KMeans(2, random_state=0).fit(X)
    for method in ("predict", "transform"):
        expected = getattr(model, method)(X)
        found = lazy.mapped(model, method, da.from_array(X, chunks=(70, 3)))
        assert found.dtype == expected.dtype
        assert np.array_equal(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("indicators", [False, True])
def test_cells_are_filled_in_as_they_came(table: np.ndarray, indicators: bool) -> None:
    frame = in_frame(holed(table))
    imputer = MixtureImputer(2, random_state=0, add_indicator=indicators).fit(frame)
    for model, method in ((imputer, "transform"), (imputer.model_, "impute")):
        expected = getattr(model, method)(frame)
        found = lazy.mapped(model, method, dd.from_pandas(frame, npartitions=3))
        assert isinstance(found, dd.DataFrame)
        computed = found.compute(scheduler="sync")
        assert list(found.columns) == list(computed.columns)
        assert list(computed.columns[:3]) == ["a", "b", "c"]
        assert computed.shape[1] == (5 if indicators and method == "transform" else 3)
        assert computed.index.equals(frame.index)
        assert np.array_equal(computed.to_numpy(), expected)
        del model.feature_names_in_
        array = lazy.mapped(model, method, da.from_array(frame.to_numpy(), chunks=(50, 3)))
        assert np.array_equal(array.compute(scheduler="sync"), expected)


def test_columns_are_checked_at_once(table: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(in_frame(table))
    X = dd.from_pandas(in_frame(table), npartitions=2)
    with pytest.raises(ValueError, match="must be in the same order"):
        lazy.mapped(model, "predict", X[["b", "a", "c"]])
    with pytest.raises(ValueError, match="seen at fit time, yet now missing:\n- c"):
        lazy.mapped(model, "predict", X[["a", "b"]])
    with pytest.raises(InputError, match="column 'text' of X holds"):
        lazy.mapped(model, "predict", X.assign(text="x"))
    del model.feature_names_in_
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        lazy.mapped(model, "predict", da.ones((5, 2)))


def test_a_cell_that_cannot_be_used_is_named_with_its_partition(table: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(table)
    table[130, 2] = np.inf
    found = lazy.mapped(model, "predict", da.from_array(table, chunks=(60, 3)))
    with pytest.raises(InputError, match="partition 2 of X: X holds inf in row 10, column 2"):
        found.compute(scheduler="sync")


def test_a_graph_holds_the_model_once_and_nothing_as_long_as_the_table(table: np.ndarray) -> None:
    rows = np.repeat(table, 500, axis=0)
    size = {}
    for n in (2, 200):
        X = da.ones((400, 3), chunks=(400 // n, 3))
        model = KMeans(2, n_init=1, random_state=0, init=table[:2]).fit(rows)
        found = lazy.mapped(model, "predict", X)
        sent = [v for k, v in dict(found.__dask_graph__()).items() if str(k).startswith("mixtura")]
        assert len(sent) == 1
        size[n] = len(pickle.dumps(lazy.portable(model)))
    assert size[2] == size[200] < 5_000  # 100,000 labels take 400,000 bytes
    assert len(model.labels_) == len(rows)  # the estimator itself keeps them
    assert model.init is not lazy.portable(model).init


def test_blocks_are_computed_on_the_thread_they_are_asked_on(table: np.ndarray) -> None:
    seen = []

    class Model(GaussianMixture):
        def predict(self, X: Any) -> Any:
            seen.append(getattr(_worker, "busy", False))
            return np.zeros(len(X))

    model = Model.from_parameters([1.0], [[0.0] * 3], [1.0], "spherical")
    lazy.mapped(model, "predict", da.from_array(table, chunks=(50, 3))).compute(scheduler="sync")
    assert seen == [False, True, True, True, True]  # the first tells what the result is like


def test_methods_fill_in_lazily(table: np.ndarray) -> None:
    X = holed(table)
    imputer = MixtureImputer(2, random_state=0).fit(X)
    lazily = da.from_array(X, chunks=(60, 3))
    for method in (imputer.transform, imputer.model_.impute):
        found = method(lazily)
        assert isinstance(found, da.Array)
        np.testing.assert_allclose(found.compute(), method(X), rtol=1e-12)
