"""The best fit of every structure and number of components to one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.batch import Batch, Climbed
from mixtura.algorithms.em import EM
from mixtura.algorithms.hierarchical import scaled, tree_of
from mixtura.algorithms.restarts import collapsed_components
from mixtura.algorithms.search import LEVELS, Grid, Partition, learnt, searched
from mixtura.algorithms.stopping import SAFETY, Status, Stopping, StoppingRule
from mixtura.estimators.survey import (
    WHOLE_ROWS,
    Survey,
    batch_of,
    em_of,
    in_form,
    letters_of,
    mixture_of,
    survey_of,
)
from mixtura.kernels import Kernels
from mixtura.model import Mixture, family_named
from mixtura.model.criteria import Fuzziness, fuzziness
from mixtura.model.families.base import FloatArray
from mixtura.sources.threads import for_each

#: Columns up to which trees may look at more than sums of squares.
RIDGE_COLUMNS = 15
#: Gain still to come, per unit of weight, where fits of larger tables learn from each other; and
#: as LEVELS, for the sample from which they start.
ROUGH = 1e-3
SAMPLE_LEVELS = ((ROUGH, 2),)
#: Gain still to come at the end, in nats, or per unit of weight where that is more.
TO_COME, TO_COME_PER_ROW = 0.05, 1e-5
#: A fit is better than another from this gain per unit of weight.
BETTER = 1e-5
#: How unsure a model is that was not fitted.
UNKNOWN = Fuzziness(np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a model is.

    Attributes
    ----------
    mixture : Mixture or None
        The parameters, if there are any.
    objective : float
        Log-likelihood of the table, with the prior; NaN before EM has run on the table.
    status : Status
        Why EM ended.
    seconds : float
        What it took so far.
    """

    mixture: Mixture | None
    objective: float = np.nan
    status: Status = Status.COLLAPSED
    seconds: float = 0.0


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
    grid, d = survey.grid, survey.grid.rows.d
    asked = {letters_of(name, d): name for name in reversed(names)}
    places = (grid.number(name, k) for k in sizes for name in asked)
    numbers = [place for place in places if place is not None]
    fits, cells = dict[int, Fit](), dict[int, Cell]()

    def done(number: int) -> None:
        fits[number] = fit = settled(survey, number, fits[number])
        cells[number] = cell = told(survey, number, fit)
        if report is not None:
            report(replace(cell, covariance_type=asked[cell.covariance_type]))

    try:
        found = sampled(survey)
        share = (time.perf_counter() - began) / len(numbers)
        fits |= {number: of_sample(survey, number, found, share) for number in numbers}
        if survey.others is not None:
            learn(survey, found.batch, fits)
        each(survey, done, numbers)
        if survey.others is not None:
            repair(survey, cells)
    except KeyboardInterrupt:
        if not cells:  # what has not settled is better than nothing
            reached = {i: fit for i, fit in fits.items() if not np.isnan(fit.objective)}
            cells |= {number: told(survey, number, fit) for number, fit in reached.items()}
        if not cells:
            raise
    models = ((name, grid.number(letters_of(name, d), k)) for name in names for k in sizes)
    return [replace(cells[i], covariance_type=name) for name, i in models if i in cells]


def sampled(survey: Survey) -> Climbed:
    """Return the best fits to the sample."""
    source: Any = survey.em.source
    levels = LEVELS if survey.others is None else SAMPLE_LEVELS
    with threadpool_limits(1, "blas"):  # of products so small, threads wait longer than they work
        return searched(survey.grid, partitions(survey.grid, source.n_rows <= WHOLE_ROWS), levels)


def partitions(grid: Grid, small: bool) -> list[Partition]:
    """Return ways to part the sample of a table, a small one or not, into any number of groups."""
    values = scaled(grid.rows.values[:, 1 : 1 + grid.rows.d])
    cheap = "ridge" if grid.rows.d <= RIDGE_COLUMNS else "EII"
    criteria = ("VVV", cheap) if small else (cheap,)  # other rows tell more for the time
    return [tree_of(values, grid.rows.weights, each).labels for each in criteria]


def of_sample(survey: Survey, number: int, found: Climbed, seconds: float) -> Fit:
    """Return where the sample has taken a model."""
    if not np.isfinite(found.loglik[number]):
        return Fit(None, seconds=seconds)
    settled = found.to_come[number] <= LEVELS[-1][0] * survey.grid.rows.weights.sum()
    status = Status.CONVERGED if settled else Status.MAX_ITER
    return Fit(mixture_of(survey, number, found.batch), status=status, seconds=seconds)


