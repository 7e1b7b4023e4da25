"""One pass over rows with missing cells, columns correlated (docs/guide, equations 22 to 24).

Consecutive rows that miss the same columns are a *run*. Long runs are ``lifted``; rows of short
ones share a tile, in which they are ``completed``. ``covariances``, ``factors`` and ``log_dets``
are one or one a component.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import densities, moments
from mixtura.kernels.cpu.completed import join_short, lost_columns
from mixtura.kernels.cpu.densities import FLAGS
from mixtura.kernels.cpu.lifted import expect_run, load_columns, marginal, weigh_rows
from mixtura.kernels.cpu.passes import log_sum_exp, mirror, normalise, tell
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from mixtura.kernels.patterns import FEW, LONG
from mixtura.model.density import LOWEST

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
def separated(missing, seen, lost):
    """Write the numbers of observed and of missing columns."""
    m = 0
    for i in range(len(missing)):
        if missing[i]:
            lost[m] = i
            m += 1
        else:
            seen[i - m] = i


@njit(error_model="numpy")
def is_alone(length, m, d):
    """Return whether a run is too long, or misses too much, to share a tile."""
    return length >= LONG or m * FEW > d or m * (m + 1) // 2 > ARENA


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
        if held > ARENA or is_alone(stop - runs[count], m, d):
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
    precisions,
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
        if is_alone(stop - row, m, d):
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
            precisions,
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
    X, means, covariances, factors, precisions, log_dets, log_weights, log_prob, labels, resp
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
        elif is_alone(stop - row, m, d):
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
                precisions,
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
