"""Groups by merging: a start for EM at every number of groups (docs/guide, equations 48 to 51).

Model-based hierarchical clustering, Banfield & Raftery (1993), doi:10.2307/2532201. Time and memory
are those of all pairs of rows: it is meant for a sample of at most a few thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mixtura._errors import InputError
from mixtura.model.families.base import FloatArray

IntArray = NDArray[np.intp]

CRITERIA = ("VVV", "ridge", "EII")
EPSILON = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)
#: A determinant whose logarithm is this far below that of what it is added to is lost in rounding.
NEGLIGIBLE = 40.0


@dataclass(frozen=True, eq=False)
class Tree:
    """The merges that lead from every row by itself to all rows in one group.

    Attributes
    ----------
    merges : ndarray (n - 1, 2)
        The first rows of the two groups that each merge joins, the earlier one first.
    """

    merges: IntArray

    def labels(self, k: int) -> IntArray:
        """Return each row's group (n,) when ``k`` are left, numbered by their first rows."""
        n = len(self.merges) + 1
        if not 1 <= k <= n:
            raise InputError(f"k={k} groups cannot be made of {n} rows: ask for 1 to {n}.")
        first = np.arange(n)
        # Backwards, so that the first row of the group joined to is final.
        for kept, joined in self.merges[: n - k][::-1].tolist():
            first[joined] = first[kept]
        return np.unique(first, return_inverse=True)[1]


def tree_of(rows: FloatArray, weights: FloatArray | None = None, criterion: str = "VVV") -> Tree:
    """Return the tree of the merges that each raise a criterion least (docs/guide, equation 48).

    ``rows`` (n, d) are finite, ``weights`` (n,) positive; equal rows are joined before any others.
    Criteria are the classification likelihoods of Gaussians of any shape, "VVV" with the correction
    of Fraley (1998), doi:10.1137/S1064827596311451 (equation 49) and "ridge" with the columns' mean
    variance added to every scatter (equation 50), and of equal spheres, "EII": Ward's criterion
    (equation 51).
    """
    if criterion not in CRITERIA:
        raise InputError(f"criterion={criterion!r} is not one of {', '.join(CRITERIA)}.")
    n = len(rows)
    weights = np.ones(n) if weights is None else weights
    if not weights.min() > 0.0:
        raise InputError(
            f"weights[{weights.argmin()}] is {weights.min()}, not above 0: leave such rows out."
        )
    _, first, equal = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    first = first[equal]
    (distinct,) = np.nonzero(first == np.arange(n))
    (repeated,) = np.nonzero(first != np.arange(n))
    total = np.zeros(n)
    np.add.at(total, first, weights)
    merges = distinct[merged(Groups(rows[distinct], total[distinct], criterion))]
    return Tree(np.concatenate([np.stack([first[repeated], repeated], axis=1), merges]))


def scaled(rows: FloatArray) -> FloatArray:
    """Return rows in which distances between groups weigh more than those within.

    Columns are standardised, rotated to their principal axes and divided by the square roots of
    the singular values: Scrucca & Raftery (2015), doi:10.1007/s11634-015-0220-z. Directions
    without variation are left out; there is one column of zeros where there are no others.
    """
    centred = rows - rows[0]  # exactly 0 in columns that do not vary
    centred = centred[:, centred.any(axis=0)]
    if centred.shape[1] == 0:
        return np.zeros((len(rows), 1))
    centred /= np.abs(centred).max(axis=0)  # squares of the largest numbers would overflow
    centred -= centred.mean(axis=0)
    centred /= centred.std(axis=0, ddof=1)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > lengths[0] * max(centred.shape) * EPSILON
    # Each distinct row once: a product of matrices may round equal rows differently.
    distinct, equal = np.unique(centred, axis=0, return_inverse=True)
    return (distinct @ (axes[kept].T / np.sqrt(lengths[kept])))[equal]


