"""How sure a model is of each row: responsibilities, their spread, and the rows on the fence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.estimators.fitting import check_positive
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import label, pyplot, several_axes
from mixtura.view.frame import Frame
from mixtura.view.heat import name_cells, shades
from mixtura.view.palette import NONE_COLOUR, colours, ink
from mixtura.view.rows import blocks, rows_of, weights_of
from mixtura.view.subject import subject_of, unnamed_columns

#: Rows up to which each has a bar of its own, and steps of certainty that others are put into.
SINGLE, STEPS = 400, 200
#: Certainties that part the bands of its distribution, and what those are called.
EDGES = (0.5, 0.7, 0.9, 0.99)
BANDS = ("below 50 %", "50 to 70 %", "70 to 90 %", "90 to 99 %", "above 99 %")
SHARE = "share_"
#: What a letter takes of the width of the rows on the fence.
LETTER = 0.023


@dataclass(frozen=True, eq=False)
class Certainty:
    """What ``certainty_tables`` returns.

    Attributes
    ----------
    groups : tuple of str
        What the rows may be of: the numbers of components, "noise", or classes.
    bars : Frame
        Rows in order of their group, the surest first: ``group`` (its place in ``groups``),
        ``weight``, and a column ``share_NAME`` of responsibilities for each group. A line is a
        row; of more than 400 rows it is the mean of those of one group that are about as sure.
    spread : Frame
        ``group``, ``band`` (below 50 %, 50 to 70 %, 70 to 90 %, 90 to 99 %, above 99 %) and
        ``weight``, that of the rows of the group whose certainty is in the band.
    fence : Frame
        The rows of least certainty, the least first: ``row`` (from 0), ``certainty``, and
        ``share_NAME`` for each group.
    """

    groups: tuple[str, ...]
    bars: Frame
    spread: Frame
    fence: Frame

    def shares(self, frame: Frame) -> FloatArray:
        """Return the responsibilities (n, k) in one of the frames."""
        return np.column_stack([frame[SHARE + group] for group in self.groups])


@dataclass(eq=False)
class Sums:
    """What is summed over blocks of rows: by group, by step and by band of certainty."""

    k: int
    weights: FloatArray = field(init=False)
    shares: FloatArray = field(init=False)
    bands: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.weights = np.zeros(self.k * STEPS)
        self.shares = np.zeros((self.k * STEPS, self.k))
        self.bands = np.zeros(self.k * len(BANDS))

    def add(self, shares: FloatArray, weights: FloatArray) -> None:
        """Add rows with their responsibilities (n, k) and weights (n,)."""
        group, sure = shares.argmax(axis=1), shares.max(axis=1)
        cell = group * STEPS + np.minimum(((1.0 - sure) * STEPS).astype(int), STEPS - 1)
        self.weights += np.bincount(cell, weights, self.k * STEPS)
        for j in range(self.k):
            self.shares[:, j] += np.bincount(cell, weights * shares[:, j], self.k * STEPS)
        band = group * len(BANDS) + np.searchsorted(EDGES, sure, side="right")
        self.bands += np.bincount(band, weights, self.k * len(BANDS))


def certainty_tables(
    model: Any, X: Any, *, sample_weight: ArrayLike | None = None, n_fence: int = 10
) -> Certainty:
    """Return how sure a model is of each row, in tables that stay small however many rows.

    Parameters
    ----------
    model : fitted estimator or Mixture
        One with responsibilities; k-means has none.
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights; rows of weight 0 are left out.
    n_fence : int, default=10
        Number of rows on the fence to list.

    Returns
    -------
    Certainty
        Bars, the spread of certainty in each group, and the rows on the fence.

    Raises
    ------
    InputError
        If the model has no responsibilities, or rows, weights or ``n_fence`` cannot be used.

    Examples
    --------
    >>> from mixtura import Mixture
    >>> from mixtura.view.certainty import certainty_tables
    >>> mixture = Mixture([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0], "spherical")
    >>> certainty_tables(mixture, [[-3.0], [0.1], [4.0]], n_fence=1).fence["row"].tolist()
    [1]
    """
    check_positive("n_fence", n_fence)
    groups, table, shares_of = responsibilities_of(model, X)
    weights = weights_of(sample_weight, table)
    sums, kept, numbers = Sums(len(groups)), [], []
    is_small = np.count_nonzero(weights) <= SINGLE
    for block in blocks(table, max(table.shape[1], len(groups))):
        shares, counting = shares_of(table[block]), np.flatnonzero(weights[block])
        shares, own = shares[counting], weights[block][counting]
        sums.add(shares, own)
        least = np.argsort(shares.max(axis=1), kind="stable")[: None if is_small else n_fence]
        kept.append(shares[least])
        numbers.append(block.start + counting[least])
    shares, rows = np.concatenate(kept), np.concatenate(numbers)
    spread = {
        "group": np.repeat(np.arange(sums.k), len(BANDS)),
        "band": np.tile(BANDS, sums.k),
        "weight": sums.bands,
    }
    first = np.argsort(shares.max(axis=1), kind="stable")[:n_fence]
    fence = {"row": rows[first], "certainty": shares[first].max(axis=1)}
    bars = single_bars(shares, weights[rows]) if is_small else mean_bars(sums)
    return Certainty(
        groups,
        Frame({"group": bars[1].argmax(axis=1), "weight": bars[0], **named(groups, bars[1])}),
        Frame(spread),
        Frame({**fence, **named(groups, shares[first])}),
    )


def responsibilities_of(
    model: Any, X: Any
) -> tuple[tuple[str, ...], NDArray[Any], Callable[[Any], FloatArray]]:
    """Return the groups that a model tells apart, rows (n, d), and what gives their shares."""
    if hasattr(model, "classes_"):  # of models with labels, whose classes have several components

        def by_class(rows: Any) -> FloatArray:
            with unnamed_columns():
                return np.asarray(model.predict_proba(rows))

        return tuple(map(str, model.classes_)), rows_of(X), by_class
    subject = subject_of(model)
    if subject.mixture is None:
        raise InputError(
            f"{type(model).__name__} assigns every row outright, so that there is no certainty: "
            "fit a mixture, or make one with as_mixture."
        )
    return subject.groups, subject.rows(X), subject.responsibilities


def named(groups: tuple[str, ...], shares: FloatArray) -> dict[str, FloatArray]:
    """Return responsibilities (n, k) as columns."""
    return {SHARE + group: shares[:, j] for j, group in enumerate(groups)}


def single_bars(shares: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return weights (n,) and responsibilities (n, k) of rows by group, the surest first."""
    order = np.lexsort([-shares.max(axis=1), shares.argmax(axis=1)])
    return weights[order], shares[order]


