"""Machine code for rows with missing cells does to the bit what NumPy does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from clusterings import bits, holed, random_problem, separate_problem
from mixtura.kernels.cpu.incomplete_kmeans import CompiledIncompletePasses
from mixtura.kernels.incomplete_kmeans import IncompletePasses
from mixtura.sources import memory
from problems import LAYOUTS, laid_out
from strategies import seeds


@given(seeds)
@settings(max_examples=60)
def test_both_engines_agree_to_the_bit(seed: int) -> None:
    problem = holed(random_problem(seed, 800, 60), seed)
    kinds = (IncompletePasses, CompiledIncompletePasses)
    outcomes = [
        bits(problem.solve(kind(len(problem.rows), problem.shift), max_iter=6)) for kind in kinds
    ]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_of_equally_near_centres_is_taken(dtype: type) -> None:
    """Among all lanes and groups of them, and by products that are rounded before they are added.

    Fused, one of two orders of the same differences would win over the other.
    """
    for apart in np.random.default_rng(0).normal(size=(20, 2)).astype(dtype):
        centres = np.vstack([apart + 100] * 39 + [apart, apart[::-1]] * 20).astype(dtype)
        rows = np.array([[0.0, 0.0], [np.nan, np.nan], [np.nan, apart[0]]], dtype)
        passes = CompiledIncompletePasses(3, np.zeros(2, dtype))
        passes.aim(centres)
        tally = passes.assign(slice(0, 3), rows, None)
        assert passes.labels.tolist() == [39, 0, 40]
        assert (tally.rows.sum(), tally.moved) == (2, 3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_threads_and_layouts_change_no_bit(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BLOCK_ROWS", 20)
    problem = holed(separate_problem(4, 500, 3, 20), 4)
    outcomes = []
    for rows, threads in ((problem.rows, 1), (laid_out(problem.rows, layout), 2)):
        passes = CompiledIncompletePasses(500, problem.shift)
        given = type(problem)(rows, problem.weights, problem.centres)
        outcomes.append(bits(given.solve(passes, threads=threads)))
    assert outcomes[0] == outcomes[1]
