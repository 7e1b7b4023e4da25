"""Two or more fits side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.estimators.validation import validated_weights
from mixtura.model.families.base import FloatArray
from mixtura.view import aggregation
from mixtura.view.aggregation import BLOCK_ROWS, Scatter, of_columns, scatters
from mixtura.view.canvas import grid_of, inks, label, several_axes
from mixtura.view.clusters import Plane, check_plane, plane_of_columns
from mixtura.view.ellipses import MASSES, check_masses
from mixtura.view.frame import Frame
from mixtura.view.subject import Subject, subject_of


@dataclass(eq=False, repr=False)
class ComparisonDisplay:
    """Fits of the same columns side by side, such as k-means and EM, on the same axes.

    Groups of the later fits have the colours of the groups of the first that they share most rows
    with, one to one (the Hungarian method [1]_); each keeps its own number. Rows whose likeliest
    group is not the match of that in the first fit are ringed; in cells of many rows, those cells
    are dark where such rows are most.

    Attributes
    ----------
    names : tuple of str
        What the fits are called.
    planes : list of Plane
        What the panels show.
    matches : list of ndarray of shape (n_groups,)
        For the groups of each fit, noise last, the number of the matching group of the first, or
        -1 where there is none.
    tables : list of ndarray
        Weights of rows by group of the first fit and of each fit.
    differing : ndarray of shape (n_fits,)
        Weights of the rows that differ from the first fit, relative to that of all.
    ax_ : ndarray of shape (n_fits,)
        The axes that were drawn on, after ``plot``.
    figure_ : matplotlib.figure.Figure
        The figure of them.

    References
    ----------
    .. [1] Kuhn, H. (1955). The Hungarian method for the assignment problem. *Naval Research
       Logistics Quarterly* 2. :doi:`10.1002/nav.3800020109`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, KMeans
    >>> from mixtura.view import ComparisonDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2)) + [[0.0, 0.0], [9.0, 9.0]] * 20
    >>> fits = [model.fit(X) for model in (KMeans(2), GaussianMixture(2))]
    >>> display = ComparisonDisplay.from_estimator(fits, X)
    >>> display.names, display.differing.tolist()
    (('KMeans', 'GaussianMixture'), [0.0, 0.0])
    """

    names: tuple[str, ...]
    planes: list[Plane]
    matches: list[NDArray[np.intp]]
    tables: list[FloatArray]
    differing: FloatArray

    @classmethod
    def from_estimator(
        cls,
        estimators: Sequence[Any],
        X: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        columns: Sequence[int | str] = (0, 1),
        masses: Sequence[float] = MASSES,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ComparisonDisplay:
        """Compute and draw the comparison.

        Parameters
        ----------
        estimators : sequence of fitted estimators or Mixtures
            Two models or more, of the same columns.
        X : array-like of shape (n_samples, n_features)
            Rows, of all columns of the models; a cell that is NaN is missing.
        names : sequence of str, optional
            What to call the fits; by default the names of their classes.
        columns : sequence of two int or str, default=(0, 1)
            The columns to draw, by number or name.
        masses : sequence of float, default=(0.5, 0.9)
            The parts of components that ellipses hold, between 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.
        ax : array of matplotlib.axes.Axes, optional
            Where to draw, an axes for each fit; by default on a new figure.

        Returns
        -------
        ComparisonDisplay
            The display, drawn.

        Raises
        ------
        InputError
            If there are not two models of the same columns, the table is not one of these, or a
            parameter cannot be used.
        """
        subjects = checked_subjects(estimators, X)
        titles = checked_names(names, estimators)
        found = check_plane(subjects[0], columns, "ellipses")
        masses = check_masses(masses)
        rows = subjects[0].rows(X)
        weights = validated_weights(sample_weight, rows)
        tables = contingencies(subjects, rows, weights)
        matches = [matching(table) for table in tables]
        values = Values(subjects, matches)
        scatter = scatters(rows, [of_columns(found)], values, weights)[0]
        looks, parts = matched_looks(matches), values.parts(scatter)
        planes = [
            plane_of_columns(subject, part, found, masses=masses, looks=look)
            for subject, part, look in zip(subjects, parts, looks, strict=True)
        ]
        every = np.array([plane.limits for plane in planes])
        limits = np.stack([every[:, :, 0].min(axis=0), every[:, :, 1].max(axis=0)], axis=1)
        planes = [replace(plane, limits=limits) for plane in planes]
        differing = np.array([differing_part(t, m) for t, m in zip(tables, matches, strict=True)])
        return cls(titles, planes, matches, tables, differing).plot(ax)

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw the display.

        Parameters
        ----------
        ax : array of matplotlib.axes.Axes, optional
            Where to draw, an axes for each fit; by default on a new figure.

        Returns
        -------
        ComparisonDisplay
            Itself.
        """
        m = len(self.planes)
        own = grid_of(1, m, cell=(4.2, 3.8))[1][0] if ax is None else several_axes(ax, m)
        self.ax_, self.figure_ = own, own[0].figure
        for i, (axes, plane) in enumerate(zip(own, self.planes, strict=True)):
            draw_differing(axes, plane.scatter)
            plane.draw(axes, numbered=True)
            n = counted(plane.means.n_rows, plane.group)
            cells = "dark" if inks(axes)[0] == "black" else "light"
            how = "ringed" if plane.scatter.cells is None else cells
            told = f"\n{100 * self.differing[i]:.1f} % of rows differ ({how})" if i else "\n"
            axes.set_title(f"{label(self.names[i], 32)}: {n}{told}", fontsize="medium")
            if i:
                axes.set_ylabel("")
        return self


