"""The E-step in machine code: NumPy arrays of float32 or float64, any memory order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.kernels.cpu.compiled import FAMILIES, machine_code
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

name = "numba"
compiled = True
allows_missing = False

_NONE = np.empty(0)
_NO_LABELS = np.empty(0, dtype=np.int64)
_NO_RESPONSIBILITIES = np.empty((0, 0))


def expect(
    block: NDArray[Any], sample_weight: FloatArray | None, mixture: Mixture, scatter: bool = True
) -> Statistics:
    """Return the statistics of a block (docs/guide, equation 4)."""
    zero = Statistics.zeros(mixture.family, mixture.means)
    second = zero.second
    if mixture.family.form == "tied":
        second = second[None] if scatter else np.empty((0, 0, 0))
    weights = _NONE if sample_weight is None else np.ascontiguousarray(sample_weight, np.float64)
    shift, means, centres, factors, offsets = _arguments(mixture)
    kernel = machine_code("expect", mixture.family.form, block.dtype)
    loglik = kernel(
        block, weights, shift, means, centres, *factors, offsets, zero.zeroth, zero.first, second
    )
    weight = float(len(block)) if sample_weight is None else float(weights.sum())
    return Statistics(
        mixture.family, loglik, weight, zero.zeroth, zero.first, zero.second, mixture.means
    )


def responsibilities(block: NDArray[Any], mixture: Mixture) -> FloatArray:
    """Return the responsibilities (b, k)."""
    resp = np.empty((len(block), mixture.n_components))
    _describe(block, mixture, resp=resp)
    return resp


def log_prob(block: NDArray[Any], mixture: Mixture) -> FloatArray:
    """Return the log-density (b,) of each row, in nats."""
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
    shift, _, centres, factors, offsets = _arguments(mixture)
    kernel = machine_code("describe", mixture.family.form, block.dtype)
    kernel(block, shift, centres, *factors, offsets, log_prob, labels, resp)


def _arguments(mixture: Mixture) -> tuple[Any, ...]:
    """Return shift, means and centres about it, the four factors (three None) and the offsets."""
    density = mixture.density
    shift, means = np.zeros(mixture.n_features), density.means
    centres, factor = means, density.factor
    if mixture.family.form == "tied":  # whitening numbers far from the origin loses digits
        shift = density.means[np.argmax(mixture.weights)]
        means = density.means - shift
        centres, factor = means @ factor.T, factor[None]
    factors = [factor if each == mixture.family.form else None for each in FAMILIES]
    return shift, means, centres, factors, density.offsets
