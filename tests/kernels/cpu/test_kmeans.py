"""Passes in machine code: what they remember of rows between passes is true, and spares work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from clusterings import Problem, random_problem, separate_problem
from mixtura.algorithms.kmeans import means
from mixtura.algorithms.source import OneBlock
from mixtura.kernels import reference
from mixtura.kernels.cpu import kmeans as module
from mixtura.kernels.cpu.kmeans import (
    Auto,
    Bounded,
    Exponion,
    Lloyd,
    Yinyang,
    grouped,
    lower,
    moves,
    packed,
)
from mixtura.kernels.cpu.scores import lanes
from mixtura.kernels.kmeans import Tally
from problems import LAYOUTS, laid_out

KINDS = (Lloyd, Exponion, Yinyang)


def steps(passes: Any, problem: Problem, count: int) -> Iterator[tuple[Any, Tally]]:
    """Take passes in two blocks each; yield the centres compared with and the tally so far."""
    rows, weights, centres = problem.rows, problem.weights, problem.centres
    tally, half = Tally.zeros(*centres.shape), len(rows) // 2
    for _ in range(count):
        passes.aim(centres)
        for part in (slice(0, half), slice(half, len(rows))):
            own = None if weights is None else weights[part]
            tally += passes.assign(part, rows[part], own)
        yield centres, tally
        centres = means(tally, centres, passes.shift)


def distances(problem: Problem, centres: Any) -> Any:
    """Return the distances (n, k) of the rows and centres that are compared, in long doubles."""
    rows, centres = (
        (array - problem.shift).astype(np.longdouble) for array in (problem.rows, centres)
    )
    return np.sqrt(((rows[:, None, :] - centres) ** 2).sum(axis=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 7), (3, 8), (4, 25), (3, 70)])
def test_rows_get_the_nearest_centre(kind: type[Lloyd], dtype: str, d: int, k: int) -> None:
    problem = separate_problem(d, k + 30, d, k)
    rows, centres = problem.rows.astype(dtype), problem.centres.astype(dtype)
    passes = kind(len(rows), np.zeros(d, dtype))
    for centres_, _ in steps(passes, Problem(rows, None, centres), 3):
        assert np.array_equal(passes.labels, reference.nearest(rows, centres_))


@pytest.mark.parametrize("kind", [*KINDS, Auto])
def test_tallies_are_the_sums_by_label_after_every_pass(kind: Any) -> None:
    for seed in range(30):
        problem = random_problem(seed, 300, 60)
        k, shape = len(problem.centres), (len(problem.rows), problem.shift)
        passes = kind(*shape, k) if kind is Auto else kind(*shape)
        rows = (problem.rows - problem.shift).astype(np.float64)
        weights = np.ones(len(rows)) if problem.weights is None else problem.weights
        for _, tally in steps(passes, problem, 6):
            hot = (passes.labels[:, None] == np.arange(k)) * weights[:, None]
            assert np.array_equal(tally.rows, (hot > 0).sum(axis=0))
            np.testing.assert_allclose(tally.weight, hot.sum(axis=0), atol=1e-9)
            largest = np.abs(rows).max()
            np.testing.assert_allclose(tally.sums, hot.T @ rows, atol=1e-13 * largest * len(rows))


@pytest.mark.parametrize("kind", [Exponion, Yinyang])
@pytest.mark.parametrize("far", [1e-3, 10.0])
def test_bounds_hold_after_every_pass(
    kind: type[Bounded], far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FAR", far)
    spared = 0
    for seed in range(40):
        problem = random_problem(seed, 200, 80)
        n = len(problem.rows)
        passes: Any = kind(n, problem.shift)
        for centres, _ in steps(passes, problem, 8):
            apart = distances(problem, centres)
            own = apart[np.arange(n), passes.labels]
            others = apart.copy()
            others[np.arange(n), passes.labels] = np.inf
            left = passes.slack - passes.level[passes.labels]
            sure = left > 0  # the others are looked at
            assert (left <= others.min(axis=1) - own)[sure].all(), seed
            spared += sure.sum()
            between = distances(Problem(centres, None, problem.centres), centres)
            for g in range(passes.gaps.shape[1]):
                there = passes.home == g
                nearest = between[:, there].min(axis=1)
                assert (passes.gaps[~there, g] <= nearest[~there]).all(), seed
                if kind is Yinyang:
                    bound = passes.bounds[:, g] - passes.falls[g]
                    assert (bound <= others[:, there].min(axis=1)).all(), seed
            if kind is Yinyang:
                assert (passes.upper + passes.rise[passes.labels] >= own).all(), seed
    assert spared > 5000


@pytest.mark.parametrize("kind", [Exponion, Yinyang])
def test_rows_of_settled_clusters_are_not_looked_at(kind: type[Bounded]) -> None:
    rng = np.random.default_rng(0)
    middles = 20.0 * rng.normal(size=(40, 3))
    rows = (middles[:, None, :] + rng.normal(size=(40, 25, 3))).reshape(-1, 3)
    passes = kind(1000, np.zeros(3))
    looked = [
        sum(count for count, _ in passes._spent)
        for _ in steps(passes, Problem(rows, None, middles), 5)
    ]
    assert looked[0] == 1000
    assert looked[-1] < 50
    passes.slack[17] = -np.inf
    passes.aim(middles)
    passes.assign(slice(0, 1000), rows, None)
    assert sum(count for count, _ in passes._spent) < 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_was_placed_is_looked_at_again(kind: type[Lloyd]) -> None:
    rows = np.repeat([[0.0], [100.0], [300.0]], 5, axis=0)
    passes = kind(15, np.zeros(1))
    for _ in range(3):
        passes.aim(rows[::5].copy())
        tally = passes.assign(slice(0, 15), rows, None)
    assert tally.moved == 0
    passes.place(7, 2)
    assert passes.labels[7] == 2
    passes.aim(rows[::5].copy())
    tally = passes.assign(slice(0, 15), rows, None)
    assert passes.labels[7] == 1
    assert tally.moved == 1
    assert tally.rows.tolist() == [0, 1, -1]
    assert tally.sums.ravel().tolist() == [0.0, 100.0, -100.0]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shifted", [False, True])
def test_every_layout_gives_the_same_bits(kind: type[Lloyd], layout: str, shifted: bool) -> None:
    problem = separate_problem(1, 300, 4, 40)
    shift = problem.rows[0] if shifted else np.zeros(4)
    other = Problem(laid_out(problem.rows, layout), problem.weights, problem.centres)
    ours, theirs = kind(300, shift), kind(300, shift)
    for (a, one), (b, two) in zip(steps(ours, other, 4), steps(theirs, problem, 4), strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(ours.labels, theirs.labels)
        assert np.array_equal(one.sums, two.sums)
        apart = ours.apart(slice(0, 300), other.rows, a)
        assert np.array_equal(apart, theirs.apart(slice(0, 300), problem.rows, b))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_distances_are_taken_in_double_precision(dtype: str) -> None:
    rng = np.random.default_rng(3)
    rows, centres = ((1e4 + rng.normal(size=(n, 5))).astype(dtype) for n in (50, 4))
    passes = Lloyd(50, centres[0])
    passes.labels[:] = np.arange(50) % 4
    part = slice(10, 50)
    apart = passes.apart(part, rows[part], centres)
    wanted = ((rows.astype(float) - centres.astype(float)[passes.labels]) ** 2).sum(axis=1)
    np.testing.assert_allclose(apart, wanted[part], rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_passes_about_another_point(kind: type[Lloyd]) -> None:
    passes = kind(9, np.zeros(2))
    assert passes.about(np.zeros(2)) is passes
    other = passes.about(np.ones(2))
    assert other.shift.tolist() == [1.0, 1.0]
    assert (other.labels == -1).all()


def kinds_used(rows: Any, centres: Any, count: int) -> list[str]:
    """Return which passes ``Auto`` takes."""
    passes, names = Auto(len(rows), np.zeros(rows.shape[1]), len(centres)), []
    labels = passes.labels
    for _ in steps(passes, Problem(rows, None, centres), count):
        names.append(passes._now.name)
        assert passes.labels is labels
        assert passes._now.labels is labels
    return names


def test_bounds_are_kept_where_they_pay() -> None:
    rng = np.random.default_rng(4)
    middles = 20.0 * rng.normal(size=(60, 2))
    rows = (middles[:, None, :] + rng.normal(size=(60, 50, 2))).reshape(-1, 2)
    names = kinds_used(rows, rows[::50].copy(), 12)
    assert names == ["lloyd"] * 2 + ["exponion"] * 10


def test_bounds_are_dropped_where_they_do_not_pay_and_tried_again() -> None:
    rows = np.random.default_rng(5).normal(size=(3000, 30))
    names = kinds_used(rows, rows[:100].copy(), 11)
    assert names == ["lloyd"] * 2 + ["yinyang"] * 2 + ["lloyd"] * 6 + ["yinyang"]


def test_many_centres_in_few_columns_are_not_sorted_around_each_other() -> None:
    shift = np.zeros(2)
    assert Auto(10**6, shift, 1000)._bounded is Exponion
    assert Auto(10**5, shift, 10_000)._bounded is Yinyang


def test_a_group_of_one_centre_rules_rows_out() -> None:
    problem = separate_problem(0, 2000, 4, 17)
    passes = Yinyang(2000, problem.shift)
    for _ in range(2):
        passes.aim(problem.centres)
        OneBlock(problem.rows).map_parts(passes.assign)
    assert passes._spent == [(0, 0)]


def test_one_centre_needs_no_bounds() -> None:
    rows = np.random.default_rng(6).normal(size=(50, 2))
    assert set(kinds_used(rows, rows[:1].copy(), 5)) == {"lloyd"}


def test_automatic_passes_place_and_move_about() -> None:
    rows = np.repeat([[0.0], [100.0], [300.0]], 5, axis=0)
    passes = Auto(15, np.zeros(1), 3)
    for _ in range(4):
        passes.aim(rows[::5].copy())
        tally = passes.assign(slice(0, 15), rows, None)
    passes.place(7, 2)
    passes.aim(rows[::5].copy())
    tally = passes.assign(slice(0, 15), rows, None)
    assert (passes.labels[7], tally.moved) == (1, 1)
    assert passes.apart(slice(0, 15), rows, rows[1::5]).max() == 0.0
    assert passes.about(np.zeros(1)) is passes
    other = passes.about(np.ones(1))
    assert other.shift.tolist() == [1.0]
    assert (other.labels == -1).all()


@pytest.mark.parametrize("by", [0.0, 1e-9, 1.0, 1e30, 1e60])
def test_lowered_bounds_are_never_too_high(by: float) -> None:
    rng = np.random.default_rng(7)
    before = (rng.normal(size=300) * 10.0 ** rng.integers(-6, 7, size=300)).astype(np.float32)
    before[:2] = -np.inf, np.nan
    bounds = before.copy()
    lower(bounds, by)
    exact = before.astype(np.longdouble) - by
    assert (bounds[2:] <= exact[2:]).all()
    assert bounds[0] == -np.inf
    assert np.isnan(bounds[1])
    if by < 1e31:
        np.testing.assert_allclose(bounds[2:], exact[2:].astype(float), rtol=1e-6)


def test_moves_are_rounded_up() -> None:
    rng = np.random.default_rng(8)
    before, after = rng.normal(size=(2, 50, 7))
    after[0] = before[0]
    exact = np.sqrt(((after.astype(np.longdouble) - before) ** 2).sum(axis=1))
    assert moves(before, after)[0] == 0.0
    assert (moves(before, after)[1:] > exact[1:]).all()
    np.testing.assert_allclose(moves(before, after), exact.astype(float), rtol=1e-8)


@pytest.mark.parametrize("k", [1, 7, 8, 9, 50, 129])
def test_groups_hold_each_centre_once_and_are_near_one_another(k: int) -> None:
    centres = np.random.default_rng(k).normal(size=(k, 2))
    order = grouped(centres, 8)
    assert sorted(order) == list(range(k))
    if k > 16:
        runs = [centres[order[start : start + 8]] for start in range(0, k, 8)]
        assert np.mean([np.ptp(run, axis=0).min() for run in runs]) < 0.5 * np.ptp(centres)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("k", "vectors"), [(1, 1), (20, 1), (20, 3)])
def test_packed_centres(dtype: str, k: int, vectors: int) -> None:
    centres = np.random.default_rng(9).normal(size=(k, 3)).astype(dtype)
    order, width = np.random.default_rng(9).permutation(k), lanes(dtype)
    runs, offsets, numbers = packed(centres, order, vectors)
    assert len(runs) == len(offsets) == len(numbers) == -(-k // (width * vectors)) * vectors
    assert runs.dtype == offsets.dtype == numbers.dtype == dtype
    flat = runs.transpose(0, 2, 1).reshape(-1, 3)
    np.testing.assert_array_equal(flat[:k], centres[order])
    np.testing.assert_array_equal(numbers.ravel()[:k], order)
    wanted = -0.5 * (centres[order].astype(float) ** 2).sum(axis=1)
    np.testing.assert_allclose(offsets.ravel()[:k], wanted, rtol=np.finfo(dtype).eps)
    assert (offsets.ravel()[k:] == -np.inf).all()
    assert not flat[k:].any()


#: Prints by how many bytes a step grows the process beyond what a small problem took.
GROWTH = """
import resource
import numpy as np
from mixtura.algorithms.kmeans import cluster
from mixtura.kernels.kmeans import passes_for
from mixtura.sources import MemorySource

def most(n):
    X = np.random.default_rng(0).normal(size=(n, 2))
    passes = passes_for(X, 1000, np.zeros(2), algorithm="lloyd", engine="numba")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source = MemorySource(X, row_work=100.0, result_size=3000, threads=2)
    cluster(source, X[:1000].copy(), passes, max_iter=2)
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

most(5000)
print(most(1_000_000))
"""


@pytest.mark.slow
def test_a_full_pass_holds_little_beyond_the_rows() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 16 * 1_000_000 + 64 * 2**20  # all pairs would take 8 GB
