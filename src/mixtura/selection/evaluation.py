"""Clusters compared with known labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from mixtura._errors import InputError
from mixtura.estimators.fitting import check_positive
from mixtura.estimators.validation import validated_responsibilities, validated_weights
from mixtura.model.families.base import FloatArray
from mixtura.selection.labels import Coded, coded

CLASSES_SHOWN = 12  # more would not fit into a line
HARDEST_SHOWN = 5
WIDEST = 20  # characters of a name in a table


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How clusters agree with known labels; ``print`` shows it as a table.

    Attributes
    ----------
    classes : tuple
        The labels that occur, in order.
    clusters : tuple
        The clusters that occur in rows with a label, in order.
    table : ndarray of shape (n_classes, n_clusters)
        Contingency table: the weight of the rows of each label in each cluster.
    majority : tuple of length n_clusters
        For each cluster the label that most of its rows have; the first of equals.
    matched : tuple of length n_clusters
        For each cluster its label under the best matching of labels and clusters one to one;
        None for a cluster that is left over, or that has no row of its label.
    majority_error : float
        Part of the rows whose label is not their cluster's ``majority``.
    matched_error : float
        Part of the rows whose label is not their cluster's ``matched``.
    adjusted_rand_index : float
        1 where clusters and labels are the same partition, 0 on average where clusters are drawn
        at random.
    normalized_mutual_info : float
        Mutual information over the mean of the two entropies, from 0 to 1.
    n_rows : int
        Rows with a label and a positive weight: those that all this is about.
    n_unlabelled : int
        Rows of positive weight without a label, left out.
    certainty : ndarray of shape (n_samples,) or None
        The largest responsibility of every row, with a label or not; None where responsibilities
        were not given.

    Examples
    --------
    >>> from mixtura import evaluate
    >>> found = evaluate(["a", "a", "b"], [0, 1, 2], [[1, 0, 0], [0.2, 0.8, 0], [0, 0.3, 0.7]])
    >>> found.table.tolist(), found.matched, found.majority_error
    ([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], ('a', None, 'b'), 0.0)
    >>> found.hardest(1)
    array([2])
    """

    classes: tuple[Any, ...]
    clusters: tuple[Any, ...]
    table: FloatArray
    majority: tuple[Any, ...]
    matched: tuple[Any, ...]
    majority_error: float
    matched_error: float
    adjusted_rand_index: float
    normalized_mutual_info: float
    n_rows: int
    n_unlabelled: int
    certainty: FloatArray | None

    def hardest(self, n: int = 10) -> NDArray[np.intp]:
        """Return the rows of least certainty, the hardest first.

        Parameters
        ----------
        n : int, default=10
            Number of rows.

        Returns
        -------
        ndarray of shape (min(n, n_samples),)
            Row numbers, from 0, in the table that was evaluated.

        Raises
        ------
        InputError
            If there is no certainty, or ``n`` is not a whole number of at least 1.
        """
        check_positive("n", n)
        if self.certainty is None:
            raise InputError("certainty is not known: give evaluate the responsibilities.")
        return np.argsort(self.certainty, kind="stable")[:n]

    def __str__(self) -> str:
        """Return the evaluation as a table for a terminal."""
        return report(self)


