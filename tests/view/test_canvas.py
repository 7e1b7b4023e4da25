from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import pytest

from mixtura import InputError, MissingDependencyError
from mixtura._text import counted
from mixtura.view.canvas import (
    axes_of,
    grid_of,
    halo,
    inks,
    label,
    legend,
    pyplot,
    several_axes,
    whole_ticks,
)


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def test_missing_matplotlib_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mixtura\[plot\]'"):
        pyplot()


def test_axes_are_those_given_or_new() -> None:
    ax = plt.subplots()[1]
    assert axes_of(ax) is ax
    assert axes_of(size=(3.0, 2.0)).figure.get_size_inches().tolist() == [3.0, 2.0]
    for wrong in (3, ax.figure, ax.figure.subfigures(1, 2)[0]):
        with pytest.raises(InputError, match=r"ax=.* must be matplotlib axes"):
            axes_of(wrong)


def test_several_axes_are_as_many_as_there_are_panels() -> None:
    axes = plt.subplots(2, 1)[1]
    assert several_axes(axes, 1, 2).tolist() == axes.tolist()
    assert several_axes(axes[0]).tolist() == [axes[0]]
    with pytest.raises(InputError, match="ax holds 2 axes; give 1 or 3"):
        several_axes(axes, 1, 3)
    with pytest.raises(InputError, match=r"ax=.* must be matplotlib axes"):
        several_axes([axes[0], 3])


def test_ink_stands_out_on_axes() -> None:
    assert inks(axes_of()) == ("black", "white")
    with plt.style.context("dark_background"):
        figure = plt.figure()
    ax = figure.subfigures().add_subplot(facecolor="none")
    assert inks(ax) == ("white", "black")
    figure.set_facecolor("none")
    assert inks(ax) == ("black", "white")  # what a transparent picture is put on is unknown


@pytest.mark.parametrize(("low", "high", "ticks"), [(2, 2, [2]), (1, 3, [1, 2, 3])])
def test_ticks_are_whole_numbers(low: int, high: int, ticks: list[int]) -> None:
    ax = axes_of()
    ax.plot([low, high], [0, 1], "o")
    whole_ticks(ax.xaxis)
    start, end = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if start <= tick <= end] == ticks


@pytest.mark.parametrize(
    ("text", "n", "shown"),
    [
        ("a\nb\t c", 24, "a b c"),
        ("$x_1$", 24, r"\$x_1\$"),
        ("abcdefghij", 7, "abc…hij"),
        ("abcdefghij", 6, "abc…ij"),
        ("<script>", 24, "<script>"),
        (12, 24, "12"),
        ("naïve 中文", 24, "naïve □□"),
    ],
)
def test_label(text: object, n: int, shown: str) -> None:
    assert label(text, n) == shown


def test_hostile_labels_are_drawn_as_they_are() -> None:
    ax = axes_of()
    ax.set_xlabel(label(r"$\frac{$ & 🦄中" + "x" * 200))
    ax.figure.canvas.draw()  # mathtext would raise, and a character without a glyph warn


def test_grid_is_always_two_dimensional() -> None:
    figure, axes = grid_of(1, 2, cell=(2.0, 1.0))
    assert axes.shape == (1, 2)
    assert figure.get_size_inches().tolist() == [4.0, 1.0]


def test_legend_is_beside_the_axes_where_there_is_room_for_it() -> None:
    ax = axes_of()
    legend(ax, ax.plot([0, 1], label="line"), "title")
    ax.figure.canvas.draw()
    found = ax.get_legend()
    assert found.get_title().get_text() == "title"
    assert found.get_window_extent().x0 >= ax.get_window_extent().x1


def test_legend_is_within_axes_without_a_layout() -> None:
    ax = plt.subplots()[1]
    legend(ax, ax.plot([0, 1], label="line"))
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x1 <= ax.get_window_extent().x1
    legend(bare := plt.subplots()[1], [])
    assert bare.get_legend() is None


def test_counted() -> None:
    assert [counted(n, "row") for n in (1, 0, 1234)] == ["1 row", "0 rows", "1,234 rows"]


def test_halo_is_a_path_effect() -> None:
    line = axes_of().plot([0, 1], path_effects=halo(3.0))[0]
    line.figure.canvas.draw()
    assert len(line.get_path_effects()) == 1
