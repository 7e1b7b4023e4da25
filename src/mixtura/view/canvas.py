"""matplotlib, or the command that installs it, and the axes that displays draw on."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from mixtura._errors import InputError, MissingDependencyError


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
    if not hasattr(ax, "figure"):
        raise InputError(f"ax={ax!r} must be matplotlib axes, such as those of plt.subplots().")
    return ax


def label(text: object, n: int = 24) -> str:
    """Return a name as matplotlib is to draw it: as it is, in one line, cut in its middle."""
    line = " ".join(str(text).split())
    if len(line) > n:
        half = (n - 1) // 2
        line = line[: n - 1 - half] + "…" + line[-half:]
    return line.replace("$", r"\$")


def grid_of(
    n_rows: int, n_columns: int, *, cell: tuple[float, float] = (3.2, 2.8), **options: Any
) -> tuple[Any, Any]:
    """Return a new figure with axes in rows and columns (an array of axes, always 2-d)."""
    size = (cell[0] * n_columns, cell[1] * n_rows)
    return pyplot().subplots(
        n_rows, n_columns, figsize=size, squeeze=False, layout="constrained", **options
    )
