"""Runs of rows that miss the same columns, and how each way completes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mixtura.kernels import reference
from mixtura.kernels.cpu import incomplete, patterns
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from mixtura.kernels.patterns import FEW, LONG
from problems import (
    assert_close,
    assert_same_statistics,
    random_mixture,
    random_rows,
    with_holes,
)

NAMES = ("full", "tied")


def run(rng: np.random.Generator, n: int, d: int, m: int) -> np.ndarray:
    """Return rows that miss the same ``m`` of their columns."""
    X = random_rows(rng, n, 2, d)
    X[:, rng.permutation(d)[:m]] = np.nan
    return X


@pytest.mark.parametrize("length", [1, LONG - 1, LONG, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 5])
@pytest.mark.parametrize("m", range(5))
@pytest.mark.parametrize("name", NAMES)
def test_a_run_alone(name: str, m: int, length: int) -> None:
    rng = np.random.default_rng([m, length])
    X, weights, mixture = (
        run(rng, length, 4, m),
        rng.random(length),
        random_mixture(rng, name, 2, 4),
    )
    statistics = incomplete.expect(X, weights, mixture)
    wanted = incomplete.expect(X[:1], weights[:1], mixture)
    for i in range(1, length):
        wanted = wanted + incomplete.expect(X[i : i + 1], weights[i : i + 1], mixture)
    assert_same_statistics(statistics, wanted, 1e-11)
    one = incomplete.expect(X[:1], weights[:1], mixture)
    first = reference.expect(X[:1], weights[:1], mixture)
    assert one.loglik == pytest.approx(first.loglik, rel=1e-12, abs=1e-15)  # 0 without a cell
    assert_same_statistics(replace(one, loglik=first.loglik), first, 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_runs_side_by_side_do_not_mix(name: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = rng.choice([1, 2, 5, LONG - 1, LONG, 100, ROWS, 200], size=6)
        parts = [run(rng, n, 5, int(rng.integers(0, 6))) for n in lengths]
        mixture = random_mixture(rng, name, 2, 5)
        X = np.vstack(parts)
        wanted = incomplete.expect(parts[0], None, mixture)
        for part in parts[1:]:
            wanted = wanted + incomplete.expect(part, None, mixture)
        assert_same_statistics(incomplete.expect(X, None, mixture), wanted, 1e-11)
        for function in (incomplete.log_prob, incomplete.responsibilities, incomplete.labels):
            one_by_one: Any = [function(part, mixture) for part in parts]
            np.testing.assert_allclose(function(X, mixture), np.concatenate(one_by_one), rtol=1e-10)


def test_where_runs_end() -> None:
    nan = np.nan
    X = np.array([[1, nan], [2, nan], [nan, nan], [nan, 3], [4, 5], [6, 7.0]])
    missing, found, row = np.zeros(2, dtype=bool), [], 0
    while row < len(X):
        stop, m = patterns.find_run(X, row, missing)
        found.append((row, stop, m, missing.tolist()))
        row = stop
    assert found == [
        (0, 2, 1, [False, True]),
        (2, 3, 2, [True, True]),
        (3, 4, 1, [True, False]),
        (4, 6, 0, [False, False]),
    ]


def gathered(X: np.ndarray) -> list[int]:
    """Return where the runs of the first shared tile start, and its end."""
    missing, runs = np.zeros(X.shape[1], dtype=bool), np.empty(ROWS + 2, dtype=np.intp)
    stop, m = patterns.find_run(X, 0, missing)
    count = patterns.gather(X, 0, stop, m, runs, missing)
    return runs[: count + 1].tolist()


def test_short_runs_share_a_tile() -> None:
    rng, d = np.random.default_rng(1), 2 * FEW
    short = [run(rng, n, d, m) for n, m in ((3, 1), (5, 2), (1, 0))]
    assert gathered(np.vstack(short)) == [0, 3, 8, 9]
    assert gathered(np.vstack([*short, run(rng, LONG, d, 1)])) == [0, 3, 8, 9]
    assert gathered(np.vstack([*short, run(rng, 2, d, d)])) == [0, 3, 8, 9]
    many = np.vstack([run(rng, LONG - 1, d, m % 2) for m in range(8)])
    assert gathered(many)[-1] == ROWS


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_an_observed_cell_in_every_place(name: str) -> None:
    rng = np.random.default_rng(4)
    X, mixture = with_holes(rng, random_rows(rng, 60, 3, 3), 0.2), random_mixture(rng, name, 3, 3)
    X = X[~np.isnan(X).all(axis=1)]
    without = incomplete.expect(X, None, mixture)
    for at, n in ((0, 1), (len(X), 200), (10, 3)):
        padded = np.insert(X, [at] * n, np.nan, axis=0)
        statistics = incomplete.expect(padded, None, mixture)
        assert statistics.loglik == pytest.approx(without.loglik, rel=1e-12)
        assert_close(statistics.support, without.support, 1e-12)
        assert_close(statistics.zeroth, without.zeroth + n * mixture.weights, 1e-12)
        assert_close(statistics.second, without.second, 1e-12)
        described = incomplete.responsibilities(padded, mixture)
        np.testing.assert_allclose(described[at : at + n], [mixture.weights] * n, rtol=1e-13)
