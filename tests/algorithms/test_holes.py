"""What is known of tables with missing cells."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.algorithms.holes import column_means, completed, is_incomplete
from mixtura.algorithms.source import OneBlock
from mixtura.sources import MemorySource, memory

NAN = np.nan
ROWS = np.array([[1.0, NAN, NAN], [3.0, 8.0, NAN], [NAN, 4.0, NAN], [5.0, NAN, NAN]])


def test_means_are_of_observed_cells() -> None:
    assert column_means(OneBlock(ROWS)).tolist() == [3.0, 6.0, 0.0]
    weights = np.array([3.0, 1.0, 0.0, 0.0])
    assert column_means(OneBlock(ROWS, weights)).tolist() == [1.5, 8.0, 0.0]


def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BLOCK_ROWS", 1)
    source = MemorySource(ROWS, None, row_work=1e9, result_size=1)
    assert len(source._blocks) == 4
    assert column_means(source).tolist() == [3.0, 6.0, 0.0]
    assert is_incomplete(source)
    assert not is_incomplete(MemorySource(np.zeros((4, 3)), row_work=1e9, result_size=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_are_completed(dtype: type) -> None:
    points = ROWS[:2].astype(dtype)
    full = completed(points, np.array([7.0, 8.0, 9.0]))
    assert full.tolist() == [[1.0, 8.0, 9.0], [3.0, 8.0, 9.0]]
    assert full.dtype == dtype
    assert np.isnan(points[0, 1])
