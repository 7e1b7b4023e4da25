"""What is filled in for missing cells, beside what is observed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.estimators.fitting import check_positive
from mixtura.estimators.imputing import drawn, imputed
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import grid_of, inks, label, several_axes
from mixtura.view.frame import Frame
from mixtura.view.palette import HUES, NONE_COLOUR
from mixtura.view.subject import Subject, subject_of

#: Rows with holes that are filled in at most, evenly spaced; draws that intervals come from.
MOST_ROWS, DRAWS = 20_000, 200
BINS = 30
#: The line of imputed cells leaves the axes at so many times the highest bar of observed ones.
CUT = 2.0
#: Panels side by side.
ABREAST = 4


@dataclass(frozen=True, eq=False)
class Imputation:
    """What ``imputation_tables`` returns.

    Attributes
    ----------
    columns : tuple of str
        Those with missing cells, the ones with most of them first.
    bins : Frame
        ``column``, ``left`` and ``right`` end, and the shares of the column's ``observed`` and
        ``imputed`` cells between them (each sums to 1 over a column).
    cells : Frame
        Some missing cells: ``row`` (from 0), ``column``, ``value`` filled in, and ``low`` and
        ``high``, between which the model expects nine of ten.
    counts : Frame
        ``column``, and its numbers of cells ``observed`` and ``missing``.
    """

    columns: tuple[str, ...]
    bins: Frame
    cells: Frame
    counts: Frame


def imputation_tables(
    model: Any, X: Any, *, n_columns: int = 12, n_cells: int = 20, random_state: int = 0
) -> Imputation:
    """Return distributions of observed and imputed cells, and intervals for some of these.

    Parameters
    ----------
    model : fitted estimator or Mixture
        A mixture, or a ``MixtureImputer``.
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing. Of more than 20,000 rows with missing cells as many,
        evenly spaced, are filled in.
    n_columns : int, default=12
        Number of columns, at most; those with the most missing cells.
    n_cells : int, default=20
        Number of cells of each column to give intervals for, spread evenly over their values.
    random_state : int, default=0
        Seed of the draws that the intervals come from.

    Returns
    -------
    Imputation
        The tables.

    Raises
    ------
    InputError
        If the model is no mixture, no cell is missing, or a number is not a positive one.
    """
    check_positive("n_columns", n_columns)
    check_positive("n_cells", n_cells)
    subject = subject_of(getattr(model, "model_", model), X)
    subject = replace(subject, estimator=model)  # an imputer knows the columns' names
    if subject.mixture is None:
        raise InputError(f"{type(model).__name__} fills in nothing: give a mixture or its imputer.")
    rows = subject.rows(X)
    holes = np.isnan(rows)
    missing = holes.sum(axis=0)
    if not missing.any():
        raise InputError("X has no missing cell: there is nothing to fill in.")
    chosen = [int(j) for j in np.argsort(-missing, kind="stable")[:n_columns] if missing[j]]
    where = evenly(np.flatnonzero(holes[:, chosen].any(axis=1)), MOST_ROWS)
    filled = imputed(rows[where], subject.mixture)
    bins, cells = [], []
    for j in chosen:
        own = np.flatnonzero(holes[where, j])
        bins.append(shares(rows[~holes[:, j], j], filled[own, j]))
        ranked = own[np.argsort(filled[own, j], kind="stable")]
        cells.append((j, where[evenly(ranked, n_cells)], filled[evenly(ranked, n_cells), j]))
    names = tuple(subject.columns[j] for j in chosen)
    widths = [len(part[1]) for part in cells]
    intervals = intervals_of(subject, rows, cells, random_state)
    return Imputation(
        names,
        Frame({"column": np.repeat(names, BINS), **joined(bins)}),
        Frame({"column": np.repeat(names, widths), **joined(intervals)}),
        Frame(
            {"column": names, "observed": len(rows) - missing[chosen], "missing": missing[chosen]}
        ),
    )


def evenly(places: NDArray[Any], most: int) -> NDArray[Any]:
    """Return at most so many of some places, the first and the last among them."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).round().astype(int)]


def shares(observed: FloatArray, filled: FloatArray) -> dict[str, FloatArray]:
    """Return bins that hold all values, and the share of either kind in each."""
    both = np.concatenate([observed, filled]).astype(np.float64)
    edges = np.histogram_bin_edges(both, BINS)
    parts = [np.histogram(each, edges)[0] / max(len(each), 1) for each in (observed, filled)]
    return {"left": edges[:-1], "right": edges[1:], "observed": parts[0], "imputed": parts[1]}


