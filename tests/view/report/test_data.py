"""The data and their holes."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.view.report import data
from mixtura.view.report.study import study_of


def test_the_table_is_told_with_its_holes(study) -> None:
    text, columns, patterns = data.section(study, "t.csv").blocks
    assert text.text.replace("\N{NO-BREAK SPACE}", " ") == (
        "t.csv: 8 rows and 2 columns of numbers. 1 cell of 16 (6.2 %) is missing; 7 rows are "
        "complete."
    )
    assert [cell.text for cell in columns.cells[0][:6]] == ["x0", "11.5", "11.6", "0", "10", "40"]
    assert [row[6].bar for row in columns.cells] == [0.0, 0.125]
    assert [(row[0].text, row[1].text) for row in patterns.cells] == [("none", "7"), ("x1", "1")]


def test_a_whole_table_has_no_column_of_holes(mixture, rows) -> None:
    study = study_of(mixture, rows[:7])
    text, columns = data.section(study, None).blocks
    assert text.text == "7 rows and 2 columns of numbers. No cell is missing."
    assert columns.headers[-1] == "most"


def test_weights_are_told(mixture, rows) -> None:
    study = study_of(mixture, rows, np.full(8, 0.5))
    assert "the weights sum to 4." in data.section(study, None).blocks[0].text


def test_a_model_alone_has_no_data(mixture) -> None:
    (text,) = data.section(study_of(mixture), None).blocks
    assert "no table was given" in text.text


def test_a_column_without_cells_has_no_quantiles(mixture) -> None:
    study = study_of(mixture, np.array([[0.0, np.nan], [10.0, np.nan]]))
    row = data.section(study, None).blocks[1].cells[1]
    assert [cell.text for cell in row[3:6]] == ["–"] * 3


def test_what_is_left_out_is_counted(study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "COLUMNS", 1)
    monkeypatch.setattr(data, "PATTERNS", 1)
    _, columns, patterns = data.section(study, None).blocks
    assert (columns.note, patterns.note) == (
        "1 more columns are not shown.",
        "1 rarer pattern is not shown.",
    )


def test_columns_of_few_numbers_are_told(mixture) -> None:
    rows = np.column_stack([np.arange(12.0), np.arange(12) % 2])
    rows[3, 1] = np.nan
    note = data.section(study_of(mixture, rows), None).blocks[1].note
    assert note.startswith("At most 3 different numbers are in x1. ")
    rows[:4, 1] = [5.0, 6.0, 7.0, 8.0]
    assert data.section(study_of(mixture, rows), None).blocks[1].note == ""
    assert data.coarse(study_of(mixture, rows[:9] * 0.0)) == ""
