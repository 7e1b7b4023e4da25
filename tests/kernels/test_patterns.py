"""Patterns of missing cells."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels.patterns import FEW, LONG, Patterns, grouped, pair_work, patterns_of
from problems import with_holes


def cost(n_features: int) -> float:
    """Return the cost of a complete row, as simple as can be."""
    return 1.0 * n_features


@pytest.mark.parametrize("d", [1, 3, 8, 64, 70, 130])
def test_rows_of_one_pattern_come_side_by_side_in_their_order(d: int) -> None:
    rng = np.random.default_rng(d)
    observed = (rng.random((5, d)) < 0.5)[rng.integers(5, size=60)]
    order, starts = grouped(observed)
    assert sorted(order.tolist()) == list(range(60))
    groups = np.split(order, starts[1:])
    assert starts[0] == 0
    assert len(groups) == len(np.unique(observed, axis=0))
    for group in groups:
        assert (observed[group] == observed[group[0]]).all()
        assert (np.diff(group) > 0).all()


def test_no_rows_are_no_patterns() -> None:
    order, starts = grouped(np.zeros((0, 3), dtype=bool))
    assert (len(order), len(starts)) == (0, 0)


def test_patterns_by_hand() -> None:
    nan = np.nan
    X = np.array([[1, nan, nan], [1, 2, 3], [nan, 2, nan], [4, nan, nan], [nan, nan, nan]])
    order, patterns = patterns_of(X)
    found = np.split(order, np.cumsum(patterns.rows)[:-1])
    assert sorted(
        (group.tolist(), m) for group, m in zip(found, patterns.missing.tolist(), strict=True)
    ) == [([0, 3], 2), ([1], 0), ([2], 2), ([4], 3)]


def test_patterns_count_every_row_and_cell() -> None:
    rng = np.random.default_rng(0)
    X = with_holes(rng, rng.normal(size=(200, 5)), 0.4)
    _, patterns = patterns_of(X)
    assert patterns.rows.sum() == 200
    assert patterns.rows @ patterns.missing == np.isnan(X).sum()


def test_complete_rows_cost_what_they_do() -> None:
    complete = Patterns(np.array([LONG - 1]), np.array([0]))
    assert pair_work(complete, 10, cost) == (LONG - 1) * cost(10)


def test_rows_without_an_observed_cell_cost_nothing() -> None:
    for rows in (1, LONG):
        assert pair_work(Patterns(np.array([rows]), np.array([10])), 10, cost) == 0.0


def test_unique_patterns_cost_more_the_more_is_missing() -> None:
    one = [
        pair_work(Patterns(np.array([1]), np.array([m])), 10, cost) for m in range(10 // FEW + 1)
    ]
    assert (np.diff(one) > 0).all()


def test_rows_of_one_pattern_cost_less_than_of_many() -> None:
    together = pair_work(Patterns(np.array([1000]), np.array([3])), 10, cost)
    apart = pair_work(Patterns(np.ones(1000, dtype=int), np.full(1000, 3)), 10, cost)
    assert together < apart / 2
