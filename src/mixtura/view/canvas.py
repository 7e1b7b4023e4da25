"""matplotlib, or the command that installs it, and the axes that displays draw on."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError, MissingDependencyError
from mixtura._text import shortened
from mixtura.view.palette import ink


def pyplot() -> ModuleType:
    """Return ``matplotlib.pyplot``."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingDependencyError(
            "Pictures need matplotlib: python -m pip install 'mixtura[plot]'"
        ) from None
    return plt


def axes_of(ax: Any = None, *, size: tuple[float, float] = (6.0, 4.2)) -> Any:
    """Return the axes that were given, or those of a new figure of that size in inches."""
    if ax is None:
        return pyplot().subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, pyplot().Axes):
        raise InputError(f"ax={ax!r} must be matplotlib axes, such as those of plt.subplots().")
    return ax


def several_axes(ax: Any, *counts: int) -> NDArray[Any]:
    """Return axes that were given, one or an array of them, or raise unless so many are usual."""
    found = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    for each in found:
        axes_of(each)
    if counts and len(found) not in counts:
        raise InputError(f"ax holds {len(found)} axes; give {' or '.join(map(str, counts))}.")
    return found


def inks(ax: Any) -> tuple[str, str]:
    """Return the colours, black and white, that stand out on axes and that do not."""
    faces = (ax.get_facecolor(), ax.figure.get_facecolor(), ax.figure.canvas.figure.get_facecolor())
    on = ink(next((face for face in faces if face[3] > 0.0), np.ones(3)))
    return on, "white" if on == "black" else "black"


def label(text: object, n: int = 24) -> str:
    """Return a name as matplotlib is to draw it: as it is, in one line, cut in its middle.

    Characters that the fonts lack are squares; matplotlib would warn of each.
    """
    line = shortened(text, n)
    if not line.isascii():
        known = glyphs()
        line = "".join(c if ord(c) in known else "□" for c in line)
    return line.replace("$", r"\$")


def glyphs() -> frozenset[int]:
    """Return the characters that the fonts of text have."""
    families = pyplot().rcParams["font.family"]
    from matplotlib.font_manager import FontProperties, findfont

    return glyphs_of(tuple(findfont(FontProperties(family=[name])) for name in families))


@cache
def glyphs_of(paths: tuple[str, ...]) -> frozenset[int]:
    """Return the characters that the fonts in some files have."""
    from matplotlib.font_manager import get_font

    return frozenset().union(*(get_font(path).get_charmap() for path in paths))


def whole_ticks(axis: Any) -> None:
    """Put ticks at whole numbers only, also where there is but one."""
    axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def grid_of(
    n_rows: int, n_columns: int, *, cell: tuple[float, float] = (3.2, 2.8), **options: Any
) -> tuple[Any, Any]:
    """Return a new figure with axes in rows and columns (an array of axes, always 2-d)."""
    size = (cell[0] * n_columns, cell[1] * n_rows)
    return pyplot().subplots(
        n_rows, n_columns, figsize=size, squeeze=False, layout="constrained", **options
    )


def legend(ax: Any, handles: list[Any], title: str = "") -> None:
    """Draw a legend beside the axes, where it covers nothing, if the layout makes room for it."""
    if not handles:
        return
    options: dict[str, Any] = {"handles": handles, "title": title or None, "fontsize": "small"}
    if ax.figure.get_layout_engine() is None:
        ax.legend(loc="best", framealpha=0.8, **options)
    else:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, **options)


def halo(width: float = 2.0, colour: str = "white") -> list[Any]:
    """Return the path effect of a border, which keeps lines and text legible on points."""
    pyplot()
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=colour)]
