from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import InputError, KMeans, Mixture
from mixtura.view import ComparisonDisplay
from mixtura.view.comparison import differing_part, matched_looks, matching
from pictures import assert_same_picture

RNG = np.random.default_rng(8)
X = RNG.normal(size=(100, 2)) * [1.0, 3.0] + np.repeat([[0.0, 0.0], [5.0, 0.0]], 50, axis=0)
TALL = Mixture([0.5, 0.5], [[0.0, 0.0], [5.0, 0.0]], [[1.0, 9.0]] * 2, "diag")
#: The same groups in the other order, and one more that takes rows of the second.
THREE = Mixture([0.5, 0.4, 0.1], [[5.0, 0.0], [0.0, 0.0], [0.0, 9.0]], [[1.0, 9.0]] * 3, "diag")


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def test_groups_are_matched_by_the_rows_they_share() -> None:
    table = np.array([[1.0, 5.0, 2.0], [7.0, 6.0, 0.0]])
    match = matching(table)
    assert match.tolist() == [1, 0, -1]
    assert differing_part(table, match) == pytest.approx(1.0 - 12.0 / 21.0)
    looks = matched_looks([np.array([0, 1]), match, np.array([-1, 0, -1, 1])])
    assert [look.tolist() for look in looks] == [[0, 1], [1, 0, 2], [2, 0, 3, 1]]


def test_rows_that_differ_are_ringed(tmp_path: Path) -> None:
    display = ComparisonDisplay.from_estimator([TALL, THREE], X, names=["two", "$three$"])
    first, other = (m.responsibilities(X).argmax(axis=1) for m in (TALL, THREE))
    assert display.matches[1].tolist() == [1, 0, -1]
    differs = np.array([1, 0, -1])[other] != first
    assert 0 < differs.sum() < 50
    assert display.differing.tolist() == [0.0, pytest.approx(differs.mean())]
    rings = display.ax_[1].collections[0]
    np.testing.assert_array_equal(rings.get_offsets(), X[differs])
    np.testing.assert_array_equal(display.planes[1].hues[0], display.planes[0].hues[1])
    title = display.ax_[1].get_title()
    assert title.startswith("\\$three\\$: 3 components\n")
    assert title.endswith("% of rows differ (ringed)")
    display.figure_.set_size_inches(5.4, 2.6)
    assert_same_picture(display.figure_, "comparison", tmp_path)


def test_axes_have_the_same_limits() -> None:
    display = ComparisonDisplay.from_estimator([TALL, THREE], X)
    assert display.ax_[0].get_xlim() == display.ax_[1].get_xlim()
    assert display.ax_[0].get_ylim() == display.ax_[1].get_ylim()
    assert display.ax_[0].get_ylim()[1] > 9.0 + 2.1 * 3.0


def test_clusters_against_components() -> None:
    model = KMeans(2, random_state=0).fit(X)
    display = ComparisonDisplay.from_estimator([model, TALL], X)
    assert display.names == ("KMeans", "Mixture")
    assert display.planes[0].borders is not None
    np.testing.assert_allclose(display.tables[1].sum(axis=1), np.bincount(model.labels_))


def test_many_rows_are_dark_where_they_differ() -> None:
    rows, _ = THREE.sample(21_000, 0)
    display = ComparisonDisplay.from_estimator([TALL, THREE], rows)
    assert [len(ax.images) for ax in display.ax_] == [2, 2]
    points = display.planes[1].scatter.points
    part = points["weight"] @ points["differing"] / points["weight"].sum()
    assert part == pytest.approx(display.differing[1])
    assert (display.planes[0].scatter.points["differing"] == 0.0).all()
    assert display.ax_[1].get_title().endswith("(dark)")


def test_weights_count_rows() -> None:
    weights = np.r_[np.ones(50), np.full(50, 2.0)]
    display = ComparisonDisplay.from_estimator([TALL, THREE], X, sample_weight=weights)
    assert display.tables[0].sum() == 150.0


def test_given_axes_are_used() -> None:
    axes = plt.subplots(1, 2)[1]
    display = ComparisonDisplay.from_estimator([TALL, THREE], X, ax=axes)
    assert display.ax_[1] is axes[1]
    with pytest.raises(InputError, match="ax holds 1 axes; give 2"):
        display.plot(axes[:1])


@pytest.mark.parametrize(
    ("estimators", "options", "message"),
    [
        ([TALL], {}, "two fitted models or more"),
        (TALL, {}, "two fitted models or more"),
        ([TALL, TALL.marginal([0])], {}, r"estimators\[1\] is of other columns"),
        ([TALL, THREE], {"names": ["one"]}, "a name for each of 2 fits"),
        ([TALL, THREE], {"names": "ab"}, "a name for each of 2 fits"),
        ([TALL, THREE], {"columns": (0,)}, "must be two"),
    ],
)
def test_parameters_are_checked(estimators: object, options: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ComparisonDisplay.from_estimator(estimators, X, **options)


def test_rows_that_differ_stand_out_on_a_dark_page() -> None:
    with plt.style.context("dark_background"):
        display = ComparisonDisplay.from_estimator([TALL, THREE], X)
    rings = [each for each in display.ax_[1].collections if not len(each.get_facecolor())]
    assert rings[0].get_edgecolor().tolist() == [[1.0, 1.0, 1.0, 1.0]]
