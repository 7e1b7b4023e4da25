"""How sure the assignment is."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import KMeans, Mixture
from mixtura.view.report import certainty
from mixtura.view.report.study import study_of


@pytest.fixture
def unsure(mixture):
    """Return rows of which two lie between the groups."""
    return study_of(mixture, np.array([[0.0, 0.0], [3.2, 0.0], [3.4, 0.0], [10.0, 0.0]]))


def test_the_least_certain_rows_come_first(unsure) -> None:
    assert certainty.least_certain(unsure).tolist() == np.argsort(unsure.certainty)[:2].tolist()


def test_bands_hold_every_row_once(unsure) -> None:
    table = certainty.bands(unsure)
    assert sum(int(row[1].text) for row in table.cells) == 4
    assert next(row[0].text for row in table.cells) == "0.99 to 1"
    assert table.cells[0][1].text == "2"


def test_rows_on_the_fence_are_shown_with_both_groups(unsure) -> None:
    section = certainty.section(unsure, 1)
    text, _, fence = section.blocks
    assert text.text.startswith("2 rows of 4 (50")
    first = int(certainty.least_certain(unsure)[0])
    resp = unsure.subject.responsibilities(unsure.rows[[first]])[0]
    row = fence.cells[0]
    assert row[0].text == f"{first + 1}"
    top = int(resp.argmax())
    assert row[1].text == f"{top} ({resp[top]:.3f})"
    assert row[2].text == f"{1 - top} ({resp[1 - top]:.3f})"
    assert row[3].text == f"{unsure.rows[first, 0]:.4g}"


def test_where_all_is_sure_there_is_no_fence(study) -> None:
    assert len(certainty.section(study, 0).blocks) == 2


def test_clusters_and_models_alone_do_not_say(mixture, rows) -> None:
    assert certainty.section(study_of(mixture), 0) is None
    model = KMeans(2, random_state=0).fit(rows[:6])
    assert certainty.section(study_of(model, rows[:6]), 0) is None


def test_of_one_group_every_row_is_sure() -> None:
    alone = Mixture([1.0], [[0.0]], [1.0], "spherical")
    assert certainty.section(study_of(alone, np.zeros((3, 1))), 0) is None
