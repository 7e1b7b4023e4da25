"""From an estimator's parameters to a run of EM."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, EfficiencyWarning

from mixtura import FitResult, GaussianMixture, InputError, Mixture, Status, Step
from mixtura.algorithms.restarts import Selection
from mixtura.algorithms.stopping import Stopping
from mixtura.estimators import fitting
from mixtura.model import family_named
from problems import (
    FAMILY_NAMES,
    assert_close,
    assert_same_mixture,
    random_mixture,
    random_rows,
    with_holes,
)

X = random_rows(np.random.default_rng(90), 100, 3, 2)


def test_the_floor_is_relative_to_the_table_by_default() -> None:
    em = fitting.problem(GaussianMixture(2), X, None)
    assert em.floor is not None
    assert em.ridge == 0.0
    assert em.reseed
    variances = X.var(axis=0)
    assert_close(np.diag(em.floor.matrix), 1e-8 * (1 + 1e-4) * variances, 1e-9)


def test_a_number_is_a_ridge() -> None:
    em = fitting.problem(GaussianMixture(2, reg_covar=0.25), X, None)
    assert em.floor is None
    assert em.ridge == 0.25


def rule_of(**params: Any) -> Any:
    """Return the stopping rule that an estimator's run goes by."""
    estimator = GaussianMixture(2, random_state=0, **params)
    em = fitting.problem(estimator, X, None)
    seen: list[Any] = []

    class Spy(type(em)):  # type: ignore[misc]
        def run(self, start: Any, rule: Any, max_iter: int, **options: Any) -> FitResult:
            seen.append((rule, max_iter))
            return super().run(start, rule, max_iter, **options)

    spy = Spy(**{name: getattr(em, name) for name in em.__dataclass_fields__})
    fitting.run(estimator, spy, X)
    return seen[0]


def test_stopping_rules() -> None:
    rule, max_iter = rule_of(max_iter=77)
    assert (rule.kind, rule.tol, rule.weight) == (Stopping.REMAINING, fitting.AUTO_TOL, 100.0)
    assert max_iter == 77
    rule, _ = rule_of(tol=0.5)
    assert (rule.kind, rule.tol, rule.weight) == (Stopping.MEAN, 0.5, 100.0)


def starts(**params: Any) -> list[Mixture]:
    """Return the starts of an estimator."""
    estimator = GaussianMixture(3, **{"random_state": 0, **params})
    em = fitting.problem(estimator, X, None)
    random = np.random.RandomState(estimator.random_state)
    return [make() for make in fitting.start_functions(estimator, em, X, random)]


def test_restarts_have_seeds_of_their_own() -> None:
    some = starts(n_init=3, init_params="random")
    more = starts(n_init=5, init_params="random")
    assert len(more) == 5
    assert len({start.means.tobytes() for start in more}) == 5
    for a, b in zip(some, more, strict=False):  # more restarts keep those that were there
        assert np.array_equal(a.means, b.means)


