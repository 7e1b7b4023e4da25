"""Missing cells, filled in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from mixtura import Mixture
from mixtura.view.report import holes
from mixtura.view.report.study import study_of


def test_quantiles_of_mixtures() -> None:
    one = holes.quantile(np.array([1.0]), np.array([3.0]), np.array([2.0]), 0.95)
    assert one == pytest.approx(3.0 + 2.0 * norm.ppf(0.95))
    weights, means, spreads = np.array([0.3, 0.7]), np.array([0.0, 10.0]), np.array([1.0, 2.0])
    found = holes.quantile(weights, means, spreads, 0.4)
    assert weights @ norm.cdf((found - means) / spreads) == pytest.approx(0.4)
    assert holes.quantile(np.array([1.0, 0.0]), means, spreads, 0.5) == pytest.approx(0.0)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e150])
def test_quantiles_on_any_scale(scale: float) -> None:
    weights, means, spreads = np.array([0.5, 0.5]), np.array([1.0, 1.0 + 1e-12]), np.ones(2)
    found = holes.quantile(weights, scale * means, scale * spreads, 0.95)
    assert found / scale == pytest.approx(1.0 + norm.ppf(0.95))


def test_the_interval_of_a_cell_is_that_given_its_row() -> None:
    # One component: given 3 in the first column the second is 2 + 1 / 2 * 2 with variance 2.5.
    mixture = Mixture([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
    study = study_of(mixture, np.array([[3.0, np.nan], [1.0, 2.0]]))
    mean, low, high = holes.interval(study, 0, 1)
    assert mean == pytest.approx(3.0)
    np.testing.assert_allclose([low, high], 3.0 + norm.ppf([0.05, 0.95]) * np.sqrt(2.5))


def test_columns_and_cells_are_told(mixture) -> None:
    rows = np.array([[0.0, 0.0], [np.nan, 0.0], [10.0, np.nan], [np.nan, np.nan]])
    text, columns, cells = holes.section(study_of(mixture, rows), 1).blocks
    assert "Nobody has measured" in text.text
    assert [[cell.text for cell in row[:3]] for row in columns.cells] == [
        ["x0", "2", "5"],
        ["x1", "2", "0"],
    ]
    assert [(row[0].text, row[1].text) for row in cells.cells] == [
        ("2", "x0"),
        ("3", "x1"),
        ("4", "x0"),
        ("4", "x1"),
    ]
    assert cells.cells[3][3].text == "-3.009 to 3.009"  # 0.25 and 0.75 of deviations 1 and 2


def test_of_many_cells_the_least_known_come_first(mixture, monkeypatch) -> None:
    monkeypatch.setattr(holes, "CELLS", 1)
    rows = np.array([[0.0, 0.0], [10.0, np.nan], [0.0, np.nan], [10.0, 2.0]])
    cells = holes.section(study_of(mixture, rows), 0).blocks[2]
    assert [row[0].text for row in cells.cells] == ["1"]  # of the wider group
    assert cells.note.startswith("1 cell, the 1 least known of 2.")


def test_of_many_rows_some_are_looked_at(mixture, monkeypatch) -> None:
    monkeypatch.setattr(holes, "ROWS", 2)
    rows = np.array([[0.0, np.nan]] * 5 + [[1.0, 1.0]])
    text, columns, _ = holes.section(study_of(mixture, rows), 0).blocks
    assert "Of 5 incomplete rows, 2 drawn at random are looked at." in text.text
    assert columns.cells[0][1].text == "2"


def test_without_holes_there_is_nothing_to_fill_in(mixture, rows) -> None:
    assert holes.section(study_of(mixture, rows[:7]), 0) is None
    assert holes.section(study_of(mixture), 0) is None