def intervals_of(
    subject: Subject, rows: NDArray[Any], cells: list[Any], random_state: int
) -> list[dict[str, FloatArray]]:
    """Return where the middle nine tenths of draws lie for cells of some columns."""
    assert subject.mixture is not None
    needed = np.unique(np.concatenate([where for _, where, _ in cells]))
    rng = np.random.default_rng(random_state)
    draws = drawn(rows[needed], subject.mixture, DRAWS, rng)
    found = []
    for j, where, values in cells:
        own = draws[:, np.searchsorted(needed, where), j]
        low, high = np.quantile(own, [0.05, 0.95], axis=0)
        found.append({"row": where, "value": values, "low": low, "high": high})
    return found


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return columns that follow each other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class ImputationDisplay:
    """Observed and imputed values of each column with missing cells, with intervals.

    Observed cells are grey bars, imputed ones a line; below them are some imputed cells with the
    interval in which the model expects nine of ten.

    Parameters
    ----------
    tables : Imputation
        What ``imputation_tables`` returns.

    Attributes
    ----------
    ax_ : ndarray of matplotlib axes
        One for each column.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureImputer
    >>> from mixtura.view import ImputationDisplay
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> X[::5, 1] = np.nan
    >>> display = ImputationDisplay.from_estimator(MixtureImputer(1, random_state=0).fit(X), X)
    >>> display.ax_[0].get_title()
    '10 of 50 missing'
    """

    def __init__(self, tables: Imputation) -> None:
        self.tables = tables

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_columns: int = 12,
        n_cells: int = 20,
        random_state: int = 0,
        ax: Any = None,
    ) -> ImputationDisplay:
        """Draw what a fitted model fills in.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            As ``imputation_tables`` takes it, like the next four.
        X : array-like of shape (n_samples, n_features)
            Rows.
        n_columns : int, default=12
            Number of columns.
        n_cells : int, default=20
            Number of cells with intervals.
        random_state : int, default=0
            Seed.
        ax : matplotlib axes or several, optional
            As ``plot`` takes them.

        Returns
        -------
        ImputationDisplay
            The display, drawn.
        """
        settings = {"n_columns": n_columns, "n_cells": n_cells, "random_state": random_state}
        return cls(imputation_tables(estimator, X, **settings)).plot(ax)

    def plot(self, ax: Any = None) -> ImputationDisplay:
        """Draw a panel for each column.

        Parameters
        ----------
        ax : matplotlib axes or several, optional
            One for each of the first columns; a new figure for all of them by default.

        Returns
        -------
        ImputationDisplay
            This display.
        """
        n = len(self.tables.columns)
        is_new = ax is None
        if is_new:
            wide = min(n, ABREAST)
            cell = (max(2.8, 5.0 / wide), 2.6)
            ax = grid_of(-(-n // wide), wide, cell=cell)[1].ravel()
            for empty in ax[n:]:
                empty.remove()
            ax = ax[:n]
        self.ax_ = several_axes(ax)
        self.figure_ = self.ax_[0].figure
        for each, column in zip(self.ax_, self.tables.columns, strict=False):
            self._column(each, column)
        if is_new:
            handles = self.ax_[0].get_legend_handles_labels()[0]
            self.figure_.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8)
        else:
            self.ax_[0].legend(fontsize=7)
        return self

    def _column(self, ax: Any, column: str) -> None:
        """Draw the distributions of a column, and intervals below them."""
        bins, cells, counts = (
            {name: values[frame["column"] == column] for name, values in frame.items()}
            for frame in (self.tables.bins, self.tables.cells, self.tables.counts)
        )
        width = bins["right"] - bins["left"]
        observed, filled = 100.0 * bins["observed"], 100.0 * bins["imputed"]
        ax.bar(bins["left"], observed, width, align="edge", color=NONE_COLOUR, label="observed")
        edges = np.append(bins["left"], bins["right"][-1])
        ax.stairs(filled, edges, color=HUES[5], linewidth=1.5, label="imputed")
        most = CUT * observed.max() if observed.any() else np.inf
        top = min(most, max(observed.max(), filled.max()))  # a few cells are in a bin or two
        y = -top * np.linspace(0.06, 0.5, len(cells["row"]))
        line = {"color": HUES[0], "linewidth": 1.0}
        ax.hlines(y, cells["low"], cells["high"], label="90 % of what may be", **line)
        ax.plot(cells["value"], y, "o", color=HUES[5], markersize=2.5)
        ax.axhline(0.0, color=inks(ax)[0], linewidth=0.6)
        ax.set(ylim=(-0.56 * top, 1.08 * top), xlabel=label(column), ylabel="cells (%)")
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
        n_missing = int(counts["missing"][0])
        total = n_missing + int(counts["observed"][0])
        ax.set_title(f"{n_missing:,} of {total:,} missing", fontsize=9)
