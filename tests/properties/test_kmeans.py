"""k-means: all algorithms and any number of threads give the same bits; no step goes uphill."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterings import Problem, bits, random_problem, separate_problem
from mixtura.kernels import reference
from mixtura.kernels.cpu import kmeans as cpu
from mixtura.kernels.kmeans import NumPyPasses, Passes, passes_for
from mixtura.sources import memory
from strategies import seeds

BOUNDED = ("exponion", "yinyang", "auto")


def passes_of(problem: Problem, algorithm: str) -> Passes:
    """Return an algorithm's passes in machine code; automatic ones for small problems, too."""
    if algorithm == "auto":
        return cpu.Auto(len(problem.rows), problem.shift, len(problem.centres))
    shape = (problem.rows, len(problem.centres), problem.shift)
    return passes_for(*shape, algorithm=algorithm, engine="numba")


def solved(problem: Problem, algorithm: str, **options: Any) -> tuple[object, ...]:
    """Return all that an algorithm gives."""
    return bits(problem.solve(passes_of(problem, algorithm), **options))


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small tables into many blocks too."""
    monkeypatch.setattr(memory, "BLOCK_ROWS", 50)


def problems(count: int, *sizes: int) -> list[Problem]:
    """Return problems of up to so many rows and centres."""
    return [random_problem(seed, *sizes) for seed in range(count)]


@pytest.mark.usefixtures("many_blocks")
def test_all_algorithms_and_numbers_of_threads_give_the_same_bits() -> None:
    most, alone = 0, 0
    for seed, problem in enumerate(problems(200, 400, 100)):
        expected = solved(problem, "lloyd", max_iter=30)
        for algorithm in BOUNDED:
            assert solved(problem, algorithm, max_iter=30) == expected, (seed, algorithm)
        threaded = ("lloyd", *BOUNDED)[seed % 4]
        assert solved(problem, threaded, threads=2, max_iter=30) == expected, (seed, threaded)
        most, alone = max(most, int(expected[3])), alone + (expected[3] == 1)  # type: ignore[call-overload]
    assert most == 30
    assert alone < 40  # most of them are worth more than a step


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("far", [1e-4, 1e-2, 1e3])
def test_bounds_may_start_afresh_at_any_time(far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "FAR", far)
    for seed, problem in enumerate(problems(25, 300, 80)):
        expected = solved(problem, "lloyd", max_iter=20)
        for algorithm in ("exponion", "yinyang"):
            assert solved(problem, algorithm, max_iter=20) == expected, (seed, algorithm)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e50, 1e140])
def test_numbers_beyond_single_precision(scale: float) -> None:
    problem = separate_problem(0, 2000, 4, 60)
    problem = Problem(problem.rows * scale, None, problem.centres * scale)
    expected = solved(problem, "lloyd", max_iter=20)
    for algorithm in ("exponion", "yinyang"):
        assert solved(problem, algorithm, max_iter=20) == expected


@pytest.mark.parametrize("scale", [1e-22, 1e-20, 1e-15, 1e15])
def test_squares_near_the_ends_of_single_precision(scale: float) -> None:
    problem = separate_problem(0, 500, 4, 60)
    rows, centres = (
        (array * scale).astype(np.float32) for array in (problem.rows, problem.centres)
    )
    problem = Problem(rows, None, centres)
    expected = solved(problem, "lloyd", max_iter=20)
    for algorithm in ("exponion", "yinyang"):
        assert solved(problem, algorithm, max_iter=20) == expected


@pytest.mark.slow
def test_large_problems() -> None:
    for seed, problem in enumerate(problems(200, 6000, 300)):
        expected = solved(problem, "lloyd")
        for algorithm in BOUNDED:
            assert solved(problem, algorithm, threads=1 + seed % 2) == expected, (seed, algorithm)


@pytest.mark.usefixtures("many_blocks")
def test_numpy_gives_the_same_labels_and_centres_to_the_bit() -> None:
    for seed, problem in enumerate(problems(100, 400, 100)):
        ours = problem.solve(passes_of(problem, "lloyd"), max_iter=30)
        theirs = problem.solve(NumPyPasses(len(problem.rows), problem.shift), max_iter=30)
        assert ours.labels.tobytes() == theirs.labels.tobytes(), seed
        assert ours.centres.tobytes() == theirs.centres.tobytes(), seed
        assert (ours.n_iter, ours.status) == (theirs.n_iter, theirs.status), seed
        assert ours.inertia == pytest.approx(theirs.inertia, rel=1e-12), seed


@settings(max_examples=30)
@given(seeds, st.integers(1, 8))
def test_every_step_is_the_reference_step(seed: int, k: int) -> None:
    problem = separate_problem(seed, 40, 2, k)
    centres = [problem.centres]
    done = problem.solve(
        NumPyPasses(40, problem.shift), on_step=lambda new, _: bool(centres.append(new))
    )
    for before, after in pairwise(centres):
        _, wanted = reference.kmeans_step(problem.rows, problem.weights, before)
        np.testing.assert_allclose(after, wanted, atol=1e-13)
    assert done.n_iter == len(centres)
    assert np.array_equal(done.labels, reference.nearest(problem.rows, done.centres))


def inertia(problem: Problem, centres: Any) -> float:
    """Return the weighted sum of squared distances from the nearest centres, in long doubles."""
    rows, centres = (array.astype(np.longdouble) for array in (problem.rows, centres))
    squares = ((rows[:, None, :] - centres) ** 2).sum(axis=2).min(axis=1)
    weights = 1.0 if problem.weights is None else problem.weights
    return float((weights * squares).sum())


def rounding(problem: Problem, before: float) -> float:
    """Return what the rounding of scores and of the new centres may add to an inertia."""
    (n, d), eps = problem.rows.shape, float(np.finfo(problem.rows.dtype).eps)
    rows = problem.rows.astype(np.float64)
    of_scores = 30 * (d + 8) * eps * ((rows - problem.shift) ** 2).sum()
    of_centres = eps * np.sqrt(d) * np.abs(rows).max()
    heaviest = 1.0 if problem.weights is None else problem.weights.max()
    return float(heaviest * (of_scores + 2 * of_centres * np.sqrt(n * before) + n * of_centres**2))


@pytest.mark.parametrize("algorithm", ["lloyd", *BOUNDED])
def test_no_step_raises_the_inertia(algorithm: str) -> None:
    fell = 0
    for seed, problem in enumerate(problems(40, 200, 30)):
        states = [problem.centres]
        done = problem.solve(
            passes_of(problem, algorithm),
            max_iter=25,
            on_step=lambda new, _, states=states: bool(states.append(new)),
        )
        inertias = [inertia(problem, centres) for centres in states]
        for before, after in pairwise(inertias):
            assert after <= before + rounding(problem, before), seed
            fell += after < before - rounding(problem, before)
        allowed = rounding(problem, inertias[-1])
        assert done.inertia == pytest.approx(inertias[-1], rel=1e-12, abs=allowed), seed
    assert fell > 50


@given(seeds, st.sampled_from([np.float64, np.float32]))
def test_an_offset_changes_no_more_than_rounding_the_rows_does(seed: int, dtype: type) -> None:
    problem = separate_problem(seed)
    offset = 1e8 if dtype is np.float64 else 1e4
    step = np.spacing(dtype(offset))
    rows = np.round(problem.rows / step) * step  # exact about the offset, too
    near = Problem(rows.astype(dtype), None, rows[:6].astype(dtype))
    there = Problem((rows + offset).astype(dtype), None, (rows[:6] + offset).astype(dtype))
    assert np.array_equal(there.rows.astype(float) - offset, rows)
    for make in (NumPyPasses, cpu.Lloyd):
        one, two = (each.solve(make(120, each.shift), max_iter=1) for each in (near, there))
        assert np.array_equal(one.labels, two.labels)
        np.testing.assert_allclose(two.centres - offset, one.centres, atol=float(step))
