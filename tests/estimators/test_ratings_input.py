"""Ratings in every form that users have, and what is wrong with some."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from mixtura import InputError
from mixtura.estimators.ratings_input import Ids, ratings_of_one, read_ratings
from reading import Opened

MATRIX = np.array([[5.0, np.nan, 0.0], [np.nan, 2.0, np.nan]])
TRIPLETS = ([0, 0, 1], [0, 2, 1], [5.0, 0.0, 2.0])


def stored_zeros(kind: Any) -> Any:
    """Return a sparse matrix that stores an explicit zero."""
    users, items, values = TRIPLETS
    return kind((values, (users, items)), shape=(2, 3))


@pytest.mark.parametrize(
    "X",
    [
        MATRIX,
        MATRIX.tolist(),
        TRIPLETS,
        stored_zeros(sparse.coo_matrix),
        stored_zeros(sparse.csr_matrix),
        stored_zeros(sparse.csc_array),
        pd.DataFrame(dict(zip(("user", "item", "rating"), TRIPLETS, strict=True))).assign(when=7),
        pa.table(dict(zip(("user", "item", "rating"), TRIPLETS, strict=True))),
    ],
    ids=["dense", "lists", "tuple", "coo", "csr", "csc", "frame", "arrow"],
)
def test_all_forms_hold_the_same_ratings(X: Any) -> None:
    ratings = read_ratings(X)
    found = zip(ratings.users, ratings.items, ratings.values, strict=True)
    assert sorted(found) == sorted(zip(*TRIPLETS, strict=True))
    assert ratings.user_ids.names.tolist() == [0, 1]
    assert ratings.item_ids.names.tolist() == [0, 1, 2]
    assert sorted(ratings.keys.tolist()) == [0, 2, 4]


def test_masked_cells_are_no_ratings() -> None:
    X = np.ma.masked_equal([[5, 99, 0], [99, 2, 99]], 99)
    ratings = read_ratings(X)
    found = zip(ratings.users, ratings.items, ratings.values, strict=True)
    assert sorted(found) == sorted(zip(*TRIPLETS, strict=True))


def test_matrices_keep_users_and_items_without_ratings() -> None:
    ratings = read_ratings(sparse.coo_array(([3.0], ([1], [1])), shape=(4, 5)))
    assert len(ratings.user_ids.names) == 4
    assert len(ratings.item_ids.names) == 5


@pytest.mark.parametrize(
    "users",
    [
        ["b", "a", "b"],
        np.array(["b", "a", "b"], dtype=object),
        pd.Series(["b", "a", "b"]),
        pd.Categorical(["b", "a", "b"]),
        [np.str_("b"), "a", "b"],
    ],
    ids=["list", "object", "series", "categorical", "mixed"],
)
def test_ids_may_be_text(users: Any) -> None:
    ratings = read_ratings((users, [7, 7, 9], [1, 2, 3]))
    assert ratings.user_ids.names.tolist() == ["a", "b"]
    assert ratings.users.tolist() == [1, 0, 1]
    assert ratings.item_ids.names.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (([0], [1]), "X is a tuple of 2"),
        (([0, 1], [1], [2.0]), "X holds 2 users, 1 items and 1 ratings"),
        ((["a", "a"], ["x", "x"], [1, 2]), "user 'a', item 'x' is rated twice"),
        (([0, 0], [3, 3], [1, 1]), "user 0, item 3 is rated twice"),
        (sparse.coo_array(([1.0, 2.0], ([1, 1], [0, 0])), shape=(2, 2)), "user 1, item 0 is rated"),
        ((["a"], ["x"], [np.nan]), "the rating of user 'a', item 'x' is nan"),
        (np.array([[1.0, np.inf]]), "the rating of user 0, item 1 is inf"),
        ((["a", "b"], ["x", "x"], ["1", "good"]), "real numbers, not like 'good'"),
        ((["a"], ["x"], [pd.NA]), "real numbers, not like <NA>"),
        ((["a"], ["x"], [1j]), r"real numbers, not like 1j"),
        ((["a"], ["x"], pd.to_datetime(["2020-01-01"])), "real numbers, not like datetime"),
        (sparse.coo_array(([1j], ([0], [0]))), "real numbers, not like 1j"),
        (([0.5], ["x"], [1.0]), "0.5 names no user: users are named by text or by whole numbers"),
        (([0], [None], [1.0]), "None names no item"),
        ((["a", np.nan], ["x", "y"], [1.0, 2.0]), "nan names no user"),
        (([7, "7"], ["x", "y"], [1.0, 2.0]), r"by text \('7'\) and by numbers \(7\)"),
        ((np.array([2**63], dtype=np.uint64), ["x"], [1.0]), f"{2**63} names no user"),
        (([0, 2**70], ["x", "y"], [1.0, 2.0]), f"{2**70} names no user"),
        (([[0], [1, 2]], [0], [1.0]), "users make no array: lists in them differ in length"),
        (([0], [0], [[1.0], [2.0, 3.0]]), "ratings make no array"),
        (np.full((2, 2), np.nan), "X holds no rating"),
        (([], [], []), "X holds no rating"),
        (np.ones(3), "X holds no ratings that can be read"),
        (sparse.coo_array(np.ones(3)), "X holds no ratings that can be read"),
        (object(), "X holds no ratings that can be read"),
        (pd.DataFrame({"user": [1], "item": [1]}), "X has no column 'rating'"),
    ],
)
def test_what_is_wrong_is_named(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_ratings(X)


def test_ids_have_numbers() -> None:
    names = Ids("item", np.array(["a", "c"]))
    assert names.numbers([["c", "b"], ["a", "zz"]]).tolist() == [[1, -1], [0, -1]]
    assert int(names.numbers("c")) == 1
    assert names.known(["c", "a"], "").tolist() == [1, 0]
    with pytest.raises(InputError, match="item 'b' has no place in this model; look again"):
        names.known(["a", "b"], "look again")
    with pytest.raises(InputError, match=f"{2**70} names no item"):
        names.numbers(2**70)
    with pytest.raises(InputError, match="items of this model are text, not like 3"):
        names.numbers([3])
    with pytest.raises(InputError, match="users of this model are whole numbers, not like 'a'"):
        Ids("user", np.arange(3)).numbers("a")


def test_ratings_of_one_user() -> None:
    names = Ids("item", np.array(["a", "b", "c"]))
    for given in ({"c": 4, "a": 1}, (["c", "a"], [4, 1])):
        items, values = ratings_of_one(given, names)
        assert (items.tolist(), values.tolist()) == ([2, 0], [4.0, 1.0])
    assert len(ratings_of_one({}, names)[0]) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], "a mapping of item to value, or"),
        ((["a"], [1, 2]), "1 items and 2 values"),
        ({"z": 1}, "item 'z' has no place in this model; leave its rating out"),
        ({"a": np.nan}, "the rating of item 'a' is nan"),
        ((["a", "b", "a"], [1, 2, 3]), "item 'a' is rated twice"),
        ({"a": "good"}, "ratings must be real numbers, not like 'good'"),
    ],
)
def test_what_is_wrong_with_a_user_is_named(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ratings_of_one(given, Ids("item", np.array(["a", "b"])))


def test_tables_on_disk_are_ratings_by_name_or_a_matrix() -> None:
    triplets = np.array([[7.0, 2.0, 3.5], [9.0, 2.0, 1.0], [7.0, 4.0, 2.0]])
    found = read_ratings(Opened(triplets, names=["user", "item", "rating"]))
    assert found.user_ids.names.tolist() == [7, 9]
    assert found.item_ids.names.tolist() == [2, 4]
    assert found.users.tolist() == [0, 1, 0]
    assert found.values.tolist() == [3.5, 1.0, 2.0]
    matrix = np.array([[1.0, np.nan], [2.0, 5.0]])
    assert read_ratings(Opened(matrix)).values.tolist() == [1.0, 2.0, 5.0]
