"""Ratings that come in batches: variational EM, each batch's users in turn (equation 70).

What each user adds to the sums over items is taken out before it is put in anew (Neal & Hinton
1998, doi:10.1007/978-94-011-5014-9_12), so that a user who comes again counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.ratings import (
    Raters,
    Users,
    bound,
    of_items,
    of_users,
    posterior,
    with_noise,
)
from mixtura.algorithms.stepwise import part_left
from mixtura.algorithms.stopping import Status
from mixtura.estimators.checkpoints import unkept
from mixtura.estimators.rating_fit import best_run, mean_and_scale, passes_of, prior_of, publish
from mixtura.estimators.ratings_input import Ids, Triplets, pair_keys, read_ratings, shown
from mixtura.kernels.ratings import ItemSums, Passes, Ratings
from mixtura.model.families.base import FloatArray

#: All ratings are fitted anew, each time that they have doubled, until there are so many.
FIRST_RATINGS = 100_000


@dataclass(frozen=True, eq=False)
class Batches:
    """What batches have come to beside the parameters ``raters``, which it belongs to.

    ``sums`` are those of the items, in which what a user adds counts by the exponential of
    ``log_left - marks`` (n_users,). The stream began with ``unit`` ratings; all are fitted anew
    once there are ``due``.
    """

    raters: Raters
    sums: ItemSums
    marks: FloatArray
    log_left: float
    unit: float
    due: float
    n_batches: int = 0


@dataclass(frozen=True, eq=False)
class Joined:
    """All ratings known with those of a batch, and the places of what was known before."""

    ratings: Ratings
    ids: tuple[Ids, Ids]
    places: tuple[NDArray[np.intp], NDArray[np.intp]]
    batch: NDArray[np.intp]


def update(model: Any, X: Any) -> None:
    """Add a batch of ratings to a RatingMixture."""
    given = read_ratings(X)
    known = batches_of(model) if hasattr(model, "_raters") else None
    if known is None:
        shape = len(given.user_ids.names), len(given.item_ids.names)
        ratings = Ratings.of(given.users, given.items, given.values, shape)
        begin(model, ratings, (given.user_ids, given.item_ids), 1)
        return
    new = joined(model, given)
    if len(new.ratings.values) >= known.due:
        begin(model, new.ratings, new.ids, known.n_batches + 1)
    else:
        advance(model, known, new)


def batches_of(model: Any) -> Batches:
    """Return what a model's batches have come to, or where they go on from its fit."""
    if model.n_components != len(model.weights_):
        raise InputError(
            f"n_components={model.n_components}, but partial_fit goes on with the "
            f"{len(model.weights_)} components there are; use fit, or clone, to begin anew."
        )
    found = getattr(model, "_batches", None)
    if found is not None and found.raters is model._raters:
        return found
    users = rows_of(model._known, slice(-1))
    sums = items_by(passes_of(model, model._ratings, model._units), users, model._raters)
    marks, n = np.zeros(len(users.resp)), len(model._ratings.values)
    return Batches(model._raters, sums, marks, 0.0, float(n), np.inf)


def begin(model: Any, ratings: Ratings, ids: tuple[Ids, Ids], n_batches: int) -> None:
    """Fit all ratings that there are."""
    raters = np.count_nonzero(ratings.counts)
    if raters < model.n_components:
        raise InputError(
            f"n_components={model.n_components} is more than the {raters} users who rate in the "
            "first batch; begin with a larger one, or use fewer components."
        )
    units, n = mean_and_scale(ratings.values), len(ratings.values)
    run = best_run(unkept(model), ratings, units)
    finish(model, ratings, ids, units, *run.state, run.values[-1], n_batches)
    due = 2.0 * n if n < FIRST_RATINGS else np.inf
    model._batches = replace(batches_of(model), due=due, n_batches=n_batches)


def finish(
    model: Any,
    ratings: Ratings,
    ids: tuple[Ids, Ids],
    units: tuple[float, float],
    raters: Raters,
    users: Users,
    value: float,
    n_batches: int,
) -> None:
    """Store what batches have led to."""
    model.lower_bounds_, model.n_iter_, model.status_ = [value], n_batches, Status.ONLINE
    publish(model, ratings, ids, units, raters, users)


def joined(model: Any, given: Triplets) -> Joined:
    """Return all ratings with those of a batch; raise naming one that is known already."""
    ids, places, batch = [], [], []
    for old, new in zip(
        (model._users, model._items), (given.user_ids, given.item_ids), strict=True
    ):
        old.numbers(new.names)  # raises where text meets numbers
        names = np.union1d(old.names, new.names)
        ids.append(Ids(old.noun, names))
        places.append(np.searchsorted(names, old.names))
        batch.append(np.searchsorted(names, new.names))
    shape = len(ids[0].names), len(ids[1].names)
    own = model._ratings
    rows = np.concatenate([places[0][own.rows], batch[0][given.users]])
    columns = np.concatenate([places[1][own.columns], batch[1][given.items]])
    keys = pair_keys(rows, columns, shape[1])
    again = np.isin(keys[len(own.values) :], keys[: len(own.values)])
    if again.any():
        pair = divmod(int(keys[len(own.values) :][np.argmax(again)]), shape[1])
        user, item = (shown(each.names[number]) for each, number in zip(ids, pair, strict=True))
        raise InputError(
            f"user {user}, item {item} is rated in this batch and was before; leave it out."
        )
    values = np.concatenate([own.values, given.values])
    ratings = Ratings.of(rows, columns, values, shape)
    return Joined(ratings, (ids[0], ids[1]), (places[0], places[1]), batch[0])


