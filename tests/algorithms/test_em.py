"""EM on a source of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, Mixture, Status
from mixtura.algorithms.em import COLLAPSE_CHECK, EMPTY
from mixtura.algorithms.restarts import relative_floor
from mixtura.algorithms.stopping import Stopping, StoppingRule
from mixtura.kernels import array_api, reference
from mixtura.model import CovarianceFloor, family_named, maximise
from mixtura.sources import StreamedSource
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
from reading import Ring

NEVER = StoppingRule(Stopping.MEAN, 0.0)


def table(n: int = 150, d: int = 3) -> np.ndarray:
    """Return rows of three overlapping groups."""
    return random_rows(np.random.default_rng(40), n, 3, d)


def start(name: str, k: int = 3, d: int = 3) -> Mixture:
    """Return a mixture that fits ``table`` loosely."""
    return random_mixture(np.random.default_rng(41), name, k, d)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_an_expectation_is_the_oracles(name: str) -> None:
    X, weights = table(), np.random.default_rng(1).random(150)
    em = problem(X, 3, name, weights)
    expected = reference.expect(X, weights, start(name))
    assert_same_statistics(em.expect(start(name)), expected, 1e-11)


def test_tied_scatter_is_summed_where_the_difference_is_not_trusted() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(100) % 2
    X = rng.normal(size=(100, 2)) + 1e7 * labels[:, None]
    em = problem(X, 2, "tied")
    mixture = Mixture([0.5, 0.5], [X[::2].mean(axis=0), X[1::2].mean(axis=0)], np.eye(2), "tied")
    expected = reference.expect(X, None, mixture)
    assert_same_statistics(em.expect(mixture), expected, 1e-9)
    total = em.total
    assert total is not None
    assert_same_statistics(replace(em, total=None).expect(mixture), expected, 1e-9)
    passes: list[bool] = []

    class Counting:
        name = "counting"
        allows_missing = False

        def expect(self, block: Any, weight: Any, mixture: Mixture, scatter: bool = True) -> Any:
            passes.append(scatter)
            return array_api.expect(block, weight, mixture, scatter)

    replace(em, kernels=Counting()).expect(mixture)
    assert passes == [False, True]


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_step_is_an_expectation_after_a_maximisation(name: str) -> None:
    em = problem(table(), 3, name)
    statistics = em.expect(start(name))
    (mixture, after), value = em.step((start(name), statistics))
    assert_same_mixture(mixture, maximise(statistics))
    assert value == after.loglik
    assert value > statistics.loglik
    assert_close(value, mixture.log_prob(table()).sum(), 1e-12)


def test_settings_reach_the_m_step() -> None:
    X = table()
    statistics = problem(X, 3, "full").expect(start("full"))
    floor = CovarianceFloor.isotropic(5.0, 3)
    for settings in ({"floor": floor}, {"ridge": 2.0}, {"min_support": 1e9}):
        em = problem(X, 3, "full", **settings)
        expected = maximise(statistics, previous=start("full"), **settings)
        assert_same_mixture(em.maximise(statistics, start("full")), expected, 0.0)
        assert not np.allclose(expected.covariances, maximise(statistics).covariances)


def test_feasible_starts() -> None:
    em = problem(table(), 3, "diag")
    given = start("diag")
    assert em.feasible(given) is given
    lifted = replace(em, floor=CovarianceFloor.isotropic(1.0, 3)).feasible(given)
    assert np.array_equal(lifted.covariances, np.maximum(given.covariances, 1.0))
    assert np.array_equal(lifted.means, given.means)


def test_a_run_reports_the_start_and_every_update() -> None:
    em, X = problem(table(), 3, "full"), table()
    result = em.run(start("full"), NEVER, 5, record=True)
    assert (result.n_iter, result.status, result.converged) == (5, Status.MAX_ITER, False)
    assert len(result.snapshots) == len(result.log_likelihoods) == len(result.seconds) == 6
    for snapshot, value in zip(result.snapshots, result.log_likelihoods, strict=True):
        assert_close(snapshot.log_prob(X).sum(), value, 1e-12)
    assert result.mixture is result.snapshots[-1]
    assert result.snapshots[0] is not None
    assert_same_mixture(result.snapshots[0], start("full"), 0.0)
    assert em.run(start("full"), NEVER, 5).snapshots == ()


def test_a_run_of_no_updates_evaluates_the_start() -> None:
    result = problem(table(), 3, "full").run(start("full"), NEVER, 0)
    assert result.n_iter == 0
    assert result.mixture is not None
    assert_close(result.log_likelihoods[0], start("full").log_prob(table()).sum(), 1e-12)


def test_callbacks_see_each_update_and_may_stop() -> None:
    seen = []

    def callback(step: Any) -> bool:
        seen.append(step)
        return step.iteration == 3

    result = problem(table(), 3, "full").run(start("full"), NEVER, 50, callback=callback, restart=7)
    assert (result.n_iter, result.status) == (3, Status.CALLBACK)
    assert [step.iteration for step in seen] == [1, 2, 3]
    assert {step.restart for step in seen} == {7}
    assert seen[-1].mixture is result.mixture
    assert [step.log_likelihood for step in seen] == result.log_likelihoods[1:].tolist()
    assert [step.gain for step in seen] == np.diff(result.log_likelihoods).tolist()
    assert seen[0].remaining == np.inf
    assert seen[-1].remaining > 0


@pytest.mark.parametrize(
    ("answer", "n_iter"), [(True, 1), (np.True_, 1), (False, 3), (None, 3), (1, 3), ("stop", 3)]
)
def test_callbacks_stop_on_nothing_but_true(answer: Any, n_iter: int) -> None:
    em = problem(table(), 3, "full")
    assert em.run(start("full"), NEVER, 3, callback=lambda step: answer).n_iter == n_iter


def test_a_collapse_ends_a_run_with_the_parameters_before_it() -> None:
    X = table()
    covariances = [1e-3, 4.0]
    onto_a_row = Mixture([0.5, 0.5], [X[0], X.mean(axis=0)], covariances, "spherical")
    result = problem(X, 2, "spherical").run(onto_a_row, NEVER, 500, record=True)
    assert (result.status, result.converged) == (Status.COLLAPSED, False)
    assert result.n_iter < 500
    assert result.mixture is result.snapshots[-1]
    assert_close(result.log_likelihoods[-1], result.mixture.log_prob(X).sum(), 1e-12)


def unsupported(name: str, seed: int = 0) -> Mixture:
    """Return a mixture of which component 1 is so far away that no row belongs to it."""
    mixture = start(name)
    means = mixture.means.copy()
    means[1] = 1e6
    return Mixture(mixture.weights, means, mixture.covariances, name)


@pytest.mark.parametrize("regularised", ["floor", "ridge", "nothing"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_an_empty_component_finds_a_new_place(name: str, regularised: str) -> None:
    X = np.vstack([table(), 12.0 + table(10)])  # ten rows that no component is near to
    em = problem(X, 3, name, reseed=True)
    em = {
        "floor": replace(em, floor=relative_floor(em)),
        "ridge": replace(em, ridge=1e-3),
        "nothing": em,
    }[regularised]
    statistics = em.expect(unsupported(name))
    assert statistics.zeroth[1] < EMPTY * statistics.weight
    (mixture, after), _ = em.step((unsupported(name), statistics))
    assert after.zeroth[1] > EMPTY * after.weight
    assert after.loglik > statistics.loglik
    assert_close(mixture.weights.sum(), 1.0, 1e-14)
    without = replace(em, reseed=False).step((unsupported(name), statistics))[0][1]
    assert without.zeroth[1] < EMPTY * without.weight
    assert after.loglik > without.loglik


@pytest.mark.parametrize("settings", [{"ridge": 1e-3}, {"floor": None}])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_new_place_in_a_flat_table(name: str, settings: dict[str, Any]) -> None:
    # The table's own covariance is singular, so it must be regularised like any other.
    X = np.ones((20, 2))
    em = problem(X, 2, name, reseed=True)
    if "floor" in settings:
        settings = {"floor": relative_floor(em)}
    em = replace(em, **settings)
    mixture = Mixture([0.5, 0.5], [[1.0, 1.0], [9.0, 9.0]], pooled(name), name)
    result = em.run(mixture, NEVER, 20)
    assert np.isfinite(result.log_likelihoods).all()


def pooled(name: str) -> np.ndarray:
    """Return small covariances of two components in two columns."""
    return family_named(name).pooled(1e-2 * np.eye(2), 2)


def test_the_new_place_is_the_row_that_is_explained_worst() -> None:
    X = np.vstack([table(), [[30.0, 30.0, 30.0]], [[99.0, 99.0, 99.0]]])
    weights = np.ones(152)
    weights[-1] = 0.0  # rows without weight are not candidates
    em = problem(X, 3, "diag", weights, reseed=True)
    mixture = unsupported("diag")
    moved, _ = em.reseeded(mixture, em.expect(mixture))
    assert moved.means[1].tolist() == [30.0, 30.0, 30.0]
    assert np.array_equal(moved.means[[0, 2]], mixture.means[[0, 2]])
    variances = np.diag(np.cov(X[:-1].T, bias=True))
    assert_close(moved.covariances[1], variances, 1e-10)
    assert moved.weights[1] in {0.5 / 3, 0.05 / 3, 0.005 / 3}


def test_the_new_place_is_kept_of_rows_whose_memory_is_used_again() -> None:
    X = random_rows(np.random.default_rng(40), 4_000, 3, 3)
    X[5] = 30.0
    em = problem(X, 3, "diag", reseed=True)
    source = StreamedSource(
        Ring(X, memory=1), weight=4e3, weighted=False, row_work=5e3, result_size=1
    )
    mixture = unsupported("diag")
    moved, _ = replace(em, source=source).reseeded(mixture, em.expect(mixture))
    assert moved.means[1].tolist() == [30.0, 30.0, 30.0]


def test_a_new_place_is_refused_where_it_would_lower_the_likelihood() -> None:
    X = np.random.default_rng(3).normal(size=(200, 1))
    em = problem(X, 2, "diag", reseed=True)
    fitted = Mixture([1.0, 0.0], [[X.mean()], [1e6]], [[X.var()], [1.0]], "diag")
    statistics = em.expect(fitted)
    kept, same = em.reseeded(fitted, statistics)
    assert kept is fitted
    assert same is statistics


def test_a_ridge_may_dip_and_a_floor_may_not() -> None:
    X = table(60)
    fitted = problem(X, 3, "full").run(start("full"), NEVER, 200).mixture
    dipping = problem(X, 3, "full", ridge=0.5).run(fitted, NEVER, 3)
    assert np.diff(dipping.log_likelihoods)[0] < 0
    assert dipping.n_iter == 3
    floored = problem(X, 3, "full", floor=CovarianceFloor.isotropic(0.5, 3)).run(fitted, NEVER, 30)
    assert (np.diff(floored.log_likelihoods) >= 0).all()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_missing_cells(name: str) -> None:
    rng = np.random.default_rng(42)
    X, weights = with_holes(rng, table(), 0.3), rng.random(150)
    em = problem(X, 3, name, weights)
    statistics = em.expect(start(name))
    assert_same_statistics(statistics, reference.expect(X, weights, start(name)), 1e-11)
    (mixture, after), value = em.step((start(name), statistics))
    assert_same_mixture(mixture, maximise(statistics))
    assert value == after.loglik
    assert value > statistics.loglik


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_an_empty_component_finds_a_new_place_at_what_a_row_tells(name: str) -> None:
    X = np.vstack([table(), np.full((10, 3), 25.0)])
    X[150:, 1] = np.nan
    em = problem(X, 3, name, reseed=True)
    em = replace(em, floor=relative_floor(em))
    mixture = unsupported(name)
    statistics = em.expect(mixture)
    moved, after = em.reseeded(mixture, statistics)
    assert after.loglik > statistics.loglik
    assert em.total is not None
    assert_close(moved.means[1], [25.0, em.total.centre[0, 1], 25.0], 1e-14)


def test_incomplete_fits_end_where_a_component_has_collapsed() -> None:
    # Three rows have a plane of their own; each update would take their component nearer to it.
    rng = np.random.default_rng(2)
    rows = np.vstack([rng.normal(size=(40, 3)), 30.0 + rng.normal(size=(4, 3))])
    rows[[1, 5, 41, 43], [0, 2, 1, 2]] = np.nan
    model = GaussianMixture(2, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(rows)
    assert model.status_ is Status.COLLAPSED
    assert model.n_iter_ < 2 * COLLAPSE_CHECK
    assert np.isfinite(model.lower_bound_)
