"""Ratings drawn from groups of users, and the sums over them one rating at a time."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from mixtura.algorithms.ratings import Raters, start
from mixtura.kernels.ratings import ItemSums, Ratings, UserSums


def drawn(n_users=60, n_items=20, share=0.4, n_groups=2, noise=0.5, seed=0):
    """Return users, items and values of a share of all pairs, and the group of each user."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, n_users)
    means = rng.normal(3.0, 0.8, n_items) + rng.normal(0.0, 0.8, (n_groups, n_items))
    users, items = np.nonzero(rng.random((n_users, n_items)) < share)
    own, scales = rng.normal(0.0, 0.5, n_users), rng.gamma(4.0, 0.25, n_users)
    values = own[users] + means[groups[users], items]
    values += noise * rng.normal(size=len(users)) / np.sqrt(scales[users])
    return (users, items, values), groups


def standardised(seed=0, **kwargs):
    """Return drawn ratings of mean 0 and variance 1, by user."""
    users, items, values = drawn(seed=seed, **kwargs)[0]
    values = (values - values.mean()) / values.std()
    return Ratings.of(users, items, values, (users.max() + 1, items.max() + 1))


def raters(n_items, k, seed=0):
    """Return parameters of which no two are equal."""
    rng = np.random.default_rng(seed)
    first = start(n_items, k, rng)
    changed = {
        each.name: np.abs(getattr(first, each.name)) + rng.uniform(0.1, 0.5, size(first, each.name))
        for each in fields(Raters)
        if each.name not in ("effects", "deviations", "offsets", "weights", "freedom")
    }
    changed |= {name: rng.normal(0.0, 0.5, size(first, name)) for name in ("effects", "offsets")}
    weights = rng.dirichlet(np.ones(k))
    return Raters(**{**vars(first), **changed, "weights": weights, "freedom": 7.5})


def size(record, name):
    """Return the shape of one field of a record."""
    return np.shape(getattr(record, name))


def user_sums(ratings, means, precisions, spreads):
    """Return the sums over users' ratings, one rating at a time."""
    out = np.zeros((4, ratings.n_rows, means.shape[1]))
    for user, item, x in zip(ratings.rows, ratings.columns, ratings.values, strict=True):
        w, apart = precisions[item], x - means[item]
        out[:, user] += [w, w * apart, w * (apart**2 + spreads[item]), np.log(w)]
    return UserSums(*out)


def item_sums(ratings, resp, scales, effects, variances):
    """Return the sums over items' ratings, one rating at a time."""
    out = np.zeros((4, ratings.n_columns, resp.shape[1]))
    for user, item, x in zip(ratings.rows, ratings.columns, ratings.values, strict=True):
        r, apart = resp[user], x - effects[user]
        w = r * scales[user]
        out[:, item] += [w, w * apart, w * apart**2 + r * variances[user], r]
    return ItemSums(*out)
