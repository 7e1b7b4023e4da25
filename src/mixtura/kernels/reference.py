"""The E-step and k-means row by row: the oracle of every test, obvious and never optimised."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

name = "reference"
compiled = False


def expect(
    block: Any, sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
) -> Statistics:
    """Return the statistics of a block (docs/guide, equation 4)."""
    k, d = mixture.means.shape
    weights = np.ones(len(block)) if sample_weight is None else sample_weight
    loglik, zeroth, first = 0.0, np.zeros(k), np.zeros((k, d))
    scatters = np.zeros((k, d, d))
    for row, weight in zip(np.asarray(block, dtype=np.float64), weights, strict=True):
        joint = log_joint(row, mixture)
        density = np.logaddexp.reduce(joint)
        loglik += weight * density
        for j in range(k):
            resp = weight * np.exp(joint[j] - density)
            centred = row - mixture.means[j]
            zeroth[j] += resp
            first[j] += resp * centred
            scatters[j] += resp * np.outer(centred, centred)
    second = {
        "full": scatters,
        "tied": scatters.sum(axis=0),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": np.trace(scatters, axis1=1, axis2=2) / d,
    }[mixture.covariance_type]
    return Statistics(
        mixture.family, loglik, float(np.sum(weights)), zeroth, first, second, mixture.means
    )


def log_joint(row: FloatArray, mixture: Mixture) -> FloatArray:
    """Return log(weight * density) (k,) of one row, by determinant and inverse."""
    k, d = mixture.means.shape
    covariances = mixture.family.full(mixture.covariances, k, d)
    joint = np.full(k, -np.inf)
    for j in range(k):
        if mixture.weights[j] > 0:
            centred = row - mixture.means[j]
            squared = centred @ np.linalg.solve(covariances[j], centred)
            log_det = np.linalg.slogdet(covariances[j])[1]
            normaliser = -0.5 * (d * np.log(2 * np.pi) + log_det)
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
