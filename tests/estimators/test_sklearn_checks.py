"""scikit-learn's conventions, checked by scikit-learn itself and without exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, KMeans, MiniBatchKMeans

CONFIGURATIONS = [
    GaussianMixture(),
    GaussianMixture(covariance_type="tied"),
    GaussianMixture(covariance_type="diag"),
    GaussianMixture(covariance_type="spherical"),
    GaussianMixture(engine="numpy", reg_covar=1e-6, tol=1e-3, n_jobs=1),
    GaussianMixture(engine="numba", max_iter=10, n_init=2),
    KMeans(),
    KMeans(3, algorithm="elkan", engine="numba", n_init=2),
    KMeans(1, init="random", engine="numpy", n_jobs=1),
    MiniBatchKMeans(),
    MiniBatchKMeans(3, engine="numba", n_jobs=1, max_no_improvement=None),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(CONFIGURATIONS)
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)
