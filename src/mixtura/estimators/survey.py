"""What the fits of one search share: the rows, and a sample that all models are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from mixtura.algorithms.batch import Batch, Monomials, Priors
from mixtura.algorithms.em import EM
from mixtura.algorithms.search import Grid
from mixtura.algorithms.starts import filled
from mixtura.algorithms.total import covariance_of
from mixtura.estimators import fitting
from mixtura.model import ConjugatePrior, Family, Mixture, family_named
from mixtura.model.families import ALIASES
from mixtura.model.families.base import FloatArray
from mixtura.model.priors import MEAN_ROWS
from mixtura.sources.threads import for_each

#: Rows of tables whose models are fitted side by side; of the sample from which fits of larger
#: tables start; and of that on which those fits learn from each other.
WHOLE_ROWS, SAMPLE_ROWS, OTHER_ROWS = 2000, 1000, 2000
#: Values, components times rows, from which a part of the models is worth a thread.
WORTH_A_THREAD = 75_000
#: Passes over the rows that a model takes, times what NumPy takes of machine code's time; and
#: seconds of it that are worth waiting for a compiler.
NUMPY_PASSES, PATIENCE = 600, 3.0
#: Structures or sizes are few below this number; structures that others then learn from.
FEW, TEACHERS = 3, ("EEE", "VVI", "VVV")
#: mclust's letters for scikit-learn's names.
LETTERS = {name: alias for alias, name in ALIASES.items() if len(alias) == 3}


@dataclass(frozen=True, eq=False)
class Survey:
    """What the fits of one search share.

    Attributes
    ----------
    model : GaussianMixture
        How to fit.
    em : EM
        The rows, and the E- and M-step for full covariances.
    grid : Grid
        The models and the sample that they are compared on.
    centre, unit : ndarray (d,) and float
        Where the sample's origin and what its unit is.
    others : Grid or None
        The same models and other rows, where the sample is not the whole table.
    """

    model: Any
    em: EM
    grid: Grid
    centre: FloatArray
    unit: float
    others: Grid | None = None


def letters_of(name: str, d: int) -> str:
    """Return a structure's three letters; of one column, its variances are equal or vary."""
    letters = LETTERS.get(name, name)
    return {"E": "EII", "V": "VII"}[letters[0]] if d == 1 else letters


def survey_of(
    model: Any,
    rows: Any,
    weights: FloatArray | None,
    incomplete: bool,
    names: Sequence[str],
    sizes: Sequence[int],
) -> Survey:
    """Return what fits share: the rows, the table's own statistics, and a sample to compare on."""
    if incomplete:
        rows, weights, incomplete = telling(rows, weights)
    d = rows.shape[1]
    letters = tuple(dict.fromkeys(letters_of(name, d) for name in names))
    counting = len(rows) if weights is None else int(np.count_nonzero(weights))
    whole = not incomplete and counting <= WHOLE_ROWS
    n_models = 0 if whole else len(letters) * len(sizes)
    em = largest_problem(model, rows, weights, incomplete, letters, max(sizes), n_models)
    seed = check_random_state(model.random_state).randint(0, 2**31, size=4)
    rng = np.random.default_rng(seed)
    sample, own = drawn(em, WHOLE_ROWS if whole else SAMPLE_ROWS, rng, incomplete)
    assert em.total is not None
    centre, variance = em.total.centre[0], float((sample - em.total.centre[0]).var())
    unit = np.sqrt(variance) if variance > 0 else 1.0
    monomials = Monomials.of((sample - centre) / unit, own, centre / unit)
    grid = Grid(monomials, *with_neighbours(letters, sizes, counting, d))
    grid = replace(grid, priors=priors_of(model, em, grid, unit))
    if whole:
        return Survey(model, em, grid, centre, unit)
    source: Any = em.source
    threaded = partial(for_each, threads=source.threads)
    grid = replace(grid, each=threaded, least=WORTH_A_THREAD)
    sample, own = drawn(em, OTHER_ROWS, rng, incomplete)
    others = Monomials.of((sample - centre) / unit, own, centre / unit)
    return Survey(model, em, grid, centre, unit, replace(grid, rows=others))


def drawn(
    em: EM, n: int, rng: np.random.Generator, incomplete: bool
) -> tuple[FloatArray, FloatArray]:
    """Return at most ``n`` rows, missing cells filled in, and their weights."""
    source: Any = em.source
    sample, weights = source.sample_rows(n, rng)
    sample = np.asarray(sample, dtype=np.float64)
    if incomplete:
        sample = filled(sample, em)
    return sample, np.ones(len(sample)) if weights is None else weights


