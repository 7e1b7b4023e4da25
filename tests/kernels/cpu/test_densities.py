"""Densities of tiles, for every way in which columns are taken four at a time."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.kernels import cpu
from mixtura.kernels.cpu.densities import FLAGS, TILE, TILE2, TILE3
from problems import FAMILY_NAMES, random_mixture, random_rows


@pytest.mark.parametrize("d", range(1, 14))
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_equation_1(name: str, d: int) -> None:
    rng = np.random.default_rng(d)
    mixture, X = random_mixture(rng, name, 2, d), random_rows(rng, 130, 2, d)
    matrices = mixture.family.full(mixture.covariances, 2, d)
    apart = X - mixture.means[:, None, :]
    squared = np.einsum("kbi,kij,kbj->kb", apart, np.linalg.inv(matrices), apart)
    log_det = np.linalg.slogdet(matrices)[1]
    joint = np.log(mixture.weights) - 0.5 * (d * np.log(2 * np.pi) + log_det + squared.T)
    np.testing.assert_allclose(
        cpu.log_prob(X, mixture), np.logaddexp.reduce(joint, axis=1), rtol=1e-11
    )


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_infinitely_unlikely_rows_stay_numbers(name: str, d: int) -> None:
    mixture = random_mixture(np.random.default_rng(d), name, 2, d)
    X = np.full((3, d), 1e120)
    assert np.isfinite(cpu.log_prob(X, mixture)).all()
    np.testing.assert_allclose(cpu.responsibilities(X, mixture).sum(axis=1), 1.0)


def test_infinities_and_nan_are_not_optimised_away() -> None:
    assert not FLAGS & {"nnan", "ninf", "fast", "arcp", "afn"}


def test_tiles_are_counted_in_unsigned_numbers() -> None:
    assert {type(number) for number in (TILE, TILE2, TILE3)} == {np.uint64}
    assert (TILE2, TILE3) == (2 * TILE, 3 * TILE)
