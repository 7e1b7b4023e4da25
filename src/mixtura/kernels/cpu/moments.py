"""Weighted moments of one tile of rows about the component means, added to running sums.

``x`` holds the rows and ``resp`` the weighted responsibilities, laid out as in ``densities``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu.densities import FLAGS, TILE, TILE2, TILE3


@njit(fastmath=FLAGS)
def full(x, means, resp, centred, weighted, first, second):
    """Add first (k, d) and the lower triangle of second (k, d, d)."""
    d = means.shape[1]
    for j in range(means.shape[0]):
        if d == 1:
            line(x, means, resp, j, first, second)
        elif d == 2:
            plane(x, means, resp, j, first, second)
        else:
            centre(x, means, resp, j, centred, weighted, first)
            scatter(centred, weighted, second, j)


@njit(fastmath=FLAGS)
def tied(x, means, resp, centred, weighted, first, second):
    """Add first (k, d) and the lower triangle of second (1, d, d), unless that is empty."""
    for j in range(means.shape[0]):
        if second.shape[0] == 0:
            first_only(x, means, resp, j, first)
        else:
            centre(x, means, resp, j, centred, weighted, first)
            scatter(centred, weighted, second, 0)


@njit(fastmath=FLAGS)
def line(x, means, resp, j, first, second):
    """One column."""
    r, m0 = np.uint64(j) * TILE, means[j, 0]
    s0 = q00 = 0.0
    for b in range(TILE):
        u0 = x[b] - m0
        v0 = resp[r + b] * u0
        s0 += v0
        q00 += v0 * u0
    first[j, 0] += s0
    second[j, 0, 0] += q00


@njit(fastmath=FLAGS)
def plane(x, means, resp, j, first, second):
    """Two columns."""
    r, m0, m1 = np.uint64(j) * TILE, means[j, 0], means[j, 1]
    s0 = s1 = q00 = q10 = q11 = 0.0
    for b in range(TILE):
        u0, u1 = x[b] - m0, x[TILE + b] - m1
        v0, v1 = resp[r + b] * u0, resp[r + b] * u1
        s0 += v0
        s1 += v1
        q00 += v0 * u0
        q10 += v1 * u0
        q11 += v1 * u1
    first[j, 0] += s0
    first[j, 1] += s1
    second[j, 0, 0] += q00
    second[j, 1, 0] += q10
    second[j, 1, 1] += q11


@njit(fastmath=FLAGS)
def centre(x, means, resp, j, centred, weighted, first):
    """Write rows about mean j and their weighted copies; add the sums of the latter."""
    r = np.uint64(j) * TILE
    for i in range(means.shape[1]):
        p, mean, total = np.uint64(i) * TILE, means[j, i], 0.0
        for b in range(TILE):
            u = x[p + b] - mean
            v = resp[r + b] * u
            centred[p + b] = u
            weighted[p + b] = v
            total += v
        first[j, i] += total


@njit(fastmath=FLAGS)
def scatter(t, v, second, j):
    """Add the lower triangle of ``v @ t.T`` to ``second[j]``, in 4 x 4 register tiles."""
    d = second.shape[1]
    whole = d - d % 4
    for i in range(0, whole, 4):
        for c in range(0, i + 4, 4):
            square(t, v, second, j, i, c)
    for i in range(whole, d):
        for c in range(0, whole, 4):
            strip(t, v, second, j, i, c)
        for c in range(whole, i + 1):
            p, q, total = np.uint64(i) * TILE, np.uint64(c) * TILE, 0.0
            for b in range(TILE):
                total += v[p + b] * t[q + b]
            second[j, i, c] += total


@njit(fastmath=FLAGS)
def square(t, v, second, j, i, c):
    """Add the inner products of rows i..i+3 of ``v`` with rows c..c+3 of ``t``."""
    p, q = np.uint64(i) * TILE, np.uint64(c) * TILE
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = 0.0
    for b in range(TILE):
        v0, v1, v2, v3 = v[p + b], v[p + TILE + b], v[p + TILE2 + b], v[p + TILE3 + b]
        u0, u1, u2, u3 = t[q + b], t[q + TILE + b], t[q + TILE2 + b], t[q + TILE3 + b]
        s00 += v0 * u0
        s01 += v0 * u1
        s02 += v0 * u2
        s03 += v0 * u3
        s10 += v1 * u0
        s11 += v1 * u1
        s12 += v1 * u2
        s13 += v1 * u3
        s20 += v2 * u0
        s21 += v2 * u1
        s22 += v2 * u2
        s23 += v2 * u3
        s30 += v3 * u0
        s31 += v3 * u1
        s32 += v3 * u2
        s33 += v3 * u3
    add_row(second, j, i, c, s00, s01, s02, s03)
    add_row(second, j, i + 1, c, s10, s11, s12, s13)
    add_row(second, j, i + 2, c, s20, s21, s22, s23)
    add_row(second, j, i + 3, c, s30, s31, s32, s33)


@njit(fastmath=FLAGS)
def strip(t, v, second, j, i, c):
    """Add the inner products of row i of ``v`` with rows c..c+3 of ``t``."""
    p, q = np.uint64(i) * TILE, np.uint64(c) * TILE
    s0 = s1 = s2 = s3 = 0.0
    for b in range(TILE):
        s0 += v[p + b] * t[q + b]
        s1 += v[p + b] * t[q + TILE + b]
        s2 += v[p + b] * t[q + TILE2 + b]
        s3 += v[p + b] * t[q + TILE3 + b]
    add_row(second, j, i, c, s0, s1, s2, s3)


@njit(fastmath=FLAGS)
def add_row(second, j, i, c, s0, s1, s2, s3):
    """Add four numbers to ``second[j, i, c : c + 4]``."""
    second[j, i, c] += s0
    second[j, i, c + 1] += s1
    second[j, i, c + 2] += s2
    second[j, i, c + 3] += s3


@njit(fastmath=FLAGS)
def first_only(x, means, resp, j, first):
    """Add first moments of component j, four columns at a time."""
    d, r = means.shape[1], np.uint64(j) * TILE
    whole = d - d % 4
    for i in range(0, whole, 4):
        p = np.uint64(i) * TILE
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
        p, m0, s0 = np.uint64(i) * TILE, means[j, i], 0.0
        for b in range(TILE):
            s0 += resp[r + b] * (x[p + b] - m0)
        first[j, i] += s0


@njit(fastmath=FLAGS)
def diag(x, means, resp, first, second):
    """Add first (k, d) and second (k, d)."""
    for j in range(means.shape[0]):
        r = np.uint64(j) * TILE
        for i in range(means.shape[1]):
            p, m0 = np.uint64(i) * TILE, means[j, i]
            s = q = 0.0
            for b in range(TILE):
                u = x[p + b] - m0
                v = resp[r + b] * u
                s += v
                q += v * u
            first[j, i] += s
            second[j, i] += q


@njit(fastmath=FLAGS)
def spherical(x, means, resp, first, second):
    """Add first (k, d) and second (k,)."""
    d = means.shape[1]
    for j in range(means.shape[0]):
        r, total = np.uint64(j) * TILE, 0.0
        for i in range(d):
            p, m0 = np.uint64(i) * TILE, means[j, i]
            s = q = 0.0
            for b in range(TILE):
                u = x[p + b] - m0
                v = resp[r + b] * u
                s += v
                q += v * u
            first[j, i] += s
            total += q
        second[j] += total / d
