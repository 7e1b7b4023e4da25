"""The whole table as one component."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.algorithms import total as module
from mixtura.algorithms.total import covariance_of, observed_means, total_statistics
from mixtura.kernels import array_api, incomplete
from mixtura.model import family_named, maximise
from mixtura.sources import MemorySource
from problems import FAMILY_NAMES, assert_close, random_rows, with_holes


def table(n: int = 150, d: int = 3) -> np.ndarray:
    """Return rows of three overlapping groups."""
    return random_rows(np.random.default_rng(40), n, 3, d)


def source_of(X: np.ndarray, weights: np.ndarray | None = None) -> MemorySource:
    """Return rows in blocks."""
    return MemorySource(X, weights, row_work=1e5, result_size=10)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_tables_statistics(name: str, weighted: bool) -> None:
    X = table() + 1e6
    weights = np.random.default_rng(0).random(150) if weighted else None
    total = total_statistics(source_of(X, weights), array_api, family_named(name))
    assert_close(total.centre[0], np.average(X, axis=0, weights=weights), 1e-14)
    covariance = np.cov(X.T, bias=True, aweights=weights)
    if name in ("diag", "spherical"):
        covariance = np.diag(np.diag(covariance))
    assert_close(covariance_of(total), covariance, 1e-9)
    assert total.weight == pytest.approx(150 if weights is None else weights.sum())


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_means_and_variances_are_those_of_observed_cells(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X, weights = with_holes(rng, table(), 0.3), rng.random(150)
    total = total_statistics(
        source_of(X, weights if weighted else None), incomplete, family_named(name)
    )
    for j in range(3):
        seen = ~np.isnan(X[:, j])
        v = weights[seen] if weighted else None
        mean = np.average(X[seen, j], weights=v)
        assert total.centre[0, j] == pytest.approx(mean, rel=1e-12)
        variance = np.average((X[seen, j] - mean) ** 2, weights=v)
        assert covariance_of(total)[j, j] == pytest.approx(variance, rel=1e-10)
    assert total.weight == pytest.approx(weights.sum() if weighted else 150)


def test_correlations_are_those_of_maximum_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED", 0.0)
    monkeypatch.setattr(module, "CORRELATION_UPDATES", 500)
    X = with_holes(np.random.default_rng(2), table(), 0.3)
    covariance = covariance_of(total_statistics(source_of(X), incomplete, family_named("tied")))
    limit = Mixture([1.0], np.zeros((1, 3)), [np.eye(3)])
    for _ in range(500):
        limit = maximise(incomplete.expect(X, None, limit))
    roots = np.sqrt(np.diag(limit.covariances[0]))
    scale = np.sqrt(np.diag(covariance))
    wanted = limit.covariances[0] / roots / roots[:, None]
    assert_close(covariance / scale / scale[:, None], wanted, 1e-8)


def test_correlations_come_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    X = with_holes(np.random.default_rng(3), table(), 0.2)
    whole = covariance_of(total_statistics(source_of(X), incomplete, family_named("full")))
    monkeypatch.setattr(module, "CORRELATION_ROWS", 40)
    monkeypatch.setattr(module, "ROWS_PER_COLUMN", 1)
    part = covariance_of(total_statistics(source_of(X), incomplete, family_named("full")))
    assert_close(np.diag(part), np.diag(whole), 1e-13)
    assert np.abs(part - whole).max() > 1e-3
    assert np.linalg.eigvalsh(part).min() > 0


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_columns_that_do_not_vary(name: str) -> None:
    X = with_holes(np.random.default_rng(4), table(), 0.2)
    X[:, 1] = np.where(np.isnan(X[:, 1]), np.nan, 7.0)
    covariance = covariance_of(total_statistics(source_of(X), incomplete, family_named(name)))
    assert covariance[1].tolist() == [0.0, 0.0, 0.0]
    assert (np.diag(covariance)[[0, 2]] > 0).all()


@pytest.mark.parametrize("name", ["full", "tied"])
def test_columns_that_repeat_or_never_meet(name: str) -> None:
    X = with_holes(np.random.default_rng(5), table(d=4), 0.2)
    X[:, 1] = 3.0 * X[:, 0]
    X[::2, 2], X[1::2, 3] = np.nan, np.nan
    total = total_statistics(source_of(X), incomplete, family_named(name))
    covariance = covariance_of(total)
    assert np.isfinite(covariance).all()
    scale = np.sqrt(np.diag(covariance))
    correlations = covariance / scale / scale[:, None]
    assert np.linalg.eigvalsh(correlations).min() > -1e-12
    assert correlations[0, 1] > 0.99


@pytest.mark.parametrize("units", [1e-8, 1.0, 1e8])
def test_units_and_offsets_do_not_matter(units: float) -> None:
    X = with_holes(np.random.default_rng(6), table(), 0.3)
    here = total_statistics(source_of(X), incomplete, family_named("full"))
    far = total_statistics(source_of((X + 1e6) * units), incomplete, family_named("full"))
    assert_close(far.centre / units - 1e6, here.centre, 1e-9)
    assert_close(covariance_of(far) / units**2, covariance_of(here), 1e-7)


def test_means_of_observed_cells() -> None:
    nan = np.nan
    X = np.array([[1.0, nan, nan], [3.0, 5.0, nan]])
    assert observed_means(X, None).tolist() == [2.0, 5.0, 0.0]
    assert observed_means(X, np.array([3.0, 1.0])).tolist() == [1.5, 5.0, 0.0]
    assert observed_means(X, np.array([1.0, 0.0])).tolist() == [1.0, 0.0, 0.0]
    assert observed_means(X[:, :1], np.array([3.0, 1.0])).tolist() == [1.5]
