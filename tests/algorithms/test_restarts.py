"""Several starts, one winner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mixtura import FitResult, Mixture, Status
from mixtura.algorithms.restarts import (
    SAME_OPTIMUM,
    collapsed_components,
    relative_floor,
    select,
)
from mixtura.model import family_named
from problems import FAMILY_NAMES, problem, random_covariances, random_rows

X = random_rows(np.random.default_rng(50), 100, 2, 2)


def outcome(loglik: float, flat: bool = False, status: Status = Status.CONVERGED) -> FitResult:
    """Return a result of that log-likelihood, one of its components collapsed or none."""
    covariances = np.stack([np.eye(2), np.diag([1.0, 1e-9 if flat else 1.0])])
    mixture = Mixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], covariances)
    values = np.array([loglik - 1.0, loglik])
    return FitResult(mixture, status, values, np.zeros(2))


def in_turn(function, n):
    """Call a function for 0..n-1."""
    for i in range(n):
        function(i)


def in_reverse(function, n):
    """Call a function for n-1..0."""
    for i in reversed(range(n)):
        function(i)


def selected(*results: FitResult, each=in_turn):
    """Return the selection among given results."""
    return select(problem(X, 2, "full"), len(results), results.__getitem__, each)


def test_the_highest_log_likelihood_wins() -> None:
    results = [outcome(-3.0), outcome(-1.0), outcome(-2.0)]
    selection = selected(*results)
    assert selection.result is results[1]
    assert selection.log_likelihoods.tolist() == [-3.0, -1.0, -2.0]
    assert not selection.collapsed.any()


@pytest.mark.parametrize("each", [in_turn, in_reverse])
def test_equals_are_won_by_the_first(each) -> None:
    results = [outcome(-2.0), outcome(-1.0), outcome(-1.0)]
    assert selected(*results, each=each).result is results[1]


def test_collapsed_winners_are_passed_over() -> None:
    results = [outcome(-3.0), outcome(5.0, flat=True), outcome(-2.0)]
    selection = selected(*results)
    assert selection.result is results[2]
    assert not selection.collapsed.any()


def test_runs_that_ended_in_a_collapse_are_passed_over() -> None:
    results = [outcome(-3.0), outcome(5.0, status=Status.COLLAPSED)]
    assert selected(*results).result is results[0]


def test_unless_all_have_collapsed() -> None:
    results = [outcome(3.0, flat=True), outcome(5.0, flat=True)]
    selection = selected(*results)
    assert selection.result is results[1]
    assert selection.collapsed.tolist() == [False, True]


def test_counting_those_that_reached_the_best() -> None:
    near, far = 0.5 * SAME_OPTIMUM * 100, 2.0 * SAME_OPTIMUM * 100
    results = [
        outcome(-1.0),
        outcome(-1.0 - near),
        outcome(-1.0 - far),
        outcome(-1.0 - near, flat=True),
        outcome(9.0, flat=True),
    ]
    assert selected(*results).n_at_best == 2


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(("factor", "collapsed"), [(1.0, False), (1e-10, True)])
def test_collapse_is_relative_to_the_table(name: str, factor: float, collapsed: bool) -> None:
    for units in (1e-6, 1.0, 1e6):
        rows = X * units
        em = problem(rows, 2, name)
        total = np.cov(rows.T, bias=True)
        covariances = factor * em.family.pooled(total, 2)
        mixture = Mixture([0.5, 0.5], rows[:2], covariances, name)
        assert collapsed_components(em, mixture).tolist() == [collapsed] * 2


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_the_collapsed_component_is_named(name: str) -> None:
    covariances = random_covariances(np.random.default_rng(0), name, 3, 2)
    covariances[1] *= 1e-12
    mixture = Mixture(np.full(3, 1 / 3), X[:3], covariances, name)
    assert collapsed_components(problem(X, 3, name), mixture).tolist() == [False, True, False]


def test_being_flat_like_the_table_is_no_collapse() -> None:
    rows = np.c_[X, X[:, 0], np.ones(100)]
    for name in FAMILY_NAMES:
        em = problem(rows, 1, name)
        total = np.cov(rows.T, bias=True)
        floored = family_named(name).floored(em.family.pooled(total, 1), relative_floor(em))
        mixture = Mixture([1.0], [rows.mean(axis=0)], floored, name)
        assert not collapsed_components(em, mixture).any()


def test_a_ridge_does_not_hide_a_collapse() -> None:
    em = replace(problem(X, 2, "full"), ridge=1e-3)
    covariances = np.stack([np.eye(2), np.diag([1.0, 1e-3 + 1e-12])])
    mixture = Mixture([0.5, 0.5], X[:2], covariances)
    assert collapsed_components(em, mixture).tolist() == [False, True]
