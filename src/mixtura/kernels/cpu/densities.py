"""Log-joint densities of one tile of rows.

Tiles are flat buffers: column ``i`` of the rows stands in ``x[i TILE : (i + 1) TILE]``, and
component ``j`` in ``joint[j TILE : (j + 1) TILE]``. Every inner loop runs over the rows of
the tile at constant distances, so that it vectorises to the host's full width without checks
for overlap; products with triangular factors are ``tiles``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import tiles
from mixtura.kernels.cpu.tiles import TILE_ROWS
from mixtura.model.density import LOWEST

#: Rows of a tile. Unsigned, as every index below: a signed one might be negative, and the test
#: for that would keep the loops from being vectorised.
TILE = np.uint64(TILE_ROWS)
TILE2, TILE3 = np.uint64(2 * TILE_ROWS), np.uint64(3 * TILE_ROWS)
FLAGS = {"contract", "reassoc", "nsz"}


@njit(fastmath=FLAGS, error_model="numpy")
def full(x, means, factor, offsets, joint):
    """Each component has its own triangular factor (k, d, d)."""
    d = means.shape[1]
    whole = d - d % 4
    for j in range(means.shape[0]):
        out = np.uint64(j) * TILE
        for b in range(TILE):
            joint[out + b] = 0.0
        for i in range(0, whole, 4):
            tiles.squares_4(x, means, factor, j, i, joint, out)
        if d % 4 == 1:
            tiles.squares_1(x, means, factor, j, whole, joint, out)
        elif d % 4 == 2:
            tiles.squares_2(x, means, factor, j, whole, joint, out)
        elif d % 4 == 3:
            tiles.squares_3(x, means, factor, j, whole, joint, out)
        finish(joint, out, offsets[j], 0.5)


@njit(fastmath=FLAGS, error_model="numpy")
def finish(joint, out, offset, half_precision):
    """Turn squared distances into log-joint densities, none below ``LOWEST``."""
    for b in range(TILE):
        value = offset - half_precision * joint[out + b]
        joint[out + b] = value if value > LOWEST else LOWEST


@njit(fastmath=FLAGS, error_model="numpy")
def tied(x, origin, means, factor, offsets, whitened, joint):
    """One factor (1, d, d): the tile is whitened once, then distances are Euclidean.

    ``origin`` (1, d) is zero: rows come about their shift already.
    """
    whiten(x, origin, factor, 0, whitened)
    euclidean(whitened, means, joint)
    for j in range(means.shape[0]):
        finish(joint, np.uint64(j) * TILE, offsets[j], 0.5)


@njit(fastmath=FLAGS, error_model="numpy")
def whiten(x, origin, factor, j, whitened):
    """Write the product of ``factor[j]`` with the tile; ``origin`` is zero in as many rows."""
    d = origin.shape[1]
    whole = d - d % 4
    for i in range(0, whole, 4):
        tiles.rows_4(x, origin, factor, j, i, whitened, i * TILE_ROWS)
    if d % 4 == 1:
        tiles.rows_1(x, origin, factor, j, whole, whitened, whole * TILE_ROWS)
    elif d % 4 == 2:
        tiles.rows_2(x, origin, factor, j, whole, whitened, whole * TILE_ROWS)
    elif d % 4 == 3:
        tiles.rows_3(x, origin, factor, j, whole, whitened, whole * TILE_ROWS)


@njit(fastmath=FLAGS, error_model="numpy")
def spherical(x, means, factor, offsets, distance, joint):
    """Factors (k,): one inverse standard deviation a component; keep the squared distances."""
    euclidean(x, means, distance)
    for j in range(means.shape[0]):
        out, offset, half_precision = np.uint64(j) * TILE, offsets[j], 0.5 * factor[j] * factor[j]
        for b in range(TILE):
            value = offset - half_precision * distance[out + b]
            joint[out + b] = value if value > LOWEST else LOWEST


@njit(fastmath=FLAGS, error_model="numpy")
def euclidean(x, means, distance):
    """Write squared Euclidean distances, four columns at a time for all components in turn."""
    k, d = means.shape
    whole = d - d % 4
    clear(distance, k)
    for i in range(0, whole, 4):
        p = np.uint64(i) * TILE
        for j in range(k):
            out = np.uint64(j) * TILE
            m0, m1, m2, m3 = means[j, i], means[j, i + 1], means[j, i + 2], means[j, i + 3]
            for b in range(TILE):
                u0, u1 = x[p + b] - m0, x[p + TILE + b] - m1
                u2, u3 = x[p + TILE2 + b] - m2, x[p + TILE3 + b] - m3
                distance[out + b] += u0 * u0 + u1 * u1 + u2 * u2 + u3 * u3
    for i in range(whole, d):
        p = np.uint64(i) * TILE
        for j in range(k):
            out, m0 = np.uint64(j) * TILE, means[j, i]
            for b in range(TILE):
                u0 = x[p + b] - m0
                distance[out + b] += u0 * u0


@njit(fastmath=FLAGS, error_model="numpy")
def clear(values, k):
    """Set k components' tiles to zero."""
    for j in range(k):
        at = np.uint64(j) * TILE
        for b in range(TILE):
            values[at + b] = 0.0


@njit(fastmath=FLAGS, error_model="numpy")
def diag(x, means, factor, offsets, joint):
    """Factors (k, d): the inverse standard deviations."""
    k, d = means.shape
    whole = d - d % 4
    clear(joint, k)
    for i in range(0, whole, 4):
        p = np.uint64(i) * TILE
        for j in range(k):
            out = np.uint64(j) * TILE
            m0, m1, m2, m3 = means[j, i], means[j, i + 1], means[j, i + 2], means[j, i + 3]
            f0, f1, f2, f3 = factor[j, i], factor[j, i + 1], factor[j, i + 2], factor[j, i + 3]
            for b in range(TILE):
                u0, u1 = (x[p + b] - m0) * f0, (x[p + TILE + b] - m1) * f1
                u2, u3 = (x[p + TILE2 + b] - m2) * f2, (x[p + TILE3 + b] - m3) * f3
                joint[out + b] += u0 * u0 + u1 * u1 + u2 * u2 + u3 * u3
    for i in range(whole, d):
        p = np.uint64(i) * TILE
        for j in range(k):
            out, m0, f0 = np.uint64(j) * TILE, means[j, i], factor[j, i]
            for b in range(TILE):
                u0 = (x[p + b] - m0) * f0
                joint[out + b] += u0 * u0
    for j in range(k):
        finish(joint, np.uint64(j) * TILE, offsets[j], 0.5)
