"""Lloyd's iterations: how they start, step and end, whatever finds the nearest centres."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from clusterings import Problem, bits, holed, random_problem, separate_problem
from mixtura.algorithms.kmeans import Clustering, Farthest, ShiftRule, cluster, filled, means
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.stopping import Status
from mixtura.kernels import reference
from mixtura.kernels.kmeans import NumPyPasses, Tally, passes_for, shift_of
from mixtura.sources import MemorySource, memory
from strategies import seeds

ROWS = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])


def solved(rows: Any, centres: Any, weights: Any = None, **options: Any) -> Clustering:
    """Return what NumPy's passes reach."""
    centres = np.asarray(centres, dtype=rows.dtype)
    passes = NumPyPasses(len(rows), shift_of(centres))
    return cluster(OneBlock(rows, weights), centres, passes, **options)


def test_by_hand() -> None:
    done = solved(ROWS, [[0.0], [1.0]])
    # {0} and the rest, {0, 1} and the rest, then nothing moves.
    assert done.centres.tolist() == [[0.5], [11.0]]
    assert done.labels.tolist() == [0, 0, 1, 1, 1]
    assert done.inertia == 0.5 + 2.0
    assert done.n_iter == 3
    assert done.status is Status.CONVERGED


def test_weights_are_repeats() -> None:
    weights = np.array([1.0, 3.0, 1.0, 0.0, 2.0])
    repeated = np.repeat(ROWS, weights.astype(int), axis=0)
    one, two = solved(ROWS, [[0.0], [12.0]], weights), solved(repeated, [[0.0], [12.0]])
    assert one.centres.tolist() == two.centres.tolist()
    assert one.inertia == pytest.approx(two.inertia)
    assert one.n_iter == two.n_iter


def test_rows_without_weight_are_labelled_and_nothing_else() -> None:
    rows, weights = np.vstack([ROWS, [[4.0], [90.0]]]), np.array([1.0] * 5 + [0.0] * 2)
    done = solved(rows, [[0.0], [1.0]], weights)
    assert done.centres.tolist() == [[0.5], [11.0]]
    assert done.labels.tolist() == [0, 0, 1, 1, 1, 0, 1]
    assert (done.inertia, done.n_iter) == (2.5, 3)


@given(seeds)
def test_at_the_end_rows_are_nearest_and_centres_are_means(seed: int) -> None:
    problem = separate_problem(seed, 60, 2, 5)
    done = problem.solve(passes_for(problem.rows, 5, problem.shift))
    assert done.status is Status.CONVERGED
    assert np.array_equal(done.labels, reference.nearest(problem.rows, done.centres))
    labels, centres = reference.kmeans_step(problem.rows, problem.weights, done.centres)
    assert np.array_equal(labels, done.labels)
    np.testing.assert_allclose(centres, done.centres, atol=1e-14)
    squares = ((problem.rows - done.centres[done.labels]) ** 2).sum(axis=1)
    assert done.inertia == pytest.approx(problem.weights @ squares, rel=1e-14)
    again = Problem(problem.rows, problem.weights, done.centres)
    assert again.solve(passes_for(problem.rows, 5, problem.shift)).n_iter <= 2


def test_steps_end_at_the_limit() -> None:
    rows = np.random.default_rng(2).normal(size=(500, 2))
    whole = solved(rows, rows[:8])
    for limit in (0, 1, 3):
        short = solved(rows, rows[:8], max_iter=limit)
        assert (short.n_iter, short.status) == (limit, Status.MAX_ITER)
        assert np.array_equal(short.labels, reference.nearest(rows[:500], short.centres))
    assert solved(rows, rows[:8], max_iter=0).centres.tolist() == rows[:8].tolist()
    exactly = solved(rows, rows[:8], max_iter=whole.n_iter)
    assert bits(exactly) == bits(whole)


def test_a_tolerance_ends_them_early() -> None:
    rows = np.random.default_rng(2).normal(size=(500, 2))
    states: list[Any] = [rows[:8]]
    rough = solved(rows, rows[:8], tol=0.01, on_step=lambda new, _: bool(states.append(new)))
    moved = [((b - a) ** 2).sum() for a, b in pairwise(states)]
    assert rough.status is Status.CONVERGED
    assert rough.n_iter == len(moved) < solved(rows, rows[:8]).n_iter
    assert moved[-1] <= 0.01 < min(moved[:-1])
    assert np.array_equal(rough.labels, reference.nearest(rows, rough.centres))


