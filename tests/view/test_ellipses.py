from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Ellipse

from mixtura import InputError, Mixture
from mixtura.view.canvas import axes_of
from mixtura.view.ellipses import (
    FONT_SIZE,
    GRID,
    borders,
    box,
    check_masses,
    contour_tables,
    draw_borders,
    draw_contours,
    draw_ellipses,
    draw_means,
    draw_numbers,
    ellipse_table,
    number_shifts,
    shown,
)
from mixtura.view.palette import colours

MEANS = np.array([[0.0, 1.0], [8.0, -2.0]])
COVARIANCES = np.array([[[4.0, 1.5], [1.5, 1.0]], [[0.5, 0.0], [0.0, 3.0]]])
MIXTURE = Mixture([0.3, 0.7], MEANS, COVARIANCES)


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def test_ellipses_hold_their_mass() -> None:
    table = ellipse_table(MEANS, COVARIANCES, (0.5, 0.9))
    assert table["component"].tolist() == [0, 0, 1, 1]
    rng = np.random.default_rng(0)
    for i in range(4):
        j = table["component"][i]
        rows = rng.multivariate_normal(MEANS[j], COVARIANCES[j], size=20_000)
        shape = Ellipse(
            (table["x"][i], table["y"][i]),
            table["width"][i],
            table["height"][i],
            angle=table["angle"][i],
        )
        inside = shape.contains_points(shape.get_transform().transform(rows))
        inside = shape.get_path().contains_points(
            shape.get_patch_transform().inverted().transform(rows)
        )
        assert inside.mean() == pytest.approx(table["mass"][i], abs=0.012)


def test_box_holds_the_ellipses() -> None:
    corners = [
        Ellipse((x, y), w, h, angle=a).get_extents()
        for x, y, w, h, a in zip(
            *(
                ellipse_table(MEANS, COVARIANCES, (0.9,))[n]
                for n in ("x", "y", "width", "height", "angle")
            ),
            strict=True,
        )
    ]
    low = np.min([(c.x0, c.y0) for c in corners], axis=0)
    high = np.max([(c.x1, c.y1) for c in corners], axis=0)
    np.testing.assert_allclose(box(MIXTURE), np.stack([low, high], axis=1), atol=0.02)


def test_contours_hold_their_mass() -> None:
    grid, levels = contour_tables(MIXTURE, np.array([[-9.0, 13.0], [-11.0, 8.0]]), (0.5, 0.9))
    assert grid.n_rows == GRID**2
    np.testing.assert_allclose(
        grid["density"][:5], np.exp(MIXTURE.log_prob(np.c_[grid["x"], grid["y"]][:5]))
    )
    area = 22.0 * 19.0 / (GRID - 1) ** 2
    for mass, level in zip(levels["mass"], levels["density"], strict=True):
        inside = grid["density"][grid["density"] > level].sum() * area
        assert inside == pytest.approx(mass, abs=0.01)


@pytest.mark.parametrize("masses", [0.9, (), (0.0,), (0.5, 1.0), (float("nan"),)])
def test_masses_are_parts(masses: Any) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        check_masses(masses)


def test_masses_are_shown_in_order() -> None:
    assert shown(check_masses((0.975, 0.5))) == "50 % and 97.5 %"


def test_borders_are_equally_far_from_two_centres() -> None:
    centres = np.random.default_rng(2).uniform(0.0, 10.0, size=(7, 2))
    limits = np.array([[-1.0, 11.0], [-1.0, 11.0]])
    segments = borders(centres, limits)
    for points in (segments[:, 0], segments[:, 1], segments.mean(axis=1)):
        distances = np.sort(np.linalg.norm(points[:, None] - centres, axis=2), axis=1)
        np.testing.assert_allclose(distances[:, 0], distances[:, 1], rtol=1e-9)
    assert segments.min() == pytest.approx(-1.0)
    assert segments.max() == pytest.approx(11.0)


@pytest.mark.parametrize(
    ("centres", "n"),
    [([[1.0, 1.0]], 0), ([[1.0, 1.0], [1.0, 1.0]], 0), ([[1.0, 1.0], [3.0, 1.0]], 1)],
)
def test_borders_of_few_centres(centres: list[list[float]], n: int) -> None:
    found = borders(np.array(centres), np.array([[0.0, 4.0], [0.0, 3.0]]))
    assert len(found) == n
    if n:
        np.testing.assert_allclose(np.sort(found[0], axis=0), [[2.0, 0.0], [2.0, 3.0]], atol=1e-9)


@pytest.mark.parametrize(("k", "upward"), [(12, False), (60, False), (60, True)])
def test_numbers_do_not_cover_each_other(k: int, upward: bool) -> None:
    points = np.zeros((k, 2))
    places = points + number_shifts(points, upward=upward)
    apart = np.abs(places[:, None] - places) >= np.array([1.5, 1.2]) * FONT_SIZE - 1e-9
    assert (apart.any(axis=2) | np.eye(k, dtype=bool)).all()
    assert (places[:, 1].min() >= 0.0) == upward


def test_numbers_of_lone_means_are_just_above() -> None:
    shifts = number_shifts(np.array([[0.0, 0.0], [100.0, 0.0]]))
    np.testing.assert_array_equal(shifts[0], shifts[1])
    assert shifts[0, 0] == 0.0 < shifts[0, 1] < 2 * FONT_SIZE


def test_what_is_drawn() -> None:
    ax = axes_of()
    hues, looks = colours(2), np.array([0, 9])
    draw_ellipses(ax, ellipse_table(MEANS, COVARIANCES), hues, looks)
    assert [patch.get_linestyle() for patch in ax.patches] == ["solid"] * 2 + ["dashed"] * 2
    assert ax.patches[0].get_linewidth() > ax.patches[1].get_linewidth()
    draw_means(ax, MEANS, hues)
    assert [line.get_marker() for line in ax.lines] == ["o", "s"]
    draw_numbers(ax, MEANS, hues)
    assert [text.get_text() for text in ax.texts] == ["0", "1"]
    draw_borders(ax, borders(MEANS, np.array([[-9.0, 13.0], [-11.0, 8.0]])))
    assert len(ax.collections[-1].get_segments()) == 1
    draw_contours(ax, *contour_tables(MIXTURE, np.array([[-9.0, 13.0], [-11.0, 8.0]])))
    widths = ax.collections[-1].get_linewidths()
    assert widths[0] < widths[1]  # the outer contour has the lower density


def test_lines_stand_out_on_a_dark_page() -> None:
    with plt.style.context("dark_background"):
        ax = axes_of()
    draw_ellipses(ax, ellipse_table(MEANS, COVARIANCES), colours(2), np.arange(2))
    np.testing.assert_allclose(ax.patches[0].get_edgecolor()[:3], 0.4 + 0.6 * colours(2)[0])
    draw_contours(ax, *contour_tables(MIXTURE, np.array([[-9.0, 13.0], [-11.0, 8.0]])))
    assert (ax.collections[-1].get_edgecolor() == 1.0).all()
