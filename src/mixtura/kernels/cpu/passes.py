"""One pass over a block of rows: load a tile, densities, log-sum-exp, and what is asked for."""

from __future__ import annotations

import numpy as np
from numba import njit

from mixtura.kernels.cpu import densities, moments
from mixtura.kernels.cpu.densities import FLAGS, TILE
from mixtura.kernels.cpu.tiles import TILE_ROWS as ROWS
from mixtura.kernels.cpu.vector_math import exp, log


@njit(fastmath=FLAGS, error_model="numpy")
def load(X, start, shift, x):
    """Transpose a tile of rows of ``X`` about ``shift`` into ``x``; a short tile repeats a row."""
    n, d = X.shape
    stop = min(ROWS, n - start)
    for b in range(stop):
        for i in range(d):
            x[i * ROWS + b] = np.float64(X[start + b, i]) - shift[i]
    for b in range(stop, ROWS):
        for i in range(d):
            x[i * ROWS + b] = x[i * ROWS + stop - 1]
    return stop


@njit(fastmath=FLAGS, error_model="numpy")
def log_sum_exp(joint, k, top, total):
    """Turn ``joint`` into exp(joint - top) in place; write its maximum and its sum."""
    for b in range(TILE):
        top[b] = joint[b]
        total[b] = 0.0
    for j in range(1, k):
        for b in range(TILE):
            top[b] = max(top[b], joint[np.uint64(j) * TILE + b])
    for j in range(k):
        for b in range(TILE):
            e = exp(joint[np.uint64(j) * TILE + b] - top[b])
            joint[np.uint64(j) * TILE + b] = e
            total[b] += e


def expect(
    X,
    sample_weight,
    shift,
    means,
    centres,
    full,
    tied,
    diag,
    spherical,
    offsets,
    zeroth,
    first,
    second,
):
    """Add the statistics of ``X`` (n, d) to the sums; return the log-likelihood.

    ``means`` (k, d) are about ``shift`` (d,); ``centres`` are what the density compares with
    (whitened means for the tied family, else ``means``). ``sample_weight`` (n,) may be empty.
    Of the four factors one is an array and three are None: the compiler drops their branches.
    """
    n, d = X.shape
    k = means.shape[0]
    x, whitened, weighted = np.empty(d * ROWS), np.empty(d * ROWS), np.empty(d * ROWS)
    joint, distance, origin = np.empty(k * ROWS), np.empty(k * ROWS), np.zeros((1, d))
    top, total, weight = np.empty(ROWS), np.empty(ROWS), np.ones(ROWS)
    loglik = 0.0
    for start in range(0, n, ROWS):
        stop = load(X, start, shift, x)
        if sample_weight.shape[0] > 0:
            for b in range(stop):
                weight[b] = sample_weight[start + b]
        for b in range(stop, ROWS):
            weight[b] = 0.0
        if full is not None:
            densities.full(x, centres, full, offsets, joint)
        if tied is not None:
            densities.tied(x, origin, centres, tied, offsets, whitened, joint)
        if diag is not None:
            densities.diag(x, centres, diag, offsets, joint)
        if spherical is not None:
            densities.spherical(x, centres, spherical, offsets, distance, joint)
        log_sum_exp(joint, k, top, total)
        loglik += normalise(joint, k, weight, top, total, zeroth)
        if full is not None:
            moments.full(x, means, joint, weighted, first, second)
        if tied is not None:
            moments.tied(x, means, joint, weighted, first, second)
        if diag is not None:
            moments.diag(x, means, joint, first, second)
        if spherical is not None:
            moments.spherical(x, means, joint, distance, first, second)
    if full is not None:
        mirror(second)
    if tied is not None:
        mirror(second)
    return loglik


@njit(fastmath=FLAGS, error_model="numpy")
def mirror(second):
    """Copy the lower triangles of ``second`` (k, d, d) to the upper ones."""
    for j in range(second.shape[0]):
        for i in range(second.shape[1]):
            for c in range(i):
                second[j, c, i] = second[j, i, c]


@njit(fastmath=FLAGS, error_model="numpy")
def normalise(joint, k, weight, top, total, zeroth):
    """Turn ``joint`` into weighted responsibilities, add their sums, return the log-likelihood."""
    loglik = 0.0
    for b in range(TILE):
        loglik += weight[b] * (top[b] + log(total[b]))
        total[b] = weight[b] / total[b]
    for j in range(k):
        support = 0.0
        for b in range(TILE):
            joint[np.uint64(j) * TILE + b] *= total[b]
            support += joint[np.uint64(j) * TILE + b]
        zeroth[j] += support
    return loglik


def describe(X, shift, centres, full, tied, diag, spherical, offsets, log_prob, labels, resp):
    """Write log-densities (n,), labels (n,) and responsibilities (n, k), each if not empty."""
    n, d = X.shape
    k = centres.shape[0]
    x, whitened = np.empty(d * ROWS), np.empty(d * ROWS)
    joint, distance, origin = np.empty(k * ROWS), np.empty(k * ROWS), np.zeros((1, d))
    top, total = np.empty(ROWS), np.empty(ROWS)
    for start in range(0, n, ROWS):
        stop = load(X, start, shift, x)
        if full is not None:
            densities.full(x, centres, full, offsets, joint)
        if tied is not None:
            densities.tied(x, origin, centres, tied, offsets, whitened, joint)
        if diag is not None:
            densities.diag(x, centres, diag, offsets, joint)
        if spherical is not None:
            densities.spherical(x, centres, spherical, offsets, distance, joint)
        tell(joint, k, start, stop, top, total, log_prob, labels, resp)


@njit(fastmath=FLAGS, error_model="numpy")
def tell(joint, k, start, stop, top, total, log_prob, labels, resp):
    """Write what is asked for of the first ``stop`` rows of a tile, the rows from ``start``."""
    if labels.shape[0] > 0:
        label(joint, k, start, stop, top, total, labels)
    if log_prob.shape[0] > 0 or resp.shape[0] > 0:
        log_sum_exp(joint, k, top, total)
    if log_prob.shape[0] > 0:
        for b in range(TILE):
            top[b] += log(total[b])
        for b in range(stop):
            log_prob[start + b] = top[b]
    if resp.shape[0] > 0:
        for b in range(TILE):
            total[b] = 1.0 / total[b]
        for b in range(stop):
            for j in range(k):
                resp[start + b, j] = joint[np.uint64(j) * TILE + np.uint64(b)] * total[b]


@njit(fastmath=FLAGS, error_model="numpy")
def label(joint, k, start, stop, top, best, labels):
    """Write the number of the largest of ``joint`` per row; the first of equals."""
    for b in range(TILE):
        top[b] = joint[b]
        best[b] = 0.0
    for j in range(1, k):
        number = float(j)
        for b in range(TILE):
            better = joint[np.uint64(j) * TILE + b] > top[b]
            best[b] = number if better else best[b]
            top[b] = joint[np.uint64(j) * TILE + b] if better else top[b]
    for b in range(stop):
        labels[start + b] = int(best[b])
