"""Many mixtures of one small table side by side: one E-step for all, one M-step a structure.

At a few hundred rows what an iteration costs is calls, not arithmetic. Densities are quadratic in a
row, so that those of all components are one matrix product of coefficients and the rows' monomials,
and so are the sufficient statistics. About the table's mean and in its own unit that keeps digits
enough to compare models; what is reported of the best of them comes from the exact kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.families import family_named, spectra
from mixtura.model.families.base import FloatArray
from mixtura.model.families.structured import matrices_of
from mixtura.model.floor import RELATIVE_FLOOR, CovarianceFloor

Integers = NDArray[np.intp]

#: Alternations in an M-step that is gone on with in the next one.
SWEEPS = 2
#: Structures with axes of each component's own, those by the rule for variances along axes, and
#: those with an M-step of their own.
TURNED = ("EEV", "VEV")
RULED = {
    spectra.common: ("EII", "EEI", "EEV"),
    spectra.free: ("VII", "VVI"),
    spectra.common_shape: ("VEI", "VEV"),
    spectra.common_volume: ("EVI",),
}
APART = ("EEE", "VEE", "EVE", "VVE", "EVV")
#: Updates from one attempt to lead the statistics on to the next, and the rates between.
PERIOD = 5
QUICKEST, SLOWEST = 0.5, 0.98
#: Part of a component's rows that it may lose in such a step.
LOST = 0.5
#: Part of a column's variance that may be left of it, given the others, within a component.
FLAT = 1e-7


@dataclass(frozen=True, eq=False)
class Monomials:
    """Rows as they enter densities.

    Attributes
    ----------
    values : ndarray (n, 1 + d + d (d + 1) / 2)
        1, the columns, and the products of two of them with the first at most the second.
    weights : ndarray (n,)
        Weights of the rows.
    spread : ndarray (d,)
        The columns' variances.
    lift : ndarray (d, d)
        What is added to the covariances of components where the table is flat.
    whitener : ndarray (d, m) or None
        The directions in which the table varies, if there are others.
    """

    values: FloatArray
    weights: FloatArray
    spread: FloatArray
    lift: FloatArray
    whitener: FloatArray | None

    @property
    def d(self) -> int:
        """Number of columns."""
        return len(self.spread)

    @classmethod
    def of(cls, rows: FloatArray, weights: FloatArray, location: Any = 0.0) -> Monomials:
        """Return the monomials of rows (n, d) about a ``location`` that was taken off them."""
        n, d = rows.shape
        first, second = np.triu_indices(d)
        products = rows[:, first] * rows[:, second]
        values = np.hstack([np.ones((n, 1)), rows, products])
        table = (rows * weights[:, None]).T @ rows / weights.sum()
        floor = CovarianceFloor.relative_to(table, np.broadcast_to(location, d))
        spread, m = np.diag(table).copy(), floor.whitener.shape[1]
        if m == d or 1 < len(np.unique(rows, axis=0)) <= m + 1:  # or too few rows to tell
            return cls(values, weights, spread, np.zeros((d, d)), None)
        lift = family_named("full").floored(table[None], floor)[0] - table
        return cls(values, weights, spread, lift, floor.whitener)


@dataclass(frozen=True, eq=False)
class Places:
    """Components of some mixtures of a batch, and an array with a row for each mixture.

    Attributes
    ----------
    at : ndarray (c,)
        Their numbers.
    taken : ndarray of bool (m, k)
        Where they are in the array; the rest is 0.
    """

    at: Integers
    taken: NDArray[np.bool_]

    def padded(self, values: FloatArray) -> FloatArray:
        """Return values of all components as an array (m, k, ...) of these."""
        whole = np.zeros(self.taken.shape + values.shape[1:])
        whole[self.taken] = values[self.at]
        return whole


@dataclass(frozen=True, eq=False)
class Priors:
    """Rows that the means and covariances of mixtures are worth beforehand.

    Attributes
    ----------
    location : ndarray (d,)
        Mode of every mean.
    mean_rows : float
        Rows that it weighs.
    rows, scatter : ndarray (m,) and (m, d, d)
        What is added to the weight and scatter of each component of a mixture.
    """

    location: FloatArray
    mean_rows: float
    rows: FloatArray
    scatter: FloatArray

    def subset(self, numbers: Integers) -> Priors:
        """Return those of some mixtures."""
        return replace(self, rows=self.rows[numbers], scatter=self.scatter[numbers])

    def added(self, sums: Sums) -> Sums:
        """Return statistics with those of the rows that the means' prior stands for."""
        n, at = self.mean_rows, self.location
        second = sums.second + n * at[:, None] * at
        return Sums(sums.loglik, sums.zeroth + n, sums.first + n * at, second)

    def log_densities(
        self, batch: Batch, precisions: FloatArray, log_dets: FloatArray
    ) -> FloatArray:
        """Return the logarithms of the prior densities (m,) over their largest."""
        layout, d = batch.layout, len(self.location)
        own = np.linalg.slogdet(self.scatter / self.rows[:, None, None])[1] + d
        rows, scatter, own = (
            np.repeat(a, layout.counts, 0) for a in (self.rows, self.scatter, own)
        )
        apart = batch.means - self.location
        distances = ((precisions @ apart[:, :, None])[:, :, 0] * apart).sum(axis=1)
        each = rows * (own - log_dets) - (precisions * scatter).sum(axis=(1, 2))
        return 0.5 * np.add.reduceat(each - self.mean_rows * distances, layout.offsets)


