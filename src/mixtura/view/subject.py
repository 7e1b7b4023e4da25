"""What pictures need to know of a fitted model, whatever its kind."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.estimators.functional import checked_rows, e_step
from mixtura.estimators.validation import validated_table
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.view.palette import NONE_COLOUR, colours


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

    @property
    def kind(self) -> str:
        """What the model calls its groups."""
        return "cluster" if self.mixture is None else "component"

    @property
    def noise_weight(self) -> float:
        """Part of the rows that belongs to no component."""
        return float(getattr(self.estimator, "noise_weight_", 0.0))

    @property
    def hues(self) -> FloatArray:
        """The colours (number of groups, 3); noise is grey."""
        own = colours(self.k)
        return own if len(self.groups) == self.k else np.vstack([own, NONE_COLOUR])

    def rows(self, X: Any) -> NDArray[Any]:
        """Return a table as rows (n, d) of float64 or float32, or raise naming what is wrong."""
        if isinstance(self.estimator, Mixture):
            return checked_rows(X, self.estimator.n_features)[0]
        with unnamed_columns():
            return validated_table(self.estimator, X, fitting=False)[0]

    def responsibilities(self, X: ArrayLike) -> FloatArray:
        """Return those of rows (n, number of groups); of clusters, 1 for the nearest."""
        if isinstance(self.estimator, Mixture):
            return e_step(X, self.estimator)[0]
        if self.mixture is not None and hasattr(self.estimator, "component_classes_"):
            return e_step(self.rows(X), self.mixture)[0]  # its predict_proba is of classes
        with unnamed_columns():
            if hasattr(self.estimator, "predict_proba"):
                return np.asarray(self.estimator.predict_proba(X), dtype=np.float64)
            return np.eye(self.k)[np.asarray(self.estimator.predict(X))]

    def column_numbers(self, columns: Sequence[int | str]) -> list[int]:
        """Return numbers of columns given by number or name, or raise naming what is none."""
        if isinstance(columns, str) or not isinstance(columns, Sequence | np.ndarray):
            raise InputError(f"columns={columns!r} must be a list of names or numbers of columns.")
        found = [self.column_number(column) for column in columns]
        if len(set(found)) < len(found):
            raise InputError(f"columns={list(columns)} holds a column twice.")
        return found

    def column_number(self, column: int | str) -> int:
        """Return the number of a column given by number or name."""
        if isinstance(column, str) and column in self.columns:
            return self.columns.index(column)
        numbered = isinstance(column, int | np.integer) and not isinstance(column, bool)
        if numbered and 0 <= int(column) < len(self.columns):
            return int(column)
        known = ", ".join(repr(name) for name in self.columns[:8])
        more = ", ..." if len(self.columns) > 8 else ""
        raise InputError(
            f"columns holds {column!r}, which is no column of the model; there are {known}{more}, "
            f"or 0 to {len(self.columns) - 1}."
        )


@contextmanager
def unnamed_columns() -> Iterator[None]:
    """Let rows pass that come from a table with names, but are an array by now."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


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
    name = type(model).__name__
    if hasattr(model, "models_"):  # one mixture for each class
        raise InputError(f"{name} holds a mixture for each class: give one of its models_.")
    if hasattr(model, "named_steps"):
        raise InputError(f"{name} is no model: give its last step, and X as that step sees it.")
    if any(each.endswith("_") for each in getattr(model, "__dict__", ())):  # it has been fitted
        raise InputError(f"{name} has no components or centres that mixtura knows to draw.")
    raise InputError(f"{name} is no fitted mixture or k-means: fit it first, or give a Mixture.")


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
