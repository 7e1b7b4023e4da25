"""Rows that lie apart from all others, by the distances of neighbours.

Byers & Raftery (1998), doi:10.1080/01621459.1998.10473711; docs/guide, equation 60.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families.base import FloatArray

#: The neighbour whose distance tells how lonely a row is.
NEIGHBOURS = 10
#: Updates of the two rates at most, and the change of the scattered weight at which they have
#: settled, relative to all.
UPDATES, SETTLED = 500, 1e-9
#: Two processes are one where their rates differ by less than this factor.
DISTINCT = 1.01
#: Sums of volumes below this, relative to the largest, are too small to divide by.
TINY = 1e-290


def neighbour_volumes(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the logarithm (n,) of the volume up to each row's neighbours, but for a constant.

    A row of twice the smallest weight is its own neighbour once.
    """
    from scipy.spatial import KDTree  # takes longer to import than most fits take

    n, d = rows.shape
    wanted = min(NEIGHBOURS, n - 1)
    if wanted == 0:
        return np.zeros(n)
    distances, numbers = KDTree(rows).query(rows, wanted + 1)
    others = np.cumsum(weights[numbers] / weights.min(), axis=1) - 1.0
    enough = np.argmax(others >= wanted, axis=1)  # 0 where weights are too small for that
    enough = np.where((others >= wanted).any(axis=1), enough, wanted)
    with np.errstate(divide="ignore"):
        return d * np.log(distances[np.arange(n), enough])


def in_sparser_process(volumes: FloatArray, weights: FloatArray) -> NDArray[np.bool_]:
    """Return which rows (n,) belong to the sparser of two Poisson processes, given log-volumes.

    Volumes up to a neighbour have gamma distributions; their rates and shares are found by EM.
    """
    finite = np.isfinite(volumes)
    nobody = np.zeros(len(volumes), dtype=np.bool_)
    if not finite.any():
        return nobody
    top = volumes[finite].max()
    u = np.exp(volumes - top)
    order = np.argsort(volumes, kind="stable")
    lonely = np.empty(len(volumes))
    lonely[order] = np.cumsum(weights[order]) > 0.5 * weights.sum()
    previous, total = -1.0, weights.sum()
    for _ in range(UPDATES):
        support = np.array([weights @ (1.0 - lonely), weights @ lonely])
        sums = np.array([(weights * (1.0 - lonely)) @ u, (weights * lonely) @ u])
        if not (support > 0).all() or not (sums > TINY).all():
            return nobody
        rates = NEIGHBOURS * support / sums
        if rates[0] < DISTINCT * rates[1]:
            return nobody
        logits = np.log(support) + NEIGHBOURS * np.log(rates) - rates * u[:, None]
        lonely = 1.0 / (1.0 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -700.0, 700.0)))
        if abs(support[1] - previous) <= SETTLED * total:
            break
        previous = support[1]
    return lonely > 0.5


def loneliest(volumes: FloatArray, weights: FloatArray, share: float) -> NDArray[np.bool_]:
    """Return which rows (n,) are those of the largest volumes, up to a share of the weight."""
    order = np.argsort(-volumes, kind="stable")
    lonely = np.zeros(len(volumes), dtype=np.bool_)
    lonely[order] = np.cumsum(weights[order]) <= share * weights.sum()
    return lonely
