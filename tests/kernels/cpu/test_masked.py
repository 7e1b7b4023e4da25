"""Tiles with a mask: rows that end them short, weights, and each output by itself."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.kernels.cpu import incomplete, masked
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from problems import assert_same_statistics, random_mixture, random_rows, with_holes

NAMES = ("diag", "spherical")


def holed(n: int, seed: int = 0) -> np.ndarray:
    """Return rows of three columns without a third of their cells."""
    rng = np.random.default_rng(seed)
    return with_holes(rng, random_rows(rng, n, 3, 3), 0.3)


@pytest.mark.parametrize("n", [1, 2, ROWS - 1, ROWS, ROWS + 1, 300])
@pytest.mark.parametrize("name", NAMES)
def test_tiles_add_up(name: str, n: int) -> None:
    X, v = holed(n, n), np.random.default_rng(n).random(n)
    mixture = random_mixture(np.random.default_rng(1), name, 3, 3)
    for weights in (None, v):
        parts = [
            incomplete.expect(X[i : i + 1], None if weights is None else v[i : i + 1], mixture)
            for i in range(n)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        assert_same_statistics(incomplete.expect(X, weights, mixture), total, 1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_described_one_by_one(name: str) -> None:
    X, mixture = holed(300), random_mixture(np.random.default_rng(2), name, 3, 3)
    log_prob, resp = incomplete.log_prob(X, mixture), incomplete.responsibilities(X, mixture)
    labels = incomplete.labels(X, mixture)
    for i in (0, ROWS - 1, ROWS, 299):
        row = X[i : i + 1]
        np.testing.assert_allclose(incomplete.log_prob(row, mixture), log_prob[i], rtol=1e-13)
        np.testing.assert_allclose(
            incomplete.responsibilities(row, mixture)[0], resp[i], atol=1e-14
        )
        assert incomplete.labels(row, mixture)[0] == labels[i]
    assert np.array_equal(resp.argmax(axis=1), labels)


def test_a_tile_by_hand() -> None:
    nan, x, seen = np.nan, np.empty(2 * ROWS), np.empty(2 * ROWS)
    assert masked.load(np.array([[1.0, nan], [2.0, 5.0]]), 0, x, seen) == 2
    assert x[[0, 1, ROWS, ROWS + 1]].tolist() == [1.0, 2.0, 0.0, 5.0]
    assert seen[[0, 1, ROWS, ROWS + 1]].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert not seen[2:ROWS].any()
    assert not x[ROWS + 2 :].any()


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_tile_do_not_reach_the_next(name: str) -> None:
    X, mixture = holed(ROWS + 2), random_mixture(np.random.default_rng(3), name, 2, 3)
    weights = np.zeros(ROWS + 2)
    weights[-1] = 2.0
    expected = incomplete.expect(X[ROWS:], weights[ROWS:], mixture)
    assert_same_statistics(incomplete.expect(X, weights, mixture), expected, 1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_infinitely_unlikely_rows_stay_numbers(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(4), name, 2, 3)
    X = np.array([[1e160, np.nan, 0.0], [np.nan, np.nan, -1e160]])
    assert np.isfinite(incomplete.log_prob(X, mixture)).all()
    np.testing.assert_allclose(incomplete.responsibilities(X, mixture).sum(axis=1), 1.0)


def test_a_missing_cell_of_a_narrow_component_far_away() -> None:
    # Deviations over variances whose squares overflow, had the cell been there.
    mixture = Mixture([0.5, 0.5], [[1e5, 0.0], [1e5, 1.0]], [[1e-300, 1.0], [1e-300, 2.0]], "diag")
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    wanted = mixture.marginal([1]).log_prob(X[:, 1:])
    np.testing.assert_allclose(incomplete.log_prob(X, mixture), wanted, rtol=1e-13)
    statistics = incomplete.expect(X, None, mixture)
    assert statistics.loglik == pytest.approx(wanted.sum(), rel=1e-13)
    assert np.isfinite(statistics.second).all()
