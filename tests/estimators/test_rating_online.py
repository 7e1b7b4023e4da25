"""Ratings in batches: sums that count every user once, tables that grow, and what fades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import InputError, RatingMixture, Status, load
from mixtura.estimators.rating_fit import passes_of
from mixtura.estimators.rating_online import items_by, rows_of
from rating_problems import drawn

Array = Any


def batches(order: Array, n: int, triples: Any) -> list[Any]:
    """Return ratings in batches of an order."""
    return [tuple(each[part] for each in triples) for part in np.array_split(order, n)]


@pytest.fixture
def ratings(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("mixtura.estimators.rating_online.FIRST_RATINGS", 1)
    return drawn(n_users=200, n_items=20, seed=3)[0]


@pytest.mark.parametrize("covariance_type", ["spherical", "diag"])
def test_every_user_counts_once(ratings: Any, covariance_type: str) -> None:
    order = np.random.default_rng(0).permutation(len(ratings[0]))
    model: Any = RatingMixture(2, covariance_type=covariance_type, random_state=0)
    for batch in batches(order, 6, ratings):
        model.partial_fit(batch)
    users = rows_of(model._known, slice(-1))
    sums = items_by(passes_of(model, model._ratings, model._units), users, model._raters)
    # A user's ratings in later batches than his last are none, so all his ratings count.
    for kept, own in zip(model._batches.sums, sums, strict=True):
        assert_allclose(kept, own, rtol=1e-9, atol=1e-9)
    assert model.n_iter_ == 6
    assert model.status_ is Status.ONLINE
    assert not model.converged_
    assert len(model._ratings.values) == len(order)


def test_users_and_items_may_be_new() -> None:
    model = RatingMixture(1).fit((["bob", "dan"], ["milk", "tea"], [2, 5]))
    model.partial_fit((["ann", "dan", "bob"], ["gin", "gin", "tea"], [1, 4, 3]))
    assert model.users_.tolist() == ["ann", "bob", "dan"]
    assert model.items_.tolist() == ["gin", "milk", "tea"]
    assert model.means_.shape == (1, 3)
    table = model.complete()
    assert_allclose([table[0, 0], table[1, 1], table[1, 2], table[2, 0]], [1, 2, 3, 4])
    assert model.rating_range_ == (1.0, 5.0)
    assert model.recommend("dan")[0].tolist() == ["milk"]


def test_what_is_not_seen_again_fades(ratings: Any) -> None:
    users, items, values = ratings
    first = users < 100
    model: Any = RatingMixture(2, random_state=0, forget=0.51)
    model.partial_fit((users[first], items[first], values[first]))
    unit = float(first.sum())
    for low in (100, 140, 180):
        before = float(model._batches.sums.support.sum())
        own = (users >= low) & (users < low + 40)
        model.partial_fit((users[own], items[own], values[own]))
        n = float(len(model._ratings.values) - own.sum())
        left = min(1.0, unit**0.49 * n**0.51 / before)
        assert model._batches.sums.support.sum() == pytest.approx(left * before + own.sum())
    assert left < 1.0
    # All users come again, with all that they had: nothing that has faded is taken out twice.
    extra = np.arange(200), np.full(200, 99), np.ones(200)
    model.partial_fit(extra)
    assert model._batches.sums.support.sum() == pytest.approx(len(values) + 200)


def test_batches_come_close_to_the_fit_of_all(ratings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("mixtura.estimators.rating_online.FIRST_RATINGS", 600)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(ratings[0]))
    test, train = order[:100], order[100:]
    held_out = tuple(each[test] for each in ratings)
    fitted = RatingMixture(2, random_state=0).fit(tuple(each[train] for each in ratings))
    model = RatingMixture(2, random_state=0)
    for batch in batches(train, 10, ratings):
        model.partial_fit(batch)
    errors = [each.rating_errors(held_out)["rmse"] for each in (fitted, model)]
    assert errors[1] < 1.03 * errors[0]
    whole = RatingMixture(2, random_state=0, n_init=1)
    alone = RatingMixture(2, random_state=0, n_init=1).partial_fit(held_out)
    assert_array_equal(alone.means_, whole.fit(held_out).means_)


def test_first_ratings_are_fitted_anew(ratings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("mixtura.estimators.rating_online.FIRST_RATINGS", 10**6)
    users, items, values = ratings
    model: Any = RatingMixture(2, random_state=0)
    for share in (users < 50, (users >= 50) & (users < 70), users >= 70):
        model.partial_fit((users[share], items[share], values[share]))
    fitted: Any = RatingMixture(2, random_state=0).fit(ratings)
    assert_allclose(model.means_, fitted.means_)
    assert model.n_iter_ == 3


def test_a_stream_goes_on_from_a_fit_and_from_a_file(ratings: Any, tmp_path: Path) -> None:
    users, items, values = ratings
    old = users < 150
    model = RatingMixture(2, random_state=0).fit((users[old], items[old], values[old]))
    model.save(tmp_path / "model.mixtura")
    loaded = load(tmp_path / "model.mixtura")
    rest = (users[~old], items[~old], values[~old])
    assert_allclose(loaded.partial_fit(rest).means_, model.partial_fit(rest).means_, rtol=1e-10)
    assert_array_equal(model.partial_fit(([0], [77], [3.0])).items_[-1], 77)
    model.save(tmp_path / "model.mixtura")
    assert load(tmp_path / "model.mixtura").status_ is Status.ONLINE


def test_complaints(ratings: Any) -> None:
    model = RatingMixture(2, random_state=0).fit(ratings)
    pair = ratings[0][:1], ratings[1][:1], [1.0]
    with pytest.raises(InputError, match=r"user 0, item .* is rated in this batch and was before"):
        model.partial_fit(pair)
    with pytest.raises(InputError, match="users of this model are whole numbers"):
        model.partial_fit((["ann"], [1], [1.0]))
    with pytest.raises(InputError, match="n_components=2 is more than the 1 users who rate in"):
        RatingMixture(2).partial_fit(([1], [1], [1.0]))
    with pytest.raises(InputError, match="goes on with the 2 components"):
        model.set_params(n_components=3).partial_fit(([1], [50], [1.0]))
    with pytest.raises(ValueError, match="forget"):
        RatingMixture(1, forget=0.2).partial_fit(ratings)
