"""Lloyd's iterations that keep nothing of a row: as those in memory, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from clusterings import InBlocks, Problem, holed, random_problem, separate_problem
from mixtura.algorithms.kmeans import Clustering, Standing, cluster
from mixtura.algorithms.lloyd import Aim, Leading, Settled, settle
from mixtura.algorithms.loop import Progress
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.stepwise import held_by
from mixtura.algorithms.stopping import Status
from mixtura.kernels.kmeans import has_holes, passes_for
from strategies import seeds

ROWS = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])


def both(
    problem: Problem, size: int = 7, engine: str = "numpy", **options: Any
) -> tuple[Clustering, Settled, list[Any], list[Any]]:
    """Return what is reached in memory and by passes over blocks, and the centres on the way."""
    rows, holes = problem.rows, has_holes(problem.rows)
    paths: tuple[list[Any], list[Any]] = ([], [])
    passes = passes_for(rows, len(problem.centres), problem.shift, engine=engine, holes=holes)
    memory = cluster(
        OneBlock(rows, problem.weights),
        problem.centres,
        passes,
        on_step=lambda new, _: bool(paths[0].append(new)),
        **options,
    )
    outside = settle(
        InBlocks(rows, problem.weights, size),
        problem.centres,
        engine=engine,
        holes=holes,
        on_step=lambda new, _: bool(paths[1].append(new)),
        **options,
    )
    return memory, outside, *paths


def check_agreement(problem: Problem, **options: Any) -> None:
    """Assert that both ways go through the same centres and end in the same way."""
    memory, outside, path, other = both(problem, **options)
    assert (outside.n_iter, outside.status) == (memory.n_iter, memory.status)
    if len(path) == 1 and (path[0] == problem.centres).all():  # rows got labels, and no more
        path = []
    assert len(other) == len(path)
    scale = np.nanmax(np.abs(problem.rows))
    close = 1e-10 if problem.rows.dtype == np.float64 else 1e-6
    for mine, theirs in zip(other, path, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=close * scale)
    assert outside.centres.dtype == problem.rows.dtype
    np.testing.assert_allclose(outside.centres, memory.centres, rtol=0, atol=close * scale)
    assert outside.inertia == pytest.approx(memory.inertia, rel=10 * close)
    k = len(problem.centres)
    assert outside.rows.tolist() == np.bincount(memory.labels, minlength=k).tolist()
    held = held_by(memory.labels, problem.rows, problem.weights, k)
    np.testing.assert_allclose(outside.held, held, rtol=1e-12)


@settings(max_examples=25)
@given(seeds)
def test_centres_are_those_in_memory_at_every_iteration(seed: int) -> None:
    check_agreement(separate_problem(seed, 150, 3, 6))


@settings(max_examples=25)
@given(seeds)
def test_so_they_are_where_cells_are_missing(seed: int) -> None:
    check_agreement(holed(separate_problem(seed, 150, 3, 6), seed))


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("missing", [False, True])
def test_so_they_are_with_every_engine(engine: str, dtype: Any, missing: bool) -> None:
    problem = separate_problem(3, 400, 4, 7)
    problem = Problem(problem.rows.astype(dtype), problem.weights, problem.centres.astype(dtype))
    check_agreement(holed(problem, 3) if missing else problem, engine=engine, size=64)


@settings(max_examples=25)
@given(seeds)
def test_so_they_are_on_hard_tables(seed: int) -> None:
    check_agreement(random_problem(seed, 200, 8), size=50, max_iter=1)


def test_by_hand() -> None:
    done = settle(InBlocks(ROWS, size=2), np.array([[0.0], [1.0]]))
    assert done.centres.tolist() == [[0.5], [11.0]]
    assert done.rows.tolist() == [2, 3]
    assert (done.inertia, done.n_iter, done.status) == (2.5, 3, Status.CONVERGED)


@pytest.mark.parametrize("options", [{"max_iter": 0}, {"max_iter": 3}, {"tol": 0.01}])
def test_limits_mean_the_same(options: dict[str, Any]) -> None:
    rows = np.random.default_rng(2).normal(size=(500, 2))
    check_agreement(Problem(rows, None, rows[:8].copy()), size=100, **options)


def test_a_run_goes_on_from_where_it_has_got_to() -> None:
    problem = separate_problem(8, 300, 3, 6)
    kept: list[Progress[Standing]] = []
    whole = settle(InBlocks(problem.rows), problem.centres, keep=kept.append)
    assert len(kept) > 2
    for begun in kept:
        done = settle(InBlocks(problem.rows), begun)
        assert done.centres.tobytes() == whole.centres.tobytes()
        assert (done.inertia, done.n_iter) == (whole.inertia, whole.n_iter)


def test_a_caller_may_end_them() -> None:
    rows = np.random.default_rng(2).normal(size=(100, 2))
    done = settle(InBlocks(rows), rows[:8], on_step=lambda _, trace: len(trace) == 4)
    assert (done.n_iter, done.status) == (3, Status.CALLBACK)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_blocks_change_rounding_alone(size: int) -> None:
    problem = separate_problem(5, 300, 3, 6)
    one, other = both(problem, size=300)[1], both(problem, size=size)[1]
    np.testing.assert_allclose(one.centres, other.centres, rtol=0, atol=1e-14)
    again = both(problem, size=size)[1]
    assert again.centres.tobytes() == other.centres.tobytes()
    assert (again.inertia, again.n_iter) == (other.inertia, other.n_iter)


# --- clusters that run empty -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "centres", "weights"),
    [
        (ROWS, [[5.0], [100.0], [200.0]], None),
        (np.array([[0.0], [2.0], [4.0]]), [[2.0], [100.0]], None),  # equally far
        (ROWS, [[5.0], [100.0]], [1.0, 1.0, 1.0, 1.0, 0.0]),  # the farthest does not count
        (np.array([[0.0], [1.0], [50.0]]), [[0.25], [40.0], [900.0]], None),  # 50 is needed
        (np.array([[0.0], [1.0]]), [[0.25], [900.0], [901.0]], None),  # one to spare for two
        (np.array([[0.0], [1.0], [2.0], [100.0], [140.0]]), [[1], [120], [900], [901]], None),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_empty_clusters_take_the_rows_that_they_take_in_memory(
    rows: Any, centres: Any, weights: Any, size: int
) -> None:
    weights = None if weights is None else np.array(weights)
    check_agreement(Problem(rows, weights, np.array(centres, dtype=float)), size=size)


@settings(max_examples=25)
@given(seeds)
def test_so_they_do_where_cells_are_missing(seed: int) -> None:
    problem = holed(separate_problem(seed, 60, 2, 5), seed)
    centres = problem.centres.copy()
    centres[2:4] += 1e3
    check_agreement(Problem(problem.rows, problem.weights, centres))


def test_rows_on_their_centres_are_not_taken() -> None:
    done = settle(InBlocks(np.zeros((2, 1))), np.array([[0.0], [5.0]]))
    assert done.centres.tolist() == [[0.0], [5.0]]
    assert (done.rows.tolist(), done.n_iter) == ([2, 0], 1)


def test_rows_that_lead_stay_in_order_where_they_are_equal() -> None:
    numbers = np.arange(6)
    parts = [
        Leading(3, np.array(keys), (numbers[place : place + 2],))
        for place, keys in ((0, [5.0, 2.0]), (2, [7.0, 5.0]), (4, [5.0, 5.0]))
    ]
    total = parts[0] + parts[1] + parts[2]
    assert total.keys.tolist() == [7.0, 5.0, 5.0]
    assert total.carried[0].tolist() == [2, 0, 3]


def test_labels_of_rows_are_those_of_the_nearest_centres() -> None:
    aim = Aim(np.array([[0.0], [10.0]]), np.zeros(1))
    assert aim.labels(ROWS).tolist() == [0, 0, 1, 1, 1]