def mean_bars(sums: Sums) -> tuple[FloatArray, FloatArray]:
    """Return the same of rows that are about as sure."""
    there = sums.weights > 0.0
    weights = sums.weights[there]
    return weights, sums.shares[there] / weights[:, None]


class CertaintyDisplay:
    """How sure a model is: sorted responsibilities, certainty by group, rows on the fence.

    Parameters
    ----------
    tables : Certainty
        What ``certainty_tables`` returns.

    Attributes
    ----------
    ax_ : ndarray of matplotlib axes
        Those drawn on: responsibilities, certainty by group, rows on the fence; or the first.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import CertaintyDisplay
    >>> X = load_iris().data
    >>> display = CertaintyDisplay.from_estimator(GaussianMixture(3, random_state=0).fit(X), X)
    >>> len(display.ax_)
    3
    """

    def __init__(self, tables: Certainty) -> None:
        self.tables = tables

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        sample_weight: ArrayLike | None = None,
        n_fence: int = 10,
        ax: Any = None,
    ) -> CertaintyDisplay:
        """Draw how sure a fitted model is of rows.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            As ``certainty_tables`` takes it, like the next three.
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample_weight : array-like of shape (n_samples,), optional
            Row weights.
        n_fence : int, default=10
            Number of rows on the fence to list.
        ax : matplotlib axes or three of them, optional
            As ``plot`` takes them.

        Returns
        -------
        CertaintyDisplay
            The display, drawn.
        """
        tables = certainty_tables(estimator, X, sample_weight=sample_weight, n_fence=n_fence)
        return cls(tables).plot(ax)

    def plot(self, ax: Any = None) -> CertaintyDisplay:
        """Draw the tables.

        Parameters
        ----------
        ax : matplotlib axes or three of them, optional
            One takes the sorted responsibilities alone; a new figure with three by default.

        Returns
        -------
        CertaintyDisplay
            This display.
        """
        if ax is None:
            figure = pyplot().figure(figsize=(8.0, 6.4), layout="constrained")
            ax = list(figure.subplot_mosaic([[0, 0], [1, 2]], height_ratios=[1, 1.2]).values())
        self.ax_ = several_axes(ax, 1, 3)
        self.figure_ = self.ax_[0].figure
        for draw, each in zip((self._bars, self._spread, self._fence), self.ax_, strict=False):
            draw(each)
        return self

    def _colours(self) -> FloatArray:
        """Return the colour of each group."""
        groups = self.tables.groups
        is_noise = np.array([group == "noise" for group in groups])
        return np.where(is_noise[:, None], NONE_COLOUR, colours(len(groups)))

    def _bars(self, ax: Any) -> None:
        """Draw the responsibilities of sorted rows on top of each other."""
        bars, groups = self.tables.bars, self.tables.groups
        edges = np.append(0.0, np.cumsum(bars["weight"]))
        tops = np.cumsum(self.tables.shares(bars), axis=1)
        tops = np.vstack([tops, tops[-1:]])  # the last step needs an end
        below = np.zeros(len(tops))
        for top, colour in zip(tops.T, self._colours(), strict=True):
            ax.fill_between(edges, below, top, step="post", color=colour, linewidth=0)
            below = top
        sizes = np.bincount(bars["group"], bars["weight"], len(groups))
        ends = np.cumsum(sizes)
        wide = np.flatnonzero(sizes > 0.02 * ends[-1])
        for end in ends[:-1]:
            ax.axvline(end, color="white", linewidth=0.8)
        names = [label(groups[j], 10) for j in wide]
        turned = 45 if max(map(len, names)) > 5 else 0
        ax.set_xticks(ends[wide] - sizes[wide] / 2.0, names, fontsize=8, rotation=turned)
        ax.set(xlim=(0, ends[-1]), ylim=(0, 1), ylabel="responsibility", title="Responsibilities")
        ax.set_xlabel(f"{ends[-1]:,.10g} rows by group, the surest first")

    def _spread(self, ax: Any) -> None:
        """Draw how much of each group is how sure."""
        groups = self.tables.groups
        weights = self.tables.spread["weight"].reshape(len(groups), len(BANDS))
        totals = np.maximum(weights.sum(axis=1), np.finfo(float).tiny)
        left = np.zeros(len(groups))
        ramp = shades()[np.linspace(0, 255, len(BANDS)).astype(int)]
        for band in reversed(range(len(BANDS))):
            share = 100.0 * weights[:, band] / totals
            style = {"color": ramp[band], "edgecolor": "black", "linewidth": 0.3}
            ax.barh(np.arange(len(groups)), share, left=left, label=BANDS[band], **style)
            left += share
        name_cells(ax.yaxis, groups, most=13)
        ax.invert_yaxis()
        ax.set(xlim=(0, 100), xlabel="rows (%)", ylabel="group", title="Certainty")
        ax.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.17))

    def _fence(self, ax: Any) -> None:
        """Draw the responsibilities of the rows that are least certain."""
        fence, groups, own = self.tables.fence, self.tables.groups, self._colours()
        shares = self.tables.shares(fence)
        left = np.zeros(len(shares))
        for j, group in enumerate(groups):
            there: NDArray[np.intp] = np.flatnonzero(shares[:, j] > 0.002)
            name = label(group, 10)
            ax.barh(there, shares[there, j], left=left[there], color=own[j], edgecolor="white")
            for row in there[shares[there, j] > max(0.12, LETTER * len(name))]:
                middle = left[row] + shares[row, j] / 2.0
                style = {"ha": "center", "va": "center", "fontsize": 7, "color": ink(own[j])}
                ax.text(middle, row, name, **style)
            left += shares[:, j]
        ax.set_yticks(np.arange(len(shares)), [f"row {row}" for row in fence["row"]], fontsize=8)
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel="responsibility", title="Rows on the fence")