def with_neighbours(
    letters: tuple[str, ...], sizes: Sequence[int], n: int, d: int
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return structures and sizes, with some more to learn from where there are few."""
    names = (
        letters if len(letters) >= FEW or d == 1 else tuple(dict.fromkeys((*letters, *TEACHERS)))
    )
    every = set(sizes)
    if len(every) < FEW:
        every |= {k + step for k in sizes for step in (-1, 1) if 1 <= k + step <= n}
    return names, tuple(sorted(every))


def largest_problem(
    model: Any,
    rows: Any,
    weights: FloatArray | None,
    incomplete: bool,
    letters: Sequence[str],
    k: int,
    n_models: int,
) -> EM:
    """Return the E- and M-step of the largest model, for rows that ``n_models`` will pass over."""
    free = any(family_named(each).correlated for each in letters)
    largest = clone(model).set_params(
        n_components=k,
        covariance_type="full" if free else "diag",
        reg_covar="auto",
        eigenvalue_ratio=None,
        prior=None,
    )
    em = fitting.problem(largest, rows, weights, incomplete)
    source: Any = em.source
    if model.engine == "auto" and 1e-9 * source.work * NUMPY_PASSES * n_models > PATIENCE:
        largest.set_params(engine="numba")
        em = fitting.problem(largest, rows, weights, incomplete)
    return em


def priors_of(model: Any, em: EM, grid: Grid, unit: float) -> Priors | None:
    """Return the priors of all models in the units of the sample, if they have any."""
    found = []
    for number in range(len(grid)):
        name, k = grid.model(number)
        prior, family = prior_of(model, em, name, k), family_named(name)
        if prior is None:
            return None
        scatter = family.full(family.pooled(prior.scatter, k), k, grid.rows.d)[0]
        found.append((prior.on_covariance(family, k), prior.share(family, k) * scatter))
    rows, scatters = np.array([r for r, _ in found]), np.stack([s for _, s in found])
    return Priors(np.zeros(grid.rows.d), MEAN_ROWS, rows, scatters / unit**2)


def prior_of(model: Any, em: EM, name: str, k: int) -> ConjugatePrior | None:
    """Return the prior of a model's parameters, if there is one."""
    if model.prior is None:
        return None
    assert em.total is not None
    covariance, location = covariance_of(em.total), em.total.centre[0]
    return ConjugatePrior.of(covariance, location, family_named(name), k)


def telling(rows: Any, weights: FloatArray | None) -> tuple[Any, FloatArray | None, bool]:
    """Return the rows with an observed cell, their weights, and whether cells are missing still."""
    missing = np.isnan(rows)
    told = ~missing.all(axis=1)
    own = None if weights is None else weights[told]
    return (rows if told.all() else rows[told]), own, bool(missing[told].any())


def mixture_of(survey: Survey, number: int, batch: Batch) -> Mixture:
    """Return a mixture of a batch in the units of the table."""
    part = batch.layout.part(number)
    family = family_named(survey.grid.model(number)[0])
    means = survey.centre + survey.unit * batch.means[part]
    covariances = in_form(family, survey.unit**2 * batch.covariances[part])
    return Mixture(batch.weights[part], means, covariances, family.name)


def in_form(family: Family, matrices: FloatArray) -> FloatArray:
    """Return covariances (k, d, d) in the family's shape."""
    if family.form == "full":
        return 0.5 * (matrices + matrices.transpose(0, 2, 1))
    if family.form == "tied":
        return 0.5 * (matrices[0] + matrices[0].T)
    variances = np.diagonal(matrices, axis1=1, axis2=2)
    return variances if family.form == "diag" else variances.mean(axis=1)


def batch_of(survey: Survey, batch: Batch, mixtures: Sequence[Mixture | None]) -> Batch:
    """Return a batch with mixtures of the table, where there are, in the place of its own."""
    arrays = (batch.weights.copy(), batch.means.copy(), batch.covariances.copy())
    for number, mixture in enumerate(mixtures):
        if mixture is None:
            continue
        part = batch.layout.part(number)
        full = mixture.family.full(mixture.covariances, *mixture.means.shape)
        means = (mixture.means - survey.centre) / survey.unit
        own = (mixture.weights, means, full / survey.unit**2)
        for array, values in zip(arrays, own, strict=True):
            array[part] = values
    return Batch(batch.layout, *arrays)


def em_of(survey: Survey, number: int) -> EM:
    """Return the E- and M-step of one model."""
    source: Any = survey.em.source
    name, k = survey.grid.model(number)
    prior = prior_of(survey.model, survey.em, name, k)
    family = family_named(name)
    return replace(survey.em, family=family, prior=prior, source=source.with_threads(1))
