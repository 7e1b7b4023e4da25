"""One mixture for each of many tables side by side, as the bootstrap fits them.

All mixtures have the same structure and number of components, and all tables as many rows and
columns, so that parameters are arrays with a leading axis for the tables. As in ``batch``,
densities are quadratic in a row and the statistics are sums over rows' monomials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.algorithms import batch
from mixtura.algorithms.batch import (
    LOST,
    PERIOD,
    QUICKEST,
    SLOWEST,
    SWEEPS,
    Batch,
    Integers,
    Layout,
    Monomials,
    coming,
)
from mixtura.model.families.base import FloatArray
from mixtura.model.families.structured import matrices_of

#: Rounds of updates that a fit gets at most, and the gain still to come at its end, in nats.
LONGEST, GOAL = 200, 1e-3
#: Standard deviations from the mean of a component at which it is cut, at most.
WIDEST = 1.5
#: Cuts anywhere, in addition to those across the longest axes.
ANYWHERE = 16
#: Rounds of updates that all starts get; how many starts go on from there, for how many rounds.
FIRST = 2
RUNS = ((9, 3), (4, 8), (2, LONGEST))
#: Numbers in the arrays of tables that are done at a time.
CHUNK = 500_000


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables side by side, or one table under different weights.

    Attributes
    ----------
    values : ndarray (m, n, q) or (1, n, q)
        The monomials of the rows.
    weights : ndarray (m, n)
        Weights of the rows.
    spread : ndarray (d,)
        The variances of the columns, about 0.
    """

    values: FloatArray
    weights: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, weights: FloatArray, spread: FloatArray) -> Tables:
        """Return tables of rows (m, n, d) or (1, n, d)."""
        m, n, d = rows.shape
        first, second = np.triu_indices(d)
        values = np.empty((m, n, 1 + d + len(first)))
        values[..., 0], values[..., 1 : 1 + d] = 1.0, rows
        np.multiply(rows[..., first], rows[..., second], out=values[..., 1 + d :])
        return cls(values, weights, spread)

    @property
    def rows(self) -> FloatArray:
        """The columns (m, n, d) or (1, n, d)."""
        return self.values[..., 1 : 1 + len(self.spread)]

    def subset(self, numbers: Integers) -> Tables:
        """Return some of the tables, in their order."""
        if len(numbers) == len(self.weights):
            return self
        values = self.values if len(self.values) == 1 else self.values[numbers]
        return Tables(values, self.weights[numbers], self.spread)


@dataclass(frozen=True, eq=False)
class Stack:
    """Mixtures of one structure and number of components, one for each table.

    Attributes
    ----------
    weights, means, covariances : ndarray (m, k), (m, k, d) and (m, k, d, d)
        Their parameters.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def repeated(
        cls, m: int, weights: FloatArray, means: FloatArray, covariances: FloatArray
    ) -> Stack:
        """Return one mixture ``m`` times; covariances are (k, d, d)."""
        arrays = (np.repeat(array[None], m, axis=0) for array in (weights, means, covariances))
        return cls(*arrays)

    def subset(self, numbers: Integers) -> Stack:
        """Return some of the mixtures."""
        return Stack(self.weights[numbers], self.means[numbers], self.covariances[numbers])

    def put(self, numbers: Integers, others: Stack) -> None:
        """Write other mixtures over some of these."""
        self.weights[numbers] = others.weights
        self.means[numbers] = others.means
        self.covariances[numbers] = others.covariances


@dataclass(frozen=True, eq=False)
class Climbed:
    """Where EM has taken mixtures.

    Attributes
    ----------
    models : Stack
        The mixtures.
    loglik : ndarray (m,)
        Their log-likelihoods; minus infinity where a component has collapsed.
    """

    models: Stack
    loglik: FloatArray

    def put(self, numbers: Integers, others: Climbed) -> None:
        """Write other mixtures over some of these."""
        self.models.put(numbers, others.models)
        self.loglik[numbers] = others.loglik

    def subset(self, numbers: Integers) -> Climbed:
        """Return some of the mixtures."""
        return Climbed(self.models.subset(numbers), self.loglik[numbers])

    @classmethod
    def best(cls, tried: list[Climbed], n: int) -> list[Climbed]:
        """Return the ``n`` best mixtures of each table among several stacks, the best first."""
        logliks = np.stack([each.loglik for each in tried])
        order = np.argsort(-logliks, axis=0, kind="stable")[:n]
        every = np.arange(logliks.shape[1])
        chosen = []
        for ranked in order:
            best = Climbed(tried[0].models.subset(every), logliks[ranked, every])
            for number, each in enumerate(tried):
                here = np.flatnonzero(ranked == number)
                best.models.put(here, each.models.subset(here))
            chosen.append(best)
        return chosen


def responsibilities(tables: Tables, models: Stack) -> tuple[FloatArray, FloatArray]:
    """Return responsibilities (m, k, n) and log-likelihoods (m,)."""
    quadratic, flat = coefficients(models, tables.spread)
    joint = quadratic @ tables.values.transpose(0, 2, 1)
    top = joint.max(axis=1, keepdims=True)
    joint -= top
    resp = np.exp(joint, out=joint)
    total = resp.sum(axis=1, keepdims=True)
    resp /= total
    loglik = np.vecdot((top + np.log(total))[:, 0], tables.weights)
    loglik[flat.any(axis=1)] = -np.inf
    return resp, loglik


def coefficients(models: Stack, spread: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the coefficients (m, k, q) of the log-joint densities, and which components (m, k)
    are flat in a direction in which the tables, of columns with variances (d,), are not.
    """
    m, k, d = models.means.shape
    covariances = np.where(np.isfinite(models.covariances), models.covariances, 0.0)
    stacked = Batch(
        Layout(("VVV",) * m, np.full(m, k)),
        models.weights.ravel(),
        models.means.reshape(m * k, d),
        covariances.reshape(m * k, d, d),
    )
    nothing = np.empty((0, 0))
    columns = Monomials(nothing, nothing, spread, np.zeros((d, d)), None)
    parts, flat, _ = batch.coefficients(stacked, columns)
    return parts.reshape(m, k, parts.shape[1]), flat.reshape(m, k)


