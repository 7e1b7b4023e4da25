"""Bounds on distances that are certain in spite of rounding (docs/guide, equation 15).

A score and a squared length stand for a distance, up to the rounding of both: ``gamma`` bounds it,
relative to the squared lengths of row and centre. Bounds are kept in float32, rounded outwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu.densities import FLAGS

#: What products that underflow in float32 may add to a square, and the largest bound that is kept.
UNDERFLOW = 1e-40
MOST = 3e38


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def above(score, length, gamma):
    """Return an upper bound on the distance that a score and a squared length stand for."""
    square = length - 2.0 * score
    square = square if square > 0.0 else 0.0
    return np.sqrt(square + gamma * (12.0 * length + 20.0 * square) + UNDERFLOW)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def below(score, length, gamma):
    """Return a lower bound on the distance that a score and a squared length stand for.

    A score of minus infinity stands for no centre.
    """
    square = length - 2.0 * score
    square -= gamma * (12.0 * length + 20.0 * (square if square > 0.0 else 0.0)) + UNDERFLOW
    bound = np.sqrt(square if square > 0.0 else 0.0)
    return bound if score > -np.inf else MOST


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def margin(length, own, other, gamma):
    """Return by how much ``other`` distances must exceed ``own`` for scores to say so too."""
    error = gamma * (12.0 * length + 20.0 * other * other) + UNDERFLOW
    root, double = np.sqrt(error), 2.0 * own
    return error / (double if double > root else root)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def rounded_down(value):
    """Return a number as float32, none above it."""
    low = value - (1.2e-7 * abs(value) + 1.5e-45)
    return np.float32(MOST if low > MOST else low)


@njit(fastmath=FLAGS, error_model="numpy")
def slacks(top, other, length, beyond, n, gamma, slack):
    """Write by how much the second nearest centre of ``n`` rows is farther, for certain.

    ``top`` and ``other`` are their scores; further centres are at least ``beyond`` away.
    """
    for r in range(n):
        own = above(np.float64(top[r]), length[r], gamma)
        far = below(np.float64(other[r]), length[r], gamma)
        far = far if far < beyond[r] else beyond[r]
        slack[r] = far - own - margin(length[r], own, far, gamma)


@njit(fastmath=FLAGS, error_model="numpy")
def pick(start, stop, room, labels, slack, level, picked):
    """List up to ``room`` rows whose label may change; return how many, and where to go on."""
    n = 0
    for row in range(start, stop):
        label = labels[row]
        if label < 0 or not slack[row] > level[label]:
            picked[n] = row
            n += 1
            if n == room:
                return n, row + 1
    return n, stop


@njit(fastmath=FLAGS, error_model="numpy")
def order_by(keys, n, counts, order):
    """Write to ``order`` the numbers 0..n-1 sorted by ``keys`` from -1 on, equal ones in order."""
    counts[:] = 0
    for r in range(n):
        counts[keys[r] + 1] += 1
    total = 0
    for j in range(counts.shape[0]):
        total, counts[j] = total + counts[j], total
    for r in range(n):
        order[counts[keys[r] + 1]] = r
        counts[keys[r] + 1] += 1
