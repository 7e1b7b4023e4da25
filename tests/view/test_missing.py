"""Where a table has holes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, InputError, Mixture
from mixtura.view import MissingDisplay, rows
from mixtura.view.missing import missing_tables
from pictures import assert_same_picture


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def holed(n: int, d: int) -> np.ndarray:
    """Return rows some of whose cells are missing together."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    X[rng.random(n) < 0.3, : d // 2] = np.nan
    X[rng.random((n, d)) < 0.5 / d] = np.nan
    return X


@pytest.mark.parametrize("d", [3, 64, 100])
def test_patterns_are_counted(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 50 * d)
    X = holed(400, d)
    columns, patterns = missing_tables(X, n_patterns=5)
    assert columns["rows"].tolist() == np.isnan(X).sum(axis=0).tolist()
    counts = Counter(map(tuple, np.isnan(X).tolist()))
    found = patterns["missing"].reshape(5, d)
    assert [counts[tuple(each)] for each in found.tolist()] == patterns["rows"][::d].tolist()
    assert patterns["rows"][::d].tolist() == [count for _, count in counts.most_common(5)]
    assert patterns["share"][0] == patterns["rows"][0] / 400


def test_weights_count_rows() -> None:
    X = [[1.0, np.nan], [1.0, 2.0], [np.nan, 3.0]]
    columns, patterns = missing_tables(X, sample_weight=[1.0, 3.0, 0.0])
    assert columns["share"].tolist() == [0.0, 0.25]
    assert patterns["rows"][::2].tolist() == [3.0, 1.0]  # not that of the row of weight 0


def test_hostile_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    names = ["$x_1$", "<script>", "n" * 200]
    display = MissingDisplay.from_table(pd.DataFrame(holed(100, 3), columns=names))
    shares, patterns = display.ax_
    labels = [text.get_text() for text in patterns.get_xticklabels()]
    assert labels[:2] == [r"\$x_1\$", "<script>"]
    assert len(labels[2]) <= 24
    heights = [bar.get_height() for bar in shares.patches]
    assert heights == pytest.approx(100.0 * display.columns["share"])
    (image,) = patterns.images
    darker = image.get_array().sum(axis=2) < 2.0
    assert darker.ravel().tolist() == display.patterns["missing"].tolist()
    assert_same_picture(display.figure_, "missing", tmp_path)


def test_a_whole_table_says_so() -> None:
    display = MissingDisplay.from_table([[1.0, 2.0]])
    assert display.ax_[0].get_title() == "No cell is missing"
    assert display.ax_[1].get_yticklabels()[0].get_text() == "1 row (100.0%)"


def test_the_model_names_the_columns() -> None:
    mixture = Mixture([1.0], [[0.0, 0.0]], [1.0], "spherical")
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]})
    ax = plt.figure().add_subplot()
    display = MissingDisplay.from_estimator(mixture, frame, n_patterns=1, ax=ax)
    assert display.columns["column"].tolist() == ["a", "b"]
    assert display.ax_.tolist() == [ax]
    assert missing_tables(frame.to_numpy(), names=["p", "q"])[0]["column"].tolist() == ["p", "q"]


def test_columns_must_be_those_of_the_model() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan, 2.0, 2.5], "b": [1.0, 5.0, 4.0, 0.5]})
    model = GaussianMixture(1).fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        MissingDisplay.from_estimator(model, frame[["b", "a"]])


def test_the_caption_is_within_a_narrow_picture() -> None:
    display = MissingDisplay.from_table([[1.0], [np.nan]])
    display.figure_.canvas.draw()
    caption = display.ax_[1].xaxis.label.get_window_extent()
    assert caption.x1 <= display.figure_.bbox.x1


@pytest.mark.parametrize(
    ("X", "options", "words"),
    [
        ([[1.0, np.inf]], {}, "X holds inf in row 0, column 1"),
        ([[1.0]], {"n_patterns": 0}, "n_patterns"),
        ([[1.0]], {"names": ["a", "b"]}, "names holds 2 names; X has 1 columns"),
    ],
)
def test_what_cannot_be_used_is_named(X: Any, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        missing_tables(X, **options)


def test_a_grid_of_the_style_does_not_cross_the_patterns() -> None:
    with plt.rc_context({"axes.grid": True}):
        ax = MissingDisplay.from_table([[1.0, np.nan], [1.0, 2.0]]).ax_[1]
    assert not any(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())