def test_a_caller_may_end_them() -> None:
    rows = np.random.default_rng(2).normal(size=(100, 2))
    traces: list[list[float]] = []

    def third(centres: Any, trace: list[float]) -> bool:
        traces.append(list(trace))
        return len(traces) == 3

    done = solved(rows, rows[:8], on_step=third)
    assert (done.n_iter, done.status) == (3, Status.CALLBACK)
    assert [len(trace) for trace in traces] == [2, 3, 4]


def test_single_precision_stays_and_sums_are_double() -> None:
    rows = (1e3 + np.random.default_rng(3).normal(size=(4000, 2))).astype(np.float32)
    done = solved(rows, rows[:3])
    assert done.centres.dtype == np.float32
    for j in range(3):
        mean = rows[done.labels == j].astype(float).mean(axis=0)
        np.testing.assert_allclose(done.centres[j], mean, rtol=6e-8)
    apart = rows.astype(float) - done.centres.astype(float)[done.labels]
    assert done.inertia == pytest.approx((apart**2).sum(), rel=1e-13)


@pytest.mark.parametrize("algorithm", ["lloyd", "exponion", "yinyang"])
def test_threads_change_no_bit(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BLOCK_ROWS", 20)
    problem = separate_problem(4, 500, 3, 20)
    outcomes = []
    for threads in (1, 2, 3):
        passes = passes_for(problem.rows, 20, problem.shift, algorithm=algorithm, engine="numba")
        outcomes.append(bits(problem.solve(passes, threads=threads)))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    source = MemorySource(problem.rows, problem.weights, row_work=1e5, result_size=1)
    assert len(source._blocks) > 5


# --- clusters that run empty -----------------------------------------------------------------


def test_empty_clusters_take_the_farthest_rows() -> None:
    done = solved(ROWS, [[5.0], [100.0], [200.0]], max_iter=1)
    # From 5, 12 is farthest, then 11; the mean of the others is 11 / 3.
    assert done.centres.tolist() == [[11.0 / 3.0], [12.0], [11.0]]


def test_of_equally_far_rows_the_first_is_taken() -> None:
    rows = np.array([[0.0], [2.0], [4.0]])
    assert solved(rows, [[2.0], [100.0]], max_iter=1).centres.tolist() == [[3.0], [0.0]]


def test_rows_without_weight_are_not_taken() -> None:
    weights = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    done = solved(ROWS, [[5.0], [100.0]], weights, max_iter=1)
    assert done.centres.tolist() == [[11.0 / 3.0], [11.0]]


def test_a_cluster_gives_no_row_that_it_needs() -> None:
    rows = np.array([[0.0], [1.0], [50.0]])
    # 50 is far from its centre 40, but alone with it.
    done = solved(rows, [[0.25], [40.0], [900.0]], max_iter=1)
    assert done.centres.tolist() == [[0.0], [50.0], [1.0]]
    done = solved(np.array([[0.0], [1.0]]), [[0.25], [900.0], [901.0]], max_iter=1)
    assert done.centres.tolist() == [[0.0], [1.0], [901.0]]


def test_rows_on_their_centres_are_not_taken() -> None:
    assert solved(np.zeros((2, 1)), [[0.0], [5.0]], max_iter=1).centres.tolist() == [[0.0], [5.0]]


@pytest.mark.parametrize("heavy", [1e10, 1e14, 1e17])
def test_sums_recover_the_digits_that_heavy_rows_took_away(heavy: float) -> None:
    rows = np.array([[-7.0], [17.0], [-8.0], [18.0], [4.9], [5.3], [6.0]])
    weights = np.array([heavy, heavy, 1.0, 1.0, 1.0, 1.0, 1.0])
    centres = np.array([[5.0], [-20.0], [30.0]])
    passes = NumPyPasses(7, np.zeros(1))
    found = cluster(OneBlock(rows, weights), centres, passes)
    assert found.centres[0, 0] == pytest.approx(5.4, rel=1e-15)


def test_steps_go_on_while_clusters_are_filled() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [100.0], [140.0]])
    # The second cluster can spare one row; the last takes one of the first in the next step,
    # in which no other row moves.
    done = solved(rows, [[1.0], [120.0], [900.0], [901.0]])
    assert done.centres.tolist() == [[1.5], [140.0], [100.0], [0.0]]
    assert done.labels.tolist() == [3, 0, 0, 2, 1]


