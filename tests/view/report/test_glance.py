"""The findings in a few lines."""

from __future__ import annotations

import numpy as np

from mixtura import Mixture
from mixtura.view.report.glance import glance
from mixtura.view.report.study import study_of


def plain(lines: list[str]) -> list[str]:
    """Return lines with plain spaces."""
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def test_everything_that_is_to_be_found(study) -> None:
    assert plain(glance(study)) == [
        "2 groups: group 1 with 75 % of the rows and group 0 with 25 %.",
        "Every row is surely in one group.",
        "1 row is far from all groups.",
        "1 cell (6.2 %) is missing; the fit went by those that are there.",
    ]


def test_unsure_rows_and_no_outliers(mixture) -> None:
    lines = plain(glance(study_of(mixture, np.array([[0.0, 0.0], [3.3, 0.0]]))))
    assert lines[1].startswith("1 row (50 %) is not surely in one group")
    study = study_of(mixture, np.zeros((2, 2)))
    assert plain(glance(study))[2] == "No row is far from all groups."


def test_many_groups_are_counted() -> None:
    k = 9
    mixture = Mixture(np.full(k, 1 / k), np.arange(k)[:, None], np.ones(k), "spherical")
    (line,) = glance(study_of(mixture))
    assert line.startswith("9 groups: ")
    assert line.endswith("and 3 smaller ones.")


def test_one_group_is_not_said_to_be_sure() -> None:
    alone = Mixture([1.0], [[0.0]], [1.0], "spherical")
    assert len(glance(study_of(alone, np.zeros((3, 1))))) == 2
