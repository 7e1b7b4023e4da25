"""Laws of mixtures of tables with missing cells, whatever the structure and the pattern."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, InputError, Mixture, Status, e_step, m_step, run_em
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.starts import METHODS
from mixtura.kernels import array_api, incomplete
from mixtura.model import CovarianceFloor, Statistics
from mixtura.sources import memory
from problems import (
    FAMILY_NAMES,
    assert_close,
    assert_same_mixture,
    assert_same_statistics,
    problem,
    random_mixture,
    random_rows,
    with_holes,
)
from strategies import families, n_components, n_features, seeds

SHARES = st.sampled_from([0.05, 0.3, 0.8])

# --- statistics ------------------------------------------------------------------------------


@given(name=families, k=n_components, d=n_features, seed=seeds, share=SHARES)
@settings(max_examples=60)
def test_complete_and_incomplete_parts_add_up(
    name: str, k: int, d: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 60, k, d)
    X[20:] = with_holes(rng, X[20:], share)
    weights, mixture = rng.exponential(size=60), random_mixture(rng, name, k, d)
    whole = incomplete.expect(X, weights, mixture)
    parts = [
        kernels.expect(X[rows], weights[rows], mixture)
        for kernels, rows in (
            (array_api, slice(0, 20)),
            (incomplete, slice(20, 35)),
            (incomplete, slice(35, 60)),
        )
    ]
    assert parts[0].cells is None
    elsewhere = parts[0].recentred(mixture.means + rng.normal(size=(k, d)))
    zero = Statistics.zeros(mixture.family, mixture.means)
    for total in (
        zero + parts[0] + parts[1] + parts[2],
        parts[2] + (parts[1] + parts[0]) + zero,
        (elsewhere + parts[2] + parts[1]).recentred(mixture.means),
    ):
        assert_same_statistics(total, whole, 1e-11)


@given(name=families, k=n_components, d=n_features, seed=seeds, share=SHARES)
@settings(max_examples=40)
def test_columns_may_change_units(name: str, k: int, d: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    X, mixture = with_holes(rng, random_rows(rng, 50, k, d), share), random_mixture(rng, name, k, d)
    units = np.full(d, 1e3) if name == "spherical" else 10.0 ** rng.uniform(-6, 6, size=d)
    square = {"diag": units**2, "spherical": units[0] ** 2}.get(name, units[:, None] * units)
    other = Mixture(mixture.weights, mixture.means * units, mixture.covariances * square, name)
    one, two = incomplete.expect(X, None, mixture), incomplete.expect(X * units, None, other)
    assert_close(two.zeroth, one.zeroth, 1e-9)
    assert_close(two.first / units, one.first, 1e-9)
    assert_close(two.second / square, one.second, 1e-9)
    jacobian = (~np.isnan(X) @ np.log(units)).sum()
    assert_close(two.loglik + jacobian, one.loglik, 1e-9)


# --- ascent ----------------------------------------------------------------------------------


@given(
    name=families,
    k=n_components,
    d=n_features,
    seed=seeds,
    share=SHARES,
    floor=st.sampled_from(["none", "relative", "high"]),
    weighted=st.booleans(),
)
@settings(max_examples=100)
def test_every_step_ascends(
    name: str, k: int, d: int, seed: int, share: float, floor: str, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = with_holes(rng, random_rows(rng, 30 + 10 * k * d, k, d), share)
    weights = rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.9) if weighted else None
    em = problem(X, k, name, weights)
    if floor != "none":
        high = CovarianceFloor.isotropic(0.5, d)
        em = replace(em, floor=high if floor == "high" else relative_floor(em))
    mixture = em.feasible(random_mixture(rng, name, k, d))
    statistics = em.expect(mixture)
    for _ in range(25):
        before = statistics.loglik
        try:
            mixture = em.maximise(statistics, mixture)
            statistics = em.expect(mixture)
        except InputError:
            assume(floor != "none")  # without a floor, a component may collapse
            raise
        assert np.isfinite(statistics.loglik)
        assert statistics.loglik >= before - 1e-11 * max(abs(before), statistics.weight)


@given(name=families, seed=seeds, share=SHARES, weighted=st.booleans())
@settings(max_examples=25)
def test_a_run_alternates_the_two_steps(name: str, seed: int, share: float, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    X = with_holes(rng, random_rows(rng, 120, 2, 3), share)
    weights = rng.uniform(0.5, 2.0, size=120) if weighted else None
    mixture = random_mixture(rng, name, 2, 3)
    options: Any = {"sample_weight": weights, "min_variance": 0.01}
    result = run_em(X, mixture, tol=0, max_iter=3, record=True, **options)
    for i in range(result.n_iter):
        resp, loglik = e_step(X, mixture)
        if weights is None:
            assert result.log_likelihoods[i] == pytest.approx(loglik, rel=1e-12)
        mixture = m_step(X, resp, name, previous=mixture, **options)
        assert_same_mixture(result.snapshots[i + 1], mixture, 1e-9)
    assert result.responsibilities is not None
    np.testing.assert_allclose(result.responsibilities, e_step(X, mixture)[0], atol=1e-9)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_collapses_end_a_run(name: str) -> None:
    # So few rows of so many columns that most runs end at a singular covariance.
    ends = set()
    for seed in (0, 32, 76):
        rng = np.random.default_rng(seed)
        d, k, n = (int(rng.integers(*bounds)) for bounds in ((1, 6), (1, 5), (5, 40)))
        X = with_holes(rng, random_rows(rng, n, k, d), float(rng.choice([0.1, 0.4, 0.7])))
        result = run_em(X, random_mixture(rng, name, k, d), tol=0, max_iter=1500)
        assert np.isfinite(result.log_likelihoods).all()
        assert (np.diff(result.log_likelihoods) >= 0).all()
        ends.add(result.status)
    assert Status.COLLAPSED in ends or name == "tied"


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_log_likelihood_is_that_of_observed_cells(name: str) -> None:
    rng = np.random.default_rng(0)
    X, mixture = with_holes(rng, random_rows(rng, 40, 3, 4), 0.4), random_mixture(rng, name, 3, 4)
    expected = 0.0
    for row in X:
        seen = np.flatnonzero(~np.isnan(row))
        if len(seen):
            expected += float(mixture.marginal(seen).log_prob(row[None, seen])[0])
    assert e_step(X, mixture)[1] == pytest.approx(expected, rel=1e-12)


def coordinates(mixture: Mixture) -> np.ndarray:
    """Return the parameters as numbers without bounds."""
    roots = mixture.family.log_roots(mixture.covariances)
    return np.concatenate([np.log(mixture.weights), mixture.means.ravel(), roots.ravel()])


def at(point: np.ndarray, like: Mixture) -> Mixture:
    """Return the mixture of some coordinates."""
    k, d = like.means.shape
    weights, means, roots = np.split(point, [k, k + k * d])
    covariances = like.family.from_log_roots(roots.reshape(like.covariances.shape))
    weights = np.exp(weights) / np.exp(weights).sum()
    return Mixture(weights, means.reshape(k, d), covariances, like.covariance_type)


@pytest.mark.parametrize("share", [0.1, 0.4])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_gradient_is_zero_at_the_limit(name: str, share: float) -> None:
    rng = np.random.default_rng(1)
    start = random_mixture(rng, name, 2, 3)
    X = with_holes(rng, start.sample(300, rng)[0], share)
    weights = rng.uniform(0.5, 2.0, size=300)
    result = run_em(X, start, stopping="total", tol=1e-11, max_iter=20_000, sample_weight=weights)
    assert result.converged
    point = coordinates(result.mixture)
    roots = np.ones(result.mixture.covariances.shape)
    moved = np.ones(len(point), dtype=bool)
    if result.mixture.family.correlated:
        moved[-roots.size :] = np.tril(roots).ravel() > 0
    for i in np.flatnonzero(moved):
        step = np.zeros(len(point))
        step[i] = 1e-5
        up, down = (
            incomplete.expect(X, weights, at(point + sign * step, result.mixture)).loglik
            for sign in (1, -1)
        )
        assert abs(up - down) / 2e-5 / weights.sum() < 1e-6
    off = incomplete.expect(X, weights, at(point + 1e-3, result.mixture)).loglik
    assert off < result.log_likelihoods[-1]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_fits_never_descend(name: str, engine: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = with_holes(rng, random_rows(rng, 300, 3, 4, spread=4.0), 0.1 + 0.15 * seed)
        model = GaussianMixture(3, covariance_type=name, engine=engine, random_state=0).fit(X)
        assert (np.diff(model.lower_bounds_) >= 0).all()
        assert model.lower_bounds_[-1] == pytest.approx(model.score(X), rel=1e-9)


# --- what is estimated -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_truth_is_recovered_as_rows_grow(name: str) -> None:
    truth = random_mixture(np.random.default_rng(2), name, 2, 3, spread=3.0)
    errors = []
    for n in (1_000, 16_000):
        rng = np.random.default_rng(n)
        X = with_holes(rng, truth.sample(n, rng)[0], 0.25)
        mixture = run_em(X, truth, stopping="remaining", tol=1e-7).mixture
        found, true = (np.r_[m.means.ravel(), m.covariances.ravel()] for m in (mixture, truth))
        errors.append(np.sqrt(np.mean((found - true) ** 2)))
    assert errors[0] < 0.2
    assert errors[1] < 0.5 * errors[0]  # a quarter is expected


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_missingness_that_depends_on_what_is_observed(name: str) -> None:
    rng = np.random.default_rng(3)
    covariance = np.array([[1.0, 0.7], [0.7, 1.0]])
    covariances = {
        "full": np.stack([covariance, covariance]),
        "tied": covariance,
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }[name]
    truth = Mixture([0.4, 0.6], [[0.0, 0.0], [3.0, 3.0]], covariances, name)
    X = truth.sample(8_000, rng)[0]
    X[(X[:, 0] > 1.5) & (rng.random(8_000) < 0.8), 1] = np.nan
    mixture = run_em(X, truth, stopping="remaining", tol=1e-6).mixture
    mean = float(mixture.weights @ mixture.means[:, 1])
    assert mean == pytest.approx(1.8, abs=0.1)
    np.testing.assert_allclose(mixture.means, truth.means, atol=0.12)
    complete = X[~np.isnan(X).any(axis=1)]
    biased = run_em(complete, truth, stopping="remaining", tol=1e-6).mixture
    assert abs(float(biased.weights @ biased.means[:, 1]) - 1.8) > 0.5
    assert abs(biased.weights[0] - 0.4) > 0.2
    assert abs(mixture.weights[0] - 0.4) < 0.03


@given(name=families, k=n_components, d=st.integers(2, 6), seed=seeds)
@settings(max_examples=60)
def test_the_conditional_times_the_marginal_is_the_joint(
    name: str, k: int, d: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    mixture, row = random_mixture(rng, name, k, d), 2.0 * rng.normal(size=d)
    columns = rng.permutation(d)
    known = columns[: rng.integers(1, d)]
    unknown = np.setdiff1d(columns, known)
    given_known = mixture.condition({int(j): row[j] for j in known})
    joint = mixture.log_prob(row[None])[0]
    product = given_known.log_prob(row[None, unknown]) + mixture.marginal(known).log_prob(
        row[None, known]
    )
    assert product[0] == pytest.approx(joint, rel=1e-9, abs=1e-9)
    some = unknown[: 1 + len(unknown) // 2]
    twice = mixture.marginal(columns).marginal([int(np.flatnonzero(columns == j)[0]) for j in some])
    assert_same_mixture(twice, mixture.marginal(some), 0.0)


# --- rows that count for nothing, or together ------------------------------------------------


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_rows_without_an_observed_cell_change_nothing(name: str) -> None:
    rng = np.random.default_rng(4)
    X, start = with_holes(rng, random_rows(rng, 150, 2, 3), 0.2), random_mixture(rng, name, 2, 3)
    X = X[~np.isnan(X).all(axis=1)]
    options: Any = {"stopping": "total", "tol": 1e-9, "max_iter": 20_000}
    without = run_em(X, start, **options)
    padded = run_em(np.vstack([X, np.full((40, 3), np.nan)]), start, **options)
    assert_same_mixture(padded.mixture, without.mixture, 1e-4)
    assert padded.log_likelihoods[-1] == pytest.approx(without.log_likelihoods[-1], rel=1e-9)
    assert padded.responsibilities is not None
    weights = np.tile(padded.mixture.weights, (40, 1))
    np.testing.assert_allclose(padded.responsibilities[-40:], weights, rtol=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_rows_without_weight_are_inert(name: str, engine: str) -> None:
    rng = np.random.default_rng(5)
    X = with_holes(rng, random_rows(rng, 200, 2, 3, spread=4.0), 0.2)
    weights = (np.arange(200) % 2).astype(float)
    spoilt = X.copy()
    spoilt[::2] = with_holes(rng, np.full((100, 3), 1e6), 0.5)
    options: Any = {"covariance_type": name, "random_state": 0, "engine": engine, "tol": 1e-9}
    model = GaussianMixture(2, max_iter=500, **options).fit(spoilt, sample_weight=weights)
    alone = GaussianMixture(2, max_iter=500, **options).fit(X[1::2])
    order = model.means_[:, 0].argsort(), alone.means_[:, 0].argsort()
    np.testing.assert_allclose(model.means_[order[0]], alone.means_[order[1]], rtol=1e-3, atol=1e-3)
    assert model.lower_bound_ == pytest.approx(alone.lower_bound_, abs=1e-6)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_weights_are_repeats(name: str) -> None:
    rng = np.random.default_rng(6)
    X, start = with_holes(rng, random_rows(rng, 90, 2, 3), 0.3), random_mixture(rng, name, 2, 3)
    counts = rng.integers(0, 4, size=90)
    weighted = run_em(X, start, tol=0, max_iter=5, sample_weight=counts)
    repeated = run_em(np.repeat(X, counts, axis=0), start, tol=0, max_iter=5)
    assert_same_mixture(weighted.mixture, repeated.mixture, 1e-10)
    assert_close(weighted.log_likelihoods, repeated.log_likelihoods, 1e-12)


# --- order and threads -----------------------------------------------------------------------


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small tables into many blocks too."""
    monkeypatch.setattr(memory, "BLOCK_WORK", 5e3)
    monkeypatch.setattr(memory, "BLOCK_ROWS", 200)


