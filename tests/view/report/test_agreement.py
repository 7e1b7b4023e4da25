"""Agreement with labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixtura import InputError
from mixtura.view.report import agreement
from mixtura.view.report.study import study_of

LABELS = ["a", "a", "b", "b", "b", "a", None, "c"]


def test_groups_and_labels_are_counted(study) -> None:
    section = agreement.section(study, "kind", LABELS, 1)
    assert section.title == "Agreement with kind"
    text, table, others = section.blocks
    assert "29\N{NO-BREAK SPACE}% of 7 rows with a label" in text.text  # a and c in group 1
    assert text.text.endswith("1 row without a label are left out.") or "1 row" in text.text
    assert table.headers == ["group", "a", "b", "c", "most frequent"]
    words = [[cell.text.split(" ")[0] for cell in row] for row in table.cells]
    assert words == [["0", "2", "0", "0", "a"], ["1", "1", "3", "1", "b"]]
    assert [[cell.text for cell in row[:4]] for row in others.cells] == [
        ["6", "a", "1", "b"],
        ["8", "c", "1", "b"],
    ]


def test_labels_as_the_groups_leave_no_row_over(study) -> None:
    labels = study.assigned.tolist()
    assert len(agreement.section(study, "kind", labels, 0).blocks) == 2


def test_names_of_labels() -> None:
    assert agreement.named_labels({"kind": [1, 2]}) == ("kind", [1, 2])
    assert agreement.named_labels(pd.Series([1], name="k")) == ("k", [1])
    assert agreement.named_labels(np.array([1])) == ("label", [1])
    with pytest.raises(InputError, match="holds 2 columns"):
        agreement.named_labels({"a": [], "b": []})


def test_many_labels_have_columns_for_the_frequent(study, monkeypatch) -> None:
    monkeypatch.setattr(agreement, "CLASSES", 1)
    table = agreement.section(study, "kind", LABELS, 0).blocks[1]
    assert table.headers == ["group", "a", "most frequent"]
    assert table.note == "2 rarer labels have no column."


def test_labels_need_rows(mixture) -> None:
    with pytest.raises(InputError, match="give X"):
        agreement.section(study_of(mixture), "kind", [], 0)


def test_surely_is_as_sure_as_elsewhere(mixture) -> None:
    rows = np.array([[0.0, 0.0], [2.85, 0.0], [10.0, 0.0]])
    study = study_of(mixture, rows)
    assert 0.9 < study.certainty[1] < 0.95
    blocks = agreement.section(study, "kind", ["a", "b", "b"], 0).blocks
    assert len(blocks) == 2


def test_a_fit_that_has_seen_labels_is_told(study) -> None:
    told = agreement.section(study, "kind", LABELS, 0, seen=True).blocks[0].text
    assert told.startswith("The model was fitted with labels")
    assert "has not seen" not in told


def test_weights_that_nobody_gave_are_not_named(study) -> None:
    with pytest.raises(InputError, match="no label in any row: "):
        agreement.section(study, "kind", [None] * 8, 0)
