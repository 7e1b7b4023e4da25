"""The E-step on rows with missing cells (NaN), in NumPy (docs/guide, equations 22 and 23).

Where columns are independent, sums run over observed cells. Where they are correlated, a covariance
matrix whose missing rows and columns are the identity's stands for the observed columns', so that
all patterns of a block are factorised in one stacked call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.patterns import grouped
from mixtura.model import Mixture, Statistics
from mixtura.model.density import LOWEST, log_sum_exp
from mixtura.model.families.base import FloatArray, cholesky

name = "numpy"
compiled = False
allows_missing = True

#: Doubles that a temporary of a blocked computation may hold (2 MiB).
BLOCK_DOUBLES = 262_144


class Part(NamedTuple):
    """What is known of some rows of a block, and of their missing cells.

    Attributes
    ----------
    numbers : ndarray (b,)
        Numbers of the rows in their block.
    observed : ndarray of bool (b, d)
        Which cells are.
    joint : ndarray (k, b)
        Log of the weight times the density of the observed cells.
    centred : ndarray (k, b, d)
        Expected deviations from the means, exact where observed.
    pattern : ndarray (b,)
        Numbers of the rows' patterns.
    covariances : ndarray (g, k or 1, d, d) or (k, d)
        Of the missing cells of each pattern given the observed ones, 0 elsewhere; where columns
        are independent, the variances of all cells whatever the pattern.
    """

    numbers: NDArray[np.intp]
    observed: NDArray[np.bool_]
    joint: FloatArray
    centred: FloatArray
    pattern: NDArray[np.intp]
    covariances: FloatArray


def expect(
    block: Any, sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
) -> Statistics:
    """Return the statistics of a block (docs/guide, equation 22)."""
    statistics = Statistics.zeros(mixture.family, mixture.means)
    for part in parts(block, mixture):
        density, resp = log_sum_exp(np, part.joint)
        rows = part.numbers
        weights = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
        statistics += moments(
            part, resp * weights, float(density @ weights), float(weights.sum()), mixture
        )
    return statistics


def moments(
    part: Part, resp: FloatArray, loglik: float, weight: float, mixture: Mixture
) -> Statistics:
    """Return the statistics of rows under given weighted responsibilities (k, b)."""
    family, (k, d) = mixture.family, mixture.means.shape
    row = resp[:, None, :]
    if family.correlated:
        tells = part.observed.any(axis=1)
        cells = np.repeat((resp @ tells)[:, None], d, axis=1)
        weighted = (part.centred * (resp * tells)[:, :, None]).transpose(0, 2, 1)
        second = weighted @ part.centred
        held = np.zeros((len(part.covariances), k))  # rows of each pattern and component
        np.add.at(held, part.pattern, (resp * tells).T)
        if family.covariance_shape(k, d) == (d, d):
            second = second.sum(axis=0) + np.tensordot(held.sum(axis=1), part.covariances[:, 0], 1)
        else:
            second += np.einsum("gk,gkij->kij", held, part.covariances)
        first = weighted.sum(axis=-1)
    else:
        cells = resp @ part.observed
        first = (row @ part.centred)[:, 0, :]
        second = (row @ (part.centred * part.centred))[:, 0, :]
        if family.one_unit:
            second = second.mean(axis=1)
    zeroth = resp.sum(axis=1)
    return Statistics(family, loglik, weight, zeroth, first, second, mixture.means, cells)


def parts(block: Any, mixture: Mixture) -> Iterator[Part]:
    """Yield the rows of a block in parts whose temporaries are small."""
    mixture.density  # noqa: B018 - raises naming the component that is not positive definite
    observed = ~np.isnan(block)
    find = correlated if mixture.family.correlated else independent
    k, d = mixture.means.shape
    if not mixture.family.correlated:
        step = max(1, BLOCK_DOUBLES // (k * d))
        for start in range(0, len(block), step):
            numbers = np.arange(start, min(start + step, len(block)))
            yield find(numbers, block, observed, mixture)
        return
    order, _ = grouped(observed)
    step = max(1, BLOCK_DOUBLES // (k * d * d))
    for start in range(0, len(order), step):
        yield find(order[start : start + step], block, observed, mixture)


def independent(
    numbers: NDArray[np.intp], block: Any, observed: NDArray[np.bool_], mixture: Mixture
) -> Part:
    """Return what is known of some rows where columns are independent."""
    k, d = mixture.means.shape
    seen = observed[numbers]
    variances = mixture.family.full(mixture.covariances, k, d).diagonal(axis1=1, axis2=2)
    roots = np.sqrt(variances)
    rows = np.asarray(block[numbers], dtype=np.float64)
    centred = np.where(seen, rows - mixture.means[:, None, :], 0.0)
    with np.errstate(over="ignore", divide="ignore"):
        whitened = centred / roots[:, None, :]
        squared = np.sum(whitened * whitened, axis=-1)
        normaliser = (np.log(2.0 * np.pi) + 2.0 * np.log(roots)) @ seen.T
        joint = np.log(mixture.weights)[:, None] - 0.5 * (normaliser + squared)
    joint = np.maximum(joint, LOWEST)
    return Part(numbers, seen, joint, centred, np.zeros_like(numbers), variances)


def correlated(
    numbers: NDArray[np.intp], block: Any, observed: NDArray[np.bool_], mixture: Mixture
) -> Part:
    """Return what is known of some rows, ordered by pattern, where columns are correlated."""
    d = mixture.n_features
    seen = observed[numbers]
    new = np.concatenate([[True], (seen[1:] != seen[:-1]).any(axis=1)])
    pattern = np.cumsum(new) - 1
    patterns = seen[new]
    covariances = mixture.covariances.reshape(-1, d, d)
    both = patterns[:, None, :, None] & patterns[:, None, None, :]
    lower = factors(np.where(both, covariances, np.eye(d)))
    log_det = 2.0 * np.log(lower.diagonal(axis1=2, axis2=3)).sum(axis=2)
    roots = inverse_of(lower) * patterns[:, None, None, :]
    explained = covariances @ roots.swapaxes(2, 3)
    missing = ~patterns[:, None, :, None] & ~patterns[:, None, None, :]
    rest = np.where(missing, covariances - explained @ explained.swapaxes(2, 3), 0.0)
    rows = np.asarray(block[numbers], dtype=np.float64)
    centred = np.where(seen[:, None, :], rows[:, None, :] - mixture.means, 0.0)  # (b, k, d)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        whitened = np.matvec(roots[pattern], centred)
        squared = np.sum(whitened * whitened, axis=-1)
        constants = patterns.sum(axis=1)[:, None] * np.log(2.0 * np.pi) + log_det
        joint = np.log(mixture.weights) - 0.5 * (constants[pattern] + squared)
    filled = np.where(seen[:, None, :], centred, np.matvec(explained[pattern], whitened))
    joint = np.where(joint > LOWEST, joint, LOWEST).T
    return Part(numbers, seen, joint, filled.transpose(1, 0, 2), pattern, rest)


def factors(matrices: FloatArray) -> FloatArray:
    """Return lower Cholesky factors (g, k, d, d), or raise naming the first failing component."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:  # rounding: all of the columns together had one
        return np.stack([cholesky(each) for each in matrices])


