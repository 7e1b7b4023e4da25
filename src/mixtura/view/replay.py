"""A fit as it went: components, responsibilities and log-likelihood, iteration by iteration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.model.families.base import FloatArray
from mixtura.view import recording
from mixtura.view.frame import Frame
from mixtura.view.recording import Stage
from mixtura.view.rows import rows_of
from mixtura.view.subject import subject_of

#: Rows that are drawn, and iterations that are shown, at most.
MOST_ROWS, MOST_FRAMES = 2000, 100


class Replay:
    """A recorded fit, to be replayed.

    Parameters
    ----------
    curve : Frame
        ``iteration``, ``value`` (log-likelihood in nats; of k-means the mean squared distance of
        the rows) and ``shown``, whether the iteration has a frame.
    rows : Frame
        ``row`` (number in the table), ``x`` and with two axes ``y``, ``filled`` (whether missing
        cells were filled in for it) and ``text``, what the row holds.
    components : Frame
        For each iteration shown: ``iteration``, ``component``, ``weight``, ``x``, ``xx`` (variance
        along the axis; NaN for k-means) and with two axes ``y``, ``xy``, ``yy``.
    assignments : Frame
        For each iteration shown: ``iteration``, ``row``, ``component`` (the most probable),
        ``probability`` and ``colour`` (red, green, blue from 0 to 1, mixed by responsibilities).
    axes : sequence of str
        Names of the one or two axes.
    quantity : str
        What the curve's values are.
    histogram : Frame, optional
        Of one axis: ``left``, ``right`` and ``density`` of the bars, over all rows.
    note : str, default=''
        What is left out, in words.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import Replay
    >>> X = load_iris().data[:, 2:]
    >>> model = GaussianMixture(3, random_state=0, record=True).fit(X)
    >>> replay = Replay.from_estimator(model, X)
    >>> replay.curve.n_rows == model.n_iter_ + 1
    True
    >>> replay.to_html("replay.html")  # doctest: +SKIP
    """

    def __init__(
        self,
        curve: Frame,
        rows: Frame,
        components: Frame,
        assignments: Frame,
        *,
        axes: Sequence[str],
        quantity: str,
        histogram: Frame | None = None,
        note: str = "",
    ) -> None:
        self.curve = curve
        self.rows = rows
        self.components = components
        self.assignments = assignments
        self.axes = tuple(axes)
        self.quantity = quantity
        self.histogram = histogram
        self.note = note

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        columns: Sequence[int | str] | None = None,
        *,
        max_rows: int = MOST_ROWS,
        max_frames: int = MOST_FRAMES,
    ) -> Replay:
        """Return the replay of a fit.

        Parameters
        ----------
        estimator : GaussianMixture, KMeans or FitResult
            Fitted with ``record=True``, or what ``run_em(..., record=True)`` returned.
        X : array-like of shape (n_samples, n_features)
            The rows of the fit; NaN means missing.
        columns : sequence of one or two int or str, optional
            Numbers or names of the columns to look at. By default all of them where there are one
            or two, else the two directions that separate the components best (of k-means, those
            that show most of the rows).
        max_rows : int, default=2000
            Rows that are drawn at most; of more, a random sample.
        max_frames : int, default=100
            Iterations that are shown at most. Of more, the first and the last are, half of the
            others at even steps of the log-likelihood and half at even steps of time.

        Returns
        -------
        Replay
            Its tables; ``to_html`` and ``save`` draw them.

        Raises
        ------
        InputError
            If the fit was not recorded, the table has other columns, or a parameter is unusable.
        """
        snapshots, values, quantity = recording.recording_of(estimator)
        for name, count, least in (("max_rows", max_rows, 1), ("max_frames", max_frames, 2)):
            if not isinstance(count, int | np.integer) or count < least:
                raise InputError(f"{name}={count!r} must be a whole number of at least {least}.")
        table, names = rows_of(X), subject_of(recording.last_model(estimator), X).columns
        if table.shape[1] != len(names):
            raise InputError(f"X has {table.shape[1]} columns; the fit had {len(names)}.")
        numbers = recording.drawn_rows(table, max_rows)
        rows = np.asarray(table[numbers], dtype=np.float64)
        if values is None:
            squares = (recording.squares(centres, rows) for centres in snapshots)
            values = np.array([each.min(axis=1).mean() for each in squares])
        frames = recording.frames_of(values, max_frames)
        filled = recording.filled_rows(rows, snapshots[-1])
        axes = recording.axes_of(columns, names, filled, snapshots[-1])
        stages = [Stage.of(snapshots[i], rows) for i in frames]
        return cls(
            recording.curve_table(values, frames),
            recording.row_table(numbers, rows, filled, axes, names),
            recording.component_table(frames, stages, axes),
            recording.assignment_table(frames, numbers, stages),
            axes=axes.names,
            quantity=quantity,
            histogram=recording.histogram_table(table, axes),
            note=recording.note_of(
                (len(frames), len(values)), (len(rows), len(table)), stages[0], axes
            ),
        )

    @property
    def iterations(self) -> NDArray[np.intp]:
        """The iterations that are shown."""
        found: NDArray[np.intp] = self.curve["iteration"][self.curve["shown"]]
        return found

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.components.n_rows // len(self.iterations)

    @property
    def limits(self) -> FloatArray:
        """The range (2, 2) along each axis that holds all frames."""
        return recording.limits_of(self.rows, self.components, self.histogram)

    def frame(self, number: int) -> tuple[Frame, Frame, float]:
        """Return components and assignments of a frame, from 0, and the value of the curve.

        Parameters
        ----------
        number : int
            Of the frame, from 0 to ``len(iterations) - 1``.

        Returns
        -------
        components, assignments : Frame
            The rows of the tables of that name.
        value : float
            Of the curve.
        """
        parts = []
        for table in (self.components, self.assignments):
            size = table.n_rows // len(self.iterations)
            part = slice(number * size, (number + 1) * size)
            parts.append(Frame({name: values[part] for name, values in table.items()}))
        return parts[0], parts[1], float(self.curve["value"][self.iterations[number]])

    def fragment(self, name: str = "replay") -> str:
        """Return the replay as HTML for the body of a document.

        Parameters
        ----------
        name : str, default='replay'
            Its id, and the beginning of those of its parts.

        Returns
        -------
        str
            What ``mixtura.view.interactive.page`` takes with the asset ``replay.js``.
        """
        from mixtura.view.player import fragment

        return fragment(self, name)

    def to_html(self, path: str | os.PathLike[str], *, title: str = "Replay of a fit") -> None:
        """Write one HTML file that plays offline, with a slider over the iterations.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced in one step, or left as it is on failure.
        title : str, default='Replay of a fit'
            The title, as text.

        Raises
        ------
        MissingDependencyError
            If plotly is not installed.
        """
        from mixtura.view.interactive import write
        from mixtura.view.player import document

        write(path, document(self, title))

    def save(self, path: str | os.PathLike[str], *, fps: float = 5.0) -> None:
        """Write an animation: a .gif, or a .mp4 where ffmpeg is installed.

        Parameters
        ----------
        path : str or path-like
            Where to; the name ends in .gif or .mp4.
        fps : float, default=5
            Frames per second.

        Raises
        ------
        InputError
            If the name ends otherwise, or ``fps`` is not positive.
        MissingDependencyError
            If matplotlib, or what writes such a file, is not installed.
        """
        from mixtura.view.animation import save

        save(self, path, fps)
