"""The iteration loop."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Status
from mixtura.algorithms.loop import Ended, Progress, asks_to_stop, iterate, settled
from mixtura.algorithms.stopping import ROUNDING, Stopping, StoppingRule

NEVER = StoppingRule(Stopping.MEAN, 0.0)


def follow(values: list[float], rule: StoppingRule = NEVER, max_iter: int = 100, **options):
    """Run a loop whose state is the position in a list of objectives."""

    def step(position: int) -> tuple[int, float]:
        return position + 1, values[position + 1]

    return iterate(step, 0, values[0], rule, min(max_iter, len(values) - 1), **options)


def test_it_keeps_states_values_and_times_together() -> None:
    run = follow([0.0, 1.0, 3.0])
    assert (run.state, run.values) == (2, (0.0, 1.0, 3.0))
    assert len(run.seconds) == 3
    assert run.seconds[0] == 0.0
    assert list(run.seconds) == sorted(run.seconds)


def test_it_ends_at_max_iter() -> None:
    assert follow([0.0, 1.0, 2.0, 3.0], max_iter=2).status is Status.MAX_ITER
    none = follow([5.0, 6.0], max_iter=0)
    assert (none.state, none.values, none.status) == (0, (5.0,), Status.MAX_ITER)


def test_it_ends_when_the_rule_is_reached() -> None:
    run = follow([0.0, 1.0, 1.05, 2.0], StoppingRule(Stopping.TOTAL, 0.1))
    assert (run.state, run.status) == (2, Status.CONVERGED)


def test_the_rule_may_be_reached_in_the_last_iteration() -> None:
    run = follow([0.0, 1.0, 1.05], StoppingRule(Stopping.TOTAL, 0.1), max_iter=2)
    assert run.status is Status.CONVERGED


@pytest.mark.parametrize(("lost", "status"), [(1e-15, Status.CONVERGED), (0.1, Status.PRECISION)])
def test_a_step_that_loses_is_not_taken(lost: float, status: Status) -> None:
    run = follow([0.0, 1.0, 1.0 - lost, 5.0])
    assert (run.state, run.values, run.status) == (1, (0.0, 1.0), status)


def test_a_step_that_cannot_be_taken_ends_it() -> None:
    def step(state: int) -> tuple[int, float]:
        if state == 2:
            raise Ended(Status.COLLAPSED)
        return state + 1, state + 1.0

    run = iterate(step, 0, 0.0, NEVER, 9)
    assert (run.state, run.values, run.status) == (2, (0.0, 1.0, 2.0), Status.COLLAPSED)


def test_steps_may_lose_where_they_are_not_monotone() -> None:
    run = follow([0.0, 1.0, 0.5, 2.0], monotone=False)
    assert (run.state, run.values) == (3, (0.0, 1.0, 0.5, 2.0))


def test_the_observer_sees_every_accepted_state_and_may_stop() -> None:
    seen = []

    def on_step(state: int, values: list[float]) -> bool:
        seen.append((state, list(values)))
        return state == 2

    run = follow([0.0, 1.0, 2.0, 3.0], on_step=on_step)
    assert seen == [(1, [0.0, 1.0]), (2, [0.0, 1.0, 2.0])]
    assert (run.state, run.status) == (2, Status.CALLBACK)


def test_the_observer_does_not_see_a_rejected_step() -> None:
    seen = []
    follow([0.0, 1.0, 0.5], on_step=lambda state, values: bool(seen.append(state)))
    assert seen == [1]


def test_convergence_comes_before_the_observer() -> None:
    rule = StoppingRule(Stopping.TOTAL, 0.1)
    run = follow([0.0, 0.01], rule, on_step=lambda state, values: True)
    assert run.status is Status.CONVERGED


def test_losses_are_judged_by_the_objective_and_the_weight() -> None:
    small = 2.0**25 * ROUNDING
    assert settled(-1e6, -1e6 * (1 + small), 1.0) is Status.CONVERGED
    assert settled(0.0, -small * 100, 100.0) is Status.CONVERGED
    assert settled(0.0, -small * 300, 100.0) is Status.PRECISION


def test_only_true_itself_asks_to_stop() -> None:
    for answer in (True, np.True_):
        assert asks_to_stop(lambda step, answer=answer: answer, None)
    for answer in (None, False, np.False_, 1, "yes", np.ones(2)):
        assert not asks_to_stop(lambda step, answer=answer: answer, None)
    assert not asks_to_stop(None, None)


@pytest.mark.parametrize("max_iter", [3, 5, 100])
def test_a_run_goes_on_from_any_progress(max_iter: int) -> None:
    values, rule = [0.0, 4.0, 6.0, 7.0, 7.5, 7.6], StoppingRule(Stopping.TOTAL, 0.2)
    kept: list[Progress[int]] = []
    whole = follow(values, rule, max_iter, keep=kept.append)
    assert [each.state for each in kept] == [1, 2, 3, 4][:max_iter]  # there is no going on from 5
    for progress in kept:
        rest = follow(values, rule, max_iter, begun=progress)
        assert (rest.state, rest.values, rest.status) == (whole.state, whole.values, whole.status)
        assert rest.seconds[: len(progress.seconds)] == progress.seconds
        assert list(rest.seconds) == sorted(rest.seconds)


def test_the_progress_is_kept_where_a_callback_ends_a_run() -> None:
    kept: list[Progress[int]] = []
    follow([0.0, 1.0, 3.0], keep=kept.append, on_step=lambda state, values: state == 1)
    assert [(each.state, each.values) for each in kept] == [(1, (0.0, 1.0))]
