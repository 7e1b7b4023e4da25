"""What the groups are like: means of components in standard deviations of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixtura._errors import InputError
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import axes_of, inks, label
from mixtura.view.frame import Frame
from mixtura.view.heat import heat_map, name_cells
from mixtura.view.palette import colours, dash, marker
from mixtura.view.rows import blocks, weights_of
from mixtura.view.subject import Subject, subject_of

KINDS = ("auto", "lines", "heat")
#: Components and columns up to which lines can be told apart.
FEW, NARROW = 8, 20
#: Components below each other in a legend.
LISTED = 17
#: Standard deviations from the table's mean at which a heat map's shades end.
DARKEST = 2.0

Moments = tuple[FloatArray, FloatArray, FloatArray]


def profiles_table(model: Any, X: Any = None, *, sample_weight: ArrayLike | None = None) -> Frame:
    """Return mean and spread of every column in every component.

    Parameters
    ----------
    model : fitted estimator or Mixture
        A mixture or k-means.
    X : array-like of shape (n_samples, n_features), optional
        Rows, which tell the spread of the clusters of k-means (NaN where a cell is missing); of a
        mixture, whose parameters tell it, only the names of the columns are taken from here.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights of the rows, for k-means.

    Returns
    -------
    Frame
        ``component`` (from 0), ``column``, ``mean``, ``sd`` (within the component), and
        ``standardised_mean`` and ``standardised_sd``: from the mean of all rows, in standard
        deviations of all rows. A line for each component and column, columns as in the table.

    Raises
    ------
    InputError
        If the model cannot be drawn, or is k-means and there are no rows.

    Examples
    --------
    >>> from mixtura import Mixture
    >>> from mixtura.view.profiles import profiles_table
    >>> mixture = Mixture([0.5, 0.5], [[-3.0], [3.0]], [16.0, 16.0], "spherical")
    >>> profiles_table(mixture)["standardised_mean"].round(2).tolist()
    [-0.6, 0.6]
    """
    subject = subject_of(model, X)
    if subject.mixture is not None:
        weights, means, variances = moments_of(subject.mixture)
    elif X is None:
        raise InputError("k-means keeps no spread of its clusters: give the rows X.")
    else:
        weights, means, variances = moments_of_clusters(subject, X, sample_weight)
    share = weights / np.maximum(weights.sum(axis=0), np.finfo(float).tiny)  # of no cell, none
    centre = (share * means).sum(axis=0)
    total = np.sqrt((share * (variances + (means - centre) ** 2)).sum(axis=0))
    unit = np.where(total > 0.0, total, 1.0)
    k, d = means.shape
    found = {
        "mean": means,
        "sd": np.sqrt(variances),
        "standardised_mean": (means - centre) / unit,
        "standardised_sd": np.sqrt(variances) / unit,
    }
    places = {"component": np.repeat(np.arange(k), d), "column": np.tile(subject.columns, k)}
    return Frame({**places, **{name: values.ravel() for name, values in found.items()}})


def moments_of(mixture: Mixture) -> Moments:
    """Return weights, means and variances (k, d) of the components of a mixture."""
    k, d = mixture.means.shape
    matrices = mixture.family.full(mixture.covariances, k, d)
    weights = np.repeat(mixture.weights[:, None], d, axis=1)
    return weights, mixture.means, np.diagonal(matrices, axis1=1, axis2=2)


def moments_of_clusters(subject: Subject, X: Any, sample_weight: ArrayLike | None) -> Moments:
    """Return weights of observed cells, centres and variances (k, d) of the rows of clusters."""
    rows = subject.rows(X)
    row_weights = weights_of(sample_weight, rows)
    weights, squares = (np.zeros(subject.means.shape) for _ in range(2))
    for block in blocks(rows, max(rows.shape[1], subject.k)):
        labels = subject.responsibilities(rows[block]).argmax(axis=1)
        there = ~np.isnan(rows[block])
        weight = row_weights[block, None] * there
        apart = np.where(there, rows[block] - subject.means[labels], 0.0) ** 2
        for j in range(subject.k):
            own = labels == j
            weights[j] += weight[own].sum(axis=0)
            squares[j] += (weight[own] * apart[own]).sum(axis=0)
    return weights, subject.means, squares / np.where(weights > 0.0, weights, 1.0)


class ProfilesDisplay:
    """Standardised means of the components, column by column, with their spread.

    Up to 8 components and 20 columns are drawn as lines with bars of one standard deviation within
    the component to either side, more as a heat map of the means.

    Parameters
    ----------
    frame : Frame
        What ``profiles_table`` returns.

    Attributes
    ----------
    ax_ : matplotlib axes
        Those drawn on.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import ProfilesDisplay
    >>> X = load_wine(as_frame=True).data
    >>> model = GaussianMixture(3, covariance_type="diag", random_state=0).fit(X)
    >>> display = ProfilesDisplay.from_estimator(model, X)
    >>> display.ax_.get_xticklabels()[0].get_text()
    'alcohol'
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        kind: str = "auto",
        ax: Any = None,
    ) -> ProfilesDisplay:
        """Draw the profiles of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            As ``profiles_table`` takes it, like the next two.
        X : array-like of shape (n_samples, n_features), optional
            Rows.
        sample_weight : array-like of shape (n_samples,), optional
            Row weights.
        kind : {'auto', 'lines', 'heat'}, default='auto'
            As ``plot`` takes it.
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ProfilesDisplay
            The display, drawn.
        """
        return cls(profiles_table(estimator, X, sample_weight=sample_weight)).plot(ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str = "auto") -> ProfilesDisplay:
        """Draw the profiles.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.
        kind : {'auto', 'lines', 'heat'}, default='auto'
            How; ``'auto'`` goes by the number of components and columns.

        Returns
        -------
        ProfilesDisplay
            This display.

        Raises
        ------
        InputError
            If ``kind`` is none of these.
        """
        if kind not in KINDS:
            raise InputError(f"kind={kind!r} is not one of {', '.join(KINDS)}.")
        k = int(self.frame["component"].max()) + 1
        columns = self.frame["column"][: self.frame.n_rows // k]
        few = k <= FEW and len(columns) <= NARROW
        size = (min(12.0, max(5.0, 2.5 + 0.45 * len(columns))), 4.4)
        self.ax_ = axes_of(ax, size=size)
        self.figure_ = self.ax_.figure
        means, deviations = (
            self.frame[f"standardised_{name}"].reshape(k, -1) for name in ("mean", "sd")
        )
        if kind == "lines" or (kind == "auto" and few):
            self._lines(means, deviations, columns)
        else:
            self._heat(means, columns)
        self.ax_.set_title("Profiles of the components")
        return self

    def _lines(self, means: FloatArray, deviations: FloatArray, columns: Any) -> None:
        """Draw a line for each component, beside each other in each column."""
        k, d = means.shape
        shifts = np.linspace(-0.3, 0.3, k) if k > 1 else np.zeros(1)
        for j, colour in enumerate(colours(k)):
            style = {"color": colour, "linestyle": dash(j), "marker": marker(j), "markersize": 5}
            bars = {"linewidth": 0.8, "elinewidth": 1.5, "capsize": 2, "label": f"component {j}"}
            self.ax_.errorbar(np.arange(d) + shifts[j], means[j], deviations[j], **style, **bars)
        self.ax_.axhline(0.0, color=inks(self.ax_)[0], linewidth=0.6, zorder=0)
        self.ax_.set_xlim(-0.5, d - 0.5)
        long = max(len(label(name)) for name in columns) > 4
        name_cells(self.ax_.xaxis, columns, rotated=long)
        self.ax_.set_ylabel("mean ± sd within the component\n(sd of the table from its mean)")
        beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        self.ax_.legend(fontsize=8, ncols=-(-k // LISTED), frameon=False, **beside)

    def _heat(self, means: FloatArray, columns: Any) -> None:
        """Draw a cell for each component and column."""
        texts = np.array([[f"{mean:.1f}" for mean in row] for row in means])
        limits = (-DARKEST, DARKEST)
        image = heat_map(
            self.ax_,
            means,
            rows=range(len(means)),
            columns=columns,
            limits=limits,
            texts=texts,
            diverging=True,
        )
        self.ax_.set_ylabel("component")
        bar = self.figure_.colorbar(image, ax=self.ax_, extend="both")
        bar.set_label("mean (sd of the table from its mean)")
