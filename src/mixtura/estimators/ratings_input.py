"""From what users have of ratings to numbered users and items; every complaint names the pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixtura._errors import InputError
from mixtura.estimators.loading import is_outside, loaded
from mixtura.model.families.base import FloatArray

#: Names of the columns of a table of ratings.
COLUMNS = ("user", "item", "rating")
FORMS = (
    "Ratings are a SciPy sparse matrix, a matrix of numbers with NaN where there is none, a tuple "
    "(users, items, values), or a table with the columns user, item and rating"
)


@dataclass(frozen=True, eq=False)
class Ids:
    """The names of users or items, sorted; their numbers are the places in this order."""

    noun: str
    names: NDArray[Any]

    def numbers(self, given: Any) -> NDArray[np.intp]:
        """Return the numbers of names of any shape; -1 for names that are not known."""
        names = id_array(given, self.noun)
        if names.size and (names.dtype.kind == "U") != (self.names.dtype.kind == "U"):
            kind = "text" if self.names.dtype.kind == "U" else "whole numbers"
            raise InputError(
                f"{self.noun}s of this model are {kind}, not like {shown(names.flat[0])}."
            )
        places = np.searchsorted(self.names, names)
        places = np.minimum(places, len(self.names) - 1)
        return np.where(self.names[places] == names, places, -1)

    def known(self, given: Any, advice: str) -> NDArray[np.intp]:
        """Return the numbers of names, or raise naming one that is not known."""
        numbers = self.numbers(given)
        if (numbers < 0).any():
            name = np.asarray(given).reshape(-1)[int(np.argmax(numbers.reshape(-1) < 0))]
            raise InputError(f"{self.noun} {shown(name)} has no place in this model; {advice}.")
        return numbers


@dataclass(frozen=True, eq=False)
class Triplets:
    """Ratings one by one: numbers of users and items, values, and what the numbers stand for."""

    users: NDArray[np.intp]
    items: NDArray[np.intp]
    values: FloatArray
    user_ids: Ids
    item_ids: Ids

    @property
    def keys(self) -> NDArray[np.int64]:
        """A number for each pair of user and item."""
        return pair_keys(self.users, self.items, len(self.item_ids.names))


def shown(name: Any) -> str:
    """Return an id for a message."""
    return repr(name.item() if isinstance(name, np.generic) else name)


def pair_keys(users: Any, items: Any, n_items: int) -> NDArray[np.int64]:
    """Return a number for each pair, in the order of users and then items."""
    return np.asarray(users, dtype=np.int64) * n_items + np.asarray(items, dtype=np.int64)


def id_array(given: Any, noun: str) -> NDArray[Any]:
    """Return ids as an array of int64 or text."""
    array = _array(given, noun)
    if array.dtype.kind in "OTU" and not isinstance(given, np.ndarray):
        array = np.asarray(given, dtype=object)  # NumPy would have turned numbers into text
    if array.dtype.kind in "OT":  # pandas keeps text so
        cells = {type(cell): cell for cell in array.flat}
        for kind, cell in cells.items():
            if not issubclass(kind, str | int | np.integer) or kind is bool:
                raise no_id(cell, noun)
        sorts = {issubclass(kind, str): shown(cell) for kind, cell in cells.items()}
        if len(sorts) > 1:
            raise InputError(
                f"{noun}s are named by text ({sorts[True]}) and by numbers ({sorts[False]}); "
                "use one of them for all."
            )
        array = np.array(array.tolist()) if cells else array
    if array.dtype.kind in "uO" and array.size and np.max(np.abs(array)) >= 2**63:
        raise no_id(np.max(np.abs(array)), noun)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "U" or array.size == 0:
        return array
    raise no_id(array.flat[0], noun)


def _array(given: Any, noun: str) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError:
        raise InputError(f"{noun}s make no array: lists in them differ in length.") from None


def no_id(cell: Any, noun: str) -> InputError:
    """Return the complaint about what names no user or item."""
    return InputError(
        f"{shown(cell)} names no {noun}: {noun}s are named by text or by whole numbers below 2**63."
    )


def read_ratings(X: Any) -> Triplets:
    """Return checked ratings from any form that ``fit`` takes."""
    if is_outside(X):
        X = read_columns(X)
    if sparse.issparse(X) and X.ndim == 2:
        own = X.tocoo()
        return _checked(*_by_place(own.row, own.col, own.data, own.shape))
    if isinstance(X, tuple):
        if len(X) != 3:
            raise InputError(f"X is a tuple of {len(X)}. {FORMS}.")
        return _checked(*_by_name(*X))
    if hasattr(X, "columns") and hasattr(X, "__getitem__"):
        names = list(getattr(X, "column_names", X.columns))  # Arrow's columns are not names
        lacking = [name for name in COLUMNS if name not in names]
        if lacking:
            raise InputError(
                f"X has no column {lacking[0]!r}. A table of ratings has the columns "
                f"{', '.join(COLUMNS)}: rename its own, or give a matrix of users and items as "
                "an array."
            )
        return _checked(*_by_name(*(np.asarray(X[name]) for name in COLUMNS)))
    try:
        table = _numbers(X)
    except ValueError:
        table = np.empty(0)
    if table.ndim != 2:
        raise InputError(f"X holds no ratings that can be read. {FORMS}.")
    rows, columns = np.nonzero(~np.isnan(table))
    return _checked(*_by_place(rows, columns, table[rows, columns], table.shape))


def read_columns(table: Any) -> Any:
    """Return what a table on disk holds: a tuple (users, items, values), or a matrix."""
    rows = loaded(table, "RatingMixture")
    if not set(COLUMNS) <= set(table.names or ()):
        return rows
    columns = [rows[:, table.names.index(name)] for name in COLUMNS]
    whole = [column.astype(np.int64) for column in columns[:2]]
    same = all((a == b).all() for a, b in zip(whole, columns, strict=False))
    return (*(whole if same else columns[:2]), columns[2])


def ratings_of_one(given: Any, item_ids: Ids) -> tuple[NDArray[np.intp], FloatArray]:
    """Return items and values of a user's ratings, from a mapping or a pair of sequences."""
    if isinstance(given, Mapping):
        given = (list(given), list(given.values()))
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError("ratings of a user are a mapping of item to value, or (items, values).")
    names, values = id_array(given[0], "item").reshape(-1), _numbers(given[1]).reshape(-1)
    if len(names) != len(values):
        raise InputError(f"ratings of a user hold {len(names)} items and {len(values)} values.")
    items = item_ids.known(names, "leave its rating out")
    finite = np.isfinite(values)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise InputError(f"the rating of item {shown(names[bad])} is {values[bad]}; leave it out.")
    order = np.argsort(items, kind="stable")
    twice = np.flatnonzero(np.diff(items[order]) == 0)
    if len(twice):
        name = item_ids.names[items[order[twice[0]]]]
        raise InputError(f"item {shown(name)} is rated twice; keep one of the ratings.")
    return items, values


