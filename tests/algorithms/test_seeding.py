"""Seeds are drawn as they should be, are the best of their draws, and come whatever the rows."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from mixtura import InputError
from mixtura.algorithms import seeding
from mixtura.algorithms.seeding import METHODS, draw, plus_plus, rows_at, seed, within
from mixtura.algorithms.source import OneBlock
from mixtura.kernels import seeding as kernels
from mixtura.sources.memory import MemorySource

ENGINES = ("numpy", "numba")


def source_of(rows: Any, weights: Any = None, threads: int = 1) -> MemorySource:
    """Return rows in several blocks, if there are some thousands."""
    return MemorySource(rows, weights, row_work=1e4, result_size=1, threads=threads)


def blobs(n: int = 9_000, d: int = 4, k: int = 20) -> Any:
    rng = np.random.default_rng(0)
    middles = 10 * rng.standard_normal((k, d))
    return np.round(middles[rng.integers(k, size=n)] + rng.standard_normal((n, d)), 3)


def potential(rows: Any, centres: Any, weights: Any = None) -> float:
    apart = ((rows - centres[:, None]) ** 2).sum(axis=2).min(axis=0)
    return float(apart.sum() if weights is None else apart @ weights)


def probability(rows: Any, weights: Any, seeds: Any) -> float:
    """Return how likely it is to draw these row numbers, in this order."""
    total, mass = 1.0, weights.astype(float)
    for row in seeds:
        total *= mass[row] / mass.sum()
        apart = weights * ((rows - rows[row]) ** 2).sum(axis=1)
        mass = apart if row == seeds[0] else np.minimum(mass, apart)
    return total


@pytest.mark.parametrize("most_notes", [2**20, 0])
@pytest.mark.parametrize("multiple", [1, 4])
def test_rows_are_drawn_by_weight_and_squared_distance(
    multiple: int, most_notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arthur & Vassilvitskii's probabilities, however many draws a pass compares."""
    monkeypatch.setattr(seeding, "MULTIPLE", multiple)
    monkeypatch.setattr(kernels, "MOST_NOTES", most_notes)
    rows = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 0.0], [3.0, 3.0], [9.0, 9.0]])
    weights = np.array([3.0, 1.0, 2.0, 1.5, 0.0])
    rng, n = np.random.default_rng(0), 1_200
    drawn = Counter(tuple(plus_plus(OneBlock(rows, weights), 3, rng, n_trials=1)) for _ in range(n))
    triples = list(permutations(range(4), 3))
    assert set(drawn) <= set(triples)
    expected = n * np.array([probability(rows, weights, triple) for triple in triples])
    assert expected.sum() == pytest.approx(n)
    assert chisquare([drawn[triple] for triple in triples], expected).pvalue > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_each_seed_is_the_best_of_its_draws(engine: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((12, 2))
    numbers = plus_plus(OneBlock(rows), 5, rng, n_trials=400, engine=engine)
    for m in range(1, 5):  # so many draws leave no row out
        reached = [potential(rows, rows[[*numbers[:m], row]]) for row in range(12)]
        assert reached[numbers[m]] == pytest.approx(min(reached))


def test_more_draws_make_better_seeds() -> None:
    rows = blobs()

    def mean(n_trials: int) -> float:
        rng = np.random.default_rng(0)
        seeds = [plus_plus(source_of(rows), 20, rng, n_trials=n_trials) for _ in range(5)]
        return float(np.mean([potential(rows, rows[each]) for each in seeds]))

    assert mean(10) < 0.8 * mean(1)


def test_engines_choose_the_same_rows() -> None:
    source = source_of(blobs())
    ours, theirs = (
        plus_plus(source, 60, np.random.default_rng(0), engine=engine) for engine in ENGINES
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_threads_change_no_bit(self, method: str, engine: str) -> None:
        rows = blobs()
        weights = np.random.default_rng(1).uniform(size=len(rows))
        one, two = (
            seed(source_of(rows, weights, n), 30, method, np.random.default_rng(0), engine=engine)
            for n in (1, 2)
        )
        np.testing.assert_array_equal(one, two)
        assert one.shape == (30, 4)

    def test_rows_without_weight_do_not_count(self, method: str, engine: str) -> None:
        rows, weights = blobs(3_000), np.ones(3_000)
        weights[::2] = 0.0
        rows[::2] += 1e3
        source = source_of(rows, weights)
        centres = seed(source, 40, method, np.random.default_rng(0), engine=engine)
        assert centres.max() < 500

    def test_fewer_distinct_rows_than_seeds(self, method: str, engine: str) -> None:
        rows = np.repeat([[0.0, 1.0], [2.0, 3.0], [1e8, 0.0]], 20, axis=0)
        centres = seed(source_of(rows), 7, method, np.random.default_rng(0), engine=engine)
        assert centres.shape == (7, 2)
        assert {tuple(centre) for centre in centres} <= {tuple(row) for row in rows}
        if method != "random":
            assert len(np.unique(centres, axis=0)) == 3

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_float32_in_any_memory_order(self, method: str, engine: str, order: Any) -> None:
        rows = np.asarray(blobs(5_000), dtype=np.float32, order=order)
        centres = seed(source_of(rows), 30, method, np.random.default_rng(0), engine=engine)
        assert centres.dtype == np.float32
        if method != "random":  # which leaves groups of rows without a seed
            assert potential(rows, centres) < 8.0 * len(rows)

    def test_an_offset_changes_nothing(self, method: str, engine: str) -> None:
        rows = np.round(blobs(5_000) * 64) / 64  # exact at the offset
        near, far = (
            seed(source_of(each), 25, method, np.random.default_rng(0), engine=engine)
            for each in (rows, rows + 1e8)
        )
        np.testing.assert_allclose(far - 1e8, near, rtol=0, atol=1e-6)

    def test_as_many_seeds_as_rows(self, method: str, engine: str) -> None:
        rows = np.arange(6.0)[:, None]
        centres = seed(source_of(rows), 6, method, np.random.default_rng(0), engine=engine)
        np.testing.assert_array_equal(np.sort(centres, axis=0), rows)


@pytest.mark.parametrize("engine", ENGINES)
def test_distances_that_overflow_are_survived(engine: str) -> None:
    rows = np.array([[1e200], [-1e200], [3.0], [5.0]])
    numbers = plus_plus(source_of(rows), 4, np.random.default_rng(0), engine=engine)
    assert len(numbers) == 4


@pytest.mark.parametrize("weighted", [False, True])
def test_oversampling_is_as_good_as_greedy_draws(weighted: bool) -> None:
    rows = blobs(6_000, 6, 60)
    weights = np.random.default_rng(1).uniform(size=len(rows)) if weighted else None
    source = source_of(rows, weights)

    def mean(method: str) -> float:
        rng = np.random.default_rng(0)
        seeds = [seed(source, 60, method, rng, engine="numba") for _ in range(4)]
        return float(np.mean([potential(rows, each, weights) for each in seeds]))

    assert mean("k-means||") < 1.05 * mean("k-means++")


def test_random_rows_are_distinct_and_drawn_by_weight() -> None:
    rows, weights = np.arange(5.0)[:, None], np.array([0.0, 1.0, 1.0, 2.0, 4.0])
    rng = np.random.default_rng(0)
    drawn = [seed(OneBlock(rows, weights), 2, "random", rng)[:, 0] for _ in range(2_000)]
    assert all(a != b for a, b in drawn)
    first = np.bincount([int(a) for a, _ in drawn], minlength=5)
    assert first[0] == 0
    assert chisquare(first[1:], 2_000 * weights[1:] / weights.sum()).pvalue > 1e-3


def test_rows_come_in_the_order_asked_for() -> None:
    rows = np.arange(10_000.0)[:, None]
    numbers = np.array([9_999, 3, 3, 4_000, 0])
    np.testing.assert_array_equal(rows_at(source_of(rows), numbers)[:, 0], numbers)


def test_draws_follow_the_masses() -> None:
    mass = np.zeros(3 * seeding.CELL)
    at = [0, 5, seeding.CELL, len(mass) - 2]
    mass[at] = [1.0, 2.0, 3.0, 4.0]
    drawn = draw(mass, 4_000, np.random.default_rng(0))
    counts = Counter(drawn.tolist())
    assert set(counts) == set(at)
    assert chisquare([counts[row] for row in at], [400, 800, 1200, 1600]).pvalue > 1e-3
    assert len(draw(np.zeros(10), 3, np.random.default_rng(0))) == 0


def test_a_target_beyond_the_sum_finds_the_last_that_is_not_zero() -> None:
    upto = np.cumsum([1.0, 0.0, 2.0, 0.0])
    np.testing.assert_array_equal(
        within(upto, np.array([0.0, 1.0, 2.9, 3.0, 9.0])), [0, 2, 2, 2, 2]
    )


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(InputError, match=r"init='best' is not one of k-means\+\+, k-means\|\|"):
        seed(OneBlock(np.eye(3)), 2, "best", np.random.default_rng(0))
    with pytest.raises(InputError, match="engine='fortran'"):
        plus_plus(OneBlock(np.eye(3)), 2, np.random.default_rng(0), engine="fortran")


# --- rows with missing cells -----------------------------------------------------------------


def holed(rows: Any, share: float = 0.3) -> Any:
    """Return rows of which some lack cells, and every tenth all of them."""
    rng = np.random.default_rng(5)
    holes = rng.random(rows.shape) < share
    holes[::10] = True
    return np.where(holes, np.nan, rows)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", METHODS)
def test_seeds_of_rows_with_holes_are_complete(method: str, engine: str) -> None:
    rows = holed(blobs(3_000)).astype(np.float32)
    weights = np.random.default_rng(6).integers(0, 3, len(rows)).astype(float)
    centres = seed(source_of(rows, weights), 20, method, np.random.default_rng(0), engine=engine)
    assert centres.dtype == np.float32
    assert centres.shape == (20, 4)
    assert np.isfinite(centres).all()
    told = [
        seed(source, 20, method, np.random.default_rng(0), engine=engine, holes=True)
        for source in (source_of(rows, weights, 2), OneBlock(rows, weights))
    ]
    assert np.array_equal(told[0], centres)
    if method == "random":  # whose rows do not depend on sums over blocks
        assert np.array_equal(told[1], centres)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_with_holes_are_drawn_by_what_they_show(engine: str) -> None:
    """Equal shares for the same distance shown, none for rows that show nothing."""
    nan = np.nan
    rows = np.array([[0.0, 0.0], [3.0, nan], [nan, 3.0], [nan, nan], [0.0, nan]])
    weights = np.array([1.0, 1.0, 1.0, 9.0, 0.0])
    rng, n = np.random.default_rng(0), 600
    drawn = Counter(
        tuple(plus_plus(OneBlock(rows, weights), 2, rng, n_trials=1, engine=engine).tolist())
        for _ in range(n)
    )
    # The columns' means are 1.5: from row 0 both others show 9; from row 1, row 0 shows 9 + 1.5**2
    # and row 2 shows 1.5**2; and so from row 2.
    far, near = 11.25 / 13.5, 2.25 / 13.5
    expected = {(0, 1): 0.5, (0, 2): 0.5, (1, 0): far, (1, 2): near, (2, 0): far, (2, 1): near}
    counts = np.array([drawn[pair] for pair in expected])
    assert counts.sum() == n
    assert chisquare(counts, n / 3 * np.array(list(expected.values()))).pvalue > 1e-3


def test_with_holes_engines_choose_the_same_seeds() -> None:
    source = source_of(holed(blobs()))
    chosen = [plus_plus(source, 20, np.random.default_rng(1), engine=engine) for engine in ENGINES]
    assert np.array_equal(*chosen)
    random = [source.X[np.random.default_rng(n).choice(9_000, 20)] for n in range(3)]
    means = np.nanmean(source.X, axis=0)

    def shown(centres: Any) -> float:
        full = np.where(np.isnan(centres), means, centres)
        return float(np.nansum((source.X - full[:, None]) ** 2, axis=2).min(axis=0).sum())

    assert 2 * shown(source.X[chosen[0]]) < min(shown(centres) for centres in random)
