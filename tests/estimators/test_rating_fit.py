"""Fits of rating mixtures: starts, and who watches them."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError, RatingMixture, Status
from mixtura.estimators.rating_fit import RatingStep, mean_and_scale
from rating_problems import drawn

TRIPLETS = drawn()[0]


def test_a_callback_sees_every_iteration() -> None:
    steps: list[RatingStep] = []
    model = RatingMixture(2, n_init=3, random_state=0, callback=steps.append).fit(TRIPLETS)
    counts = [sum(step.restart == number for step in steps) for number in range(3)]
    assert [step.iteration for step in steps] == [i + 1 for n in counts for i in range(n)]
    best = max(step.lower_bound for step in steps)
    own = [step for step in steps if step.restart == steps[-1].restart]
    assert model.lower_bounds_[-1] == best
    assert own[1].gain == own[1].lower_bound - own[0].lower_bound >= 0.0
    assert model.converged_


def test_a_callback_stops_every_start() -> None:
    steps: list[RatingStep] = []

    def stop(step: RatingStep) -> bool:
        steps.append(step)
        return step.restart == 1

    model = RatingMixture(2, n_init=5, random_state=0, callback=stop).fit(TRIPLETS)
    assert [step.restart for step in steps[-2:]] == [0, 1]
    first = RatingMixture(2, n_init=1, random_state=0).fit(TRIPLETS)
    assert model.lower_bounds_ == first.lower_bounds_  # the best of what there was
    model.set_params(callback=lambda step: True).fit(TRIPLETS)
    assert (model.n_iter_, model.status_, model.converged_) == (1, Status.CALLBACK, False)


def test_an_interrupted_fit_leaves_the_last_one() -> None:
    model = RatingMixture(2, random_state=0).fit(TRIPLETS)
    before = model.complete()

    def interrupt(step: RatingStep) -> None:
        raise KeyboardInterrupt

    model.set_params(callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit((*TRIPLETS[:2], 100.0 * TRIPLETS[2]))
    np.testing.assert_array_equal(model.complete(), before)


def test_progress_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    model = RatingMixture(2, n_init=1, random_state=0).fit(TRIPLETS)
    assert not caplog.records
    model.set_params(verbose=1).fit(TRIPLETS)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == model.n_iter_
    assert messages[-1] == (
        f"start 0, iteration {model.n_iter_}: lower bound {model.lower_bounds_[-1]:.6f}"
    )


def test_small_problems_have_more_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    found: set[int] = set()
    model = RatingMixture(2, random_state=0, callback=lambda step: found.add(step.restart))
    model.fit(TRIPLETS)
    assert found == set(range(10))
    found.clear()
    monkeypatch.setattr("mixtura.estimators.rating_fit.FEW", 10)
    model.fit(TRIPLETS)
    assert found == {0}


def test_units_of_ratings() -> None:
    assert mean_and_scale(np.array([1.0, 3.0])) == (2.0, 1.0)
    assert mean_and_scale(np.full(5, 0.1)) == (pytest.approx(0.1), 1.0)
    with pytest.raises(InputError, match="so large that their squares overflow"):
        mean_and_scale(np.array([1e200, -1e200]))
