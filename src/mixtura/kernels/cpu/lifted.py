"""Rows that miss the same columns, by the ordinary kernel on the others (docs/guide, equation 23).

``covariances`` are one or one a component.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import densities, moments
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.passes import log_sum_exp, normalise
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS

LOG_2PI = np.log(2.0 * np.pi)


@njit(error_model="numpy")
def invert_cholesky(matrix, size, factor):
    """Write the inverse of the Cholesky factor of ``matrix`` (size, size); return its log-det.

    ``matrix`` is overwritten. It is part of a positive definite one.
    """
    log_det = 0.0
    for i in range(size):
        for c in range(i + 1):
            total = matrix[i, c]
            for a in range(c):
                total -= matrix[i, a] * matrix[c, a]
            matrix[i, c] = np.sqrt(total) if i == c else total / matrix[c, c]
        log_det += 2.0 * np.log(matrix[i, i])
    for i in range(size):
        inverse = 1.0 / matrix[i, i]
        for c in range(size):
            factor[i, c] = 0.0
        for a in range(i):
            ratio = matrix[i, a] * inverse
            for c in range(a + 1):
                factor[i, c] -= ratio * factor[a, c]
        factor[i, i] = inverse
    return log_det


@njit(error_model="numpy")
def marginal(means, covariances, log_weights, columns, centre, factor, offsets):
    """Write the mixture of some columns as the ordinary kernel takes it."""
    k, o = centre.shape
    work = np.empty((o, o))
    for s in range(len(covariances)):
        for i in range(o):
            for c in range(i + 1):
                work[i, c] = covariances[s, columns[i], columns[c]]
        log_det = invert_cholesky(work, o, factor[s])
        for j in range(k):
            if j == s or len(covariances) == 1:
                offsets[j] = log_weights[j] - 0.5 * (o * LOG_2PI + log_det)
    for j in range(k):
        for i in range(o):
            centre[j, i] = means[j, columns[i]]
            if len(covariances) == 1:
                for c in range(o):
                    factor[j, i, c] = factor[0, i, c]


@njit(fastmath=FLAGS, error_model="numpy")
def load_columns(X, start, stop, columns, x):
    """Transpose some columns of at most a tile of rows; a short tile repeats the last row."""
    for b in range(ROWS):
        row = min(start + b, stop - 1)
        for i in range(len(columns)):
            x[i * ROWS + b] = np.float64(X[row, columns[i]])


@njit(fastmath=FLAGS, error_model="numpy")
def weigh_rows(sample_weight, start, stop, weight):
    """Write the weights of a tile's rows; 0 beyond them."""
    for b in range(ROWS):
        inside = start + b < stop
        weight[b] = 1.0 if inside else 0.0
        if inside and sample_weight.shape[0] > 0:
            weight[b] = sample_weight[start + b]


@njit(fastmath=FLAGS, error_model="numpy")
def conditional(covariance, factor, seen, lost, maps, rest):
    """Write the map (m, o) from seen to lost deviations, and what varies in these then (m, m)."""
    o, m = len(seen), len(lost)
    explained = np.zeros((m, o))
    for a in range(m):
        for i in range(o):
            maps[a, i] = 0.0
        for i in range(o):
            for c in range(i + 1):
                explained[a, i] += factor[i, c] * covariance[lost[a], seen[c]]
            for c in range(i + 1):
                maps[a, c] += explained[a, i] * factor[i, c]
        for b in range(a + 1):
            reduced = covariance[lost[a], lost[b]]
            for i in range(o):
                reduced -= explained[a, i] * explained[b, i]
            rest[a, b] = reduced


@njit(fastmath=FLAGS, error_model="numpy")
def lift_first(maps, seen, lost, own, first):
    """Add a run's first moments (o,) to those of all columns (d,) (equation 23)."""
    for i in range(len(seen)):
        first[seen[i]] += own[i]
    for a in range(len(lost)):
        total = 0.0
        for i in range(len(seen)):
            total += maps[a, i] * own[i]
        first[lost[a]] += total


@njit(fastmath=FLAGS, error_model="numpy")
def lift_second(maps, rest, seen, lost, support, own, second):
    """Add a run's second moments, of which the lower triangle is kept (equation 23)."""
    o = len(seen)
    for i in range(o):
        for c in range(i + 1):
            own[c, i] = own[i, c]
            second[seen[i], seen[c]] += own[i, c]
    product = np.empty(o)
    for a in range(len(lost)):
        for c in range(o):
            product[c] = 0.0
        for i in range(o):
            for c in range(o):
                product[c] += maps[a, i] * own[i, c]
        for c in range(o):
            second[max(lost[a], seen[c]), min(lost[a], seen[c])] += product[c]
        for b in range(a + 1):
            total = support * rest[a, b]
            for i in range(o):
                total += product[i] * maps[b, i]
            second[lost[a], lost[b]] += total


@njit(fastmath=FLAGS, error_model="numpy")
def expect_run(
    X, sample_weight, start, stop, seen, lost, means, covariances, log_weights, cells, first, second
):
    """Add the statistics of a long run; return its log-likelihood."""
    k, o, m = len(means), len(seen), len(lost)
    centre, factor, offsets = np.empty((k, o)), np.empty((k, o, o)), np.empty(k)
    marginal(means, covariances, log_weights, seen, centre, factor, offsets)
    x, weighted, joint = np.empty(o * ROWS), np.empty(o * ROWS), np.empty(k * ROWS)
    top, total, weight = np.empty(ROWS), np.empty(ROWS), np.empty(ROWS)
    support, own_first, own_second = np.zeros(k), np.zeros((k, o)), np.zeros((k, o, o))
    loglik = 0.0
    for at in range(start, stop, ROWS):
        load_columns(X, at, stop, seen, x)
        weigh_rows(sample_weight, at, stop, weight)
        densities.full(x, centre, factor, offsets, joint)
        log_sum_exp(joint, k, top, total)
        loglik += normalise(joint, k, weight, top, total, support)
        moments.full(x, centre, joint, weighted, own_first, own_second)
    maps, rest, shared = np.empty((m, o)), np.empty((m, m)), len(covariances) == 1
    both = 0.0
    for j in range(k):
        cells[j] += support[j]
        both += support[j]
        if j == 0 or not shared:
            conditional(covariances[j], factor[j], seen, lost, maps, rest)
        lift_first(maps, seen, lost, own_first[j], first[j])
        if shared:
            add_to_first(own_second, j)
        if not shared or j == k - 1:
            s, support_here = (0, both) if shared else (j, support[j])
            lift_second(maps, rest, seen, lost, support_here, own_second[s], second[s])
    return loglik


@njit(fastmath=FLAGS, error_model="numpy")
def add_to_first(matrices, j):
    """Add matrix ``j`` to the first, unless it is that."""
    if j > 0:
        for i in range(matrices.shape[1]):
            for c in range(matrices.shape[2]):
                matrices[0, i, c] += matrices[j, i, c]
