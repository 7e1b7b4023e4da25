"""Every structure fits, whatever the table, and is its form wherever data meets it."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import mixtura
from mixtura import GaussianMixture, InputError, Mixture, MixtureImputer, Status, m_step, run_em
from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.acceleration import extrapolated
from mixtura.kernels import array_api, cpu, incomplete, reference
from mixtura.kernels.cpu import incomplete as compiled_incomplete
from mixtura.model import Statistics, family_named
from mixtura.model.families import ALIASES
from problems import (
    FAMILY_NAMES,
    FOURTEEN,
    RESTRICTED_NAMES,
    Array,
    assert_close,
    problem,
    random_mixture,
    random_rows,
    with_holes,
)

K, D = 3, 3


def groups(seed: int = 0, n: int = 150) -> Array:
    """Return rows of three correlated groups."""
    return random_rows(np.random.default_rng(seed), n, K, D, spread=3.0)


def fitted(X: Array, name: str, k: int = K, **params: Any) -> GaussianMixture:
    """Return a fit, which may end with a component that has collapsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(k, covariance_type=name, random_state=0, **params).fit(X)


# --- kernels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
@pytest.mark.parametrize("kernels", [array_api, cpu, incomplete, compiled_incomplete, reference])
def test_a_kernel_treats_a_structure_as_its_form(kernels: Any, name: str) -> None:
    rng = np.random.default_rng(1)
    X, mixture = groups(n=40), random_mixture(rng, name, K, D)
    if kernels.allows_missing:
        X = with_holes(rng, X, 0.3)
    form = Mixture(mixture.weights, mixture.means, mixture.covariances, mixture.family.form)
    actual, expected = (kernels.expect(X, None, each) for each in (mixture, form))
    assert actual.family is mixture.family
    for field in ("loglik", "zeroth", "first", "second", "support"):
        assert np.array_equal(getattr(actual, field), getattr(expected, field))
    for function in ("labels", "responsibilities", "log_prob"):
        results = (getattr(kernels, function)(X, each) for each in (mixture, form))
        assert np.array_equal(*results)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_marginals_and_conditionals_are_those_of_the_form(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(2), name, K, D)
    form = Mixture(mixture.weights, mixture.means, mixture.covariances, mixture.family.form)
    for actual, expected in (
        (mixture.marginal([0, 2]), form.marginal([0, 2])),
        (mixture.condition({1: 0.5}), form.condition({1: 0.5})),
    ):
        assert np.array_equal(actual.covariances, expected.covariances)
        actual.family.check("covariances", actual.covariances)


# --- fits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOURTEEN)
@pytest.mark.parametrize("engine", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def test_fits_ascend_and_are_of_the_structure(name: str, engine: str) -> None:
    rng = np.random.default_rng(3)
    X = with_holes(rng, groups(), 0.1)
    model = GaussianMixture(K, covariance_type=name, random_state=0, engine=engine)
    mixture = model.fit(X, sample_weight=rng.uniform(0.5, 2.0, size=len(X))).mixture_
    mixture.family.check("fit", mixture.covariances)
    assert model.converged_
    assert (np.diff(model.lower_bounds_) >= -1e-12).all()
    assert mixture.n_parameters() == model._n_parameters()


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
@pytest.mark.parametrize("k", [1, 2])
def test_one_column_and_one_component_are_ordinary(name: str, k: int) -> None:
    X = groups()
    if k == 1:
        expected = fitted(X, family_named(name).form, 1).score(X)
        assert fitted(X, name, 1).score(X) == pytest.approx(expected, abs=1e-9)
    column = X[:, :1]
    assert fitted(column, name, k).mixture_.n_parameters() == (
        2 * k if name[0] == "E" else 3 * k - 1
    )
    expected = fitted(column, name[0], k).score(column)
    assert fitted(column, name, k).score(column) == pytest.approx(expected, abs=1e-3)


SPOILT = {
    "constant": lambda X: np.c_[X, np.full(len(X), 7.0)],
    "repeated": lambda X: np.c_[X, X[:, 0]],
    "far": lambda X: X + 1e8,
    "tiny": lambda X: X * 1e-120,
    "huge": lambda X: X * 1e120,
    "units": lambda X: X * [1e-4, 1.0, 1e4],
    "discrete": lambda X: X.round(),
    "few": lambda X: X[:7],
    "two values": lambda X: (X.mean(axis=0) < X).astype(float),
    "all alike": lambda X: np.ones_like(X),
}


SLOW = ("units", "huge", "few", "discrete")


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[pytest.mark.slow] * (how in SLOW)) for how in SPOILT]
)
@pytest.mark.parametrize("name", FOURTEEN)
def test_spoilt_tables_are_fitted(name: str, how: str) -> None:
    X = SPOILT[how](groups())
    model = fitted(X, name)
    assert np.isfinite(model.score_samples(X)).all()
    if how not in ("repeated", "two values", "all alike"):  # of which rounding tells, too
        assert model.status_ is not Status.PRECISION
    constant = how in ("constant", "all alike") and name in RESTRICTED_NAMES
    dip = 1e-4 if constant else 0.0  # columns that do not vary are lifted
    assert (np.diff(model.lower_bounds_) >= -dip).all()
    if how in ("far", "tiny", "huge"):
        sound = fitted(groups(), name)
        shift = {"far": 0.0, "tiny": -120.0, "huge": 120.0}[how] * D * np.log(10.0)
        assert model.score(X) + shift == pytest.approx(sound.score(groups()), abs=2e-3)
        assert not model.collapsed_.any()
    if how in ("constant", "repeated"):
        assert not model.collapsed_.any()


