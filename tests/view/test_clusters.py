from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, InputError, KMeans, Mixture, NoiseMixture
from mixtura.view import ClustersDisplay
from mixtura.view.palette import NONE_COLOUR, mixed
from pictures import assert_same_picture

RNG = np.random.default_rng(5)
X = RNG.normal(size=(120, 3)) + np.repeat([[0.0, 0.0, 0.0], [5.0, 5.0, 0.0]], 60, axis=0)
HOLES = X.copy()
HOLES[:6, 0] = np.nan
HOLES[4:9, 1] = np.nan
MIXTURE = Mixture([0.5, 0.5], [[0.0, 0.0, 0.0], [5.0, 5.0, 0.0]], [1.0, 1.0], "spherical")


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def legend_of(display: ClustersDisplay) -> list[str]:
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_rows_have_mixed_colours() -> None:
    display = ClustersDisplay.from_estimator(MIXTURE, X)
    resp = MIXTURE.responsibilities(X)
    np.testing.assert_allclose(display.plane.scatter.points["values"], resp, atol=1e-12)
    first = display.ax_.collections[0]
    expected = mixed(resp[resp[:, 0] > 0.5])
    np.testing.assert_allclose(first.get_facecolors()[:, :3], expected)


def test_responsibilities_know_all_columns_and_ellipses_two() -> None:
    far = Mixture([0.5, 0.5], [[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]], np.diag([1.0, 4.0, 1.0]), "tied")
    rows = np.zeros((4, 3)) + [[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]] * 2
    plane = ClustersDisplay.from_estimator(far, rows, columns=(1, 0)).plane
    np.testing.assert_allclose(
        plane.scatter.points["values"][:, 1], [0.0, 1.0, 0.0, 1.0], atol=1e-9
    )
    np.testing.assert_allclose(plane.ellipses["width"] / plane.ellipses["height"], 2.0)
    np.testing.assert_allclose(plane.ellipses["angle"] % 180.0, 0.0)


def test_what_is_drawn(tmp_path: Path) -> None:
    display = ClustersDisplay.from_estimator(MIXTURE, HOLES)
    assert legend_of(display) == [
        "0 (50 %)",
        "1 (50 %)",
        "ellipses:\n50 % and 90 % of each",
        "other cell missing",
    ]
    assert display.ax_.get_title() == "120 rows, 2 components; 2 with neither cell"
    assert len(display.ax_.patches) == 4
    below, left = display.ax_.collections[-2:]
    assert (len(below.get_offsets()), len(left.get_offsets())) == (3, 4)
    assert_same_picture(display.figure_, "clusters", tmp_path)


def test_limits_hold_rows_and_ellipses() -> None:
    limits = ClustersDisplay.from_estimator(MIXTURE, X[:2]).plane.limits
    assert limits[0, 0] < -(4.6**0.5)
    assert limits[0, 1] > 5.0 + 4.6**0.5


def test_contours(tmp_path: Path) -> None:
    display = ClustersDisplay.from_estimator(MIXTURE, X, kind="contour", masses=(0.8,))
    assert display.plane.ellipses is None
    assert display.plane.contours[1]["mass"].tolist() == [0.8]
    assert "lines: 80 %" in legend_of(display)
    assert_same_picture(display.figure_, "contours", tmp_path)


def test_noise_is_grey() -> None:
    rows = np.vstack([X[:, :2], RNG.uniform(-20.0, 20.0, size=(30, 2))])
    model = NoiseMixture(2, random_state=0).fit(rows)
    display = ClustersDisplay.from_estimator(model, rows)
    np.testing.assert_array_equal(display.plane.hues[2], NONE_COLOUR)
    assert display.plane.means["share"].sum() == pytest.approx(1.0 - model.noise_weight_)
    assert f"noise ({100 * model.noise_weight_:.0f} %)" in legend_of(display)


def test_clusters_have_borders_in_their_own_plane_only() -> None:
    model = KMeans(3, random_state=0).fit(X[:, :2])
    display = ClustersDisplay.from_estimator(model, X[:, :2])
    assert len(display.plane.borders) >= 2
    assert "border of cells" in legend_of(display)
    np.testing.assert_allclose(display.plane.means["share"], np.bincount(model.labels_) / 120)
    wide = ClustersDisplay.from_estimator(KMeans(3, random_state=0).fit(X), X)
    assert wide.plane.borders is None
    assert legend_of(wide)[0].startswith("0 (")


def test_many_components_are_numbered_and_not_in_the_legend() -> None:
    means = RNG.uniform(0.0, 60.0, size=(50, 2))
    mixture = Mixture(np.full(50, 0.02), means, np.ones(50), "spherical")
    display = ClustersDisplay.from_estimator(mixture, means)
    assert [text.get_text() for text in display.ax_.texts] == [str(j) for j in range(50)]
    assert legend_of(display) == ["ellipses:\n50 % and 90 % of each"]


def test_many_rows_are_one_image(tmp_path: Path) -> None:
    rows, _ = MIXTURE.sample(30_000, 0)
    display = ClustersDisplay.from_estimator(MIXTURE, rows)
    assert display.plane.scatter.points["weight"].sum() == 30_000
    assert len(display.ax_.images) == 1
    assert display.ax_.get_title() == "30,000 rows, 2 components"
    display.figure_.set_size_inches(4.0, 2.6)
    assert_same_picture(display.figure_, "clusters_many", tmp_path)


def test_weights_of_rows_count() -> None:
    weights = np.r_[np.ones(60), np.zeros(60)]
    plane = ClustersDisplay.from_estimator(MIXTURE, X, sample_weight=weights).plane
    assert plane.scatter.n_rows == 60


def test_hostile_names_are_drawn_as_they_are() -> None:
    names = ["$x_1$", "<script>" + "y" * 200, "z"]
    table = pd.DataFrame(X, columns=names)
    model = GaussianMixture(2, random_state=0).fit(table)
    display = ClustersDisplay.from_estimator(model, table, columns=["$x_1$", names[1]])
    display.figure_.canvas.draw()
    assert display.ax_.get_xlabel() == r"\$x_1\$"
    assert len(display.ax_.get_ylabel()) == 40


def test_it_can_be_drawn_again_elsewhere() -> None:
    display = ClustersDisplay.from_estimator(MIXTURE, X)
    ax = plt.subplots()[1]
    assert display.plot(ax, with_legend=False).ax_ is ax
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": (0, 1, 2)}, "must be two"),
        ({"kind": "lines"}, "kind='lines' is not one of ellipses, contour"),
        ({"masses": (2.0,)}, "between 0 and 1"),
        ({"ax": "axes"}, "must be matplotlib axes"),
    ],
)
def test_parameters_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ClustersDisplay.from_estimator(MIXTURE, X, **options)


def test_models_that_have_no_plane_or_density() -> None:
    with pytest.raises(InputError, match="DensityDisplay"):
        ClustersDisplay.from_estimator(GaussianMixture(1).fit(X[:, :1]), X[:, :1])
    with pytest.raises(InputError, match="kind='contour' needs a density"):
        ClustersDisplay.from_estimator(KMeans(2, random_state=0).fit(X), X, kind="contour")
