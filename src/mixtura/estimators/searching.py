"""The best fit of every structure and number of components to one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.batch import Batch, Monomials, Priors
from mixtura.algorithms.em import EM
from mixtura.algorithms.hierarchical import scaled, tree_of
from mixtura.algorithms.restarts import collapsed_components
from mixtura.algorithms.search import LEVELS, Grid, Partition, searched
from mixtura.algorithms.starts import filled
from mixtura.algorithms.stopping import SAFETY, Status, Stopping, StoppingRule
from mixtura.algorithms.total import covariance_of
from mixtura.estimators import fitting
from mixtura.kernels import Kernels
from mixtura.model import ConjugatePrior, Family, Mixture, family_named
from mixtura.model.criteria import Fuzziness, fuzziness
from mixtura.model.families import ALIASES
from mixtura.model.families.base import FloatArray
from mixtura.model.priors import MEAN_ROWS
from mixtura.sources.threads import for_each

#: Rows of tables whose models are fitted side by side; and of the sample from which fits of larger
#: tables go on.
WHOLE_ROWS, SAMPLE_ROWS = 2000, 1000
#: Passes over the rows that a model takes, times what NumPy takes of machine code's time; and
#: seconds of it that are worth waiting for a compiler.
NUMPY_PASSES, PATIENCE = 600, 3.0
#: Columns up to which the second tree is worth its time.
RIDGE_COLUMNS = 15
#: Gain still to come at the end, in nats, or per unit of weight where that is more.
TO_COME, TO_COME_PER_ROW = 0.05, 1e-5
#: A fit is better than another from this gain per unit of weight.
BETTER = 1e-5
#: Structures or sizes are few below this number; structures that others then learn from.
FEW, TEACHERS = 3, ("EEE", "VVI", "VVV")
#: How unsure a model is that was not fitted.
UNKNOWN = Fuzziness(np.nan, np.nan)
#: mclust's letters for scikit-learn's names.
LETTERS = {name: alias for alias, name in ALIASES.items() if len(alias) == 3}


@dataclass(frozen=True, eq=False)
class Cell:
    """The best fit of one model.

    Attributes
    ----------
    covariance_type, n_components : str and int
        The model.
    n_parameters : int
        How many are free.
    mixture : Mixture or None
        The parameters, if there is a fit.
    log_likelihood : float
        Total over the rows, in nats; NaN without a mixture.
    fuzziness : Fuzziness
        How unsure the assignment of rows is.
    status : Status
        Why the fit ended.
    degenerate : bool
        Whether a component has collapsed, or none was found that had not.
    seconds : float
        What it took; of models that are fitted side by side, their share.
    """

    covariance_type: str
    n_components: int
    n_parameters: int
    mixture: Mixture | None = None
    log_likelihood: float = np.nan
    fuzziness: Fuzziness = UNKNOWN
    status: Status = Status.COLLAPSED
    degenerate: bool = True
    seconds: float = 0.0


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
    whole : bool
        Whether the sample is the table.
    """

    model: Any
    em: EM
    grid: Grid
    centre: FloatArray
    unit: float
    whole: bool


def search(
    model: Any,
    rows: Any,
    weights: FloatArray | None,
    incomplete: bool,
    names: Sequence[str],
    sizes: Sequence[int],
    report: Callable[[Cell], Any] | None = None,
) -> list[Cell]:
    """Return the best fit of each of the structures ``names`` with each of ``sizes`` components.

    ``model`` is a GaussianMixture that says how to fit. ``report`` is called with each cell when it
    is done; an interrupt after the first returns those that are.
    """
    began = time.perf_counter()
    survey = survey_of(model, rows, weights, incomplete, names, sizes)
    levels = LEVELS if survey.whole else LEVELS[:1]
    with threadpool_limits(1, "blas"):  # of products so small, threads wait longer than they work
        found = searched(survey.grid, partitions(survey.grid), levels)
    asked = {letters_of(name, survey.grid.rows.d): name for name in reversed(names)}
    places = (survey.grid.number(name, k) for k in sizes for name in asked)
    numbers = [place for place in places if place is not None]
    share = (time.perf_counter() - began) / len(numbers)
    settled = found.to_come <= levels[-1][0] * survey.grid.rows.weights.sum()
    cells: list[Cell | None] = [None] * len(survey.grid)

    def fit(number: int) -> None:
        sound = bool(np.isfinite(found.loglik[number]))
        start = mixture_of(survey, number, found.batch) if sound else None
        cells[number] = cell = fitted(survey, number, start, bool(settled[number]), share)
        if report is not None:
            report(replace(cell, covariance_type=asked[cell.covariance_type]))

    source: Any = survey.em.source
    try:
        for_each(lambda i: fit(numbers[i]), len(numbers), 1 if survey.whole else source.threads)
        if not survey.whole:
            repair(survey, cells)
    except KeyboardInterrupt:
        if not any(cells):
            raise
    done = {survey.grid.model(i): cell for i, cell in enumerate(cells) if cell is not None}
    models = ((name, letters_of(name, survey.grid.rows.d), k) for name in names for k in sizes)
    return [
        replace(done[letters, k], covariance_type=name)
        for name, letters, k in models
        if (letters, k) in done
    ]


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
    rng = np.random.default_rng(check_random_state(model.random_state).randint(0, 2**31, size=4))
    sample, own = em.source.sample_rows(WHOLE_ROWS if whole else SAMPLE_ROWS, rng)
    sample = np.asarray(sample, dtype=np.float64)
    if incomplete:
        sample = filled(sample, em)
    own = np.ones(len(sample)) if own is None else own
    assert em.total is not None
    centre, variance = em.total.centre[0], float((sample - em.total.centre[0]).var())
    unit = np.sqrt(variance) if variance > 0 else 1.0
    monomials = Monomials.of((sample - centre) / unit, own, centre / unit)
    grid = Grid(monomials, *with_neighbours(letters, sizes, counting, d))
    grid = replace(grid, priors=priors_of(model, em, grid, unit))
    return Survey(model, em, grid, centre, unit, whole)


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


