"""EM whose covariances are drawn towards a common one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from mixtura import Mixture
from mixtura.algorithms.em import EM
from mixtura.algorithms.shrinkage import ShrunkEM
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.estimators.functional import source_for
from mixtura.model import family_named
from problems import FAMILY_NAMES, random_mixture, random_rows

K, D, ROWS = 2, 3, 8.0
TARGET = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]])


def shrunk(name: str, X: Any, rows: float = ROWS) -> ShrunkEM:
    source, kernels = source_for(X, None, K, name, incomplete=True)
    return ShrunkEM.of(EM(source, kernels, family_named(name)), TARGET, rows)


@pytest.fixture(name="X")
def rows_with_holes() -> Any:
    rng = np.random.default_rng(0)
    X = random_rows(rng, 60, K, D)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_no_step_lowers_the_posterior_density(X: Any, name: str) -> None:
    em = shrunk(name, X)
    start = random_mixture(np.random.default_rng(1), name, K, D)
    rule = StoppingRule(Stopping.MEAN, 1e-12, 60.0)
    values = em.run(start, rule, 200).log_likelihoods
    assert len(values) > 3
    assert (np.diff(values) > -1e-9 * np.abs(values[:-1])).all()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_posterior_density_is_stationary_at_the_end(X: Any, name: str) -> None:
    em = shrunk(name, X)
    start = random_mixture(np.random.default_rng(1), name, K, D)
    best = em.run(start, StoppingRule(Stopping.MEAN, 1e-14, 60.0), 3000).mixture
    roots = em.family.log_roots(best.covariances)
    lower = np.tril(np.ones((D, D), dtype=bool))
    free = np.broadcast_to(lower if em.family.correlated else True, roots.shape)

    def objective(values: Any) -> float:
        changed = roots.copy()
        changed[free] = values
        covariances = em.family.from_log_roots(changed)
        return em.expect(Mixture(best.weights, best.means, covariances, name)).loglik

    gradient = approx_fprime(roots[free], objective, 1e-6)
    assert np.abs(gradient).max() < 1e-2
    assert np.abs(approx_fprime(roots[free] + 0.1, objective, 1e-6)).max() > 0.5


def test_the_prior_is_zero_at_the_target_and_negative_elsewhere() -> None:
    em = shrunk("full", np.zeros((2, D)))
    at = Mixture([0.5, 0.5], np.zeros((K, D)), np.stack([TARGET, TARGET]))
    assert em.log_prior(at) == pytest.approx(0.0, abs=1e-12)
    # One component twice the target: -rows/2 (log 8 + 3/2 - 3).
    apart = Mixture([0.5, 0.5], np.zeros((K, D)), np.stack([TARGET, 2 * TARGET]))
    assert em.log_prior(apart) == pytest.approx(-0.5 * ROWS * (3 * np.log(2) - 1.5))


def test_more_rows_draw_nearer(X: Any) -> None:
    start = random_mixture(np.random.default_rng(1), "full", K, D)
    rule = StoppingRule(Stopping.MEAN, 1e-6, 60.0)
    fits = [shrunk("full", X, rows).run(start, rule, 200).mixture for rows in (1e-6, 10.0, 1e9)]
    apart = [np.abs(mixture.covariances - TARGET).max() for mixture in fits]
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 1e-6
