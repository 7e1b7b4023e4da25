"""The E-step in machine code on rows with missing cells (NaN); as fast as they are sorted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.cpu.compiled import machine_code
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

name = "numba"
compiled = True
allows_missing = True

_NONE = np.empty(0)
_NO_LABELS = np.empty(0, dtype=np.int64)
_NO_RESPONSIBILITIES = np.empty((0, 0))


def expect(
    block: NDArray[Any], sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
) -> Statistics:
    """Return the statistics of a block (docs/guide, equation 22)."""
    weights = _NONE if sample_weight is None else np.ascontiguousarray(sample_weight, np.float64)
    weight = float(len(block)) if sample_weight is None else float(weights.sum())
    k, d = mixture.means.shape
    way, arguments = _arguments(mixture)
    kernel = machine_code(f"expect_{way}", way, block.dtype)
    zeroth, empty, first = np.zeros(k), np.zeros(k), np.zeros((k, d))
    second: FloatArray
    if way == "patterns":
        second = np.zeros((len(arguments[1]), d, d))
        loglik = kernel(block, weights, *arguments, zeroth, empty, first, second)
        cells, zeroth = np.repeat(zeroth[:, None], d, axis=1), zeroth + empty
    else:
        second, cells = np.zeros((k, d)), np.zeros((k, d))
        loglik = kernel(block, weights, *arguments, zeroth, first, second, cells)
        if mixture.family.one_unit:
            second = second.mean(axis=1)
    second = second.reshape(mixture.covariances.shape)
    return Statistics(mixture.family, loglik, weight, zeroth, first, second, mixture.means, cells)


def responsibilities(block: NDArray[Any], mixture: Mixture) -> FloatArray:
    """Return the responsibilities (b, k)."""
    resp = np.empty((len(block), mixture.n_components))
    _describe(block, mixture, resp=resp)
    return resp


def log_prob(block: NDArray[Any], mixture: Mixture) -> FloatArray:
    """Return the log-density (b,) of the observed cells of each row, in nats."""
    densities = np.empty(len(block))
    _describe(block, mixture, log_prob=densities)
    return densities


def labels(block: NDArray[Any], mixture: Mixture) -> NDArray[np.int64]:
    """Return the most probable component (b,) of each row."""
    numbers = np.empty(len(block), dtype=np.int64)
    _describe(block, mixture, labels=numbers)
    return numbers


def _describe(
    block: NDArray[Any],
    mixture: Mixture,
    log_prob: FloatArray = _NONE,
    labels: NDArray[np.int64] = _NO_LABELS,
    resp: FloatArray = _NO_RESPONSIBILITIES,
) -> None:
    way, arguments = _arguments(mixture)
    kernel = machine_code(f"describe_{way}", way, block.dtype)
    kernel(block, *arguments, log_prob, labels, resp)


def _arguments(mixture: Mixture) -> tuple[str, tuple[Any, ...]]:
    """Return the way to pass over rows, and the mixture as it takes it."""
    k, d = mixture.means.shape
    with np.errstate(divide="ignore"):  # a component of weight zero has density zero
        log_weights = np.log(mixture.weights)
    if mixture.family.correlated:
        factors = mixture.density.factor.reshape(-1, d, d)
        log_dets = -2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        covariances = mixture.covariances.reshape(-1, d, d)
        precisions = factors.transpose(0, 2, 1) @ factors
        matrices = (covariances, factors, precisions)
        return "patterns", (mixture.means, *matrices, log_dets, log_weights)
    roots = np.repeat(mixture.density.factor.reshape(k, -1), d // mixture.density.factor[0].size, 1)
    normalisers = np.log(2.0 * np.pi) - 2.0 * np.log(roots)
    return "masked", (mixture.means, roots, normalisers, log_weights)