@pytest.mark.parametrize("name", FOURTEEN)
@pytest.mark.parametrize("prior", [None, "conjugate"])
def test_many_components_end_soundly_or_say_so(name: str, prior: str | None) -> None:
    X = groups(n=40)
    model = fitted(X, name, 9, prior=prior)
    assert np.isfinite(model.score_samples(X)).all()
    if prior is not None:
        assert not model.collapsed_.any()
        assert model.status_ is Status.CONVERGED
    elif model.status_ is Status.CONVERGED:
        model.mixture_.family.check("fit", model.covariances_)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_a_ridge_keeps_the_structure(name: str) -> None:
    model = fitted(groups(), name, reg_covar=0.1)
    model.mixture_.family.check("fit", model.covariances_)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_columns_in_other_units_move_what_must_move_with_them(name: str) -> None:
    scales = {"EII": 7.0, "EVE": 7.0, "VVE": 7.0, "EEV": 7.0, "VEV": 7.0}.get(name)
    scale = np.full(D, scales) if scales else np.array([0.1, 7.0, 300.0])
    X, labels = groups(), np.arange(150) % K
    one, two = (fitted(each, name, init_params=labels, tol=1e-10) for each in (X, X * scale))
    expected = one.score(X) - np.log(scale).sum()
    assert two.score(X * scale) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_longer_steps_stay_of_the_structure(name: str) -> None:
    rng = np.random.default_rng(4)
    one, two = (random_mixture(rng, name, K, D) for _ in range(2))
    beyond = extrapolated(one, two, 0.5)
    beyond.family.check("beyond", beyond.covariances)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_collapses_end_a_run_with_the_mixture_before(name: str) -> None:
    X = np.r_[groups(n=30), np.full((5, D), 9.0)]
    means = np.vstack([X[:2], X[-1:]])
    covariances = random_mixture(np.random.default_rng(5), name, K, D).covariances
    result = run_em(X, Mixture(np.full(K, 1 / K), means, covariances, name), max_iter=200)
    assert np.isfinite(result.log_likelihoods).all()
    assert (np.diff(result.log_likelihoods) >= 0).all()
    assert result.status in (Status.CONVERGED, Status.COLLAPSED)
    if name in ("VEI", "VVE", "VEV", "VEE"):
        assert result.status is Status.COLLAPSED


@pytest.mark.parametrize("name", FOURTEEN)
def test_missing_cells_are_imputed(name: str) -> None:
    X = with_holes(np.random.default_rng(6), groups(), 0.2)
    imputer = MixtureImputer(2, covariance_type=name, random_state=0).fit(X)
    imputer.model_.mixture_.family.check("fit", imputer.model_.covariances_)
    filled = imputer.transform(X)
    assert np.isfinite(filled).all()
    known = ~np.isnan(X)
    assert np.array_equal(filled[known], X[known])


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_are_the_structures_they_name(alias: str) -> None:
    X = groups()[:, :1] if len(alias) == 1 else groups()
    one, two = fitted(X, alias), fitted(X, ALIASES[alias])
    assert one.mixture_.covariance_type == ALIASES[alias]
    assert np.array_equal(one.covariances_, two.covariances_)
    assert one.covariance_type == alias
    resp = one.predict_proba(X)
    step = m_step(X, resp, alias, previous=one.mixture_)
    assert np.array_equal(step.covariances, m_step(X, resp, ALIASES[alias]).covariances)
    assert one.to_sklearn().covariance_type == ALIASES[alias]
    warm = GaussianMixture(K, covariance_type=alias, warm_start=True, random_state=0).fit(X)
    assert warm.fit(X).n_iter_ <= one.n_iter_