def test_given_starts_are_made_once() -> None:
    mixture = random_mixture(np.random.default_rng(91), "full", 3, 2)
    assert starts(n_init=4, init_params=mixture) == [mixture]
    assert len(starts(n_init=4, init_params=np.arange(100) % 3)) == 1
    complete = {
        "weights_init": mixture.weights,
        "means_init": mixture.means,
        "precisions_init": np.linalg.inv(mixture.covariances),
    }
    (start,) = starts(n_init=4, **complete)
    assert_same_mixture(start, mixture, 1e-12)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_what_is_given_outright_replaces_the_starts_own(name: str) -> None:
    given = random_mixture(np.random.default_rng(92), name, 3, 2)
    precisions = given.family.precisions(given.covariances, 3, 2)[0]
    own = starts(covariance_type=name)[0]
    for parameter, attribute, value in (
        ("weights_init", "weights", given.weights),
        ("means_init", "means", given.means),
        ("precisions_init", "covariances", precisions),
    ):
        start = starts(covariance_type=name, **{parameter: value})[0]
        for each in ("weights", "means", "covariances"):
            expected = given if each == attribute else own
            assert_close(getattr(start, each), getattr(expected, each), 1e-12)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"weights_init": [0.5, 0.5]}, r"weights_init has shape \(2,\); this fit needs \(3,\)"),
        ({"means_init": np.zeros((3, 1))}, r"means_init has shape \(3, 1\); .*\(3, 2\)"),
        ({"means_init": np.full((3, 2), np.nan)}, r"means_init\[0, 0\] is nan"),
        ({"precisions_init": np.eye(2)}, r"precisions_init has shape \(2, 2\); .*\(3, 2, 2\)"),
        ({"precisions_init": np.zeros((3, 2, 2))}, "precisions_init must be positive definite"),
        (
            {"precisions_init": -np.ones(3), "covariance_type": "spherical"},
            "precisions_init must be positive for every component",
        ),
        ({"init_params": Mixture([1.0], [[0.0, 0.0]], [np.eye(2)])}, "a Mixture of 1 components"),
        (
            {"init_params": random_mixture(np.random.default_rng(0), "full", 3, 1)},
            "init_params is a Mixture of 1 columns; X has 2",
        ),
    ],
)
def test_unusable_starts(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        starts(**params)


def test_callables_get_rows_components_and_a_seeded_state() -> None:
    seen = []

    def labels(rows: Any, k: int, state: np.random.RandomState) -> Any:
        seen.append((rows, k, state.randint(1000)))
        return np.arange(100) % k

    starts(init_params=labels, n_init=2)
    again = [drawn for _, _, drawn in seen]
    seen.clear()
    starts(init_params=labels, n_init=2)
    assert [drawn for _, _, drawn in seen] == again
    assert np.shares_memory(seen[0][0], X)
    assert not seen[0][0].flags.writeable
    assert seen[0][1] == 3
    assert again[0] != again[1]


def test_a_warm_start_fits_only_the_same_shape() -> None:
    estimator = GaussianMixture(2)
    em = fitting.problem(estimator, X, None)
    rng = np.random.default_rng(0)
    assert fitting.fits(random_mixture(rng, "full", 2, 2), em, estimator)
    assert not fitting.fits(random_mixture(rng, "full", 3, 2), em, estimator)
    assert not fitting.fits(random_mixture(rng, "full", 2, 3), em, estimator)
    assert not fitting.fits(random_mixture(rng, "tied", 2, 2), em, estimator)


def step(iteration: int = 10) -> Step:
    """Return what a callback sees."""
    mixture = random_mixture(np.random.default_rng(0), "full", 1, 1)
    return Step(0, iteration, -1.0, 0.5, 0.1, mixture)


def test_a_callback_that_says_so_ends_every_start() -> None:
    seen, ended, given = [], threading.Event(), step()

    def callback(step: Step) -> object:
        seen.append(step)
        return np.True_ if len(seen) > 1 else "only true counts"

    report = fitting.observer(GaussianMixture(callback=callback), ended)
    assert not report(given)
    assert not ended.is_set()
    assert report(given)
    assert seen == [given, given]
    assert ended.is_set()
    assert not fitting.observer(GaussianMixture(), threading.Event())(given)


def test_no_start_begins_once_the_callback_has_ended_the_fit() -> None:
    model = GaussianMixture(3, n_init=5, random_state=0, engine="numpy", callback=lambda _: True)
    model.fit(X)
    assert len(model.restarts_) == 1
    assert model.n_iter_ == 1


def test_columns_within_a_collapsed_component_are_named() -> None:
    told = selection(Status.CONVERGED, 5, [True, False])
    told = replace(told, flat_columns=(1,))
    assert "column 1." in next(iter(fitting.complaints(told)))
    assert "column 'b'." in next(iter(fitting.complaints(told, ["a", "b"])))


def test_a_failure_elsewhere_stops() -> None:
    failed = threading.Event()
    report = fitting.observer(GaussianMixture(), failed)
    assert not report(step())
    failed.set()
    assert report(step())


def test_messages(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mixtura"):
        report = fitting.observer(GaussianMixture(verbose=1, verbose_interval=5), threading.Event())
        for iteration in (4, 5, 6, 10):
            report(step(iteration))
        fitting.observer(GaussianMixture(verbose=2), threading.Event())(step())
        fitting.observer(GaussianMixture(), threading.Event())(step())
    messages = [record.getMessage() for record in caplog.records]
    assert messages[:2] == [
        "start 0, iteration 5: log-likelihood -1.000000",
        "start 0, iteration 10: log-likelihood -1.000000",
    ]
    assert "gain 0.5" in messages[2]
    assert len(messages) == 3


def selection(status: Status, n_iter: int, collapsed: list[bool]) -> Selection:
    """Return the outcome of one start."""
    mixture = random_mixture(np.random.default_rng(0), "full", len(collapsed), 1)
    result = FitResult(mixture, status, np.zeros(n_iter + 1), np.zeros(n_iter + 1))
    return Selection(result, np.array(collapsed), np.zeros(1), 1)


@pytest.mark.parametrize(
    ("status", "n_iter", "collapsed", "begins"),
    [
        (Status.CONVERGED, 5, [False, False], []),
        (Status.CALLBACK, 5, [False, False], []),
        (Status.MAX_ITER, 5, [False, False], ["Stopped at max_iter"]),
        (Status.MAX_ITER, 0, [False, False], []),  # max_iter=0 asks for the start
        (Status.PRECISION, 5, [False, False], ["Stopped where rounding"]),
        (Status.COLLAPSED, 0, [False, False], ["Stopped because a component"]),
        (Status.CONVERGED, 5, [True, False, True], ["Collapsed onto a point or a plane"]),
        (
            Status.MAX_ITER,
            5,
            [False, True],
            ["Stopped at max_iter", "Collapsed onto a point or a plane"],
        ),
    ],
)
def test_complaints(status: Status, n_iter: int, collapsed: list[bool], begins: list[str]) -> None:
    messages = list(fitting.complaints(selection(status, n_iter, collapsed)))
    assert len(messages) == len(begins)
    for message, beginning in zip(messages, begins, strict=True):
        assert message.startswith(beginning)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_covariances_from_factors(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(93), name, 3, 2)
    factors = mixture.family.precisions(mixture.covariances, 3, 2)[1]
    actual = fitting.covariances_from(factors, family_named(name))
    assert_close(actual, mixture.covariances, 1e-12)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None])
