"""Log-joint densities of one tile of rows.

Tiles are flat buffers: column ``i`` of the rows stands in ``x[i TILE : (i + 1) TILE]``, and
component ``j`` in ``joint[j TILE : (j + 1) TILE]``. Every inner loop runs over the rows of
the tile at constant distances, so that it vectorises to the host's full width without checks
for overlap. Rows of a triangular factor are taken four at a time, columns likewise: 16
multiply-adds for 8 loads and 4 stores.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Rows of a tile. Unsigned, as every index below: a signed one might be negative, and the test
#: for that would keep the loops from being vectorised.
TILE = np.uint64(128)
TILE2, TILE3, TILE4 = np.uint64(256), np.uint64(384), np.uint64(512)
NONE = np.uint64(0)
FLAGS = {"contract", "reassoc", "nsz"}


@njit(fastmath=FLAGS)
def full(x, means, factor, offsets, centred, rows, joint):
    """Each component has its own triangular factor (k, d, d)."""
    d = means.shape[1]
    for j in range(means.shape[0]):
        out = np.uint64(j) * TILE
        if d == 1:
            line(x, means, factor, offsets, j, joint)
        elif d == 2:
            plane(x, means, factor, offsets, j, joint)
        else:
            for i in range(d):
                mean, row = means[j, i], np.uint64(i) * TILE
                for b in range(TILE):
                    centred[row + b] = x[row + b] - mean
            for b in range(TILE):
                joint[out + b] = 0.0
            triangular(centred, factor, j, rows, joint)
            finish(joint, out, offsets[j], 0.5)


@njit(fastmath=FLAGS)
def finish(joint, out, offset, half_precision):
    """Turn squared distances into log-joint densities."""
    for b in range(TILE):
        joint[out + b] = offset - half_precision * joint[out + b]


@njit(fastmath=FLAGS)
def line(x, means, factor, offsets, j, joint):
    """One column."""
    out, offset, m0, a0 = np.uint64(j) * TILE, offsets[j], means[j, 0], factor[j, 0, 0]
    for b in range(TILE):
        v0 = a0 * (x[b] - m0)
        joint[out + b] = offset - 0.5 * (v0 * v0)


@njit(fastmath=FLAGS)
def plane(x, means, factor, offsets, j, joint):
    """Two columns."""
    out, offset, m0, m1 = np.uint64(j) * TILE, offsets[j], means[j, 0], means[j, 1]
    a0, b0, b1 = factor[j, 0, 0], factor[j, 1, 0], factor[j, 1, 1]
    for b in range(TILE):
        u0, u1 = x[b] - m0, x[TILE + b] - m1
        v0 = a0 * u0
        v1 = b0 * u0 + b1 * u1
        joint[out + b] = offset - 0.5 * (v0 * v0 + v1 * v1)


@njit(fastmath=FLAGS)
def triangular(t, factor, j, rows, joint):
    """Add the squared length of ``factor[j] @ t`` to ``joint[j]``; ``rows`` (4 TILE) is scratch."""
    d = factor.shape[1]
    whole = d - d % 4
    for i in range(0, whole, 4):
        off_diagonal(t, factor, j, i, rows)
        diagonal(t, factor, j, i, rows, joint)
    for i in range(whole, d):
        row_product(t, factor[j], i, whole, rows, NONE)
        square_row(t, factor, j, i, whole, rows, joint)


@njit(fastmath=FLAGS)
def off_diagonal(t, factor, j, i, y):
    """Write rows i..i+3 of ``factor[j, :, :i] @ t[:i]`` to ``y``, in 4 x 4 register tiles."""
    for b in range(TILE4):
        y[b] = 0.0
    for c in range(0, i, 4):
        p = np.uint64(c) * TILE
        a0, a1, a2, a3 = quad(factor, j, i, c)
        b0, b1, b2, b3 = quad(factor, j, i + 1, c)
        c0, c1, c2, c3 = quad(factor, j, i + 2, c)
        d0, d1, d2, d3 = quad(factor, j, i + 3, c)
        for b in range(TILE):
            u0, u1, u2, u3 = t[p + b], t[p + TILE + b], t[p + TILE2 + b], t[p + TILE3 + b]
            y[b] += a0 * u0 + a1 * u1 + a2 * u2 + a3 * u3
            y[TILE + b] += b0 * u0 + b1 * u1 + b2 * u2 + b3 * u3
            y[TILE2 + b] += c0 * u0 + c1 * u1 + c2 * u2 + c3 * u3
            y[TILE3 + b] += d0 * u0 + d1 * u1 + d2 * u2 + d3 * u3


@njit(fastmath=FLAGS)
def quad(factor, j, i, c):
    """Return four neighbours of a row of the factor."""
    return factor[j, i, c], factor[j, i, c + 1], factor[j, i, c + 2], factor[j, i, c + 3]


@njit(fastmath=FLAGS)
def diagonal(t, factor, j, i, y, joint):
    """Complete rows i..i+3 with the diagonal tile and add their squares to ``joint[j]``."""
    p, out = np.uint64(i) * TILE, np.uint64(j) * TILE
    a0 = factor[j, i, i]
    b0, b1 = factor[j, i + 1, i], factor[j, i + 1, i + 1]
    c0, c1, c2 = factor[j, i + 2, i], factor[j, i + 2, i + 1], factor[j, i + 2, i + 2]
    d0, d1, d2, d3 = quad(factor, j, i + 3, i)
    for b in range(TILE):
        u0, u1, u2, u3 = t[p + b], t[p + TILE + b], t[p + TILE2 + b], t[p + TILE3 + b]
        v0 = y[b] + a0 * u0
        v1 = y[TILE + b] + b0 * u0 + b1 * u1
        v2 = y[TILE2 + b] + c0 * u0 + c1 * u1 + c2 * u2
        v3 = y[TILE3 + b] + d0 * u0 + d1 * u1 + d2 * u2 + d3 * u3
        joint[out + b] += v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3


@njit(fastmath=FLAGS)
def row_product(t, matrix, i, stop, y, at):
    """Write ``matrix[i, :stop] @ t[:stop]`` to ``y[at : at + TILE]``; ``stop`` is 4 times a number."""
    for b in range(TILE):
        y[at + b] = 0.0
    for c in range(0, stop, 4):
        p = np.uint64(c) * TILE
        a0, a1, a2, a3 = matrix[i, c], matrix[i, c + 1], matrix[i, c + 2], matrix[i, c + 3]
        for b in range(TILE):
            y[at + b] += (
                a0 * t[p + b]
                + a1 * t[p + TILE + b]
                + a2 * t[p + TILE2 + b]
                + a3 * t[p + TILE3 + b]
            )


@njit(fastmath=FLAGS)
def square_row(t, factor, j, i, whole, y, joint):
    """Complete row i with its last 1 to 3 columns and add its square to ``joint[j]``."""
    p, out, n = np.uint64(whole) * TILE, np.uint64(j) * TILE, i - whole
    a0 = factor[j, i, whole]
    if n == 0:
        for b in range(TILE):
            v = y[b] + a0 * t[p + b]
            joint[out + b] += v * v
    elif n == 1:
        a1 = factor[j, i, whole + 1]
        for b in range(TILE):
            v = y[b] + a0 * t[p + b] + a1 * t[p + TILE + b]
            joint[out + b] += v * v
    else:
        a1, a2 = factor[j, i, whole + 1], factor[j, i, whole + 2]
        for b in range(TILE):
            v = y[b] + a0 * t[p + b] + a1 * t[p + TILE + b] + a2 * t[p + TILE2 + b]
            joint[out + b] += v * v


@njit(fastmath=FLAGS)
def tied(x, means, factor, offsets, whitened, joint):
    """One factor (d, d): the tile is whitened once, then distances are Euclidean."""
    for i in range(means.shape[1]):
        whole = i + 1 - (i + 1) % 4
        row_product(x, factor, i, whole, whitened, np.uint64(i) * TILE)
        for c in range(whole, i + 1):
            a0, p, at = factor[i, c], np.uint64(c) * TILE, np.uint64(i) * TILE
            for b in range(TILE):
                whitened[at + b] += a0 * x[p + b]
    for j in range(means.shape[0]):
        euclidean(whitened, means, j, joint)
        finish(joint, np.uint64(j) * TILE, offsets[j], 0.5)


@njit(fastmath=FLAGS)
def spherical(x, means, factor, offsets, joint):
    """Factors (k,): one inverse standard deviation a component."""
    for j in range(means.shape[0]):
        euclidean(x, means, j, joint)
        finish(joint, np.uint64(j) * TILE, offsets[j], 0.5 * factor[j] * factor[j])


@njit(fastmath=FLAGS)
def euclidean(x, means, j, joint):
    """Write squared Euclidean distances to ``joint[j]``, four columns at a time."""
    d, out = means.shape[1], np.uint64(j) * TILE
    whole = d - d % 4
    for b in range(TILE):
        joint[out + b] = 0.0
    for i in range(0, whole, 4):
        p = np.uint64(i) * TILE
        m0, m1, m2, m3 = means[j, i], means[j, i + 1], means[j, i + 2], means[j, i + 3]
        for b in range(TILE):
            u0, u1 = x[p + b] - m0, x[p + TILE + b] - m1
            u2, u3 = x[p + TILE2 + b] - m2, x[p + TILE3 + b] - m3
            joint[out + b] += u0 * u0 + u1 * u1 + u2 * u2 + u3 * u3
    for i in range(whole, d):
        p, m0 = np.uint64(i) * TILE, means[j, i]
        for b in range(TILE):
            u0 = x[p + b] - m0
            joint[out + b] += u0 * u0


@njit(fastmath=FLAGS)
def diag(x, means, factor, offsets, joint):
    """Factors (k, d): the inverse standard deviations."""
    d = means.shape[1]
    whole = d - d % 4
    for j in range(means.shape[0]):
        out = np.uint64(j) * TILE
        for b in range(TILE):
            joint[out + b] = 0.0
        for i in range(0, whole, 4):
            p = np.uint64(i) * TILE
            m0, m1, m2, m3 = means[j, i], means[j, i + 1], means[j, i + 2], means[j, i + 3]
            f0, f1, f2, f3 = factor[j, i], factor[j, i + 1], factor[j, i + 2], factor[j, i + 3]
            for b in range(TILE):
                u0, u1 = (x[p + b] - m0) * f0, (x[p + TILE + b] - m1) * f1
                u2, u3 = (x[p + TILE2 + b] - m2) * f2, (x[p + TILE3 + b] - m3) * f3
                joint[out + b] += u0 * u0 + u1 * u1 + u2 * u2 + u3 * u3
        for i in range(whole, d):
            p, m0, f0 = np.uint64(i) * TILE, means[j, i], factor[j, i]
            for b in range(TILE):
                u0 = (x[p + b] - m0) * f0
                joint[out + b] += u0 * u0
        finish(joint, out, offsets[j], 0.5)
