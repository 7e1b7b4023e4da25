"""Estimators on rows that are read in chunks: what they say is what they say of an array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtura
from mixtura import GaussianMixture, InputError, MiniBatchKMeans, Mixture, NoiseMixture
from mixtura.estimators.outside import Outside, look
from reading import Opened


def blobs(n=6_000, d=3, k=3, seed=0, holes=0.0):
    rng = np.random.default_rng(seed)
    centres = 4.0 * rng.normal(size=(k, d))
    X = centres[rng.integers(k, size=n)] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    X[rng.random(X.shape) < holes] = np.nan
    return X


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEV"])
@pytest.mark.parametrize("holes", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_fit_is_that_of_the_array(covariance_type, holes, weighted):
    X = blobs(holes=holes)
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float) if weighted else None
    options = {"covariance_type": covariance_type, "random_state": 3, "max_iter": 300}
    inside = GaussianMixture(3, **options).fit(X, sample_weight=weights)
    table = Opened(X, weights)
    outside = GaussianMixture(3, **options).fit(table)
    assert outside.n_iter_ == inside.n_iter_
    for name in ("weights_", "means_", "covariances_", "lower_bounds_", "restarts_"):
        ours, theirs = getattr(outside, name), getattr(inside, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    again = GaussianMixture(3, **options, n_jobs=1).fit(Opened(X, weights, memory=2**26))
    assert (again.means_ == outside.means_).all()
    assert (again.covariances_ == outside.covariances_).all()


def test_what_is_asked_of_rows_is_what_it_is_of_the_array():
    X = blobs(holes=0.1)
    weights = np.random.default_rng(1).random(len(X))
    model = GaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    table = Opened(X, weights)
    np.testing.assert_array_equal(model.predict(table), model.predict(X))
    np.testing.assert_allclose(model.predict_proba(table), model.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(model.score_samples(table), model.score_samples(X), rtol=1e-10)
    np.testing.assert_allclose(model.impute(table), model.impute(X), rtol=1e-10)
    for name in ("score", "bic", "aic", "icl"):
        theirs = getattr(model, name)(X, sample_weight=weights)
        assert getattr(model, name)(table) == pytest.approx(theirs, rel=1e-12)
    labels = GaussianMixture(3, random_state=0).fit_predict(table)
    np.testing.assert_array_equal(labels, model.predict(X))


def test_float32_stays_so():
    X = blobs().astype(np.float32)
    model = GaussianMixture(2, random_state=0).fit(Opened(X))
    assert model.means_.dtype == np.float32
    assert model.impute(Opened(X)).dtype == np.float32


def test_the_number_of_components_is_chosen_on_all_rows():
    X = blobs(n=4_000)
    options = {"random_state": 0, "covariance_type": "tied"}
    outside = GaussianMixture("auto", **options).fit(Opened(X))
    assert outside.n_components_ == GaussianMixture("auto", **options).fit(X).n_components_ == 3
    assert outside.lower_bound_ * len(X) == pytest.approx(outside.score(X) * len(X), rel=1e-12)


def test_names_are_those_of_the_table():
    X = blobs()
    model = GaussianMixture(2, random_state=0).fit(Opened(X, names=["a", "b", "c"]))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert model.predict(Opened(X, names=["a", "b", "c"])).shape == (len(X),)
    with pytest.raises(InputError, match=r"'a', 'c', 'b'.*fitted on 'a', 'b', 'c'"):
        model.predict(Opened(X, names=["a", "c", "b"]))
    with pytest.raises(InputError, match="a table has 2 columns; the model has 3"):
        GaussianMixture(2).fit(X).predict(Opened(X[:, :2]))


def test_columns_of_a_matrix_have_no_names(tmp_path):
    X = blobs()
    np.save(tmp_path / "x.npy", X)
    table = mixtura.open_table(tmp_path / "x.npy")
    model = GaussianMixture(2, random_state=0).fit(table)
    assert not hasattr(model, "feature_names_in_")
    named = GaussianMixture(2, random_state=0).fit(Opened(X, names=["a", "b", "c"]))
    labels = named.predict(table)
    table.write(tmp_path / "o.npy", component=named.predict)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy")[:, 3], labels)
    np.testing.assert_array_equal(model.predict(X), labels)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 49), weighted=st.booleans(), seed=st.integers(0, 99))
def test_what_is_known_of_two_parts_is_known_of_the_whole(cut, weighted, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(50, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[rng.random(X.shape) < 0.02] = np.inf
    weights = rng.integers(0, 2, 50).astype(float) if weighted else None

    def of(part):
        return look(part, X[part], None if weights is None else weights[part])

    added = of(slice(0, cut)) + of(slice(cut, 50))
    whole = of(slice(0, 50))
    assert added.infinite == whole.infinite
    for name in ("positive", "weight", "lightest", "heaviest", "telling", "incomplete", "squares"):
        assert getattr(added, name) == pytest.approx(getattr(whole, name))
    np.testing.assert_array_equal(added.observed, whole.observed)
    np.testing.assert_array_equal(added.largest, whole.largest)
    counts = np.ones(50) if weights is None else weights
    assert whole.telling == counts[~np.isnan(X).all(axis=1)].sum()


def with_cell(row, column, value):
    X = blobs(n=3_000)
    X[row, column] = value
    return X


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            Opened(with_cell(2_047, 1, np.inf), names=list("abc")),
            "a table, row 2048 has an infinite number in column 'b'",
        ),
        (Opened(with_cell(7, 2, -np.inf)), "row 8 has an infinite number in column 2"),
        (Opened(with_cell(slice(None), 1, np.nan)), "column 1 of X is missing in every row:"),
        (Opened(blobs(), np.zeros(6_000)), "the weight of every row is zero"),
        (
            Opened(with_cell(slice(5, None), 1, np.nan), 1.0 * (np.arange(3_000) >= 5)),
            "column 1 of X is missing in every row of positive sample_weight",
        ),
        (Opened(blobs(n=1)), "a table has 1 row; a fit needs at least 2"),
        (Opened(blobs(n=2)), "n_components=3 is more than the 2 rows"),
        (Opened(with_cell(1, 1, 1e200)), "column 1 holds numbers so large"),
        (Opened(blobs(), np.full(6_000, -1.0)), "weights must be numbers of at least 0"),
    ],
)
def test_errors_name_what_is_wrong(table, message):
    with pytest.raises(InputError, match=message):
        GaussianMixture(3, random_state=0).fit(table)


@pytest.mark.parametrize("ask", ["score", "bic"])
def test_a_table_without_rows_has_no_score(ask):
    model = GaussianMixture(2, random_state=0).fit(blobs())
    with pytest.raises(InputError, match="a table has no rows"):
        getattr(model, ask)(Opened(blobs()[:0]))


def test_an_infinite_cell_is_found_where_rows_are_only_described():
    model = GaussianMixture(2, random_state=0).fit(blobs())
    with pytest.raises(InputError, match="a table, row 2048 has an infinite number in column 1"):
        model.predict(Opened(with_cell(2_047, 1, np.inf)))


def test_a_missing_cell_is_found_where_none_may_be():
    model = MiniBatchKMeans(2, random_state=0).fit(blobs())
    with pytest.raises(InputError, match="a table, row 2048 has no number in column 1"):
        model.predict(Opened(with_cell(2_047, 1, np.nan)))


def test_what_needs_the_rows_in_memory_says_so():
    X = blobs()
    with pytest.raises(InputError, match="sample_weight does not go with a table on disk"):
        GaussianMixture(2).fit(Opened(X), sample_weight=np.ones(len(X)))
    with pytest.raises(InputError, match="needs the rows in memory"):
        GaussianMixture(2, init_params=np.zeros(len(X), dtype=int)).fit(Opened(X))
    model = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(InputError, match="kind='draw' needs the rows in memory"):
        model.impute(Opened(X), kind="draw")
    with pytest.raises(InputError, match="return_std=True needs the rows in memory"):
        model.impute(Opened(X), return_std=True)


def test_given_starts_and_several_starts_work():
    X = blobs()
    start = Mixture([0.5, 0.5], X[:2], [1.0, 1.0], "spherical")
    options = {"covariance_type": "spherical", "init_params": start}
    inside = GaussianMixture(2, **options).fit(X)
    np.testing.assert_allclose(
        GaussianMixture(2, **options).fit(Opened(X)).means_, inside.means_, rtol=1e-10
    )
    several = {"n_init": 3, "random_state": 0, "init_params": "random_from_data"}
    inside = GaussianMixture(3, **several).fit(X)
    outside = GaussianMixture(3, **several).fit(Opened(X))
    np.testing.assert_allclose(outside.restarts_, inside.restarts_, rtol=1e-10)


def test_rows_are_looked_at_once():
    table = Opened(blobs())
    assert Outside(table, None).survey.positive == len(table.X)
    assert table.passes == 1


def test_noise_is_found_among_rows_outside_memory():
    rng = np.random.default_rng(0)
    X = np.concatenate([blobs(), rng.uniform(-60, 60, (300, 3))])
    for noise in (0.05, "auto"):
        options = {"covariance_type": "tied", "noise": noise, "random_state": 0}
        inside = NoiseMixture(3, **options).fit(X)
        table = Opened(X)
        outside = NoiseMixture(3, **options).fit(table)
        np.testing.assert_allclose(outside.means_, inside.means_, rtol=1e-10)
        assert outside.noise_weight_ == pytest.approx(inside.noise_weight_, rel=1e-10)
        np.testing.assert_array_equal(outside.predict(table), inside.predict(X))
        assert outside.score(table) == pytest.approx(inside.score(X), rel=1e-12)
        assert outside.bic(table) == pytest.approx(inside.bic(X), rel=1e-12)
    with pytest.raises(InputError, match="noise marks rows, which needs them in memory"):
        NoiseMixture(3, noise=np.zeros(len(X), dtype=bool)).fit(Opened(X))
