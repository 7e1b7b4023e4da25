"""Rows outside memory, for estimators that need them inside."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, MixtureClassifier
from mixtura.estimators.loading import is_outside, loaded
from reading import Opened


def test_arrays_and_tables_on_disk_are_told_apart():
    X = np.ones((3, 2))
    assert is_outside(Opened(X))
    assert not is_outside(X)
    assert loaded(X, "it") is X


def test_a_table_that_fits_into_its_budget_is_read():
    X = np.random.default_rng(0).normal(size=(500, 3))
    table = Opened(X, memory=X.nbytes)
    np.testing.assert_array_equal(loaded(table, "it"), X)
    assert table.largest == 500 // 16
    y = X[:, 0] > 0
    model = MixtureClassifier(1).fit(Opened(X), y)
    expected = MixtureClassifier(1).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(Opened(X)), expected)


def test_errors_say_what_to_do():
    X = np.ones((500, 3))
    with pytest.raises(InputError, match=r"It needs its rows in memory, and a table takes 12,000"):
        loaded(Opened(X, memory=1_000), "It")
    with pytest.raises(InputError, match="It takes no weights from a table: open it without"):
        loaded(Opened(X, np.ones(500)), "It")


def test_paths_are_to_be_opened():
    with pytest.raises(InputError, match=r"X is the path 't.parquet'; open the table with mixtura"):
        GaussianMixture().fit("t.parquet")
