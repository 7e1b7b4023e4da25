"""Variances along given axes (docs/guide, equation 37)."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.model.families import spectra
from problems import Array, assert_close

RULES = (spectra.free, spectra.common, spectra.common_shape, spectra.common_volume)
K, D = 3, 4


def table(seed: int = 0, holes: bool = False) -> tuple[Array, Array]:
    """Return scatter along axes and the weight it is the sum of."""
    rng = np.random.default_rng(seed)
    weight = np.repeat(rng.uniform(5.0, 50.0, size=(K, 1)), D, axis=1)
    if holes:
        weight = weight * rng.uniform(0.3, 1.0, size=(K, D))
    return weight * rng.exponential(size=(K, D)), weight


def deviance(variances: Array, scatter: Array, weight: Array) -> float:
    return float((weight * np.log(variances) + scatter / variances).sum())


def test_free_and_common_are_means() -> None:
    scatter, weight = table(holes=True)
    assert_close(spectra.free(scatter, weight), scatter / weight, 1e-15)
    pooled = scatter.sum(axis=0) / weight.sum(axis=0)
    assert_close(spectra.common(scatter, weight), np.tile(pooled, (K, 1)), 1e-15)


@pytest.mark.parametrize("holes", [False, True])
def test_shapes_and_volumes_are_common(holes: bool) -> None:
    scatter, weight = table(holes=holes)
    variances = spectra.common_shape(scatter, weight)
    assert_close(
        variances / variances[:, :1], np.tile(variances[0] / variances[0, 0], (K, 1)), 1e-9
    )
    volumes = np.exp(np.log(spectra.common_volume(scatter, weight)).mean(axis=1))
    assert_close(volumes, np.repeat(volumes[0], K), 1e-9)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("rule", RULES[2:])
def test_nothing_nearby_is_more_likely(rule: spectra.Rule, holes: bool) -> None:
    scatter, weight = table(1, holes)
    best = rule(scatter, weight, None)
    rng = np.random.default_rng(2)
    for _ in range(100):
        moved = np.log(best) + 0.01 * rng.normal(size=best.shape)
        if rule is spectra.common_shape:  # log volumes plus log shapes
            moved = moved.mean(axis=1, keepdims=True) + moved.mean(axis=0) - moved.mean()
        else:
            moved += moved.mean() - moved.mean(axis=1, keepdims=True)
        assert deviance(np.exp(moved), scatter, weight) > deviance(best, scatter, weight)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_models_side_by_side_are_each_by_itself(rule: spectra.Rule, holes: bool) -> None:
    tables = [table(seed, holes) for seed in range(3)]
    starts = [rule(*table(seed + 5, holes), None) for seed in range(3)]
    together = rule(*(np.stack(each) for each in zip(*tables, strict=True)), np.stack(starts))
    for each, given, start in zip(together, tables, starts, strict=True):
        assert_close(each, rule(*given, start), 1e-10)


@pytest.mark.parametrize("rule", RULES[2:])
def test_a_point_has_no_variance(rule: spectra.Rule) -> None:
    scatter, weight = table()
    scatter[1] = 0.0
    variances = rule(scatter, weight, None)
    assert (variances[1] == 0.0).all()
    assert (variances[[0, 2]] > 0.0).all()


def test_a_flat_component_has_no_variances_of_the_common_volume() -> None:
    scatter, weight = table()
    scatter[1, 2] = 0.0
    variances = spectra.common_volume(scatter, weight)
    assert (variances[1] == 0.0).all()
    volumes = np.exp(np.log(variances[[0, 2]]).mean(axis=1))
    # A component without size adds none to the mean of all.
    sizes = np.exp(np.log(scatter[[0, 2]]).mean(axis=1))
    assert_close(volumes, np.repeat(sizes.sum() / weight[:, 0].sum(), 2), 1e-12)
