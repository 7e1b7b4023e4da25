"""The report as a whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import (
    GaussianMixture,
    InputError,
    KMeans,
    MixtureClassifier,
    MixtureSearch,
    NoiseMixture,
)
from mixtura.view import write_report


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return 60 rows of three columns in two groups, with three holes."""
    X = np.random.default_rng(0).normal(size=(60, 3)) + 5.0 * (np.arange(60) % 2)[:, None]
    X[[3, 7, 9], [0, 1, 2]] = np.nan
    return pd.DataFrame(X, columns=["length", "depth", "mass"])


def titles(path: Path) -> list[str]:
    """Return the ids of a report's sections."""
    return re.findall(r'<h2 id="(\w+)">', path.read_text(encoding="utf-8"))


def test_every_section_is_there(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    model = GaussianMixture(2, random_state=0, record=True).fit(frame)
    write_report(path, model, frame, labels=np.arange(60) % 2, title="The title")
    assert titles(path) == [
        *("glance", "data", "model", "groups", "map", "iterations", "certainty", "outliers"),
        *("imputed", "labels", "reproduce"),
    ]
    html = path.read_text(encoding="utf-8")
    assert "<title>The title</title>" in html
    assert path.stat().st_size < 6_000_000
    assert not re.search(r'(src|href)="(?!#)', html[html.index("<body>") :])  # no other file


@pytest.mark.parametrize(
    ("model", "absent"),
    [
        (KMeans(2, random_state=0), {"certainty", "imputed"}),
        (MixtureClassifier(random_state=0), set()),
        (NoiseMixture(2, noise=0.05, random_state=0), set()),
        (MixtureSearch([1, 2], covariance_types=["EEE"], random_state=0), set()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_of_other_kinds(
    model: Any, absent: set[str], frame: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "r.html"
    y = np.arange(60) % 2  # of which the classifier alone takes notice
    write_report(path, model.fit(frame, y), frame)
    expected = {"data", "model", "groups", "map", "certainty", "outliers", "imputed", "reproduce"}
    assert set(titles(path)) == {"glance", *expected} - absent


def test_a_model_alone_and_one_column(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    X = np.array([[0.0], [1.0], [8.0], [9.5]])
    model = GaussianMixture(2, random_state=0).fit(X)
    write_report(path, model)
    assert titles(path) == ["glance", "data", "model", "groups", "map", "reproduce"]
    write_report(path, model, X, source="/some/where/table.csv")
    assert "<h1>Groups in table.csv</h1>" in path.read_text(encoding="utf-8")
    assert 'id="density"' in path.read_text(encoding="utf-8")


def test_another_fit_is_replayed_and_told_to_be_another(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "r.html"
    model = GaussianMixture(2, random_state=0).fit(frame)
    other = GaussianMixture(2, random_state=1, record=True).fit(frame)
    write_report(path, model, frame, replay=other)
    assert "It ends at a log-likelihood" in path.read_text(encoding="utf-8")
    poor = GaussianMixture(2, init_params="random", random_state=0, record=True, max_iter=1)
    with pytest.warns(ConvergenceWarning):
        write_report(path, model, frame, replay=poor.fit(frame))
    assert "at groups that are not those of this report" in path.read_text(encoding="utf-8")


def test_another_fit_must_have_been_recorded(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = GaussianMixture(2, random_state=0).fit(frame)
    with pytest.raises(InputError, match="holds no snapshots"):
        write_report(tmp_path / "r.html", model, frame, replay=model)
    with pytest.raises(InputError, match="replay needs the rows"):
        write_report(tmp_path / "r.html", model, replay=model)
    narrow = GaussianMixture(2, random_state=0, record=True).fit(frame[["mass"]].dropna())
    with pytest.raises(InputError, match="3 columns; the fit had 1"):
        write_report(tmp_path / "r.html", model, frame, replay=narrow)


def test_far_and_empty_rows_have_a_report(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = GaussianMixture(2, random_state=0).fit(frame)
    X = frame.to_numpy(copy=True)
    X[0], X[1], X[2, 1] = 1e308, np.nan, -1e300
    write_report(tmp_path / "r.html", model, pd.DataFrame(X, columns=frame.columns))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "2 rows have one below 0.001" in text
    assert "1 row without any cell" in text


def test_where_something_is_wrong_nothing_is_written(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = GaussianMixture(2, random_state=0).fit(frame)
    with pytest.raises(InputError, match="labels holds 3 rows"):
        write_report(tmp_path / "r.html", model, frame, labels=[1, 2, 3])
    with pytest.raises(InputError, match="fit it first"):
        write_report(tmp_path / "r.html", GaussianMixture(2), frame)
    assert list(tmp_path.iterdir()) == []
