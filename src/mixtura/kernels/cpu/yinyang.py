"""k-means with many centres: rows that may change, compared with the groups that may matter."""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu.bounds import above, below, margin, order_by, pick, rounded_down
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.nearest import copy_for, locate, squared_length, tally, tile_rows
from mixtura.kernels.cpu.scores import ROWS, nearest_lane, other_lanes, scores_1


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def score_group(at, packed, offsets, g, vectors, out, tops):
    """Write the scores of a batch and group ``g``, of ``vectors`` x lanes centres, and the tops."""
    size = np.uint64(ROWS * packed.shape[2])
    tops[:] = -np.inf
    for v in range(vectors):
        u, place = np.uint64(g * vectors + v), np.uint64(v) * size
        scores_1(at, np.uint64(0), packed, offsets, u, out, place, tops)


@njit(fastmath=FLAGS, error_model="numpy", forceinline=True)
def winner(out, r, numbers, g, vectors, top):
    """Return the lowest number in a group whose score for row ``r`` is ``top``, and the next."""
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


@njit(fastmath=FLAGS, error_model="numpy")
def own_groups(at, picked, labels, lane, keys, turn, first, size, centres, own, nearest, scratch):
    """Compare the rows from ``turn[first]`` on with the group of their label, their ``keys``.

    Write the score of the label to ``own``, and to ``nearest`` the best score, its number, the next
    best in the group, and the group. Return how many runs of lanes were compared with a batch.
    """
    packed, offsets, numbers, vectors = centres
    best, found, other, group = nearest
    batch, out, tops, _, _ = scratch
    lanes, compared = packed.shape[2], 0
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
    return compared


@njit(fastmath=FLAGS, error_model="numpy")
def list_groups(
    picked, size, labels, keys, gaps, bounds, falls, gamma, length, own, best, listed, counts
):
    """List for each group the rows for which it may hold a nearer centre; all without a label.

    ``own`` are the scores of the labels, and become upper bounds of their distances.
    """
    for q in range(size):
        own[q] = above(own[q], length[q], gamma)
    counts[:] = 0
    for q in range(size):
        if keys[q] < 0:
            for g in range(falls.shape[0]):
                listed[g, counts[g]] = q
                counts[g] += 1
        else:
            near = above(best[q], length[q], gamma)
            reach = near + margin(length[q], near, near, gamma)
            row = picked[q]
            needed(bounds, row, falls, gaps, labels[row], own[q], reach, q, listed, counts, keys[q])


@njit(fastmath=FLAGS, error_model="numpy")
def other_group(
    at, picked, listed, g, count, centres, length, gamma, falls, bounds, nearest, scratch
):
    """Compare the ``count`` rows listed for group ``g`` with it; write ``nearest`` and bounds."""
    packed, offsets, numbers, vectors = centres
    best, found, other, group = nearest
    batch, out, tops, scored, low = scratch
    for first in range(0, count, ROWS):
        m = min(ROWS, count - first)
        for r in range(ROWS):
            batch[r] = at[listed[g, first + min(r, m - 1)]]
        score_group(batch, packed, offsets, g, vectors, out, tops)
        for r in range(m):
            q = listed[g, first + r]
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
    for r in range(count):
        low[r] = length[listed[g, r]]
    for r in range(count):  # a loop of its own, for vectors of square roots
        low[r] = below(scored[r], low[r], gamma) + falls[g]
    for r in range(count):
        bounds[picked[listed[g, r]], g] = rounded_down(low[r])
    return -(-count // ROWS) * vectors


@njit(fastmath=FLAGS, error_model="numpy")
def conclude(
    picked, size, gaps, level, rise, falls, gamma, length, nearest, scratch, bounds, slack, upper
):
    """Write the bounds of the rows that have been compared."""
    best, found, other, group = nearest
    near, low = scratch[3], scratch[4]
    for q in range(size):
        other[q] = below(other[q], length[q], gamma)
    for q in range(size):
        near[q] = above(best[q], length[q], gamma)
    for q in range(size):
        row, g = picked[q], group[q]
        bounds[row, g] = rounded_down(other[q] + falls[g])
        low[q] = closest(bounds, row, falls, gaps, found[q], near[q])
    for q in range(size):
        low[q] -= near[q] + margin(length[q], near[q], low[q], gamma)
    for q in range(size):
        slack[picked[q]] = rounded_down(low[q] + level[found[q]])
        upper[picked[q]] = -rounded_down(rise[found[q]] - near[q])


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
    groups, moved, start = bounds.shape[1], 0, 0
    looked, compared = 0, 0
    room = tile_rows(d)
    copied = copy_for(X, shift)
    centres = (packed, offsets, numbers, vectors)
    at, found = np.empty(room, np.uint64), np.empty(room, np.int32)
    picked, turn = np.empty(room, np.int64), np.arange(room)
    keys, counts = np.empty(room, np.int32), np.empty(groups + 1, np.int64)
    listed = np.empty((groups, room + 1), np.int32)
    length, own, best, other = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    group = np.empty(room, np.int64)
    nearest = (best, found, other, group)
    scratch = (
        np.empty(ROWS, np.uint64),
        np.empty(vectors * ROWS * packed.shape[2], X.dtype),
        np.empty(ROWS, X.dtype),
        np.empty(room),
        np.empty(room),
    )
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
        compared += own_groups(
            at, picked, labels, lane, keys, turn, counts[0], size, centres, own, nearest, scratch
        )
        list_groups(
            picked,
            size,
            labels,
            keys,
            gaps,
            bounds,
            falls,
            gamma,
            length,
            own,
            best,
            listed,
            counts,
        )
        for g in range(groups):
            compared += other_group(
                at,
                picked,
                listed,
                g,
                counts[g],
                centres,
                length,
                gamma,
                falls,
                bounds,
                nearest,
                scratch,
            )
        conclude(
            picked,
            size,
            gaps,
            level,
            rise,
            falls,
            gamma,
            length,
            nearest,
            scratch,
            bounds,
            slack,
            upper,
        )
        moved += tally(X, at, size, 0, picked, found, labels, weights, sums, mass, held)
    return moved, looked, compared


def outrun(labels, near, runners, level, gamma, lengths, slack, rise, falls, upper, bounds):
    """Lower the bounds of rows that single centres may have come nearer to than these say.

    Centre a is at least ``near[a]`` (m,) from them, and they are in the groups ``runners`` (m,).
    """
    for row in range(labels.shape[0]):
        a = labels[row]
        if slack[row] == -np.inf:
            continue
        own = upper[row] + rise[a]
        for j in range(runners.shape[0]):
            if near[a, j] == np.inf:  # its own
                continue
            far, g = near[a, j] - own, runners[j]
            if bounds[row, g] - falls[g] > far:
                bounds[row, g] = rounded_down(far + falls[g])
            gained = far - own - margin(lengths[row], own, far, gamma)
            slack[row] = min(slack[row], rounded_down(gained + level[a]))


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
