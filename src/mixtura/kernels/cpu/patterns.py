"""One pass over rows with missing cells, columns correlated (docs/guide, equations 22 to 24).

Consecutive rows that miss the same columns are a *run*. In a long run the ordinary kernel works on
the observed columns alone, and the moments are lifted to all columns once. Rows of short runs
share a tile: each is whitened with its missing deviations zero, and what it lacks is found from
the columns of the whitening factor that belong to them, at little more than the cost of a
complete row. ``covariances``, ``factors`` and ``log_dets`` are one or one a component.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import densities, moments
from mixtura.kernels.cpu.densities import FLAGS, TILE, finish
from mixtura.kernels.cpu.passes import log_sum_exp, mirror, normalise, tell
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from mixtura.kernels.patterns import FEW, LONG
from mixtura.model.density import LOWEST

LOG_2PI = np.log(2.0 * np.pi)
#: Doubles that the conditional covariances of the rows of a shared tile may hold, for a component.
ARENA = 16_384


@njit(error_model="numpy")
def find_run(X, start, missing):
    """Write which columns row ``start`` misses; return where its run ends, and how many."""
    n, d = X.shape
    m = 0
    for i in range(d):
        missing[i] = np.isnan(X[start, i])
        m += missing[i]
    stop = start + 1
    while stop < n:
        for i in range(d):
            if np.isnan(X[stop, i]) != missing[i]:
                return stop, m
        stop += 1
    return stop, m


@njit(error_model="numpy")
def invert_cholesky(matrix, size, factor):
    """Write the inverse of the Cholesky factor of ``matrix`` (size, size); return its log-det.

    ``matrix`` is overwritten. It is part of a positive definite one.
    """
    log_det = 0.0
    for i in range(size):
        for c in range(i + 1):
            total = matrix[i, c]
            for a in range(c):
                total -= matrix[i, a] * matrix[c, a]
            matrix[i, c] = np.sqrt(total) if i == c else total / matrix[c, c]
        log_det += 2.0 * np.log(matrix[i, i])
    for i in range(size):
        inverse = 1.0 / matrix[i, i]
        for c in range(size):
            factor[i, c] = 0.0
        for a in range(i):
            ratio = matrix[i, a] * inverse
            for c in range(a + 1):
                factor[i, c] -= ratio * factor[a, c]
        factor[i, i] = inverse
    return log_det


@njit(error_model="numpy")
def marginal(means, covariances, log_weights, columns, centre, factor, offsets):
    """Write the mixture of some columns as the ordinary kernel takes it."""
    k, o = centre.shape
    work = np.empty((o, o))
    for s in range(len(covariances)):
        for i in range(o):
            for c in range(i + 1):
                work[i, c] = covariances[s, columns[i], columns[c]]
        log_det = invert_cholesky(work, o, factor[s])
        for j in range(k):
            if j == s or len(covariances) == 1:
                offsets[j] = log_weights[j] - 0.5 * (o * LOG_2PI + log_det)
    for j in range(k):
        for i in range(o):
            centre[j, i] = means[j, columns[i]]
            if len(covariances) == 1:
                for c in range(o):
                    factor[j, i, c] = factor[0, i, c]


@njit(fastmath=FLAGS, error_model="numpy")
def load_columns(X, start, stop, columns, x):
    """Transpose some columns of at most a tile of rows; a short tile repeats the last row."""
    for b in range(ROWS):
        row = min(start + b, stop - 1)
        for i in range(len(columns)):
            x[i * ROWS + b] = np.float64(X[row, columns[i]])


@njit(fastmath=FLAGS, error_model="numpy")
def weigh_rows(sample_weight, start, stop, weight):
    """Write the weights of a tile's rows; 0 beyond them."""
    for b in range(ROWS):
        inside = start + b < stop
        weight[b] = 1.0 if inside else 0.0
        if inside and sample_weight.shape[0] > 0:
            weight[b] = sample_weight[start + b]