def sums(tables: Tables, resp: FloatArray) -> FloatArray:
    """Return the sums (m, k, q) of monomials under responsibilities."""
    return (resp * tables.weights[:, None, :]) @ tables.values


def maximised(name: str, raw: FloatArray, start: FloatArray | None = None) -> Stack:
    """Return the mixtures of a structure, by mclust's name, that are most likely under sums.

    Where covariances are found step by step, that begins at ``start``.
    """
    m, k, _ = raw.shape
    d = dimension(raw)
    zeroth, first = raw[..., 0], raw[..., 1 : 1 + d]
    second = np.empty((m, k, d, d))
    upper = np.triu_indices(d)
    second[..., upper[0], upper[1]] = raw[..., 1 + d :]
    second[..., upper[1], upper[0]] = raw[..., 1 + d :]
    support = np.where(zeroth > 0, zeroth, 1.0)
    means = first / support[..., None]
    scatter = second - first[..., :, None] * means[..., None, :]
    weights = zeroth / zeroth.sum(axis=1, keepdims=True)
    if name == "VVV":  # what matrices_of would take apart and put together again
        return Stack(weights, means, scatter / support[..., None, None])
    with np.errstate(all="ignore"):  # volumes of components without any
        covariances = matrices_of(name, scatter, zeroth, start, SWEEPS)
    return Stack(weights, means, np.ascontiguousarray(covariances))


def dimension(raw: FloatArray) -> int:
    """Return how many columns have as many monomials: 1 + d + d (d + 1) / 2 = q."""
    return int((np.sqrt(8 * raw.shape[-1] + 1) - 3) / 2)


@dataclass(frozen=True, eq=False)
class Round:
    """What a few updates have come to.

    Attributes
    ----------
    reached : Climbed
        The mixtures of the last E-step.
    gain, to_come : ndarray (m,)
        What the last update gained, and Aitken's estimate of what further ones would.
    raw, before : ndarray (m, k, q)
        The last sums and the ones before.
    """

    reached: Climbed
    gain: FloatArray
    to_come: FloatArray
    raw: FloatArray
    before: FloatArray


def climb(name: str, tables: Tables, models: Stack, n_rounds: int, goal: float) -> Climbed:
    """Update mixtures until what is still to come for each of them is below a goal."""
    m = len(models)
    ended = Climbed(models.subset(np.arange(m)), np.full(m, -np.inf))
    numbers = np.arange(m)
    for number in range(n_rounds):
        now = updated(name, tables, models)
        over = ~(now.to_come > goal) | ~np.isfinite(now.reached.loglik) | (number == n_rounds - 1)
        which, left = np.flatnonzero(over), np.flatnonzero(~over)
        ended.put(numbers[which], now.reached.subset(which))
        if len(left) == 0:
            break
        numbers, tables = numbers[left], tables.subset(left)
        models = leapt(name, tables, now, left)
    return ended


def updated(name: str, tables: Tables, models: Stack) -> Round:
    """Return what a few updates of mixtures come to."""
    logliks: list[FloatArray] = []
    raws: list[FloatArray] = []
    for update in range(PERIOD):
        if update > 0:
            # Those of a collapsed component may not be numbers.
            sound = np.isfinite(logliks[-1])[:, None, None, None]
            start = np.where(sound, models.covariances, np.diag(tables.spread))
            models = maximised(name, raws[-1], start)
        resp, loglik = responsibilities(tables, models)
        logliks.append(loglik)
        raws.append(sums(tables, resp))
    whole = np.where(np.isfinite(logliks).all(axis=0), logliks[-1], -np.inf)
    with np.errstate(invalid="ignore"):  # of components that have collapsed
        before, gain = logliks[-2] - logliks[-3], logliks[-1] - logliks[-2]
        to_come = coming(gain, before)
    return Round(Climbed(models, whole), gain, to_come, raws[-1], raws[-2])


