"""Mixtures of raters: posteriors beside the multivariate t, and a bound that rises."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.special import digamma, logsumexp
from scipy.stats import multivariate_t

from mixtura.algorithms import ratings as algorithm
from mixtura.algorithms.ratings import (
    FREEDOM,
    LEAST,
    Prior,
    Raters,
    State,
    best_freedom,
    bound,
    em_step,
    expect,
    fit,
    maximise,
    newcomer,
    predicted,
    predictors,
    start,
)
from mixtura.algorithms.stopping import Status, StoppingRule
from mixtura.kernels.ratings import NumPyPasses, Ratings
from rating_problems import drawn, raters, standardised

K = 3
SPHERICAL, DIAGONAL = Prior(False, pooled=50.0), Prior(True, pooled=50.0)
PRIORS = {
    "spherical": SPHERICAL,
    "diag": DIAGONAL,
    "support": Prior(False, pooled=50.0, min_support=6.0),
    "floor": Prior(True, pooled=0.0, min_variance=0.4),
}


def certain(known: Raters) -> Raters:
    """Return parameters with items of which everything is known."""
    return replace(
        known,
        effects_spread=np.zeros_like(known.effects_spread),
        deviations_spread=np.zeros_like(known.deviations_spread),
    )


def joint(known: Raters, items: np.ndarray, j: int) -> multivariate_t:
    """Return what a user of component ``j`` rates these items (equation 28)."""
    shape = np.diag(known.variances[items, j]) + known.user_variances[j]
    return multivariate_t(known.means[items, j], shape, df=known.freedom)


def test_posterior_is_that_of_multivariate_t_distributions() -> None:
    ratings = standardised(n_users=10, n_items=8)
    known = certain(raters(8, K))
    users = expect(NumPyPasses(ratings), known)
    for user in range(ratings.n_rows):
        part = slice(*ratings.starts[user : user + 2])
        items, x = ratings.columns[part], ratings.values[part]
        log_prob = [
            np.log(known.weights[j]) + (joint(known, items, j).logpdf(x) if len(x) else 0.0)
            for j in range(K)
        ]
        assert users.evidence[user] == pytest.approx(logsumexp(log_prob), abs=1e-10)
        expected = np.exp(log_prob - logsumexp(log_prob))
        np.testing.assert_allclose(users.resp[user], expected, atol=1e-12)


def test_predictions_are_those_of_conditional_t_distributions() -> None:
    # A multivariate t given some coordinates is one again (Kotz & Nadarajah 2004, 1.11).
    known = certain(raters(5, 1))
    rated, x, asked = np.array([0, 2, 3]), np.array([0.7, -1.2, 0.4]), 4
    tables = predictors(known)
    mean, variance = predicted(tables, np.array([asked]), newcomer(known, tables, rated, x), [0])
    shape = np.diag(known.variances[:, 0]) + known.user_variances[0]
    inverse = np.linalg.inv(shape[np.ix_(rated, rated)])
    apart = x - known.means[rated, 0]
    expected = known.means[asked, 0] + shape[asked, rated] @ inverse @ apart
    freedom = known.freedom + len(x)
    scale = (known.freedom + apart @ inverse @ apart) / freedom
    own = shape[asked, asked] - shape[asked, rated] @ inverse @ shape[rated, asked]
    assert mean[0] == pytest.approx(expected, rel=1e-12)
    assert variance[0] == pytest.approx(scale * own * freedom / (freedom - 2.0), rel=1e-12)


def test_a_new_user_with_the_ratings_of_an_old_one_is_the_same() -> None:
    ratings = standardised()
    known = raters(ratings.n_columns, K)
    users = expect(NumPyPasses(ratings), known)
    part = slice(*ratings.starts[3:5])
    own = newcomer(known, predictors(known), ratings.columns[part], ratings.values[part])
    for each in fields(own):
        found, expected = getattr(own, each.name)[0], getattr(users, each.name)[3]
        np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=each.name)


def test_what_nobody_rated_is_the_population() -> None:
    known = raters(4, K)
    tables = predictors(known)
    nobody = newcomer(known, tables, np.array([], dtype=int), np.array([]))
    np.testing.assert_allclose(nobody.resp[0], known.weights)
    mean, variance = predicted(tables, np.array([-1]), nobody, [0])
    assert mean[0] == pytest.approx(known.weights @ known.offsets)
    # E(1/s) = freedom / (freedom - 2)
    wide = known.freedom / (known.freedom - 2.0)
    each = (known.typical_variances + known.user_variances) * wide
    each += known.effect_variance + known.deviation_variance + (known.offsets - mean) ** 2
    assert variance[0] == pytest.approx(known.weights @ each)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("seed", range(3))
def test_no_step_lowers_the_bound(prior: Prior, seed: int) -> None:
    ratings = standardised(seed=seed, share=0.2 + 0.2 * seed)
    passes = NumPyPasses(ratings)
    known = start(ratings.n_columns, 4, np.random.default_rng(seed))
    state = (known, expect(passes, known))
    values = [bound(*state, prior)]
    for _ in range(60):
        state, value = em_step(passes, prior, state)
        values.append(value)
    assert np.diff(values).min() >= -1e-12 * abs(values[-1])
    assert values[-1] > values[0]


def test_a_wrong_step_lowers_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    right = algorithm.of_items

    def wrong(known: Raters, sums: object, prior: Prior) -> Raters:
        found = right(known, sums, prior)
        return replace(found, deviations=2.0 * found.deviations)  # no shrinkage, and more

    monkeypatch.setattr(algorithm, "of_items", wrong)
    with pytest.raises(AssertionError):
        test_no_step_lowers_the_bound(SPHERICAL, 1)


@pytest.mark.parametrize("prior", [SPHERICAL, DIAGONAL], ids=["spherical", "diag"])
def test_where_it_ends_no_parameter_can_be_better(prior: Prior) -> None:
    ratings = standardised(n_users=80, n_items=15, share=0.8, noise=0.4)
    passes = NumPyPasses(ratings)
    known = best_of_four(passes, 15, 2, prior)[0]
    run = fit(passes, known, prior, StoppingRule.named("total", 1e-8, 1.0), 800)
    best, top = run.state[0], run.values[-1]
    for name, change in changes(best, prior):
        h = np.abs(change).max()
        low, high = (
            bound(moved, expect(passes, moved), prior)
            for moved in (shifted(best, name, sign * change) for sign in (-1.0, 1.0))
        )
        slope, curvature = (high - low) / (2.0 * h), (2.0 * top - low - high) / h**2
        # What a step of Newton's would still gain, in nats.
        assert 0.0 <= slope**2 / (2.0 * curvature) < 1e-3, name


def best_of_four(passes: NumPyPasses, n_items: int, k: int, prior: Prior) -> State:
    """Return the end of highest bound of fits from four starts."""
    rng, rule = np.random.default_rng(0), StoppingRule.named("total", 1.0, 1.0)
    runs = [fit(passes, start(n_items, k, rng, i), prior, rule, 200) for i in range(4)]
    return max(runs, key=lambda run: run.values[-1]).state


def changes(best: Raters, prior: Prior) -> list[tuple[str, np.ndarray]]:
    """Return small changes of one number of each parameter that is free to move.

    The freedom, which may have no finite best value, has a test of its own.
    """
    fixed = {"weights", "freedom"}
    if not prior.is_diagonal:
        fixed |= {"variances", "typical_variances"}
    small = []
    for each in fields(Raters):
        if each.name not in fixed:
            change = np.zeros(np.shape(getattr(best, each.name)))
            change.flat[0] = 1e-4
            small.append((each.name, change))
    return small


def shifted(known: Raters, name: str, change: np.ndarray) -> Raters:
    """Return parameters of which one is moved."""
    return replace(known, **{name: getattr(known, name) + change})


def test_spherical_variances_are_drawn_to_a_common_one() -> None:
    ratings = standardised(noise=1.0)
    passes = NumPyPasses(ratings)
    known = start(ratings.n_columns, K, np.random.default_rng(0))
    users = expect(passes, known)
    free, pooled, one = (
        maximise(passes, known, users, Prior(False, pooled=n)) for n in (0.0, 100.0, 1e9)
    )
    spread = [np.ptp(each.typical_variances) for each in (free, pooled, one)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 1e-6
    assert (pooled.variances == pooled.typical_variances).all()


def test_thin_support_keeps_what_is_known() -> None:
    ratings = standardised()
    passes = NumPyPasses(ratings)
    known = start(ratings.n_columns, K, np.random.default_rng(0))
    users = expect(passes, known)
    support = passes.item_sums(users.resp, *3 * [users.resp]).support
    found = maximise(passes, known, users, Prior(False, 1.0, min_support=5.0))
    thin = support < 5.0
    assert thin.any()
    assert not thin.all()
    assert (found.deviations[thin] == known.deviations[thin]).all()
    assert (found.deviations[~thin] != known.deviations[~thin]).all()


def test_a_start_is_not_below_the_floor() -> None:
    # The first step from noise below the floor lowered the bound, and the fit kept its start.
    values = np.array([1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0, 1.0])
    passes = NumPyPasses(Ratings.of(np.arange(8) // 2, np.arange(8) % 2, values, (4, 2)))
    prior, rule = Prior(False, pooled=8.0, min_variance=100.0), StoppingRule.named("mean", 0.0, 8.0)
    run = fit(passes, start(2, 1, np.random.default_rng(0)), prior, rule, 50)
    assert run.status is not Status.PRECISION
    assert len(run.values) > 1
    assert run.state[0].variances.min() == 100.0


def test_thin_support_does_not_keep_what_was_drawn() -> None:
    passes = NumPyPasses(standardised())
    first, prior = start(20, K, np.random.default_rng(0)), Prior(False, 50.0, min_support=1e9)
    found = fit(passes, first, prior, StoppingRule.named("mean", 1e-3, 480.0), 100).state[0]
    expected = maximise(passes, first, expect(passes, first), Prior(False, 50.0))
    np.testing.assert_array_equal(found.deviations, expected.deviations)


@pytest.mark.parametrize("k", [2, 8])
def test_the_highest_bound_has_found_the_groups(k: int) -> None:
    (users, items, values), groups = drawn(n_users=100, n_items=30, share=0.3)
    x = (values - values.mean()) / values.std()
    passes = NumPyPasses(Ratings.of(users, items, x, (100, 30)))
    found = best_of_four(passes, 30, k, SPHERICAL)[1].resp.argmax(axis=1)
    together = np.zeros((k, 2))
    np.add.at(together, (found, groups), 1)
    assert together.max(axis=1).sum() >= 90  # of 100 users are in components of their group


def test_freedom_solves_its_equation_or_ends_at_a_limit() -> None:
    # The mean of log(s) - s for a scale of 9 degrees of freedom, by the gamma distribution.
    assert best_freedom(float(digamma(4.5) - np.log(4.5) - 1.0)) == pytest.approx(9.0)
    assert best_freedom(-1.0) == FREEDOM[1]
    assert best_freedom(-5.0) == FREEDOM[0]


def test_a_component_without_users_stays_finite() -> None:
    ratings = standardised(n_users=20, n_items=5)
    passes = NumPyPasses(ratings)
    known = replace(start(5, 2, np.random.default_rng(0)), offsets=np.array([0.0, 1e8]))
    found = maximise(passes, known, expect(passes, known), Prior(False, pooled=0.0))
    assert all(np.isfinite(getattr(found, each.name)).all() for each in fields(Raters))
    assert found.user_variances.min() >= LEAST
