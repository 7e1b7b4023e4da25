"""Machine code for the sums over ratings."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mixtura.kernels.cpu import ratings as cpu
from mixtura.kernels.cpu.ratings import CompiledPasses
from mixtura.kernels.ratings import Ratings
from mixtura.sources.threads import for_each
from rating_problems import item_sums, standardised, user_sums


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_sums_are_those_of_one_rating_at_a_time(k: int) -> None:
    ratings = standardised(n_users=40, n_items=17)
    passes = CompiledPasses(ratings, partial(for_each, threads=1))
    rng = np.random.default_rng(k)
    about_items, about_users = (rng.uniform(0.2, 2.0, (m, n, k)) for m, n in ((3, 17), (4, 40)))
    found = (*passes.user_sums(*about_items), *passes.item_sums(*about_users))
    expected = (*user_sums(ratings, *about_items), *item_sums(ratings, *about_users))
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12, atol=1e-12)


def test_rows_without_ratings_have_sums_of_zero() -> None:
    ratings = Ratings.of([1], [2], np.array([4.0]), (3, 4))
    passes = CompiledPasses(ratings, partial(for_each, threads=2))
    sums = np.array(passes.user_sums(*np.ones((3, 4, 2))))
    assert (sums[:, [0, 2]] == 0.0).all()
    np.testing.assert_array_equal(sums[:, 1], [[1.0] * 2, [3.0] * 2, [10.0] * 2, [0.0] * 2])


def test_bits_depend_neither_on_threads_nor_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = standardised(n_users=200, n_items=50)
    table = np.random.default_rng(0).uniform(0.2, 2.0, (3, 50, 5))

    def sums(threads: int) -> np.ndarray:
        passes = CompiledPasses(ratings, partial(for_each, threads=threads))
        return np.array(passes.user_sums(*table))

    whole = sums(1)
    monkeypatch.setattr(cpu, "BLOCK_RATINGS", 100)
    for threads in (1, 2, 3, 8):
        np.testing.assert_array_equal(sums(threads), whole)
