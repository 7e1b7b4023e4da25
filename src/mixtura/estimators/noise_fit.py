"""From a NoiseMixture's parameters to EM with noise and where it starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.noise import NoisyEM, box_around, stray_rows
from mixtura.algorithms.starts import start_by
from mixtura.estimators import fitting, runs
from mixtura.kernels.noise import NoisyKernels
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.model.noise import NoisyMixture, Uniform

#: Rows that the noise is first looked for in.
SAMPLE_ROWS = 5000
#: The share of noise that a fit starts from, too, where it is to find some by itself.
FEW = 0.05


def problem_with_noise(
    estimator: Any, em: EM, rows: Any = None, weights: FloatArray | None = None
) -> tuple[NoisyEM, Uniform, list[Callable[[], Mixture]]]:
    """Return EM with noise, the density of that, and functions that make starts.

    ``em`` is the EM without noise; ``rows`` are in memory, or None.
    """
    k = estimator.n_components
    uniform = box_around(em.source, em.kernels, getattr(estimator, "feature_names_in_", None))
    first, *rngs = runs.generators(estimator.random_state, estimator.n_init + 1)
    cleaned = without_noise(estimator, em, rows, weights, first)
    clean = cleaned[0][0]
    noisy = NoisyEM(
        em.source,
        NoisyKernels(em.kernels, uniform),
        em.family,
        clean.total,
        clean.floor,
        clean.ridge,
        prior=clean.prior,
    )

    def start(rng: np.random.Generator, clean: EM, share: float) -> Mixture:
        return NoisyMixture(start_by(estimator.init_params, clean, k, rng), share)

    return noisy, uniform, [partial(start, rng, *each) for rng in rngs for each in cleaned]


def without_noise(
    estimator: Any, em: EM, rows: Any, weights: FloatArray | None, rng: np.random.Generator
) -> list[tuple[EM, float]]:
    """Return EM for rows that are no noise at a start, and the part that is, for each start."""
    if isinstance(estimator.noise, str | Real):
        sample, own = em.source.sample_rows(SAMPLE_ROWS, rng)
        weights = np.ones(len(sample)) if own is None else own
        shares = [None, FEW] if isinstance(estimator.noise, str) else [float(estimator.noise)]
        stray = stray_rows(em, np.asarray(sample, dtype=np.float64), weights, shares)
    else:
        sample, weights, stray = marked_sample(estimator, rows, weights, rng)
    model = runs.gaussian(estimator, estimator.n_components)
    cleaned = []
    for lonely in stray:
        observed = ~np.isnan(sample[~lonely])
        if len(observed) < estimator.n_components or not observed.any(axis=0).all():
            continue
        lacking = not bool(observed.all())
        clean = fitting.problem(model, sample[~lonely], weights[~lonely], lacking)
        cleaned.append((clean, float(weights @ lonely / weights.sum())))
    least = 1.0 / (1.0 + em.source.n_rows)  # without any, there would never be some
    return [(clean, max(share, least)) for clean, share in cleaned] or [(em, least)]


def marked_sample(
    estimator: Any, rows: Any, weights: FloatArray | None, rng: np.random.Generator
) -> tuple[Any, FloatArray, list[NDArray[np.bool_]]]:
    """Return some rows, their weights, and which of them the estimator's ``noise`` marks."""
    if rows is None:
        raise InputError(
            "noise marks rows, which needs them in memory; give a share between 0 and 1, or 'auto'."
        )
    weights = np.ones(len(rows)) if weights is None else weights
    numbers = np.flatnonzero(weights > 0)
    noise = marked(estimator.noise, len(rows))
    left = int(np.count_nonzero(~noise[numbers]))
    if left < estimator.n_components:
        raise InputError(
            f"noise leaves {left} rows that are none, and n_components="
            f"{estimator.n_components} components start from those; mark fewer."
        )
    if len(numbers) > SAMPLE_ROWS:
        numbers = np.sort(rng.choice(numbers, SAMPLE_ROWS, replace=False))
    return rows[numbers], weights[numbers], [noise[numbers]]


def marked(noise: Any, n: int) -> NDArray[np.bool_]:
    """Return ``noise`` as true for every row that it marks, or raise."""
    array = np.asarray(noise)
    if array.shape != (n,) or array.dtype != np.bool_:
        raise InputError(
            f"noise has shape {array.shape} and dtype {array.dtype}; give true or false for each "
            f"of the {n} rows, a share between 0 and 1, or 'auto'."
        )
    return array
