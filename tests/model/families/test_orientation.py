"""One orientation for all components (docs/guide, equation 38)."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.model.families import spectra
from mixtura.model.families.orientation import (
    axes_of,
    best_axes,
    deviance,
    rotated,
    rounds,
    spectrum,
    with_common_axes,
)
from problems import Array, assert_close, random_covariances

RULES = (spectra.free, spectra.common_volume)


def scatters(seed: int, k: int, d: int) -> tuple[Array, Array]:
    """Return scatter matrices of no common axes, and their weights."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(5.0, 50.0, size=k)
    return random_covariances(rng, "full", k, d) * weight[:, None, None], weight


@pytest.mark.parametrize("d", range(1, 8))
def test_every_pair_meets_once_and_no_axis_twice_at_a_time(d: int) -> None:
    pairs = [{int(i), int(j)} for p, q in rounds(d) for i, j in zip(p, q, strict=True)]
    assert sorted(map(sorted, pairs)) == [[i, j] for i in range(d) for j in range(i + 1, d)]
    for p, q in rounds(d):
        assert len(set(p) | set(q)) == 2 * len(p)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_a_sweep_lowers_the_deviance_and_keeps_axes_orthonormal(d: int) -> None:
    scatter, weight = scatters(0, 4, d)
    along = np.repeat(weight[:, None], d, axis=1)
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(d, d)))[0]
    variances = spectra.free(spectrum(scatter, axes), along)
    values = [deviance(spectrum(scatter, axes), along, variances)]
    for _ in range(10):
        axes = rotated(scatter, variances, axes)
        values.append(deviance(spectrum(scatter, axes), along, variances))
    assert_close(axes.T @ axes, np.eye(d), 1e-13)
    assert (np.diff(values) <= 1e-12 * abs(values[0])).all()
    assert d == 1 or values[-1] < values[0]


def test_a_plane_is_turned_to_the_best_angle() -> None:
    scatter, weight = scatters(2, 3, 2)
    variances = np.array([[1.0, 3.0], [2.0, 0.5], [1.0, 0.2]])
    along = np.repeat(weight[:, None], 2, axis=1)

    def value(angle: float) -> float:
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return float(deviance(spectrum(scatter, axes), along, variances))

    best = deviance(spectrum(scatter, rotated(scatter, variances, np.eye(2))), along, variances)
    assert best == pytest.approx(min(value(a) for a in np.linspace(0, np.pi, 20001)), rel=1e-7)


def test_shared_axes_are_found_where_a_mean_of_the_matrices_hides_them() -> None:
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    # The mean of the two is the identity, of which any axes are.
    matrices = np.stack([(axes * v) @ axes.T for v in ([0.5, 1.0, 1.5], [1.5, 1.0, 0.5])])
    assert_close(np.abs(axes.T @ axes_of(matrices)).round(12).sum(), 3.0, 1e-10)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("k", "d"), [(1, 3), (3, 1), (3, 2), (4, 5)])
def test_the_likelihood_does_not_fall_from_a_start_and_gains_from_none(
    rule: spectra.Rule, k: int, d: int
) -> None:
    scatter, weight = scatters(4, k, d)
    along = np.repeat(weight[:, None], d, axis=1)

    def value(matrices: Array) -> float:
        traces = np.trace(np.linalg.solve(matrices, scatter), axis1=1, axis2=2)
        return float((weight * np.linalg.slogdet(matrices)[1] + traces).sum())

    axes = np.linalg.qr(np.random.default_rng(5).normal(size=(d, d)))[0]
    spread = spectra.common_volume(np.random.default_rng(6).exponential(size=(k, d)), along)
    start = (axes * spread[:, None, :]) @ axes.T
    path = [start]
    for _ in range(5):
        path.append(with_common_axes(scatter, weight, rule, path[-1]))
    values = [value(matrices) for matrices in path]
    assert (np.diff(values) <= 1e-9 * abs(values[0])).all()
    found, variances = best_axes(scatter, along, rule)
    first = deviance(spectrum(scatter, found), along, variances)
    assert value(with_common_axes(scatter, weight, rule)) <= first + 1e-9


@pytest.mark.parametrize("rule", RULES)
def test_models_side_by_side_are_each_by_itself(rule: spectra.Rule) -> None:
    tables = [scatters(seed, 3, 4) for seed in range(3)]
    together = with_common_axes(*(np.stack(each) for each in zip(*tables, strict=True)), rule)
    for each, (scatter, weight) in zip(together, tables, strict=True):
        # They stop together, so that some take a few sweeps more.
        alone = with_common_axes(scatter, weight, rule)
        assert_close(each, alone, 1e-4)
