"""Two columns: rows in the colours of the components they may belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.estimators.validation import validated_weights
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view import aggregation
from mixtura.view.aggregation import Scatter, of_columns, scatters
from mixtura.view.canvas import axes_of, inks, label, legend
from mixtura.view.ellipses import (
    MASSES,
    NAMED,
    borders,
    box,
    check_masses,
    contour_tables,
    draw_borders,
    draw_contours,
    draw_ellipses,
    draw_means,
    draw_numbers,
    ellipse_table,
    shown,
)
from mixtura.view.frame import Frame
from mixtura.view.palette import NONE_COLOUR, colours, dash, marker
from mixtura.view.subject import Subject, subject_of

KINDS = ("ellipses", "contour")


@dataclass(eq=False)
class Plane:
    """Rows and groups in a plane, ready to be drawn.

    ``means`` has ``component``, ``x``, ``y``, ``share`` (of the rows); of ``ellipses``,
    ``contours`` (grid, levels) and ``borders`` (m, 2, 2) there may be none. ``hues`` and ``looks``
    are the colours of the groups, and the numbers whose markers and line styles they have.
    """

    scatter: Scatter
    means: Frame
    ellipses: Frame | None
    contours: tuple[Frame, Frame] | None
    borders: FloatArray | None
    limits: FloatArray
    labels: tuple[str, str]
    hues: FloatArray
    looks: NDArray[np.intp]
    group: str

    @property
    def points(self) -> FloatArray:
        """The means (k, 2)."""
        return np.column_stack([self.means["x"], self.means["y"]])

    @property
    def is_numbered(self) -> bool:
        """Whether there are too many groups for a legend."""
        return self.means.n_rows > NAMED

    def draw(self, ax: Any, *, numbered: bool, size: float = 1.0) -> None:
        """Draw on axes, without a legend; ``size`` scales the areas of markers."""
        k = self.means.n_rows
        aggregation.draw(ax, self.scatter, self.hues, self.looks, size)
        if self.borders is not None:
            draw_borders(ax, self.borders)
        if self.contours is not None:
            draw_contours(ax, *self.contours)
        if self.ellipses is not None:
            draw_ellipses(ax, self.ellipses, self.hues, self.looks)
        ax.set(xlim=self.limits[0], ylim=self.limits[1], aspect="auto")
        if numbered:
            draw_numbers(ax, self.points, self.hues[:k])
        else:
            draw_means(ax, self.points, self.hues[:k], size)
        ax.set_xlabel(self.labels[0])
        ax.set_ylabel(self.labels[1])

    def draw_alone(self, ax: Any, title: str, with_legend: bool) -> None:
        """Draw on axes of its own, with a title."""
        self.draw(ax, numbered=self.is_numbered)
        ax.set_title(title, fontsize="medium")
        if with_legend:
            legend(ax, self.handles(inks(ax)[0]), "" if self.is_numbered else self.group)

    def handles(self, ink: str = "black") -> list[Any]:
        """Return what the legend names: components, and what lines and ticks (in ink) mean."""
        from matplotlib.lines import Line2D

        def entry(name: str, **look: Any) -> Any:
            return Line2D([], [], label=name, **look)

        found = []
        for j, share in enumerate([] if self.is_numbered else self.means["share"]):
            look = {"color": self.hues[j], "marker": marker(j), "linestyle": dash(j)}
            look |= {} if self.ellipses is not None else {"linestyle": "none"}
            found.append(entry(f"{j} ({100 * share:.0f} %)", markeredgecolor="black", **look))
        if len(self.hues) > self.means.n_rows:
            share = 100 * self.scatter.shares[self.means.n_rows]
            dot = {"marker": marker(self.means.n_rows), "linestyle": "none"}
            found.append(entry(f"noise ({share:.0f} %)", color=NONE_COLOUR, **dot))
        for table, what in ((self.ellipses, "ellipses:\n{} of each"), (self.contours, "lines: {}")):
            if table is not None:
                masses = np.unique((table if isinstance(table, Frame) else table[1])["mass"])
                found.append(entry(what.format(shown(masses.tolist())), color=ink))
        if self.borders is not None and len(self.borders):
            found.append(entry("border of cells", color=ink))
        if self.scatter.margins.n_rows:
            tick = {"marker": "|", "linestyle": "none", "markersize": 8, "color": ink}
            found.append(entry("other cell missing", **tick))
        return found


@dataclass(eq=False, repr=False)
class ClustersDisplay:
    """Two columns of a table, and the components of a fitted model there.

    Rows have the colours of the components they may belong to, mixed by the model's
    responsibilities; noise is grey. More than 20,000 rows are counted in the cells of a raster,
    the more opaque the more rows they hold, in the mean colour of these. A row with one of the two
    cells missing is a tick at the edge. Of a model of more columns the components are the
    marginal ones, while responsibilities know all columns.

    Attributes
    ----------
    plane : Plane
        The tables: ``scatter`` (rows or cells), ``means``, ``ellipses`` (whole axes, angles in
        degrees), ``contours`` (grid and levels) and ``borders`` of the cells of k-means.
    ax_ : matplotlib.axes.Axes
        What was drawn on, after ``plot``.
    figure_ : matplotlib.figure.Figure
        The figure of it.

    See Also
    --------
    PairsDisplay : All pairs of columns.
    ProjectionDisplay : The two directions that separate components best.

    Notes
    -----
    An ellipse that holds the part p of a component is where the squared Mahalanobis distance is
    the p-quantile of chi-square with two degrees of freedom. Contours enclose the region of least
    area that holds the part p of the whole mixture [1]_, without noise.

    References
    ----------
    .. [1] Hyndman, R. (1996). Computing and graphing highest density regions. *The American
       Statistician* 50(2). :doi:`10.1080/00031305.1996.10474359`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import ClustersDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 2)) + [[0.0, 0.0], [9.0, 9.0]] * 20
    >>> display = ClustersDisplay.from_estimator(GaussianMixture(2, random_state=0).fit(X), X)
    >>> display.plane.ellipses["mass"].tolist(), display.plane.means["share"].tolist()
    ([0.5, 0.9, 0.5, 0.9], [0.5, 0.5])
    """

    plane: Plane

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        columns: Sequence[int | str] = (0, 1),
        kind: str = "ellipses",
        masses: Sequence[float] = MASSES,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ClustersDisplay:
        """Compute and draw rows and components.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            The model: a mixture, or k-means, of which centres and, where it has two columns,
            the borders of their cells are drawn.
        X : array-like of shape (n_samples, n_features)
            Rows, of all columns of the model; a cell that is NaN is missing.
        columns : sequence of two int or str, default=(0, 1)
            The columns to draw, by number or name.
        kind : {'ellipses', 'contour'}, default='ellipses'
            Ellipses of the components, or contours of the mixture's density.
        masses : sequence of float, default=(0.5, 0.9)
            The parts that ellipses or contours hold, between 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights, where rows are counted.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        ClustersDisplay
            The display, drawn.

        Raises
        ------
        InputError
            If the model cannot be drawn, the table is not one of its columns, or a parameter
            cannot be used.
        """
        subject = subject_of(estimator, X)
        found = check_plane(subject, columns, kind)
        masses = check_masses(masses)
        rows = subject.rows(X)
        weights = validated_weights(sample_weight, rows)
        scatter = scatters(rows, [of_columns(found)], subject.responsibilities, weights)[0]
        return cls(plane_of_columns(subject, scatter, found, kind, masses)).plot(ax)

    def plot(self, ax: Any = None, *, with_legend: bool = True) -> ClustersDisplay:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.
        with_legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        ClustersDisplay
            Itself.
        """
        self.ax_ = axes_of(ax)
        self.figure_ = self.ax_.figure
        self.plane.draw_alone(self.ax_, title_of(self.plane, "with neither cell"), with_legend)
        return self


