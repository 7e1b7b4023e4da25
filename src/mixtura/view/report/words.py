"""Numbers, names and shares as a report words them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mixtura._text import shortened
from mixtura.selection.uncertainty import NEGLIGIBLE

#: A sign that no line begins with.
PERCENT = "\N{NO-BREAK SPACE}%"
#: Letters of a name that a table or a sentence has room for.
WIDEST = 40


def number(value: float, digits: int = 4, scale: float = 0.0) -> str:
    """Return a number with a few significant digits, 0 for rounding beside a scale, – for none."""
    if not math.isfinite(value):
        return "–"
    if abs(value) < NEGLIGIBLE * scale:
        return "0"
    comma = "," if abs(value) >= 1e4 else ""  # not in a year
    if 10.0**digits <= abs(value) < 1e12:
        return f"{value:{comma}.0f}"
    return f"{value:{comma}.{digits}g}"


def share(part: float) -> str:
    """Return a part of a whole in percent; what is not all or nothing does not read so."""
    percent = 100.0 * part
    if percent == 0.0:
        return f"0{PERCENT}"
    if 0.0 < percent < 0.1:
        return f"below 0.1{PERCENT}"
    if 99.9 < percent < 100.0:
        return f"above 99.9{PERCENT}"
    return f"{percent:.{0 if percent >= 9.95 else 1}f}{PERCENT}"


def short(text: object, n: int = WIDEST) -> str:
    """Return a name in one line, cut in its middle."""
    return shortened(text, n) or "(no name)"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def group_name(name: str) -> str:
    """Return what a group is called in a sentence: its number, or what it is."""
    return f"group {name}" if name.isdecimal() else name