@dataclass(frozen=True, eq=False)
class Layout:
    """Which mixtures there are, one after the other.

    Attributes
    ----------
    names : tuple of str
        The structure of each, in mclust's letters.
    counts : ndarray (m,)
        Their numbers of components.
    priors : Priors or None
        Of their parameters; the logarithms of the densities count as part of the likelihoods.
    """

    names: tuple[str, ...]
    counts: Integers
    priors: Priors | None = None

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def offsets(self) -> Integers:
        """Where each mixture's components begin (m,)."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """Numbers of the mixtures of each structure."""
        found: dict[str, list[int]] = {}
        for number, name in enumerate(self.names):
            found.setdefault(name, []).append(number)
        return found

    @cached_property
    def known(self) -> dict[tuple[str, ...], Places]:
        """Places that have been asked for."""
        return {}

    def part(self, number: int) -> slice:
        """Return where the components of one mixture are."""
        return slice(self.offsets[number], self.offsets[number] + self.counts[number])

    def components(self, numbers: Sequence[int] | Integers) -> Integers:
        """Return where the components of some mixtures are, one mixture after the other."""
        which = np.asarray(numbers, dtype=np.intp)
        counts = self.counts[which]
        begins = np.cumsum(counts) - counts
        return np.repeat(self.offsets[which] - begins, counts) + np.arange(counts.sum())

    def places(self, *names: str) -> Places:
        """Return where the components of some structures are."""
        if names not in self.known:
            models = sorted(i for name in names for i in self.members.get(name, ()))
            counts = self.counts[models]
            taken = np.arange(counts.max(initial=0)) < counts[:, None]
            self.known[names] = Places(self.components(models), taken)
        return self.known[names]

    def subset(self, numbers: Sequence[int] | Integers) -> Layout:
        """Return some of the mixtures."""
        which = np.asarray(numbers, dtype=np.intp)
        priors = None if self.priors is None else self.priors.subset(which)
        return Layout(tuple(self.names[i] for i in which), self.counts[which], priors)


@dataclass(frozen=True, eq=False)
class Batch:
    """Mixtures side by side.

    Attributes
    ----------
    layout : Layout
        Which they are.
    weights, means, covariances : ndarray (c,), (c, d) and (c, d, d)
        Of all components.
    """

    layout: Layout
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    def subset(self, numbers: Sequence[int] | Integers) -> Batch:
        """Return some of the mixtures."""
        at = self.layout.components(numbers)
        arrays = (self.weights[at], self.means[at], self.covariances[at])
        return Batch(self.layout.subset(numbers), *arrays)

    def replaced(
        self, numbers: Sequence[int] | Integers, other: Batch, others: Sequence[int] | Integers
    ) -> Batch:
        """Return the mixtures with some of another batch in the place of some."""
        at, here = self.layout.components(numbers), other.layout.components(others)
        arrays = (self.weights.copy(), self.means.copy(), self.covariances.copy())
        for array, new in zip(arrays, (other.weights, other.means, other.covariances), strict=True):
            array[at] = new[here]
        return Batch(self.layout, *arrays)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sufficient statistics of all components, about the table's mean.

    Attributes
    ----------
    loglik : ndarray (m,)
        Log-likelihood of each mixture.
    zeroth, first, second : ndarray (c,), (c, d) and (c, d, d)
        Raw moments.
    """

    loglik: FloatArray
    zeroth: FloatArray
    first: FloatArray
    second: FloatArray

    def subset(self, layout: Layout, numbers: Sequence[int] | Integers) -> Sums:
        """Return the statistics of some mixtures."""
        at = layout.components(numbers)
        return Sums(self.loglik[numbers], self.zeroth[at], self.first[at], self.second[at])

    def replaced(self, layout: Layout, other: Sums, numbers: Integers) -> Sums:
        """Return the statistics with those of some mixtures from elsewhere."""
        at = layout.components(numbers)
        arrays = [self.loglik.copy(), self.zeroth.copy(), self.first.copy(), self.second.copy()]
        arrays[0][numbers] = other.loglik[numbers]
        for array, new in zip(arrays[1:], (other.zeroth, other.first, other.second), strict=True):
            array[at] = new[at]
        return Sums(*arrays)


