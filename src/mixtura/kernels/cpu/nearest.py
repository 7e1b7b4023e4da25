"""Passes of k-means over a block of rows: which centre is nearest, and what that changes.

Rows are worked on in tiles. Those of a tile that must be looked at are found by address: where
they lie, or in a copy about ``shift``. Distances are Euclidean; bounds on them are certain in
spite of rounding (docs/guide, equation 15), so that every pass finds the labels that the largest
score gives.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.scores import (
    GROUPS,
    ROWS,
    nearest_lane,
    other_lanes,
    pointer,
    scan_1,
    scan_2,
    scan_3,
    scores_1,
)

TINY = 1e-300
#: Groups of centres from which on it pays to look at some of them only.
FEW_GROUPS = 3
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
    if shift.shape[0] == 0 and (X.strides[1] == X.itemsize or d == 1):
        return np.empty((0, d), X.dtype)
    return np.empty((tile_rows(d), d), X.dtype)


@njit(fastmath=FLAGS, error_model="numpy")
def tile_rows(d):
    """Return the number of rows in a tile: a multiple of the batch that stays near the core."""
    return max(ROWS, min(TILE, COPIED // d // ROWS * ROWS))


@njit(error_model="numpy")
def tally(like, at, n, first, picked, found, labels, weights, sums, mass, held):
    """Move ``n`` rows to the clusters ``found``; return how many of positive weight moved.

    Without fast-math: every pass adds the same numbers in the same order.
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


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def above(score, length, gamma):
    """Return an upper bound on the distance that a score and a squared length stand for."""
    square = length - 2.0 * score
    square = square if square > 0.0 else 0.0
    return np.sqrt(square + gamma * (12.0 * length + 20.0 * square))


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def below(score, length, gamma):
    """Return a lower bound on the distance that a score and a squared length stand for."""
    square = length - 2.0 * score
    square = square - gamma * (12.0 * length + 20.0 * (square if square > 0.0 else 0.0))
    return np.sqrt(square if square > 0.0 else 0.0)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def margin(length, own, other, gamma):
    """Return by how much ``other`` distances must exceed ``own`` for scores to say so too."""
    error = gamma * (12.0 * length + 20.0 * other * other)
    root, double = np.sqrt(error), 2.0 * own
    return error / ((double if double > root else root) + TINY)


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
def slacks(top, other, length, beyond, n, gamma, slack):
    """Write by how much the second nearest centre of ``n`` rows is farther, for certain.

    ``top`` and ``other`` are their scores; further centres are at least ``beyond`` away.
    """
    for r in range(n):
        own = above(np.float64(top[r]), length[r], gamma)
        far = below(np.float64(other[r]), length[r], gamma)
        far = far if far < beyond[r] else beyond[r]
        slack[r] = far - own - margin(length[r], own, far, gamma)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def rounded_down(value):
    """Return a number as float32, none above it."""
    return np.float32(value - 1.2e-7 * abs(value))


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
def pick(start, stop, room, labels, slack, level, picked):
    """List up to ``room`` rows from ``start`` whose label may change; return how many and where on."""
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


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def squared_length(like, address, d):
    """Return the squared length of the row at an address."""
    x = carray(pointer(address, like), (d,))
    total = 0.0
    for i in range(d):
        total += np.float64(x[i]) * np.float64(x[i])
    return total


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


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def score_group(at, packed, offsets, g, vectors, out, tops):
    """Write the scores of a batch and group ``g`` of ``vectors`` x lanes centres, and their tops."""
    size = np.uint64(ROWS * packed.shape[2])
    tops[:] = -np.inf
    for v in range(vectors):
        u, place = np.uint64(g * vectors + v), np.uint64(v) * size
        scores_1(at, np.uint64(0), packed, offsets, u, out, place, tops)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def winner(out, r, numbers, g, vectors, top):
    """Return the lowest number in a group whose score for row ``r`` is ``top``, and the next score.

    """
    lanes, number, other = out.shape[0] // (ROWS * vectors), np.inf, -np.inf
    for v in range(vectors):
        place = np.uint64((v * ROWS + r) * lanes)
        begin = np.uint64((g * vectors + v) * lanes)
        score, label = nearest_lane(out, numbers, place, begin)
        if score == top and label < number:
            number = np.float64(label)
    for v in range(vectors):
        place = np.uint64((v * ROWS + r) * lanes)
        begin = np.uint64((g * vectors + v) * lanes)
        score = other_lanes(out, numbers, place, begin, out.dtype.type(number), None)
        other = max(other, np.float64(score))
    return int(number), other


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def needed(bounds, row, falls, gaps, label, own, reach, q, listed, counts, key):
    """List row ``q`` with each group but ``key`` that may hold a centre within ``reach``.

    ``bounds[row]`` and ``falls`` bound its distances, and so do the ``gaps`` of its centre, which
    is ``own`` away; where these say more, ``bounds`` keeps it.
    """
    for g in range(falls.shape[0]):
        bound, gap = bounds[row, g] - falls[g], gaps[label, g] - own
        bounds[row, g] = rounded_down(gap + falls[g]) if gap > bound else bounds[row, g]
    for g in range(falls.shape[0]):
        listed[g, counts[g]] = q
        counts[g] += (bounds[row, g] - falls[g] <= reach) & (g != key)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def closest(bounds, row, falls, gaps, label, own):
    """Return a lower bound of the distance of a row from all centres but that of its label.

    That is at most ``own`` away, and at least ``gaps[label]`` from the centres of other groups.
    """
    far = np.inf
    for g in range(falls.shape[0]):
        bound, gap = bounds[row, g] - falls[g], gaps[label, g] - own
        bound = gap if gap > bound else bound
        far = bound if bound < far else far
    return far


