"""Rows that are images: the means of components, and rows that are near to them or to none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.model.families.base import FloatArray
from mixtura.view.canvas import axes_of, inks
from mixtura.view.frame import Frame
from mixtura.view.palette import NONE_COLOUR
from mixtura.view.rows import blocks
from mixtura.view.subject import Subject, subject_of

MEAN, NEAREST, UNCERTAIN = "mean", "nearest", "uncertain"
TITLES = {
    MEAN: "Means of the components",
    NEAREST: "below each, the rows nearest to it",
    UNCERTAIN: "last, the least certain rows and how certain",
}
#: Components side by side; inches that an image is wide; gaps between images, and bands for text
#: above them, as parts of an image.
ABREAST, INCHES, GAP, BAND = 10, 0.6, 0.12, 0.5


def images_table(
    model: Any, X: Any = None, *, shape: Sequence[int], n_examples: int = 3, n_uncertain: int = 10
) -> tuple[Frame, FloatArray]:
    """Return the means of components as images, with rows nearest to each and least certain.

    Parameters
    ----------
    model : fitted estimator or Mixture
        A mixture or k-means.
    X : array-like of shape (n_samples, n_features), optional
        Rows to take examples from; without them there are the means alone.
    shape : sequence of int
        Height and width of an image, and 3 as the last for colours; their product is the number
        of columns.
    n_examples : int, default=3
        Number of rows for each component: those assigned to it that are nearest to its mean, by
        the mean squared difference of their observed cells.
    n_uncertain : int, default=10
        Number of rows of least certainty; of k-means, which has none, there are none.

    Returns
    -------
    frame : Frame
        A line for each image: ``kind`` (mean, nearest, uncertain), ``component`` (the most
        probable), ``row`` (from 0; -1 of means) and ``certainty`` (NaN of means).
    images : ndarray of shape (n_images, *shape)
        The images.

    Raises
    ------
    InputError
        If ``shape`` does not fit the model, a number is negative, or the rows cannot be used.
    """
    subject = subject_of(model, X)
    size = checked_shape(shape, subject.means.shape[1])
    if min(n_examples, n_uncertain) < 0:
        raise InputError("n_examples and n_uncertain must be at least 0.")
    k = subject.k
    columns: dict[str, Any] = {
        "kind": [MEAN] * k,
        "component": list(range(k)),
        "row": [-1] * k,
        "certainty": [np.nan] * k,
    }
    images = [subject.means]
    if X is not None:
        rows = subject.rows(X)
        n_uncertain = 0 if subject.mixture is None else n_uncertain
        for kind, group, row, sure in examples(subject, rows, n_examples, n_uncertain):
            found = (kind, group, row, sure)
            for name, value in zip(columns, found, strict=True):
                columns[name].append(value)
        images.append(rows[np.array(columns["row"][k:], dtype=int)])
    return Frame(columns), np.concatenate(images).reshape(-1, *size).astype(np.float64)


def checked_shape(shape: Sequence[int], d: int) -> tuple[int, ...]:
    """Return the shape of an image, or raise unless it has as many numbers as there are columns."""
    size = tuple(int(n) for n in shape)
    colours = len(size) == 3 and size[2] == 3
    if not (len(size) == 2 or colours) or min(size) < 1 or int(np.prod(size)) != d:
        raise InputError(
            f"shape={size} must be height and width of an image (and 3 where it has colours) whose "
            f"product is the number of columns, {d}."
        )
    return size


def examples(
    subject: Subject, rows: NDArray[Any], n_examples: int, n_uncertain: int
) -> list[tuple[str, int, int, float]]:
    """Return kind, component, row and certainty of the rows to show."""
    n, k = len(rows), subject.k
    group, sure, distance = np.empty(n, dtype=int), np.empty(n), np.empty(n)
    for block in blocks(rows, max(rows.shape[1], k)):
        shares = subject.responsibilities(rows[block])
        group[block], sure[block] = shares.argmax(axis=1), shares.max(axis=1)
        centre = subject.means[np.minimum(group[block], k - 1)]  # noise comes after the components
        there = ~np.isnan(rows[block])
        squares = np.where(there, rows[block] - centre, 0.0) ** 2
        count = there.sum(axis=1)
        distance[block] = np.where(count, squares.sum(axis=1) / np.maximum(count, 1), np.inf)
    found = []
    for j in range(k):
        own = np.flatnonzero((group == j) & np.isfinite(distance))
        near = own[np.argsort(distance[own], kind="stable")[:n_examples]]
        found += [(NEAREST, j, int(row), float(sure[row])) for row in near]
    least = np.argsort(sure, kind="stable")[:n_uncertain]
    return found + [(UNCERTAIN, int(group[row]), int(row), float(sure[row])) for row in least]


class ImagesDisplay:
    """Means of components as images, above the rows nearest to them; last, the least certain rows.

    Parameters
    ----------
    frame : Frame
        What ``images_table`` returns first.
    images : ndarray of shape (n_images, height, width) or (n_images, height, width, 3)
        What it returns then.

    Attributes
    ----------
    ax_ : matplotlib axes
        Those drawn on.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from mixtura import KMeans
    >>> from mixtura.view import ImagesDisplay
    >>> X = load_digits().data
    >>> model = KMeans(10, n_init=1, random_state=0).fit(X)
    >>> display = ImagesDisplay.from_estimator(model, X, shape=(8, 8))
    >>> display.images.shape
    (40, 8, 8)
    """

    def __init__(self, frame: Frame, images: FloatArray) -> None:
        self.frame = frame
        self.images = images

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        shape: Sequence[int],
        n_examples: int = 3,
        n_uncertain: int = 10,
        ax: Any = None,
    ) -> ImagesDisplay:
        """Draw the components of a fitted model as images.

        Parameters
        ----------
        estimator : fitted estimator or Mixture
            As ``images_table`` takes it, like the next four.
        X : array-like of shape (n_samples, n_features), optional
            Rows.
        shape : sequence of int
            Shape of an image.
        n_examples : int, default=3
            Rows for each component.
        n_uncertain : int, default=10
            Rows of least certainty.
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ImagesDisplay
            The display, drawn.
        """
        counts = {"n_examples": n_examples, "n_uncertain": n_uncertain}
        return cls(*images_table(estimator, X, shape=shape, **counts)).plot(ax)

    def plot(self, ax: Any = None) -> ImagesDisplay:
        """Draw the images, numbered as the components are.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ImagesDisplay
            This display.
        """
        high, wide = self.images.shape[1:3]
        places, marks, (height, width) = layout(self.frame, high, wide)
        scale = INCHES / wide
        self.ax_ = axes_of(ax, size=(max(4.0, scale * width + 0.4), scale * height + 0.5))
        self.figure_ = self.ax_.figure
        on, off = inks(self.ax_)
        canvas = np.full((height, width, 3), float(off == "white"))
        for (y, x), image in zip(places, shaded(self.images), strict=True):
            canvas[y : y + high, x : x + wide] = image
        self.ax_.imshow(canvas, interpolation="nearest")
        style = {"ha": "center", "va": "bottom", "fontsize": 8, "color": on}
        for left, top, text in marks:
            middle, edge = left + (wide - 1) / 2.0, top - 0.5  # pixels begin half a pixel earlier
            self.ax_.text(middle, edge - 0.08 * high, text, **style)
        self.ax_.set_axis_off()
        kinds = [kind for kind in TITLES if kind in self.frame["kind"]]
        self.ax_.set_title(",\n".join(TITLES[kind] for kind in kinds), fontsize=9)
        return self


def layout(
    frame: Frame, high: int, wide: int
) -> tuple[list[tuple[int, int]], list[tuple[float, float, str]], tuple[int, int]]:
    """Return where images begin (y, x), what is written where (x, y), and the whole's extent.

    All are in pixels. Under each mean come the rows nearest to it, and last those least certain,
    with their certainty.
    """
    gap, band = max(1, round(GAP * wide)), max(3, round(BAND * high))
    step = high + gap
    nearest = frame["component"][frame["kind"] == NEAREST]
    means = int(np.count_nonzero(frame["kind"] == MEAN))
    most = int(np.bincount(nearest, minlength=1).max())
    places: list[tuple[int, int]] = []
    marks: list[tuple[float, float, str]] = []
    shown = dict.fromkeys(range(means), 0)
    line = band + (1 + most) * step
    below = -(-means // ABREAST) * line + gap
    n_uncertain = 0
    for kind, j, sure in zip(frame["kind"], frame["component"], frame["certainty"], strict=True):
        if kind == UNCERTAIN:
            row, column = divmod(n_uncertain, ABREAST)
            y, x = below + row * (band + step) + band, column * (wide + gap)
            marks.append((x, y, f"{sure:.2f}"))
            n_uncertain += 1
        else:
            row, column = divmod(int(j), ABREAST)
            y, x = row * line + band + shown[int(j)] * step, column * (wide + gap)
            shown[int(j)] += 1
            if kind == MEAN:
                marks.append((x, y, str(j)))
        places.append((y, x))
    return places, marks, (max(y for y, _ in places) + high, max(x for _, x in places) + wide)


def shaded(images: FloatArray) -> FloatArray:
    """Return images (n, height, width, 3) with numbers from 0 to 1, grey where a cell is missing.

    Of one number for each pixel the least is black and the largest white; colours are as they are,
    from 0 to 1, or to 255 where there is a larger one than 1.
    """
    least, most = float(np.nanmin(images)), float(np.nanmax(images))
    if images.ndim == 4:
        shades = np.clip(images / (255.0 if most > 1.0 else 1.0), 0.0, 1.0)
    else:
        shades = (images - least) / (most - least if most > least else 1.0)
        shades = np.repeat(shades[..., None], 3, axis=3)
    return np.where(np.isnan(shades), NONE_COLOUR, shades)
