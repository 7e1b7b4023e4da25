"""Fold: the same sum whatever the order in which results come, with few of them held."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.sources.folding import RADIX, Fold


def total(values, order):
    fold = Fold()
    for number in order:
        fold.add(int(number), float(values[number]))
    return fold.total()


@pytest.mark.parametrize("n", [1, 2, RADIX - 1, RADIX, RADIX + 1, 3 * RADIX**2 + 7])
def test_the_sum_is_that_of_all_results_in_any_order_of_arrival(n):
    rng = np.random.default_rng(n)
    values = rng.lognormal(0, 10, n)
    first = total(values, range(n))
    assert first == pytest.approx(values.sum(), rel=1e-12)
    assert total(values, rng.permutation(n)) == first


def test_rounding_stays_small_where_adding_one_by_one_loses_digits():
    values = np.full(200_000, 0.1)
    one_by_one = 0.0
    for value in values:
        one_by_one += value
    assert abs(total(values, range(len(values))) - 20_000.0) < 0.01 * abs(one_by_one - 20_000.0)


def test_few_sums_are_held():
    fold = Fold()
    for number in range(RADIX**2 + 5):
        fold.add(number, 1.0)
        assert len(fold._waiting) == 0
    assert len(fold._levels) == 3