def partitions(grid: Grid) -> list[Partition]:
    """Return ways to part the sample into any number of groups."""
    values = scaled(grid.rows.values[:, 1 : 1 + grid.rows.d])
    second = "ridge" if grid.rows.d <= RIDGE_COLUMNS else "EII"
    return [tree_of(values, grid.rows.weights, criterion).labels for criterion in ("VVV", second)]


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


def em_of(survey: Survey, name: str, k: int) -> EM:
    """Return the E- and M-step of one model."""
    source: Any = survey.em.source
    prior = prior_of(survey.model, survey.em, name, k)
    family = family_named(name)
    return replace(survey.em, family=family, prior=prior, source=source.with_threads(1))


def fitted(
    survey: Survey, number: int, start: Mixture | None, settled: bool, seconds: float
) -> Cell:
    """Return the fit of one model from where the sample has taken it."""
    began = time.perf_counter()
    name, k = survey.grid.model(number)
    d = survey.grid.rows.d
    nothing = Cell(name, k, k * d + k - 1 + family_named(name).n_covariance_parameters(k, d))
    if start is None:
        return replace(nothing, seconds=seconds)
    em, mixture = em_of(survey, name, k), start
    status = Status.CONVERGED if settled else Status.MAX_ITER
    try:
        if not survey.whole:
            mixture, status = climbed(survey, em, start)
        cell = told(em, nothing, mixture, status)
    except SingularCovarianceError:  # of the table, where the sample had none
        cell = nothing
    return replace(cell, seconds=seconds + time.perf_counter() - began)


def climbed(survey: Survey, em: EM, start: Mixture) -> tuple[Mixture, Status]:
    """Return what EM makes of a start on the whole table, and why it ended."""
    tol = max(TO_COME / em.source.weight, TO_COME_PER_ROW) / SAFETY
    rule = StoppingRule(Stopping.REMAINING, tol, em.source.weight)
    result = em.run(start, rule, survey.model.max_iter, accelerate=em.ridge == 0.0)
    return result.mixture, result.status


def told(em: EM, cell: Cell, mixture: Mixture, status: Status) -> Cell:
    """Return a cell with what there is to tell of its fit."""
    return replace(
        cell,
        mixture=mixture,
        log_likelihood=replace(em, prior=None).expect(mixture).loglik,
        fuzziness=em.source.map_reduce(partial(_fuzziness_of_block, em.kernels, mixture)),
        status=status,
        degenerate=status is Status.COLLAPSED or bool(collapsed_components(em, mixture).any()),
    )


def _fuzziness_of_block(
    kernels: Kernels, mixture: Mixture, rows: Any, weights: FloatArray | None
) -> Fuzziness:
    return fuzziness(kernels.responsibilities(rows, mixture), weights)


def repair(survey: Survey, cells: list[Cell | None]) -> None:
    """Fit models again that a special case of them has beaten, from where that is."""
    grid, least = survey.grid, BETTER * survey.em.source.weight
    for number, cell in enumerate(cells):
        special = [cells[i] for i in grid.special_cases(number)]
        sound = [other for other in special if other is not None and not other.degenerate]
        if cell is None or not sound:
            continue
        best = max(sound, key=lambda c: c.log_likelihood)
        if not cell.degenerate and cell.log_likelihood >= best.log_likelihood - least:
            continue
        assert best.mixture is not None
        family, old = family_named(grid.model(number)[0]), best.mixture
        matrices = old.family.full(old.covariances, *old.means.shape)
        start = Mixture(old.weights, old.means, in_form(family, matrices), family.name)
        cells[number] = fitted(survey, number, start, False, cell.seconds)
