"""Every two of several columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.estimators.validation import validated_weights
from mixtura.model.families.base import FloatArray
from mixtura.model.projection import total_moments
from mixtura.view.aggregation import of_columns, scatters
from mixtura.view.canvas import grid_of, inks, label, several_axes
from mixtura.view.clusters import Plane, plane_of_columns
from mixtura.view.density import DensityDisplay, density_display
from mixtura.view.ellipses import MASSES, check_masses
from mixtura.view.projection import mixture_of
from mixtura.view.subject import Subject, subject_of

#: Most columns that are drawn unless they are given, and most rows one by one in a panel.
MOST, ROWS_DRAWN = 8, 2_000
#: Cells of the raster of a panel, and the size of a panel in inches.
CELLS, PANEL = (96, 72), (1.75, 1.55)
#: Names of left-out columns that are listed.
LISTED = 6


@dataclass(eq=False, repr=False)
class PairsDisplay:
    """Every two of several columns, with their densities on the diagonal.

    Of models of more than eight columns those are drawn that tell most of the components apart:
    the variance of the components' means in the greatest part of the column's variance.

    Attributes
    ----------
    columns : tuple of str
        The columns that are drawn.
    left_out : tuple of str
        The others.
    densities : list of DensityDisplay
        What the diagonal shows.
    planes : dict
        What the panels below it show, by the places of two columns among ``columns``.
    ax_ : ndarray of shape (n_columns, n_columns)
        The axes that were drawn on, after ``plot``.
    figure_ : matplotlib.figure.Figure
        The figure of them.

    See Also
    --------
    ClustersDisplay : What a panel shows.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import PairsDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2)) + [[0.0, 0.0], [9.0, 9.0]] * 20
    >>> display = PairsDisplay.from_estimator(GaussianMixture(2, random_state=0).fit(X), X)
    >>> display.columns, display.ax_.shape
    (('x0', 'x1'), (2, 2))
    """

    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    densities: list[DensityDisplay]
    planes: dict[tuple[int, int], Plane]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        columns: Sequence[int | str] | None = None,
        masses: Sequence[float] = MASSES,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> PairsDisplay:
        """Compute and draw the pairs.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            The model, of two columns or more.
        X : array-like of shape (n_samples, n_features)
            Rows, of all columns of the model; a cell that is NaN is missing.
        columns : sequence of int or str, optional
            The columns, by number or name; by default all, or the eight that tell most of the
            components apart.
        masses : sequence of float, default=(0.5, 0.9)
            The parts of components that ellipses hold, between 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights, where rows are counted.
        ax : array of matplotlib.axes.Axes, optional
            Where to draw: a row and a column of axes for each column of the table; by default on
            a new figure.

        Returns
        -------
        PairsDisplay
            The display, drawn.

        Raises
        ------
        InputError
            If the model cannot be drawn, the table is not one of its columns, or a parameter
            cannot be used.
        """
        subject = subject_of(estimator, X)
        masses = check_masses(masses)
        rows = subject.rows(X)
        weights = validated_weights(sample_weight, rows)
        chosen = chosen_columns(subject, rows, weights, columns)
        pairs = list(combinations(range(len(chosen)), 2))
        places = [of_columns((chosen[i], chosen[j])) for i, j in pairs]
        sizes: Any = {"most": ROWS_DRAWN, "cells": CELLS}
        found = scatters(rows, places, subject.responsibilities, weights, **sizes)
        planes = {
            (i, j): plane_of_columns(subject, scatter, (chosen[i], chosen[j]), masses=masses)
            for (i, j), scatter in zip(pairs, found, strict=True)
        }
        left_out = tuple(n for c, n in enumerate(subject.columns) if c not in chosen)
        names = tuple(subject.columns[c] for c in chosen)
        densities = [density_display(subject, rows, c, weights) for c in chosen]
        return cls(names, left_out, densities, planes).plot(ax)

    def plot(self, ax: Any = None, *, with_legend: bool = True) -> PairsDisplay:
        """Draw the display.

        Parameters
        ----------
        ax : array of matplotlib.axes.Axes, optional
            Where to draw, (n_columns, n_columns); by default on a new figure.
        with_legend : bool, default=True
            Whether to draw a legend, above the diagonal.

        Returns
        -------
        PairsDisplay
            Itself.
        """
        m = len(self.columns)
        if ax is not None:
            several_axes(ax)
        grid = (
            grid_of(m, m, cell=(max(PANEL[0], 6.0 / m), max(PANEL[1], 5.2 / m)))[1]
            if ax is None
            else np.asarray(ax)
        )
        if grid.shape != (m, m):
            raise InputError(f"ax has shape {grid.shape}; {m} columns need axes of ({m}, {m}).")
        self.ax_, self.figure_ = grid, grid[0, 0].figure
        for panel in grid[np.triu_indices(m, 1)]:
            panel.set_axis_off()
        for (i, j), plane in self.planes.items():
            plane.draw(grid[j, i], numbered=plane.is_numbered, size=0.4)
        for i, density in enumerate(self.densities):
            density.plot(grid[i, i], with_legend=False)
            others = [plane for pair, plane in self.planes.items() if i in pair]
            first = next(pair for pair in self.planes if i in pair).index(i)
            grid[i, i].set(xlim=others[0].limits[first], yticks=[])
        self._label(grid)
        self._tell(grid[0, -1], with_legend)
        return self

    def _label(self, grid: NDArray[Any]) -> None:
        """Name columns at the left and at the bottom only."""
        m = len(self.columns)
        for i in range(m):
            for j in range(i + 1):
                panel = grid[i, j]
                panel.tick_params(labelsize=7, labelbottom=i == m - 1, labelleft=j == 0 < i)
                panel.locator_params(axis="x", nbins=3)
                panel.set_xlabel(label(self.columns[j], 18) if i == m - 1 else "", fontsize=8)
                panel.set_ylabel(label(self.columns[i], 18) if j == 0 else "", fontsize=8)
                if i != j:
                    panel.locator_params(axis="y", nbins=3)

    def _tell(self, corner: Any, with_legend: bool) -> None:
        """Write in the upper corner what is drawn, what is not, and the legend."""
        plane = next(iter(self.planes.values()))
        lines = [counted(plane.scatter.n_rows, "row")]
        if self.left_out:
            listed = [label(name, 18) for name in self.left_out[:LISTED]]
            more = len(self.left_out) - len(listed)
            listed += [f"and {more} more"] if more else []
            lines += [f"{len(self.left_out)} columns left out:", *listed]
        handles = plane.handles(inks(corner)[0]) if with_legend else []
        where: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1.0, 1.0)}
        box = corner.legend(
            handles=handles,
            title="\n".join(lines),
            frameon=False,
            fontsize=8,
            alignment="left",
            **where,
        )
        box.get_title().set_fontsize(8)
        box.set_in_layout(False)  # it may hang over the empty panels


def chosen_columns(
    subject: Subject,
    rows: NDArray[Any],
    weights: FloatArray | None,
    columns: Sequence[int | str] | None,
) -> list[int]:
    """Return the numbers of the columns to draw, in their order unless they are given."""
    if len(subject.columns) == 1:
        raise InputError("the model has one column, which DensityDisplay draws.")
    if columns is not None:
        found = subject.column_numbers(columns)
        if len(found) < 2:
            raise InputError(
                f"columns={list(columns)} must be two or more; DensityDisplay has one."
            )
        return found
    if len(subject.columns) <= MOST:
        return list(range(len(subject.columns)))
    _, within, between = total_moments(mixture_of(subject, rows, weights))
    part = np.diagonal(between) / np.diagonal(within + between)
    return sorted(np.argsort(-part, kind="stable")[:MOST].tolist())