@njit(fastmath=FLAGS, error_model="numpy")
def doubtful(picked, n, labels, gaps, level, rise, falls, gamma, lengths, upper, bounds, slack):
    """Keep the rows whose label may change by the bounds of all groups; return how many."""
    kept = 0
    for q in range(n):
        row = picked[q]
        picked[kept] = row
        if slack[row] == -np.inf:
            kept += 1
            continue
        label = labels[row]
        own = upper[row] + rise[label]
        far = closest(bounds, row, falls, gaps, label, own)
        gained = far - own - margin(lengths[row], own, far, gamma)
        if gained > 0.0:
            slack[row] = rounded_down(gained + level[label])
        else:
            kept += 1
    return kept


def yinyang(
    X,
    shift,
    packed,
    offsets,
    numbers,
    home,
    lane,
    vectors,
    gaps,
    level,
    gamma,
    lengths,
    slack,
    rise,
    falls,
    upper,
    bounds,
    labels,
    weights,
    sums,
    mass,
    held,
):
    """As ``exponion``, with a bound for every row and group, of which few are then compared.

    Group g is made of the ``vectors`` runs of lanes from ``packed[g * vectors]`` on. Its centres
    other than the row's own are at least ``bounds[row, g] - falls[g]`` away, and this is at most
    ``upper[row] + rise[label]`` away.
    """
    n, d = X.shape
    groups, lanes, moved, start = bounds.shape[1], packed.shape[2], 0, 0
    looked, compared = 0, 0
    room = tile_rows(d)
    copied = copy_for(X, shift)
    at, found = np.empty(room, np.uint64), np.empty(room, np.int32)
    picked, turn = np.empty(room, np.int64), np.arange(room)
    keys, counts = np.empty(room, np.int32), np.empty(groups + 1, np.int64)
    listed = np.empty((groups, room + 1), np.int32)
    batch, out = np.empty(ROWS, np.uint64), np.empty(vectors * ROWS * lanes, X.dtype)
    tops, scored = np.empty(ROWS, X.dtype), np.empty(room)
    length, reach, own, best = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    other, group, low = np.empty(room), np.empty(room, np.int64), np.empty(room)
    while start < n:
        size, start = pick(start, n, room, labels, slack, level, picked)
        size = doubtful(
            picked, size, labels, gaps, level, rise, falls, gamma, lengths, upper, bounds, slack
        )
        if size == 0:
            continue
        looked += size
        locate(X, 0, picked, size, shift, copied, at)
        for q in range(size):
            row = picked[q]
            keys[q] = home[labels[row]] if labels[row] >= 0 else -1
            if slack[row] == -np.inf:
                lengths[row] = squared_length(X, at[q], d)
                bounds[row, :] = -np.inf
            length[q] = lengths[row]
            own[q], best[q], group[q] = -np.inf, -np.inf, -1
        order_by(keys, size, counts, turn)
        first = counts[0]
        while first < size:
            g, m = keys[turn[first]], 1
            while m < ROWS and first + m < size and keys[turn[first + m]] == g:
                m += 1
            for r in range(ROWS):
                batch[r] = at[turn[first + min(r, m - 1)]]
            score_group(batch, packed, offsets, g, vectors, out, tops)
            compared += vectors
            for r in range(m):
                q = turn[first + r]
                place = lane[labels[picked[q]]]
                score = out[(place // lanes * ROWS + r) * lanes + place % lanes]
                own[q], best[q], group[q] = np.float64(score), np.float64(tops[r]), g
                found[q], other[q] = winner(out, r, numbers, g, vectors, tops[r])
            first += m
        for q in range(size):
            near = above(best[q], length[q], gamma)
            reach[q] = near + margin(length[q], near, near, gamma)
            own[q] = above(own[q], length[q], gamma)
        counts[:] = 0
        for q in range(size):
            row, key = picked[q], keys[q]
            if key < 0:
                for g in range(groups):
                    listed[g, counts[g]] = q
                    counts[g] += 1
                continue
            needed(bounds, row, falls, gaps, labels[row], own[q], reach[q], q, listed, counts, key)
        for g in range(groups):
            count, chosen = counts[g], listed[g]
            compared += -(-count // ROWS) * vectors
            for first in range(0, count, ROWS):
                m = min(ROWS, count - first)
                for r in range(ROWS):
                    batch[r] = at[chosen[first + min(r, m - 1)]]
                score_group(batch, packed, offsets, g, vectors, out, tops)
                for r in range(m):
                    q = chosen[first + r]
                    top = np.float64(tops[r])
                    scored[first + r] = top
                    if top < best[q]:
                        continue
                    number, following = winner(out, r, numbers, g, vectors, tops[r])
                    if top == best[q] and number > found[q]:
                        continue
                    if group[q] >= 0:
                        bound = below(best[q], length[q], gamma) + falls[group[q]]
                        bounds[picked[q], group[q]] = rounded_down(bound)
                    best[q], found[q], other[q], group[q] = top, number, following, g
                    near = above(top, length[q], gamma)
                    reach[q] = near + margin(length[q], near, near, gamma)
            for r in range(count):
                low[r] = length[chosen[r]]
            for r in range(count):
                low[r] = below(scored[r], low[r], gamma) + falls[g]
            for r in range(count):
                bounds[picked[chosen[r]], g] = rounded_down(low[r])
        for q in range(size):
            other[q] = below(other[q], length[q], gamma)
        for q in range(size):
            row, g = picked[q], group[q]
            bounds[row, g] = rounded_down(other[q] + falls[g])
            own[q] = above(best[q], length[q], gamma)
            low[q] = closest(bounds, row, falls, gaps, found[q], own[q])
        for q in range(size):
            low[q] -= own[q] + margin(length[q], own[q], low[q], gamma)
        for q in range(size):
            slack[picked[q]] = rounded_down(low[q] + level[found[q]])
            upper[picked[q]] = -rounded_down(rise[found[q]] - own[q])
        moved += tally(X, at, size, 0, picked, found, labels, weights, sums, mass, held)
    return moved, looked, compared


def spacing(centres, packed, offsets, home, vectors, gamma, gaps):
    """Write lower bounds of the distances from each centre to each other group (k, groups)."""
    k, d = centres.shape
    groups, lanes = gaps.shape[1], packed.shape[2]
    at, out = np.empty(ROWS, np.uint64), np.empty(vectors * ROWS * lanes, centres.dtype)
    tops, lengths = np.empty(ROWS, centres.dtype), np.empty(ROWS)
    for first in range(0, k, ROWS):
        for r in range(ROWS):
            a = min(first + r, k - 1)
            at[r] = np.uint64(centres.ctypes.data) + np.uint64(a * d * centres.itemsize)
            lengths[r] = squared_length(centres, at[r], d)
        for g in range(groups):
            score_group(at, packed, offsets, g, vectors, out, tops)
            for r in range(min(ROWS, k - first)):
                far = below(np.float64(tops[r]), lengths[r], gamma)
                gaps[first + r, g] = far if g != home[first + r] else 0.0


def sort_groups(gaps, home, order, sorted_gaps):
    """Sort each row of ``gaps`` (k, groups), the own group first; ``order`` is nearly so already."""
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
