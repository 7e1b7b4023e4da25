"""From a MixtureImputer's parameters to its mixture: two stages of EM (docs/guide, equation 35)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError
from mixtura.algorithms.em import EM
from mixtura.algorithms.restarts import Selection
from mixtura.algorithms.source import OneBlock
from mixtura.algorithms.starts import (
    SAMPLE_ROWS,
    filled,
    from_responsibilities,
    one_hot,
    standardised,
    tightest,
    trials,
)
from mixtura.algorithms.total import covariance_of
from mixtura.estimators import fitting, outside, runs
from mixtura.estimators.automatic import sizes_for
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.validation import validated_table
from mixtura.model import ConjugatePrior, Mixture
from mixtura.model.criteria import counts
from mixtura.model.families import family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.sampling import generator

#: Rows that the columns' own variances count for beside those of the table.
VARIANCE_ROWS = 1.0
#: Rows in each component that the common covariance counts for, per column.
ROWS_PER_COLUMN = 2.0
#: Parameters that the mixture has too.
PASSED_ON = ("tol", "n_init", "max_iter", "random_state", "n_jobs")


class Table(Protocol):
    """The rows of a fit, wherever they are."""

    X: Any
    rows: Any
    dtype: Any
    n_telling: int

    def problem(self, model: GaussianMixture) -> EM:
        """Return EM for these rows."""

    def pattern(self) -> NDArray[Any]:
        """Return rows that miss the columns that these miss."""

    def first_stage(self, common: GaussianMixture, plain: EM, em: EM) -> Selection:
        """Return the outcome of ``em`` from clusters that k-means finds; ``plain`` fills in."""


class Inside:
    """Rows in memory."""

    def __init__(self, imputer: Any, X: Any) -> None:
        self.rows, self.incomplete = validated_table(imputer, X, fitting=True)
        self.X, self.dtype = self.rows, self.rows.dtype
        self.n_telling = int(np.count_nonzero(counts(self.rows)))

    def problem(self, model: GaussianMixture) -> EM:
        """Return EM for these rows."""
        return fitting.problem(model, self.rows, None, self.incomplete)

    def pattern(self) -> NDArray[Any]:
        """Return the rows."""
        array: NDArray[Any] = self.rows
        return array

    def first_stage(self, common: GaussianMixture, plain: EM, em: EM) -> Selection:
        """Return the outcome of EM from clusters of all rows."""
        view = OneBlock(standardised(filled(self.rows, plain), plain), np.ones(len(self.rows)))
        common.init_params = partial(clusters, view)
        selection = fitting.run(common, em, self.rows)
        common.init_params = "kmeans"
        return selection


class Afar:
    """Rows outside memory, of which a sample says where to start."""

    rows = None

    def __init__(self, imputer: Any, X: Any) -> None:
        self.X = X
        self.outside = outside.opened(imputer, X, None)
        if self.outside.weighted:
            name = self.outside.rows.weight
            raise InputError(
                f"MixtureImputer takes no weights of rows: open the table without weight={name!r}."
            )
        self.dtype, self.n_telling = self.outside.dtype, int(self.outside.survey.telling)

    def problem(self, model: GaussianMixture) -> EM:
        """Return EM for these rows."""
        return fitting.problem_outside(model, self.outside)

    def pattern(self) -> NDArray[Any]:
        """Return two rows that miss the columns that are missing anywhere."""
        misses = self.outside.survey.observed < self.outside.n_rows
        return np.stack([np.where(misses, np.nan, 0.0), np.zeros(len(misses))])

    def first_stage(self, common: GaussianMixture, plain: EM, em: EM) -> Selection:
        """Return the outcome of EM from clusters of a sample."""

        k = int(common.n_components)

        def start(rng: np.random.Generator) -> Mixture:
            sample, _ = em.source.sample_rows(SAMPLE_ROWS, rng)
            rows = filled(np.asarray(sample, dtype=np.float64), plain)
            weights = np.ones(len(rows))
            view = OneBlock(standardised(rows, plain), weights)
            labels = tightest(trials([view], k, rng, "auto")).labels
            return from_responsibilities(em, rows, one_hot(labels, k), weights)

        rngs = runs.generators(common.random_state, common.n_init)
        starts: list[Callable[[], Mixture]] = [partial(start, rng) for rng in rngs]
        return runs.best_run(common, em, starts)


def best_model(imputer: Any, table: Table) -> tuple[GaussianMixture, int]:
    """Return the mixture of least BIC among those of any number of components, and its updates."""
    found = [fitted_model(imputer, k, table) for k in sizes_for(table.n_telling)]
    sound = [each for each in found if not each[0].collapsed_.any()]
    return min(sound or found[:1], key=lambda each: each[0].bic(table.X))


def fitted_model(imputer: Any, k: int, table: Table) -> tuple[GaussianMixture, int]:
    """Return the mixture of both stages, and how many updates it took."""
    family = family_named(imputer.covariance_type)
    shared = {name: getattr(imputer, name) for name in PASSED_ON}
    common = GaussianMixture(k, covariance_type="tied", **shared)
    em = table.problem(common)
    assert em.total is not None
    assert em.floor is not None
    weight = imputer.shrinkage
    if isinstance(weight, str):
        weight = ROWS_PER_COLUMN * em.source.n_features
    variances = np.diag(covariance_of(em.total).diagonal())
    target = em.family.floored(variances, em.floor)
    first = table.first_stage(common, em, shrunk(em, target, min(weight, VARIANCE_ROWS)))
    if family.name == "tied":
        return published(common, first, table.dtype), first.result.n_iter
    start = first.result.mixture
    covariances = family.pooled(start.covariances, k)
    model = GaussianMixture(k, covariance_type=imputer.covariance_type, **shared)
    model.init_params = Mixture(start.weights, start.means, covariances, family.name)
    # what is known of the table is known
    em = replace(em, family=family) if family.correlated else table.problem(model)
    second = fitting.run(model, shrunk(em, start.covariances, weight), table.rows)
    published(model.set_params(init_params="kmeans"), second, table.dtype)
    return model, first.result.n_iter + second.result.n_iter


def clusters(view: OneBlock, X: Any, k: int, random_state: Any) -> NDArray[Any]:
    """Return labels (n,) by the best of a few runs of k-means on a table that is filled in."""
    return tightest(trials([view], k, generator(random_state), "auto")).labels


def shrunk(em: EM, target: FloatArray, weight: float) -> EM:
    """Return an EM that draws covariances to a target, if that weighs anything."""
    return replace(em, prior=ConjugatePrior.towards(target, weight)) if weight > 0 else em


def published(model: GaussianMixture, selection: Selection, dtype: Any) -> GaussianMixture:
    """Return a model with the mixture that was selected; its objective was no likelihood."""
    result = selection.result
    fitting.publish(
        model,
        result.mixture,
        dtype,
        converged_=result.converged,
        status_=result.status,
        n_iter_=result.n_iter,
        collapsed_=np.array(selection.collapsed),
    )
    return model