@njit(fastmath=FLAGS, error_model="numpy")
def conditional(covariance, factor, seen, lost, maps, rest):
    """Write the map (m, o) from seen to lost deviations, and what varies in these then (m, m)."""
    o, m = len(seen), len(lost)
    explained = np.zeros((m, o))
    for a in range(m):
        for i in range(o):
            maps[a, i] = 0.0
        for i in range(o):
            for c in range(i + 1):
                explained[a, i] += factor[i, c] * covariance[lost[a], seen[c]]
            for c in range(i + 1):
                maps[a, c] += explained[a, i] * factor[i, c]
        for b in range(a + 1):
            reduced = covariance[lost[a], lost[b]]
            for i in range(o):
                reduced -= explained[a, i] * explained[b, i]
            rest[a, b] = reduced


@njit(fastmath=FLAGS, error_model="numpy")
def lift_first(maps, seen, lost, own, first):
    """Add a run's first moments (o,) to those of all columns (d,) (equation 23)."""
    for i in range(len(seen)):
        first[seen[i]] += own[i]
    for a in range(len(lost)):
        total = 0.0
        for i in range(len(seen)):
            total += maps[a, i] * own[i]
        first[lost[a]] += total


@njit(fastmath=FLAGS, error_model="numpy")
def lift_second(maps, rest, seen, lost, support, own, second):
    """Add a run's second moments, of which the lower triangle is kept (equation 23)."""
    o = len(seen)
    for i in range(o):
        for c in range(i + 1):
            own[c, i] = own[i, c]
            second[seen[i], seen[c]] += own[i, c]
    product = np.empty(o)
    for a in range(len(lost)):
        for c in range(o):
            product[c] = 0.0
        for i in range(o):
            for c in range(o):
                product[c] += maps[a, i] * own[i, c]
        for c in range(o):
            second[max(lost[a], seen[c]), min(lost[a], seen[c])] += product[c]
        for b in range(a + 1):
            total = support * rest[a, b]
            for i in range(o):
                total += product[i] * maps[b, i]
            second[lost[a], lost[b]] += total


@njit(fastmath=FLAGS, error_model="numpy")
def expect_run(
    X, sample_weight, start, stop, seen, lost, means, covariances, log_weights, cells, first, second
):
    """Add the statistics of a long run; return its log-likelihood."""
    k, o, m = len(means), len(seen), len(lost)
    centre, factor, offsets = np.empty((k, o)), np.empty((k, o, o)), np.empty(k)
    marginal(means, covariances, log_weights, seen, centre, factor, offsets)
    x, weighted, joint = np.empty(o * ROWS), np.empty(o * ROWS), np.empty(k * ROWS)
    top, total, weight = np.empty(ROWS), np.empty(ROWS), np.empty(ROWS)
    support, own_first, own_second = np.zeros(k), np.zeros((k, o)), np.zeros((k, o, o))
    loglik = 0.0
    for at in range(start, stop, ROWS):
        load_columns(X, at, stop, seen, x)
        weigh_rows(sample_weight, at, stop, weight)
        densities.full(x, centre, factor, offsets, joint)
        log_sum_exp(joint, k, top, total)
        loglik += normalise(joint, k, weight, top, total, support)
        moments.full(x, centre, joint, weighted, own_first, own_second)
    maps, rest, shared = np.empty((m, o)), np.empty((m, m)), len(covariances) == 1
    both = 0.0
    for j in range(k):
        cells[j] += support[j]
        both += support[j]
        if j == 0 or not shared:
            conditional(covariances[j], factor[j], seen, lost, maps, rest)
        lift_first(maps, seen, lost, own_first[j], first[j])
        if shared:
            add_to_first(own_second, j)
        if not shared or j == k - 1:
            s, support_here = (0, both) if shared else (j, support[j])
            lift_second(maps, rest, seen, lost, support_here, own_second[s], second[s])
    return loglik