def expect(rows: Monomials, batch: Batch) -> tuple[Sums, FloatArray]:
    """Return the statistics of all mixtures, and their responsibilities (c, n)."""
    parts, flat, prior = coefficients(batch, rows)
    joint = parts @ rows.values.T
    top = np.maximum.reduceat(joint, batch.layout.offsets, axis=0)
    joint -= np.repeat(top, batch.layout.counts, axis=0)
    resp = np.exp(joint, out=joint)
    total = np.add.reduceat(resp, batch.layout.offsets, axis=0)
    loglik = (top + np.log(total)) @ rows.weights + prior
    loglik[np.logical_or.reduceat(flat, batch.layout.offsets)] = -np.inf
    resp *= np.repeat(rows.weights / total, batch.layout.counts, axis=0)
    return moments(rows, resp, loglik), resp


def moments(rows: Monomials, resp: FloatArray, loglik: FloatArray) -> Sums:
    """Return the statistics under weighted responsibilities (c, n)."""
    d = rows.d
    raw = resp @ rows.values
    second = np.empty((len(raw), d, d))
    upper = np.triu_indices(d)
    second[:, upper[0], upper[1]] = raw[:, 1 + d :]
    second[:, upper[1], upper[0]] = raw[:, 1 + d :]
    if rows.whitener is not None:
        second += raw[:, :1, None] * rows.lift
    return Sums(loglik, raw[:, 0], raw[:, 1 : 1 + d], second)


def coefficients(
    batch: Batch, rows: Monomials
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray | float]:
    """Return the coefficients (c, 1 + d + d (d + 1) / 2) of log-joint densities.

    Also which components (c,) are flat in a direction in which the table is not, and the
    logarithms of the prior densities (m,).
    """
    d = rows.d
    sign, log_dets = np.linalg.slogdet(batch.covariances)
    flat = ~((sign > 0) & np.isfinite(log_dets))
    covariances = np.where(flat[:, None, None], np.eye(d), batch.covariances)
    precisions = np.linalg.inv(covariances)
    # One over a precision's diagonal is what varies of a column given the others.
    diagonal = np.diagonal(precisions, axis1=1, axis2=2)
    if rows.whitener is None:
        flat |= ~(diagonal * rows.spread < 1.0 / FLAT).all(axis=1)
    elif rows.whitener.shape[1] > 0:
        inner = rows.whitener.T @ covariances @ rows.whitener
        flat |= np.linalg.eigvalsh(inner)[:, 0] < FLAT / RELATIVE_FLOOR
    precisions[flat], log_dets[flat] = np.eye(d), 0.0
    linear = (precisions @ batch.means[:, :, None])[:, :, 0]
    squared = (linear * batch.means).sum(axis=1)
    with np.errstate(divide="ignore"):  # a component without weight
        constant = np.log(batch.weights) - 0.5 * (d * np.log(2 * np.pi) + log_dets + squared)
    first, second = np.triu_indices(d)
    products = precisions[:, first, second] * np.where(first == second, -0.5, -1.0)
    priors = batch.layout.priors
    prior = 0.0 if priors is None else priors.log_densities(batch, precisions, log_dets)
    return np.hstack([constant[:, None], linear, products]), flat, prior


