"""Tables drawn as shades, with numbers where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import label, pyplot
from mixtura.view.palette import HUES, NONE_COLOUR, ink

#: Cells of a row or a column that there is room for numbers in, and for labels beside.
WITH_NUMBERS, WITH_LABELS = 16, 30


def shades(diverging: bool = False) -> FloatArray:
    """Return 256 colours (256, 3): white to blue, or vermilion by way of white to blue."""
    blue, vermilion = HUES[0] * 0.75, HUES[5] * 0.8
    if not diverging:
        return np.linspace(np.ones(3), blue, 256)
    return np.vstack([np.linspace(vermilion, np.ones(3), 128), np.linspace(np.ones(3), blue, 128)])


def heat_map(
    ax: Any,
    values: FloatArray,
    *,
    rows: Sequence[object],
    columns: Sequence[object],
    limits: tuple[float, float],
    texts: NDArray[Any] | None = None,
    diverging: bool = False,
) -> Any:
    """Draw values (n, m) as shades on axes, NaN in grey, and return the image.

    ``texts`` (n, m) stand in the cells unless there are too many.
    """
    palette = pyplot().matplotlib.colors.ListedColormap(shades(diverging))
    palette = palette.with_extremes(bad=np.append(NONE_COLOUR, 0.25))
    shown = np.ma.masked_invalid(values)
    image = ax.imshow(shown, cmap=palette, vmin=limits[0], vmax=limits[1], aspect="auto")
    ax.grid(visible=False)  # some styles have one, over the cells
    name_cells(ax.xaxis, columns, rotated=max(len(str(name)) for name in columns) > 4)
    name_cells(ax.yaxis, rows)
    if texts is not None and max(values.shape) <= WITH_NUMBERS:
        own = image.to_rgba(shown)
        for (i, j), text in np.ndenumerate(texts):
            style = {"ha": "center", "va": "center", "fontsize": 7, "color": ink(own[i, j])}
            ax.text(j, i, str(text), **style)
    return image


def name_cells(
    axis: Any, names: Sequence[object], *, rotated: bool = False, most: int = WITH_LABELS
) -> None:
    """Put names beside the cells along an axis; of many, every second, third and so on."""
    step = -(-len(names) // most)
    places = range(0, len(names), step)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if rotated else {}
    axis.set_ticks(places, [label(names[place], 18) for place in places], **turned)
    for text in axis.get_ticklabels():
        text.set_fontsize(8)
