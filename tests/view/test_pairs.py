from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, KMeans, Mixture
from mixtura.view import ClustersDisplay, PairsDisplay
from mixtura.view.pairs import chosen_columns
from mixtura.view.subject import subject_of
from pictures import assert_same_picture

RNG = np.random.default_rng(6)
#: How far two components are apart along each of ten columns.
APART = np.array([0.0, 5.0, 0.1, 4.0, 3.0, 2.0, 0.2, 6.0, 1.0, 1.5])
X = RNG.normal(size=(60, 10)) + np.repeat([np.zeros(10), APART], 30, axis=0)
WIDE = Mixture([0.5, 0.5], [np.zeros(10), APART], [1.0, 1.0], "spherical")
MODEL = WIDE.marginal([1, 3, 4])
ROWS = X[:, [1, 3, 4]].copy()
ROWS[:3, 0] = np.nan


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def told(display: PairsDisplay) -> str:
    return display.ax_[0, -1].get_legend().get_title().get_text()


def test_columns_that_separate_most_are_drawn() -> None:
    display = PairsDisplay.from_estimator(WIDE, X)
    assert display.columns == ("x1", "x3", "x4", "x5", "x6", "x7", "x8", "x9")
    assert display.left_out == ("x0", "x2")
    assert told(display).splitlines() == ["60 rows", "2 columns left out:", "x0", "x2"]


def test_of_clusters_too() -> None:
    model = KMeans(2, random_state=0).fit(X)
    assert {1, 7} <= set(chosen_columns(subject_of(model), X, None, None))
    assert PairsDisplay.from_estimator(model, X, columns=("x7", 1)).columns == ("x7", "x1")


def test_panels_are_those_of_clusters() -> None:
    display = PairsDisplay.from_estimator(MODEL, ROWS)
    alone = ClustersDisplay.from_estimator(MODEL, ROWS, columns=(0, 2)).plane
    panel = display.planes[0, 2]
    np.testing.assert_array_equal(panel.scatter.points["x"], alone.scatter.points["x"])
    np.testing.assert_array_equal(panel.ellipses["width"], alone.ellipses["width"])
    assert len(display.ax_[2, 0].patches) == 4


def test_what_is_drawn(tmp_path: Path) -> None:
    display = PairsDisplay.from_estimator(MODEL, ROWS)
    assert [ax.get_xlabel() for ax in display.ax_[2]] == ["x0", "x1", "x2"]
    assert [ax.get_ylabel() for ax in display.ax_[:, 0]] == ["x0", "x1", "x2"]
    assert not any(ax.axison for ax in display.ax_[np.triu_indices(3, 1)])
    for j in range(3):
        limits = {tuple(np.round(display.ax_[i, j].get_xlim(), 9)) for i in range(j, 3)}
        assert len(limits) == 1
    display.figure_.set_size_inches(4.4, 3.8)
    assert_same_picture(display.figure_, "pairs", tmp_path)


def test_many_rows_are_cells() -> None:
    rows, _ = MODEL.sample(3_000, 0)
    display = PairsDisplay.from_estimator(MODEL, rows)
    assert all(len(display.ax_[i, j].images) == 1 for i, j in ((1, 0), (2, 0), (2, 1)))


def test_many_components_have_no_legend() -> None:
    mixture = Mixture(np.full(25, 0.04), RNG.normal(size=(25, 2)), np.ones(25), "spherical")
    display = PairsDisplay.from_estimator(mixture, RNG.normal(size=(9, 2)))
    assert len(display.ax_[1, 0].texts) == 25
    assert len(display.ax_[0, 0].texts) == 0
    texts = display.ax_[0, 1].get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["ellipses:\n50 % and 90 % of each"]


def test_given_axes_are_used() -> None:
    grid = plt.subplots(2, 2)[1]
    display = PairsDisplay.from_estimator(MODEL, ROWS, columns=(0, 2), ax=grid)
    assert display.ax_[0, 0] is grid[0, 0]
    with pytest.raises(InputError, match=r"2 columns need axes of \(2, 2\)"):
        display.plot(grid[:1])


@pytest.mark.parametrize(
    ("columns", "message"), [((0,), "two or more"), ((0, 0), "twice"), ((0, "y"), "'y'")]
)
def test_columns_are_checked(columns: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PairsDisplay.from_estimator(MODEL, ROWS, columns=columns)


def test_one_column_has_no_pairs() -> None:
    with pytest.raises(InputError, match="DensityDisplay"):
        PairsDisplay.from_estimator(GaussianMixture(1).fit(X[:, :1]), X[:, :1])


def test_a_display_is_told_in_a_line() -> None:
    display = PairsDisplay.from_estimator(MODEL, ROWS)
    for each in (display, display.densities[0]):
        assert len(repr(each)) < 100