def maximise(batch: Batch, sums: Sums, blank: bool = False) -> Batch:
    """Return the mixtures of maximum likelihood, gone on to from their covariances or ``blank``."""
    weight, layout = sums.zeroth, batch.layout
    with_means = sums if layout.priors is None else layout.priors.added(sums)
    support = np.where(with_means.zeroth > 0, with_means.zeroth, 1.0)
    means = with_means.first / support[:, None]
    scatter = with_means.second - with_means.first[:, :, None] * means[:, None, :]
    if layout.priors is not None:
        weight = weight + np.repeat(layout.priors.rows, layout.counts)
        scatter += np.repeat(layout.priors.scatter, layout.counts, axis=0)
    totals = np.add.reduceat(sums.zeroth, batch.layout.offsets)
    weights = sums.zeroth / np.repeat(totals, batch.layout.counts)
    start = None if blank else batch.covariances
    covariances = covariances_of(batch, scatter, weight, start)
    return Batch(batch.layout, weights, means, covariances)


def covariances_of(
    batch: Batch, scatter: FloatArray, weight: FloatArray, start: FloatArray | None
) -> FloatArray:
    """Return covariances of maximum likelihood (c, d, d), with few calls for all structures.

    Structures with the same rule for variances along axes are done together, whatever the axes.
    """
    d = scatter.shape[-1]
    spread = np.diagonal(scatter, axis1=1, axis2=2).copy()
    axes, turned = np.broadcast_to(np.eye(d), scatter.shape).copy(), batch.layout.places(*TURNED).at
    values, axes[turned] = np.linalg.eigh(scatter[turned])
    spread[turned] = np.maximum(values, 0.0)
    round_ = batch.layout.places("EII", "VII").at
    spread[round_] = spread[round_].mean(axis=1, keepdims=True)
    before = None if start is None else np.diagonal(start, axis1=1, axis2=2).copy()
    if start is not None and before is not None:
        before[turned] = np.linalg.eigvalsh(start[turned])
    covariances = np.empty_like(scatter)
    for rule, names in RULED.items():
        places = batch.layout.places(*names)
        if len(places.at) > 0:
            along = np.repeat(places.padded(weight)[..., None], d, axis=-1)
            given = None if before is None else places.padded(before)
            variances = rule(places.padded(spread), along, given, SWEEPS)[places.taken]
            covariances[places.at] = times(axes[places.at], variances)
    for name in APART:
        places = batch.layout.places(name)
        if len(places.at) > 0:
            given = None if start is None else places.padded(start)
            arrays = (places.padded(scatter), places.padded(weight), given)
            found = matrices_of(name, *arrays, sweeps=SWEEPS)
            covariances[places.at] = found[places.taken]
    free = batch.layout.places("VVV").at
    covariances[free] = scatter[free] / np.where(weight > 0, weight, 1.0)[free, None, None]
    return covariances


def times(axes: FloatArray, variances: FloatArray) -> FloatArray:
    """Return the matrices (c, d, d) with variances along axes."""
    return (axes * variances[:, None, :]) @ axes.transpose(0, 2, 1)


@dataclass(frozen=True, eq=False)
class Climbed:
    """Where EM has taken mixtures.

    Attributes
    ----------
    batch : Batch
        The mixtures.
    loglik : ndarray (m,)
        Their log-likelihoods; minus infinity where a component has collapsed.
    to_come : ndarray (m,)
        Aitken's estimates of what further updates would gain.
    """

    batch: Batch
    loglik: FloatArray
    to_come: FloatArray

    def subset(self, numbers: Sequence[int] | Integers) -> Climbed:
        """Return some of the mixtures."""
        return Climbed(self.batch.subset(numbers), self.loglik[numbers], self.to_come[numbers])

    def replaced(self, numbers: Integers, other: Climbed, others: Integers) -> Climbed:
        """Return the mixtures with some from elsewhere in the place of some."""
        loglik, to_come = self.loglik.copy(), self.to_come.copy()
        loglik[numbers], to_come[numbers] = other.loglik[others], other.to_come[others]
        return Climbed(self.batch.replaced(numbers, other.batch, others), loglik, to_come)


