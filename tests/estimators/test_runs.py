"""Runs from starts of an estimator's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture
from mixtura.algorithms.stopping import Status
from mixtura.estimators import runs
from problems import problem, random_mixture, random_rows

X = random_rows(np.random.default_rng(0), 200, 2, 2, 4.0)


def test_shared_parameters_are_passed_on() -> None:
    model = GaussianMixture(3, covariance_type="diag", tol=0.1, reg_covar=2.0, max_iter=7, n_init=4)
    copy = runs.gaussian(model, 5, covariance_type="tied")
    expected = {**model.get_params(), "n_components": 5, "covariance_type": "tied"}
    assert copy.get_params() == expected
    assert set(runs.constraints()) == {*runs.SHARED, "random_state"}


def test_generators_differ_and_follow_the_seed() -> None:
    numbers = [[rng.random() for rng in runs.generators(seed, 3)] for seed in (0, 0, 1)]
    assert numbers[0] == numbers[1]
    assert len({*numbers[0], *numbers[2]}) == 6


def test_best_of_the_starts_wins() -> None:
    em = problem(X, 2, "full")
    rngs = [np.random.default_rng(seed) for seed in range(4)]
    starts = [lambda rng=rng: random_mixture(rng, "full", 2, 2) for rng in rngs]
    selection = runs.best_run(GaussianMixture(), em, starts)
    facts = runs.facts(selection, em.source.weight)
    assert facts["lower_bound_"] == facts["restarts_"].max()
    assert facts["converged_"]
    assert len(facts["restarts_"]) == 4


def test_tolerance_and_limit_hold() -> None:
    em, start = problem(X, 2, "full"), random_mixture(np.random.default_rng(9), "full", 2, 2)
    steps = [
        runs.best_run(GaussianMixture(tol=tol, max_iter=20), em, [lambda: start])
        for tol in (10.0, 0.0)
    ]
    assert [selection.result.n_iter for selection in steps] == [1, 20]
    assert steps[1].result.status is Status.MAX_ITER
    with pytest.warns(ConvergenceWarning, match="Class 3: Stopped at max_iter"):
        runs.warn(GaussianMixture(), steps[1], "Class 3: ", stacklevel=1)
