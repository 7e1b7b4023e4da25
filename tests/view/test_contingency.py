"""Groups against known labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import KMeans, evaluate
from mixtura.view import ContingencyDisplay
from mixtura.view.contingency import contingency_table
from pictures import assert_same_picture

LABELS = ["a"] * 4 + ["b"] * 3 + ["$c$"] * 3 + [None]
ASSIGNED = [2, 2, 2, 0, 0, 0, 3, 1, 1, 3, 0]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_matched_clusters_are_on_the_diagonal() -> None:
    table = contingency_table(evaluate(LABELS, ASSIGNED))
    # classes are sorted: $c$, a, b; cluster 3 is left over
    assert table["label"].reshape(3, 4)[:, 0].tolist() == ["$c$", "a", "b"]
    assert table["cluster"].reshape(3, 4)[0].tolist() == [1, 2, 0, 3]
    rows = [[2, 0, 0, 1], [0, 3, 1, 0], [0, 0, 2, 1]]
    assert table["rows"].reshape(3, 4).tolist() == rows
    assert table["share"].reshape(3, 4)[:, 2] == pytest.approx([0.0, 1 / 3, 2 / 3])
    assert table["matched"].reshape(3, 4).tolist() == np.eye(3, 4, dtype=bool).tolist()


def test_what_is_on_the_axes(tmp_path: Path) -> None:
    display = ContingencyDisplay.from_evaluation(evaluate(LABELS, ASSIGNED))
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[:4] == ["2\n100%", "", "", "1\n50%"]
    assert display.ax_.get_yticklabels()[0].get_text() == r"\$c\$"
    stars = display.ax_.collections[0].get_offsets()
    assert np.round(np.asarray(stars)).tolist() == [[0, 0], [1, 1], [2, 2]]
    index = evaluate(LABELS, ASSIGNED).adjusted_rand_index
    assert display.ax_.get_title().endswith(f"{index:.3f}")
    assert_same_picture(display.figure_, "contingency", tmp_path)


def test_an_estimator_assigns_the_rows() -> None:
    X = np.array([[0.0], [0.1], [9.0], [9.1]])
    model = KMeans(2, n_init=1, random_state=0).fit(X)
    weights = [1.0, 2.0, 3.0, 4.0]
    display = ContingencyDisplay.from_estimator(model, X, [5, 5, 6, 6], sample_weight=weights)
    assert display.frame["rows"].tolist() == [3.0, 0.0, 0.0, 7.0]
    assert display.adjusted_rand_index == 1.0


def test_labels_and_clusters_of_any_type_and_number() -> None:
    labels = [float(i % 40) for i in range(200)]
    display = ContingencyDisplay.from_evaluation(evaluate(labels, np.arange(200) % 50))
    assert not display.ax_.texts
    assert len(display.ax_.get_yticklabels()) == 20
