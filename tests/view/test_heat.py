"""Tables drawn as shades."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura.view.heat import heat_map, shades


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_shades_grow_darker_from_white() -> None:
    plain, diverging = shades().sum(axis=1), shades(diverging=True).sum(axis=1)
    assert plain[0] == 3.0
    assert (np.diff(plain) < 0).all()
    assert (np.diff(diverging[:128]) > 0).all()
    assert (np.diff(diverging[128:]) < 0).all()


def test_numbers_stand_in_cells_and_holes_are_grey() -> None:
    ax = plt.figure().add_subplot()
    values = np.array([[0.0, np.nan], [0.5, 1.0]])
    texts = np.array([["a", ""], ["b", "c"]])
    rows, columns = ["x", "y"], ["one", "$two$"]
    image = heat_map(ax, values, rows=rows, columns=columns, limits=(0.0, 1.0), texts=texts)
    assert [text.get_text() for text in ax.texts] == ["a", "", "b", "c"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["one", r"\$two\$"]
    pixels = image.to_rgba(image.get_array())
    assert pixels[0, 0].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert pixels[0, 1, 3] == 0.25


def test_many_cells_have_no_numbers_and_few_labels() -> None:
    ax = plt.figure().add_subplot()
    values, names = np.zeros((2, 100)), list(range(100))
    texts = np.full(values.shape, "0")
    heat_map(ax, values, rows=["a", "b"], columns=names, limits=(0.0, 1.0), texts=texts)
    assert not ax.texts
    assert [text.get_text() for text in ax.get_xticklabels()] == [str(i) for i in range(0, 100, 4)]


def test_a_grid_of_the_style_does_not_cross_the_cells() -> None:
    with plt.rc_context({"axes.grid": True}):
        ax = plt.figure().add_subplot()
        heat_map(ax, np.eye(2), rows="ab", columns="cd", limits=(0.0, 1.0))
    assert not any(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())
