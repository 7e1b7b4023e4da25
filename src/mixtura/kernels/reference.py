"""The E-step row by row: the oracle of every test, obvious and never optimised."""

from __future__ import annotations

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
