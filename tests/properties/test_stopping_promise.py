"""Where the default rule stops, and how far the optimum then is (docs/guide, equation 10).

The rule promises to end within 1e-4 nats per row of the optimum that a run is approaching. The
estimate behind it takes gains to shrink geometrically. They do not where a run passes a saddle:
there they shrink, and rise again later, which no rule that looks back can foresee.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.estimators import fitting
from mixtura.estimators.fitting import AUTO_TOL
from problems import FAMILY_NAMES

OVERLAPS = (1.0, 1.5, 2.0, 3.0, 5.0)
#: Part of the fits that may end at a saddle. Measured with six seeds: 2 to 5 of the 120 do, most of
#: them on the same four tables.
MOST_AT_SADDLES = 0.05


class Shortfall(NamedTuple):
    """How far a fit ends from the optimum it leads to, and whether a saddle lies between."""

    gap: float
    saddle: bool


def table(number: int) -> tuple[np.ndarray, int]:
    """Return rows of one of many mixtures, from nearly one group to well separated ones."""
    rng = np.random.default_rng(number)
    d, k, n = int(rng.integers(1, 7)), int(rng.integers(2, 6)), int(rng.choice([200, 600, 2000]))
    means = OVERLAPS[number % len(OVERLAPS)] * rng.normal(size=(k, d))
    roots = np.eye(d) + 0.4 * rng.normal(size=(k, d, d)) / np.sqrt(d)
    labels = rng.choice(k, size=n, p=rng.dirichlet(np.full(k, 5.0)))
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d))), k


def shortfall(number: int) -> Shortfall:
    """Fit a table with the defaults, and go on from there with the same floor to the optimum."""
    X, k = table(number)
    name = FAMILY_NAMES[number // len(OVERLAPS) % len(FAMILY_NAMES)]
    model = GaussianMixture(k, covariance_type=name, random_state=0, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # on the floor there is an optimum too
        model.fit(X)
    em = fitting.problem(model, X, None)
    rest = em.run(model.mixture_, StoppingRule(Stopping.TOTAL, 1e-8), 100_000)
    gains = np.diff(rest.log_likelihoods) / len(X)
    before = np.diff(model.lower_bounds_[-2:])
    saddle = len(before) > 0 and gains.max(initial=0.0) > before[-1] * (1 + 1e-6)
    return Shortfall(gains.sum(), bool(saddle))


def test_some_fits_end_where_they_promise() -> None:
    shortfalls = [shortfall(number) for number in (0, 4, 5, 8, 10, 14, 18)]
    assert max(each.gap for each in shortfalls) <= AUTO_TOL


def test_stopping_on_a_small_gain_would_not() -> None:
    # The rule has something to do: scikit-learn's, at its own tolerance, ends far away here.
    X, k = table(2)
    early = GaussianMixture(k, tol=1e-3, random_state=0).fit(X)
    default = GaussianMixture(k, random_state=0).fit(X)
    assert default.lower_bound_ - early.lower_bound_ > 50 * AUTO_TOL


@pytest.mark.slow
def test_fits_end_where_they_promise_unless_they_rest_at_a_saddle() -> None:
    shortfalls = [shortfall(number) for number in range(120)]
    assert max(each.gap for each in shortfalls if not each.saddle) <= AUTO_TOL
    short = [each for each in shortfalls if each.gap > AUTO_TOL]
    assert len(short) <= MOST_AT_SADDLES * len(shortfalls)
