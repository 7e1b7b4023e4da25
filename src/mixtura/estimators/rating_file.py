"""A fitted RatingMixture to and from the arrays and facts of a model file."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.ratings import Raters, expect
from mixtura.algorithms.stopping import Status
from mixtura.estimators.ratings_input import Ids
from mixtura.kernels.ratings import Ratings

PARAMETERS = tuple(each.name for each in fields(Raters))
SIGNED = ("offsets", "effects", "deviations")
ARRAYS = (*PARAMETERS, "starts", "columns", "values", "user_ids", "item_ids")
NONE: NDArray[np.int64] = np.empty(0, dtype=np.int64)


def describe_ratings(estimator: Any) -> tuple[list[NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a RatingMixture and what else is known of its fit."""
    ratings, (centre, scale) = estimator._ratings, estimator._units
    ids = (estimator.users_, estimator.items_)
    arrays = [np.asarray(getattr(estimator._raters, name)) for name in PARAMETERS]
    arrays += [ratings.starts, ratings.columns, ratings.values]
    return arrays + [NONE if each.dtype.kind == "U" else each for each in ids], {
        "users": text_ids(ids[0]),
        "items": text_ids(ids[1]),
        "clip": list(estimator.clip) if isinstance(estimator.clip, tuple) else estimator.clip,
        "mean": centre,
        "scale": scale,
        "status": estimator.status_.name,
        "lower_bounds": [float(value) for value in estimator.lower_bounds_],
    }


def text_ids(names: NDArray[Any]) -> list[str] | None:
    """Return ids that are text; an array holds them if they are numbers."""
    return names.tolist() if names.dtype.kind == "U" else None


def restore_ratings(arrays: list[NDArray[Any]], metadata: dict[str, Any]) -> Any:
    """Return the RatingMixture of a file."""
    from mixtura.estimators.rating_fit import passes_of, publish
    from mixtura.estimators.rating_mixture import RatingMixture

    given = dict(zip(ARRAYS, arrays, strict=True))
    users, items = (
        Ids(noun, given[f"{noun}_ids"] if names is None else np.array(names))
        for noun, names in (("user", metadata["users"]), ("item", metadata["items"]))
    )
    parameters: Any = (float(a) if a.ndim == 0 else a for a in arrays[: len(PARAMETERS)])
    raters = Raters(*parameters)
    ratings = Ratings(given["starts"], given["columns"], given["values"], len(items.names))
    check(raters, ratings, len(users.names))
    clip = metadata["clip"]
    model = RatingMixture(
        **{**metadata["settings"], "clip": tuple(clip) if isinstance(clip, list) else clip}
    )
    model.lower_bounds_ = metadata["lower_bounds"]
    model.n_iter_ = len(model.lower_bounds_) - 1
    model.status_ = Status[metadata["status"]]
    units = metadata["mean"], metadata["scale"]
    known = expect(passes_of(model, ratings, units), raters)
    publish(model, ratings, (users, items), units, raters, known)
    return model


def check(raters: Raters, ratings: Ratings, users: int) -> None:
    """Raise unless everything is finite, of one size, and positive where it has to be."""
    k, items = len(raters.weights), ratings.n_columns
    shapes = {1: (k,), 2: (items, k)}
    for name in PARAMETERS:
        value = np.asarray(getattr(raters, name))
        expected = (items,) if name.startswith("effects") else shapes.get(value.ndim, ())
        if value.shape != expected or not np.isfinite(value).all():
            raise InputError(f"{name} must be {expected} finite numbers")
        if name not in SIGNED and not (value > 0.0).all():
            raise InputError(f"{name} must be positive")
    n = len(ratings.values)
    sound = ratings.n_rows == users and ratings.starts[0] == 0 and ratings.starts[-1] == n
    sound = sound and bool((ratings.counts >= 0).all()) and len(ratings.columns) == n
    sound = sound and bool(np.isfinite(ratings.values).all())
    if not sound or (n and not 0 <= ratings.columns.min() <= ratings.columns.max() < items):
        raise InputError("the ratings do not belong to its users and items")
