"""Rows of a block by address, which centre is nearest, and what that changes in the sums.

Rows are worked on in tiles. Those of a tile that must be looked at are found by address: where
they lie, or in a copy about ``shift``.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.scores import (
    GROUPS,
    ROWS,
    nearest_lane,
    pointer,
    scan_1,
    scan_2,
    scan_3,
)

#: Rows of a tile, and the largest copy of a tile (in numbers).
TILE = 256
COPIED = 32_768


@njit(fastmath=FLAGS, error_model="numpy")
def locate(X, start, picked, n, shift, copied, at):
    """Write the byte addresses of rows ``start + picked[:n]`` to ``at``, padded to full batches."""
    d = X.shape[1]
    for r in range(n):
        row = start + picked[r]
        if copied.shape[0] == 0:
            at[r] = np.uint64(X.ctypes.data) + np.uint64(row * X.strides[0])
        else:
            for i in range(d):
                copied[r, i] = X[row, i] - shift[i]
            at[r] = np.uint64(copied.ctypes.data) + np.uint64(r * d * X.itemsize)
    for r in range(n, n + -n % ROWS):
        at[r] = at[n - 1]


@njit(fastmath=FLAGS, error_model="numpy")
def copy_for(X, shift):
    """Return room for a tile of rows that cannot be used where they lie; else none."""
    d = X.shape[1]
    there = X.strides[1] == X.itemsize or d == 1
    for i in range(d):
        there = there and shift[i] == 0
    return np.empty((0 if there else tile_rows(d), d), X.dtype)


@njit(fastmath=FLAGS, error_model="numpy")
def tile_rows(d):
    """Return the number of rows in a tile: a multiple of the batch that stays near the core."""
    return max(ROWS, min(TILE, COPIED // d // ROWS * ROWS))


@njit(fastmath=False, error_model="numpy")
def tally(like, at, n, first, picked, found, labels, weights, sums, mass, held):
    """Move ``n`` rows to the clusters ``found``; return how many of positive weight moved.

    Without fast-math, which it would take over from its caller: every pass adds the same numbers
    in the same order.
    """
    d, moved = sums.shape[1], 0
    for r in range(n):
        row = first + picked[r]
        old, new = labels[row], found[r]
        if old == new:
            continue
        labels[row] = new
        weight = weights[row] if weights.shape[0] > 0 else 1.0
        if weight == 0.0:
            continue
        moved += 1
        x = carray(pointer(at[r], like), (d,))
        mass[new] += weight
        held[new] += 1
        for i in range(d):
            sums[new, i] += weight * np.float64(x[i])
        if old >= 0:
            mass[old] -= weight
            held[old] -= 1
            for i in range(d):
                sums[old, i] -= weight * np.float64(x[i])
    return moved


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def squared_length(like, address, d):
    """Return the squared length of the row at an address."""
    x = carray(pointer(address, like), (d,))
    total = 0.0
    for i in range(d):
        total += np.float64(x[i]) * np.float64(x[i])
    return total


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def squared_distance(like, address, centres, label):
    """Return the squared distance of the row at an address from a centre, in float64."""
    x = carray(pointer(address, like), (centres.shape[1],))
    total = 0.0
    for i in range(centres.shape[1]):
        difference = np.float64(x[i]) - np.float64(centres[label, i])
        total += difference * difference
    return total


@njit(fastmath=FLAGS, error_model="numpy")
def compare(at, first, packed, offsets, numbers, best, which, second):
    """Compare a batch of rows with all centres, lane by lane."""
    groups = packed.shape[0]
    best[:] = -np.inf
    which[:] = 0
    if second is not None:
        second[:] = -np.inf
    g = 0
    while g < groups:
        u = np.uint64(g)
        if GROUPS == 3 and groups - g >= 3:
            scan_3(at, first, packed, offsets, numbers, u, best, which, second)
            g += 3
        elif groups - g >= 2:
            scan_2(at, first, packed, offsets, numbers, u, best, which, second)
            g += 2
        else:
            scan_1(at, first, packed, offsets, numbers, u, best, which, second)
            g += 1


def lloyd(X, shift, packed, offsets, numbers, labels, weights, sums, mass, held):
    """Compare every row of ``X`` (n, d) with every centre.

    ``packed`` (groups, d, lanes), ``offsets`` and ``numbers`` (groups, lanes) are the centres
    about ``shift``, minus half their squared lengths, and their numbers. ``sums`` (k, d), ``mass``
    and ``held`` (k,) get what the rows that move change. Return how many rows of positive weight
    moved, how many rows were looked at, and how many runs of lanes were compared with a batch.
    """
    n, d = X.shape
    lanes = packed.shape[2]
    step, moved = tile_rows(d), 0
    copied = copy_for(X, shift)
    at, found = np.empty(step, np.uint64), np.empty(step, np.int32)
    picked = np.arange(step)
    best, which = np.empty(ROWS * lanes, X.dtype), np.empty(ROWS * lanes, X.dtype)
    for start in range(0, n, step):
        size = min(step, n - start)
        locate(X, start, picked, size, shift, copied, at)
        for first in range(0, size, ROWS):
            compare(at, np.uint64(first), packed, offsets, numbers, best, which, None)
            for r in range(min(ROWS, size - first)):
                place = np.uint64(r * lanes)
                found[first + r] = int(nearest_lane(best, which, place, place)[1])
        moved += tally(X, at, size, start, picked, found, labels, weights, sums, mass, held)
    return moved, n, -(-n // ROWS) * packed.shape[0]


def squares(X, centres, labels, out):
    """Write the squared distances (n,) of rows from the centres (k, d) of their labels."""
    n, d = X.shape
    step, shift = tile_rows(d), np.zeros(d, X.dtype)
    copied = copy_for(X, shift)
    at, picked = np.empty(step, np.uint64), np.arange(step)
    for start in range(0, n, step):
        size = min(step, n - start)
        locate(X, start, picked, size, shift, copied, at)
        for r in range(size):
            out[start + r] = squared_distance(X, at[r], centres, labels[start + r])