def title_of(plane: Plane, hidden_as: str) -> str:
    """Return what is seen, in a line; ``hidden_as`` says why rows may be hidden."""
    hidden, outside = plane.scatter.n_hidden, plane.scatter.n_outside
    text = f"{counted(plane.scatter.n_rows, 'row')}, {counted(plane.means.n_rows, plane.group)}"
    text += f"; {hidden:,} {hidden_as}" if hidden else ""
    return text + (f"; {outside:,} outside" if outside else "")


def check_plane(subject: Subject, columns: Sequence[int | str], kind: str) -> list[int]:
    """Return the numbers of two columns, or raise where they or the kind cannot be drawn."""
    if len(subject.columns) == 1:
        raise InputError("the model has one column, which DensityDisplay draws.")
    found = subject.column_numbers(columns)
    if len(found) != 2:
        raise InputError(f"columns={list(columns)} must be two; PairsDisplay draws more.")
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not one of {', '.join(KINDS)}.")
    if kind == "contour" and subject.mixture is None:
        raise InputError("kind='contour' needs a density, which clusters do not have; leave it.")
    return found


def plane_of_columns(
    subject: Subject,
    scatter: Scatter,
    columns: Sequence[int],
    kind: str = "ellipses",
    masses: Sequence[float] = MASSES,
    looks: NDArray[np.intp] | None = None,
) -> Plane:
    """Return two columns as they are drawn."""
    mixture = None if subject.mixture is None else subject.mixture.marginal(columns)
    names = tuple(label(subject.columns[c], 40) for c in columns)
    means = subject.means[:, list(columns)].astype(np.float64)
    plane = plane_of(subject, scatter, means, mixture, names, kind=kind, masses=masses, looks=looks)
    if mixture is None and len(subject.columns) == 2:
        extent = plane.limits[:, 1] - plane.limits[:, 0]
        plane.borders = borders(means, plane.limits + np.outer(extent, (-1.0, 1.0)))
    return plane


