"""How sure a model is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import InputError, KMeans, Mixture, MixtureClassifier, NoiseMixture
from mixtura.view import CertaintyDisplay, certainty, rows
from mixtura.view.certainty import BANDS, EDGES, certainty_tables
from pictures import assert_same_picture

MIXTURE = Mixture([0.3, 0.3, 0.4], [[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]], [1.0] * 3, "spherical")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """Return rows of the mixture, with a hole."""
    X = MIXTURE.sample(300, random_state=0)[0]
    X[7, 1] = np.nan
    return X


def test_each_row_of_a_small_table_has_a_bar(points: np.ndarray) -> None:
    tables = certainty_tables(MIXTURE, points)
    expected = MIXTURE.responsibilities(points)
    order = np.lexsort([-expected.max(axis=1), expected.argmax(axis=1)])
    assert tables.groups == ("0", "1", "2")
    assert tables.shares(tables.bars) == pytest.approx(expected[order])
    assert tables.bars["group"].tolist() == expected.argmax(axis=1)[order].tolist()
    assert (tables.bars["weight"] == 1.0).all()


def test_the_spread_counts_every_row_in_its_band(points: np.ndarray) -> None:
    weights = np.arange(300.0) % 3
    tables = certainty_tables(MIXTURE, points, sample_weight=weights)
    shares = MIXTURE.responsibilities(points)
    group, sure = shares.argmax(axis=1), shares.max(axis=1)
    spread = tables.spread["weight"].reshape(3, len(BANDS))
    assert spread[1, 4] == weights[(group == 1) & (sure >= EDGES[3])].sum()
    assert spread[2, 1] == weights[(group == 2) & (sure >= 0.5) & (sure < 0.7)].sum()
    assert spread.sum() == weights.sum()


def test_the_rows_on_the_fence_are_the_least_certain(points: np.ndarray) -> None:
    weights = np.ones(300)
    sure = MIXTURE.responsibilities(points).max(axis=1)
    weights[np.argmin(sure)] = 0.0
    tables = certainty_tables(MIXTURE, points, sample_weight=weights, n_fence=4)
    assert tables.fence["row"].tolist() == np.argsort(sure)[1:5].tolist()
    assert tables.fence["certainty"] == pytest.approx(np.sort(sure)[1:5])


def test_large_tables_are_aggregated_to_the_same(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = certainty_tables(MIXTURE, points)
    monkeypatch.setattr(certainty, "SINGLE", 100)
    monkeypatch.setattr(rows, "BLOCK", 200)
    large = certainty_tables(MIXTURE, points)
    assert large.bars.n_rows < small.bars.n_rows
    for group in range(3):
        own, each = large.bars["group"] == group, small.bars["group"] == group
        assert large.bars["weight"][own].sum() == each.sum()
        total = large.bars["weight"][own] @ large.shares(large.bars)[own]
        assert total == pytest.approx(small.shares(small.bars)[each].sum(axis=0))
        assert (np.diff(large.shares(large.bars)[own, group]) <= 0.0).all()
    assert large.fence["row"].tolist() == small.fence["row"].tolist()
    assert large.spread["weight"].tolist() == small.spread["weight"].tolist()


def test_noise_and_classes_are_groups(points: np.ndarray) -> None:
    X = np.nan_to_num(points)
    noisy = NoiseMixture(2, noise=0.1, random_state=0).fit(X)
    display = CertaintyDisplay.from_estimator(noisy, X)
    assert display.tables.groups == ("0", "1", "noise")
    labels = np.where(X[:, 1] > 1.5, "<up>", "down")
    classes = MixtureClassifier(1, random_state=0).fit(X, labels)
    assert certainty_tables(classes, X).groups == ("<up>", "down")


def test_what_has_no_certainty_is_refused(points: np.ndarray) -> None:
    X = np.nan_to_num(points)
    with pytest.raises(InputError, match="KMeans assigns every row outright"):
        certainty_tables(KMeans(2, random_state=0).fit(X), X)
    with pytest.raises(InputError, match="n_fence"):
        certainty_tables(MIXTURE, X, n_fence=0)


def test_what_is_on_the_axes(points: np.ndarray, tmp_path: Path) -> None:
    display = CertaintyDisplay.from_estimator(MIXTURE, points, n_fence=5)
    bars, spread, fence = display.ax_
    assert len(bars.collections) == 3
    assert bars.get_xlim() == (0.0, 300.0)
    assert bars.get_xlabel() == "300 rows by group, the surest first"
    lengths = np.zeros(3)
    for container in spread.containers:
        lengths += [bar.get_width() for bar in container]
    assert lengths == pytest.approx([100.0] * 3)
    rows_shown = [text.get_text() for text in fence.get_yticklabels()]
    assert rows_shown == [f"row {row}" for row in display.tables.fence["row"]]
    assert_same_picture(display.figure_, "certainty", tmp_path)


def test_labels_of_fifty_components_do_not_overlap() -> None:
    k = 50
    means = np.random.default_rng(1).normal(0.0, 10.0, (k, 2))
    mixture = Mixture(np.full(k, 1.0 / k), means, np.ones(k), "spherical")
    X: Any = mixture.sample(200, random_state=0)[0]
    display = CertaintyDisplay.from_estimator(mixture, X)
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_[1].get_yticklabels()]
    assert all(a.y0 >= b.y1 for a, b in pairwise(boxes))


def test_one_axes_takes_the_sorted_bars_alone(points: np.ndarray) -> None:
    ax = plt.figure().add_subplot()
    assert CertaintyDisplay.from_estimator(MIXTURE, points, ax=ax).ax_.tolist() == [ax]
    assert ax.get_ylabel() == "responsibility"


def test_names_are_written_only_where_they_fit() -> None:
    rows, names = np.linspace(-1.0, 1.0, 40)[:, None], np.repeat(["virginica", "versicolor"], 20)
    tables = certainty_tables(MixtureClassifier(1).fit(rows, names), rows, n_fence=2)
    tables.fence["share_versicolor"] = np.array([0.14, 0.7])
    tables.fence["share_virginica"] = np.array([0.86, 0.3])
    texts = CertaintyDisplay(tables).plot().ax_[2].texts
    assert [text.get_text() for text in texts] == ["versicolor", "virginica", "virginica"]
