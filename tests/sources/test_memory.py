"""Rows in memory."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mixtura.kernels import array_api
from mixtura.sources import MemorySource
from mixtura.sources import memory as module
from mixtura.sources.memory import MAX_BLOCKS, RESULT_DOUBLES, split
from problems import LAYOUTS, laid_out, random_mixture, random_rows


def sizes(n: int, row_work: float, result_size: int = 1) -> list[int]:
    """Return the sizes of the blocks."""
    return [part.stop - part.start for part in split(n, row_work, result_size)]


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks be as small as their work allows."""
    monkeypatch.setattr(module, "BLOCK_ROWS", 1)


@pytest.mark.parametrize("n", [1, 2, 7, 1000, 9_999, 99_991])
@pytest.mark.parametrize("row_work", [1e-3, 10.0, 1e4, 1e9])
@pytest.mark.parametrize("result_size", [1, 1000, 10**9])
def test_blocks_cover_all_rows_once_and_evenly(n: int, row_work: float, result_size: int) -> None:
    parts = split(n, row_work, result_size)
    assert parts[0].start == 0
    assert parts[-1].stop == n
    assert all(left.stop == right.start for left, right in pairwise(parts))
    lengths = {part.stop - part.start for part in parts[:-1]}
    assert len(lengths) <= 1
    assert 1 <= len(parts) <= MAX_BLOCKS


def test_a_block_is_worth_a_threads_while() -> None:
    assert sizes(1000, 1.0) == [1000]
    for n, row_work in ((10**6, 30.0), (50_000, 500.0)):
        lengths = np.array(sizes(n, row_work)[:-1])
        assert len(lengths) > 2
        assert (lengths * row_work).min() >= 0.4 * module.BLOCK_WORK
        assert lengths.min() >= 0.4 * module.BLOCK_ROWS


def test_blocks_are_shared_evenly_among_threads() -> None:
    for row_work in (20.0, 45.0, 300.0):
        assert len(sizes(10**6, row_work)) % 4 == 0


