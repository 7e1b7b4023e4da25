"""Nested batches: what is in them, what they count, and where they end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mixtura.algorithms.mini_batch import (
    Batch,
    Enough,
    Limits,
    Nested,
    Sample,
    Step,
    Stream,
    absorbed,
    batches,
    nested,
    steps,
)
from mixtura.algorithms.source import OneBlock
from mixtura.kernels.kmeans import Passes, Tally, passes_for, shift_of

Array = Any
UNLIMITED = Limits(tol=0.0, size=1, tables=10**9, patience=None)


def problem(seed: int, n: int = 300, d: int = 2, k: int = 5) -> tuple[Array, Array, Array]:
    """Return rows, weights of which some are zero, and centres to start from."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) + 4.0 * rng.integers(0, 3, size=(n, d))
    return rows, rng.integers(0, 3, n).astype(float), rows[rng.choice(n, k, replace=False)]


def growing(rows: Array, weights: Array, centres: Array, size: int, most: int) -> list[Batch]:
    """Return all batches of a table, in an order of rows that is random."""

    def passes_of(rows: Any) -> Passes:
        return passes_for(rows, len(centres), shift_of(centres), engine="numpy", holes=False)

    order = np.random.default_rng(1).permutation(len(rows))[:most]
    sample = Sample(rows, weights, order)
    return list(batches(OneBlock(rows, weights), sample, size, most, OneBlock, passes_of))


def recomputed(batch: Batch, k: int) -> Tally:
    """Return the tally of the labels that the passes hold."""
    source: Any = batch.source
    labels = batch.passes.labels[: source.n_rows]
    w = np.ones(len(labels)) if source.weights is None else source.weights
    member = np.eye(k)[labels] * w[:, None]
    counts = (np.eye(k)[labels] * (w > 0)[:, None]).sum(axis=0).astype(int)
    return Tally(member.T @ (source.rows - batch.passes.shift), member.sum(axis=0), counts, 0)


def assert_same_sums(tally: Tally, expected: Tally) -> None:
    """Assert that two tallies hold the same rows."""
    assert_allclose(tally.sums, expected.sums, atol=1e-9)
    assert_allclose(tally.weight, expected.weight, atol=1e-9)
    assert_array_equal(tally.rows, expected.rows)


def test_each_batch_begins_with_the_one_before_it() -> None:
    rows, weights, centres = problem(0)
    found = growing(rows, weights, centres, 20, 150)
    assert [batch.source.n_rows for batch in found] == [20, 40, 80, 300]
    sources: list[Any] = [batch.source for batch in found]
    for small, large in pairwise(sources[:3]):
        assert_array_equal(large.rows[: small.n_rows], small.rows)
        assert_array_equal(large.weights[: small.n_rows], small.weights)
    assert len({id(batch.passes) for batch in found[:3]}) == 1
    distinct = {tuple(row) for row in sources[2].rows}
    assert len(distinct) == 80
    assert distinct < {tuple(row) for row in rows}
    assert_array_equal(sources[3].rows, rows)


def test_a_table_smaller_than_two_batches_is_the_only_one() -> None:
    found = growing(*problem(0), size=200, most=150)
    assert [batch.source.n_rows for batch in found] == [300]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 40), weighted=st.booleans())
def test_the_sums_are_those_of_the_rows_seen(seed: int, size: int, weighted: bool) -> None:
    rows, weights, centres = problem(seed)
    tally, passes, moved = Tally.zeros(*centres.shape), None, 0
    for batch in growing(rows, weights if weighted else None, centres, size, 150):
        if batch.passes is not passes:
            passes, tally = batch.passes, Tally.zeros(*centres.shape)
        for _, step in zip(range(3), steps(batch, centres, tally), strict=False):
            assert_same_sums(step.tally, recomputed(batch, len(centres)))
            moved += not step.settled
        centres, tally = step.centres, step.tally
    assert moved


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_at_the_end_no_row_would_move(seed: int) -> None:
    rows, weights, centres = problem(seed)
    done = nested(iter(growing(rows, weights, centres, 20, 150)), centres, UNLIMITED)
    assert done.step.settled
    assert done.batch.source.n_rows == 300
    final, labels = done.step.centres, done.batch.passes.labels
    apart = ((rows[:, None, :] - final) ** 2).sum(axis=2)
    assert_array_equal(apart.argmin(axis=1), labels)
    for j in range(len(final)):
        members = labels == j
        assert_allclose(np.average(rows[members], axis=0, weights=weights[members]), final[j])
    assert done.inertia == pytest.approx(weights @ apart.min(axis=1))


def test_rows_passed_over_are_counted_and_limited() -> None:
    rows, weights, centres = problem(3, n=2000)
    seen: list[int] = []
    for tables in (1, 2, 8):
        seen.clear()
        limits = Limits(tol=0.0, size=2000, tables=tables, patience=None)
        found = growing(rows, weights, centres, 50, 1000)
        done = nested(iter(found), centres, limits, lambda size, _: seen.append(size))
        assert done.n_rows == sum(seen) <= 2000 * tables
        assert done.n_steps == len(seen)
        assert seen == sorted(seen)
    assert done.batch.source.n_rows == 2000


