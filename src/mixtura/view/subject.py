"""What pictures need to know of a fitted model, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixtura._errors import InputError
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class Subject:
    """A fitted model, as pictures see it.

    Attributes
    ----------
    estimator : object
        The model: an estimator of mixtura that has been fitted, or a Mixture.
    mixture : Mixture or None
        Its components, if it is a mixture.
    means : ndarray (k, d)
        Of the components, or the cluster centres.
    columns : tuple of str
        The names of the columns.
    groups : tuple of str
        The names of the columns of responsibilities, such as "1", "2", "noise".
    """

    estimator: Any
    mixture: Mixture | None
    means: FloatArray
    columns: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def k(self) -> int:
        """Number of components or clusters."""
        return len(self.means)

    def responsibilities(self, X: ArrayLike) -> FloatArray:
        """Return those of rows (n, number of groups); of clusters, 1 for the nearest."""
        if isinstance(self.estimator, Mixture):
            return self.estimator.responsibilities(X)
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(X), dtype=np.float64)
        labels = np.asarray(self.estimator.predict(X))
        return np.eye(self.k)[labels]


def subject_of(model: Any, X: Any = None) -> Subject:
    """Return what pictures need to know of a fitted model; ``X`` tells the columns' names.

    Raises
    ------
    InputError
        If it is no model that can be drawn, or has not been fitted.
    """
    if isinstance(model, Mixture):
        return Subject(model, model, model.means, names_of(model.n_features, X), numbers(model))
    for name in ("mixture_", "cluster_centers_"):
        try:
            found = getattr(model, name)
        except AttributeError:
            continue
        mixture = found if isinstance(found, Mixture) else None
        means = found.means if mixture is not None else np.asarray(found, dtype=np.float64)
        columns = names_of(means.shape[1], model if hasattr(model, "feature_names_in_") else X)
        return Subject(model, mixture, means, columns, groups_of(model, len(means)))
    raise InputError(
        f"{type(model).__name__} is no fitted mixture or k-means: fit it first, or give a Mixture."
    )


def names_of(d: int, source: Any) -> tuple[str, ...]:
    """Return the names of columns: a model's, a data frame's, or scikit-learn's x0, x1, ..."""
    for attribute in ("feature_names_in_", "columns"):
        found = getattr(source, attribute, None)
        if found is not None and len(found) == d:
            return tuple(str(name) for name in found)
    return tuple(f"x{i}" for i in range(d))


def numbers(model: Any) -> tuple[str, ...]:
    """Return the components' numbers, from 0, as text."""
    return tuple(str(i) for i in range(model.n_components))


def groups_of(model: Any, k: int) -> tuple[str, ...]:
    """Return the names of the columns of responsibilities."""
    names = tuple(str(i) for i in range(k))
    return (*names, "noise") if hasattr(model, "noise_weight_") else names
