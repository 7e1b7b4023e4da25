"""Rows that are images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura import InputError, KMeans, Mixture, NoiseMixture
from mixtura.view import ImagesDisplay
from mixtura.view.images import images_table, layout, shaded
from pictures import assert_same_picture

MEANS = np.array([[0.0, 0, 0, 9, 9, 9], [9.0, 0, 9, 0, 9, 0], [5.0, 5, 5, 5, 5, 5]])
MIXTURE = Mixture([0.3, 0.3, 0.4], MEANS, [3.0, 3.0, 3.0], "spherical")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """Return 60 images of 2 by 3 pixels, one of which has a hole."""
    points = MIXTURE.sample(60, random_state=0)[0]
    points[3, 2] = np.nan
    return points


def test_examples_are_the_nearest_and_the_least_certain(points: np.ndarray) -> None:
    frame, images = images_table(MIXTURE, points, shape=(2, 3), n_examples=2, n_uncertain=4)
    assert frame["kind"].tolist() == ["mean"] * 3 + ["nearest"] * 6 + ["uncertain"] * 4
    assert images[:3].tolist() == MEANS.reshape(3, 2, 3).tolist()
    shares = MIXTURE.responsibilities(points)
    group, sure = shares.argmax(axis=1), shares.max(axis=1)
    apart = np.nanmean((points - MEANS[group]) ** 2, axis=1)
    for j in range(3):
        own = np.flatnonzero(group == j)
        expected = own[np.argsort(apart[own])[:2]]
        shown = (frame["kind"] == "nearest") & (frame["component"] == j)
        assert frame["row"][shown].tolist() == expected.tolist()
    assert frame["row"][9:].tolist() == np.argsort(sure)[:4].tolist()
    assert frame["certainty"][9:] == pytest.approx(np.sort(sure)[:4])
    assert np.nan_to_num(images[9]).ravel() == pytest.approx(np.nan_to_num(points[frame["row"][9]]))


def test_means_alone_without_rows() -> None:
    frame, images = images_table(MIXTURE, shape=(3, 2))
    assert frame["row"].tolist() == [-1, -1, -1]
    assert images.shape == (3, 3, 2)


def test_k_means_has_no_least_certain_rows(points: np.ndarray) -> None:
    model = KMeans(3, n_init=1, random_state=0).fit(points)
    frame, _ = images_table(model, points, shape=(2, 3), n_examples=1)
    assert frame["kind"].tolist() == ["mean"] * 3 + ["nearest"] * 3


def test_rows_that_are_noise_are_near_to_no_component(points: np.ndarray) -> None:
    rows = np.vstack([np.nan_to_num(points), np.full((3, 6), 60.0)])
    model = NoiseMixture(2, covariance_type="spherical", noise=0.1, random_state=0).fit(rows)
    frame, _ = images_table(model, rows, shape=(2, 3), n_examples=100)
    nearest = frame["row"][frame["kind"] == "nearest"]
    assert not set(nearest.tolist()) & {60, 61, 62}


@pytest.mark.parametrize("shape", [(2, 2), (6,), (-2, -3), (1, 2, 3, 1), (2, 3, 1)])
def test_a_shape_of_other_size_is_refused(shape: Any) -> None:
    with pytest.raises(InputError, match="whose product is the number of columns, 6"):
        images_table(MIXTURE, shape=shape)


def test_numbers_of_examples_may_be_zero_but_not_less(points: np.ndarray) -> None:
    none = ImagesDisplay.from_estimator(MIXTURE, points, shape=(2, 3), n_examples=0, n_uncertain=0)
    assert none.frame.n_rows == 3
    with pytest.raises(InputError, match="must be at least 0"):
        images_table(MIXTURE, points, shape=(2, 3), n_uncertain=-1)


def test_colours_are_as_they_are() -> None:
    frame, images = images_table(MIXTURE, shape=(1, 2, 3))
    assert frame.n_rows == 3
    assert shaded(images) == pytest.approx(images / 255.0)
    assert shaded(images / 9.0) == pytest.approx(images / 9.0)


def test_shades_go_from_black_to_white_and_holes_are_grey() -> None:
    pixels = shaded(np.array([[[2.0, 4.0], [np.nan, 3.0]]]))
    assert pixels[0, 0].tolist() == [[0.0] * 3, [1.0] * 3]
    assert 0.0 < pixels[0, 1, 0, 0] < 1.0
    assert np.isfinite(shaded(np.ones((1, 2, 2)))).all()


def test_no_image_lies_on_another() -> None:
    k = 25
    means = np.random.default_rng(0).normal(0.0, 9.0, (k, 6))
    mixture = Mixture(np.full(k, 1.0 / k), means, np.ones(k), "spherical")
    frame, images = images_table(mixture, mixture.sample(300, random_state=0)[0], shape=(2, 3))
    places, marks, (height, width) = layout(frame, 2, 3)
    canvas = np.zeros((height, width), dtype=int)
    for y, x in places:
        canvas[y : y + 2, x : x + 3] += 1
    assert canvas.max() == 1
    assert canvas.sum() == 6 * len(images)
    assert [text for _, _, text in marks][:k] == [str(j) for j in range(k)]
    assert len(marks) == k + 10


def test_what_is_on_the_axes(points: np.ndarray, tmp_path: Path) -> None:
    display = ImagesDisplay.from_estimator(MIXTURE, points, shape=(2, 3), n_uncertain=3)
    texts = [text.get_text() for text in display.ax_.texts]
    certainty = display.frame["certainty"][-3:]
    assert texts == ["0", "1", "2", *(f"{sure:.2f}" for sure in certainty)]
    assert len(display.ax_.images) == 1
    assert_same_picture(display.figure_, "images", tmp_path)


def test_numbers_stand_out_on_a_dark_page(points: np.ndarray) -> None:
    with plt.style.context("dark_background"):
        display = ImagesDisplay.from_estimator(MIXTURE, points, shape=(2, 3), n_uncertain=3)
    assert display.ax_.texts[0].get_color() == "white"
    assert (display.ax_.images[0].get_array()[0, 0] == 0.0).all()
