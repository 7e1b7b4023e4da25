"""Components in the plane: ellipses and contours of stated mass, means, borders of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi
from scipy.stats import chi2

from mixtura._errors import InputError
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import halo, inks, pyplot
from mixtura.view.frame import Frame
from mixtura.view.palette import dash, marker

MASSES = (0.5, 0.9)
#: More components than these get numbers at their means in place of a legend.
NAMED = 10
#: Draws that the levels of contours are estimated from, and points of the grid along each axis.
DRAWS, GRID = 20_000, 200
FONT_SIZE = 7


def check_masses(masses: Sequence[float]) -> tuple[float, ...]:
    """Return masses in order, or raise unless each is between 0 and 1."""
    found = () if np.ndim(masses) != 1 else tuple(sorted(float(mass) for mass in masses))
    if not found or not all(0.0 < mass < 1.0 for mass in found):
        raise InputError(f"masses={masses!r} must be a list of numbers between 0 and 1, as [0.9].")
    return found


def shown(masses: Sequence[float]) -> str:
    """Return masses as text: ``50 % and 90 %``."""
    return " and ".join(f"{100 * mass:g} %" for mass in masses)


def ellipse_table(
    means: FloatArray, covariances: FloatArray, masses: Sequence[float] = MASSES
) -> Frame:
    """Return the ellipses that hold the masses of components: means (k, 2), covariances (k, 2, 2).

    An ellipse of mass p is where the squared Mahalanobis distance is the p-quantile of chi-square
    with two degrees of freedom. ``width`` and ``height`` are whole axes, ``angle`` that of the
    first in degrees.
    """
    values, vectors = np.linalg.eigh(covariances)
    axes = 2.0 * np.sqrt(np.maximum(values, 0.0))
    radii = np.sqrt(chi2.ppf(np.asarray(masses), 2))
    k, m = len(means), len(masses)
    component = np.repeat(np.arange(k), m)
    return Frame(
        {
            "component": component,
            "mass": np.tile(masses, k),
            "x": means[component, 0],
            "y": means[component, 1],
            "width": (axes[:, 1, None] * radii).ravel(),
            "height": (axes[:, 0, None] * radii).ravel(),
            "angle": np.degrees(np.arctan2(vectors[component, 1, 1], vectors[component, 0, 1])),
        }
    )


def box(mixture: Mixture, mass: float = MASSES[-1]) -> FloatArray:
    """Return the range (2, 2) along each axis of the ellipses of a mixture of two columns."""
    covariances = mixture.family.full(mixture.covariances, *mixture.means.shape)
    reach = np.sqrt(chi2.ppf(mass, 2) * np.diagonal(covariances, axis1=1, axis2=2))
    low, high = (mixture.means - reach).min(axis=0), (mixture.means + reach).max(axis=0)
    return np.stack([low, high], axis=1)


def draw_ellipses(ax: Any, ellipses: Frame, hues: FloatArray, looks: NDArray[np.intp]) -> None:
    """Draw ellipses in the colours and line styles of their components, inner ones thicker."""
    pyplot()
    from matplotlib.patches import Ellipse

    outer, (on, off) = ellipses["mass"].max(initial=0.0), inks(ax)
    names = ("component", "mass", "x", "y", "width", "height", "angle")
    for j, mass, x, y, width, height, angle in zip(*(ellipses[n] for n in names), strict=True):
        thick = 1.1 if mass == outer else 1.9
        look = {
            "edgecolor": towards(on, hues[j], 0.4),
            "linestyle": dash(int(looks[j])),
            "linewidth": thick,
        }
        shape = Ellipse((x, y), width, height, angle=angle, fill=False, **look)
        shape.set_path_effects(halo(thick + 1.2, off))
        ax.add_patch(shape)


def towards(ink: str, hue: FloatArray, part: float) -> FloatArray:
    """Return a colour mixed with black or white."""
    return (1.0 - part) * hue + part * (ink == "white")


def draw_means(ax: Any, points: FloatArray, hues: FloatArray, size: float = 1.0) -> None:
    """Draw means (k, 2) with the markers of components."""
    for j, (x, y) in enumerate(points):
        look = {"markerfacecolor": hues[j], "markeredgecolor": "black"}
        ax.plot(x, y, marker(j), markersize=8 * np.sqrt(size), zorder=5, **look)


def draw_numbers(ax: Any, points: FloatArray, hues: FloatArray, *, upward: bool = False) -> None:
    """Write the number of each component at its mean, or beside it where another one is."""
    dots = ax.scatter(points[:, 0], points[:, 1], c=hues[: len(points)], s=9, zorder=5)
    dots.set_edgecolor("black")
    dots.set_linewidth(0.4)
    on, off = inks(ax)
    places = ax.transData.transform(points) * 72.0 / ax.figure.dpi
    shifts = number_shifts(places, upward=upward)
    for j, (point, shift) in enumerate(zip(points, shifts, strict=True)):
        look = {"color": towards(on, hues[j], 0.5), "fontsize": FONT_SIZE, "fontweight": "bold"}
        text = ax.annotate(
            str(j), point, shift, textcoords="offset points", ha="center", va="center", **look
        )
        text.set_path_effects(halo(2.0, off))
        text.set_zorder(6)


def number_shifts(points: FloatArray, *, upward: bool = False) -> FloatArray:
    """Return how far from points (k, 2) to write numbers so that none covers another, in points.

    ``upward`` leaves out what is below a point.
    """
    size = np.array([1.5, 1.2]) * FONT_SIZE
    reach = 3 + int(np.ceil(2.0 * np.sqrt(len(points))))
    steps = np.arange(-reach, reach + 1)
    around = np.stack([np.repeat(steps, len(steps)), np.tile(steps, len(steps))], axis=1)
    around = around[around.any(axis=1) & (around[:, 1] >= (0 if upward else -reach))]
    above = np.arctan2(np.abs(around[:, 0]), around[:, 1])
    ways = around[np.lexsort([above, np.hypot(*around.T)])] * size * (0.8, 0.75)
    placed = np.empty((0, 2))
    for point in points:
        options = point + ways
        apart = np.abs(options[:, None] - placed) >= size - 1e-9
        free = apart.any(axis=2).all(axis=1)
        placed = np.vstack([placed, options[np.argmax(free)]])
    return placed - points


def contour_tables(
    mixture: Mixture, limits: FloatArray, masses: Sequence[float] = MASSES
) -> tuple[Frame, Frame]:
    r"""Return the density on a grid over the limits, and the levels that hold the masses.

    The region of least area that holds a mass p is where the density is above its (1 - p)-quantile
    under the mixture (Hyndman 1996, :doi:`10.1080/00031305.1996.10474359`), here among draws.
    """
    x, y = (np.linspace(low, high, GRID) for low, high in limits)
    grid = np.stack([np.tile(x, GRID), np.repeat(y, GRID)], axis=1)
    drawn = mixture.log_prob(mixture.sample(DRAWS, 0)[0])
    levels = np.exp(np.quantile(drawn, 1.0 - np.asarray(masses)))
    density = np.exp(mixture.log_prob(grid))
    return (
        Frame({"x": grid[:, 0], "y": grid[:, 1], "density": density}),
        Frame({"mass": masses, "density": levels}),
    )


def draw_contours(ax: Any, grid: Frame, levels: Frame) -> None:
    """Draw the contours, inner ones thicker."""
    x, y, density = (grid[name].reshape(GRID, GRID) for name in ("x", "y", "density"))
    order = np.argsort(levels["density"])
    widths = np.where(levels["mass"][order] == levels["mass"].max(), 1.1, 1.9)
    ax.contour(x, y, density, np.unique(levels["density"]), colors=inks(ax)[0], linewidths=widths)


def borders(centres: FloatArray, limits: FloatArray) -> FloatArray:
    """Return the lines (m, 2, 2) between the cells of points nearest to each centre (k, 2).

    With centres mirrored at the four sides of the limits, which hold them all, the cells of the
    centres themselves end there.
    """
    own = np.unique(centres, axis=0)
    mirrored = [own]
    for axis in (0, 1):
        for side in limits[axis]:
            image = own.copy()
            image[:, axis] = 2.0 * side - image[:, axis]
            mirrored.append(image)
    diagram = Voronoi(np.vstack(mirrored))
    inner = (diagram.ridge_points < len(own)).all(axis=1)
    ridges: list[NDArray[np.intp]] = [
        np.array(ridge)
        for ridge, kept in zip(diagram.ridge_vertices, inner, strict=True)
        if kept and min(ridge) >= 0
    ]
    return diagram.vertices[np.array(ridges, dtype=np.intp).reshape(-1, 2)]


def draw_borders(ax: Any, segments: FloatArray) -> None:
    """Draw the borders of cells."""
    pyplot()
    from matplotlib.collections import LineCollection

    on, off = inks(ax)
    look: dict[str, Any] = {"colors": on, "linewidths": 1.0, "path_effects": halo(2.0, off)}
    ax.add_collection(LineCollection(list(segments), **look), autolim=False)