@pytest.mark.parametrize("algorithm", ["lloyd", "exponion", "yinyang"])
def test_more_clusters_than_distinct_rows(algorithm: str) -> None:
    rows = np.array([[0.0], [0.0], [1.0], [1.0]])
    for centres in ([[0.0], [0.0], [1.0], [1.0]], [[0.0]] * 4, [[7.0], [8.0], [9.0], [3.0]]):
        problem = Problem(rows, None, np.array(centres))
        done = problem.solve(
            passes_for(rows, 4, problem.shift, algorithm=algorithm, engine="numba"), max_iter=50
        )
        assert done.status is Status.CONVERGED
        assert done.inertia == 0.0
        assert np.isfinite(done.centres).all()
        assert {*done.centres[:, 0]} >= {0.0, 1.0}
        assert np.array_equal(rows[:, 0], done.centres[done.labels, 0])


@given(seeds)
def test_filling_is_the_reference_rule_in_any_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(30, 2))
    centres = np.vstack([rows[:3], rng.normal(size=(int(rng.integers(1, 9)), 2)) + 1e3])
    weights = rng.integers(0, 3, size=30).astype(float)
    weights[:3] = 1.0
    _, wanted = reference.kmeans_step(rows, weights, centres)
    with pytest.MonkeyPatch.context() as patch:
        for block_rows in (1, 7, 2048):
            patch.setattr(memory, "BLOCK_ROWS", block_rows)
            problem = Problem(rows, weights, centres)
            done = problem.solve(NumPyPasses(30, np.zeros(2)), max_iter=1)
            np.testing.assert_allclose(done.centres, wanted, atol=1e-13)


def test_nothing_is_filled_where_nothing_is_empty() -> None:
    tally = Tally(np.ones((2, 1)), np.ones(2), np.ones(2, np.int64), 1)
    same, placed = filled(OneBlock(ROWS), np.zeros((2, 1)), NumPyPasses(5, np.zeros(1)), tally)
    assert same is tally
    assert placed == ()


def test_a_cluster_without_rows_keeps_its_centre() -> None:
    tally = Tally(np.array([[6.0], [0.0]]), np.array([2.0, 0.0]), np.array([2, 0]), 2)
    new = means(tally, np.array([[1.0], [7.0]], np.float32), np.array([10.0]))
    assert new.tolist() == [[13.0], [7.0]]
    assert new.dtype == np.float32


def test_the_farthest_of_two_blocks() -> None:
    def some(distances: list[float], first: int) -> Farthest:
        n = len(distances)
        numbers = np.arange(first, first + n)
        return Farthest(2, np.array(distances), numbers)

    a, b, c = some([5.0, 2.0], 0), some([5.0, 4.0], 10), some([5.0], 20)
    assert (a + b).numbers.tolist() == [0, 10]
    assert ((a + b) + c).numbers.tolist() == (a + (b + c)).numbers.tolist() == [0, 10]
    assert (some([], 0) + c).numbers.tolist() == [20]


def test_shifts_are_small_enough_once_they_sum_to_the_tolerance() -> None:
    rule = ShiftRule(0.5)
    assert rule.reached([-np.inf, -0.5])
    assert not rule.reached([-0.1, -0.6])


# --- rows far from the origin ----------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["lloyd", "exponion", "yinyang"])
def test_labels_are_those_of_the_final_centres_about_their_own_middle(algorithm: str) -> None:
    problem = separate_problem(3, 300, 2, 6)
    # About the origin, scores of these rows have few digits left to tell near centres apart.
    rows, origin = problem.rows + 1e7, np.zeros(2)
    far = Problem(rows, None, problem.centres + 1e7)
    done = far.solve(passes_for(rows, 6, origin, algorithm=algorithm, engine="numba"))
    shift = shift_of(done.centres)
    for about, same in ((shift, True), (origin, False)):
        fresh = passes_for(rows, 6, about, algorithm="lloyd", engine="numba")
        fresh.aim(done.centres)
        fresh.assign(slice(0, 300), rows, None)
        assert np.array_equal(done.labels, fresh.labels) == same


