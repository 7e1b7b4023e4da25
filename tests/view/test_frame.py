from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from mixtura import InputError, MissingDependencyError
from mixtura.view import Frame


def test_columns_are_arrays_of_one_length() -> None:
    frame = Frame({"a": [1, 2], "b": np.zeros((2, 3))})
    assert frame.n_rows == 2
    assert frame["b"].shape == (2, 3)
    assert Frame({}).n_rows == 0


def test_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        Frame({"a": [1, 2], "b": [1]})


def test_to_frame_keeps_columns() -> None:
    found = Frame({"a": [1, 2], "b": ["x", "y"]}).to_frame()
    assert found.columns.tolist() == ["a", "b"]
    assert found["a"].tolist() == [1, 2]


def test_to_frame_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    own = builtins.__import__

    def without_pandas(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return own(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        Frame({"a": [1]}).to_frame()
