"""Classes and their labels, as the estimators that know some see them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.total import covariance_of
from mixtura.estimators.model_file import Saved
from mixtura.model import CovarianceFloor, Family
from mixtura.model.families.base import FloatArray

#: The label of rows without one.
UNLABELLED = -1


class ClassModel(Saved, ClassifierMixin, BaseEstimator):
    """What estimators of classes share."""

    classes_: NDArray[Any]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @abstractmethod
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each class for each row."""

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        numbers = self.predict_proba(X).argmax(axis=1)
        return self.classes_[numbers]


def checked_labels(estimator: Any, y: Any, rows: Any) -> NDArray[Any]:
    """Return the labels (n,) of rows, or raise."""
    if y is None:
        raise InputError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    labels = column_or_1d(y, warn=True)
    check_consistent_length(rows, labels)
    return labels


def encoded(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the classes, sorted, and the number (n,) of that of each label."""
    if labels.dtype.kind in "fO":
        check_alike(labels.tolist())
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes


def check_alike(labels: list[Any]) -> None:
    """Raise where one of the labels is missing or infinite, or some are text and some are not."""
    for label in labels:
        if is_absent(label) or (isinstance(label, float) and not np.isfinite(label)):
            raise InputError(
                f"y holds {label}, which is not the label of a class. Leave such rows out; or fit "
                "a SemiSupervisedMixture, for which None and NaN say that a row has no label."
            )
    if len({isinstance(label, str) for label in labels}) > 1:
        raise InputError(
            "y holds text and other labels, which have no order; make all of them text, or none."
        )


def partly_encoded(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the classes and the numbers (n,) of labels, -1 where a row has none."""
    known = np.array([not is_unlabelled(label) for label in labels.tolist()], dtype=np.bool_)
    if not known.any():
        raise InputError(
            "y holds no label: every row is unlabelled (-1, NaN or None). Label some rows, or fit "
            "a GaussianMixture."
        )
    given = labels[known]
    if given.dtype == object:
        check_alike(given.tolist())
        given = np.array(given.tolist())
    classes, own = encoded(given)
    codes = np.full(len(labels), -1, dtype=np.intp)
    codes[known] = own
    return classes, codes


def is_unlabelled(label: Any) -> bool:
    """Return whether a label says that there is none: -1, NaN, None or pandas.NA."""
    return is_absent(label) or (isinstance(label, int | float) and label == UNLABELLED)


def is_absent(label: Any) -> bool:
    """Return whether a label is NaN, None or pandas.NA."""
    if label is None or type(label).__name__ == "NAType":
        return True
    return isinstance(label, float) and label != label


def check_class_rows(
    classes: NDArray[Any], codes: NDArray[np.intp], weights: FloatArray | None, least: int
) -> None:
    """Raise naming the first class with fewer than ``least`` rows of positive weight."""
    counting = codes if weights is None else codes[weights > 0]
    counts = np.bincount(counting[counting >= 0], minlength=len(classes))
    if (counts < least).any():
        number = int(np.argmax(counts < least))
        raise InputError(
            f"class {classes.tolist()[number]!r} has {counts[number]} labelled rows of positive "
            f"weight, and n_components={least} components; use fewer, or leave the class out."
        )


def floor_for_classes(em: EM, family: Family) -> CovarianceFloor:
    """Return the floor of covariances in the units of the table that ``em`` is for.

    Rows to come may lie where the table does not vary, and classes must not differ there by
    rounding alone: half of the floor is that of columns that are not correlated. Restricted
    structures know no floor but that of directions in which the table does not vary.
    """
    assert em.total is not None
    covariance, location = covariance_of(em.total), em.total.centre[0]
    if not family.restricted:
        covariance = 0.5 * (covariance + np.diag(covariance.diagonal()))
    return CovarianceFloor.relative_to(covariance, location)