def plane_of(
    subject: Subject,
    scatter: Scatter,
    means: FloatArray,
    mixture: Mixture | None,
    labels: tuple[str, ...],
    *,
    kind: str = "ellipses",
    masses: Sequence[float] = MASSES,
    looks: NDArray[np.intp] | None = None,
) -> Plane:
    """Return rows and groups with means (k, 2), and a mixture of the plane if there is one."""
    looks = np.arange(len(subject.groups)) if looks is None else looks
    boxes = [np.stack([means.min(axis=0), means.max(axis=0)], axis=1)]
    boxes += [] if mixture is None else [box(mixture, masses[-1])]
    limits = roomy(scatter.limits, *boxes)
    ellipses = contours = None
    if mixture is not None and kind == "ellipses":
        covariances = mixture.family.full(mixture.covariances, *mixture.means.shape)
        ellipses = ellipse_table(means, covariances, masses)
    elif mixture is not None:
        contours = contour_tables(mixture, limits, masses)
    if mixture is None:
        shares = scatter.shares[: len(means)]
    else:
        shares = (1.0 - subject.noise_weight) * mixture.weights
    component = np.arange(len(means))
    table = Frame({"component": component, "x": means[:, 0], "y": means[:, 1], "share": shares})
    hues = colours(int(looks.max()) + 1)[looks]
    hues[len(means) :] = NONE_COLOUR
    names = (labels[0], labels[1])
    return Plane(scatter, table, ellipses, contours, None, limits, names, hues, looks, subject.kind)


def roomy(*boxes: FloatArray) -> FloatArray:
    """Return limits (2, 2) that hold boxes, with some room around; NaN tells nothing."""
    low = np.fmin.reduce([each[:, 0] for each in boxes])
    high = np.fmax.reduce([each[:, 1] for each in boxes])
    room = np.where(high > low, 0.04 * (high - low), 0.5)
    return np.stack([low - room, high + room], axis=1)
