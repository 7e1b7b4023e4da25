"""exp and log to two units in the last place, over all that the kernels ask of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mixtura.kernels.cpu.vector_math import exp, log


def worst_ulps(function: Callable[[float], float], oracle: Callable, x: np.ndarray) -> float:
    """Return the largest error in units in the last place of the right answer."""
    expected = oracle(x.astype(np.longdouble))
    actual = np.array([function(float(value)) for value in x])
    return float(np.max(np.abs(actual - expected) / np.spacing(np.abs(expected.astype(float)))))


@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant,
    reason="needs a long double that is longer than a double",
)
class TestAccuracy:
    """Against long doubles."""

    @pytest.mark.parametrize(("low", "high"), [(-708, 0), (-40, 0), (-1, 0), (-1e-3, 0)])
    def test_exp(self, low: float, high: float) -> None:
        x = np.random.default_rng(0).uniform(low, high, 20_000)
        assert worst_ulps(exp, np.exp, x) <= 2

    def test_exp_at_the_seams_of_its_reduction(self) -> None:
        seams = -np.arange(1020) * math.log(2) / 2
        x = np.concatenate([seams, np.nextafter(seams, 0), np.nextafter(seams, -np.inf)])
        assert worst_ulps(exp, np.exp, x[(x >= -708) & (x <= 0)]) <= 2

    @pytest.mark.parametrize(("low", "high"), [(0.0, 1e-3), (-1, 1), (-300, 300)])
    def test_log(self, low: float, high: float) -> None:
        x = 10.0 ** np.random.default_rng(1).uniform(low, high, 20_000)
        assert worst_ulps(log, np.log, x) <= 2

    def test_log_next_to_one(self) -> None:
        steps = np.concatenate([2.0 ** -np.arange(1, 53), -(2.0 ** -np.arange(2, 54))])
        assert worst_ulps(log, np.log, 1.0 + steps) <= 2

    def test_log_at_the_seams_of_its_reduction(self) -> None:
        seams = math.sqrt(0.5) * 2.0 ** np.arange(-60, 60)
        x = np.concatenate([seams, np.nextafter(seams, 0), np.nextafter(seams, np.inf)])
        assert worst_ulps(log, np.log, x) <= 2


def test_exact_values() -> None:
    assert exp(0.0) == 1.0
    assert log(1.0) == 0.0
    assert [round(log(2.0**n) / math.log(2), 12) for n in (-1022, 1, 1023)] == [-1022, 1, 1023]


@pytest.mark.parametrize("x", [-708.0 - 1e-9, -745.0, -1e4, -1e18, -1e300, -math.inf])
def test_exp_is_zero_below_its_range(x: float) -> None:
    assert exp(x) == 0.0


def test_responsibilities_never_increase_with_distance() -> None:
    x = -np.linspace(0.0, 720.0, 20_001)
    values = np.array([exp(float(value)) for value in x])
    assert (np.diff(values) <= 0).all()
    assert (values >= 0).all()
