"""The estimator with noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, InputError
from mixtura.estimators.noise_mixture import NoiseMixture
from problems import FAMILY_NAMES, RESTRICTED_NAMES, with_holes

#: Groups of 100 and 60 rows, and 40 rows of noise.
TRUTH = np.repeat([0, 1, -1], [100, 60, 40])


def table(seed: int = 0) -> np.ndarray:
    """Return rows of two groups and noise."""
    rng = np.random.default_rng(seed)
    groups = np.array([[0.0, 0.0], [6.0, 3.0]])[TRUTH[:160]] + 0.5 * rng.normal(size=(160, 2))
    return np.vstack([groups, rng.uniform([-10, -10], [16, 13], (40, 2))])


X = table()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([NoiseMixture()])
def test_sklearn_convention_holds(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)


@pytest.mark.parametrize("name", FAMILY_NAMES + RESTRICTED_NAMES)
@pytest.mark.parametrize("holes", [False, True])
def test_groups_and_noise_are_found(name: str, holes: bool) -> None:
    rows = with_holes(np.random.default_rng(1), X, 0.1) if holes else X
    model = NoiseMixture(2, covariance_type=name, random_state=0).fit(rows)
    labels = model.predict(rows)
    if labels[0] == 1:
        labels = np.array([1, 0, -1])[labels]
    assert (labels == TRUTH).mean() > (0.85 if holes else 0.94)
    assert model.noise_weight_ == pytest.approx(0.2, abs=0.07)
    assert model.weights_.sum() + model.noise_weight_ == pytest.approx(1.0)
    assert model.mixture_.weights.sum() == pytest.approx(1.0)


def test_what_it_says_of_rows_fits_together() -> None:
    model = NoiseMixture(2, random_state=0).fit(X)
    proba = model.predict_proba(X)
    assert proba.shape == (200, 3)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(model.predict(X), np.array([0, 1, -1])[proba.argmax(axis=1)])
    assert np.array_equal(model.fit_predict(X), model.fit(X).predict(X))
    density = (1 - model.noise_weight_) * np.exp(model.mixture_.log_prob(X))
    density += model.noise_weight_ / np.exp(model.log_volume_)
    assert model.score_samples(X) == pytest.approx(np.log(density))
    assert model.score(X) == pytest.approx(model.lower_bound_, abs=1e-9)
    assert proba.mean(axis=0)[-1] == pytest.approx(model.noise_weight_, abs=1e-3)


def test_weights_are_repeats() -> None:
    weights = np.random.default_rng(1).integers(0, 3, 200)
    weighted = NoiseMixture(2, random_state=0).fit(X, sample_weight=weights)
    repeated = NoiseMixture(2, random_state=0).fit(np.repeat(X, weights, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-4)
    assert weighted.score(X, sample_weight=weights) == pytest.approx(weighted.lower_bound_)


def test_criteria_count_the_noise_twice() -> None:
    model = NoiseMixture(2, covariance_type="EEV").fit(X)
    assert model.n_parameters() == 11
    loglik = 200 * model.score(X)
    assert model.bic(X) == pytest.approx(11 * np.log(200) - 2 * loglik)
    assert model.aic(X) == pytest.approx(22 - 2 * loglik)


def test_noise_that_is_not_there_is_not_worth_its_parameters() -> None:
    rows = np.random.default_rng(3).normal(size=(500, 2))
    model = NoiseMixture(random_state=0).fit(rows)
    plain = GaussianMixture(tol=1e-9).fit(rows)
    assert plain.lower_bound_ - 1e-4 < model.lower_bound_
    assert model.bic(rows) > plain.bic(rows)


@pytest.mark.parametrize("noise", ["auto", 0.2, TRUTH == -1])
def test_starts_lead_to_the_same_fit(noise: Any) -> None:
    best = NoiseMixture(2, noise="auto", random_state=0).fit(X)
    model = NoiseMixture(2, noise=noise, random_state=0).fit(X)
    assert model.lower_bound_ == pytest.approx(best.lower_bound_, abs=1e-4)
    assert len(model.restarts_) == (2 if isinstance(noise, str) else 1)


def test_start_matters_without_updates() -> None:
    shares = [NoiseMixture(noise=s, max_iter=0).fit(X).noise_weight_ for s in (0.1, 0.3)]
    assert shares == pytest.approx([0.1, 0.3])
    given = NoiseMixture(noise=TRUTH == -1, max_iter=0, init_params="random").fit(X)
    assert given.noise_weight_ == pytest.approx(0.2)
    with pytest.raises(InputError, match="noise leaves 1 rows that are none, and n_components=2"):
        NoiseMixture(2, noise=np.arange(200) > 0).fit(X)


def test_prior_and_ridge_have_an_effect() -> None:
    plain = NoiseMixture(2, random_state=0).fit(X)
    prior = NoiseMixture(2, random_state=0, prior="conjugate").fit(X)
    ridge = NoiseMixture(2, random_state=0, reg_covar=0.5).fit(X)
    assert prior.lower_bound_ < prior.score(X) < plain.score(X)
    assert np.linalg.det(ridge.covariances_).min() > 2.0 * np.linalg.det(plain.covariances_).max()


def test_results_do_not_depend_on_threads() -> None:
    rows = np.tile(X, (30, 1)) + 1e-3 * np.random.default_rng(0).normal(size=(6000, 2))
    models = [
        NoiseMixture(2, engine="numba", n_jobs=n, random_state=0, max_iter=5, tol=0.0)
        for n in (1, 2)
    ]
    with pytest.warns(match="Stopped at max_iter"):
        bounds = [model.fit(rows).lower_bound_ for model in models]
    assert bounds[0] == bounds[1]


def test_unfitted_says_so() -> None:
    for call in (NoiseMixture().predict, NoiseMixture().score_samples):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        NoiseMixture().n_parameters()


def test_chevron_as_published(shared_data: Path) -> None:
    """Published with mclust 6: EEV, 2 components and noise, log-likelihood -10525, BIC -21128."""
    rows = np.loadtxt(shared_data / "chevron.csv", delimiter=",", skiprows=1)[:, 1:]
    model = NoiseMixture(2, covariance_type="EEV", random_state=0).fit(rows)
    assert model.n_parameters() == 11
    assert model.score_samples(rows).sum() > -10525.34 - 0.05
    assert -model.bic(rows) > -21127.76 - 0.05


def test_rows_count_in_criteria_as_in_gaussian_mixtures() -> None:
    model = NoiseMixture(2, random_state=0).fit(X)
    weights = np.arange(200) % 3
    repeated = np.repeat(X, weights, axis=0)
    assert model.bic(X, weights) == pytest.approx(model.bic(repeated))
    assert model.aic(X, weights) == pytest.approx(model.aic(repeated))
    empty = np.full((30, X.shape[1]), np.nan)
    assert model.bic(np.vstack([X, empty])) == pytest.approx(model.bic(X))
    with pytest.raises(InputError, match="no row with an observed cell"):
        model.bic(empty)


def test_columns_have_their_names_in_errors() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "flat": 1.0})
    with pytest.raises(InputError, match="column 'flat' of X does not vary"):
        NoiseMixture().fit(frame)
