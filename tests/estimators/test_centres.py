"""What all estimators with cluster centres do once they are fitted."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from mixtura import GaussianMixture, InputError, KMeans, MiniBatchKMeans, NoiseMixture, m_step
from mixtura.estimators.centres import distances
from problems import FAMILY_NAMES, assert_same_mixture, random_rows, weight_patterns

RNG = np.random.default_rng(0)
X = random_rows(RNG, 500, 4, 3)
MODEL = KMeans(4, random_state=0).fit(X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_predictions_are_of_the_nearest_centre(offset: float, dtype: Any) -> None:
    rows = (X + offset).astype(dtype)
    model = KMeans(4, random_state=0).fit(rows)
    new = (random_rows(RNG, 300, 4, 3) + offset).astype(dtype)
    apart = np.linalg.norm(
        new[:, None].astype(float) - model.cluster_centers_.astype(float), axis=2
    )
    transformed, labels = model.transform(new), model.predict(new)
    assert transformed.dtype == dtype
    assert labels.dtype == np.int32
    np.testing.assert_allclose(transformed, apart, rtol=1e-6)
    chosen = apart[np.arange(300), labels]
    # In single precision an offset leaves little to choose by.
    np.testing.assert_allclose(
        chosen, apart.min(axis=1), rtol=1e-9 if dtype == np.float64 else 1e-3
    )
    weights = RNG.random(300)
    assert model.score(new, sample_weight=weights) == pytest.approx(-float(weights @ chosen**2))


def test_distances_lose_no_digits_far_away() -> None:
    centres = np.array([[1e8, 1e8], [1e8 + 1.0, 1e8]])
    assert distances(centres, centres[:1]).tolist() == [[0.0, 1.0]]
    assert distances(centres, np.zeros((0, 2))).shape == (0, 2)


def test_rows_of_the_other_precision() -> None:
    single = X.astype(np.float32)
    assert (MODEL.predict(single) == MODEL.labels_).mean() > 0.99
    assert MODEL.transform(single).dtype == np.float32
    assert KMeans(4, random_state=0).fit(single).predict(X).shape == (500,)


@pytest.mark.parametrize("method", ["predict", "transform", "score", "as_mixture", "save"])
def test_an_unfitted_estimator_says_so(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(KMeans(), method)(X)


@pytest.mark.parametrize("method", ["predict", "transform", "score", "as_mixture"])
def test_rows_that_cannot_be_used(method: str) -> None:
    for rows, words in (
        (X[:, :2], "expecting 3 features"),
        (np.array([[0.0, np.inf, 0.0]]), "inf in row 0, column 1"),
        (np.full((1, 3), 1e200), "column 0 holds numbers so large"),
    ):
        with pytest.raises(ValueError, match=words):
            getattr(MODEL, method)(rows)


def test_centres_beyond_the_precision_of_the_rows() -> None:
    model = KMeans(2, random_state=0).fit(1e40 * X)
    with pytest.raises(InputError, match=r"^cluster_centers_: column"):
        model.predict(X.astype(np.float32))


def test_a_copy_predicts_the_same() -> None:
    copied = pickle.loads(pickle.dumps(MODEL))
    assert np.array_equal(copied.predict(X), MODEL.labels_)
    assert np.array_equal(copied.transform(X), MODEL.transform(X))


# --- clusters as a mixture -------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["none", "fractional", "zeros"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_mixture_of_the_clusters_is_an_m_step(name: str, weights: str) -> None:
    rows, sample_weight = X + 1e4, weight_patterns(RNG, len(X))[weights]
    model = KMeans(4, random_state=0, engine="numpy").fit(rows, sample_weight=sample_weight)
    mixture = model.as_mixture(rows, name, sample_weight=sample_weight)
    expected = m_step(rows, np.eye(4)[model.labels_], name, sample_weight=sample_weight)
    assert_same_mixture(mixture, expected)


def test_threads_change_no_bit_of_a_mixture() -> None:
    rows = random_rows(np.random.default_rng(1), 9000, 4, 3)
    one, two = (KMeans(4, random_state=0, n_jobs=n).fit(rows).as_mixture(rows) for n in (1, 2))
    assert np.array_equal(one.covariances, two.covariances)
    assert np.array_equal(one.weights, two.weights)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_clusters_of_one_row_have_a_floor(name: str) -> None:
    rows = np.vstack([X, [[50.0, 0.0, 0.0]]])
    mixture = KMeans(2, init=rows[[0, -1]]).fit(rows).as_mixture(rows, name)
    assert np.isfinite(mixture.log_prob(rows)).all()
    em = GaussianMixture(2, covariance_type=name, init_params=mixture, max_iter=0).fit(rows)
    np.testing.assert_allclose(em.means_, mixture.means)


def test_a_cluster_without_rows_has_no_gaussian() -> None:
    nearest = X[MODEL.labels_ != 2]
    with pytest.raises(InputError, match="cluster 2 has no row in X; pass the rows of the fit"):
        MODEL.as_mixture(nearest)
    with pytest.raises(InputError, match="covariance_type='oval'"):
        MODEL.as_mixture(X, "oval")


@pytest.mark.parametrize("estimator", [KMeans(2), MiniBatchKMeans(2), NoiseMixture(2)])
def test_a_fit_that_fails_leaves_the_estimator_unfitted(estimator: Any) -> None:
    with pytest.raises(InputError, match="holds inf"):
        estimator.fit(np.where(X[3, 1] == X, np.inf, X))
    with pytest.raises(NotFittedError):
        estimator.predict(X)
