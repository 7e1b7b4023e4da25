"""One column: what its rows show, and what the mixture says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.estimators.validation import validated_weights
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import axes_of, inks, label, legend
from mixtura.view.ellipses import NAMED, draw_numbers
from mixtura.view.frame import Frame
from mixtura.view.palette import DASHES, HUES, NONE_COLOUR, marker
from mixtura.view.subject import Subject, subject_of

#: Bins of a histogram, at least and at most, and rows that their width is found from.
FEWEST, MOST, LOOKED_AT = 12, 200, 100_000
#: Points of a curve over the whole range, and around each mean so that none is missed.
POINTS, NEAR = 300, np.linspace(-4.0, 4.0, 33)


@dataclass(eq=False, repr=False)
class DensityDisplay:
    """One column of a table beside the density of a fitted model.

    The histogram counts rows with their weights; rows where the cell is missing are left out, and
    counted in the legend. Of a model of more columns this is the marginal density.

    Attributes
    ----------
    bins : Frame
        The histogram: ``left``, ``right``, ``weight`` (of the rows), ``density`` (per unit).
    curves : Frame
        Densities per unit of the column at ``x``: ``total``, ``components`` (m, n_components)
        times their weights, and ``noise``; without rows where the model is no mixture.
    means : Frame
        ``component``, ``x`` and ``share`` (weights; of clusters, NaN).
    name : str
        Name of the column.
    n_rows : int
        Rows with a value, of positive weight.
    n_missing : int
        Rows without.
    kind : str
        What the model calls its groups.
    ax_ : matplotlib.axes.Axes
        What was drawn on, after ``plot``.
    figure_ : matplotlib.figure.Figure
        The figure of it.

    See Also
    --------
    ClustersDisplay : Two columns.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import DensityDisplay
    >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [9.0], [np.nan]])
    >>> display = DensityDisplay.from_estimator(GaussianMixture(2, random_state=0).fit(X), X)
    >>> display.n_rows, display.n_missing, display.ax_.get_xlabel()
    (5, 1, 'x0')
    """

    bins: Frame
    curves: Frame
    means: Frame
    name: str
    n_rows: int
    n_missing: int
    kind: str

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        column: int | str = 0,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> DensityDisplay:
        """Compute and draw the densities.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            The model: a mixture, or k-means, of which the centres are drawn.
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        column : int or str, default=0
            The column, by number or name.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights, for the histogram.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        DensityDisplay
            The display, drawn.

        Raises
        ------
        InputError
            If the model cannot be drawn, the table is not one of its columns, or the column is
            missing in every row.
        """
        subject = subject_of(estimator, X)
        rows = subject.rows(X)
        number = subject.column_number(column)
        weights = validated_weights(sample_weight, rows)
        return density_display(subject, rows, number, weights).plot(ax)

    def plot(self, ax: Any = None, *, with_legend: bool = True) -> DensityDisplay:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.
        with_legend : bool, default=True
            Whether to draw a legend, or the numbers of many groups.

        Returns
        -------
        DensityDisplay
            Itself.
        """
        self.ax_ = ax = axes_of(ax)
        self.figure_ = ax.figure
        edges = np.append(self.bins["left"], self.bins["right"][-1:])
        missing = f" ({self.n_missing:,} missing)" if self.n_missing else ""
        text = counted(self.n_rows, "row") + missing
        bars = ax.stairs(
            self.bins["density"], edges, fill=True, color=NONE_COLOUR, alpha=0.31, label=text
        )
        draw = self._draw_curves if self.curves.n_rows else self._draw_centres
        handles = [bars, *draw(ax, with_legend)]
        ax.set_xlabel(label(self.name, 40))
        ax.set_ylabel("density per unit")
        ax.set_ylim(bottom=0.0)
        if with_legend:
            legend(ax, handles, self.kind if len(self.means["x"]) <= NAMED else "")
        return self

    def _draw_curves(self, ax: Any, with_numbers: bool) -> list[Any]:
        """Draw total, components and means; return what the legend names."""
        x, each = self.curves["x"], self.curves["components"]
        k, hues = each.shape[1], self.means["hue"]
        handles = ax.plot(x, self.curves["total"], color=inks(ax)[0], lw=1.6, label="mixture")
        named = k <= NAMED
        tops = np.array([np.interp(m, x, each[:, j]) for j, m in enumerate(self.means["x"])])
        for j in range(k):
            style = DASHES[1 + j // len(HUES) % (len(DASHES) - 1)]
            look = {"color": hues[j], "linestyle": style, "lw": 1.4}
            ax.plot(x, each[:, j], **look)
            if named:
                look |= {"marker": marker(j), "markeredgecolor": "black", "markersize": 7}
                share = f"{j} ({100 * self.means['share'][j]:.0f} %)"
                handles += ax.plot(self.means["x"][j], tops[j], label=share, zorder=5, **look)
        if self.curves["noise"].any():
            look = {"color": NONE_COLOUR, "linestyle": "dashed", "lw": 1.4, "label": "noise"}
            handles += ax.plot(x, self.curves["noise"], **look)
        if with_numbers and not named:
            ax.set_ylim(0.0, 1.08 * max(self.curves["total"].max(), self.bins["density"].max()))
            draw_numbers(ax, np.column_stack([self.means["x"], tops]), hues, upward=True)
        return handles

    def _draw_centres(self, ax: Any, with_numbers: bool) -> list[Any]:
        """Draw the centres of clusters as lines; return what the legend names."""
        hues, handles = self.means["hue"], []
        for j, x in enumerate(self.means["x"]):
            ax.axvline(x, color=hues[j], lw=1.4, linestyle=DASHES[j // len(HUES) % len(DASHES)])
        if len(hues) > NAMED and not with_numbers:
            return []
        if len(hues) > NAMED:
            level = np.full(len(hues), 0.95 * self.bins["density"].max())
            draw_numbers(ax, np.column_stack([self.means["x"], level]), hues)
            return []
        for j, x in enumerate(self.means["x"]):
            look = {"color": hues[j], "marker": marker(j), "markeredgecolor": "black"}
            handles += ax.plot(x, 0.0, label=f"centre of {j}", clip_on=False, zorder=5, **look)
        return handles


def density_display(
    subject: Subject, rows: Any, column: int, weights: FloatArray | None
) -> DensityDisplay:
    """Return the tables of a column of checked rows (n, d), not drawn yet."""
    name = subject.columns[column]
    values = rows[:, column].astype(np.float64)
    counting = np.ones(len(values), dtype=bool) if weights is None else weights > 0
    known = counting & ~np.isnan(values)
    if not known.any():
        raise InputError(f"column {name!r} is missing in every row of X; draw another one.")
    values, weights = values[known], None if weights is None else weights[known]
    bins = histogram_table(values, weights, typical_spread(subject, column))
    curves, means = density_tables(subject, column, (values.min(), values.max()))
    n, n_missing = len(values), int(counting.sum()) - len(values)
    return DensityDisplay(bins, curves, means, name, n, n_missing, subject.kind)


def typical_spread(subject: Subject, column: int) -> float:
    """Return the standard deviation that half of a mixture is at most as wide as."""
    if subject.mixture is None:
        return np.inf
    mixture = subject.mixture.marginal([column])
    spread = np.sqrt(mixture.family.full(mixture.covariances, subject.k, 1)[:, 0, 0])
    order = np.argsort(spread)
    half = int(np.searchsorted(np.cumsum(mixture.weights[order]), 0.5))
    return float(spread[order[min(half, subject.k - 1)]])


def histogram_table(
    values: FloatArray, weights: FloatArray | None = None, widest: float = np.inf
) -> Frame:
    """Return a histogram of values (n,): bins of Freedman and Diaconis's width, not too many.

    That goes by the quartiles, which may be far apart where there are several groups: no bin is
    wider than ``widest``.

    Source: Freedman, D. & Diaconis, P. (1981). On the histogram as a density estimator: L2 theory.
    *Zeitschrift fuer Wahrscheinlichkeitstheorie* 57. :doi:`10.1007/BF01025868`
    """
    low, high = float(values.min()), float(values.max())
    seen = values[:: max(1, len(values) // LOOKED_AT)]
    width = 2.0 * np.subtract(*np.quantile(seen, (0.75, 0.25))) / len(values) ** (1.0 / 3.0)
    width = min(width, widest)
    wanted = (high - low) / width if width > 0 else MOST if high > low else 1.0
    counts, edges = np.histogram(
        values, int(np.clip(np.ceil(wanted), FEWEST, MOST)), weights=weights
    )
    density = counts / counts.sum() / np.diff(edges)
    return Frame({"left": edges[:-1], "right": edges[1:], "weight": counts, "density": density})


def density_tables(
    subject: Subject, column: int, extent: tuple[float, float]
) -> tuple[Frame, Frame]:
    """Return the curves of a column over an extent, wider where components are, and the means."""
    centres = subject.means[:, column].astype(np.float64)
    means = {"component": np.arange(subject.k), "x": centres, "hue": subject.hues[: subject.k]}
    if subject.mixture is None:
        none = np.empty((0, subject.k))
        empty = {"x": none[:, 0], "total": none[:, 0], "components": none, "noise": none[:, 0]}
        return Frame(empty), Frame(means | {"share": np.full(subject.k, np.nan)})
    mixture = subject.mixture.marginal([column])
    spread = np.sqrt(mixture.family.full(mixture.covariances, subject.k, 1)[:, 0, 0])
    shares = (1.0 - subject.noise_weight) * mixture.weights
    low = min(extent[0], float((centres - 3.0 * spread).min()))
    high = max(extent[1], float((centres + 3.0 * spread).max()))
    near = (centres[:, None] + spread[:, None] * NEAR).ravel()
    x = np.union1d(np.linspace(low, high, POINTS), near[(near >= low) & (near <= high)])
    components = shares * normal(mixture, x, spread)
    noise = np.full(len(x), noise_density(subject, column))
    total = components.sum(axis=1) + noise
    curves = {"x": x, "total": total, "components": components, "noise": noise}
    return Frame(curves), Frame(means | {"share": shares})


def normal(mixture: Mixture, x: FloatArray, spread: FloatArray) -> FloatArray:
    """Return the densities (m, k) of components of one column at x (m,), without weights."""
    z = (x[:, None] - mixture.means[:, 0]) / spread
    return np.exp(-0.5 * z * z) / (spread * np.sqrt(2.0 * np.pi))


def noise_density(subject: Subject, column: int) -> float:
    """Return what the noise adds to the density of a column, which is the same everywhere."""
    if subject.noise_weight == 0.0:
        return 0.0
    extent = np.exp(subject.estimator._uniform.log_extents[column])
    return float(subject.noise_weight / extent)
