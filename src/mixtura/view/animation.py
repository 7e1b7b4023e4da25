"""A replay as an animation: .gif by Pillow, .mp4 by ffmpeg."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2

from mixtura._errors import InputError, MissingDependencyError
from mixtura.io.atomic import atomic_writer
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import label, pyplot
from mixtura.view.frame import Frame
from mixtura.view.palette import HUES, NONE_COLOUR, colours, dash
from mixtura.view.recording import MASS, strewn

if TYPE_CHECKING:
    from mixtura.view.replay import Replay

#: Writers of matplotlib by the end of a file's name, and what they need.
WRITERS = {
    ".gif": ("pillow", "Pillow: python -m pip install pillow"),
    ".mp4": ("ffmpeg", "ffmpeg: install it, on Debian by apt-get install ffmpeg, or write a .gif"),
}
#: Points around an ellipse and along a density, dots per inch, seconds that the last frame stays.
ARC, GRID, DPI, PAUSE = 65, 240, 80, 2.0


def save(replay: Replay, path: str | os.PathLike[str], fps: float) -> None:
    """Write the frames of a replay, ``fps`` in a second, and hold the last a while."""
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise InputError(f"{os.fspath(path)}: the name must end in {' or '.join(WRITERS)}.")
    if not fps > 0:
        raise InputError(f"fps={fps!r} must be above 0.")
    plt = pyplot()
    from matplotlib.animation import FuncAnimation, writers

    name, needed = WRITERS[suffix]
    if not writers.is_available(name):
        raise MissingDependencyError(f"Writing {suffix} needs {needed}")
    rate: Any = fps  # which need not be whole, whatever matplotlib's types say
    stage = Theatre(replay)
    last = len(replay.iterations) - 1
    numbers = [*range(last + 1), *[last] * round(PAUSE * fps)]
    film = FuncAnimation(stage.figure, stage.show, frames=numbers, init_func=list, blit=False)
    try:
        with TemporaryDirectory() as folder, atomic_writer(path) as file:
            written = Path(folder) / f"replay{suffix}"
            film.save(written, writer=writers[name](fps=rate), dpi=DPI)
            file.write(written.read_bytes())
    finally:
        plt.close(stage.figure)


class Theatre:
    """A figure that shows any frame of a replay."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.figure, (self.scene, self.curve) = pyplot().subplots(
            1, 2, figsize=(9.0, 4.4), layout="constrained", width_ratios=(3, 2)
        )
        self.own = colours(replay.n_components)
        self._draw_scene()
        self._draw_curve()
        if replay.note:
            self.figure.supxlabel(replay.note, fontsize=8, color="0.35")
        self.show(0)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # what has been laid out once stays

    def _draw_scene(self) -> None:
        """Draw the rows and make a line and a number for each component."""
        replay, ax, limits = self.replay, self.scene, self.replay.limits
        flat = "y" not in replay.rows
        y = strewn(replay.rows.n_rows, limits) if flat else replay.rows["y"]
        self.points = ax.scatter(replay.rows["x"], y, s=10, linewidths=0, alpha=0.8)
        if replay.histogram is not None:
            left, right, density = (replay.histogram[n] for n in ("left", "right", "density"))
            ax.bar(left, density, right - left, align="edge", color=NONE_COLOUR, alpha=0.35)
        self.lines = [
            ax.plot([], [], color=0.85 * self.own[j], linestyle=dash(j), linewidth=1.8)[0]
            for j in range(replay.n_components)
        ]
        self.total = ax.plot([], [], color="0.4", linewidth=1.0)[0]
        self.means = [
            ax.text(0, 0, str(j), ha="center", va="center", fontsize=9, weight="bold", clip_on=True)
            for j in range(replay.n_components)
        ]
        for mean in self.means:
            mean.set_bbox({"boxstyle": "circle,pad=0.2", "facecolor": "white", "alpha": 0.8})
        names = [label(name) for name in replay.axes]
        ax.set(xlim=limits[0], ylim=limits[1], xlabel=names[0], ylabel=(*names, "density")[1])

    def _draw_curve(self) -> None:
        """Draw the objective at every iteration."""
        table, ax = self.replay.curve, self.curve
        ax.plot(table["iteration"], table["value"], color=HUES[0])
        (self.now,) = ax.plot([], [], "o", color=HUES[5], markersize=8)
        ax.set(xlabel="iteration", ylabel=self.replay.quantity)
        ax.ticklabel_format(axis="y", useOffset=False)
        ax.xaxis.get_major_locator().set_params(integer=True)

    def show(self, number: int) -> Sequence[Any]:
        """Move everything to a frame, and return nothing that needs redrawing by itself."""
        components, assignments, value = self.replay.frame(number)
        self.points.set_color(assignments["colour"])
        outlines, total = outlines_of(components, self.replay.limits)
        for line, outline in zip(self.lines, outlines, strict=True):
            line.set_data(outline)
        self.total.set_data(total)
        for j, mean in enumerate(self.means):
            at = components["x"][j]
            flat = "y" not in components
            height = peak(components, j) if flat else components["y"][j]
            mean.set_position((at, height))
        iteration = self.replay.iterations[number]
        self.now.set_data([iteration], [value])
        self.scene.set_title(f"iteration {iteration} of {self.replay.curve['iteration'][-1]}")
        self.curve.set_title(f"{value:.6g}")
        return ()


def outlines_of(components: Frame, limits: FloatArray) -> tuple[list[FloatArray], FloatArray]:
    """Return the ellipse or density of each component (2, m), and the total density (2, m)."""
    k, nothing = components.n_rows, np.empty((2, 0))
    if np.isnan(components["xx"]).any():
        return [nothing] * k, nothing
    if "y" in components:
        return [ellipse(components, j) for j in range(k)], nothing
    grid = np.sort(np.r_[np.linspace(limits[0, 0], limits[0, 1], GRID), components["x"]])
    each = [weighted_density(components, j, grid) for j in range(k)]
    return [np.array([grid, density]) for density in each], np.array([grid, np.sum(each, axis=0)])


def ellipse(components: Frame, j: int) -> FloatArray:
    """Return the points (2, m) around a component."""
    x, y, xx, xy, yy = (float(components[name][j]) for name in ("x", "y", "xx", "xy", "yy"))
    values, vectors = np.linalg.eigh([[xx, xy], [xy, yy]])
    angle = np.linspace(0.0, 2.0 * np.pi, ARC)
    axes = vectors * np.sqrt(np.maximum(values, 0.0) * chi2.ppf(MASS, 2))
    around: FloatArray = axes @ np.array([np.cos(angle), np.sin(angle)])
    return around + np.array([[x], [y]])


def weighted_density(components: Frame, j: int, at: FloatArray) -> FloatArray:
    """Return the density of a component of one column, times its weight."""
    weight, mean, variance = (float(components[name][j]) for name in ("weight", "x", "xx"))
    scale = weight / np.sqrt(2.0 * np.pi * variance)
    return scale * np.exp(-((at - mean) ** 2) / (2.0 * variance))


def peak(components: Frame, j: int) -> float:
    """Return the height of a component of one column; 0 without a density."""
    if np.isnan(components["xx"][j]):
        return 0.0
    return float(weighted_density(components, j, components["x"][j : j + 1])[0])
