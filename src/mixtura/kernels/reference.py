"""The E-step and k-means row by row: the oracle of every test, obvious and never optimised.

A cell that is NaN is missing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

name = "reference"
compiled = False
allows_missing = True


def expect(
    block: Any, sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
) -> Statistics:
    """Return the statistics of a block (docs/guide, equations 4, 22 and 23)."""
    k, d = mixture.means.shape
    weights = np.ones(len(block)) if sample_weight is None else sample_weight
    loglik, zeroth, first = 0.0, np.zeros(k), np.zeros((k, d))
    cells, scatters = np.zeros((k, d)), np.zeros((k, d, d))
    for row, weight in zip(np.asarray(block, dtype=np.float64), weights, strict=True):
        joint = log_joint(row, mixture)
        density = np.logaddexp.reduce(joint)
        loglik += weight * density
        for j in range(k):
            resp = weight * np.exp(joint[j] - density)
            mean, square, tells = expected_row(row, mixture, j)
            zeroth[j] += resp
            cells[j] += resp * tells
            first[j] += resp * mean
            scatters[j] += resp * square
    second = {
        "full": scatters,
        "tied": scatters.sum(axis=0),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": np.trace(scatters, axis1=1, axis2=2) / d,
    }[mixture.family.form]
    given = cells if np.isnan(block).any() else None
    sums = (loglik, float(np.sum(weights)), zeroth, first, second, mixture.means, given)
    return Statistics(mixture.family, *sums)


def expected_row(
    row: FloatArray, mixture: Mixture, j: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what a row of component j adds to the moments about its mean.

    They are the expectations of the deviation (d,) and of its outer product with itself (d, d),
    and 1 for each column (d,) that the row tells of. Where columns are independent, that is those
    observed; else all, if one is observed.
    """
    k, d = mixture.means.shape
    observed = ~np.isnan(row)
    centred = np.where(observed, row - mixture.means[j], 0.0)
    if not mixture.family.correlated or not observed.any():
        return centred, np.outer(centred, centred), observed.astype(np.float64)
    covariance = mixture.family.full(mixture.covariances, k, d)[j]
    cross = covariance[np.ix_(~observed, observed)]
    inverse = np.linalg.inv(covariance[np.ix_(observed, observed)])
    centred[~observed] = cross @ inverse @ centred[observed]
    square = np.outer(centred, centred)
    square[np.ix_(~observed, ~observed)] += (
        covariance[np.ix_(~observed, ~observed)] - cross @ inverse @ cross.T
    )
    return centred, square, np.ones(d)


def log_joint(row: FloatArray, mixture: Mixture) -> FloatArray:
    """Return log(weight * density of the observed cells) (k,), by determinant and inverse."""
    k, d = mixture.means.shape
    observed = ~np.isnan(row)
    covariances = mixture.family.full(mixture.covariances, k, d)
    joint = np.full(k, -np.inf)
    for j in range(k):
        if mixture.weights[j] > 0:
            centred = (row - mixture.means[j])[observed]
            covariance = covariances[j][np.ix_(observed, observed)]
            squared = centred @ np.linalg.solve(covariance, centred)
            log_det = np.linalg.slogdet(covariance)[1]
            normaliser = -0.5 * (observed.sum() * np.log(2 * np.pi) + log_det)
            joint[j] = np.log(mixture.weights[j]) + normaliser - 0.5 * squared
    return joint


def responsibilities(block: Any, mixture: Mixture) -> FloatArray:
    """Return the responsibilities (b, k)."""
    joints = [log_joint(row, mixture) for row in np.asarray(block, dtype=np.float64)]
    return np.array([np.exp(joint - np.logaddexp.reduce(joint)) for joint in joints])


def log_prob(block: Any, mixture: Mixture) -> FloatArray:
    """Return the log-density (b,) of each row, in nats."""
    rows = np.asarray(block, dtype=np.float64)
    return np.array([np.logaddexp.reduce(log_joint(row, mixture)) for row in rows])


def labels(block: Any, mixture: Mixture) -> NDArray[np.intp]:
    """Return the most probable component (b,) of each row."""
    rows = np.asarray(block, dtype=np.float64)
    return np.array([np.argmax(log_joint(row, mixture)) for row in rows], dtype=np.intp)


def nearest(rows: Any, centres: Any) -> NDArray[np.intp]:
    """Return the number of the nearest centre (n,) of each row, in exact arithmetic.

    Of equally near centres it is the first.
    """
    squares = [[squared_distance(row, centre) for centre in centres] for row in rows]
    return np.array([each.index(min(each)) for each in squares], dtype=np.intp)


def squared_distance(row: Any, centre: Any) -> Fraction:
    """Return the squared distance of two points, in exact arithmetic."""
    pairs = zip(row, centre, strict=True)
    return sum(((Fraction(float(x)) - Fraction(float(c))) ** 2 for x, c in pairs), Fraction(0))


def kmeans_step(
    rows: Any, sample_weight: FloatArray | None, centres: Any
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the labels (n,) and the new centres (k, d) of one step of k-means.

    Each of m empty clusters takes one of the m rows that are farthest from their centres, unless
    that would leave another cluster empty. A cluster that stays empty keeps its centre. Rows
    without weight do not count.
    """
    k, labels = len(centres), nearest(rows, centres)
    weights = np.ones(len(rows)) if sample_weight is None else sample_weight
    counted = [i for i in range(len(rows)) if weights[i] > 0]
    held = [sum(labels[i] == j for i in counted) for j in range(k)]
    squares = {i: squared_distance(rows[i], centres[labels[i]]) for i in counted}
    spare = [i for i in counted if squares[i] > 0 and held[labels[i]] > 1]
    empty = [j for j in range(k) if held[j] == 0]
    for i in sorted(spare, key=lambda i: -squares[i])[: len(empty)]:
        if held[labels[i]] > 1:
            held[labels[i]] -= 1
            labels[i] = empty.pop(0)
    new = np.array(centres, dtype=np.float64)
    for j in range(k):
        members = [i for i in counted if labels[i] == j]
        if members:
            mass = sum(Fraction(weights[i]) for i in members)
            for column in range(len(new[j])):
                total = sum(
                    Fraction(weights[i]) * Fraction(float(rows[i][column])) for i in members
                )
                new[j, column] = float(total / mass)
    return labels, new