def _numbers(given: Any) -> FloatArray:
    """Return numbers of any shape as float64, or raise naming one that is none."""
    if isinstance(given, np.ma.MaskedArray):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    array = _array(given, "rating")
    bad = array.reshape(-1)[:1]
    if array.dtype.kind in "biufOTU":  # not complex, not dates
        try:
            return array.astype(np.float64, copy=False)
        except (TypeError, ValueError):
            bad = next(cell for cell in array.reshape(-1, 1) if not _is_number(cell[0]))
    raise InputError(f"ratings must be real numbers, not like {shown(bad[0])}.")


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return cell is None  # NaN for NumPy
    return True


def _by_place(rows: Any, columns: Any, values: Any, shape: Any) -> tuple[Any, ...]:
    """Return ratings of a matrix, whose rows and columns are the names."""
    ids = (Ids(noun, np.arange(n)) for noun, n in zip(COLUMNS, shape, strict=False))
    return rows.astype(np.intp), columns.astype(np.intp), _numbers(values), *ids


def _by_name(users: Any, items: Any, values: Any) -> tuple[Any, ...]:
    """Return ratings of users and items with names."""
    names = [
        id_array(each, noun).reshape(-1)
        for each, noun in zip((users, items), COLUMNS, strict=False)
    ]
    values = _numbers(values).reshape(-1)
    if not len(names[0]) == len(names[1]) == len(values):
        raise InputError(
            f"X holds {len(names[0])} users, {len(names[1])} items and {len(values)} ratings; "
            "each rating needs one of each."
        )
    found = [np.unique(each, return_inverse=True) for each in names]
    ids = (Ids(noun, own) for (own, _), noun in zip(found, COLUMNS, strict=False))
    return found[0][1], found[1][1], values, *ids


def _checked(users: Any, items: Any, values: Any, user_ids: Ids, item_ids: Ids) -> Triplets:
    """Return the ratings, or raise naming a pair that cannot be used."""
    ratings = Triplets(users, items, values, user_ids, item_ids)
    if not len(values):
        raise InputError("X holds no rating.")

    def pair(user: Any, item: Any) -> str:
        return f"user {shown(user_ids.names[user])}, item {shown(item_ids.names[item])}"

    finite = np.isfinite(values)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise InputError(
            f"the rating of {pair(users[bad], items[bad])} is {values[bad]}; leave it out or "
            "correct it."
        )
    keys = np.sort(ratings.keys)
    twice = keys[1:][np.diff(keys) == 0]
    if len(twice):
        raise InputError(
            f"{pair(*divmod(twice[0], len(item_ids.names)))} is rated twice or more; keep one of "
            "the ratings, or their mean."
        )
    return ratings
