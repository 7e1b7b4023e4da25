"""What the groups are like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, InputError, KMeans, Mixture
from mixtura.view import ProfilesDisplay, rows
from mixtura.view.profiles import profiles_table
from pictures import assert_same_picture

NAMES = ["$x_1$", "a name that is much longer than there is room for", "c"]
MIXTURE = Mixture(
    [0.25, 0.75], [[0.0, 1.0, 5.0], [4.0, 1.0, 3.0]], [[1.0, 4.0, 1.0], [1.0, 4.0, 9.0]], "diag"
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return rows of the mixture with holes, under hostile names."""
    X = MIXTURE.sample(200, random_state=0)[0]
    X[::9, 1] = np.nan
    return pd.DataFrame(X, columns=NAMES)


def test_profiles_of_a_mixture_by_hand() -> None:
    table = profiles_table(MIXTURE)
    # first column: mean 3, variance 1 + 0.25 * 9 + 0.75 * 1 = 4
    assert table["standardised_mean"][[0, 3]] == pytest.approx([-1.5, 0.5])
    assert table["standardised_sd"][[0, 3]] == pytest.approx([0.5, 0.5])
    # second: no difference of means, variance 4
    assert table["standardised_mean"][[1, 4]].tolist() == [0.0, 0.0]
    assert table["standardised_sd"][[1, 4]].tolist() == [1.0, 1.0]
    assert table["component"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["column"].tolist() == ["x0", "x1", "x2"] * 2
    assert table["sd"][5] == 3.0


def test_profiles_of_a_fit_are_those_of_its_table(frame: pd.DataFrame) -> None:
    full = frame.fillna(1.0)
    table = profiles_table(GaussianMixture(2, random_state=0).fit(full), full)
    weights = GaussianMixture(2, random_state=0).fit(full).weights_
    means = table["mean"].reshape(2, 3)
    assert weights @ means == pytest.approx(full.mean().to_numpy(), rel=1e-6)
    unit = (table["sd"] / table["standardised_sd"])[:3]
    assert unit == pytest.approx(full.std(ddof=0).to_numpy(), rel=1e-3)
    assert table["column"][:3].tolist() == NAMES


def test_profiles_of_clusters(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 60)
    model = KMeans(2, n_init=1, random_state=0).fit(frame)
    weights = np.arange(200.0) % 2
    table = profiles_table(model, frame, sample_weight=weights)
    own = frame[(model.labels_ == 1) & (weights > 0)]
    expected = np.sqrt(((own - model.cluster_centers_[1]) ** 2).mean())
    assert table["sd"][3:] == pytest.approx(expected.to_numpy())
    with pytest.raises(InputError, match="give the rows X"):
        profiles_table(model)


def test_a_column_that_is_missing_in_all_rows_has_no_spread(frame: pd.DataFrame) -> None:
    model = KMeans(2, n_init=1, random_state=0).fit(frame)
    frame[NAMES[2]] = np.nan
    table = profiles_table(model, frame)
    assert table["sd"].reshape(2, 3)[:, 2].tolist() == [0.0, 0.0]


def test_a_column_without_spread_has_none() -> None:
    mixture = Mixture([1.0], [[1.0, 2.0]], [[1.0, 1e-300]], "diag")
    table = profiles_table(mixture)
    assert np.isfinite(table["standardised_mean"]).all()


def test_lines_and_their_bars(frame: pd.DataFrame, tmp_path: Path) -> None:
    display = ProfilesDisplay.from_estimator(MIXTURE, frame)
    ax = display.ax_
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "component 0",
        "component 1",
    ]
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert (labels[0], labels[2]) == (r"\$x_1\$", "c")
    assert "…" in labels[1]
    points = ax.containers[1].lines[0].get_xydata()
    assert points[:, 1] == pytest.approx(display.frame["standardised_mean"][3:])
    (bars,) = ax.containers[1].lines[2]
    low, high = bars.get_segments()[0][:, 1]
    assert (high - low) / 2.0 == pytest.approx(display.frame["standardised_sd"][3])
    assert_same_picture(display.figure_, "profiles-lines", tmp_path)


@pytest.mark.parametrize(("k", "d"), [(50, 3), (2, 100)])
def test_many_are_a_heat_map(k: int, d: int) -> None:
    means = np.random.default_rng(0).normal(size=(k, d))
    mixture = Mixture(np.full(k, 1.0 / k), means, np.ones(k), "spherical")
    display = ProfilesDisplay.from_estimator(mixture)
    (image,) = display.ax_.images
    shown = display.frame["standardised_mean"].reshape(k, d)
    assert np.asarray(image.get_array()) == pytest.approx(shown)


def test_a_heat_map_looks_as_it_did(tmp_path: Path) -> None:
    display = ProfilesDisplay.from_estimator(MIXTURE, kind="heat")
    assert [text.get_text() for text in display.ax_.texts][:2] == ["-1.5", "0.0"]
    assert_same_picture(display.figure_, "profiles-heat", tmp_path)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="kind='pie' is not one of auto, lines, heat"):
        ProfilesDisplay.from_estimator(MIXTURE, kind="pie")


def test_a_legend_of_many_lines_is_within_the_picture() -> None:
    mixture = Mixture(np.full(50, 0.02), np.arange(100.0).reshape(50, 2), np.ones(50), "spherical")
    display = ProfilesDisplay.from_estimator(mixture, kind="lines")
    display.figure_.canvas.draw()
    page, legend = display.figure_.bbox, display.ax_.get_legend().get_window_extent()
    assert page.y0 <= legend.y0 < legend.y1 <= page.y1
    assert display.ax_.get_xlim() == (-0.5, 1.5)
