"""Log-densities (docs/guide, equations 1 to 3)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mixtura.model import family_named
from mixtura.model.density import Density, block_slices, log_joint, log_sum_exp
from problems import FAMILY_NAMES, random_mixture, random_rows


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_log_joint_is_equation_1(name: str) -> None:
    rng = np.random.default_rng(1)
    mixture, X = random_mixture(rng, name, 3, 4), random_rows(rng, 20, 3, 4)
    density = mixture.density
    joint = log_joint(np, density, X, (density.means, density.factor, density.offsets))
    matrices = mixture.family.full(mixture.covariances, 3, 4)
    for j in range(3):
        normal = stats.multivariate_normal(mixture.means[j], matrices[j])
        np.testing.assert_allclose(joint[j], np.log(mixture.weights[j]) + normal.logpdf(X))


def test_a_component_of_weight_zero_has_density_zero() -> None:
    family = family_named("spherical")
    density = Density.of(family, np.array([0.0, 1.0]), np.zeros((2, 1)), np.ones(2))
    assert density.offsets[0] == -np.inf
    assert np.isfinite(density.offsets[1])


def test_log_sum_exp_by_hand() -> None:
    joint = np.log(
        np.array([[1.0, 0.5, 0.0], [3.0, 0.5, 2.0]]),
        where=[[1, 1, 0], [1, 1, 1]],
        out=np.full((2, 3), -np.inf),
    )
    density, resp = log_sum_exp(np, joint)
    np.testing.assert_allclose(np.exp(density), [4.0, 1.0, 2.0])
    np.testing.assert_allclose(resp, [[0.25, 0.5, 0.0], [0.75, 0.5, 1.0]])


@pytest.mark.parametrize("offset", [-1e6, -800.0, 800.0, 1e6])
def test_log_sum_exp_neither_overflows_nor_underflows(offset: float) -> None:
    density, resp = log_sum_exp(np, offset + np.log(np.array([[1.0], [3.0]])))
    np.testing.assert_allclose(density, offset + np.log(4.0))
    np.testing.assert_allclose(resp, [[0.25], [0.75]], rtol=1e-9)


@pytest.mark.parametrize(("n", "k", "d"), [(1, 1, 1), (63, 2, 2), (100_000, 5, 7), (500, 90, 900)])
def test_blocks_cover_all_rows_once(n: int, k: int, d: int) -> None:
    rows = [i for part in block_slices(n, k, d) for i in range(part.start, part.stop)]
    assert rows == list(range(n))


def test_blocks_bound_the_temporaries() -> None:
    largest = max(part.stop - part.start for part in block_slices(1_000_000, 10, 10))
    assert largest * 10 * 10 < 65_536
