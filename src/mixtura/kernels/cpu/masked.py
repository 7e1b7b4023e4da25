"""One pass over a block of rows with missing cells, columns independent (docs/guide, equation 22).

A tile of rows comes with a tile of the same layout that is 1 where a cell is observed and 0 where
not. Spherical components come as diagonal ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu.densities import FLAGS, TILE, clear, finish
from mixtura.kernels.cpu.passes import log_sum_exp, normalise, tell
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS


@njit(fastmath=FLAGS, error_model="numpy")
def load(X, start, x, seen):
    """Transpose a tile of rows; a short tile ends in rows without an observed cell."""
    n, d = X.shape
    stop = min(ROWS, n - start)
    for b in range(stop):
        for i in range(d):
            value = np.float64(X[start + b, i])
            missing = np.isnan(value)
            x[i * ROWS + b] = 0.0 if missing else value
            seen[i * ROWS + b] = 0.0 if missing else 1.0
    for b in range(stop, ROWS):
        for i in range(d):
            x[i * ROWS + b] = 0.0
            seen[i * ROWS + b] = 0.0
    return stop


@njit(fastmath=FLAGS, error_model="numpy")
def density(x, seen, means, roots, normalisers, offsets, joint):
    """Write log-joint densities; ``normalisers`` (k, d) are log(2 pi variance)."""
    k, d = means.shape
    clear(joint, k)
    for i in range(d):
        p = np.uint64(i) * TILE
        for j in range(k):
            out, m, f, c = np.uint64(j) * TILE, means[j, i], roots[j, i], normalisers[j, i]
            for b in range(TILE):
                u = (x[p + b] - m) * seen[p + b] * f
                joint[out + b] += u * u + seen[p + b] * c
    for j in range(k):
        finish(joint, np.uint64(j) * TILE, offsets[j], 0.5)


@njit(fastmath=FLAGS, error_model="numpy")
def moments(x, seen, means, resp, first, second, cells):
    """Add first and second moments and responsibilities, each (k, d), over observed cells."""
    k, d = means.shape
    for i in range(d):
        p = np.uint64(i) * TILE
        for j in range(k):
            r, m = np.uint64(j) * TILE, means[j, i]
            s = q = c = 0.0
            for b in range(TILE):
                weight = resp[r + b] * seen[p + b]
                u = x[p + b] - m
                v = weight * u
                c += weight
                s += v
                q += v * u
            cells[j, i] += c
            first[j, i] += s
            second[j, i] += q


def expect_masked(
    X, sample_weight, means, roots, normalisers, offsets, zeroth, first, second, cells
):
    """Add the statistics of ``X`` (n, d) to the sums; return the log-likelihood.

    ``sample_weight`` (n,) may be empty. ``second`` is (k, d).
    """
    n, d = X.shape
    k = means.shape[0]
    x, seen, joint = np.empty(d * ROWS), np.empty(d * ROWS), np.empty(k * ROWS)
    top, total, weight = np.empty(ROWS), np.empty(ROWS), np.ones(ROWS)
    loglik = 0.0
    for start in range(0, n, ROWS):
        stop = load(X, start, x, seen)
        if sample_weight.shape[0] > 0:
            for b in range(stop):
                weight[b] = sample_weight[start + b]
        for b in range(stop, ROWS):
            weight[b] = 0.0
        density(x, seen, means, roots, normalisers, offsets, joint)
        log_sum_exp(joint, k, top, total)
        loglik += normalise(joint, k, weight, top, total, zeroth)
        moments(x, seen, means, joint, first, second, cells)
    return loglik


def describe_masked(X, means, roots, normalisers, offsets, log_prob, labels, resp):
    """Write log-densities (n,), labels (n,) and responsibilities (n, k), each if not empty."""
    n, d = X.shape
    k = means.shape[0]
    x, seen, joint = np.empty(d * ROWS), np.empty(d * ROWS), np.empty(k * ROWS)
    top, total = np.empty(ROWS), np.empty(ROWS)
    for start in range(0, n, ROWS):
        stop = load(X, start, x, seen)
        density(x, seen, means, roots, normalisers, offsets, joint)
        tell(joint, k, start, stop, top, total, log_prob, labels, resp)
