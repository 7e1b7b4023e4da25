"""Colours of components: safe for colour-blind eyes, of different lightness, for any number.

The first eight are those of Okabe & Ito (2008), "Color Universal Design", with grey for black and
the yellow darkened so that it shows on white. Further components repeat them, lighter and darker in
turn; line styles and markers tell those apart that share a hue, also in print without colours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.model.families.base import FloatArray

#: Red, green and blue of each hue, 0 to 1, ordered so that neighbours differ in lightness, too.
HUES = (
    np.array(
        [
            (0, 114, 178),  # blue
            (230, 159, 0),  # orange
            (0, 158, 115),  # bluish green
            (204, 121, 167),  # reddish purple
            (86, 180, 233),  # sky blue
            (213, 94, 0),  # vermilion
            (160, 145, 20),  # yellow, darkened
            (110, 110, 110),  # grey
        ]
    )
    / 255.0
)
#: How further rounds of the hues are lightened (above 0) or darkened.
ROUNDS = (0.0, -0.35, 0.4, -0.6, 0.6, -0.2, 0.2)
#: Line styles and markers that tell rounds apart.
DASHES = ("solid", "dashed", "dashdot", "dotted")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: What red, green and blue add to how light a colour looks (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)
#: What belongs to no component: noise, missing cells.
NONE_COLOUR = np.array([0.55, 0.55, 0.55])


def colours(n: int) -> FloatArray:
    """Return the colours (n, 3) of ``n`` components as red, green and blue from 0 to 1."""
    numbers = np.arange(n)
    shift = np.array(ROUNDS)[numbers // len(HUES) % len(ROUNDS)][:, None]
    hues = HUES[numbers % len(HUES)]
    return np.where(shift >= 0, hues + (1.0 - hues) * shift, hues * (1.0 + shift))


def mixed(responsibilities: FloatArray, own: FloatArray | None = None) -> FloatArray:
    """Return the colours (n, 3) of rows: those of components, mixed by responsibilities (n, k).

    They are mixed in linear light, so that a row between two groups is as bright as they are.
    """
    own = colours(responsibilities.shape[1]) if own is None else own
    return np.sqrt(np.clip(responsibilities @ (own * own), 0.0, 1.0))


def dash(component: int) -> str:
    """Return the line style of a component."""
    return DASHES[component // len(HUES) % len(DASHES)]


def marker(component: int) -> str:
    """Return the marker of a component."""
    return MARKERS[component % len(MARKERS)]


def ink(colour: Any) -> str:
    """Return the colour of text that can be read on a colour."""
    return "white" if float(np.dot(colour[:3], LUMA)) < 0.55 else "black"


def hexadecimal(colour: FloatArray) -> str:
    """Return a colour as ``#rrggbb``."""
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in colour)