def test_counts(value: Any) -> None:
    with pytest.raises(InputError, match=r"n_samples=.* must be a whole number of at least 1"):
        fitting.check_positive("n_samples", value)


def test_a_count() -> None:
    fitting.check_positive("n_samples", 1)
    fitting.check_positive("n_samples", np.int64(5))


HOLED = with_holes(np.random.default_rng(91), X, 0.3)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_problem_with_missing_cells(name: str) -> None:
    em = fitting.problem(GaussianMixture(2, covariance_type=name), HOLED, None, True)
    assert em.kernels.allows_missing
    assert em.floor is not None
    variances = np.nanvar(HOLED, axis=0)
    assert_close(np.diag(em.floor.matrix), 1e-8 * (1 + 1e-4) * variances, 1e-9)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_given_starts_stay_with_their_rows(name: str) -> None:
    labels = (np.nan_to_num(X[:, 0]) > 0).astype(int)
    brought = []

    def start(rows: Any, k: int, state: Any) -> Any:
        brought.append(np.array_equal(rows, HOLED, equal_nan=True))
        return labels

    options: Any = {"covariance_type": name, "max_iter": 0}
    by_labels, by_responsibilities, by_function = (
        GaussianMixture(2, init_params=given, **options).fit(HOLED)
        for given in (labels, np.eye(2)[labels], start)
    )
    assert brought == [True]
    assert np.array_equal(by_labels.means_, by_responsibilities.means_)
    assert np.array_equal(by_labels.means_, by_function.means_)
    for j in range(2):
        wanted = np.nanmean(HOLED[labels == j], axis=0)
        np.testing.assert_allclose(by_labels.means_[j], wanted, rtol=1e-10)
    mixture = by_labels.mixture_
    adopted = GaussianMixture(2, init_params=mixture, **options).fit(HOLED)
    assert_same_mixture(adopted.mixture_, mixture, 0.0)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_warm_start_goes_on(name: str) -> None:
    model = GaussianMixture(2, covariance_type=name, warm_start=True, random_state=0, tol=1e-8)
    first = model.fit(HOLED).lower_bound_
    assert model.fit(HOLED).n_iter_ <= 3
    assert model.lower_bound_ >= first


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_ridge_where_cells_are_missing(name: str) -> None:
    start = random_mixture(np.random.default_rng(92), name, 2, 2)
    fits = [
        GaussianMixture(2, covariance_type=name, init_params=start, max_iter=1, reg_covar=ridge)
        for ridge in (1e-12, 0.5)
    ]
    matrices = []
    for model in fits:
        with pytest.warns(ConvergenceWarning):
            model.fit(HOLED)
        matrices.append(model.mixture_.family.full(model.covariances_, 2, 2))
    assert_close(matrices[1] - matrices[0], np.stack([0.5 * np.eye(2)] * 2), 1e-9)


def test_hopeless_patterns_are_told_with_their_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 12))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    monkeypatch.setattr(fitting, "HOPELESS", 0.0)
    words = r"in \d+ different patterns over 12 columns: .*'full' .* 0 s on \d+ threads\. .*'diag'"
    with pytest.warns(EfficiencyWarning, match=words):
        GaussianMixture(1).fit(rows)
    GaussianMixture(1, covariance_type="diag").fit(rows)  # none to tell of


def test_precisions_of_variances_without_a_finite_inverse_are_the_largest_there_are() -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [[1e-310, 1.0]], "diag")
    assert model.precisions_.tolist() == [[np.finfo(np.float64).max, 1.0]]