def test_results_of_blocks_are_bounded() -> None:
    for result_size in (100_000, 3_000_000, 10**9):
        most = max(1, RESULT_DOUBLES // result_size) + 3  # up to a multiple of four
        assert len(split(10**7, 1e6, result_size)) <= most


class Trace:
    """A sum that remembers its order."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: Trace) -> Trace:
        return Trace(f"({self.text}{other.text})")


@pytest.mark.usefixtures("row_by_row")
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("n", "tree"),
    [(1, "a"), (2, "(ab)"), (3, "((ab)c)"), (4, "((ab)(cd))"), (8, "(((ab)(cd))((ef)(gh)))")],
)
def test_sums_are_taken_in_a_tree_by_block_number(n: int, tree: str, threads: int) -> None:
    X = np.arange(float(n))[:, None]
    source = MemorySource(X, row_work=1e9, result_size=1, threads=threads)
    names = "abcdefgh"
    assert source.map_reduce(lambda rows, weights: Trace(names[int(rows[0, 0])])).text == tree


@pytest.mark.usefixtures("row_by_row")
@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_the_number_of_threads_does_not_change_a_bit(name: str) -> None:
    rng = np.random.default_rng(60)
    X, weights, mixture = (
        random_rows(rng, 500, 3, 3),
        rng.random(500),
        random_mixture(rng, name, 3, 3),
    )
    totals = []
    for threads in (1, 2, 4):
        source = MemorySource(X, weights, row_work=1e5, result_size=1, threads=threads)
        assert len(source._blocks) > 50
        totals.append(source.map_reduce(lambda rows, w: array_api.expect(rows, w, mixture)))
    for other in totals[1:]:
        assert other.loglik == totals[0].loglik
        for part in ("zeroth", "first", "second"):
            assert np.array_equal(getattr(other, part), getattr(totals[0], part))


@pytest.mark.usefixtures("row_by_row")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_and_weights_go_together(layout: str) -> None:
    X, weights = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    source = MemorySource(laid_out(X, layout), weights, row_work=2e5, result_size=1)
    assert len(source._blocks) > 1
    total = source.map_reduce(lambda rows, w: w @ rows)
    assert total.tolist() == (weights @ X).tolist()


@pytest.mark.usefixtures("row_by_row")
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_know_which_rows_they_are(threads: int) -> None:
    X, weights = np.arange(26.0).reshape(13, 2), np.arange(13.0)
    source = MemorySource(X, weights, row_work=2e5, result_size=1, threads=threads)

    def check(part: slice, rows: Any, w: Any) -> Trace:
        assert np.array_equal(rows, X[part])
        assert np.array_equal(w, weights[part])
        return Trace(f"{part.start}-{part.stop} ")

    text = source.map_parts(check).text
    assert text.replace("(", "").replace(")", "").split() == [
        f"{part.start}-{part.stop}" for part in source._blocks
    ]
    assert text == source.map_reduce(
        lambda rows, w: Trace(f"{int(w[0])}-{int(w[-1]) + 1} ")
    ).text  # fmt: skip
    seen: list[Any] = []
    MemorySource(X, row_work=2e5, result_size=1).map_parts(lambda _, __, w: seen.append(w) or 0)
    assert {*seen} == {None}


@pytest.mark.usefixtures("row_by_row")
def test_without_weights_blocks_have_none() -> None:
    seen: list[Any] = []
    source = MemorySource(np.zeros((4, 1)), row_work=1e9, result_size=1)
    source.map_reduce(lambda rows, weights: seen.append(weights) or 0)
    assert seen == [None] * 4


@pytest.mark.usefixtures("row_by_row")
def test_rows_are_mapped_into_place() -> None:
    X = np.arange(12.0).reshape(6, 2)
    for threads in (1, 2):
        source = MemorySource(X, row_work=2e5, result_size=1, threads=threads)
        out = np.empty(6)
        assert source.map_rows(lambda rows: rows.sum(axis=1), out) is out
        assert out.tolist() == X.sum(axis=1).tolist()


def test_facts() -> None:
    plain = MemorySource(np.zeros((4, 3)), row_work=1.0, result_size=1)
    assert (plain.n_rows, plain.n_features, plain.weight) == (4, 3, 4.0)
    weighted = MemorySource(np.zeros((2, 1)), np.array([0.5, 0.0]), row_work=1.0, result_size=1)
    assert weighted.weight == 0.5


def test_the_same_blocks_with_other_threads() -> None:
    source = MemorySource(np.zeros((40, 1)), row_work=1e5, result_size=1, threads=2)
    other = source.with_threads(1)
    assert (source.threads, other.threads) == (2, 1)
    assert other._blocks is source._blocks
    here: set[int] = set()
    other.map_reduce(lambda rows, weights: here.add(threading.get_ident()) or 0)
    assert here == {threading.get_ident()}


@pytest.mark.parametrize("weighted", [False, True])
def test_samples_are_distinct_rows_in_order(weighted: bool) -> None:
    X = np.arange(100, dtype=np.float32)[:, None]
    weights = np.arange(100) % 3 * 0.5 if weighted else None
    source = MemorySource(X, weights, row_work=1.0, result_size=1)
    rows, drawn = source.sample_rows(20, np.random.default_rng(0))
    assert rows.shape == (20, 1)
    assert rows.dtype == np.float32
    assert (np.diff(rows[:, 0]) > 0).all()
    if weights is None:
        assert drawn is None
    else:
        assert drawn is not None
        assert (drawn > 0).all()
        assert np.array_equal(drawn, weights[rows[:, 0].astype(int)])
    again, _ = source.sample_rows(20, np.random.default_rng(0))
    assert np.array_equal(rows, again)
    other, _ = source.sample_rows(20, np.random.default_rng(1))
    assert not np.array_equal(rows, other)


def test_small_tables_are_sampled_whole() -> None:
    X, weights = np.arange(4.0)[:, None], np.array([1.0, 0.0, 2.0, 3.0])
    rows, drawn = MemorySource(X, row_work=1.0, result_size=1).sample_rows(
        9, np.random.default_rng(0)
    )
    assert rows.tolist() == X.tolist()
    assert drawn is None
    rows, drawn = MemorySource(X, weights, row_work=1.0, result_size=1).sample_rows(
        9, np.random.default_rng(0)
    )
    assert rows[:, 0].tolist() == [0.0, 2.0, 3.0]
    assert drawn is not None
    assert drawn.tolist() == [1.0, 2.0, 3.0]
