"""Groups against known labels: who is where."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.selection.evaluation import Evaluation, amount, evaluate
from mixtura.view.canvas import axes_of
from mixtura.view.frame import Frame
from mixtura.view.heat import heat_map


def contingency_table(evaluation: Evaluation) -> Frame:
    """Return the rows of each label in each cluster, matched ones in the same place.

    Parameters
    ----------
    evaluation : Evaluation
        What ``evaluate`` returns.

    Returns
    -------
    Frame
        ``label``, ``cluster``, ``rows`` (their weight), ``share`` of the cluster's rows, and
        ``matched``, whether the best matching one to one gives the label to the cluster. Clusters
        are in the order of their labels, so that what is matched is on the diagonal, as far as
        every label has a cluster; clusters that are left over come last.

    Examples
    --------
    >>> from mixtura import evaluate
    >>> from mixtura.view.contingency import contingency_table
    >>> frame = contingency_table(evaluate(["a", "a", "b"], [1, 1, 0]))
    >>> frame["cluster"].tolist(), frame["rows"].tolist()
    ([1, 0, 1, 0], [2.0, 0.0, 0.0, 1.0])
    """
    classes, matched = evaluation.classes, evaluation.matched
    place = {name: i for i, name in enumerate(classes)}
    order = sorted(
        range(len(matched)), key=lambda j: (matched[j] is None, place.get(matched[j], 0))
    )
    table = evaluation.table[:, order]
    is_matched = [[matched[j] == name for j in order] for name in classes]
    return Frame(
        {
            "label": np.repeat(as_objects(classes), len(order)),
            "cluster": np.tile(as_objects([evaluation.clusters[j] for j in order]), len(classes)),
            "rows": table.ravel(),
            "share": (table / table.sum(axis=0)).ravel(),
            "matched": np.array(is_matched).ravel(),
        }
    )


def as_objects(names: Any) -> NDArray[Any]:
    """Return names as they are, whatever their types."""
    array = np.empty(len(names), dtype=object)
    array[:] = names
    return array


class ContingencyDisplay:
    """Known labels against clusters: numbers of rows, and their share of the cluster as shades.

    Parameters
    ----------
    frame : Frame
        What ``contingency_table`` returns.
    adjusted_rand_index : float
        How far the two agree, for the title.

    Attributes
    ----------
    ax_ : matplotlib axes
        Those drawn on.
    figure_ : matplotlib figure
        Theirs.

    Examples
    --------
    >>> from mixtura import evaluate
    >>> from mixtura.view import ContingencyDisplay
    >>> display = ContingencyDisplay.from_evaluation(evaluate(["a", "a", "b"], [1, 1, 0]))
    >>> display.ax_.texts[0].get_text()
    '2\\n100%'
    """

    def __init__(self, frame: Frame, *, adjusted_rand_index: float) -> None:
        self.frame = frame
        self.adjusted_rand_index = adjusted_rand_index

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        labels: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ContingencyDisplay:
        """Draw what a fitted model makes of rows against their labels.

        Parameters
        ----------
        estimator : fitted estimator
            One with ``predict``.
        X : array-like of shape (n_samples, n_features)
            Rows.
        labels : array-like of shape (n_samples,)
            The known label of each row, as ``evaluate`` takes it.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ContingencyDisplay
            The display, drawn.
        """
        found = evaluate(labels, estimator.predict(X), sample_weight=sample_weight)
        return cls.from_evaluation(found, ax=ax)

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation, *, ax: Any = None) -> ContingencyDisplay:
        """Draw an evaluation.

        Parameters
        ----------
        evaluation : Evaluation
            What ``evaluate`` returns.
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ContingencyDisplay
            The display, drawn.
        """
        frame, index = contingency_table(evaluation), evaluation.adjusted_rand_index
        return cls(frame, adjusted_rand_index=index).plot(ax)

    def plot(self, ax: Any = None) -> ContingencyDisplay:
        """Draw labels down and clusters across.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ContingencyDisplay
            This display.
        """
        frame = self.frame
        names = list(dict.fromkeys(frame["label"].tolist()))
        clusters = frame["cluster"][: frame.n_rows // len(names)]
        shape = len(names), len(clusters)
        size = tuple(min(9.0, 2.2 + 0.6 * n) for n in reversed(shape))
        self.ax_ = axes_of(ax, size=(max(4.0, size[0]), max(3.0, size[1])))
        self.figure_ = self.ax_.figure
        told = zip(frame["rows"], frame["share"], strict=True)
        texts = [f"{amount(rows)}\n{share:.0%}" if rows else "" for rows, share in told]
        image = heat_map(
            self.ax_,
            frame["share"].reshape(shape),
            rows=names,
            columns=clusters.tolist(),
            limits=(0.0, 1.0),
            texts=np.array(texts, dtype=object).reshape(shape),
        )
        rows, columns = np.nonzero(frame["matched"].reshape(shape))
        star = {"marker": "*", "s": 40, "color": "black", "edgecolors": "white", "linewidths": 0.6}
        self.ax_.scatter(columns - 0.38, rows - 0.34, zorder=3, **star)
        self.figure_.colorbar(image, ax=self.ax_, label="share of the cluster's rows")
        title = f"Labels and clusters: adjusted Rand index {self.adjusted_rand_index:.3f}"
        self.ax_.set(xlabel="cluster (★ matched with the label)", ylabel="label")
        self.ax_.set_title(title, fontsize=10)
        return self
