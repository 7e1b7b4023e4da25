"""Rows for pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixtura.view import rows


def test_tables_become_rows_of_floats() -> None:
    single = np.zeros((2, 2), dtype=np.float32)
    assert rows.rows_of(single) is single
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.5, 2.5]})
    assert np.isnan(rows.rows_of(frame)).tolist() == [[False, False], [True, False]]
    with pytest.raises(ValueError, match="X holds inf in row 1, column 0"):
        rows.rows_of([[1.0], [np.inf]])


def test_weights_are_one_unless_given() -> None:
    X = np.zeros((3, 2))
    assert rows.weights_of(None, X).tolist() == [1.0, 1.0, 1.0]
    assert rows.weights_of([2, 0, 1], X).tolist() == [2.0, 0.0, 1.0]
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(2,\)"):
        rows.weights_of([1, 2], X)


def test_blocks_hold_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 6)
    assert list(rows.blocks(range(5), 3)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(rows.blocks(range(2), 100)) == [slice(0, 1), slice(1, 2)]
