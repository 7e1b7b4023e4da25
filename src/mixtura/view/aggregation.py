"""Rows in the plane: each by itself where they are few, counted in the cells of a raster else.

What is drawn is never larger than the raster, however many rows there are. They are read twice in
blocks, for their range and for their counts; their responsibilities never exist all at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray
from mixtura.view.frame import Frame
from mixtura.view.palette import marker, mixed

#: More rows than these are counted in cells.
ROWS_DRAWN = 20_000
#: Columns and rows of the raster.
CELLS = (240, 180)
#: Rows that are looked at in one go: enough for compiled code to be worth its while.
BLOCK_ROWS = 1 << 18
#: Of many rows, part in each tail beyond which rows may lie outside, how far the rest reaches
#: beyond where they begin, in its own width, and rows that this is found from.
TAIL, REACH, LOOKED_AT = 5e-4, 0.5, 100_000
#: Opacity of a cell with the fewest rows, and of the markers of few and of many rows.
FAINTEST, FEW, MANY = 0.25, 0.85, 0.35

Rows = NDArray[Any]
Place = Callable[[Rows], FloatArray]


@dataclass(frozen=True, eq=False)
class Scatter:
    """Rows in the plane, or the cells that hold them.

    Attributes
    ----------
    points : Frame
        ``x``, ``y``, ``weight`` and ``values`` (m, v): of rows, or of cells with rows in them,
        whose weight is that of their rows and whose values are the means of those.
    margins : Frame
        The same of rows with one of two coordinates: ``axis`` (0 where x is known), ``at``,
        ``weight``, ``values``.
    limits : ndarray (2, 2)
        Smallest and largest coordinate of the rows along each axis; NaN where none is known. Of
        the raster, its range, which leaves out the farthest of many rows where tails are long.
    cells : tuple of int or None
        Columns and rows of the raster, if the points are its cells.
    n_rows : int
        Rows of positive weight.
    n_hidden : int
        Those of them without any coordinate, which are not drawn.
    n_outside : int
        Those of them outside the raster, which are not drawn either.
    """

    points: Frame
    margins: Frame
    limits: FloatArray
    cells: tuple[int, int] | None
    n_rows: int
    n_hidden: int
    n_outside: int = 0

    @property
    def shares(self) -> FloatArray:
        """Weighted means (v,) of the values over all rows that are drawn."""
        parts = (self.points, self.margins)
        total = sum(part["weight"] @ part["values"] for part in parts)
        return total / max(sum(part["weight"].sum() for part in parts), np.finfo(float).tiny)


def of_columns(columns: Sequence[int]) -> Place:
    """Return what places rows at the values of two of their columns."""
    return lambda block: block[:, list(columns)].astype(np.float64, copy=False)


def scatters(
    rows: Rows,
    places: Sequence[Place],
    values: Place,
    weights: FloatArray | None = None,
    *,
    most: int = ROWS_DRAWN,
    cells: tuple[int, int] = CELLS,
) -> list[Scatter]:
    """Return rows (n, d) as several planes show them; the values (b, v) are found once."""
    if weights is not None and (weights == 0).any():
        rows, weights = rows[weights > 0], weights[weights > 0]
    if len(rows) <= most:
        counted = np.ones(len(rows)) if weights is None else weights
        found = values(rows)
        return [_of_rows(place(rows), counted, found) for place in places]
    limits = [_range(rows, place) for place in places]
    rasters = [_Raster(limit, cells) for limit in limits]
    for part in _blocks(len(rows)):
        block = rows[part]
        found = np.ascontiguousarray(values(block).T)
        own = None if weights is None else weights[part]
        for raster, place in zip(rasters, places, strict=True):
            raster.add(place(block), own, found)
    return [raster.scatter(len(rows)) for raster in rasters]


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, BLOCK_ROWS):
        yield slice(start, start + BLOCK_ROWS)


def _extent(points: FloatArray) -> FloatArray:
    """Return the range (2, 2) of points (n, 2) along each axis, NaN where none is known."""
    if len(points) == 0:
        return np.full((2, 2), np.nan)
    return np.stack([np.fmin.reduce(points), np.fmax.reduce(points)], axis=1)


def _range(rows: Rows, place: Place) -> FloatArray:
    """Return the range (2, 2) of rows that is drawn: of all of them, but for far ones."""
    found = np.array([_extent(place(rows[part])) for part in _blocks(len(rows))])
    low, high = np.fmin.reduce(found[:, :, 0]), np.fmax.reduce(found[:, :, 1])
    seen = place(rows[:: max(1, len(rows) // LOOKED_AT)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a value has no tails
        start, end = np.nanquantile(seen, (TAIL, 1.0 - TAIL), axis=0)
    room = REACH * (end - start)
    far = room > 0  # all but few rows may have one value
    low = np.where(far, np.maximum(low, start - room), low)
    return np.stack([low, np.where(far, np.minimum(high, end + room), high)], axis=1)


def _of_rows(points: FloatArray, weights: FloatArray, values: FloatArray) -> Scatter:
    known = ~np.isnan(points)
    n_known = known.sum(axis=1)
    whole, alone = n_known == 2, n_known == 1
    axis = np.argmax(known[alone], axis=1)
    margins = {"axis": axis, "at": points[alone, axis]}
    return Scatter(
        points=Frame({"x": points[whole, 0], "y": points[whole, 1]} | _of(whole, weights, values)),
        margins=Frame(margins | _of(alone, weights, values)),
        limits=_extent(points),
        cells=None,
        n_rows=len(points),
        n_hidden=int((n_known == 0).sum()),
    )


def _of(rows: NDArray[np.bool_], weights: FloatArray, values: FloatArray) -> dict[str, FloatArray]:
    return {"weight": weights[rows], "values": values[rows]}


class _Raster:
    """Sums of weights and of weighted values over cells, and over the bins of both margins."""

    def __init__(self, limits: FloatArray, cells: tuple[int, int]) -> None:
        found = np.nan_to_num(limits)
        flat = found[:, 1] == found[:, 0]
        self.limits = found + np.outer(flat, (-0.5, 0.5))
        self.start = self.limits[:, 0]
        self.step = (self.limits[:, 1] - self.start) / cells
        self.cells, self.hidden, self.outside = cells, 0, 0
        self.sums: list[FloatArray] = []

    def add(self, points: FloatArray, weights: FloatArray | None, values: FloatArray) -> None:
        """Count points (b, 2) with weights (b,) and values (v, b)."""
        known = ~np.isnan(points)
        wide, high = self.cells
        with np.errstate(invalid="ignore"):
            outside = ((points < self.limits[:, 0]) | (points > self.limits[:, 1])).any(axis=1)
            places = np.clip((points - self.start) / self.step, 0, np.array(self.cells) - 1)
            x, y = places.astype(np.int32).T
        index, size = y * wide + x, wide * high
        if not known.all():  # the bins of the margins follow the cells, then one for the rest
            index = np.where(known[:, 1], index, size + x)
            index = np.where(known[:, 0], index, size + wide + y)
            index = np.where(known.any(axis=1), index, size + wide + high)
            self.hidden += int((~known.any(axis=1)).sum())
        if outside.any():
            index = np.where(outside, size + wide + high, index)
            self.outside += int(outside.sum())
        n_bins = size + wide + high + 1
        columns = [weights, *(v if weights is None else v * weights for v in values)]
        found: list[FloatArray] = [np.bincount(index, c, n_bins) * 1.0 for c in columns]
        if self.sums:
            found = [a + b for a, b in zip(self.sums, found, strict=True)]
        self.sums = found

    def scatter(self, n_rows: int) -> Scatter:
        """Return the cells and bins that hold rows."""
        wide, size = self.cells[0], self.cells[0] * self.cells[1]
        weight, sums = self.sums[0], np.stack(self.sums[1:], axis=1)
        used = np.flatnonzero(weight[:-1] > 0)
        means = {"weight": weight[used], "values": sums[used] / weight[used, None]}
        inside = used < size
        middle = [self.start[i] + (np.arange(self.cells[i]) + 0.5) * self.step[i] for i in (0, 1)]
        row, column = np.divmod(used[inside], wide)
        bins = used[~inside] - size
        margins = {"axis": (bins >= wide).astype(int), "at": np.concatenate(middle)[bins]}
        cells = {"x": middle[0][column], "y": middle[1][row]}
        return Scatter(
            points=Frame(cells | {name: column[inside] for name, column in means.items()}),
            margins=Frame(margins | {name: column[~inside] for name, column in means.items()}),
            limits=self.limits,
            cells=self.cells,
            n_rows=n_rows,
            n_hidden=self.hidden,
            n_outside=self.outside,
        )


def draw(
    ax: Any, scatter: Scatter, hues: FloatArray, looks: NDArray[np.intp], size: float = 1.0
) -> None:
    """Draw rows or cells in colours (v, 3) mixed by their values; ticks of one coordinate.

    ``looks`` (v,) are the numbers whose markers rows have; ``size`` scales these.
    """
    if scatter.cells is None:
        _draw_rows(ax, scatter.points, hues, looks, size)
    else:
        _draw_cells(ax, scatter, hues)
    sides = ((ax.get_xaxis_transform, "|"), (ax.get_yaxis_transform, "_"))
    for axis, (transform, tick) in enumerate(sides):
        own = scatter.margins["axis"] == axis
        at, colour = scatter.margins["at"][own], mixed(scatter.margins["values"][own], hues)
        edge = np.full(len(at), 0.015)
        where = (at, edge) if axis == 0 else (edge, at)
        ax.scatter(
            *where, c=colour, marker=tick, s=60 * size, linewidths=1.2, transform=transform()
        )


def _draw_rows(
    ax: Any, points: Frame, hues: FloatArray, looks: NDArray[np.intp], size: float
) -> None:
    """Draw rows, with the marker of the likeliest group of each."""
    n = points.n_rows
    likeliest = np.argmax(points["values"], axis=1)
    area = size * float(np.clip(5000.0 / max(n, 1), 4.0, 22.0))
    alpha = FEW if n <= 500 else max(MANY, FEW * (500.0 / n) ** 0.25)
    for group in np.unique(likeliest):
        own = likeliest == group
        ax.scatter(
            points["x"][own],
            points["y"][own],
            c=mixed(points["values"][own], hues),
            marker=marker(int(looks[group])),
            s=area,
            alpha=alpha,
            linewidths=0,
            rasterized=n > 2000,  # keeps PDF and SVG small
        )


def _draw_cells(ax: Any, scatter: Scatter, hues: FloatArray) -> None:
    """Draw cells as one image, the more opaque the more rows they hold."""
    pixels = raster(scatter, mixed(scatter.points["values"], hues), opacity(scatter))
    ax.imshow(
        pixels, extent=tuple(scatter.limits.ravel()), origin="lower", aspect="auto", zorder=0.5
    )


def opacity(scatter: Scatter) -> FloatArray:
    """Return that of each cell, which grows with the logarithm of its weight."""
    weight = scatter.points["weight"]
    if len(weight) == 0:
        return weight
    lowest = np.log(weight.min())
    rise = (np.log(weight) - lowest) / max(np.log(weight.max()) - lowest, 1e-9)
    return FAINTEST + (1.0 - FAINTEST) * rise


def raster(scatter: Scatter, colour: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return cells as an image (rows, columns, 4) of colours (m, 3) and opacities (m,)."""
    assert scatter.cells is not None
    wide, high = scatter.cells
    step = (scatter.limits[:, 1] - scatter.limits[:, 0]) / scatter.cells
    column = ((scatter.points["x"] - scatter.limits[0, 0]) / step[0]).astype(int)
    row = ((scatter.points["y"] - scatter.limits[1, 0]) / step[1]).astype(int)
    pixels = np.zeros((high, wide, 4))
    pixels[row, column] = np.column_stack([colour, alpha])
    return pixels