def climb(rows: Monomials, batch: Batch, n_updates: int, goal: float) -> Climbed:
    """Update mixtures until what is still to come for each of them is below a goal.

    Every few updates the statistics are led on along the line of the last two, for the models whose
    likelihood gains from it.
    """
    m, reached = len(batch.layout), batch
    loglik, gain, to_come = np.full(m, -np.inf), np.full(m, np.inf), np.full(m, np.inf)
    numbers, current, sums = np.arange(m), batch, None
    for update in range(n_updates + 1):
        before = sums
        sums, _ = expect(rows, current)
        with np.errstate(invalid="ignore"):  # of components that have collapsed
            new = sums.loglik - loglik[numbers]
        to_come[numbers] = coming(new, gain[numbers])
        gain[numbers], loglik[numbers] = new, sums.loglik
        ended = ~(to_come[numbers] > goal) | ~np.isfinite(sums.loglik) | (update == n_updates)
        if ended.any():
            old, left = np.flatnonzero(ended), np.flatnonzero(~ended)
            reached = reached.replaced(numbers[old], current, old)
            if len(left) == 0:
                break
            layout = current.layout
            before = None if before is None else before.subset(layout, left)
            numbers, sums, current = numbers[left], sums.subset(layout, left), current.subset(left)
        if update % PERIOD == PERIOD - 1 and before is not None:
            current, sums = leapt(rows, current, sums, before, to_come[numbers] / gain[numbers])
            loglik[numbers], gain[numbers] = sums.loglik, np.inf
        current = maximise(current, sums)
    return Climbed(reached, loglik, to_come)


def leapt(
    rows: Monomials, batch: Batch, sums: Sums, before: Sums, odds: FloatArray
) -> tuple[Batch, Sums]:
    """Return the mixtures beyond the last update where they are more likely, with their sums.

    ``odds`` (m,) are what is to come over what the last update gained: with gains that shrink by
    q, q / (1 - q); distances shrink by its root.
    """
    odds = np.where(np.isfinite(odds), odds, 0.0)  # no leap while gains do not shrink
    rate = np.sqrt(odds / (1.0 + odds))
    rate = np.where(rate > QUICKEST, np.minimum(rate, SLOWEST), 0.0)
    factor = rate / (1.0 - rate)
    loss = np.maximum(before.zeroth - sums.zeroth, np.finfo(np.float64).tiny * (1.0 + sums.zeroth))
    most = np.minimum.reduceat(LOST * sums.zeroth / loss, batch.layout.offsets)
    each = np.repeat(np.minimum(factor, most), batch.layout.counts)

    def beyond(new: FloatArray, old: FloatArray) -> FloatArray:
        return new + each.reshape(-1, *[1] * (new.ndim - 1)) * (new - old)

    pairs = ((sums.zeroth, before.zeroth), (sums.first, before.first), (sums.second, before.second))
    with np.errstate(all="ignore"):  # of statistics that no rows have
        there = maximise(batch, Sums(sums.loglik, *(beyond(new, old) for new, old in pairs)))
        reached, _ = expect(rows, there)
    better = definite(there, np.flatnonzero(reached.loglik > sums.loglik))
    return batch.replaced(better, there, better), sums.replaced(batch.layout, reached, better)


def definite(batch: Batch, numbers: Integers) -> Integers:
    """Return which of some mixtures have covariances with positive eigenvalues only."""
    if len(numbers) == 0:
        return numbers
    layout = batch.layout.subset(numbers)
    least = np.linalg.eigvalsh(batch.covariances[batch.layout.components(numbers)])[:, 0]
    return numbers[np.minimum.reduceat(least, layout.offsets) > 0.0]


def coming(gain: FloatArray, before: FloatArray) -> FloatArray:
    """Return the gain still to come after two in a row, which are taken for a geometric series."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(np.isfinite(before), gain / before, np.inf)
        estimate = np.where(ratio < 1.0, gain * ratio / (1.0 - ratio), np.inf)
    return np.where(gain > 0, estimate, 0.0)
