"""Stopping rules (docs/guide, equation 10)."""

from __future__ import annotations

import math

import pytest

from mixtura import InputError, Status
from mixtura.algorithms.stopping import ROUNDING, SAFETY, Stopping, StoppingRule, remaining


def geometric(ratio: float, n: int, first: float = 1.0) -> list[float]:
    """Return a trace whose gains shrink by a constant ratio; its limit is 0."""
    return [-first * ratio**i / (1 - ratio) for i in range(n)]


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 0.999])
def test_aitken_is_exact_on_geometric_gains(ratio: float) -> None:
    trace = geometric(ratio, 12)
    assert remaining(trace) == pytest.approx(-trace[-1], rel=1e-6)


@pytest.mark.parametrize(
    "trace",
    [
        [0.0, 1.0],
        [0.0, 1.0, 1.5],  # two gains make one ratio
        [0.0, 1.0, 2.0, 3.0],  # gains that do not shrink
        [0.0, 1.0, 1.1, 2.0],  # or shrink and grow again
        [0.0, 2.0, 2.0, 2.5],  # or stand still in between
    ],
)
def test_no_estimate(trace: list[float]) -> None:
    assert remaining(trace) == math.inf


def test_nothing_remains_where_nothing_is_gained() -> None:
    assert remaining([0.0, 2.0, 3.0, 3.0]) == 0.0


def test_a_loss_counts_by_its_size() -> None:
    assert remaining([0.0, 2.0, 3.0, 2.9]) == pytest.approx(0.1)


def test_one_lucky_step_does_not_count() -> None:
    # Gains 1, 0.9 and 0.09: the ratio 0.1 is not trusted before it repeats.
    assert remaining([0.0, 1.0, 1.9, 1.99]) == pytest.approx(0.09 * 0.9 / 0.1)


@pytest.mark.parametrize(
    ("kind", "tol", "weight", "trace", "reached"),
    [
        ("relative", 0.1, 1.0, [0.0, -10.0], True),
        ("relative", 0.1, 1.0, [-11.0, -10.0], True),  # new - old <= tol |new|
        ("relative", 0.1, 1.0, [-11.1, -10.0], False),
        ("relative", 0.0, 1.0, [-1.0, -1.0], True),
        ("mean", 0.1, 10.0, [-11.0, -10.1], True),
        ("mean", 0.1, 10.0, [-11.0, -10.0], False),  # below tol, not at it
        ("mean", 0.1, 10.0, [-10.0, -10.9], True),  # a ridge may lower the likelihood
        ("mean", 0.0, 10.0, [-1.0, -1.0], False),
        ("total", 0.5, 10.0, [-1.0, -0.6], True),
        ("total", 0.5, 10.0, [-1.0, -0.5], False),
        ("total", 0.0, 1.0, [-1.0, -1.0], False),
    ],
)
def test_rules(kind: str, tol: float, weight: float, trace: list[float], reached: bool) -> None:
    assert StoppingRule(Stopping(kind), tol, weight).reached(trace) == reached


@pytest.mark.parametrize("kind", list(Stopping))
def test_one_value_never_suffices(kind: Stopping) -> None:
    assert not StoppingRule(kind, 1e9).reached([0.0])


@pytest.mark.parametrize("ratio", [0.3, 0.8, 0.99])
def test_the_default_rule_stops_within_its_tolerance(ratio: float) -> None:
    weight, tol = 50.0, 1e-4
    rule = StoppingRule(Stopping.REMAINING, tol, weight)
    trace = geometric(ratio, 5000, first=100.0)
    stop = next(i for i in range(1, 5000) if rule.reached(trace[: i + 1]))
    assert -trace[stop] <= tol * weight
    # It stops no later than two updates after the estimate is good enough twice.
    assert -trace[stop - 2] >= SAFETY * tol * weight


def test_the_default_rule_ends_at_rounding() -> None:
    rule = StoppingRule(Stopping.REMAINING, 1e-4, 1.0)
    assert rule.reached([-1e6, -1e6 + 0.5 * ROUNDING * 1e6])
    assert not rule.reached([-1e6, -1e6 + 1.0])


def test_named() -> None:
    assert StoppingRule.named("mean", 1, 3.0) == StoppingRule(Stopping.MEAN, 1.0, 3.0)


@pytest.mark.parametrize(
    ("kind", "tol", "words"),
    [
        ("never", 0.1, "stopping='never' is not one of relative, mean, total, remaining"),
        ("mean", -1.0, "tol=-1.0 must be a number of at least 0"),
        ("mean", math.nan, "tol=nan must be a number of at least 0"),
        ("mean", "small", "tol='small' must be a number of at least 0"),
    ],
)
def test_complaints(kind: str, tol: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        StoppingRule.named(kind, tol, 1.0)  # type: ignore[arg-type]


def test_statuses_are_whole_sentences() -> None:
    for status in Status:
        assert status.value[0].isupper()
        assert status.value.endswith(".")