def rows_of_few_patterns(n: int) -> np.ndarray:
    """Return rows with both long and short runs of patterns once they are sorted."""
    rng = np.random.default_rng(7)
    X = random_rows(rng, n, 3, 4, spread=4.0)
    X[rng.random(n) < 0.3, 1] = np.nan
    X[: n // 10] = with_holes(rng, X[: n // 10], 0.5)
    return rng.permutation(X)


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_same_bits_whatever_the_threads(name: str, engine: str) -> None:
    X, weights = rows_of_few_patterns(1_500), np.random.default_rng(8).random(1_500)
    found = []
    for n_jobs in (1, 1, 2):
        options: Any = {"covariance_type": name, "engine": engine, "n_jobs": n_jobs}
        model = GaussianMixture(3, random_state=3, tol=1e-2, n_init=2, **options)
        model.fit(X, sample_weight=weights)
        fitted = (model.weights_, model.means_, model.covariances_, model.restarts_)
        described = (model.predict(X), model.predict_proba(X), model.score_samples(X))
        found.append([np.asarray(array).tobytes() for array in (*fitted, *described)])
    assert found[0] == found[1] == found[2]


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_predictions_are_those_of_each_row(name: str, engine: str) -> None:
    X = rows_of_few_patterns(700)
    mixture = random_mixture(np.random.default_rng(9), name, 3, 4)
    parts = (mixture.weights, mixture.means, mixture.covariances, name)
    model = GaussianMixture.from_parameters(*parts, engine=engine)
    np.testing.assert_allclose(model.score_samples(X), mixture.log_prob(X), rtol=1e-11)
    resp = model.predict_proba(X)
    np.testing.assert_allclose(resp, mixture.responsibilities(X), atol=1e-11)
    assert np.array_equal(model.predict(X), resp.argmax(axis=1))
    order = np.random.default_rng(10).permutation(700)
    np.testing.assert_allclose(model.predict_proba(X[order]), resp[order], atol=1e-12)
    assert np.array_equal(model.predict(X[order]), model.predict(X)[order])


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_order_of_rows_does_not_matter_to_a_run(name: str) -> None:
    X, order = rows_of_few_patterns(300), np.random.default_rng(11).permutation(300)
    start = random_mixture(np.random.default_rng(12), name, 3, 4)
    one = run_em(X, start, tol=0, max_iter=5)
    two = run_em(X[order], start, tol=0, max_iter=5)
    assert_same_mixture(one.mixture, two.mixture, 1e-10)
    assert one.responsibilities is not None
    assert two.responsibilities is not None
    np.testing.assert_allclose(two.responsibilities, one.responsibilities[order], atol=1e-10)


# --- whatever the table ----------------------------------------------------------------------

KINDS = ("normal", "integers", "repeated rows", "groups", "constant column", "repeated column")
#: The same errors and warnings as of complete tables, and one more.
ERRORS = (
    r"n_components=\d+ is more than the \d+ rows( of positive sample_weight)?; use fewer",
    r"column \d+ of X is missing in every row( of positive sample_weight)?: there is nothing",
)


def tiny_table(kind: str, share: float, n: int, d: int, seed: int) -> np.ndarray:
    """Return a table of some kind with holes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if kind == "integers":
        X = rng.integers(-1, 2, size=(n, d)).astype(float)
    elif kind == "repeated rows":
        X = X[rng.integers(max(1, n // 4), size=n)]
    elif kind == "groups":
        X += 20.0 * rng.integers(0, 3, size=(n, 1))
    elif kind == "constant column":
        X[:, -1] = 7.3
    elif kind == "repeated column":
        X[:, 0] = 3.0 * X[:, -1] + 1.0
    X[rng.random((n, d)) < share] = np.nan
    if share == 0.99 and n >= d:  # one row observed per column
        X[:] = np.nan
        X[np.arange(d), np.arange(d)] = rng.normal(size=d)
    return X


TINY = given(
    kind=st.sampled_from(KINDS),
    share=st.sampled_from([0.1, 0.5, 0.95, 0.99]),
    n=st.sampled_from([2, 3, 5, 12, 40]),
    d=st.integers(1, 7),
    seed=seeds,
    k=st.sampled_from([1, 2, 3, 5]),
    units=st.sampled_from([1.0, 1.0, 1e-8, 1e8]),
    offset=st.sampled_from([0.0, 0.0, 1e8]),
    weighted=st.booleans(),
    params=st.fixed_dictionaries(
        {
            "covariance_type": families,
            "engine": st.sampled_from(["numpy", "numba"]),
            "init_params": st.sampled_from(METHODS),
            "n_init": st.sampled_from([1, 3]),
            "max_iter": st.sampled_from([1000, 5, 0]),
        }
    ),
)


def check_tiny(
    kind: str,
    share: float,
    n: int,
    d: int,
    seed: int,
    k: int,
    units: float,
    offset: float,
    weighted: bool,
    params: dict[str, Any],
) -> None:
    """Fail unless a fit gives numbers, or an error that says what to do."""
    X = tiny_table(kind, share, n, d, seed) * units + offset
    weights = np.random.default_rng(seed).integers(0, 3, size=n).astype(float)
    weights[0] = 1.0
    model: Any = GaussianMixture(k, random_state=0, **params)
    complaint = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, sample_weight=weights if weighted else None)
        except InputError as raised:
            complaint, model = str(raised), None
    if model is None:
        assert re.match("|".join(ERRORS), complaint), complaint
        return
    assert {warning.category for warning in caught} <= {ConvergenceWarning}, caught[0].message
    assert (np.diff(model.lower_bounds_) >= 0).all()
    for name in ("weights_", "means_", "covariances_", "precisions_", "lower_bounds_"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.isfinite(model.score_samples(X)).all()
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-9)
    assert ((model.predict(X) >= 0) & (model.predict(X) < k)).all()


@TINY
@settings(max_examples=80)
def test_tiny_tables(**drawn: Any) -> None:
    check_tiny(**drawn)


@pytest.mark.slow
@TINY
@settings(max_examples=5000)
def test_many_tiny_tables(**drawn: Any) -> None:
    check_tiny(**drawn)
