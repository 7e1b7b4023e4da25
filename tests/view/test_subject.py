from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mixtura import (
    GaussianMixture,
    InputError,
    KMeans,
    Mixture,
    MixtureClassifier,
    NoiseMixture,
    RatingMixture,
    SemiSupervisedMixture,
)
from mixtura.view.palette import NONE_COLOUR, colours
from mixtura.view.subject import subject_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) + np.repeat([[0.0, 0.0], [8.0, 8.0]], 30, axis=0)
NAMED = pd.DataFrame(X, columns=["height", "weight"])


def test_a_mixture_as_it_is() -> None:
    mixture = Mixture([0.5, 0.5], [[0.0, 0.0], [8.0, 8.0]], [1.0, 1.0], "spherical")
    subject = subject_of(mixture, NAMED)
    assert (subject.k, subject.kind, subject.noise_weight) == (2, "component", 0.0)
    assert (subject.columns, subject.groups) == (("height", "weight"), ("0", "1"))
    np.testing.assert_allclose(
        subject.responsibilities(X), mixture.responsibilities(X), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_array_equal(subject.hues, colours(2))
    np.testing.assert_array_equal(subject.rows(NAMED), X)
    with pytest.raises(InputError, match="columns"):
        subject.rows(X[:, :1])


def test_arrays_pass_where_names_were_fitted() -> None:
    model = GaussianMixture(2, random_state=0).fit(NAMED)
    subject = subject_of(model)
    assert subject.columns == ("height", "weight")
    np.testing.assert_array_equal(subject.rows(X), X)
    np.testing.assert_array_equal(subject.responsibilities(X), model.predict_proba(NAMED))


def test_tables_of_other_columns_are_refused() -> None:
    subject = subject_of(GaussianMixture(2, random_state=0).fit(NAMED))
    with pytest.raises(ValueError, match="feature names"):
        subject.rows(NAMED[["weight", "height"]])


def test_clusters_have_responsibilities_of_one() -> None:
    model = KMeans(3, random_state=0).fit(X)
    subject = subject_of(model)
    assert (subject.mixture, subject.kind) == (None, "cluster")
    np.testing.assert_array_equal(subject.responsibilities(X).argmax(axis=1), model.labels_)
    np.testing.assert_array_equal(subject.responsibilities(X).max(axis=1), 1.0)


def test_noise_is_the_last_group_and_grey() -> None:
    model = NoiseMixture(2, random_state=0).fit(X)
    subject = subject_of(model)
    assert subject.groups == ("0", "1", "noise")
    assert subject.noise_weight == model.noise_weight_ > 0.0
    np.testing.assert_array_equal(subject.hues[-1], NONE_COLOUR)
    assert subject.responsibilities(X).shape == (60, 3)


def test_components_not_classes_are_the_groups() -> None:
    labels = np.repeat([0, 1], 30)
    model = SemiSupervisedMixture(2, random_state=0).fit(X, labels)
    subject = subject_of(model)
    expected = model.mixture_.responsibilities(X)
    assert expected.shape[1] > len(model.classes_)
    np.testing.assert_allclose(subject.responsibilities(X), expected, rtol=1e-9, atol=1e-12)


def test_columns_are_found_by_number_or_name() -> None:
    subject = subject_of(GaussianMixture(1).fit(NAMED))
    assert subject.column_numbers(["weight", 0]) == [1, 0]
    assert subject.column_numbers(np.array([1])) == [1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["size"], "'size', which is no column of the model; there are 'height', 'weight', or 0"),
        ([2], "holds 2"),
        ([-1], "holds -1"),
        ([True], "holds True"),
        ([0, "height"], "twice"),
        ("height", "must be a list"),
        (3, "must be a list"),
    ],
)
def test_other_columns_are_refused(columns: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        subject_of(GaussianMixture(1).fit(NAMED)).column_numbers(columns)


@pytest.mark.parametrize("model", [GaussianMixture(2), KMeans(2), "model"])
def test_what_is_no_fitted_model_is_refused(model: object) -> None:
    with pytest.raises(InputError, match="fit it first"):
        subject_of(model)


def test_what_has_nothing_to_draw_is_told_apart() -> None:
    labels = np.repeat([0, 1], 30)
    with pytest.raises(InputError, match="give one of its models_"):
        subject_of(MixtureClassifier(1).fit(X, labels))
    with pytest.raises(InputError, match="give its last step"):
        subject_of(make_pipeline(StandardScaler(), KMeans(2, random_state=0)).fit(X))
    with pytest.raises(InputError, match="RatingMixture has no components"):
        subject_of(RatingMixture(1).fit(np.tile(np.arange(1.0, 5.0), (3, 2))))
