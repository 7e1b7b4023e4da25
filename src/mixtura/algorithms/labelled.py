"""EM where some rows are known to be of some components (docs/guide, equations 61 and 62)."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.starts import filled, from_responsibilities, one_hot, standardised
from mixtura.model import Mixture, Statistics
from mixtura.model.families.base import FloatArray

#: Rows of each group that a start looks at, and the iterations in which groups form.
SAMPLE_ROWS = 5000
SEED_UPDATES = 10


@dataclass(frozen=True, eq=False)
class Group:
    """Rows that are of some of the components.

    Attributes
    ----------
    em : EM
        Their source and the kernels for it.
    members : ndarray of bool (k,)
        Which components the rows may be of.
    """

    em: EM
    members: NDArray[np.bool_]

    def expect(self, mixture: Mixture, scatter: bool) -> Statistics:
        """Return the statistics of the rows: there is nothing of the other components."""
        if self.members.all():
            return self.em._pass(mixture, scatter)
        own = np.flatnonzero(self.members)
        share = float(mixture.weights[own].sum())
        if not share > 0.0:  # after too long a step
            raise InputError("a class with labelled rows has lost the weight of its components.")
        shared = mixture.family.form == "tied"
        covariances = mixture.covariances if shared else mixture.covariances[own]
        weights, means = mixture.weights[own] / share, mixture.means[own]
        part = self.em._pass(Mixture(weights, means, covariances, mixture.covariance_type), scatter)
        joint = part.loglik + part.weight * np.log(share)
        return spread(replace(part, loglik=float(joint)), own, mixture.means)


def spread(part: Statistics, own: NDArray[np.intp], centre: FloatArray) -> Statistics:
    """Return statistics of components numbered ``own`` as those of all, about ``centre`` (k, d)."""

    def among_all(values: FloatArray) -> FloatArray:
        array = np.zeros((len(centre), *values.shape[1:]))
        array[own] = values
        return array

    return replace(
        part,
        zeroth=among_all(part.zeroth),
        first=among_all(part.first),
        second=part.second if part.family.form == "tied" else among_all(part.second),
        centre=centre,
        cells=None if part.cells is None else among_all(part.cells),
    )


@dataclass(frozen=True, eq=False)
class LabelledEM(EM):
    """EM for rows in groups, which together are those of ``source``."""

    groups: tuple[Group, ...] = ()

    def _pass(self, mixture: Mixture, scatter: bool) -> Statistics:
        return reduce(operator.add, [group.expect(mixture, scatter) for group in self.groups])


def start_from_labels(em: LabelledEM, rng: np.random.Generator, *, alone: bool) -> Mixture:
    """Return a start from the labelled rows ``alone``, or from all rows by seeded k-means.

    There the labelled rows seed the centres and stay with those of their class (Basu, Banerjee &
    Mooney 2002).
    """
    groups = [group for group in em.groups if not (alone and group.members.all())]
    samples = [group.em.source.sample_rows(SAMPLE_ROWS, rng) for group in groups]
    rows = np.concatenate([np.asarray(sample, dtype=np.float64) for sample, _ in samples])
    rows = filled(rows, em) if np.isnan(rows).any() else rows
    weights = np.concatenate([np.ones(len(s)) if w is None else w for s, w in samples])
    sizes = [len(sample) for sample, _ in samples]
    allowed = np.repeat([group.members for group in groups], sizes, axis=0)
    labels = seeded(standardised(rows, em), weights, allowed, rng)
    return from_responsibilities(em, rows, one_hot(labels, allowed.shape[1]), weights)


def seeded(
    rows: FloatArray, weights: FloatArray, allowed: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the component (n,) of each row by k-means, of those ``allowed`` (n, k) for it."""
    centres = seeds(rows, weights, allowed, rng)
    labels = np.empty(0, dtype=np.intp)
    for _ in range(SEED_UPDATES):
        distances = np.where(allowed, squared_distances(rows, centres), np.inf)
        previous, labels = labels, distances.argmin(axis=1)
        if np.array_equal(labels, previous):
            break
        for j in np.unique(labels):
            own = labels == j
            centres[j] = np.average(rows[own], axis=0, weights=weights[own])
    return labels


def seeds(
    rows: FloatArray, weights: FloatArray, allowed: NDArray[np.bool_], rng: np.random.Generator
) -> FloatArray:
    """Return a centre (k, d) for each component, those of classes first.

    The only one of a class is the mean of its rows. Others are rows drawn with probability
    proportional to the squared distance to the nearest centre that they may be of, or to any.
    """
    k = allowed.shape[1]
    centres = np.full((k, rows.shape[1]), np.inf)
    labelled = ~allowed.all(axis=1)
    for j in sorted(range(k), key=lambda j: not (labelled & allowed[:, j]).any()):
        known = labelled & allowed[:, j]
        own = known if known.any() else ~labelled
        peers = allowed[np.argmax(own)]
        if np.count_nonzero(peers) == 1:
            centres[j] = np.average(rows[own], axis=0, weights=weights[own])
            continue
        placed = peers & np.isfinite(centres[:, 0])
        chances = weights[own]
        if placed.any():
            nearest = squared_distances(rows[own], centres[placed]).min(axis=1)
            chances = chances * nearest if nearest.any() else chances
        centres[j] = rows[own][rng.choice(len(chances), p=chances / chances.sum())]
    return centres


def squared_distances(rows: FloatArray, centres: FloatArray) -> FloatArray:
    """Return squared distances (n, k)."""
    return np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def members_of(components: Sequence[int] | NDArray[np.intp], code: int) -> NDArray[np.bool_]:
    """Return which components (k,), given the class of each, a row labelled ``code`` may be of.

    A row without a label (-1) may be of any.
    """
    own = np.asarray(components)
    return np.ones(len(own), dtype=np.bool_) if code < 0 else own == code
