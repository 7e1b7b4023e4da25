"""Labels from what users give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixtura import InputError
from mixtura.algorithms.total import covariance_of
from mixtura.estimators.classes import (
    check_class_rows,
    checked_labels,
    encoded,
    floor_for_classes,
    is_unlabelled,
    partly_encoded,
)
from mixtura.model import family_named
from problems import assert_close, problem


@pytest.mark.parametrize("label", [-1, -1.0, np.nan, None, pd.NA])
def test_labels_of_rows_without_one(label: object) -> None:
    assert is_unlabelled(label)


@pytest.mark.parametrize("label", [0, 1, -2, "a", "-1", "", True])
def test_labels_of_rows_with_one(label: object) -> None:
    assert not is_unlabelled(label)


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        (np.array([5, -1, 3, 5]), [3, 5], [1, -1, 0, 1]),
        (np.array([1.0, np.nan, 0.0, -1.0]), [0, 1], [1, -1, 0, -1]),
        (np.array(["b", None, "a", -1], dtype=object), ["a", "b"], [1, -1, 0, -1]),
        (np.array(["b", "a"]), ["a", "b"], [1, 0]),
    ],
)
def test_rows_without_a_label_have_number_minus_one(
    y: np.ndarray, classes: list[object], codes: list[int]
) -> None:
    found, numbers = partly_encoded(y)
    assert found.tolist() == classes
    assert numbers.tolist() == codes


def test_all_labels_are_classes_where_all_are_known() -> None:
    classes, codes = encoded(np.array([1, -1, 1]))
    assert (classes.tolist(), codes.tolist()) == ([-1, 1], [1, 0, 1])


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(InputError, match="holds no label"):
        partly_encoded(np.array([-1, -1]))
    with pytest.raises(ValueError, match="Unknown label type"):
        encoded(np.array([0.5, 1.25]))
    with pytest.raises(InputError, match="y holds inf"):
        encoded(np.array([0.0, np.inf]))
    for absent in (None, np.nan, pd.NA):
        with pytest.raises(InputError, match=r"is not the label of a class\. Leave such rows out"):
            encoded(np.array(["a", absent, "b"], dtype=object))
    for function in (encoded, partly_encoded):  # and not the text of a number
        with pytest.raises(InputError, match="y holds text and other labels"):
            function(np.array(["a", 1, "b"], dtype=object))
    with pytest.raises(ValueError, match="inconsistent"):
        checked_labels(None, [0, 1, 2], np.zeros((2, 1)))
    with pytest.raises(InputError, match="requires y to be passed"):
        checked_labels(None, None, np.zeros((2, 1)))


def test_class_with_too_few_rows_is_named() -> None:
    classes, codes = np.array(["a", "b"]), np.array([0, 0, 1, 1, -1])
    check_class_rows(classes, codes, None, 2)
    with pytest.raises(InputError, match=r"class 'b' has 1 labelled rows .* n_components=2"):
        check_class_rows(classes, codes, np.array([1.0, 1.0, 1.0, 0.0, 1.0]), 2)


def test_floor_is_positive_where_the_table_does_not_vary() -> None:
    x = np.random.default_rng(0).normal(size=100)
    em = problem(np.c_[x, 2.0 * x], 1, "full")
    assert em.total is not None
    floor = np.asarray(floor_for_classes(em, family_named("full")).matrix)
    covariance = covariance_of(em.total)
    assert_close(floor, 1e-8 * (covariance + np.diag(covariance.diagonal())) / 2, 2e-4)
    assert np.linalg.eigvalsh(floor)[0] > 1e-9 * covariance[0, 0]
    restricted = floor_for_classes(em, family_named("VEV"))
    assert restricted.whitener.shape == (2, 1)
