"""Many columns along the two directions that show most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.estimators.imputing import imputed
from mixtura.estimators.validation import validated_weights
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.model.projection import Projection, principal, separating
from mixtura.view.aggregation import scatters
from mixtura.view.canvas import axes_of, label
from mixtura.view.clusters import Plane, plane_of, title_of
from mixtura.view.ellipses import MASSES, check_masses
from mixtura.view.frame import Frame
from mixtura.view.subject import Subject, subject_of, unnamed_columns

METHODS = ("separation", "pca")
#: Columns that the label of an axis names.
NAMES_SHOWN = 2


@dataclass(eq=False, repr=False)
class ProjectionDisplay:
    """The rows of many columns in the plane that separates the components best.

    The plane is found from the model, not from the rows. Missing cells are filled in with what
    the mixture expects of them given the others; rows without any are left out. Colours, ellipses
    and the raster of many rows are those of ``ClustersDisplay``; the axes say what part of the
    separation, or of the variance, they show, and which columns have most to do with them.

    Attributes
    ----------
    plane : Plane
        The tables: ``scatter`` (rows or cells), ``means``, ``ellipses``.
    directions : Frame
        ``column``, ``direction`` (n_features, 2), which takes deviations from the mixture's mean
        to coordinates, and ``loading`` (n_features, 2), the same for columns scaled to variance 1.
    parts : ndarray of shape (2,)
        Parts of the separation or variance.
    shows : str
        What the parts are of: ``'separation'`` or ``'variance'``.
    n_filled : int
        Rows with missing cells that were filled in.
    ax_ : matplotlib.axes.Axes
        What was drawn on, after ``plot``.
    figure_ : matplotlib.figure.Figure
        The figure of it.

    See Also
    --------
    ClustersDisplay : Two of the columns as they are.

    Notes
    -----
    The directions maximise how much means and covariances of components vary, relative to the
    covariance of all rows [1]_. Components that do not differ at all, or one alone, are drawn
    along the principal axes. Those are of columns scaled to variance 1.

    References
    ----------
    .. [1] Scrucca, L. (2010). Dimension reduction for model-based clustering. *Statistics and
       Computing* 20(4). :doi:`10.1007/s11222-009-9138-7`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import ProjectionDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 4)) + [[0.0] * 4, [9.0, 9.0, 0.0, 0.0]] * 30
    >>> model = GaussianMixture(2, covariance_type="tied", random_state=0).fit(X)
    >>> ProjectionDisplay.from_estimator(model, X).parts.round(6).tolist()
    [1.0, 0.0]
    """

    plane: Plane
    directions: Frame
    parts: FloatArray
    shows: str
    n_filled: int

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        method: str = "separation",
        masses: Sequence[float] = MASSES,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ProjectionDisplay:
        """Compute and draw the projection.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            The model, of two columns or more. Of k-means, which has no covariances, clusters are
            taken to have one in common, and no ellipses are drawn.
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        method : {'separation', 'pca'}, default='separation'
            Directions that separate components best, or principal axes.
        masses : sequence of float, default=(0.5, 0.9)
            The parts of components that ellipses hold, between 0 and 1.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights, where rows are counted.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        ProjectionDisplay
            The display, drawn.

        Raises
        ------
        InputError
            If the model cannot be drawn, the table is not one of its columns, or a parameter
            cannot be used.
        """
        subject = subject_of(estimator, X)
        masses = check_masses(masses)
        check_method(subject, method)
        rows = subject.rows(X)
        weights = validated_weights(sample_weight, rows)
        mixture = mixture_of(subject, rows, weights)
        projection, shows = projection_of(mixture, method)
        place = Filling(mixture, projection)
        scatter = scatters(rows, [place], subject.responsibilities, weights)[0]
        plane = plane_of(
            subject,
            scatter,
            projection.project(mixture.means),
            None if subject.mixture is None else projection.project_mixture(mixture),
            axis_labels(projection, subject.columns, shows),
            masses=masses,
        )
        directions = direction_table(projection, subject.columns)
        return cls(plane, directions, projection.parts, shows, incomplete(rows, weights)).plot(ax)

    def plot(self, ax: Any = None, *, with_legend: bool = True) -> ProjectionDisplay:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure.
        with_legend : bool, default=True
            Whether to draw a legend.

        Returns
        -------
        ProjectionDisplay
            Itself.
        """
        self.ax_ = axes_of(ax)
        self.figure_ = self.ax_.figure
        filled = f"; {self.n_filled:,} filled in" if self.n_filled else ""
        title = title_of(self.plane, "without any cell") + filled
        self.plane.draw_alone(self.ax_, title, with_legend)
        return self


@dataclass(frozen=True, eq=False)
class Filling:
    """Places rows along directions, with missing cells filled in."""

    mixture: Mixture
    projection: Projection

    def __call__(self, block: NDArray[Any]) -> FloatArray:
        """Return the coordinates (b, 2) of rows (b, d), NaN of those without any cell."""
        lost = np.isnan(block)
        filled = imputed(block, self.mixture) if lost.any() else block
        points = self.projection.project(filled)
        points[lost.all(axis=1)] = np.nan
        return points


def check_method(subject: Subject, method: str) -> None:
    """Raise unless there is a plane, and a way to find it."""
    if method not in METHODS:
        raise InputError(f"method={method!r} is not one of {', '.join(METHODS)}.")
    if len(subject.columns) == 1:
        raise InputError("the model has one column, which DensityDisplay draws.")


def mixture_of(subject: Subject, rows: NDArray[Any], weights: FloatArray | None) -> Mixture:
    """Return the mixture of a model; of k-means that of its clusters, with one covariance."""
    if subject.mixture is not None:
        return subject.mixture
    if not hasattr(subject.estimator, "as_mixture"):
        raise InputError(
            f"{type(subject.estimator).__name__} has no mixture to project; fit mixtura's KMeans."
        )
    with unnamed_columns():
        return subject.estimator.as_mixture(rows, "tied", sample_weight=weights)


def projection_of(mixture: Mixture, method: str) -> tuple[Projection, str]:
    """Return two directions, and what they show most of."""
    found = separating(mixture) if method == "separation" else None
    return (principal(mixture), "variance") if found is None else (found, "separation")


def incomplete(rows: NDArray[Any], weights: FloatArray | None) -> int:
    """Return how many rows that count have some but not all cells missing."""
    lost = np.isnan(rows)
    some = lost.any(axis=1) & ~lost.all(axis=1)
    return int((some if weights is None else some & (weights > 0)).sum())


def direction_table(projection: Projection, columns: Sequence[str]) -> Frame:
    """Return what each column has to do with the directions."""
    return Frame(
        {
            "column": list(columns),
            "direction": projection.directions,
            "loading": projection.loadings,
        }
    )


def axis_labels(projection: Projection, columns: Sequence[str], shows: str) -> tuple[str, str]:
    """Return what the axes show, and the columns that weigh most with their signs."""
    texts = []
    for i, part in enumerate(projection.parts):
        loading = projection.loadings[:, i]
        first = np.argsort(-np.abs(loading), kind="stable")[:NAMES_SHOWN]
        names = [("+ " if loading[c] > 0 else "\N{MINUS SIGN} ") + label(columns[c]) for c in first]
        what = f"direction {i + 1}: {100 * part:.1f} % of the {shows}"
        texts.append(f"{what}\n{'  '.join(names)}")
    return texts[0], texts[1]