def leapt(name: str, tables: Tables, now: Round, numbers: Integers) -> Stack:
    """Return the next update of some mixtures, from statistics led on where that is more likely."""
    reached, raw, before = now.reached.subset(numbers), now.raw[numbers], now.before[numbers]
    factor = lengths(now.gain[numbers], now.to_come[numbers], raw[..., 0], before[..., 0])
    with np.errstate(all="ignore"):  # where that leads to no covariances
        led = raw + factor[:, None, None] * (raw - before)
        there = maximised(name, led, reached.models.covariances)
        resp, loglik = responsibilities(tables, there)
    # Two negative eigenvalues leave the determinant positive.
    definite = np.linalg.eigvalsh(np.nan_to_num(there.covariances))[..., 0] > 0.0
    better = (loglik > reached.loglik) & definite.all(axis=1)
    raw = np.where(better[:, None, None], sums(tables, resp), raw)
    start = np.where(better[:, None, None, None], there.covariances, reached.models.covariances)
    return maximised(name, raw, start)


def lengths(
    gain: FloatArray, to_come: FloatArray, zeroth: FloatArray, before: FloatArray
) -> FloatArray:
    """Return how many times the last change (m,) statistics are led on.

    With gains that shrink by q, what is to come is q / (1 - q) of the last; distances shrink by
    the root of q. No component may lose more than a part of its rows.
    """
    odds = np.where(np.isfinite(to_come), to_come, 0.0) / gain
    rate = np.minimum(np.sqrt(odds / (1.0 + odds)), SLOWEST)
    factor = np.where(rate > QUICKEST, rate / (1.0 - rate), 0.0)
    loss = factor[:, None] * (before - zeroth)
    share = loss / np.where(zeroth > 0, LOST * zeroth, np.inf)
    return factor / np.maximum(share, 1.0).max(axis=1)


def cut(
    tables: Tables, models: Stack, resp: FloatArray, component: int, rng: np.random.Generator | None
) -> FloatArray:
    """Return responsibilities (m, k + 1, n) with a component cut in two by a plane.

    The plane is across the longest axis at the mean, or, with ``rng``, anywhere.
    """
    m, _, d = models.means.shape
    covariances = models.covariances[:, component]
    beyond = np.zeros(m)
    if rng is None:
        axes = np.linalg.eigh(covariances)[1][..., -1]
    else:
        normal = rng.standard_normal((m, d, 1))
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        roots = np.linalg.cholesky(covariances).transpose(0, 2, 1)
        axes = np.linalg.solve(roots, normal)[..., 0]
        beyond += rng.uniform(-WIDEST, WIDEST, m)
    heights = np.vecdot(axes, models.means[:, component]) + beyond
    above = (tables.rows @ axes[..., None])[..., 0] > heights[:, None]
    parted = np.concatenate([resp, (resp[:, component] * above)[:, None]], axis=1)
    parted[:, component] *= ~above
    return parted


def enlarged(
    name: str, tables: Tables, models: Stack, rng: np.random.Generator, goal: float
) -> Climbed:
    """Return the best mixtures found with one more component than those given.

    They start from those with a component cut in two, in several ways; the best of these go on.
    """
    resp, _ = responsibilities(tables, models)
    k = models.means.shape[1]
    ways = [(j, None) for j in range(k)] + [(number % k, rng) for number in range(ANYWHERE)]
    starts = (cut(tables, models, resp, component, source) for component, source in ways)
    tried = [
        climb(name, tables, maximised(name, sums(tables, start)), FIRST, goal) for start in starts
    ]
    for kept, n_rounds in RUNS:
        best = Climbed.best(tried, kept)
        tried = [climb(name, tables, each.models, n_rounds, goal) for each in best]
    return Climbed.best(tried, 1)[0]


def drawn(models: Stack, m: int, n: int, rng: np.random.Generator) -> FloatArray:
    """Return ``m`` tables of ``n`` rows (m, n, d) from the first mixture of a stack."""
    k, d = models.means.shape[1:]
    labels = rng.choice(k, size=(m, n), p=models.weights[0])
    rows = rng.standard_normal((m, n, d))
    roots = np.linalg.cholesky(models.covariances[0])
    for j in range(k):
        rows[labels == j] = rows[labels == j] @ roots[j].T + models.means[0, j]
    return rows


def n_chunks(m: int, n: int, k: int, d: int) -> int:
    """Return how many parts ``m`` tables of ``n`` rows are done in, so that a part fits in cache.

    It must not go by the number of threads: chunks have their own random numbers.
    """
    return min(m, 1 + m * n * (k + d * (d + 3) // 2) // CHUNK)
