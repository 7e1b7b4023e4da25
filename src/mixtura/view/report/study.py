"""A model on the rows of a table: what the sections of a report have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from mixtura._errors import InputError
from mixtura.estimators.validation import validated_table
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view.rows import blocks, weights_of
from mixtura.view.subject import Subject, names_of, subject_of, unnamed_columns

#: Patterns of missing cells whose rows are measured from the components, the most frequent first.
PATTERNS = 2000


@dataclass(frozen=True, eq=False)
class Study:
    """A model on the rows of a table.

    Attributes
    ----------
    subject : Subject
        The model.
    rows : ndarray (n, d)
        The rows, NaN where a cell is missing; none where the report is about a model alone.
    weights : ndarray (n,)
        How often each row counts.
    assigned : ndarray (n,)
        The group of each row.
    certainty : ndarray (n,)
        Its largest responsibility; 1 for clusters, which have no other.
    sizes : ndarray (number of groups,)
        Part of the rows that each group has.
    shared : ndarray (number of groups, number of groups)
        Sums over rows of the products of two groups' responsibilities.
    remoteness : ndarray (n,)
        The chance that a row of the nearest component is further from its mean than this row is,
        or for clusters the distance to the nearest centre; NaN where it is not known.
    centre, spread : ndarray (d,)
        Mean and standard deviation of every column, over all rows.
    """

    subject: Subject
    rows: NDArray[Any]
    weights: FloatArray
    assigned: NDArray[np.intp]
    certainty: FloatArray
    sizes: FloatArray
    shared: FloatArray
    remoteness: FloatArray
    centre: FloatArray
    spread: FloatArray

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def mixture(self) -> Mixture | None:
        """The model's components, if it is a mixture."""
        return self.subject.mixture


def study_of(model: Any, X: Any = None, sample_weight: ArrayLike | None = None) -> Study:
    """Return a model on the rows of a table, or the model alone where there is no table."""
    if hasattr(model, "models_"):
        subject = of_classes(model, X)
        with unnamed_columns():
            X = X if X is None else validated_table(model, X, fitting=False)[0]
    else:
        subject = subject_of(model, X)
    if X is None:
        return model_alone(subject)
    rows = subject.rows(X)
    weights = weights_of(sample_weight, rows)
    assigned, certainty, shared = assignment(subject, rows, weights)
    centre, spread = moments(rows, weights)
    return Study(
        subject,
        rows,
        weights,
        assigned,
        certainty,
        shared.sum(axis=1) / weights.sum(),
        shared,
        remoteness(subject, rows, assigned),
        centre,
        spread,
    )


def of_classes(model: Any, X: Any) -> Subject:
    """Return the components of all classes of a classifier as one mixture."""
    parts = [each.mixture_ for each in model.models_]
    kinds = {part.covariance_type for part in parts}
    kind = kinds.pop() if kinds <= {"diag"} or kinds <= {"spherical"} else "full"
    matrices = [part.covariances for part in parts]
    if kind == "full":
        matrices = [part.family.full(part.covariances, *part.means.shape) for part in parts]
    weights = [prior * part.weights for prior, part in zip(model.priors_, parts, strict=True)]
    means = np.concatenate([part.means for part in parts])
    mixture = Mixture(np.concatenate(weights), means, np.concatenate(matrices), kind)
    columns = names_of(means.shape[1], model if hasattr(model, "feature_names_in_") else X)
    return replace(subject_of(mixture), columns=columns)


def model_alone(subject: Subject) -> Study:
    """Return a model without rows; means and deviations are those that it tells of."""
    mixture = subject.mixture
    if mixture is None:
        raise InputError("X is missing: cluster centres alone tell nothing of sizes; give a table.")
    k, d = mixture.means.shape
    noise = subject.noise_weight
    sizes = np.append(mixture.weights * (1.0 - noise), [noise] * (len(subject.groups) - k))
    centre = mixture.weights @ mixture.means
    within = deviations(mixture) ** 2 + (mixture.means - centre) ** 2
    none = np.empty(0)
    return Study(
        subject,
        np.empty((0, d)),
        none,
        none.astype(np.intp),
        none,
        sizes,
        np.diag(sizes),
        none,
        centre,
        np.sqrt(mixture.weights @ within),
    )


def assignment(
    subject: Subject, rows: NDArray[Any], weights: FloatArray
) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Return the group and the certainty of each row, and how much groups share."""
    k = len(subject.groups)
    assigned, certainty = np.empty(len(rows), dtype=np.intp), np.empty(len(rows))
    shared = np.zeros((k, k))
    for part in blocks(rows, k):
        resp = subject.responsibilities(rows[part])
        assigned[part], certainty[part] = resp.argmax(axis=1), resp.max(axis=1)
        shared += (resp * weights[part, None]).T @ resp
    return assigned, certainty, shared


def deviations(mixture: Mixture) -> FloatArray:
    """Return the standard deviation (k, d) of every column in every component."""
    matrices = mixture.family.full(mixture.covariances, *mixture.means.shape)
    return np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))


def moments(rows: NDArray[Any], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation (d,) of the observed cells of every column.

    Columns are taken one by one, in units of their largest number: squares of any stay finite.
    """
    centre, spread = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for j, column in enumerate(rows.T):
        there = ~np.isnan(column) & (weights > 0.0)
        if there.any():
            values = column[there].astype(np.float64)
            unit = np.abs(values).max() or 1.0
            mean = np.average(values / unit, weights=weights[there])
            square = np.average((values / unit - mean) ** 2, weights=weights[there])
            centre[j], spread[j] = mean * unit, np.sqrt(square) * unit
    return centre, spread


def remoteness(subject: Subject, rows: NDArray[Any], assigned: NDArray[np.intp]) -> FloatArray:
    """Return how far rows are from what is nearest: a chance, or the distance to a centre.

    The squared Mahalanobis distance of a row from its component's mean has the chi-squared
    distribution with as many degrees of freedom as cells are observed.
    """
    if subject.mixture is None:
        return np.sqrt(np.nansum((rows - subject.means[assigned]) ** 2, axis=1))
    found = np.full(len(rows), np.nan)
    missing = np.isnan(rows)
    complete = ~missing.any(axis=1)
    found[complete] = chances(subject.mixture, rows[complete])
    others = np.flatnonzero(~complete)
    if not len(others):
        return found
    patterns, which, counts = np.unique(
        missing[others], axis=0, return_inverse=True, return_counts=True
    )
    for number in np.argsort(-counts, kind="stable")[:PATTERNS]:
        columns = np.flatnonzero(~patterns[number])
        if len(columns):
            chosen = others[which == number]
            own = rows[np.ix_(chosen, columns)]
            found[chosen] = chances(subject.mixture.marginal(columns), own)
    return found


def chances(mixture: Mixture, rows: NDArray[Any]) -> FloatArray:
    """Return the chance (n,) of rows further out than these, of the component nearest to each."""
    density, (k, d) = mixture.density, mixture.means.shape
    nearest = np.empty(len(rows))
    for part in blocks(rows, k * d):
        block = rows[part].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            squared = density.family.mahalanobis(np, block, density.means, density.factor)
        nearest[part] = np.nan_to_num(squared, nan=np.inf).min(axis=0)
    return np.asarray(chi2.sf(nearest, d), dtype=np.float64)