def advance(model: Any, known: Batches, new: Joined) -> None:
    """Take one step of EM with the users of a batch, from all the ratings they have given."""
    n, (of_user, of_item), touched = len(new.ratings.values), new.places, new.batch
    sizes, units = (new.ratings.n_rows, new.ratings.n_columns), model._units
    raters = with_items(model._raters, sizes[1], of_item)
    users = spread(rows_of(model._known, slice(-1)), sizes[0], of_user)
    sums = spread(known.sums, sizes[1], of_item)
    marks = np.full(sizes[0], known.log_left)
    marks[of_user] = known.marks
    weight = float(len(model._ratings.values))
    left = part_left(float(sums.support.sum()), weight, known.unit, model.forget)
    log_left = known.log_left + float(np.log(left))
    before = placed(model._ratings, sizes, of_user, of_item)
    old = rows_of(users, touched)
    old = replace(old, resp=old.resp * np.exp(log_left - marks[touched])[:, None])
    gone = items_by(passes_of(model, some(before, touched), units), old, raters)
    passes = passes_of(model, some(new.ratings, touched), units)
    own = posterior(
        raters,
        passes.user_sums(raters.means, 1.0 / raters.variances, raters.spreads),
        passes.counts,
    )
    added = items_by(passes, own, raters)
    parts = zip(sums, gone, added, strict=True)
    sums = ItemSums(*(left * kept - out + put for kept, out, put in parts))
    sums = sums._replace(weight=sums.weight.clip(0.0), support=sums.support.clip(0.0))
    for each in fields(Users):
        getattr(users, each.name)[touched] = getattr(own, each.name)
    marks[touched] = log_left
    prior = prior_of(model, n, units)
    moved = with_noise(of_items(of_users(raters, users), sums, prior), sums, prior)
    users = replace(users, effects=users.effects + raters.offsets - moved.offsets)
    n_batches, value = known.n_batches + 1, bound(moved, users, prior)
    finish(model, new.ratings, new.ids, units, moved, users, value, n_batches)
    model._batches = Batches(moved, sums, marks, log_left, known.unit, known.due, n_batches)


def items_by(passes: Passes, users: Users, raters: Raters) -> ItemSums:
    """Return the sums of the items under a posterior of the users."""
    effects = users.effects + raters.offsets
    return passes.item_sums(users.resp, users.scales, effects, users.variances)


def rows_of(users: Users, rows: Any) -> Users:
    """Return the posterior of some users."""
    return Users(*(getattr(users, each.name)[rows] for each in fields(Users)))


def some(ratings: Ratings, rows: NDArray[np.intp]) -> Ratings:
    """Return the ratings by some users."""
    matrix = ratings.matrix(ratings.values)[rows]
    starts, columns = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return Ratings(starts, columns, matrix.data, ratings.n_columns)


def placed(ratings: Ratings, sizes: tuple[int, int], rows: Any, columns: Any) -> Ratings:
    """Return the ratings in larger tables, with the new numbers of old rows and columns."""
    return Ratings.of(rows[ratings.rows], columns[ratings.columns], ratings.values, sizes)


def spread(tables: Any, n: int, places: NDArray[np.intp]) -> Any:
    """Return tables (m, ...) with ``n`` rows, the old ones at their ``places``, others 0."""
    named = tables._asdict() if isinstance(tables, ItemSums) else vars(tables)
    larger = {name: filled(table, n, places, 0.0) for name, table in named.items()}
    return type(tables)(**larger)


def filled(table: FloatArray, n: int, places: NDArray[np.intp], value: Any) -> FloatArray:
    """Return a table of ``n`` rows, the old ones at their ``places``, others of a ``value``."""
    larger: FloatArray = np.empty((n, *table.shape[1:]))
    larger[:] = value
    larger[places] = table
    return larger


def with_items(raters: Raters, n: int, places: NDArray[np.intp]) -> Raters:
    """Return the parameters for ``n`` items; what is not known of new ones is as a priori."""
    unknown = {
        "effects": 0.0,
        "effects_spread": raters.effect_variance,
        "deviations": 0.0,
        "deviations_spread": raters.deviation_variance,
        "variances": raters.typical_variances,
    }
    tables: Any = {name: filled(getattr(raters, name), n, places, v) for name, v in unknown.items()}
    return replace(raters, **tables)
