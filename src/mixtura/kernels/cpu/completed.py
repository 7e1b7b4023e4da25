"""Rows that miss few columns each, completed one by one in a tile (docs/guide, equation 24).

``factors`` and ``log_dets`` are one or one a component.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import densities
from mixtura.kernels.cpu.densities import FLAGS, TILE, finish
from mixtura.kernels.cpu.lifted import LOG_2PI
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from mixtura.kernels.patterns import FEW
from mixtura.model.density import LOWEST

#: Part of a diagonal entry that must be left when a Cholesky factorisation comes to it: its loss
#: of digits is about the inverse.
LEFT = 1e-3


@njit(fastmath=FLAGS, error_model="numpy")
def load_short(X, start, runs, means, j, x):
    """Transpose a shared tile about mean ``j``, missing deviations zero."""
    d = X.shape[1]
    stop = runs[-1] - start
    for b in range(ROWS):
        row = start + min(b, stop - 1)
        for i in range(d):
            value = np.float64(X[row, i]) - means[j, i]
            x[i * ROWS + b] = 0.0 if np.isnan(value) else value


@njit(fastmath=FLAGS, error_model="numpy")
def orthonormal(factor, precision, lost, basis, triangle):
    """Write an orthonormal basis (m, d) of the factor's columns ``lost``, and R with F = Q R.

    R is the Cholesky factor of their products, entries of the precision, where that is sure of
    itself; else the columns are made orthogonal one by one. Return the log-det of R' R.
    """
    m, d = len(lost), len(factor)
    for a in range(m):
        for i in range(d):
            basis[a, i] = factor[i, lost[a]]
    if is_cholesky(precision, lost, triangle):
        for a in range(m):
            for b in range(a):
                for i in range(d):
                    basis[a, i] -= triangle[b, a] * basis[b, i]
            inverse = 1.0 / triangle[a, a]
            for i in range(d):
                basis[a, i] *= inverse
    else:
        gram_schmidt(basis, m, triangle)
    log_det = 0.0
    for a in range(m):
        log_det += 2.0 * np.log(triangle[a, a])
    return log_det


@njit(fastmath=FLAGS, error_model="numpy")
def is_cholesky(precision, lost, triangle):
    """Write the upper Cholesky factor of some rows and columns; return whether it keeps digits."""
    for a in range(len(lost)):
        for b in range(a + 1):
            total = precision[lost[a], lost[b]]
            for c in range(b):
                total -= triangle[c, a] * triangle[c, b]
            if b < a:
                triangle[b, a] = total / triangle[b, b]
            elif total > LEFT * precision[lost[a], lost[a]]:
                triangle[a, a] = np.sqrt(total)
            else:
                return False
    return True


@njit(fastmath=FLAGS, error_model="numpy")
def gram_schmidt(basis, m, triangle):
    """Make rows orthonormal, each to those before it twice, which is as good as it gets."""
    d = basis.shape[1]
    for a in range(m):
        for b in range(a):
            triangle[b, a] = 0.0
        for _ in range(2):
            for b in range(a):
                along = 0.0
                for i in range(d):
                    along += basis[b, i] * basis[a, i]
                for i in range(d):
                    basis[a, i] -= along * basis[b, i]
                triangle[b, a] += along
        length = 0.0
        for i in range(d):
            length += basis[a, i] * basis[a, i]
        length = np.sqrt(length)
        for i in range(d):
            basis[a, i] /= length
        triangle[a, a] = length


@njit(fastmath=FLAGS, error_model="numpy")
def complete(whitened, b, lost, basis, triangle, x, row, along):
    """Fill a row's missing deviations with their expectation; return its squared distance.

    The whitened row's part along the basis is what the right deviations would take away.
    """
    d, m = len(row), len(lost)
    for i in range(d):
        row[i] = whitened[i * ROWS + b]
    for a in range(m):
        total = 0.0
        for i in range(d):
            total += basis[a, i] * row[i]
        for i in range(d):
            row[i] -= total * basis[a, i]
        along[a] = total
    for a in range(m - 1, -1, -1):
        total = along[a]
        for c in range(a + 1, m):
            total -= triangle[a, c] * along[c]
        along[a] = total / triangle[a, a]
        x[lost[a] * ROWS + b] = -along[a]
    squared = 0.0
    for i in range(d):
        squared += row[i] * row[i]
    return squared


@njit(fastmath=FLAGS, error_model="numpy")
def conditional_covariance(triangle, m, out):
    """Write the lower triangle of the inverse of R' R, row by row."""
    inverse = np.zeros((m, m))  # of R, upper triangular
    for c in range(m):
        inverse[c, c] = 1.0 / triangle[c, c]
        for a in range(c - 1, -1, -1):
            total = 0.0
            for b in range(a + 1, c + 1):
                total += triangle[a, b] * inverse[b, c]
            inverse[a, c] = -total / triangle[a, a]
    at = 0
    for a in range(m):
        for b in range(a + 1):
            total = 0.0
            for c in range(a, m):
                total += inverse[a, c] * inverse[b, c]
            out[at] = total
            at += 1


@njit(error_model="numpy")
def lost_columns(X, row, lost):
    """Write the numbers of the columns that a row misses; return how many."""
    m = 0
    for i in range(X.shape[1]):
        if np.isnan(X[row, i]):
            lost[m] = i
            m += 1
    return m


@njit(fastmath=FLAGS, error_model="numpy")
def join_short(
    X,
    start,
    runs,
    means,
    factors,
    precisions,
    log_dets,
    log_weights,
    deviations,
    rest,
    keep,
    whitened,
    joint,
):
    """Write the log-joint densities of a shared tile, its deviations and what varies in them.

    ``runs`` are the rows at which runs start, and the end. ``rest`` holds the conditional
    covariances of one run after the other, if they are to be kept.
    """
    (k, d), origin = means.shape, np.zeros(means.shape)
    lost, row, along = np.empty(d, dtype=np.intp), np.empty(d), np.empty(d)
    most = d // FEW + 1
    basis, triangle = np.empty((most, d)), np.empty((most, most))
    for j in range(k):
        s, x, out = j if len(factors) > 1 else 0, deviations[j], np.uint64(j) * TILE
        load_short(X, start, runs, means, j, x)
        densities.whiten(x, origin, factors, s, whitened)
        for b in range(TILE):
            joint[out + b] = 0.0
        for i in range(d):
            p = np.uint64(i) * TILE
            for b in range(TILE):
                joint[out + b] += whitened[p + b] * whitened[p + b]
        finish(joint, out, log_weights[j] - 0.5 * (d * LOG_2PI + log_dets[s]), 0.5)
        at = 0
        for r in range(len(runs) - 1):
            m = lost_columns(X, runs[r], lost)
            if m == 0:
                continue
            log_det = orthonormal(factors[s], precisions[s], lost[:m], basis, triangle)
            offset = log_weights[j] - 0.5 * ((d - m) * LOG_2PI + log_dets[s] + log_det)
            for b in range(runs[r] - start, runs[r + 1] - start):
                squared = complete(whitened, b, lost[:m], basis, triangle, x, row, along)
                joint[j * ROWS + b] = max(offset - 0.5 * squared, LOWEST)
            if keep and (j == 0 or len(factors) > 1):
                conditional_covariance(triangle, m, rest[s, at : at + m * (m + 1) // 2])
            at += m * (m + 1) // 2
