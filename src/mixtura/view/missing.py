"""Where a table has holes: how many in each column, and which cells are missing together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.estimators.fitting import check_positive
from mixtura.view.canvas import label, pyplot, several_axes
from mixtura.view.frame import Frame
from mixtura.view.heat import WITH_LABELS, name_cells
from mixtura.view.palette import HUES
from mixtura.view.rows import blocks, rows_of, weights_of
from mixtura.view.subject import names_of, subject_of

#: Columns that a pattern is known by exactly; of more, sums of random numbers tell patterns apart,
#: of which two of 10 million are the same with a probability below 1e-5.
BITS = 64


def missing_tables(
    X: Any,
    *,
    names: Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
    n_patterns: int = 12,
) -> tuple[Frame, Frame]:
    """Return how many cells of each column are missing, and the patterns they make.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing.
    names : sequence of str, optional
        The names of the columns; by default those of a data frame, or x0, x1 and so on.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights.
    n_patterns : int, default=12
        Number of patterns to list.

    Returns
    -------
    columns : Frame
        ``column``, ``rows`` in which it is missing (their weight) and ``share`` of all rows.
    patterns : Frame
        The most frequent patterns, a line for each of their cells: ``pattern`` (from 0),
        ``column``, ``missing`` (whether it is, in this pattern), and ``rows`` and ``share`` of the
        pattern.

    Raises
    ------
    InputError
        If rows, weights or ``n_patterns`` cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura.view.missing import missing_tables
    >>> columns, patterns = missing_tables([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    >>> columns["rows"].tolist(), patterns["missing"].reshape(2, 2).tolist()
    ([0.0, 2.0], [[False, True], [False, False]])
    """
    check_positive("n_patterns", n_patterns)
    rows = rows_of(X)
    d, weights = rows.shape[1], weights_of(sample_weight, rows)
    names, total = names_of(d, X) if names is None else names, weights.sum()
    if len(names) != d:
        raise InputError(f"names holds {len(names)} names; X has {d} columns.")
    keys, missing = np.empty(len(rows), dtype=np.uint64), np.zeros(d)
    code = codes(d)
    for block in blocks(rows, d):
        holes = np.isnan(rows[block])
        missing += weights[block] @ holes
        keys[block] = holes @ code
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    sizes = np.bincount(which, weights)
    most = np.argsort(-sizes, kind="stable")[:n_patterns]
    most = most[sizes[most] > 0.0]
    columns = Frame({"column": names, "rows": missing, "share": missing / total})
    patterns = {
        "pattern": np.repeat(np.arange(len(most)), d),
        "column": np.tile(names, len(most)),
        "missing": np.isnan(rows[first[most]]).ravel(),
        "rows": np.repeat(sizes[most], d),
        "share": np.repeat(sizes[most] / total, d),
    }
    return columns, Frame(patterns)


def codes(d: int) -> NDArray[np.uint64]:
    """Return numbers (d,) whose sums over missing cells tell patterns apart."""
    if d <= BITS:
        return np.uint64(1) << np.arange(d, dtype=np.uint64)
    return np.random.default_rng(0).integers(0, 2**64, d, dtype=np.uint64)


class MissingDisplay:
    """Missing cells: their share of each column, and which are missing together.

    Parameters
    ----------
    columns, patterns : Frame
        What ``missing_tables`` returns.

    Attributes
    ----------
    ax_ : ndarray of matplotlib axes
        Those drawn on: shares and patterns; or the patterns alone.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura.view import MissingDisplay
    >>> display = MissingDisplay.from_table([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    >>> [text.get_text() for text in display.ax_[1].get_yticklabels()]
    ['2 rows (66.7%)', '1 row (33.3%)']
    """

    def __init__(self, columns: Frame, patterns: Frame) -> None:
        self.columns = columns
        self.patterns = patterns

    @classmethod
    def from_table(
        cls,
        X: Any,
        *,
        names: Sequence[str] | None = None,
        sample_weight: ArrayLike | None = None,
        n_patterns: int = 12,
        ax: Any = None,
    ) -> MissingDisplay:
        """Draw where a table has holes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as ``missing_tables`` takes them, like the next three.
        names : sequence of str, optional
            Names of the columns.
        sample_weight : array-like of shape (n_samples,), optional
            Row weights.
        n_patterns : int, default=12
            Number of patterns to draw.
        ax : matplotlib axes or two of them, optional
            As ``plot`` takes them.

        Returns
        -------
        MissingDisplay
            The display, drawn.
        """
        settings: dict[str, Any] = {"sample_weight": sample_weight, "n_patterns": n_patterns}
        return cls(*missing_tables(X, names=names, **settings)).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, **options: Any) -> MissingDisplay:
        """Draw where a table has holes; the model tells the names of its columns.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            A model of the columns of the table.
        X : array-like of shape (n_samples, n_features)
            Rows.
        **options : dict, optional
            As ``from_table`` takes them, but for ``names``.

        Returns
        -------
        MissingDisplay
            The display, drawn.
        """
        subject = subject_of(estimator, X)
        subject.rows(X)  # whose names must be the model's
        return cls.from_table(X, names=subject.columns, **options)

    def plot(self, ax: Any = None) -> MissingDisplay:
        """Draw shares of columns above patterns.

        Parameters
        ----------
        ax : matplotlib axes or two of them, optional
            One takes the patterns alone; a new figure with two by default.

        Returns
        -------
        MissingDisplay
            This display.
        """
        d = self.columns.n_rows
        n_patterns = self.patterns.n_rows // d
        if ax is None:
            size = (min(12.0, max(5.5, 3.5 + 0.4 * d)), 2.8 + 0.24 * n_patterns)
            options = {"height_ratios": [1.5, max(1.0, 0.24 * n_patterns)], "layout": "constrained"}
            ax = pyplot().subplots(2, 1, figsize=size, sharex=True, **options)[1]
        self.ax_ = several_axes(ax, 1, 2)
        self.figure_ = self.ax_[0].figure
        if len(self.ax_) > 1:
            self._shares(self.ax_[0])
        self._patterns(self.ax_[-1], n_patterns, d)
        cells = "Missing cells" if self.columns["rows"].any() else "No cell is missing"
        self.ax_[0].set_title(cells)
        return self

    def _shares(self, ax: Any) -> None:
        """Draw the share of each column that is missing."""
        share = 100.0 * self.columns["share"]
        bars = ax.bar(np.arange(len(share)), share, color=HUES[5], width=0.8)
        if len(share) <= 12:
            ax.bar_label(bars, [f"{each:.3g}" for each in share], fontsize=7)
        ax.set(ylabel="missing (%)", ylim=(0, max(1.0, 1.15 * share.max())))

    def _patterns(self, ax: Any, n_patterns: int, d: int) -> None:
        """Draw which columns are missing in each pattern."""
        missing = self.patterns["missing"].reshape(n_patterns, d)
        pixels = np.where(missing[..., None], HUES[5], np.full(3, 0.93))
        ax.imshow(pixels, aspect="auto", interpolation="nearest")
        ax.grid(visible=False)  # some styles have one, over the cells
        if d <= WITH_LABELS:
            edges = np.arange(d + 1) - 0.5
            ax.vlines(edges, -0.5, n_patterns - 0.5, color="white", linewidth=1.0)
        ax.hlines(np.arange(n_patterns + 1) - 0.5, -0.5, d - 0.5, color="white", linewidth=1.0)
        told = zip(self.patterns["rows"][::d], self.patterns["share"][::d], strict=True)
        names = [
            f"{rows:,.10g} {'row' if rows == 1 else 'rows'} ({share:.1%})" for rows, share in told
        ]
        ax.set_yticks(np.arange(n_patterns), names, fontsize=8)
        long = max(len(label(name)) for name in self.columns["column"]) > 4
        name_cells(ax.xaxis, self.columns["column"].tolist(), rotated=long)
        ax.set_xlabel("filled: missing; every line is a pattern of rows")
