"""RatingMixture: ratings in, predictions and recommendations out."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from mixtura import InputError, Rater, RatingMixture, Status
from mixtura.estimators import rating_mixture as module
from rating_problems import drawn

DATA = Path(__file__).parents[3] / "shared" / "data"


def matrix(seed: int = 0, **kwargs: Any) -> np.ndarray:
    """Return drawn ratings as a matrix with NaN."""
    (users, items, values), _ = drawn(seed=seed, **kwargs)
    X = np.full((users.max() + 1, items.max() + 1), np.nan)
    X[users, items] = values
    return X


@pytest.fixture(scope="module", name="X")
def ratings() -> np.ndarray:
    """Return ratings by 60 users of 20 items."""
    return matrix()


@pytest.fixture(scope="module")
def model(X: np.ndarray) -> RatingMixture:
    """Return two components fitted to the ratings."""
    return RatingMixture(2, random_state=0).fit(X)


def named(X: np.ndarray) -> tuple[list[str], list[str], np.ndarray]:
    """Return the ratings of a matrix as triplets with ids that sort like numbers."""
    users, items = np.nonzero(~np.isnan(X))
    return [f"u{u:03}" for u in users], [f"i{i:03}" for i in items], X[users, items]


def test_attributes_have_their_shapes(model: RatingMixture, X: np.ndarray) -> None:
    assert model.weights_.shape == (2,)
    assert model.weights_.sum() == pytest.approx(1.0)
    assert model.means_.shape == (2, 20)
    assert model.variances_.shape == (2,)
    np.testing.assert_allclose(model.responsibilities_.sum(axis=1), 1.0)
    assert model.users_.tolist() == list(range(60))
    assert model.rating_range_ == (np.nanmin(X), np.nanmax(X))
    assert model.n_iter_ == len(model.lower_bounds_) - 1
    assert (np.diff(model.lower_bounds_) >= 0.0).all()
    assert model.converged_
    assert model.status_ is Status.CONVERGED
    diagonal = RatingMixture(2, covariance_type="diag", random_state=0).fit(X)
    assert diagonal.variances_.shape == (2, 20)


def test_forms_of_one_matrix_give_one_model(model: RatingMixture, X: np.ndarray) -> None:
    users, items = np.nonzero(~np.isnan(X))
    stored = sparse.csr_array((X[users, items], (users, items)), shape=X.shape)
    for form in (stored, (users, items, X[users, items]), named(X)):
        other = RatingMixture(2, random_state=0).fit(form)
        np.testing.assert_array_equal(other.means_, model.means_)
    assert other.recommend("u003")[0].tolist() == [f"i{i:03}" for i in model.recommend(3)[0]]
    np.testing.assert_array_equal(other.predict("u003", ["i001", "i002"]), model.predict(3, [1, 2]))


def test_predictions_are_in_the_units_of_the_ratings(X: np.ndarray) -> None:
    one = RatingMixture(2, random_state=0).fit(X)
    other = RatingMixture(2, random_state=0).fit(100.0 - 20.0 * X)
    assert other.lower_bounds_[0] != one.lower_bounds_[0]  # the start is not turned over
    same = RatingMixture(2, random_state=0).fit(100.0 + 20.0 * X)
    means, stds = one.predict(np.arange(60)[:, None], np.arange(20), return_std=True)
    others = same.predict(np.arange(60)[:, None], np.arange(20), return_std=True)
    np.testing.assert_allclose(others[0], 100.0 + 20.0 * means, rtol=1e-9)
    np.testing.assert_allclose(others[1], 20.0 * stds, rtol=1e-9)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_results_do_not_depend_on_threads(engine: str, X: np.ndarray) -> None:
    one, two, three = (
        RatingMixture(3, random_state=1, n_jobs=n, engine=engine).fit(X) for n in (1, 2, 3)
    )
    for other in (two, three):
        np.testing.assert_array_equal(other.means_, one.means_)
        np.testing.assert_array_equal(other.responsibilities_, one.responsibilities_)


def test_engines_agree(X: np.ndarray) -> None:
    one, other = (RatingMixture(3, random_state=1, engine=e).fit(X) for e in ("numpy", "numba"))
    np.testing.assert_allclose(other.means_, one.means_, rtol=1e-8)


@pytest.mark.parametrize(
    "change",
    [
        {"n_components": 3},
        {"covariance_type": "diag"},
        {"tol": 1e-6},
        {"max_iter": 2},
        {"min_variance": 2.0},
        {"min_support": 10.0},
        {"clip": (2.5, 3.5)},
        {"n_init": 3},
        {"random_state": 5},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_parameter_has_an_effect(change: dict[str, Any], X: np.ndarray) -> None:
    base: dict[str, Any] = {"n_components": 4, "random_state": 0, "n_init": 1}
    one, other = RatingMixture(**base).fit(X), RatingMixture(**{**base, **change}).fit(X)
    cells = np.arange(60)[:, None], np.arange(20)
    assert (one.predict(*cells) != other.predict(*cells)).any()


def test_clip_keeps_predictions_within_bounds(X: np.ndarray) -> None:
    cells = np.arange(60)[:, None], np.arange(20)
    free = RatingMixture(2, clip=False, random_state=0).fit(X).predict(*cells)
    assert free.min() < 2.0 < 3.0 < free.max()
    seen = RatingMixture(2, random_state=0).fit(X).predict(*cells)
    np.testing.assert_array_equal(seen, np.clip(free, np.nanmin(X), np.nanmax(X)))
    tight = RatingMixture(2, clip=(2.0, 3.0), random_state=0).fit(X).predict(*cells)
    np.testing.assert_array_equal(tight, np.clip(free, 2.0, 3.0))


def test_bounds_are_checked_after_the_fit_too(X: np.ndarray) -> None:
    model = RatingMixture(1).fit(X).set_params(clip=[2.0, 3.0])
    with pytest.raises(InputError, match=r"clip=\[2.0, 3.0\] must be"):
        model.predict(0, 0)


def test_intervals_hold_what_they_promise() -> None:
    X = matrix(n_users=300, n_items=60, share=0.3, n_groups=3, noise=1.0)
    users, items = np.nonzero(~np.isnan(X))
    held = np.random.default_rng(1).random(len(users)) < 0.2
    parts = [(users[part], items[part], X[users[part], items[part]]) for part in (~held, held)]
    model = RatingMixture(6, random_state=0).fit(parts[0])
    found = model.rating_errors(parts[1])
    assert found["n_ratings"] == held.sum()
    mean, std = model.predict(*parts[1][:2], return_std=True)
    errors = np.abs(mean - parts[1][2])
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert found["mae"] == pytest.approx(errors.mean())
    assert found["coverage"] == pytest.approx(np.mean(errors <= 1.6448536269514722 * std))
    assert 0.85 <= found["coverage"] <= 0.95
    assert model.rating_errors(parts[1], level=0.5)["coverage"] < 0.6
    one = RatingMixture(1).fit(parts[0]).rating_errors(parts[1])
    assert found["rmse"] < 0.97 * one["rmse"]


def test_errors_are_those_of_ratings_held_out(model: RatingMixture, X: np.ndarray) -> None:
    user, item = np.argwhere(~np.isnan(X))[5]
    with pytest.raises(InputError, match=rf"rating of user {user}, item {item}, which the model"):
        model.rating_errors(([user], [item], [1.0]))
    for level in (1.0, "most"):
        with pytest.raises(InputError, match=f"level={level!r} must lie between 0 and 1"):
            model.rating_errors(([user], [item], [1.0]), level=level)
    assert model.rating_errors(([10**6], [0], [3.0]))["n_ratings"] == 1


def test_the_unknown_are_the_population(model: RatingMixture) -> None:
    nobody, wide = model.predict(777, 3, return_std=True)
    np.testing.assert_allclose(nobody, model.weights_ @ model.means_[:, 3])
    known = model.predict(np.arange(60), 3, return_std=True)[1]
    assert wide > np.median(known)
    mean, widest = model.predict(777, -5, return_std=True)
    assert widest > wide
    assert model.rating_range_[0] < mean < model.rating_range_[1]


def test_pairs_broadcast(model: RatingMixture) -> None:
    assert model.predict(3, 4).shape == ()
    assert model.predict([1, 2], 4).shape == (2,)
    assert model.predict(np.arange(5)[:, None], np.arange(3)).shape == (5, 3)
    assert model.predict([], []).shape == (0,)
    with pytest.raises(InputError, match=r"users of shape \(2,\) and items of shape \(3,\)"):
        model.predict([1, 2], [1, 2, 3])


def test_folding_in_an_old_user_finds_what_the_fit_found(
    model: RatingMixture, X: np.ndarray
) -> None:
    for user in (0, 17):
        rated = np.flatnonzero(~np.isnan(X[user]))
        rater = model.fold_in(dict(zip(rated.tolist(), X[user, rated].tolist(), strict=True)))
        assert isinstance(rater, Rater)
        assert rater.n_ratings == len(rated)
        np.testing.assert_allclose(rater.responsibilities, model.responsibilities_[user], rtol=1e-8)
        items = np.arange(20)
        for own, other in zip(
            model.predict(rater, items, True), model.predict(user, items, True), strict=True
        ):
            np.testing.assert_allclose(own, other, rtol=1e-9)
        assert model.recommend(rater)[0].tolist() == model.recommend(user)[0].tolist()


def test_folding_in_is_quick(model: RatingMixture, X: np.ndarray) -> None:
    given = (np.arange(20), np.full(20, 3.0))
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        model.fold_in(given)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1e-3


def test_recommendations_are_the_best_of_what_is_new(model: RatingMixture, X: np.ndarray) -> None:
    new = np.flatnonzero(np.isnan(X[4]))
    expected = model.predict(4, new)
    items, ratings, stds = model.recommend(4, 100, return_std=True)
    assert sorted(items.tolist()) == new.tolist()
    np.testing.assert_array_equal(ratings, np.sort(expected)[::-1])
    np.testing.assert_array_equal(stds, model.predict(4, items, return_std=True)[1])
    assert model.recommend(4, 3)[0].tolist() == items[:3].tolist()
    everything = model.recommend(4, 100, exclude_rated=False)[0]
    assert sorted(everything.tolist()) == list(range(20))
    rated = (np.flatnonzero(~np.isnan(X[4])), X[4][~np.isnan(X[4])])
    np.testing.assert_array_equal(model.recommend(rated, 100)[0], items)
    nobody = model.recommend({}, 100)[0]
    assert len(nobody) == 20


def test_bounds_do_not_hide_what_is_best(X: np.ndarray) -> None:
    free, tight = (RatingMixture(2, clip=c, random_state=0).fit(X) for c in (False, (2.0, 3.0)))
    items, ratings = tight.recommend(4, 100)
    assert items.tolist() == free.recommend(4, 100)[0].tolist()
    assert (ratings[0], ratings[1]) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((999,), "user 999 has no place in this model; for a new user give ratings"),
        (([1, 2],), "recommend takes one user"),
        ((3, 0), "n=0 must be a whole number of at least 1"),
        ((3, True), "n=True must be"),
        (({99: 1.0},), "item 99 has no place in this model"),
        (({9: 1e200},), "ratings are so large that their squares overflow"),
        (("ann",), "users of this model are whole numbers, not like 'ann'"),
    ],
)
def test_what_cannot_be_recommended_to(
    arguments: tuple[Any, ...], message: str, model: RatingMixture
) -> None:
    with pytest.raises(InputError, match=message):
        model.recommend(*arguments)


def test_a_complete_matrix_keeps_the_ratings(
    model: RatingMixture, X: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = model.complete()
    there = ~np.isnan(X)
    np.testing.assert_array_equal(full[there], X[there])
    predicted = model.predict(np.arange(60)[:, None], np.arange(20))
    np.testing.assert_array_equal(full[~there], predicted[~there])
    monkeypatch.setattr(module, "MOST_CELLS", 1199)
    with pytest.raises(InputError, match="60 users x 20 items has more than 1,199 cells"):
        model.complete()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 61}, "n_components=61 is more than the 60 users who rate"),
        ({"covariance_type": "full"}, "covariance_type"),
        ({"clip": (3.0, 2.0)}, r"clip=\(3.0, 2.0\) must be"),
        ({"clip": (None, 2.0)}, r"clip=\(None, 2.0\) must be"),
        ({"clip": ("a", "b")}, r"clip=\('a', 'b'\) must be"),
        ({"min_variance": -1.0}, "min_variance"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], message: str, X: np.ndarray) -> None:
    with pytest.raises(ValueError, match=message):
        RatingMixture(**parameters).fit(X)


def test_what_has_no_spread_or_too_much() -> None:
    same = RatingMixture(1).fit(np.full((4, 3), 5.0))
    assert same.predict(0, 1) == 5.0
    assert np.isfinite(same.predict(9, 9, return_std=True)).all()
    with pytest.raises(InputError, match="so large that their squares overflow"):
        RatingMixture(1).fit(np.array([[1e200, -1e200], [1.0, 2.0]]))


def test_users_and_items_without_ratings_are_the_population() -> None:
    X = matrix()
    X[5], X[:, 7] = np.nan, np.nan
    model = RatingMixture(2, random_state=0).fit(X)
    np.testing.assert_allclose(model.responsibilities_[5], model.weights_)
    np.testing.assert_allclose(model.predict(5, 3), model.predict(10**6, 3))
    np.testing.assert_allclose(model.predict(3, 7, True), model.predict(3, 10**6, True), rtol=0.05)


def test_conventions(model: RatingMixture, X: np.ndarray) -> None:
    again = clone(model).fit(X)
    np.testing.assert_array_equal(again.means_, model.means_)
    unpickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(unpickled.complete(), model.complete())
    with pytest.raises(NotFittedError):
        RatingMixture().predict(0, 0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        RatingMixture(2, max_iter=1, random_state=0).fit(X)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1),
    values=st.lists(st.floats(-1e100, 1e100) | st.integers(1, 5), min_size=25, max_size=25),
    settings=st.fixed_dictionaries(
        {
            "n_components": st.integers(1, 3),
            "covariance_type": st.sampled_from(["spherical", "diag"]),
            "min_variance": st.sampled_from([0.0, 5.0]),
            "min_support": st.sampled_from([0.0, 1.5]),
        }
    ),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_ratings_are_fitted_or_refused(
    pairs: set[tuple[int, int]], values: list[float], settings: dict[str, Any]
) -> None:
    users, items = zip(*sorted(pairs), strict=True)
    model = RatingMixture(n_init=1, max_iter=20, random_state=0, **settings)
    try:
        model.fit((users, items, values[: len(pairs)]))
    except InputError:
        assert len(set(users)) < model.n_components
        return
    cells = np.arange(6)[:, None], np.arange(6)
    mean, std = model.predict(*cells, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std > 0).all()
    assert model.status_ in (Status.CONVERGED, Status.MAX_ITER)  # no step has lowered the bound


@pytest.mark.skipif(not DATA.exists(), reason="the data sets are not here")
@pytest.mark.parametrize(
    ("name", "baseline", "svd"), [("douban", 0.7386, 0.7426), ("flixster", 0.9152, 0.8982)]
)
def test_errors_on_published_splits(name: str, baseline: float, svd: float) -> None:
    # The errors of scikit-surprise 1.1.5 with its defaults, by benchmarks/ratings.py.
    with np.load(DATA / f"cf_{name}.npz") as file:
        triplets = np.array([file["row"], file["col"]], dtype=np.int64), file["value"]
        held = file["is_test"]
    parts = [(*triplets[0][:, part], triplets[1][part]) for part in (~held, held)]
    found = RatingMixture(random_state=0).fit(parts[0]).rating_errors(parts[1])
    assert found["rmse"] < baseline
    assert found["rmse"] < 1.01 * svd
    assert 0.85 <= found["coverage"] <= 0.95