def each(survey: Survey, call: Callable[[int], None], numbers: Sequence[int]) -> None:
    """Call with each of some models, on all threads where tables are large."""
    source: Any = survey.em.source
    threads = 1 if survey.others is None else source.threads
    for_each(lambda i: call(numbers[i]), len(numbers), threads)


def learn(survey: Survey, batch: Batch, fits: dict[int, Fit]) -> None:
    """Bring fits to the table, and further where other rows say that a neighbour knows better.

    ``batch`` is where the sample has taken the models, some of which may only be there to tell.
    """

    def start(number: int) -> None:
        fits[number] = climbed(survey, number, fits[number], ROUGH)

    each(survey, start, list(fits))
    assert survey.others is not None
    sound = [fits[i].mixture if i in fits else None for i in range(len(survey.grid))]
    with threadpool_limits(1, "blas"):
        new, changed = learnt(survey.others, batch_of(survey, batch, sound), ROUGH)

    def try_new(number: int) -> None:
        suggested = replace(fits[number], mixture=mixture_of(survey, number, new.batch))
        fit = climbed(survey, number, suggested, ROUGH)
        better = not fits[number].objective >= fit.objective
        fits[number] = replace(fit if better else fits[number], seconds=fit.seconds)

    each(survey, try_new, [number for number in changed if number in fits])


def climbed(survey: Survey, number: int, fit: Fit, tol: float) -> Fit:
    """Return what EM makes of a fit on the table, until less than ``tol`` a row is to come."""
    if fit.mixture is None:
        return fit
    began = time.perf_counter()
    em = em_of(survey, number)
    rule = StoppingRule(Stopping.REMAINING, tol / SAFETY, em.source.weight)
    try:
        result = em.run(fit.mixture, rule, survey.model.max_iter, accelerate=em.ridge == 0.0)
        new = Fit(result.mixture, float(result.log_likelihoods[-1]), result.status)
    except SingularCovarianceError:  # of the table, where the sample had none
        new = Fit(None)
    return replace(new, seconds=fit.seconds + time.perf_counter() - began)


def settled(survey: Survey, number: int, fit: Fit) -> Fit:
    """Return the fit of a model when it has settled; where the sample is the table, it has."""
    if survey.others is None:
        return fit
    return climbed(survey, number, fit, max(TO_COME / survey.em.source.weight, TO_COME_PER_ROW))


def told(survey: Survey, number: int, fit: Fit) -> Cell:
    """Return a model with what there is to tell of its fit."""
    began = time.perf_counter()
    name, k = survey.grid.model(number)
    d = survey.grid.rows.d
    cell = Cell(name, k, k * d + k - 1 + family_named(name).n_covariance_parameters(k, d))
    try:
        if fit.mixture is not None:
            cell = measured(replace(em_of(survey, number), prior=None), cell, fit)
    except SingularCovarianceError:  # of the table, where the sample had none
        return replace(cell, seconds=fit.seconds)
    return replace(cell, seconds=fit.seconds + time.perf_counter() - began)


def measured(em: EM, cell: Cell, fit: Fit) -> Cell:
    """Return a model with what the table says of its fit."""
    mixture = fit.mixture
    assert mixture is not None
    collapsed = fit.status is Status.COLLAPSED or collapsed_components(em, mixture).any()
    return replace(
        cell,
        mixture=mixture,
        log_likelihood=em.expect(mixture).loglik,
        fuzziness=em.source.map_reduce(partial(_fuzziness_of_block, em.kernels, mixture)),
        status=fit.status,
        degenerate=bool(collapsed),
    )


def _fuzziness_of_block(
    kernels: Kernels, mixture: Mixture, rows: Any, weights: FloatArray | None
) -> Fuzziness:
    return fuzziness(kernels.responsibilities(rows, mixture), weights)


def repair(survey: Survey, cells: dict[int, Cell]) -> None:
    """Fit models again that a special case of them has beaten, from where that is."""
    grid, least = survey.grid, BETTER * survey.em.source.weight
    for number in sorted(cells):
        cell = cells[number]
        special = [cells[i] for i in grid.special_cases(number) if i in cells]
        sound = [other for other in special if not other.degenerate]
        if not sound:
            continue
        best = max(sound, key=lambda c: c.log_likelihood)
        if not cell.degenerate and cell.log_likelihood >= best.log_likelihood - least:
            continue
        assert best.mixture is not None
        family, old = family_named(grid.model(number)[0]), best.mixture
        matrices = old.family.full(old.covariances, *old.means.shape)
        start = Mixture(old.weights, old.means, in_form(family, matrices), family.name)
        fit = settled(survey, number, Fit(start, seconds=cell.seconds))
        cells[number] = told(survey, number, fit)
