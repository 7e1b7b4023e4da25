"""The log-likelihood, iteration by iteration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, KMeans, Mixture, RatingMixture, run_em
from mixtura.view import ConvergenceDisplay
from mixtura.view.convergence import convergence_table
from pictures import assert_same_picture

X = np.concatenate([np.arange(20.0), 40 + np.arange(20.0)])[:, None] % 47


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def result() -> Any:
    """Return a run of EM."""
    return run_em(X, Mixture([0.5, 0.5], [[5.0], [9.0]], [9.0, 9.0], "spherical"), max_iter=15)


def test_the_trace_of_a_run_begins_at_the_start(result: Any) -> None:
    table = convergence_table(result)
    assert table["iteration"].tolist() == list(range(16))
    assert table["value"].tolist() == result.log_likelihoods.tolist()
    assert table["gap"] == pytest.approx(result.log_likelihoods[-1] - result.log_likelihoods)


def test_the_trace_of_an_estimator_begins_with_the_first_update() -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    table = convergence_table(model)
    assert table["iteration"].tolist() == list(range(1, model.n_iter_ + 1))
    assert table["value"].tolist() == model.lower_bounds_
    assert ConvergenceDisplay.from_estimator(model).ax_[1].get_ylabel().endswith("per row)")


def test_the_trace_of_ratings_begins_at_the_start() -> None:
    ratings = np.arange(60.0).reshape(10, 6) % 7 % 5
    ratings[::2, 0] = np.nan
    model = RatingMixture(2, random_state=0, tol=0.1).fit(ratings)
    display = ConvergenceDisplay.from_estimator(model)
    assert display.frame["iteration"][0] == 0
    assert display.ax_[0].get_ylabel() == "lower bound\n(nats)"


def test_starts_are_lines_of_their_own() -> None:
    steps: list[Any] = []
    model = GaussianMixture(2, n_init=3, init_params="random", random_state=0, n_jobs=1)
    model.set_params(callback=steps.append).fit(X)
    table = convergence_table(steps[::-1])
    last = [step.log_likelihood for step in steps if step.restart == 1][-1]
    own = table["restart"] == 1
    assert table["value"][own][-1] == last
    assert table["gap"][own] == pytest.approx(last - table["value"][own])
    display = ConvergenceDisplay.from_estimator(steps)
    texts = [text.get_text() for text in display.ax_[0].get_legend().get_texts()]
    assert texts == ["start 0", "start 1", "start 2"]


def test_k_means_tells_how_far_centres_moved() -> None:
    steps: list[Any] = []
    KMeans(2, n_init=10, random_state=0, callback=steps.append).fit(X)
    display = ConvergenceDisplay.from_estimator(steps)
    assert display.frame["gap"].tolist() == display.frame["value"].tolist()
    assert display.ax_[0].get_ylabel() == "shift of the centres\n(squared units)"
    assert len(display.ax_[0].get_lines()) == 10
    assert display.ax_[0].get_legend() is None


@pytest.mark.parametrize("fit", [KMeans(2), [], [1.0, 2.0], None])
def test_what_keeps_no_trace_is_refused(fit: Any) -> None:
    with pytest.raises(InputError, match="keeps no trace of its iterations"):
        convergence_table(fit)


def test_what_is_on_the_axes(result: Any, tmp_path: Path) -> None:
    display = ConvergenceDisplay.from_estimator(result)
    values, gaps = (ax.get_lines()[0].get_xydata() for ax in display.ax_)
    assert values[:, 1].tolist() == result.log_likelihoods.tolist()
    assert len(gaps) == 15  # the last has no logarithm
    assert display.ax_[1].get_yscale() == "log"
    assert_same_picture(display.figure_, "convergence", tmp_path)


def test_a_run_without_an_update_has_no_panel_of_gaps() -> None:
    start = Mixture([1.0], [[5.0]], [9.0], "spherical")
    display = ConvergenceDisplay.from_estimator(run_em(X, start, max_iter=0))
    assert display.figure_.axes == display.ax_.tolist()
    assert display.ax_[0].get_xlabel() == "iteration"
    given = plt.figure().subplots(2, 1)
    assert display.plot(given).ax_.tolist() == [given[0]]
    assert not given[1].axison


def test_one_axes_takes_the_values_alone(result: Any) -> None:
    ax = plt.figure().add_subplot()
    display = ConvergenceDisplay.from_estimator(result, ax=ax)
    assert display.ax_.tolist() == [ax]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "log-likelihood\n(nats)")
    assert ax.get_yscale() == "linear"
