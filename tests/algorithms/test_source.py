"""What the algorithms ask of rows."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from mixtura.algorithms.source import OneBlock, Source
from mixtura.sources import MemorySource


@pytest.mark.parametrize("kind", [MemorySource, OneBlock])
def test_all_that_is_asked_is_answered(kind: type) -> None:
    for name, member in vars(Source).items():
        if name.startswith("_"):
            continue
        offered = getattr(kind, name)
        if isinstance(member, property):
            assert isinstance(offered, property)
        else:
            asked = list(inspect.signature(member).parameters)
            assert list(inspect.signature(offered).parameters)[: len(asked)] == asked


@pytest.mark.parametrize("weights", [None, np.array([0.5, 0.0, 2.0])])
def test_one_block_is_all_rows(weights: np.ndarray | None) -> None:
    rows = np.arange(6.0).reshape(3, 2)
    block = OneBlock(rows, weights)
    assert (block.n_rows, block.n_features) == (3, 2)
    assert block.weight == (3.0 if weights is None else 2.5)
    part, *given = block.map_parts(lambda part, x, w: (part, x, w))
    assert part == slice(0, 3)
    for one, two in (given, block.map_reduce(lambda x, w: (x, w)), block.sample_rows(9, rng())):
        assert one is rows
        assert two is weights


def rng() -> np.random.Generator:
    """Return a generator that nothing depends on."""
    return np.random.default_rng(0)
