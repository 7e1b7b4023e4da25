"""The groups on two axes."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import KMeans, Mixture
from mixtura.view.report import scatter
from mixtura.view.report.study import study_of


def test_two_columns_are_drawn_as_they_are(study, rows) -> None:
    data = scatter.scatter(study, None, 1).data
    order = [row - 1 for row in data["rows"]]
    assert sorted(order) == list(range(8))
    assert np.diff(study.certainty[order]).max() <= 0.0  # unsure rows lie on top
    assert data["axes"] == ["x0", "x1"]
    assert data["values"][0] == rows[order, 0].tolist()
    hole = order.index(7)
    assert (data["cells"][1][hole], data["values"][1][hole]) == (None, 0.0)
    assert data["guessed"] == [[], [hole]]
    assert data["centres"] == [[0.0, 0.0], [10.0, 0.0]]
    assert data["covariances"][1] == [[4.0, 0.0], [0.0, 4.0]]
    assert data["radius"] == pytest.approx(np.sqrt(-2.0 * np.log(0.1)))


def test_more_columns_are_drawn_along_directions() -> None:
    rng = np.random.default_rng(0)
    means = np.array([[0.0] * 4, [5.0, 5.0, 0.0, 0.0]])
    mixture = Mixture([0.5, 0.5], means, [1.0, 1.0], "spherical")
    rows = means[np.arange(60) % 2] + rng.normal(size=(60, 4))
    shown = scatter.scatter(study_of(mixture, rows), ["a", "b"] * 30, 0)
    data = shown.data
    assert [data["start"], len(shown.axes)] == [(-2, -1), 6]
    assert shown.axes[4].startswith("direction 1 (100")
    first = np.array(data["values"][4])
    along = (rows - mixture.weights @ means)[data["rows"]] @ [1.0, 1.0, 0.0, 0.0]
    assert abs(np.corrcoef(first, along)[0, 1]) > 0.999
    assert data["labels"] == [["a", "b"][row % 2] for row in data["rows"]]
    centre = np.array(data["centres"])[:, 4]
    assert centre.sum() == pytest.approx(0.0, abs=1e-4)


def test_many_rows_are_sampled_and_the_odd_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "POINTS", 40)
    monkeypatch.setattr(scatter, "FENCE", 5)
    mixture = Mixture([0.5, 0.5], [[0.0, 0.0], [6.0, 0.0]], [1.0, 1.0], "spherical")
    rows = np.random.default_rng(0).normal(size=(300, 2))
    rows[17], rows[200] = (3.0, 0.0), (-30.0, 0.0)
    study = study_of(mixture, rows)
    shown = scatter.drawn_rows(study)
    assert len(shown) == len(set(shown.tolist())) == 40
    assert set(np.argsort(study.certainty)[:5].tolist()) | {200} <= set(shown.tolist())
    assert "40 of 300 rows (the 5 least certain" in scatter.told(study)


def test_columns_on_offer_are_those_that_differ_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "COLUMNS", 2)
    mixture = Mixture([0.5, 0.5], [[0.0] * 4, [1.0, 9.0, 0.0, 5.0]], [1.0, 1.0], "spherical")
    study = study_of(mixture)
    data = scatter.scatter(study, None, 0).data
    assert data["columns"] == ["x1", "x3"]
    assert data["more"] == 2


def test_clusters_have_no_ellipses(rows) -> None:
    holed = rows[:6].copy()
    holed[0, 1] = np.nan
    model = KMeans(2, random_state=0).fit(holed)
    study = study_of(model, holed)
    data = scatter.scatter(study, None, 0).data
    assert data["covariances"] is None
    centre = model.cluster_centers_[study.assigned[0], 1]
    assert data["values"][1][data["rows"].index(0)] == pytest.approx(centre, rel=1e-4)


def test_numbers_that_are_none_have_no_place() -> None:
    assert scatter.plain(np.array([[1.234567, np.nan], [1e300, -np.inf]])) == [
        [1.2346, None],
        [1e300, None],
    ]
