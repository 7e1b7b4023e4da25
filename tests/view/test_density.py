from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm

from mixtura import GaussianMixture, InputError, KMeans, Mixture, NoiseMixture
from mixtura.view import DensityDisplay
from mixtura.view.density import FEWEST, MOST, histogram_table, typical_spread
from mixtura.view.subject import subject_of
from pictures import assert_same_picture

RNG = np.random.default_rng(4)
X = np.concatenate([RNG.normal(0.0, 1.0, 150), RNG.normal(6.0, 0.5, 90), [np.nan] * 4])[:, None]
MIXTURE = Mixture([0.6, 0.4], [[0.0, 9.0], [6.0, 9.0]], [[1.0, 1.0], [0.25, 1.0]], "diag")
WIDE = np.column_stack([X[:, 0], np.full(len(X), 9.0)])


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def test_histogram_counts_weights() -> None:
    values, weights = np.array([0.0, 1.0, 1.1, 4.0]), np.array([1.0, 2.0, 3.0, 4.0])
    table = histogram_table(values, weights)
    assert table["weight"].sum() == 10.0
    assert table["weight"][0] == 1.0
    widths = table["right"] - table["left"]
    assert (table["density"] * widths).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(table["density"] * widths, table["weight"] / 10.0)


def test_bins_are_as_wide_as_the_rule_says_within_limits() -> None:
    values = RNG.normal(size=5_000)
    low, high = np.quantile(values, (0.25, 0.75))
    rule = 2.0 * (high - low) / 5_000 ** (1 / 3)
    assert histogram_table(values).n_rows == np.ceil(np.ptp(values) / rule)
    assert histogram_table(np.r_[values, 1e6]).n_rows == MOST
    assert histogram_table(np.full(5, 3.0)).n_rows == FEWEST
    assert histogram_table(np.r_[np.zeros(99), 1.0]).n_rows == MOST


def test_bins_are_no_wider_than_most_of_the_mixture() -> None:
    rows = np.concatenate([RNG.normal(10.0 * j, 1.0, 20) for j in range(9)])[:, None]
    narrow = Mixture(np.full(9, 1 / 9), 10.0 * np.arange(9.0)[:, None], np.ones(9), "spherical")
    bins = DensityDisplay.from_estimator(narrow, rows).bins
    assert (bins["right"] - bins["left"])[0] <= 1.0 < np.ptp(rows) / FEWEST
    mixture = Mixture([0.4, 0.4, 0.2], np.zeros((3, 1)), [25.0, 4.0, 1e-9], "spherical")
    assert typical_spread(subject_of(mixture), 0) == 2.0


def test_the_total_stands_out_on_a_dark_page() -> None:
    with plt.style.context("dark_background"):
        display = DensityDisplay.from_estimator(MIXTURE, WIDE)
    assert display.ax_.lines[0].get_color() == "white"


def test_curves_are_the_weighted_marginal_densities() -> None:
    display = DensityDisplay.from_estimator(MIXTURE, WIDE)
    x, each = display.curves["x"], display.curves["components"]
    np.testing.assert_allclose(each[:, 0], 0.6 * norm.pdf(x, 0.0, 1.0), rtol=1e-10)
    np.testing.assert_allclose(each[:, 1], 0.4 * norm.pdf(x, 6.0, 0.5), rtol=1e-10)
    np.testing.assert_allclose(display.curves["total"], each.sum(axis=1))
    assert np.trapezoid(display.curves["total"], x) == pytest.approx(1.0, abs=5e-3)
    assert (display.n_rows, display.n_missing) == (240, 4)


def test_narrow_components_are_not_missed() -> None:
    narrow = Mixture([0.5, 0.5], [[0.0], [500.3]], [1.0, 1e-4], "spherical")
    curves = DensityDisplay.from_estimator(narrow, [[0.0], [1000.0]]).curves
    assert curves["total"].max() == pytest.approx(0.5 / np.sqrt(2e-4 * np.pi), rel=1e-3)


def test_noise_is_part_of_the_density() -> None:
    rows = np.vstack([RNG.normal(size=(100, 2)), RNG.uniform(-20.0, 20.0, size=(30, 2))])
    model = NoiseMixture(1, random_state=0).fit(rows)
    display = DensityDisplay.from_estimator(model, rows, column=1)
    curves = display.curves
    noise = model.noise_weight_ / np.exp(model._uniform.log_extents[1])
    np.testing.assert_allclose(curves["noise"], noise)
    np.testing.assert_allclose(curves["total"], curves["components"][:, 0] + noise)
    assert display.means["share"][0] == pytest.approx(1.0 - model.noise_weight_)
    assert "noise" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_what_is_drawn(tmp_path: Path) -> None:
    display = DensityDisplay.from_estimator(MIXTURE, WIDE)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["240 rows (4 missing)", "mixture", "0 (60 %)", "1 (40 %)"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x0", "density per unit")
    dashed = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 4  # two components, and the entries of their means
    assert_same_picture(display.figure_, "density", tmp_path)


def test_many_components_are_numbered() -> None:
    means = np.arange(50.0)[:, None]
    mixture = Mixture(np.full(50, 0.02), means, np.full(50, 0.1), "spherical")
    ax = DensityDisplay.from_estimator(mixture, means).ax_
    assert [text.get_text() for text in ax.texts] == [str(j) for j in range(50)]
    assert len(ax.get_legend().get_texts()) == 2


def test_clusters_have_centres_and_no_curves() -> None:
    model = KMeans(2, random_state=0).fit(X)
    display = DensityDisplay.from_estimator(model, X)
    assert display.curves.n_rows == 0
    np.testing.assert_array_equal(display.means["x"], model.cluster_centers_[:, 0])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["240 rows (4 missing)", "centre of 0", "centre of 1"]
    many = KMeans(12, random_state=0, n_init=1).fit(X)
    assert len(DensityDisplay.from_estimator(many, X).ax_.texts) == 12


def test_weights_count_rows() -> None:
    weights = np.r_[np.ones(150), np.zeros(90), np.ones(4)]
    display = DensityDisplay.from_estimator(MIXTURE, WIDE, sample_weight=weights)
    assert (display.n_rows, display.n_missing) == (150, 4)
    assert display.bins["weight"].sum() == 150.0


def test_it_can_be_drawn_again_elsewhere() -> None:
    display = DensityDisplay.from_estimator(MIXTURE, WIDE)
    ax = plt.subplots()[1]
    assert display.plot(ax, with_legend=False) is display
    assert display.ax_ is ax
    assert ax.get_legend() is None


def test_errors_name_the_column() -> None:
    with pytest.raises(InputError, match="'x1' is missing in every row"):
        DensityDisplay.from_estimator(
            MIXTURE, np.c_[WIDE[:, :1], np.full(len(X), np.nan)], column=1
        )
    with pytest.raises(InputError, match="'width', which is no column"):
        DensityDisplay.from_estimator(GaussianMixture(1).fit(X), X, column="width")