# --- rows with missing cells -----------------------------------------------------------------

NAN = np.nan
ENGINES = ("numpy", "numba")


def objective(problem: Problem, centres: Any) -> float:
    """Return the sum that is minimised (docs/guide, equation 21)."""
    apart = np.nansum((problem.rows[:, None].astype(float) - centres) ** 2, axis=2)
    weights = np.ones(len(apart)) if problem.weights is None else problem.weights
    return float(weights @ apart.min(axis=1))


@given(seeds)
def test_with_holes_no_step_raises_the_objective(seed: int) -> None:
    problem = holed(random_problem(seed, 200, 20), seed)
    start, digits = problem.centres.astype(float), float(np.finfo(problem.rows.dtype).eps)
    values = [objective(problem, start)]
    done = problem.solve(
        passes_for(problem.rows, len(start), problem.shift, holes=True),
        on_step=lambda centres, _: bool(values.append(objective(problem, centres.astype(float)))),
    )
    # Centres are rounded to the dtype of the rows, which tells where these are far from the origin.
    largest = float(np.nanmax(np.abs(problem.rows))) * digits
    weight = len(problem.rows) if problem.weights is None else problem.weights.sum()
    rounding = weight * problem.rows.shape[1] * largest**2
    for before, after in pairwise(values):
        assert after <= before * (1 + 64 * digits) + 64 * rounding
    assert done.inertia == pytest.approx(values[-1], rel=1e3 * digits, abs=64 * rounding)
    assert np.isfinite(done.centres).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_centres_are_means_of_observed_cells(engine: str) -> None:
    rows = np.array(
        [[0.0, 4.0, NAN], [2.0, NAN, NAN], [20.0, 9.0, 8.0], [NAN] * 3, [22.0, NAN, 6.0]]
    )
    centres, weights = np.array([[0.0, 0.0, 5.0], [20.0, 9.0, 7.0]]), np.array([1.0, 3, 1, 9, 1])
    passes = passes_for(rows, 2, shift_of(centres), engine=engine)
    done = cluster(OneBlock(rows, weights), centres, passes)
    # No row of the first has the last column, which therefore stays.
    assert done.centres.tolist() == [[1.5, 4.0, 5.0], [21.0, 9.0, 7.0]]
    assert done.labels.tolist() == [0, 0, 1, 0, 1]
    assert done.inertia == (1.5**2 + 3 * 0.5**2) + (1 + 1) + (1 + 1)
    assert (done.n_iter, done.status) == (2, Status.CONVERGED)


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_clusters_take_the_farthest_of_rows_with_holes(engine: str) -> None:
    rows = np.array([[0.0, 0.0], [1.0, NAN], [NAN, 12.0], [NAN, NAN], [2.0, 1.0]])
    centres = np.array([[1.0, 1.0], [500.0, 600.0]])
    passes = passes_for(rows, 2, np.zeros(2), engine=engine)
    done = cluster(OneBlock(rows), centres, passes, max_iter=1)
    assert done.centres.tolist() == [[1.0, 0.5], [500.0, 12.0]]


def test_rows_that_show_nothing_fill_no_cluster() -> None:
    rows = np.array([[NAN], [NAN], [3.0], [5.0]])
    centres = np.array([[100.0], [4.0]])
    done = cluster(OneBlock(rows), centres, passes_for(rows, 2, np.zeros(1)))
    assert sorted(done.centres[:, 0].tolist()) == [3.0, 5.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_first_centres_are_completed_by_the_columns_means(engine: str) -> None:
    rows = np.array([[0.0, NAN], [2.0, 5.0], [NAN, 7.0]])
    passes = passes_for(rows, 2, shift_of(rows[[0, 2]]), engine=engine)
    done = cluster(OneBlock(rows, np.array([3.0, 1.0, 1.0])), rows[[0, 2]], passes, max_iter=0)
    assert done.centres.tolist() == [[0.0, 6.0], [0.5, 7.0]]
