"""What is filled in for missing cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mixtura import InputError, KMeans, Mixture, MixtureImputer, complete
from mixtura.view import ImputationDisplay, imputation
from mixtura.view.imputation import imputation_tables
from pictures import assert_same_picture

COVARIANCE = [[[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 4.0]]]
MIXTURE = Mixture([1.0], [[0.0, 5.0, -3.0]], COVARIANCE)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def points() -> np.ndarray:
    """Return rows with more holes in column 2 than in column 1, and none in column 0."""
    points = MIXTURE.sample(200, random_state=0)[0]
    points[::8, 1] = np.nan
    points[::5, 2] = np.nan
    return points


def test_columns_with_holes_and_their_counts(points: np.ndarray) -> None:
    tables = imputation_tables(MIXTURE, points)
    assert tables.columns == ("x2", "x1")
    assert tables.counts["missing"].tolist() == [40, 25]
    assert tables.counts["observed"].tolist() == [160, 175]
    assert imputation_tables(MIXTURE, points, n_columns=1).columns == ("x2",)


def test_bins_hold_every_cell(points: np.ndarray) -> None:
    bins = imputation_tables(MIXTURE, points).bins
    own = bins["column"] == "x1"
    filled = complete(points, MIXTURE)[::8, 1]
    edges = np.append(bins["left"][own], bins["right"][own][-1])
    assert bins["imputed"][own] == pytest.approx(np.histogram(filled, edges)[0] / 25)
    assert bins["observed"][own].sum() == pytest.approx(1.0)


def test_intervals_are_those_of_the_conditional_distribution(points: np.ndarray) -> None:
    cells = imputation_tables(MIXTURE, points, n_cells=25).cells
    own = cells["column"] == "x1"
    rows, values = cells["row"][own], cells["value"][own]
    assert sorted(rows.tolist()) == list(range(0, 200, 8))
    assert values == pytest.approx(5.0 + 0.8 * points[rows, 0])
    # nine tenths of a normal distribution of variance 1 - 0.8 ** 2 = 0.36
    half = 1.645 * 0.6
    assert (cells["high"][own] - values).mean() == pytest.approx(half, rel=0.05)
    assert (values - cells["low"][own]).mean() == pytest.approx(half, rel=0.05)
    assert imputation_tables(MIXTURE, points, n_cells=3).cells.n_rows == 6


def test_of_many_rows_some_are_filled_in(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imputation, "MOST_ROWS", 10)
    tables = imputation_tables(MIXTURE, points)
    assert len(np.unique(tables.cells["row"])) <= 10
    assert tables.counts["missing"].tolist() == [40, 25]


def test_a_column_that_is_never_observed() -> None:
    bins = imputation_tables(MIXTURE, [[0.0, 1.0, np.nan], [0.5, 2.0, np.nan]]).bins
    assert bins["observed"].sum() == 0.0
    assert bins["imputed"].sum() == 1.0


def test_what_fills_in_nothing_is_refused(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="X has no missing cell"):
        imputation_tables(MIXTURE, np.nan_to_num(points))
    with pytest.raises(InputError, match="n_cells"):
        imputation_tables(MIXTURE, points, n_cells=0)
    with pytest.raises(InputError, match="KMeans fills in nothing"):
        imputation_tables(KMeans(2, n_init=1, random_state=0).fit(points), points)


def test_what_is_on_the_axes(points: np.ndarray, tmp_path: Path) -> None:
    frame = pd.DataFrame(points, columns=["a", "$b$", "c" * 100])
    imputer = MixtureImputer(1, random_state=0).fit(frame)
    display = ImputationDisplay.from_estimator(imputer, frame)
    assert len(display.ax_) == 2
    first, second = display.ax_
    assert second.get_xlabel() == r"\$b\$"
    assert len(first.get_xlabel()) <= 24
    assert first.get_title() == "40 of 200 missing"
    assert len(first.get_lines()[0].get_xdata()) == 20
    assert sum(bar.get_height() for bar in second.containers[0]) == pytest.approx(100.0)
    assert min(first.get_yticks()) >= 0.0
    assert_same_picture(display.figure_, "imputation", tmp_path)


def test_a_few_imputed_cells_do_not_dwarf_the_observed(points: np.ndarray) -> None:
    points[:, 1:] = np.nan_to_num(points[:, 1:])
    points[0, 0] = np.nan
    (ax,) = ImputationDisplay.from_estimator(MIXTURE, points).ax_
    highest = max(bar.get_height() for bar in ax.containers[0])
    assert ax.get_ylim()[1] == pytest.approx(2.16 * highest)


def test_given_axes_take_the_first_columns(points: np.ndarray) -> None:
    ax = plt.figure().add_subplot()
    display = ImputationDisplay.from_estimator(MIXTURE, points, ax=ax)
    assert display.ax_.tolist() == [ax]
    assert len(ax.get_legend().get_texts()) == 3
