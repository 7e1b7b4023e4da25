"""The passes of k-means with NumPy, and which passes are chosen."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import InputError
from mixtura.kernels import kmeans as module
from mixtura.kernels import reference
from mixtura.kernels.incomplete_kmeans import IncompletePasses
from mixtura.kernels.kmeans import (
    ALGORITHMS,
    SCORE_BYTES,
    NumPyPasses,
    Tally,
    change,
    chunks,
    has_holes,
    passes_for,
    shift_of,
    work,
)
from problems import LAYOUTS, laid_out
from strategies import seeds

ROWS = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])


def random_tally(rng: np.random.Generator) -> Tally:
    """Return a tally of whole numbers, which add up exactly."""
    sums, weight, rows = rng.integers(-9, 9, size=(3, 4, 2))
    return Tally(sums.astype(float), weight[:, 0].astype(float), rows[:, 0], int(rng.integers(9)))


def as_list(tally: Tally) -> list[Any]:
    """Return all that a tally holds."""
    return [tally.sums.tolist(), tally.weight.tolist(), tally.rows.tolist(), tally.moved]


@given(seeds)
def test_tallies_add_up_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (random_tally(rng) for _ in range(3))
    assert as_list((a + b) + c) == as_list(a + (b + c))
    assert as_list(a + b) == as_list(b + a)
    assert as_list(a + Tally.zeros(4, 2)) == as_list(a)
    assert (a + b).moved == a.moved + b.moved
    assert (a + b).sums.tolist() == (a.sums + b.sums).tolist()


def test_a_pass_by_hand() -> None:
    passes, weights = NumPyPasses(5, np.zeros(1)), np.array([1.0, 2.0, 1.0, 0.0, 3.0])
    passes.aim(np.array([[0.0], [11.0]]))
    tally = passes.assign(slice(0, 5), ROWS, weights)
    assert passes.labels.tolist() == [0, 0, 1, 1, 1]
    assert as_list(tally) == [[[2.0], [46.0]], [3.0, 4.0], [2, 2], 4]
    passes.aim(np.array([[10.0], [12.0]]))
    tally = passes.assign(slice(2, 5), ROWS[2:], weights[2:])
    assert passes.labels.tolist() == [0, 0, 0, 0, 1]  # the row between the two: the first
    assert as_list(tally) == [[[10.0], [-10.0]], [1.0, -1.0], [1, -1], 1]


@given(seed=seeds, dtype=st.sampled_from([np.float64, np.float32]), k=st.integers(1, 9))
def test_rows_get_the_nearest_centre(seed: int, dtype: type, k: int) -> None:
    rng = np.random.default_rng(seed)
    rows, centres = (rng.normal(size=(n, 3)).astype(dtype) for n in (20, k))
    passes = NumPyPasses(20, rows[0])
    passes.aim(centres)
    passes.assign(slice(0, 20), rows, None)
    wanted = reference.nearest(rows - rows[0], centres - rows[0])
    assert np.array_equal(passes.labels, wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_small_chunks(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(100, 3)), rng.uniform(size=100)
    tallies, apart = [], []
    for size in (module.SCORE_BYTES, 8 * 7 * 5):
        monkeypatch.setattr(module, "SCORE_BYTES", size)
        passes = NumPyPasses(100, np.zeros(3))
        passes.aim(rows[:7])
        tallies.append(passes.assign(slice(0, 100), laid_out(rows, layout), weights))
        apart.append(passes.apart(slice(20, 100), laid_out(rows, layout)[20:], rows[:7]))
    np.testing.assert_allclose(tallies[0].sums, tallies[1].sums, atol=1e-13)
    assert tallies[0].rows.tolist() == tallies[1].rows.tolist()
    assert np.array_equal(*apart)
    wanted = ((rows - rows[:7][passes.labels]) ** 2).sum(axis=1)
    np.testing.assert_allclose(apart[0], wanted[20:], rtol=1e-12)


def test_rows_can_be_placed() -> None:
    passes = NumPyPasses(5, np.zeros(1))
    for _ in range(2):
        passes.aim(np.array([[0.0], [11.0]]))
        tally = passes.assign(slice(0, 5), ROWS, None)
        passes.place(4, 0)
    assert as_list(tally) == [[[-12.0], [12.0]], [-1.0, 1.0], [-1, 1], 1]


def test_passes_about_another_point() -> None:
    passes = NumPyPasses(5, np.zeros(1))
    assert passes.about(np.zeros(1)) is passes
    other = passes.about(np.ones(1))
    assert other.shift.tolist() == [1.0]
    assert other.labels.tolist() == [-1] * 5


def test_what_leaves_and_what_comes() -> None:
    x, w = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), np.array([2.0, 0.0, 1.0])
    tally = change(x, w, np.array([-1, 0, 1]), np.array([1, 1, 0]), 3)
    assert tally.sums.tolist() == [[3.0, 30.0], [-1.0, -10.0], [0.0, 0.0]]
    assert tally.weight.tolist() == [1.0, 1.0, 0.0]
    assert tally.rows.tolist() == [1, 0, 0]
    assert tally.moved == 2


@pytest.mark.parametrize(("n", "k"), [(1, 1), (1000, 3), (10**6, 100), (10, 10**7)])
def test_chunks_cover_all_rows_once(n: int, k: int) -> None:
    parts = chunks(n, k)
    assert [i for part in parts for i in (part.start, part.stop)] == sorted(
        [0, n, *2 * [part.start for part in parts[1:]]]
    )
    assert max(part.stop - part.start for part in parts) <= max(1, SCORE_BYTES // (8 * k))


def test_nothing_of_all_pairs_is_held() -> None:
    rows = np.random.default_rng(1).normal(size=(20_000, 2))
    passes = NumPyPasses(20_000, np.zeros(2))
    passes.aim(rows[:500])
    passes.assign(slice(0, 20_000), rows, None)
    tracemalloc.start()
    passes.aim(rows[500:1000])
    passes.assign(slice(0, 20_000), rows, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * SCORE_BYTES < 20_000 * 500 * 8 / 10


@pytest.mark.parametrize(
    ("dtype", "offset", "moved"),
    [
        ("float64", 10.0, False),
        ("float64", 1e8, True),
        ("float32", 0.5, False),
        ("float32", 1e4, True),
    ],
)
def test_centres_far_from_the_origin_are_compared_about_their_middle(
    dtype: str, offset: float, moved: bool
) -> None:
    centres = (np.random.default_rng(2).normal(size=(9, 3)) + offset).astype(dtype)
    shift = shift_of(centres)
    assert shift.dtype == dtype
    assert shift.any() == moved
    if moved:
        np.testing.assert_array_equal(shift, np.median(centres, axis=0))
        outlier = np.vstack([centres, np.full((1, 3), -1e9, dtype)])
        assert np.abs(shift_of(outlier).astype(float) - offset).max() < 5


def test_one_centre_is_compared_about_itself() -> None:
    assert shift_of(np.array([[3.0, 4.0]])).tolist() == [3.0, 4.0]
    assert shift_of(np.zeros((2, 2))).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_passes_by_name(algorithm: str) -> None:
    rows = np.zeros((10, 2))
    passes = passes_for(rows, 2, np.ones(2), algorithm=algorithm, engine="numba")
    assert passes.name == ("lloyd" if algorithm == "auto" else algorithm)  # no bounds for few rows
    assert passes.shift.tolist() == [1.0, 1.0]
    assert passes.labels.tolist() == [-1] * 10


def test_small_problems_do_not_load_machine_code() -> None:
    assert isinstance(passes_for(np.zeros((100, 2)), 2, np.zeros(2)), NumPyPasses)
    large = passes_for(np.zeros((10**6, 2)), 2, np.zeros(2))
    assert large.name == "auto"
    assert isinstance(passes_for(np.zeros((10**6, 2)), 2, np.zeros(2), engine="numpy"), NumPyPasses)
    assert passes_for(np.zeros((100, 2)), 2, np.zeros(2), algorithm="exponion").name == "lloyd"


def test_what_cannot_be_chosen_is_refused() -> None:
    rows = np.zeros((10, 2))
    with pytest.raises(InputError, match="algorithm='elkan' is not one of auto, lloyd, exponion"):
        passes_for(rows, 2, np.zeros(2), algorithm="elkan")
    with pytest.raises(InputError, match="'exponion' cannot run where cells are missing"):
        passes_for(np.full((1, 1), np.nan), 1, np.zeros(1), algorithm="exponion")
    with pytest.raises(InputError, match="engine='numpy' cannot run algorithm='yinyang'"):
        passes_for(rows, 2, np.zeros(2), algorithm="yinyang", engine="numpy")


@pytest.mark.parametrize("algorithm", ["auto", "lloyd"])
def test_rows_with_holes_have_passes_of_their_own(algorithm: str) -> None:
    rows = np.zeros((100, 2))
    assert not has_holes(rows)
    rows[99, 1] = np.nan
    assert has_holes(rows)
    assert isinstance(passes_for(rows, 2, np.zeros(2)), IncompletePasses)
    compiled = passes_for(rows, 2, np.zeros(2), algorithm=algorithm, engine="numba")
    assert type(compiled).__name__ == "CompiledIncompletePasses"
    told = passes_for(rows[:50], 2, np.zeros(2), holes=True)
    assert isinstance(told, IncompletePasses)
    assert isinstance(passes_for(rows, 2, np.zeros(2), holes=False), NumPyPasses)


def test_work_grows_with_every_size() -> None:
    assert work(10, 2, 3) < min(work(11, 2, 3), work(10, 3, 3), work(10, 2, 4))