class Groups:
    """The groups that are left, in the slots 0 to ``n`` - 1 of every array, and their terms.

    Attributes
    ----------
    first, weights, traces, terms : ndarray (n,)
        Of each group, its first row, weight, trace of its scatter and term in the criterion.
    members : ndarray (n,)
        How many distinct rows each has: a scatter is singular if they are not above d.
    means, scatters : ndarray (d, n), ndarray (d, d, n)
        Groups come last, so that every sum over them runs through memory.
    """

    def __init__(self, rows: FloatArray, weights: FloatArray, criterion: str) -> None:
        self.n, d = rows.shape
        self.criterion = criterion
        self.first, self.members = np.arange(self.n), np.ones(self.n)
        self.weights, self.traces = weights.copy(), np.zeros(self.n)
        centred = rows - weights @ rows / weights.sum()
        self.means: FloatArray = np.ascontiguousarray(centred.T)
        # In one column the trace is all that there is to a scatter.
        self.has_scatters = d > 1 and criterion != "EII"
        self.scatters = np.zeros((d, d, self.n if self.has_scatters else 0))
        variance = weights @ np.square(centred).sum(axis=1) / (weights.sum() * d)
        self.correction = max(float(variance), TINY)
        self.terms = self.thin_terms(self.weights, self.traces)

    def thin_terms(self, weights: FloatArray, traces: FloatArray) -> FloatArray:
        """Return the terms of groups of one or two distinct rows, whose scatters have rank 1."""
        if self.criterion == "EII":
            return traces.copy()
        logs = np.log((traces + self.correction) / weights)
        if self.criterion == "ridge":
            logs += (len(self.means) - 1) * np.log(self.correction / weights)
        return weights * logs

    def pairs(self) -> FloatArray:
        """Return what joining any two rows costs (n, n), infinite for a row and itself."""
        weights = self.weights[:, None] + self.weights
        traces = cdist(self.means.T, self.means.T, "sqeuclidean")
        traces *= self.weights[:, None] * self.weights / weights
        costs = self.thin_terms(weights, traces) - self.terms[:, None] - self.terms
        np.fill_diagonal(costs, np.inf)
        return costs

    def costs(self, slot: int) -> FloatArray:
        """Return what joining the group in a slot to each costs (n,), infinite for itself."""
        own = self.weights[: self.n]
        weights = own + self.weights[slot]
        apart = self.means[:, : self.n] - self.means[:, slot, None]
        pulled = apart * (own * (self.weights[slot] / weights))
        traces = np.einsum("in,in->n", pulled, apart)
        traces += self.traces[: self.n] + self.traces[slot]
        if self.has_scatters:
            terms = weights * self.log_sizes(slot, weights, traces, apart, pulled)
        else:
            terms = self.thin_terms(weights, traces)
        terms -= self.terms[: self.n] + self.terms[slot]
        terms[slot] = np.inf
        return terms

    def log_sizes(
        self,
        slot: int,
        weights: FloatArray,
        traces: FloatArray,
        apart: FloatArray,
        pulled: FloatArray,
    ) -> FloatArray:
        """Return the terms over the weights (n,) of a group joined to each (equations 49, 50)."""
        d = len(apart)
        logs = np.log((traces + self.correction) / weights)
        which: slice | IntArray = slice(self.n)
        if self.criterion == "VVV":
            # A determinant is at most the power d of the mean of the eigenvalues.
            matters = d * np.log((traces + TINY) / (d * weights)) > logs - NEGLIGIBLE
            matters &= self.members[: self.n] + self.members[slot] > d
            if not matters.all():
                which = np.nonzero(matters)[0]
                if len(which) == 0:
                    return logs
        scatters = pulled[:, None, which] * apart[:, which]
        scatters += self.scatters[:, :, which]
        scatters += self.scatters[:, :, slot, None]
        if self.criterion == "ridge":
            np.einsum("iin->in", scatters)[...] += self.correction
            return log_determinants(scatters) - d * np.log(weights)
        determinants = log_determinants(scatters) - d * np.log(weights[which])
        logs[which] = np.logaddexp(logs[which], determinants)
        return logs

    def join(self, a: int, b: int, cost: float) -> None:
        """Join the group in slot ``b`` to that in ``a``, and let the last one take its place."""
        apart = self.means[:, b] - self.means[:, a]
        weight = self.weights[a] + self.weights[b]
        pulled = apart * (self.weights[a] * self.weights[b] / weight)
        if self.has_scatters:
            self.scatters[:, :, a] += self.scatters[:, :, b] + np.outer(pulled, apart)
        self.traces[a] += self.traces[b] + pulled @ apart
        self.means[:, a] += apart * (self.weights[b] / weight)
        self.weights[a] = weight
        self.members[a] += self.members[b]
        self.terms[a] += self.terms[b] + cost
        self.first[a] = min(self.first[a], self.first[b])
        self.n -= 1
        for values in (self.first, self.members, self.weights, self.traces, self.terms):
            values[b] = values[self.n]
        self.means[:, b] = self.means[:, self.n]
        if self.has_scatters:
            self.scatters[:, :, b] = self.scatters[:, :, self.n]


def log_determinants(matrices: FloatArray) -> FloatArray:
    """Return the log-determinants (n,) of positive semi-definite matrices (d, d, n), overwritten.

    Elimination, all matrices at once. Pivots lost in rounding count as the rounding.
    """
    diagonal = np.einsum("iin->in", matrices)
    floors = EPSILON * diagonal + TINY
    for i, floor in enumerate(floors):
        pivots = np.maximum(diagonal[i], floor, out=diagonal[i])
        row = matrices[i, i + 1 :]
        matrices[i + 1 :, i + 1 :] -= (row / pivots)[:, None] * row
    return np.log(diagonal).sum(axis=0)


def merged(groups: Groups) -> IntArray:
    """Return the merges (n - 1, 2) that each cost least, by the groups' first rows.

    Every slot keeps the nearest other, so that a merge looks at the rows of ``costs`` of those
    alone whose nearest has changed.
    """
    merges = np.empty((groups.n - 1, 2), dtype=np.intp)
    costs = groups.pairs()
    nearest, least = costs.argmin(axis=1), costs.min(axis=1)
    for merge in merges:
        n = groups.n - 1
        closest = int(least[: n + 1].argmin())
        a, b = sorted((closest, int(nearest[closest])))
        merge[:] = sorted((groups.first[a], groups.first[b]))
        groups.join(a, b, costs[a, b])
        nearest[a] = a
        nearest[nearest == b] = a
        nearest[nearest == n] = b
        nearest[b], least[b] = nearest[n], least[n]
        costs[b, :n] = costs[n, :n]
        costs[:n, b] = costs[:n, n]
        costs[b, b] = np.inf
        row = groups.costs(a)
        costs[a, :n] = costs[:n, a] = row
        nearer = row < least[:n]
        least[:n][nearer], nearest[:n][nearer] = row[nearer], a
        (stale,) = np.nonzero((nearest[:n] == a) & ~nearer)
        nearest[stale] = costs[stale, :n].argmin(axis=1)
        least[stale] = costs[stale, nearest[stale]]
    return merges
