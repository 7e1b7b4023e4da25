"""mixtura.selection.labels."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import InputError
from mixtura.selection.labels import coded


@pytest.mark.parametrize(
    ("labels", "names", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (["b", None, float("nan"), "a"], ("a", "b"), [1, -1, -1, 0]),
        ([3, 1, None, 3], (1, 3), [1, 0, -1, 1]),
        (np.array([2.5, np.nan, -1.0]), (-1.0, 2.5), [1, -1, 0]),
        (np.array([7, 5], dtype=np.uint8), (5, 7), [1, 0]),
        (np.array(["x", "nan"]), ("nan", "x"), [1, 0]),
        ([True, False], (False, True), [1, 0]),
        (["a", 1, "a"], (1, "a"), [1, 0, 1]),
        (pd.Series(["u", pd.NA, "v"], dtype="string"), ("u", "v"), [0, -1, 1]),
        (pd.Series(["v", None, "u"], dtype="category"), ("u", "v"), [1, -1, 0]),
        (pd.array([4, None, 2], dtype="Int64"), (2, 4), [1, -1, 0]),
        ([date(2020, 1, 2), pd.NaT], (date(2020, 1, 2),), [0, -1]),
        ([(1, 2), (0, 5)], ((0, 5), (1, 2)), [1, 0]),
        ([None, None], (), [-1, -1]),
    ],
)
def test_labels_of_any_kind(labels: Any, names: tuple[Any, ...], codes: list[int]) -> None:
    found = coded("labels", labels)
    assert found.names == names
    assert found.codes.tolist() == codes


def test_numpy_dates() -> None:
    days = np.array(["2020-01-02", "NaT", "2019-01-01"], dtype="datetime64[D]")
    assert coded("labels", days).codes.tolist() == [1, -1, 0]


def test_some_rows_have_some_names() -> None:
    found = coded("labels", ["c", "a", "b", "c"]).of(np.array([True, False, True, True]))
    assert found.names == ("b", "c")
    assert found.codes.tolist() == [1, 0, 1]


def test_what_is_not_one_label_a_row() -> None:
    with pytest.raises(InputError, match=r"labels has shape \(2, 2\)"):
        coded("labels", np.zeros((2, 2)))
    with pytest.raises(InputError, match="labels must hold one label for each row"):
        coded("labels", [[1], [2, 3]])