def inverse_of(lower: FloatArray) -> FloatArray:
    """Return the inverses of many lower triangular matrices (g, k, d, d), row by row of all."""
    inverse = np.zeros_like(lower)
    for i in range(lower.shape[-1]):
        row = np.vecmat(lower[..., i, :i], inverse[..., :i, :i])
        inverse[..., i, :i] = -row / lower[..., i, i, None]
        inverse[..., i, i] = 1.0 / lower[..., i, i]
    return inverse


def responsibilities(block: Any, mixture: Mixture) -> FloatArray:
    """Return the responsibilities (b, k)."""
    resp = np.empty((len(block), mixture.n_components))
    for part in parts(block, mixture):
        resp[part.numbers] = log_sum_exp(np, part.joint)[1].T
    return resp


def log_prob(block: Any, mixture: Mixture) -> FloatArray:
    """Return the log-density (b,) of the observed cells of each row, in nats."""
    densities = np.empty(len(block))
    for part in parts(block, mixture):
        densities[part.numbers] = log_sum_exp(np, part.joint)[0]
    return densities


def labels(block: Any, mixture: Mixture) -> NDArray[np.intp]:
    """Return the most probable component (b,) of each row."""
    numbers = np.empty(len(block), dtype=np.intp)
    for part in parts(block, mixture):
        numbers[part.numbers] = part.joint.argmax(axis=0)
    return numbers
