"""Rows sorted by what they miss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.kernels.patterns import patterns_of
from mixtura.sources import SortedSource
from problems import laid_out, with_holes


def table(n: int = 500) -> np.ndarray:
    """Return rows of few patterns, their first column complete and different in each."""
    rng = np.random.default_rng(90)
    X = with_holes(rng, rng.normal(size=(n, 4)), 0.4)
    X[:, 0] = rng.permutation(n)
    return X


def sorted_source(
    X: np.ndarray, weights: np.ndarray | None = None, threads: int = 1
) -> SortedSource:
    """Return a source of many blocks."""
    order, patterns = patterns_of(X)
    sizes: Any = {"row_work": 1e5, "result_size": 10, "threads": threads}
    return SortedSource(X, weights, order, len(patterns.rows), **sizes)


def test_patterns_lie_side_by_side() -> None:
    X = table()
    observed = ~np.isnan(sorted_source(X).X)
    changes = (observed[1:] != observed[:-1]).any(axis=1).sum()
    assert changes + 1 == sorted_source(X).n_patterns == len(np.unique(np.isnan(X), axis=0))
    assert sorted(sorted_source(X).X[:, 0]) == sorted(X[:, 0])


@pytest.mark.parametrize("threads", [1, 2])
def test_answers_come_in_the_tables_order(threads: int) -> None:
    X = table()
    source = sorted_source(X, threads=threads)
    first = source.map_rows(lambda rows: rows[:, 0], np.empty(500))
    assert np.array_equal(first, X[:, 0])
    both = source.map_rows(lambda rows: rows[:, :2], np.empty((500, 2)))
    assert np.array_equal(both, X[:, :2], equal_nan=True)
    whole = source.map_rows(lambda rows: rows[:, 0], np.empty(500, dtype=np.int64))
    assert whole.dtype == np.int64


def test_weights_stay_with_their_rows() -> None:
    X = table()
    weights = X[:, 0] + 0.5
    source = sorted_source(X, weights)
    assert np.array_equal(source.sample_weight, source.X[:, 0] + 0.5)
    total = source.map_reduce(lambda rows, v: np.array([(rows[:, 0] * v).sum(), v.sum()]))
    np.testing.assert_allclose(total, [(X[:, 0] * weights).sum(), weights.sum()], rtol=1e-14)
    rows, sampled = source.sample_rows(50, np.random.default_rng(0))
    assert np.array_equal(sampled, rows[:, 0] + 0.5)


def test_what_users_bring_is_arranged() -> None:
    X = table()
    source = sorted_source(X)
    assert np.array_equal(source.arranged(X[:, 0]), source.X[:, 0])
    assert np.array_equal(source.arranged(X[:, :1]), source.X[:, :1])


@pytest.mark.parametrize("layout", ["F", "strided", "read-only"])
def test_the_table_is_left_as_it_is(layout: str) -> None:
    X = laid_out(table(), layout)
    before = X.copy()
    source = sorted_source(X)
    assert not np.shares_memory(source.X, X)
    assert np.array_equal(X, before, equal_nan=True)