@pytest.mark.parametrize("name", ["E", "V"])
def test_one_letter_is_for_one_column(name: str) -> None:
    X, resp = groups(), np.ones((150, 1))
    words = f"covariance_type='{name}' is for one column; with 3 columns give three letters"
    with pytest.raises(InputError, match=words):
        GaussianMixture(1, covariance_type=name).fit(X)
    with pytest.raises(InputError, match=words):
        m_step(X, resp, name)
    covariances = np.ones(family_named(name).covariance_shape(1, 3))
    with pytest.raises(InputError, match=words):
        Mixture([1.0], np.zeros((1, 3)), covariances, name)
    with pytest.raises(InputError, match=words):
        mixtura.KMeans(2, random_state=0).fit(X).as_mixture(X, name)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_starts_of_another_structure_are_errors(name: str) -> None:
    X, rng = groups(), np.random.default_rng(7)
    sound = random_mixture(rng, name, K, D)
    other = random_mixture(rng, sound.family.form, K, D)
    parts = (sound.weights, sound.means, other.covariances)
    wrong = Mixture(*parts, name)
    with pytest.raises(InputError, match=r"^start: covariances\[\d\] is not of"):
        run_em(X, wrong)
    with pytest.raises(InputError, match=r"^init_params: covariances\[\d\] is not of"):
        GaussianMixture(K, covariance_type=name, init_params=wrong).fit(X)
    with pytest.raises(InputError, match=r"^from_parameters: covariances\[\d\] is not of"):
        GaussianMixture.from_parameters(*parts, name)
    # Precisions need not be: the nearest covariances that are start the fit.
    outright = {"weights_init": parts[0], "means_init": parts[1]}
    outright["precisions_init"] = other.family.precisions(other.covariances, K, D)[0]
    model = fitted(X, name, **outright, max_iter=0)
    model.mixture_.family.check("fit", model.covariances_)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_fits_are_saved_copied_and_sampled_from(name: str, tmp_path: Path) -> None:
    X = groups()
    model = fitted(X, name, prior="conjugate")
    model.save(tmp_path / "model.mixtura")
    loaded = mixtura.load(tmp_path / "model.mixtura")
    for other in (loaded, pickle.loads(pickle.dumps(model))):
        assert other.get_params() == model.get_params()
        assert np.array_equal(other.score_samples(X), model.score_samples(X))
    assert clone(model).covariance_type == name
    rows, labels = model.sample(20_000)
    resp = np.eye(K)[labels]
    again = m_step(rows, resp, name, previous=model.mixture_)
    assert_close(again.covariances, model.covariances_, 0.1)
    sklearn = model.to_sklearn()
    assert sklearn.covariance_type == model.mixture_.family.form
    assert_close(sklearn.score_samples(X), model.score_samples(X), 1e-9)


@pytest.mark.parametrize("name", RESTRICTED_NAMES)
def test_singular_starts_are_named(name: str) -> None:
    covariances = 0.0 * random_mixture(np.random.default_rng(8), name, K, D).covariances
    with pytest.raises(SingularCovarianceError, match=r"covariances\[0\]"):
        run_em(groups(), Mixture(np.full(K, 1 / K), groups()[:K], covariances, name))


@pytest.mark.parametrize("name", [*FAMILY_NAMES, *RESTRICTED_NAMES])
def test_statistics_of_no_rows_keep_the_previous_mixture(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(9), name, K, D)
    em = problem(groups(), K, name)
    nothing = Statistics.zeros(mixture.family, mixture.means)
    nothing = nothing.scaled(0.0)
    with np.errstate(invalid="ignore"), pytest.raises(InputError):  # no rows, no weights
        em.maximise(nothing, mixture)
