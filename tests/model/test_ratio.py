"""Covariances whose eigenvalues are within a ratio of each other (docs/guide, equation 40)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura.model import family_named
from mixtura.model.ratio import bounded, truncated
from problems import FAMILY_NAMES, Array, random_covariances
from strategies import seeds

K, D = 3, 3


def deviance(values: Array, weights: Array, low: float, ratio: float) -> float:
    """Return twice the negative log-likelihood of values truncated to [low, ratio low]."""
    kept = np.clip(values, low, ratio * low)
    return float((weights * (np.log(kept) + values / kept)).sum())


@given(seed=seeds, n=st.integers(1, 12), ratio=st.sampled_from([1.0, 1.5, 10.0, 1e4]))
@settings(max_examples=60)
def test_no_other_interval_is_more_likely(seed: int, n: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    values, weights = np.exp(2.0 * rng.normal(size=n)), rng.exponential(size=n) + 0.01
    values *= rng.random(n) < 0.9
    if not values.any():
        return
    kept = truncated(values, weights, ratio)
    assert kept.max() <= ratio * kept.min() * (1 + 1e-12) or kept is values
    found = float((weights * (np.log(np.maximum(kept, 1e-300)) + values / kept)).sum())
    positive = values[values > 0]
    tried = np.geomspace(positive.min() / ratio, positive.max(), 3000)
    best = min(deviance(values, weights, low, ratio) for low in tried)
    assert found <= best + 1e-9 * weights.sum()


def test_a_ratio_of_one_is_the_weighted_mean() -> None:
    values, weights = np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([[1.0, 1.0], [3.0, 3.0]])
    np.testing.assert_allclose(truncated(values, weights, 1.0), 39.0 / 8.0)  # (1+2+12+24) / 8


def test_nothing_changes_where_the_ratio_holds_or_nothing_varies() -> None:
    values, weights = np.array([1.0, 2.0]), np.ones(2)
    assert truncated(values, weights, 2.0) is values
    assert truncated(0.0 * values, weights, 2.0).tolist() == [0.0, 0.0]


def test_components_without_weight_follow_and_do_not_lead() -> None:
    values = np.array([1.0, 2.0, 1e6])
    kept = truncated(values, np.array([1.0, 1.0, 0.0]), 4.0)
    assert kept[:2].tolist() == [1.0, 2.0]
    assert kept.max() <= 4.0 * kept.min()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_eigenvalues_are_bounded_and_axes_kept(name: str) -> None:
    covariances = random_covariances(np.random.default_rng(1), name, K, D)
    support = np.repeat(np.array([[3.0], [5.0], [4.0]]), D, axis=1)
    family = family_named(name)
    assert bounded(family, covariances, support, 1e6) is covariances
    kept = bounded(family, covariances, support, 1.5)
    matrices, others = (family.full(each, K, D) for each in (kept, covariances))
    values = np.linalg.eigvalsh(matrices)
    assert values.max() == pytest.approx(1.5 * values.min())
    np.testing.assert_allclose(matrices @ others, others @ matrices, atol=1e-12)


def test_variances_count_by_the_rows_that_tell_of_them() -> None:
    values, support = np.array([[1.0, 100.0]]), np.array([[1e6, 1.0]])
    kept = bounded(family_named("diag"), values, support, 2.0)
    np.testing.assert_allclose(kept, [[1.0, 2.0]], rtol=1e-3)
