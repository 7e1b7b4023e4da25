"""Sums over the ratings of users and items."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError
from mixtura.kernels.ratings import COMPILED_WORK, NumPyPasses, Ratings, passes_for
from mixtura.sources.threads import for_each
from rating_problems import item_sums, standardised, user_sums


def one_thread(function, n):
    """Run blocks one after another."""
    for_each(function, n, 1)


def tables(n, k, seed):
    """Return four tables of positive numbers."""
    return np.random.default_rng(seed).uniform(0.2, 2.0, (4, n, k))


def check_passes(make, k):
    """Compare the sums of passes with those of one rating at a time."""
    ratings = standardised(n_users=40, n_items=17)
    passes = make(ratings)
    about_items, about_users = tables(17, k, 1)[:3], tables(40, k, 2)
    about_items[0] -= 1.0
    for found, expected in (
        (passes.user_sums(*about_items), user_sums(ratings, *about_items)),
        (passes.item_sums(*about_users), item_sums(ratings, *about_users)),
    ):
        for name in expected._fields:
            np.testing.assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-12, err_msg=name
            )
    np.testing.assert_array_equal(passes.counts, ratings.counts)


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_numpy_sums_are_those_of_one_rating_at_a_time(k: int) -> None:
    check_passes(NumPyPasses, k)


def test_ratings_by_row_and_by_column() -> None:
    ratings = Ratings.of([2, 0, 2], [1, 1, 0], np.array([5.0, 3.0, 1.0]), (4, 2))
    assert ratings.starts.tolist() == [0, 1, 1, 3, 3]
    assert ratings.columns.tolist() == [1, 0, 1]
    assert ratings.values.tolist() == [3.0, 1.0, 5.0]
    assert ratings.counts.tolist() == [1, 0, 2, 0]
    assert ratings.rows.tolist() == [0, 2, 2]
    other = ratings.transposed()
    assert other.starts.tolist() == [0, 1, 3]
    assert (other.columns.tolist(), other.values.tolist()) == ([2, 0, 2], [1.0, 3.0, 5.0])
    assert (other.n_rows, other.n_columns) == (2, 4)
    assert ratings.scaled(3.0, 2.0).values.tolist() == [0.0, -1.0, 1.0]


def test_engine_goes_by_the_amount_of_work() -> None:
    ratings = standardised()
    assert type(passes_for(ratings, 2, "auto", one_thread)) is NumPyPasses
    assert type(passes_for(ratings, 2, "numba", one_thread)).__name__ == "CompiledPasses"
    enough = int(COMPILED_WORK / len(ratings.values)) + 1
    assert type(passes_for(ratings, enough, "auto", one_thread)).__name__ == "CompiledPasses"
    assert type(passes_for(ratings, enough, "numpy", one_thread)) is NumPyPasses
    with pytest.raises(InputError, match="engine='cuda' is not one of auto, numpy, numba"):
        passes_for(ratings, 2, "cuda", one_thread)
