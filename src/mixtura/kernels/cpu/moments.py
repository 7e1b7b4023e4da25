"""Weighted moments of one tile of rows about the component means, added to running sums.

``x`` holds the rows and ``resp`` the weighted responsibilities, laid out as in ``densities``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import tiles
from mixtura.kernels.cpu.densities import FLAGS, TILE, TILE2, TILE3


@njit(fastmath=FLAGS, error_model="numpy")
def full(x, means, resp, weighted, first, second):
    """Add first (k, d) and the lower triangle of second (k, d, d)."""
    for j in range(means.shape[0]):
        weigh(x, means, resp, j, weighted, first)
        scatter(x, means, weighted, j, second, j)


@njit(fastmath=FLAGS, error_model="numpy")
def tied(x, means, resp, weighted, first, second):
    """Add first (k, d) and the lower triangle of second (1, d, d), unless that is empty."""
    if second.shape[0] == 0:
        first_only(x, means, resp, first)
        return
    for j in range(means.shape[0]):
        weigh(x, means, resp, j, weighted, first)
        scatter(x, means, weighted, j, second, 0)


@njit(fastmath=FLAGS, error_model="numpy")
def weigh(x, means, resp, j, weighted, first):
    """Write the weighted rows about mean j to ``weighted``; add their sums."""
    r = np.uint64(j) * TILE
    for i in range(means.shape[1]):
        p, mean, total = np.uint64(i) * TILE, means[j, i], 0.0
        for b in range(TILE):
            v = resp[r + b] * (x[p + b] - mean)
            weighted[p + b] = v
            total += v
        first[j, i] += total


@njit(fastmath=FLAGS, error_model="numpy")
def scatter(x, means, weighted, j, second, s):
    """Add the lower triangle of ``weighted @ (x - means[j]).T`` to ``second[s]``."""
    d = means.shape[1]
    whole = d - d % 4
    for i in range(0, whole, 4):
        for c in range(0, i, 4):
            tiles.products_4(x, means, weighted, j, i, c, second, s)
        tiles.corner_4(x, means, weighted, j, i, i, second, s)
    if d % 4 == 1:
        for c in range(0, whole, 4):
            tiles.strip_1(x, means, weighted, j, whole, c, second, s)
        tiles.corner_1(x, means, weighted, j, whole, whole, second, s)
    elif d % 4 == 2:
        for c in range(0, whole, 4):
            tiles.strip_2(x, means, weighted, j, whole, c, second, s)
        tiles.corner_2(x, means, weighted, j, whole, whole, second, s)
    elif d % 4 == 3:
        for c in range(0, whole, 4):
            tiles.strip_3(x, means, weighted, j, whole, c, second, s)
        tiles.corner_3(x, means, weighted, j, whole, whole, second, s)


@njit(fastmath=FLAGS, error_model="numpy")
def first_only(x, means, resp, first):
    """Add first moments, four columns at a time for all components in turn."""
    k, d = means.shape
    whole = d - d % 4
    for i in range(0, whole, 4):
        p = np.uint64(i) * TILE
        for j in range(k):
            r = np.uint64(j) * TILE
            m0, m1, m2, m3 = means[j, i], means[j, i + 1], means[j, i + 2], means[j, i + 3]
            s0 = s1 = s2 = s3 = 0.0
            for b in range(TILE):
                s0 += resp[r + b] * (x[p + b] - m0)
                s1 += resp[r + b] * (x[p + TILE + b] - m1)
                s2 += resp[r + b] * (x[p + TILE2 + b] - m2)
                s3 += resp[r + b] * (x[p + TILE3 + b] - m3)
            first[j, i] += s0
            first[j, i + 1] += s1
            first[j, i + 2] += s2
            first[j, i + 3] += s3
    for i in range(whole, d):
        p = np.uint64(i) * TILE
        for j in range(k):
            r, m0, s0 = np.uint64(j) * TILE, means[j, i], 0.0
            for b in range(TILE):
                s0 += resp[r + b] * (x[p + b] - m0)
            first[j, i] += s0


@njit(fastmath=FLAGS, error_model="numpy")
def diag(x, means, resp, first, second):
    """Add first (k, d) and second (k, d), two columns at a time for all components in turn."""
    k, d = means.shape
    whole = d - d % 2
    for i in range(0, whole, 2):
        p = np.uint64(i) * TILE
        for j in range(k):
            r, m0, m1 = np.uint64(j) * TILE, means[j, i], means[j, i + 1]
            s0 = s1 = q0 = q1 = 0.0
            for b in range(TILE):
                u0, u1 = x[p + b] - m0, x[p + TILE + b] - m1
                v0, v1 = resp[r + b] * u0, resp[r + b] * u1
                s0 += v0
                s1 += v1
                q0 += v0 * u0
                q1 += v1 * u1
            first[j, i] += s0
            first[j, i + 1] += s1
            second[j, i] += q0
            second[j, i + 1] += q1
    if whole < d:
        p = np.uint64(whole) * TILE
        for j in range(k):
            r, m0, s0, q0 = np.uint64(j) * TILE, means[j, whole], 0.0, 0.0
            for b in range(TILE):
                u0 = x[p + b] - m0
                v0 = resp[r + b] * u0
                s0 += v0
                q0 += v0 * u0
            first[j, whole] += s0
            second[j, whole] += q0


@njit(fastmath=FLAGS, error_model="numpy")
def spherical(x, means, resp, distance, first, second):
    """Add first (k, d) and second (k,); ``distance`` holds the squared distances."""
    k, d = means.shape
    first_only(x, means, resp, first)
    for j in range(k):
        r, total = np.uint64(j) * TILE, 0.0
        for b in range(TILE):
            total += resp[r + b] * distance[r + b]
        second[j] += total / d
