from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, KMeans, Mixture, complete
from mixtura.model.projection import principal, separating
from mixtura.view import ProjectionDisplay
from pictures import assert_same_picture

RNG = np.random.default_rng(7)
MEANS = np.array([[0.0, 0.0, 0.0, 0.0], [4.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0]])
MIXTURE = Mixture([0.4, 0.3, 0.3], MEANS, np.diag([1.0, 1.0, 1.0, 9.0]), "tied")
X, _ = MIXTURE.sample(90, 0)
X[::9, 0] = np.nan
X[::10, 3] = np.nan
X[5] = np.nan


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def test_rows_are_filled_in_and_projected() -> None:
    display = ProjectionDisplay.from_estimator(MIXTURE, X)
    projection = separating(MIXTURE)
    assert projection is not None
    kept = np.arange(90) != 5
    expected = projection.project(complete(X, MIXTURE))[kept]
    points = display.plane.scatter.points
    np.testing.assert_allclose(np.c_[points["x"], points["y"]], expected, atol=1e-12)
    np.testing.assert_allclose(points["values"], MIXTURE.responsibilities(X)[kept], atol=1e-12)
    np.testing.assert_allclose(display.plane.points, projection.project(MEANS), atol=1e-12)
    lost = np.isnan(X)
    assert display.n_filled == (lost.any(axis=1) & ~lost.all(axis=1)).sum()


def test_axes_say_what_they_show(tmp_path: Path) -> None:
    display = ProjectionDisplay.from_estimator(MIXTURE, X)
    part, names = display.ax_.get_xlabel().splitlines()
    assert part == f"direction 1: {100 * display.parts[0]:.1f} % of the separation"
    assert sorted(name[2:] for name in names.split("  ")) == ["x0", "x1"]
    assert "\N{MINUS SIGN}" in names + display.ax_.get_ylabel()
    assert display.directions["column"].tolist() == ["x0", "x1", "x2", "x3"]
    np.testing.assert_allclose(np.linalg.norm(display.directions["loading"], axis=0), 1.0)
    title = display.ax_.get_title()
    assert title == f"90 rows, 3 components; 1 without any cell; {display.n_filled} filled in"
    display.figure_.set_size_inches(5.0, 3.4)
    assert_same_picture(display.figure_, "projection", tmp_path)


def test_principal_axes() -> None:
    display = ProjectionDisplay.from_estimator(MIXTURE, X, method="pca")
    assert display.shows == "variance"
    np.testing.assert_array_equal(display.directions["direction"], principal(MIXTURE).directions)
    assert "of the variance" in display.ax_.get_xlabel()


def test_one_component_is_drawn_along_principal_axes() -> None:
    display = ProjectionDisplay.from_estimator(GaussianMixture(1).fit(X), X)
    assert display.shows == "variance"


def test_clusters_are_taken_to_have_one_covariance() -> None:
    rows = X[~np.isnan(X).any(axis=1)]
    model = KMeans(3, random_state=0).fit(rows)
    display = ProjectionDisplay.from_estimator(model, rows)
    expected = separating(model.as_mixture(rows, "tied"))
    assert expected is not None
    np.testing.assert_allclose(display.parts, expected.parts)
    assert len(display.ax_.patches) == 0
    np.testing.assert_allclose(
        display.plane.points, expected.project(model.cluster_centers_), atol=1e-9
    )


def test_many_rows_with_holes_are_cells() -> None:
    rows, _ = MIXTURE.sample(21_000, 0)
    rows[:50, 1] = np.nan
    rows[:3] = np.nan
    display = ProjectionDisplay.from_estimator(MIXTURE, rows)
    assert display.plane.scatter.points["weight"].sum() == 20_997
    assert len(display.ax_.images) == 1
    assert display.n_filled == 47


def test_weights_count_rows() -> None:
    weights = np.r_[np.zeros(10), np.ones(80)]
    display = ProjectionDisplay.from_estimator(MIXTURE, X, sample_weight=weights)
    assert display.plane.scatter.n_rows == 80
    assert display.n_filled == (np.isnan(X[10:]).any(axis=1)).sum()


def test_parameters_are_checked() -> None:
    with pytest.raises(InputError, match="method='lda' is not one of separation, pca"):
        ProjectionDisplay.from_estimator(MIXTURE, X, method="lda")
    with pytest.raises(InputError, match="DensityDisplay"):
        ProjectionDisplay.from_estimator(MIXTURE.marginal([0]), X[:, :1])


def test_models_without_a_mixture_are_refused() -> None:
    from sklearn.cluster import KMeans as Theirs

    rows = np.nan_to_num(X)
    with pytest.raises(InputError, match="fit mixtura's KMeans"):
        ProjectionDisplay.from_estimator(Theirs(2, n_init=1, random_state=0).fit(rows), rows)
