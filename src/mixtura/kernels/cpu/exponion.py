"""k-means in few columns: rows that may change, compared with the centres near their own."""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu.bounds import above, margin, order_by, pick, rounded_down, slacks
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.nearest import (
    compare,
    copy_for,
    locate,
    squared_length,
    tally,
    tile_rows,
)
from mixtura.kernels.cpu.scores import ROWS, nearest_lane, other_lanes, scan_1, scores_1

#: Groups of centres from which on it pays to look at some of them only.
FEW_GROUPS = 3


@njit(fastmath=FLAGS, error_model="numpy")
def finish(best, which, second, top, number, other):
    """Write the best score of each row of a batch, its number and the second best score."""
    lanes = best.shape[0] // ROWS
    for r in range(ROWS):
        place = np.uint64(r * lanes)
        score, label = nearest_lane(best, which, place, place)
        top[r], number[r] = score, int(label)
        other[r] = other_lanes(best, which, place, place, label, second)


@njit(fastmath=FLAGS, error_model="numpy")
def lowest(at, r, top, packed, offsets, numbers, best, tops):
    """Return the lowest number of the centres whose score for row ``r`` of ``at`` is ``top``."""
    lanes, found = packed.shape[2], np.inf
    for g in range(packed.shape[0]):
        scores_1(at, np.uint64(0), packed, offsets, np.uint64(g), best, np.uint64(0), tops)
        for q in range(lanes):
            if best[r * lanes + q] == top:
                found = min(found, np.float64(numbers[g, q]))
    return int(found)


@njit(fastmath=FLAGS, error_model="numpy")
def ring(at, a, packed, offsets, numbers, home, lane, order, gaps, lengths, gamma, work):
    """Compare a batch of rows of label ``a`` with the groups that are near enough to matter.

    Groups come in the ``order`` of their ``gaps`` from centre a, and end where one is too far to
    hold the nearest or second nearest centre of any row. Return the distance that every centre of
    the other groups has at least, and the number of groups that were compared.
    """
    best, which, second, top, other, number = work
    lanes, groups, zero = packed.shape[2], packed.shape[0], np.uint64(0)
    scores_1(at, zero, packed, offsets, np.uint64(home[a]), best, zero, top)
    for q in range(best.shape[0]):
        which[q] = numbers[home[a], q % lanes]
        second[q] = -np.inf
    from_a = 0.0
    for r in range(ROWS):
        from_a = max(from_a, above(np.float64(best[r * lanes + lane[a]]), lengths[r], gamma))
    scan_1(at, zero, packed, offsets, numbers, np.uint64(order[a, 1]), best, which, second)
    finish(best, which, second, top, number, other)
    reach = 0.0
    for r in range(ROWS):
        far = above(np.float64(other[r]), lengths[r], gamma)
        reach = max(reach, far + margin(lengths[r], 0.0, far, gamma))
    q = 2
    while q < groups and gaps[a, q] <= from_a + reach:
        scan_1(at, zero, packed, offsets, numbers, np.uint64(order[a, q]), best, which, second)
        q += 1
    return gaps[a, q] - from_a if q < groups else np.inf, q


def exponion(
    X,
    shift,
    packed,
    offsets,
    numbers,
    home,
    lane,
    order,
    gaps,
    level,
    gamma,
    lengths,
    slack,
    labels,
    weights,
    sums,
    mass,
    held,
):
    """As ``lloyd``, but look only at rows whose label may change, and at groups near theirs.

    Centre j is in ``lane[j]`` of group ``home[j]``; ``order`` (k, groups) are the groups by their
    distance from each centre, ``gaps`` lower bounds of these. A row keeps its label while
    ``slack`` (n,) exceeds ``level`` (k,) of its label; ``lengths`` (n,) are squared lengths.
    """
    n, d = X.shape
    groups, lanes, moved, start = packed.shape[0], packed.shape[2], 0, 0
    looked, compared = 0, 0
    room, zero = tile_rows(d), np.uint64(0)
    copied = copy_for(X, shift)
    at, found = np.empty(room, np.uint64), np.empty(room, np.int32)
    picked, turn = np.empty(room, np.int64), np.arange(room)
    keys, counts = np.full(room, -1, np.int32), np.empty(level.shape[0] + 1, np.int64)
    batch, near = np.empty(ROWS, np.uint64), np.empty(ROWS)
    best, which, second = (
        np.empty(ROWS * lanes, X.dtype),
        np.empty(ROWS * lanes, X.dtype),
        np.empty(ROWS * lanes, X.dtype),
    )
    top, other, number = np.empty(ROWS, X.dtype), np.empty(ROWS, X.dtype), np.empty(ROWS, np.int32)
    work = (best, which, second, top, other, number)
    tops, others = np.empty(room, X.dtype), np.empty(room, X.dtype)
    beyond, length, gained = np.full(room, np.inf), np.empty(room), np.empty(room)
    while start < n:
        size, start = pick(start, n, room, labels, slack, level, picked)
        if size == 0:
            break
        looked += size
        locate(X, 0, picked, size, shift, copied, at)
        for r in range(size):
            if slack[picked[r]] == -np.inf:
                lengths[picked[r]] = squared_length(X, at[r], d)
            length[r] = lengths[picked[r]]
        if groups > FEW_GROUPS:
            for r in range(size):
                keys[r] = labels[picked[r]] if slack[picked[r]] > -np.inf else -1
            order_by(keys, size, counts, turn)
        first = 0
        while first < size:
            key, m = keys[turn[first]], 1
            while m < ROWS and first + m < size and keys[turn[first + m]] == key:
                m += 1
            for r in range(ROWS):
                q = turn[first + min(r, m - 1)]
                batch[r], near[r] = at[q], length[q]
            bound = np.inf
            if key < 0:
                compare(batch, zero, packed, offsets, numbers, best, which, second)
                compared += groups
            else:
                bound, near_groups = ring(
                    batch, key, packed, offsets, numbers, home, lane, order, gaps, near, gamma, work
                )
                compared += near_groups
            finish(best, which, second, top, number, other)
            for r in range(m):
                q = turn[first + r]
                if top[r] == other[r]:
                    number[r] = lowest(batch, r, top[r], packed, offsets, numbers, best, top)
                tops[q], others[q], found[q], beyond[q] = top[r], other[r], number[r], bound
            first += m
        slacks(tops, others, length, beyond, size, gamma, gained)
        for r in range(size):
            slack[picked[r]] = rounded_down(gained[r] + level[found[r]])
        moved += tally(X, at, size, 0, picked, found, labels, weights, sums, mass, held)
    return moved, looked, compared


def sort_groups(gaps, home, order, sorted_gaps):
    """Sort each row of ``gaps`` (k, groups), own group first; ``order`` is nearly so already."""
    k, groups = gaps.shape
    for a in range(k):
        for q in range(groups):
            g = order[a, q]
            gap = gaps[a, g] if g != home[a] else -1.0
            p = q
            while p > 0 and sorted_gaps[a, p - 1] > gap:
                sorted_gaps[a, p], order[a, p] = sorted_gaps[a, p - 1], order[a, p - 1]
                p -= 1
            sorted_gaps[a, p], order[a, p] = gap, g
        sorted_gaps[a, 0] = 0.0
