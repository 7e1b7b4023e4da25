"""Draws from a mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.model.families import Family
from mixtura.model.families.base import FloatArray, cholesky

RandomState = None | int | np.random.Generator | np.random.RandomState


def generator(random_state: RandomState) -> np.random.Generator:
    """Return a Generator from ``None``, a seed, a Generator or a legacy RandomState."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31, size=4))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise InputError(
            f"random_state={random_state!r} is no seed: give None, a whole number of at least 0, "
            "a Generator or a RandomState."
        ) from None


def draw(
    family: Family,
    weights: FloatArray,
    means: FloatArray,
    covariances: FloatArray,
    n: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return ``n`` rows (n, d) and the component each came from, grouped by component."""
    k, d = means.shape
    counts = rng.multinomial(n, weights / weights.sum())
    labels = np.repeat(np.arange(k), counts)
    roots = cholesky(family.full(covariances, k, d))
    rows = rng.standard_normal((n, d))
    stops = np.cumsum(counts)
    for component, stop in enumerate(stops):
        part = slice(stop - counts[component], stop)
        rows[part] = rows[part] @ roots[component].T + means[component]
    return rows, labels
