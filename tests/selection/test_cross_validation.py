"""mixtura.selection.cross_validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_score

from mixtura import GaussianMixture, InputError
from mixtura.selection.cross_validation import cross_validate


def two_groups(n: int = 40) -> np.ndarray:
    """Return rows of one column in two groups, in random order."""
    rng = np.random.default_rng(0)
    return rng.permutation(np.r_[rng.normal(0, 1, (n, 1)), rng.normal(8, 2, (n, 1))])


def test_folds_are_those_of_scikit_learn() -> None:
    X, model = two_groups(), GaussianMixture(2, random_state=0)
    cv = KFold(4, shuffle=True, random_state=1)
    found = cross_validate(model, X, cv=cv)
    expected = cross_val_score(model, X, cv=cv)
    np.testing.assert_allclose(found.folds, expected, rtol=1e-12)
    assert found.weights.tolist() == [20.0] * 4
    assert found.log_likelihood == pytest.approx(expected.mean())
    assert found.standard_error == pytest.approx(expected.std(ddof=1) / 2.0)
    assert not hasattr(model, "weights_")
    pairs = cross_validate(model, X, cv=list(cv.split(X)))
    assert pairs.folds.tolist() == found.folds.tolist()


def test_random_folds_go_by_the_seed() -> None:
    X, model = two_groups(), GaussianMixture(2, random_state=0)
    first, again, other = (
        cross_validate(model, X, random_state=seed).folds.tolist() for seed in (0, 0, 1)
    )
    assert first == again != other
    assert len(first) == 5


def test_the_right_number_of_components_is_preferred() -> None:
    X = two_groups()
    one, two = (
        cross_validate(GaussianMixture(k, random_state=0), X, random_state=0) for k in (1, 2)
    )
    assert two.log_likelihood - one.log_likelihood > 2.0 * two.standard_error > 0.0


def test_rows_that_count_for_nothing_change_nothing() -> None:
    X, model = two_groups(), GaussianMixture(2, random_state=0)
    X = np.c_[X, X[::-1]]
    weights = np.random.default_rng(0).integers(1, 4, len(X)).astype(float)
    found = cross_validate(model, X, sample_weight=weights, random_state=0)
    longer = np.vstack([X, np.full((3, 2), np.nan), X[:2]])
    same = cross_validate(model, longer, sample_weight=[*weights, 5, 5, 5, 0, 0], random_state=0)
    assert same.weights.tolist() == found.weights.tolist()
    np.testing.assert_allclose(same.folds, found.folds, rtol=1e-12)
    assert found.log_likelihood == pytest.approx(found.folds @ found.weights / weights.sum())


def test_weights_reach_fits_and_means() -> None:
    X, model = two_groups(), GaussianMixture(2, random_state=0)
    weights = np.random.default_rng(0).integers(1, 4, len(X))
    cv = [(np.arange(40), np.arange(40, 80)), (np.arange(40, 80), np.arange(40))]
    repeated = np.repeat(X, weights, axis=0)
    halves = np.repeat(np.arange(80) < 40, weights)
    found = cross_validate(model, X, cv=cv, sample_weight=weights)
    rows = [(np.flatnonzero(halves), np.flatnonzero(~halves))]
    same = cross_validate(model, repeated, cv=[*rows, rows[0][::-1]])
    np.testing.assert_allclose(found.folds, same.folds, atol=1e-3)  # the fits stop by 1e-4 a row
    assert found.standard_error == pytest.approx(same.standard_error, abs=1e-3)


def test_frames_other_estimators_and_single_splits() -> None:
    frame = pd.DataFrame(two_groups(), columns=["a"])
    split = ShuffleSplit(1, random_state=0)
    found = cross_validate(Theirs(2, random_state=0), frame, cv=split)
    assert np.isfinite(found.log_likelihood)
    assert np.isnan(found.standard_error)  # one fold does not tell
    assert cross_validate(GaussianMixture(2, random_state=0), frame, cv=split).folds.shape == (1,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cv": 1}, "cv=1 must lie between 2 and the 80 rows"),
        ({"cv": 81}, "cv=81 must lie between 2 and the 80 rows"),
        ({"cv": True}, "cv=True must lie"),
        ({"cv": []}, "cv holds no folds"),
        ({"sample_weight": [-1.0] * 80}, "[Nn]egative"),
        ({"cv": 3, "sample_weight": [1.0, 1.0] + [0.0] * 78}, "and the 2 rows that count"),
        ({"cv": [(range(79), [79])], "sample_weight": [1] * 79 + [0]}, "fold 0 .* no row"),
    ],
)
def test_what_cannot_be_used(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cross_validate(GaussianMixture(2), two_groups(), **arguments)


def test_what_is_no_density_or_no_table() -> None:
    with pytest.raises(InputError, match="KMeans, which has no score_samples"):
        cross_validate(KMeans(2), two_groups())
    with pytest.raises(InputError, match="the class GaussianMixture; give an estimator of it"):
        cross_validate(GaussianMixture, two_groups())
    for X in ([1.0, 2.0], [["a", "b"]]):
        with pytest.raises(InputError, match="X must be a table of numbers"):
            cross_validate(GaussianMixture(), X)