@njit(fastmath=FLAGS, error_model="numpy")
def add_to_first(matrices, j):
    """Add matrix ``j`` to the first, unless it is that."""
    if j > 0:
        for i in range(matrices.shape[1]):
            for c in range(matrices.shape[2]):
                matrices[0, i, c] += matrices[j, i, c]


@njit(error_model="numpy")
def separated(missing, seen, lost):
    """Write the numbers of observed and missing columns; return how many are missing."""
    m = 0
    for i in range(len(missing)):
        if missing[i]:
            lost[m] = i
            m += 1
        else:
            seen[i - m] = i
    return m


@njit(fastmath=FLAGS, error_model="numpy")
def load_short(X, start, runs, means, j, x):
    """Transpose a shared tile about mean ``j``, missing deviations zero; return its rows."""
    d = X.shape[1]
    stop = runs[-1] - start
    for b in range(ROWS):
        row = start + min(b, stop - 1)
        for i in range(d):
            value = np.float64(X[row, i]) - means[j, i]
            x[i * ROWS + b] = 0.0 if np.isnan(value) else value


@njit(fastmath=FLAGS, error_model="numpy")
def orthonormal(factor, lost, basis, triangle):
    """Write an orthonormal basis (m, d) of the factor's columns ``lost``, and R with F = Q R.

    Each column is made orthogonal to those before it twice, which is as good as it gets.
    """
    d, log_det = len(factor), 0.0
    for a in range(len(lost)):
        for i in range(d):
            basis[a, i] = factor[i, lost[a]]
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
        log_det += 2.0 * np.log(length)
    return log_det


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
    X, start, runs, means, factors, log_dets, log_weights, deviations, rest, keep, whitened, joint
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
            log_det = log_dets[s] + orthonormal(factors[s], lost[:m], basis, triangle)
            offset = log_weights[j] - 0.5 * ((d - m) * LOG_2PI + log_det)
            for b in range(runs[r] - start, runs[r + 1] - start):
                squared = complete(whitened, b, lost[:m], basis, triangle, x, row, along)
                joint[j * ROWS + b] = max(offset - 0.5 * squared, LOWEST)
            if keep and (j == 0 or len(factors) > 1):
                conditional_covariance(triangle, m, rest[s, at : at + m * (m + 1) // 2])
            at += m * (m + 1) // 2


@njit(fastmath=FLAGS, error_model="numpy")
def gather(X, start, length, m, runs, missing):
    """Write where the short runs of a shared tile start, the first of ``length`` and ``m`` known.

    Return how many they are. They end before a run that is long or misses many columns.
    """
    n, d = X.shape
    runs[0], runs[1], count, held = start, start + length, 1, m * (m + 1) // 2
    while runs[count] < n and runs[count] - start < ROWS:
        stop, m = find_run(X, runs[count], missing)
        held += m * (m + 1) // 2
        if stop - runs[count] >= LONG or m * FEW > d or held > ARENA:
            break
        runs[count + 1] = min(stop, start + ROWS)
        count += 1
    return count


def expect_patterns(
    X,
    sample_weight,
    means,
    covariances,
    factors,
    log_dets,
    log_weights,
    cells,
    empty,
    first,
    second,
):
    """Add the statistics of ``X`` (n, d) to the sums; return the log-likelihood.

    ``cells`` (k,) are the responsibilities of rows with an observed cell and ``empty`` (k,) of
    those without. ``sample_weight`` (n,) may be empty.
    """
    (n, d), k = X.shape, len(means)
    missing, runs = np.zeros(d, dtype=np.bool_), np.empty(ROWS + 2, dtype=np.intp)
    deviations, rest = np.empty((k, d * ROWS)), np.empty((len(factors), ARENA))
    whitened, joint = np.empty(d * ROWS), np.empty(k * ROWS)
    top, total, weight = np.empty(ROWS), np.empty(ROWS), np.empty(ROWS)
    origin, seen, lost = np.zeros((k, d)), np.empty(d, dtype=np.intp), np.empty(d, dtype=np.intp)
    loglik, row = 0.0, 0
    while row < n:
        stop, m = find_run(X, row, missing)
        if m == d:
            for b in range(row, stop):
                for j in range(k):
                    part = 1.0 if sample_weight.shape[0] == 0 else sample_weight[b]
                    empty[j] += part * np.exp(log_weights[j])
            row = stop
            continue
        if stop - row >= LONG or m * FEW > d:
            separated(missing, seen, lost)
            loglik += expect_run(
                X,
                sample_weight,
                row,
                stop,
                seen[: d - m],
                lost[:m],
                means,
                covariances,
                log_weights,
                cells,
                first,
                second,
            )
            row = stop
            continue
        count = gather(X, row, stop - row, m, runs, missing)
        stop = runs[count]
        join_short(
            X,
            row,
            runs[: count + 1],
            means,
            factors,
            log_dets,
            log_weights,
            deviations,
            rest,
            True,
            whitened,
            joint,
        )
        weigh_rows(sample_weight, row, stop, weight)
        log_sum_exp(joint, k, top, total)
        loglik += normalise(joint, k, weight, top, total, cells)
        for j in range(k):
            s = j if len(factors) > 1 else 0
            moments.weigh(deviations[j], origin, joint, j, whitened, first)
            moments.scatter(deviations[j], origin, whitened, j, second, s)
            at = 0
            for r in range(count):
                m = lost_columns(X, runs[r], lost)
                support = 0.0
                for b in range(runs[r] - row, runs[r + 1] - row):
                    support += joint[j * ROWS + b]
                for a in range(m):
                    for c in range(a + 1):
                        second[s, lost[a], lost[c]] += support * rest[s, at]
                        at += 1
        row = stop
    mirror(second)
    return loglik


def describe_patterns(
    X, means, covariances, factors, log_dets, log_weights, log_prob, labels, resp
):
    """Write log-densities (n,), labels (n,) and responsibilities (n, k), each if not empty."""
    (n, d), k = X.shape, len(means)
    missing, runs = np.zeros(d, dtype=np.bool_), np.empty(ROWS + 2, dtype=np.intp)
    deviations, rest = np.empty((k, d * ROWS)), np.empty((1, 1))
    whitened, joint = np.empty(d * ROWS), np.empty(k * ROWS)
    top, total = np.empty(ROWS), np.empty(ROWS)
    seen, lost = np.empty(d, dtype=np.intp), np.empty(d, dtype=np.intp)
    row = 0
    while row < n:
        stop, m = find_run(X, row, missing)
        if m == d:
            stop = min(stop, row + ROWS)
            for j in range(k):
                for b in range(ROWS):
                    joint[j * ROWS + b] = max(log_weights[j], LOWEST)
            tell(joint, k, row, stop - row, top, total, log_prob, labels, resp)
            row = stop
        elif stop - row >= LONG or m * FEW > d:
            separated(missing, seen, lost)
            o = d - m
            x, offsets = np.empty(o * ROWS), np.empty(k)
            centre, factor = np.empty((k, o)), np.empty((k, o, o))
            marginal(means, covariances, log_weights, seen[:o], centre, factor, offsets)
            for at in range(row, stop, ROWS):
                load_columns(X, at, stop, seen[:o], x)
                densities.full(x, centre, factor, offsets, joint)
                tell(joint, k, at, min(ROWS, stop - at), top, total, log_prob, labels, resp)
            row = stop
        else:
            count = gather(X, row, stop - row, m, runs, missing)
            stop = runs[count]
            join_short(
                X,
                row,
                runs[: count + 1],
                means,
                factors,
                log_dets,
                log_weights,
                deviations,
                rest,
                False,
                whitened,
                joint,
            )
            tell(joint, k, row, stop - row, top, total, log_prob, labels, resp)
            row = stop
