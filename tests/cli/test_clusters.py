"""K-means models: what they say, and how far rows are from their centres."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import KMeans
from mixtura.cli import clusters, console

X = np.array([[0.0, 0.0], [0.0, 2.0], [9.0, 1.0]])


@pytest.fixture
def model() -> KMeans:
    """Return the model of two clusters, about (0, 1) and (9, 1)."""
    return KMeans(2, init=[[0.0, 1.0], [9.0, 1.0]]).fit(X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_and_their_nearest_centres(
    model: KMeans, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "CHUNK", 2)
    labels, squared = clusters.nearest(model, X.astype(dtype))
    assert labels.tolist() == [0, 0, 1]
    assert squared.dtype == np.float64
    assert squared.tolist() == [1.0, 1.0, 0.0]


def test_what_is_known(model: KMeans) -> None:
    about = clusters.description(model, ["a", "b"])
    assert about["clusters"] == about["n_columns"] == 2
    assert about["columns"] == ["a", "b"]
    assert about["converged"] is True
    assert about["status"].startswith("Converged")
    assert about["inertia"] == 2.0
    assert console.plain(about)["centers"] == [[0.0, 1.0], [9.0, 1.0]]
    assert clusters.model_line(about) == "k-means, 2 clusters"
    stopped = KMeans(2, init=[[0.0, 1.0], [1.0, 1.0]], max_iter=1, tol=0).fit(X)
    assert clusters.description(stopped, None)["converged"] is False


def test_the_inertia() -> None:
    facts = clusters.inertia_facts(12345.678, 4.0)
    assert facts["mean_squared_distance"] == 12345.678 / 4.0
    line = clusters.inertia_lines(facts)["inertia"]
    assert line == "12345.68, a mean squared distance of 3086.4 from the centres"


def test_centres_stand_side_by_side(model: KMeans, capsys: pytest.CaptureFixture[str]) -> None:
    console.show(clusters.centers_table(model, None, {"rows": ["2", "1"]}))
    assert capsys.readouterr().out == (
        "center  cluster 0  cluster 1\n"
        "rows            2          1\n"
        "x0              0          9\n"
        "x1              1          1\n"
    )
    console.show(clusters.centers_table(model, ["a", "b"]))
    assert capsys.readouterr().out.splitlines()[1].split() == ["a", "0", "9"]


def test_coordinates_that_are_rounding_are_shown_as_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = np.array([[1e-20, 1e-20], [3.0, 2e-20]])
    model = KMeans(2, init=rows, n_init=1).fit(rows)
    console.show(clusters.centers_table(model, None))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["x0", "0", "3"], ["x1", "1e-20", "2e-20"]]
