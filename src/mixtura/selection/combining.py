"""Components combined into clusters, by how unsure rows are between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.estimators.functional import checked_rows
from mixtura.estimators.noise_mixture import NoiseMixture
from mixtura.estimators.validation import validated_responsibilities, validated_weights
from mixtura.model.criteria import counts
from mixtura.model.families.base import FloatArray

#: Entropy, in nats per row, below which every row is sure of its component.
SURE = 1e-8


@dataclass(frozen=True, eq=False)
class Combination:
    """Components combined into clusters one by one, from all apart to all in one.

    Attributes
    ----------
    clusters : tuple of ndarray of shape (n_components,)
        The cluster of each component: ``clusters[c - 1]`` where there are c clusters. Clusters
        have numbers from 0 in the order of their first components.
    entropies : ndarray of shape (n_components,)
        Entropy of the rows' assignment, in nats: ``entropies[c - 1]`` with c clusters.
    drops : ndarray of shape (n_components - 1,)
        What combining takes from it for each row in one of the two clusters that become one:
        ``drops[c - 1]`` from c + 1 clusters to c, NaN where no row is in either.
    suggested : int
        Number of clusters at the elbow of the entropies: where two lines that meet there fit them
        best. With fewer than three components there is no elbow, and where no row is unsure there
        is nothing to combine: then all components are clusters.
    components : ndarray of shape (n_samples, n_components)
        The responsibilities of the components.

    Examples
    --------
    >>> from mixtura import combine
    >>> found = combine([[0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    >>> found.clusters[1].tolist(), found.suggested
    ([0, 0, 1], 2)
    >>> found.labels(2).tolist()
    [0, 0, 1]
    """

    clusters: tuple[NDArray[np.intp], ...]
    entropies: FloatArray
    drops: FloatArray
    suggested: int
    components: FloatArray

    def responsibilities(self, n_clusters: int | None = None) -> FloatArray:
        """Return the probability of each cluster for each row.

        Parameters
        ----------
        n_clusters : int, optional
            Number of clusters; None for the ``suggested`` one.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Sums of the responsibilities of the clusters' components.

        Raises
        ------
        InputError
            If ``n_clusters`` is not a whole number from 1 to that of the components.
        """
        c = self.suggested if n_clusters is None else n_clusters
        if c not in range(1, len(self.clusters) + 1):
            raise InputError(f"n_clusters={c!r} must be a number from 1 to {len(self.clusters)}.")
        return self.components @ np.eye(c)[self.clusters[c - 1]]

    def labels(self, n_clusters: int | None = None) -> NDArray[np.intp]:
        """Return the most probable cluster of each row.

        Parameters
        ----------
        n_clusters : int, optional
            Number of clusters; None for the ``suggested`` one.

        Returns
        -------
        ndarray of shape (n_samples,)
            Cluster numbers.

        Raises
        ------
        InputError
            If ``n_clusters`` is not a whole number from 1 to that of the components.
        """
        return self.responsibilities(n_clusters).argmax(axis=1)

    def __str__(self) -> str:
        """Return entropies and clusters as a table for a terminal."""
        lines = [f"{'clusters':<9}{'entropy':>12}{'drop per row':>14}  components"]
        for c in range(len(self.clusters), 0, -1):
            drop = f"{self.drops[c - 1]:.5f}" if c < len(self.clusters) else ""
            members = [np.flatnonzero(self.clusters[c - 1] == j) for j in range(c)]
            groups = " ".join("+".join(map(str, each)) for each in members)
            lines.append(f"{c:<9}{self.entropies[c - 1]:>12.5f}{drop:>14}  {groups}")
        return "\n".join([*lines, "", f"{counted(self.suggested, 'cluster')} suggested"])


def combine(
    model: Any, X: ArrayLike | None = None, sample_weight: ArrayLike | None = None
) -> Combination:
    r"""Combine components into clusters, each time the two that rows are least sure between.

    Parameters
    ----------
    model : array-like of shape (n_samples, n_components), GaussianMixture or Mixture
        Responsibilities, or the fitted model that gives them for ``X``.
    X : array-like of shape (n_samples, n_features), optional
        Rows; given with a model, and with a model only.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

    Returns
    -------
    Combination
        The clusters for every number of them, the entropies and the number they suggest.

    Raises
    ------
    ValueError
        If responsibilities or weights cannot be used, or a model comes without rows.

    Notes
    -----
    With :math:`r_{ic}` the sum of the responsibilities of cluster :math:`c`'s components, the two
    clusters become one for which the entropy :math:`-\sum_i v_i \sum_c r_{ic} \log r_{ic}` falls
    most [1]_. The density stays that of all components. The number of clusters that is suggested
    is a guide to the eye; see ``entropies``.

    References
    ----------
    .. [1] Baudry, J.-P., Raftery, A., Celeux, G., Lo, K. & Gottardo, R. (2010). Combining mixture
       components for clustering. *J. Computational and Graphical Statistics* 19(2).
       :doi:`10.1198/jcgs.2010.08111`

    Examples
    --------
    >>> from mixtura import combine
    >>> print(combine([[0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]))
    clusters      entropy  drop per row  components
    3             1.36616                0 1 2
    2             0.00000       0.68308  0+1 2
    1             0.00000       0.00000  0+1+2
    <BLANKLINE>
    2 clusters suggested
    """
    resp = responsibilities_of(model, X)
    weights = validated_weights(sample_weight, resp)
    own = np.ones(len(resp)) if weights is None else weights
    if X is not None:
        own = counts(checked_rows(X, None)[0], weights)
    k = resp.shape[1]
    clusters, drops, entropies = [np.arange(k)], [], [entropy(resp, own)]
    for first, second, drop, merged in steps(resp, own):
        clusters.append(joined(clusters[-1], first, second))
        drops.append(drop)
        entropies.append(entropy(merged, own))
    curve = np.array(entropies[::-1])
    suggested = elbow(curve) if curve[-1] > SURE * own.sum() else k
    return Combination(tuple(clusters[::-1]), curve, np.array(drops[::-1]), suggested, resp)


def responsibilities_of(model: Any, X: ArrayLike | None) -> FloatArray:
    """Return responsibilities (n, k), given as such or by a model and rows."""
    ask = getattr(model, "predict_proba", getattr(model, "responsibilities", None))
    if isinstance(model, NoiseMixture):
        raise InputError(
            "model is a NoiseMixture, whose noise is no component to combine. Give its mixture_, "
            "and how little each row is noise: sample_weight=1 - model.predict_proba(X)[:, -1]."
        )
    if ask is None:
        if not hasattr(model, "__len__"):
            raise InputError(
                f"model is a {type(model).__name__}, which has no responsibilities: give those, a "
                "GaussianMixture or a Mixture."
            )
        if X is not None:
            raise InputError("X is given with responsibilities; give it with a model only.")
        return validated_responsibilities(model, len(model), name="responsibilities")
    if X is None:
        raise InputError("X is missing: a model gives responsibilities for rows.")
    resp: FloatArray = np.asarray(ask(X), dtype=np.float64)
    return resp


def steps(resp: FloatArray, weights: FloatArray) -> Iterator[tuple[int, int, float, FloatArray]]:
    """Yield which two clusters become one, the entropy that goes, per row, and what is left."""
    while resp.shape[1] > 1:
        gains = pair_drops(resp, weights)
        first, second = (int(place) for place in np.unravel_index(gains.argmax(), gains.shape))
        top = resp.argmax(axis=1)
        rows = weights[(top == first) | (top == second)].sum()
        merged = np.delete(resp, second, axis=1)
        merged[:, first] += resp[:, second]
        drop = max(0.0, float(gains[first, second]))  # but for rounding it never rises
        yield first, second, drop / rows if rows > 0 else np.nan, merged
        resp = merged


def pair_drops(resp: FloatArray, weights: FloatArray) -> FloatArray:
    """Return by how much the entropy falls (c, c) as two clusters become one; the first is less."""
    c = resp.shape[1]
    drops = np.full((c, c), -np.inf)
    own = weights @ entr(resp)
    for j in range(c - 1):
        both = weights @ entr(resp[:, j : j + 1] + resp[:, j + 1 :])
        drops[j, j + 1 :] = own[j] + own[j + 1 :] - both
    return drops


def entropy(resp: FloatArray, weights: FloatArray) -> float:
    """Return the entropy of responsibilities in nats (docs/guide, equation 42).

    The largest of a row is what the others leave of 1: of itself it has only rounding to tell.
    """
    others = np.sort(resp, axis=1)[:, :-1]
    rest = others.sum(axis=1)
    largest = (rest - 1.0) * np.log1p(-rest)
    return float(weights @ (entr(others).sum(axis=1) + largest))


def joined(clusters: NDArray[np.intp], first: int, second: int) -> NDArray[np.intp]:
    """Return the cluster of each component after two, the first of lower number, become one."""
    moved = np.where(clusters == second, first, clusters)
    return moved - (moved > second)


def elbow(curve: FloatArray) -> int:
    """Return the number of clusters at which two lines meet that fit the curve best, or all.

    The lines are fitted apart, each with the point at the elbow (docs/guide, equation 56).
    """
    places = np.arange(2, len(curve))
    if len(places) == 0:
        return len(curve)
    misfits = [residue(curve[:place]) + residue(curve[place - 1 :]) for place in places]
    return int(places[np.argmin(misfits)])


def residue(values: FloatArray) -> float:
    """Return the sum of squares about the best line through equidistant values."""
    x = np.arange(len(values)) - 0.5 * (len(values) - 1)
    centred = values - values.mean()
    return float(np.sum((centred - x * (x @ centred) / (x @ x)) ** 2))
