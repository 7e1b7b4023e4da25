"""Passes over rows with missing cells (docs/guide, equation 21)."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from clusterings import holed, separate_problem
from mixtura.kernels import kmeans as module
from mixtura.kernels.incomplete_kmeans import CellTally, IncompletePasses, observed_squares
from mixtura.kernels.kmeans import SCORE_BYTES, NumPyPasses
from strategies import seeds

NAN = np.nan
ROWS = np.array([[0.0, NAN], [2.0, 5.0], [NAN, 7.0], [NAN, NAN], [9.0, 6.0]])
CENTRES = np.array([[0.0, 0.0], [9.0, 7.0]])


def as_list(tally: Any) -> list[Any]:
    """Return all that a tally holds."""
    return [tally.sums.tolist(), tally.weight.tolist(), tally.rows.tolist(), tally.moved]


def test_squares_are_over_observed_cells() -> None:
    squares = observed_squares(ROWS.T, CENTRES)
    assert squares.tolist() == [[0.0, 29.0, 49.0, 0.0, 117.0], [81.0, 53.0, 0.0, 0.0, 1.0]]


def test_a_pass_by_hand() -> None:
    passes, weights = IncompletePasses(5, np.ones(2)), np.array([1.0, 2.0, 3.0, 4.0, 0.0])
    for moved in (4, 0):
        passes.aim(CENTRES)
        tally = passes.assign(slice(0, 5), ROWS, weights)
        # The row that shows nothing is in the first cluster, and no row of it.
        assert passes.labels.tolist() == [0, 0, 1, 0, 1]
        expected = [[[1.0, 8.0], [0.0, 18.0]], [[3.0, 2.0], [0.0, 3.0]], [2, 1], moved]
        assert as_list(tally) == expected
    assert passes.apart(slice(1, 5), ROWS[1:], CENTRES).tolist() == [29.0, 0.0, 0.0, 1.0]


def test_a_tally_is_of_all_rows_whatever_was_before() -> None:
    ones = np.ones((2, 3))
    one, two = CellTally(ones, ones, np.ones(2, np.int64), 1), CellTally(ones, ones, 1, 2)
    both = one + two
    assert isinstance(both, CellTally)
    assert (both.weight == 2.0).all()
    assert two.after(one) is two.largest(one) is two
    assert not two.has_lost_digits(one)


@given(seeds)
def test_complete_rows_are_as_ever(seed: int) -> None:
    problem = separate_problem(seed, 60, 3, 5)
    found = []
    for kind in (NumPyPasses, IncompletePasses):
        passes = kind(60, problem.rows[0])
        passes.aim(problem.centres)
        tally = passes.assign(slice(0, 60), problem.rows, problem.weights)
        found.append((passes, tally, passes.apart(slice(0, 60), problem.rows, problem.centres)))
    (one, a, apart), (two, b, same) = found
    assert one.labels.tolist() == two.labels.tolist()
    np.testing.assert_allclose(a.sums, b.sums, atol=1e-12)
    np.testing.assert_allclose(a.weight, b.weight[:, 0], rtol=1e-14)
    assert (a.rows.tolist(), a.moved) == (b.rows.tolist(), b.moved)
    np.testing.assert_allclose(apart, same, rtol=1e-14)


@given(seeds)
def test_rows_get_the_nearest_centre(seed: int) -> None:
    problem = holed(separate_problem(seed, 60, 4, 5), seed)
    passes = IncompletePasses(60, np.zeros(4))
    passes.aim(problem.centres)
    passes.assign(slice(0, 60), problem.rows, None)
    squares = np.nansum((problem.rows[:, None] - problem.centres) ** 2, axis=2)
    rounding = 1e-12 * squares.max(axis=1)
    assert (squares[np.arange(60), passes.labels] <= squares.min(axis=1) + rounding).all()
    blank = np.isnan(problem.rows).all(axis=1)
    assert (passes.labels[blank] == 0).all()


def test_many_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = holed(separate_problem(0, 100, 3, 7), 0)
    found = []
    for size in (SCORE_BYTES, 8 * 7 * 5):
        monkeypatch.setattr(module, "SCORE_BYTES", size)
        passes = IncompletePasses(100, np.zeros(3))
        passes.aim(problem.centres)
        tally = passes.assign(slice(0, 100), problem.rows, problem.weights)
        apart = passes.apart(slice(20, 100), problem.rows[20:], problem.centres)
        found.append([passes.labels.tolist(), as_list(tally), apart.tolist()])
    assert found[0] == found[1]


def test_nothing_of_all_pairs_is_held() -> None:
    rows = np.random.default_rng(1).normal(size=(20_000, 2))
    rows[::7, 0] = NAN
    passes = IncompletePasses(20_000, np.zeros(2))
    passes.aim(rows[1:301])
    tracemalloc.start()
    passes.assign(slice(0, 20_000), rows, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * SCORE_BYTES < 20_000 * 300 * 8 / 7


def test_rows_can_be_placed_and_taken_about_another_point() -> None:
    passes = IncompletePasses(5, np.zeros(2))
    passes.aim(CENTRES)
    passes.assign(slice(0, 5), ROWS, None)
    passes.place(4, 0)
    assert passes.count(slice(0, 5), ROWS, None).sums.tolist() == [[11.0, 11.0], [0.0, 7.0]]
    assert passes.about(np.zeros(2)) is passes
    other = passes.about(np.ones(2))
    assert (other.shift.tolist(), other.labels.tolist()) == ([1.0, 1.0], [-1] * 5)