def evaluate(
    labels: ArrayLike,
    assigned: ArrayLike,
    responsibilities: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Evaluation:
    r"""Compare clusters with known labels.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        The known label of each row: numbers, text or anything that can be told apart. Rows where
        it is None or NaN are left out, and counted.
    assigned : array-like of shape (n_samples,)
        The cluster of each row, from ``predict``.
    responsibilities : array-like of shape (n_samples, n_components), optional
        From ``predict_proba``, for the certainty of each row.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

    Returns
    -------
    Evaluation
        Contingency table, the clusters' names, errors and scores.

    Raises
    ------
    ValueError
        If lengths differ, no row has a label, a row has no cluster, or responsibilities or
        weights cannot be used.

    Notes
    -----
    There may be more clusters than labels, or fewer. The majority names each cluster for itself:
    its error falls as clusters are added. The matching, found by the Hungarian method [1]_,
    gives a label to one cluster at most, and counts the rows of all others as errors. The
    adjusted Rand index [2]_ takes weights for numbers of rows: they should not be scaled to sum
    to 1. It and the normalised mutual information are scikit-learn's, but for weights.

    References
    ----------
    .. [1] Kuhn, H. (1955). The Hungarian method for the assignment problem. *Naval Research
       Logistics Quarterly* 2. :doi:`10.1002/nav.3800020109`
    .. [2] Hubert, L. & Arabie, P. (1985). Comparing partitions. *Journal of Classification* 2.
       :doi:`10.1007/BF01908075`

    Examples
    --------
    >>> from mixtura import evaluate
    >>> found = evaluate(["cat", "cat", "dog", "dog", None], [0, 0, 0, 1, 1])
    >>> found.majority, found.majority_error
    (('cat', 'dog'), 0.25)
    >>> print(found)
    cluster  cat  dog  rows   share  majority  matched
    0          2    1     3   66.7%  cat       cat
    1          0    1     1  100.0%  dog       dog
    <BLANKLINE>
    rows                           4 with a label, 1 without
    majority naming                error 0.2500
    one-to-one matching            error 0.2500
    adjusted Rand index            0.0000
    normalised mutual information  0.3437
    """
    known, found = coded("labels", labels), coded("assigned", assigned)
    check_rows(known, found)
    n = len(known.codes)
    weights = validated_weights(sample_weight, known.codes)
    counting = np.ones(n, dtype=bool) if weights is None else weights > 0.0
    rows = counting & (known.codes >= 0)
    check_labelled(rows, weights)
    classes, clusters = known.of(rows), found.of(rows)
    table = contingency(classes, clusters, None if weights is None else weights[rows])
    majority, matched = table.argmax(axis=0), matching(table)
    return Evaluation(
        classes.names,
        clusters.names,
        table,
        majority=tuple(classes.names[label] for label in majority),
        matched=tuple(classes.names[label] if label >= 0 else None for label in matched),
        majority_error=error_rate(table, majority),
        matched_error=error_rate(table, matched),
        adjusted_rand_index=adjusted_rand_index(table),
        normalized_mutual_info=normalized_mutual_info(table),
        n_rows=int(rows.sum()),
        n_unlabelled=int((counting & ~rows).sum()),
        certainty=None if responsibilities is None else certainty(responsibilities, n),
    )


def check_rows(known: Coded, found: Coded) -> None:
    """Raise unless labels and clusters are of the same rows, each of which has a cluster."""
    n, m = len(known.codes), len(found.codes)
    if n != m:
        raise InputError(f"labels holds {n} rows and assigned {m}; they must be the same rows.")
    if (found.codes < 0).any():
        row = int(np.argmin(found.codes))
        raise InputError(f"assigned holds no cluster in row {row}; every row must have one.")


def check_labelled(rows: NDArray[np.bool_], weights: FloatArray | None) -> None:
    """Raise where no row has a label, or weights are no numbers of rows."""
    if not rows.any():
        which = "row" if weights is None else "row of positive sample_weight"
        raise InputError(f"labels holds no label in any {which}: there is nothing to compare with.")
    total = len(rows) if weights is None else float(weights[rows].sum())
    if total <= 1.0 < rows.sum():
        raise InputError(
            f"sample_weight sums to {total:g} over the {rows.sum()} rows with a label; weights "
            "stand for numbers of rows: multiply them so that they sum to as many as there are."
        )


def certainty(responsibilities: ArrayLike, n: int) -> FloatArray:
    """Return the largest responsibility (n,) of each row."""
    proportions = validated_responsibilities(responsibilities, n, name="responsibilities")
    largest: FloatArray = proportions.max(axis=1)
    return largest


def contingency(classes: Coded, clusters: Coded, weights: FloatArray | None) -> FloatArray:
    """Return the weight (n_classes, n_clusters) of the rows of each label in each cluster."""
    shape = len(classes.names), len(clusters.names)
    cells = classes.codes * shape[1] + clusters.codes
    return np.bincount(cells, weights, shape[0] * shape[1]).reshape(shape).astype(np.float64)


def matching(table: FloatArray) -> NDArray[np.intp]:
    """Return the class of each cluster (n_clusters,) in the best matching, -1 where it has none."""
    classes, clusters = linear_sum_assignment(table, maximize=True)
    matched = np.full(table.shape[1], -1)
    matched[clusters] = np.where(table[classes, clusters] > 0.0, classes, -1)
    return matched


def error_rate(table: FloatArray, names: NDArray[np.intp]) -> float:
    """Return the part of the rows that are not of their cluster's class (equation 45).

    -1 is the class of a cluster that has none.
    """
    named = np.flatnonzero(names >= 0)
    total = table.sum()
    return float(max(0.0, total - table[names[named], named].sum()) / total)


def adjusted_rand_index(table: FloatArray) -> float:
    """Return the adjusted Rand index of a contingency table (docs/guide, equation 46)."""
    there = table > 0.0
    if (there.sum(axis=0) == 1).all() and (there.sum(axis=1) == 1).all():
        return 1.0  # the same partition, also where it has no pairs
    both, one, other = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = one * other / pairs(table.sum())
    most = (one + other) / 2.0
    return (both - expected) / (most - expected) if most > expected else 0.0


def pairs(counts: Any) -> float:
    """Return how many pairs of rows there are in groups; less than one row has none."""
    return float(np.maximum(counts * (counts - 1.0), 0.0).sum() / 2.0)


def normalized_mutual_info(table: FloatArray) -> float:
    """Return the normalised mutual information (docs/guide, equation 47)."""
    joint = table / table.sum()
    apart = float(entr(joint.sum(axis=1)).sum() + entr(joint.sum(axis=0)).sum())
    if apart == 0.0:  # one class, and one cluster
        return 1.0
    return float(np.clip(2.0 * (apart - entr(joint).sum()) / apart, 0.0, 1.0))


def report(evaluation: Evaluation, where: Callable[[int], str] = str) -> str:
    """Return an evaluation as text; ``where`` says what the row of a number is called."""
    lines = [*aligned(*cells(evaluation)), ""]
    found = facts(evaluation, where)
    wide = max(map(len, found))
    return "\n".join([*lines, *(f"{name:<{wide}}  {value}" for name, value in found.items())])


def cells(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows, one for each cluster; of many classes only the majority's share."""
    table = evaluation.table
    sizes = table.sum(axis=0)
    classes = [shown(name) for name in evaluation.classes]
    is_short = len(classes) <= CLASSES_SHOWN
    size = "rows" if sizes.sum() == evaluation.n_rows else "weight"
    rows = [
        [
            shown(evaluation.clusters[j]),
            *(amount(value) for value in (table[:, j] if is_short else ())),
            amount(sizes[j]),
            f"{table[:, j].max() / sizes[j]:.1%}",
            shown(evaluation.majority[j]),
            "-" if evaluation.matched[j] is None else shown(evaluation.matched[j]),
        ]
        for j in range(len(sizes))
    ]
    return ["cluster", *(classes if is_short else ()), size, "share", "majority", "matched"], rows


def facts(evaluation: Evaluation, where: Callable[[int], str]) -> dict[str, str]:
    """Return errors and scores as names and values for people."""
    without = f", {evaluation.n_unlabelled:,} without" if evaluation.n_unlabelled else ""
    lines = {
        "rows": f"{evaluation.n_rows:,} with a label{without}",
        "majority naming": f"error {evaluation.majority_error:.4f}",
        "one-to-one matching": f"error {evaluation.matched_error:.4f}",
        "adjusted Rand index": f"{evaluation.adjusted_rand_index:.4f}",
        "normalised mutual information": f"{evaluation.normalized_mutual_info:.4f}",
    }
    if evaluation.certainty is not None:
        hardest = [
            (where(int(row)), evaluation.certainty[row])
            for row in evaluation.hardest(HARDEST_SHOWN)
        ]
        lines["least certain"] = ", ".join(f"{name} ({sure:.3f})" for name, sure in hardest)
    return lines


def aligned(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Return lines of columns: names on the left of theirs, numbers on the right."""
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    last = len(headers) - 2  # from here on, and in the first column, there are names

    def line(row: list[str]) -> str:
        padded = [
            cell.rjust(width) if 0 < j < last else cell.ljust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return [line(row) for row in [headers, *rows]]


def shown(name: Any) -> str:
    """Return a label or a cluster as text of limited length."""
    text = f"{name:.10g}" if isinstance(name, float) else " ".join(str(name).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def amount(weight: float) -> str:
    """Return a weight as text: a number of rows where it is one."""
    return f"{weight:,.0f}" if weight == round(weight) else f"{weight:,.2f}"
