"""What the algorithms ask of rows."""

from __future__ import annotations

import inspect

from mixtura.algorithms.source import Source
from mixtura.sources import MemorySource


def test_rows_in_memory_answer_all_that_is_asked() -> None:
    for name, member in vars(Source).items():
        if name.startswith("_"):
            continue
        offered = getattr(MemorySource, name)
        if isinstance(member, property):
            assert isinstance(offered, property)
        else:
            asked = list(inspect.signature(member).parameters)
            assert list(inspect.signature(offered).parameters)[: len(asked)] == asked
