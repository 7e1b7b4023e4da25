"""The groups in words and numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture, NoiseMixture
from mixtura.view.report import groups
from mixtura.view.report.study import study_of


def test_a_group_is_told_by_what_is_high_or_low_in_it(mixture) -> None:
    # Of the model alone: means 7.5 and 0 with deviations sqrt(22) and sqrt(3.25).
    study = study_of(mixture)
    scores = groups.standardised(study)
    np.testing.assert_allclose(scores, [[-7.5 / np.sqrt(22), 0], [2.5 / np.sqrt(22), 0]])
    assert groups.sentence(study, scores[0], study.subject.means[0]) == (
        "Low x0 (mean 0; all rows 7.5)."
    )
    words = groups.described(study, scores, 1)
    assert words[0].text == "Group 1 (75\N{NO-BREAK SPACE}%)"
    assert words[1] == "Somewhat high x0 (mean 10; all rows 7.5)."


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.5, "somewhat high"), (-0.99, "somewhat low"), (1.5, "high"), (-2.0, "very low")],
)
def test_degrees(score: float, text: str) -> None:
    assert groups.degree(score) == text


def test_a_group_like_all_rows_is_said_to_be_so(mixture) -> None:
    told = groups.sentence(study_of(mixture), np.array([0.49, -0.49]), np.zeros(2))
    assert told == "Close to the mean of all rows in every column."


def test_columns_beyond_the_fourth_are_counted() -> None:
    study = study_of(Mixture([0.5, 0.5], [np.zeros(6), np.full(6, 9.0)], [1.0, 1.0], "spherical"))
    _, text = groups.described(study, groups.standardised(study), 0)
    assert text.count("low x") == groups.NAMED
    assert text.endswith("; and 2 more columns at least somewhat high or low.")


def test_a_column_that_does_not_vary_is_neither_high_nor_low(mixture) -> None:
    study = study_of(mixture, np.ones((5, 2)))
    assert groups.standardised(study).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_sizes_count_rows_and_tell_close_groups(study) -> None:
    rows = groups.sizes(study).cells
    assert [row[2].text for row in rows] == ["2", "6"]
    assert rows[0][1].bar == pytest.approx(study.sizes[0])
    near = study_of(study.mixture, np.array([[3.0, 0.0], [3.3, 0.0], [10.0, 0.0]]))
    assert groups.close(near, 0).startswith("1 (")
    assert groups.close(study, 0) == "–"


def test_profiles_have_means_deviations_and_shades(study) -> None:
    table = groups.profiles(study, groups.standardised(study))
    assert table.headers == ["column", "group 0", "group 1", "all rows"]
    first = table.cells[0]
    assert [cell.text for cell in first[:3]] == ["x0", "0 ± 1", "10 ± 2"]
    assert first[1].shade == pytest.approx(-study.centre[0] / study.spread[0] / 2.0)
    assert first[3].text == "11.5 ± 12"


def test_many_columns_are_those_that_differ_most(study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "PROFILED", 1)
    table = groups.profiles(study, groups.standardised(study))
    assert [row[0].text for row in table.cells] == ["x0"]
    assert "1 more are left out" in table.note


def test_noise_has_a_size_and_no_profile() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = NoiseMixture(1, noise=0.1, random_state=0).fit(X)
    section = groups.section(study_of(model, X))
    _, described, sizes, profiles = section.blocks
    assert "no component accounts for" in described.items[1][1]
    assert [row[0].text for row in sizes.cells] == ["0", "noise"]
    assert profiles.headers == ["column", "group 0", "all rows"]