def test_one_step_is_made_whatever_the_limit() -> None:
    rows, weights, centres = problem(3)
    limits = Limits(tol=0.0, size=1, tables=1, patience=None)
    assert nested(iter(growing(rows, weights, centres, 200, 0)), centres, limits).n_steps == 1


def enough(shifts: list[float], **limits: Any) -> bool:
    """Return the verdict on one step of two clusters, {0, 2} and {10, 12}, on a small batch."""
    rows = np.array([[0.0], [2.0], [10.0], [12.0]])
    centres = np.array([[1.0], [11.0]])
    batch = growing(rows, None, centres, 2, 2)[0]
    batch = Batch(OneBlock(rows), batch.passes, (rows, None))
    batch.passes.labels = np.array([0, 0, 1, 1], dtype=np.int32)
    tally = Tally(np.array([[2.0], [22.0]]), np.full(2, 2.0), np.full(2, 2), 1)
    rule = Enough(Limits(**{"tol": 0.0, "size": 4, "tables": 1, "patience": None, **limits}))
    return rule.met(batch, Step(centres, tally, np.array(shifts), False))


def test_a_batch_is_done_once_half_of_the_centres_move_less_than_noise() -> None:
    # Squared distances are 1, so that the standard errors of means of two rows are sqrt(1 / 2).
    tenth = 0.1 * np.sqrt(0.5)
    assert enough([0.99 * tenth, 0.99 * tenth])
    assert not enough([1.01 * tenth, 1.01 * tenth])
    assert enough([1.01 * tenth, 0.9 * tenth])  # the median of two is their mean
    assert not enough([0.0, 3.0 * tenth])


def test_a_batch_is_done_once_shifts_are_within_the_tolerance() -> None:
    assert enough([3.0, 4.0], tol=25.0)
    assert not enough([3.0, 4.0], tol=24.9)


def test_patience_counts_poor_steps_in_a_row() -> None:
    rows, weights, centres = problem(4, n=4000, k=12)

    def run(patience: int | None) -> Nested:
        limits = Limits(tol=0.0, size=4000, tables=1000, patience=patience)
        return nested(iter(growing(rows, weights, centres, 100, 2000)), centres, limits)

    runs = [run(patience) for patience in (1, 5, None)]
    assert runs[0].n_rows < runs[1].n_rows < runs[2].n_rows
    assert [done.batch.source.n_rows for done in runs] == [4000] * 3
    assert runs[2].step.settled
    assert not runs[0].step.settled


def test_a_stream_keeps_weights_and_sums() -> None:
    rows, weights, centres = problem(5)
    stream, total = Stream.begin(centres), 0.0
    rng = np.random.default_rng(0)
    for start in range(0, 300, 100):
        chunk, own = rows[start : start + 100], weights[start : start + 100]
        passes = passes_for(chunk, 5, shift_of(centres))
        batch = Batch(OneBlock(chunk, own), passes)
        before = stream.tally(passes.shift)
        stream, done = absorbed(stream, batch, chunk, 0.0, rng)
        after = stream.tally(passes.shift)
        change = recomputed(batch, 5)
        assert_allclose(after.sums, before.sums + change.sums, atol=1e-9)
        assert_allclose(after.weight, before.weight + change.weight)
        assert 1 <= done.n_steps <= 10
        total += own.sum()
        assert_allclose(stream.since, total)


def test_merged_clusters_go_to_the_nearest_others() -> None:
    stream = Stream(np.array([[0.0], [1.0], [10.0]]), np.array([6.0, 2.0, 4.0]), np.full(3, 12.0))
    merged = stream.merged(np.array([1]), np.array([[50.0]]))
    assert_allclose(merged.means, [[0.25], [50.0], [10.0]])
    assert merged.weight.tolist() == [8.0, 0.0, 4.0]
    assert merged.since.tolist() == [12.0, 0.0, 12.0]


def test_light_clusters_grow_slowly_for_their_age() -> None:
    weight, since = np.array([100.0, 0.5, 0.5, 0.0]), np.array([100.0, 100.0, 1.0, 0.0])
    stream = Stream(np.zeros((4, 1)), weight, since)
    assert stream.light(0.01).tolist() == [1]
    assert stream.light(0.6).tolist() == [1, 2]
    assert stream.light(0.0).tolist() == []
    assert stream.light(5.0).tolist() == [1, 2]


def test_a_dead_cluster_is_placed_on_a_row_far_from_centres() -> None:
    stream = Stream(np.array([[0.0], [100.0]]), np.array([1000.0, 1.0]), np.full(2, 1001.0))
    rows = np.array([[-1.0], [1.0], [19.0], [21.0]])
    passes = passes_for(rows, 2, np.zeros(1))
    after, _ = absorbed(stream, Batch(OneBlock(rows), passes), rows, 0.01, np.random.default_rng(0))
    assert_allclose(after.means[1], 20.0)
    assert after.weight.tolist() == [1003.0, 2.0]  # with the weight of the cluster that died
    kept, _ = absorbed(stream, Batch(OneBlock(rows), passes), rows, 0.0, np.random.default_rng(0))
    assert kept.means[1, 0] == 100.0