@dataclass(frozen=True, eq=False)
class Values:
    """What is found of each row: responsibilities in each fit, and whether it differs there."""

    subjects: Sequence[Subject]
    matches: Sequence[NDArray[np.intp]]

    def __call__(self, block: NDArray[Any]) -> FloatArray:
        """Return the values (b, v) of rows (b, d): of each fit the groups, then the difference."""
        found = [subject.responsibilities(block) for subject in self.subjects]
        groups = [m[resp.argmax(axis=1)] for m, resp in zip(self.matches, found, strict=True)]
        differs = [own != groups[0] for own in groups]
        return np.hstack([np.column_stack(pair) for pair in zip(found, differs, strict=True)])

    def parts(self, scatter: Scatter) -> list[Scatter]:
        """Return the scatters of each fit: ``values`` of its groups, and ``differing``."""
        found, start = [], 0
        for subject in self.subjects:
            end = start + len(subject.groups)
            points, margins = (
                of_fit(table, start, end) for table in (scatter.points, scatter.margins)
            )
            found.append(replace(scatter, points=points, margins=margins))
            start = end + 1
        return found


def of_fit(table: Frame, start: int, end: int) -> Frame:
    """Return a table with the values of one fit, whose difference comes last."""
    values = table["values"]
    return Frame({**table, "values": values[:, start:end], "differing": values[:, end]})


def checked_subjects(estimators: Sequence[Any], X: Any) -> list[Subject]:
    """Return what is to be known of the fits, or raise unless they are of the same columns."""
    if not isinstance(estimators, Sequence) or len(estimators) < 2:
        raise InputError("estimators must be a list of two fitted models or more.")
    found = [subject_of(estimator, X) for estimator in estimators]
    for number, subject in enumerate(found):
        if subject.columns != found[0].columns:
            raise InputError(
                f"estimators[{number}] is of other columns than estimators[0]; compare fits of "
                "the same columns in the same order."
            )
    return found


def checked_names(names: Sequence[str] | None, estimators: Sequence[Any]) -> tuple[str, ...]:
    """Return what fits are called."""
    if names is None:
        return tuple(type(estimator).__name__ for estimator in estimators)
    if isinstance(names, str) or len(names) != len(estimators):
        raise InputError(f"names={names!r} must hold a name for each of {len(estimators)} fits.")
    return tuple(names)


def contingencies(
    subjects: Sequence[Subject], rows: NDArray[Any], weights: FloatArray | None
) -> list[FloatArray]:
    """Return the weight of rows (groups of the first, groups of each) by their likeliest groups."""
    sizes = [len(subject.groups) for subject in subjects]
    tables: list[FloatArray] = [np.zeros((sizes[0], size)) for size in sizes]
    for start in range(0, len(rows), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        own = None if weights is None else weights[part]
        groups = [subject.responsibilities(rows[part]).argmax(axis=1) for subject in subjects]
        for table, group in zip(tables, groups, strict=True):
            cells = groups[0] * table.shape[1] + group
            table += np.bincount(cells, own, table.size).reshape(table.shape)
    return tables


def matching(table: FloatArray) -> NDArray[np.intp]:
    """Return the row that each column of a table is matched with, -1 where none is left."""
    match = np.full(table.shape[1], -1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    match[columns] = rows
    return match


def differing_part(table: FloatArray, match: NDArray[np.intp]) -> float:
    """Return the part of the weight that is in groups that do not match."""
    own = np.flatnonzero(match >= 0)
    return float(1.0 - table[match[own], own].sum() / table.sum())


def matched_looks(matches: Sequence[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Return the numbers that the groups of each fit look like: of their matches, or new ones."""
    found = []
    for match in matches:
        look = match.copy()
        look[match < 0] = len(matches[0]) + np.arange((match < 0).sum())
        found.append(look)
    return found


def draw_differing(ax: Any, scatter: Scatter) -> None:
    """Ring the rows that differ, or darken the cells where they are."""
    points, differs = scatter.points, scatter.points["differing"]
    on = inks(ax)[0]
    if scatter.cells is None:
        own = differs > 0
        area = float(np.clip(8000.0 / max(own.sum(), 1), 10.0, 55.0))
        ring = {"facecolors": "none", "edgecolors": on, "linewidths": 0.8, "s": area}
        ax.scatter(points["x"][own], points["y"][own], **ring)
        return
    colour = np.full((points.n_rows, 3), float(on == "white"))
    pixels = aggregation.raster(scatter, colour, 0.7 * differs * aggregation.opacity(scatter))
    extent = tuple(scatter.limits.ravel())
    ax.imshow(pixels, extent=extent, origin="lower", aspect="auto", zorder=0.6)
