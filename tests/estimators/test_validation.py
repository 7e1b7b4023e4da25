"""From what users give to what the algorithms take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, InputError, Mixture
from mixtura.estimators.validation import (
    bad_cell,
    check_count,
    check_finite,
    check_magnitude,
    check_observed,
    check_squares,
    labels_as_responsibilities,
    start_mixture,
    validated_responsibilities,
    validated_rows,
    validated_table,
    validated_weights,
)
from problems import problem

X = np.arange(12.0).reshape(4, 3)


def rows(table: Any, *, fitting: bool = True) -> np.ndarray:
    """Return the validated rows of a table."""
    return validated_rows(GaussianMixture(), table, fitting=fitting)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_can_be_used_as_they_are_are_not_copied(dtype: Any) -> None:
    table = X.astype(dtype)
    assert np.shares_memory(rows(table), table)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", "float16", ">f8", "object"])
def test_other_numbers_become_doubles(dtype: str) -> None:
    validated = rows(X.astype(dtype))
    assert validated.dtype == np.float64
    assert np.array_equal(validated, X.astype(dtype).astype(float))


def test_two_rows_are_needed_for_a_fit_and_one_for_a_prediction() -> None:
    estimator = GaussianMixture()
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        validated_rows(estimator, X[:1], fitting=True)
    validated_rows(estimator, X, fitting=True)
    assert validated_rows(estimator, X[:1], fitting=False).shape == (1, 3)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (X, None),
        ([[0.0, 1.0], [np.nan, np.inf]], (1, 0, np.nan)),
        ([[0.0, -np.inf]], (0, 1, -np.inf)),
        ([["1", "2"], ["3", "x"]], (1, 1, "x")),
        (np.array([[1, None]], dtype=object), (0, 1, np.nan)),
        (np.array([[1, 10**400]], dtype=object), (0, 1, np.inf)),
        ([[1.0], [1.0, 2.0]], None),
        ([1.0, np.nan], None),
    ],
)
def test_the_first_bad_cell(table: Any, found: Any) -> None:
    actual = bad_cell(table)
    if found is None:
        assert actual is None
    else:
        np.testing.assert_equal(actual, found)


def test_columns_of_a_frame_are_called_by_name() -> None:
    frame = pd.DataFrame({"width": [1.0, 2.0], "height": [1.0, np.nan]})
    with pytest.raises(InputError, match="X holds NaN in row 1, column 'height'"):
        rows(frame)


def test_weights() -> None:
    assert validated_weights(None, X) is None
    given = validated_weights([1, 2, 0, 4], X)
    assert given is not None
    assert given.dtype == np.float64
    assert given.tolist() == [1.0, 2.0, 0.0, 4.0]
    strided = validated_weights(np.arange(8.0)[::2], X)
    assert strided is not None
    assert strided.flags.c_contiguous


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(4), "sample_weight is zero for every row"),
        ([1.0, 1.0, 1.0, -1.0], "Negative values"),
        ([1.0, 1.0, 1.0, np.nan], "NaN"),
        (np.ones(3), r"sample_weight\.shape"),
    ],
)
def test_unusable_weights(weights: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        validated_weights(weights, X)


def test_as_many_rows_as_components() -> None:
    check_count(3, None, 3)
    with pytest.raises(InputError, match="n_components=4 is more than the 3 rows; use fewer"):
        check_count(3, None, 4)
    with pytest.raises(InputError, match="more than the 2 rows of positive sample_weight"):
        check_count(3, np.array([0.0, 1.0, 1.0]), 3)


@pytest.mark.parametrize("name", ["full", "diag"])
def test_squares_that_overflow_are_traced_to_their_column(name: str) -> None:
    table = X * [1.0, 1e3, 1e9]
    total = problem(table, 1, name).total
    assert total is not None
    check_magnitude(total, table)
    total.second[0, 0] = np.inf  # sums may turn infinite everywhere
    with pytest.raises(InputError, match=r"column 2 holds numbers so large .* power of ten"):
        check_magnitude(total, table)


def test_starts() -> None:
    mixture = Mixture([1.0], [[0.0]], [1.0], "spherical")
    assert start_mixture(mixture, 4, 1, "spherical") is mixture
    assert np.array_equal(start_mixture([0, 1, 1, 0], 4, 2, "full"), np.eye(2)[[0, 1, 1, 0]])
    resp = np.full((4, 2), 0.5)
    assert np.array_equal(start_mixture(resp, 4, 2, "full"), resp)


@pytest.mark.parametrize(("k", "name"), [(2, "spherical"), (1, "full")])
def test_a_mixture_of_another_shape_is_no_start(k: int, name: str) -> None:
    mixture = Mixture([1.0], [[0.0]], [1.0], "spherical")
    with pytest.raises(InputError, match=f"1 components .*n_components={k} .*{name!r}"):
        start_mixture(mixture, 4, k, name)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(3, dtype=int), "init_params holds 3 labels for 4 rows"),
        (np.array([0, 1, 2, 0]), "whole numbers from 0 to 1"),
        (np.array([0, -1, 0, 0]), "whole numbers from 0 to 1"),
        (np.array([0.0, 1.0, 0.0, 0.0]), "whole numbers from 0 to 1"),
    ],
)
def test_unusable_labels(labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        labels_as_responsibilities(labels, 4, 2)


def test_labels_may_be_truth_values() -> None:
    assert labels_as_responsibilities(np.array([True, False]), 2, 2).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("resp", "words"),
    [
        (np.full((3, 2), 0.5), r"init_params has shape \(3, 2\); .*\(4, 2\)"),
        (np.full((4, 3), 1 / 3), r"init_params has shape \(4, 3\)"),
        (np.full(4, 1.0), r"init_params has shape \(4,\)"),
        (np.full((4, 2), np.nan), "finite"),
        (np.array([[2.0, -1.0]] * 4), "finite"),
        (np.array([[0.5, 0.5]] * 3 + [[0.5, 0.4]]), "row 3 sums to 0.9"),
    ],
)
def test_unusable_responsibilities(resp: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        validated_responsibilities(resp, 4, 2)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 1e153), (np.float32, 3e18)])
def test_squares_that_overflow_name_the_column(dtype: Any, largest: float) -> None:
    table = np.ones((1000, 3), dtype=dtype)
    table[7, 1] = -largest / 100
    check_squares(table)
    table[7, 1] = -largest * 10
    with pytest.raises(InputError, match=r"^column 1 holds numbers so large"):
        check_squares(table)
    with pytest.raises(InputError, match=r"^init: column 1"):
        check_squares(table, where="init: ")


def test_many_large_numbers_overflow_sooner_than_one() -> None:
    table = np.full((100_000, 1), 1e152)
    check_squares(table[:10])
    with pytest.raises(InputError, match="column 0"):
        check_squares(table)
    # In single precision only the sum over a row is one.
    check_squares(np.full((100_000, 1), 1e18, dtype=np.float32))


def test_weights_count_among_the_squares() -> None:
    table = np.full((4, 1), 1e100)
    check_squares(table, np.full(4, 1e100))
    with pytest.raises(InputError, match="column 0"):
        check_squares(table, np.full(4, 1e110))


@pytest.mark.parametrize(("dtype", "least"), [(np.float64, 1e-152), (np.float32, 1e-17)])
def test_squares_that_vanish(dtype: Any, least: float) -> None:
    table = np.zeros((1000, 3), dtype=dtype)
    check_squares(table, fitting=True)
    table[7, 1] = -least
    check_squares(table, fitting=True)
    table[7, 1] = -least / 100
    check_squares(table)  # beside centres that lie elsewhere
    with pytest.raises(InputError, match=r"^column 1 holds the largest.* multiply the table by"):
        check_squares(table, fitting=True)


def test_a_hint_for_missing_cells_alone() -> None:
    for cell, words in ((np.nan, "out. Like so.$"), (np.inf, "out.$")):
        with pytest.raises(InputError, match=words):
            validated_rows(GaussianMixture(), [[cell], [1.0]], fitting=True, missing=" Like so.")


def test_the_least_number_of_rows() -> None:
    assert len(validated_rows(GaussianMixture(), X[:1], fitting=True, min_rows=1)) == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_missing_cells_are_told(dtype: Any) -> None:
    holed = X.astype(dtype)
    assert validated_table(GaussianMixture(), holed, fitting=True)[1] is False
    holed[1, 2] = np.nan
    validated, incomplete = validated_table(GaussianMixture(), holed, fitting=True)
    assert incomplete is True
    assert np.shares_memory(validated, holed)
    with pytest.raises(InputError, match=r"X holds NaN in row 1, column 2; .* a finite number\."):
        rows(holed)


def test_the_largest_numbers_are_finite() -> None:
    large = np.full((2, 2), 1e308)
    assert check_finite(large, True) is False  # whose sum is not
    large[0, 0] = np.nan
    assert check_finite(large, True) is True
    for bad in (np.inf, -np.inf):
        large[1, 1] = bad
        with pytest.raises(ValueError, match="not finite"):
            check_finite(large, True)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ([[0.0, np.nan], [1.0, 2.0]], None),
        ([[0.0, np.nan], [np.inf, 2.0]], (1, 0, np.inf)),
        (np.array([[1, None]], dtype=object), None),
        (np.array([[1, float("nan")]], dtype=object), None),
        (np.array([[1, "x"]], dtype=object), (0, 1, "x")),
        (np.array([[None, -np.inf]], dtype=object), (0, 1, -np.inf)),
        (np.array([["nan", "x"]]), (0, 1, "x")),
        (pd.DataFrame([[pd.NA, "x"]]), (0, 1, "x")),
        (np.array([[1.0, pd.NaT]], dtype=object), (0, 1, pd.NaT)),
        (np.ma.masked_array([[np.inf, 1.0]], mask=[[True, False]]), None),
    ],
)
def test_the_first_bad_cell_where_cells_may_be_missing(table: Any, found: Any) -> None:
    assert bad_cell(table, allow_nan=True) == found


@pytest.mark.parametrize("cells", [3, 500_000])
def test_columns_without_a_value(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr("mixtura.estimators.validation.CHECKED_CELLS", cells)
    holed = X.copy()
    holed[:3, 1], holed[1:, 2] = np.nan, np.nan
    check_observed(holed)
    weights = np.array([1.0, 1.0, 1.0, 0.0])
    words = r"column 1 of X is missing in every row of positive sample_weight: .*Leave the column"
    with pytest.raises(InputError, match=words):
        check_observed(holed, None, weights)
    with pytest.raises(InputError, match="column 'two' of X"):
        check_observed(holed, ["one", "two", "three"], weights)
    holed[3, 1] = np.nan
    with pytest.raises(InputError, match="column 1 of X is missing in every row: "):
        check_observed(holed)


def test_squares_of_incomplete_tables_overflow_too() -> None:
    holed = X.copy()
    holed[0, 0], holed[1, 2] = np.nan, 1e200
    with pytest.raises(InputError, match="column 2 holds numbers so large"):
        check_squares(holed)
    holed[1, 2] = 1.0
    check_squares(holed, fitting=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, object])
def test_masked_cells_are_missing(dtype: Any) -> None:
    masked = np.ma.masked_array(X.astype(dtype), mask=X == 5.0)
    validated, incomplete = validated_table(GaussianMixture(), masked, fitting=True)
    assert incomplete
    assert validated.dtype == (np.float32 if dtype is np.float32 else np.float64)
    np.testing.assert_array_equal(validated, np.where(X == 5.0, np.nan, X))
    with pytest.raises(InputError, match="X holds NaN in row 1, column 2"):
        rows(masked)
    whole = np.ma.masked_array(X)
    assert np.shares_memory(rows(whole), X)


@pytest.mark.parametrize("cell", [pd.NA, pd.NaT])
def test_objects_of_pandas_in_arrays_are_called_what_they_are(cell: Any) -> None:
    table = np.array([[1.0, 2.0], [3.0, cell]], dtype=object)
    with pytest.raises(InputError, match=f"X holds {cell!r} in row 1, column 1; .* or NaN where"):
        validated_table(GaussianMixture(), table, fitting=True)


def test_dates_are_no_numbers() -> None:
    dates = pd.to_datetime(["2020-01-01", None, "2020-01-03"])
    for other in (dates, [1.0, 2.0, 3.0]):
        frame = pd.DataFrame({"size": other, "when": dates})
        first = "when" if isinstance(other, list) else "size"
        with pytest.raises(InputError, match=f"column '{first}' of X holds dates or durations"):
            validated_table(GaussianMixture(), frame, fitting=True)
    with pytest.raises(InputError, match="column 0 of X holds dates or durations"):
        validated_table(GaussianMixture(), frame[["when"]].to_numpy(), fitting=True)


def test_a_series_is_no_table() -> None:
    with pytest.raises(ValueError, match="Expected a 2-dimensional container"):
        rows(pd.Series([1.0, 2.0]))
