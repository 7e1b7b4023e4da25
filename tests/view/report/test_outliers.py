"""Rows far from everything."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import KMeans, NoiseMixture
from mixtura.view.report import outliers
from mixtura.view.report.study import study_of


def test_remote_rows_are_listed_and_others_are_not(study) -> None:
    text, table = outliers.section(study, 1).blocks
    assert "1 row has one below 0.001" in text.text
    assert "at most about 0.008 of 8 would" in text.text
    ((row, group, chance, cell),) = table.cells
    assert (row.text, group.text, chance.text) == ("7", "1", "below 1e-12")
    assert cell.text == "x0 40 (group 1: mean 10)"


def test_where_nothing_is_odd_nothing_is_listed(mixture, rows) -> None:
    assert len(outliers.section(study_of(mixture, rows[:6]), 0).blocks) == 1


def test_the_remotest_come_first(mixture) -> None:
    study = study_of(mixture, np.array([[0.0, 3.0], [0.0, 4.0], [0.0, 0.0], [0.0, 3.5]]))
    assert outliers.remotest(study).tolist() == [1, 3, 0]
    assert outliers.remote(study, 0) == f"{np.exp(-4.5):.2g}"  # two degrees of freedom


def test_rows_that_are_not_measured_are_counted(mixture) -> None:
    study = study_of(mixture, np.array([[np.nan, np.nan], [0.0, 0.0]]))
    told = outliers.section(study, 0).blocks[0].text
    assert "1 row without any cell, or with a rare pattern of missing cells, is left out." in told


def test_furthest_rows_of_clusters(rows) -> None:
    model = KMeans(2, random_state=0).fit(rows[:6])
    study = study_of(model, rows[:6])
    text, table = outliers.section(study, 0).blocks
    assert text.text == "The rows furthest from the centre of their cluster."
    distances = [float(row[2].text) for row in table.cells]
    assert distances == sorted(distances, reverse=True)
    assert len(distances) == 6


def test_a_row_of_noise_is_compared_with_the_nearest_component() -> None:
    X = np.vstack([np.random.default_rng(0).normal(size=(80, 2)), [[25.0, 0.0], [-25.0, 20.0]]])
    model = NoiseMixture(1, noise=0.1, random_state=0).fit(X)
    study = study_of(model, X)
    assert study.assigned[80] == 1
    assert outliers.striking(study, 80).startswith("x0 25 (group 0: mean")


def test_a_model_alone_has_no_outliers(mixture) -> None:
    assert outliers.section(study_of(mixture), 0) is None


@pytest.mark.parametrize("n", [1, 2])
def test_few_rows(mixture, n: int) -> None:
    assert len(outliers.remotest(study_of(mixture, np.full((n, 2), 99.0)))) == n
