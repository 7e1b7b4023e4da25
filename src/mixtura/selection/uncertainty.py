"""How sure the parameters of a fitted mixture are: standard errors and intervals by resampling."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.batch import Integers
from mixtura.algorithms.replicates import (
    LONGEST,
    Stack,
    Tables,
    climb,
    n_chunks,
    responsibilities,
)
from mixtura.estimators.fitting import check_positive
from mixtura.estimators.functional import checked_rows
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.survey import letters_of
from mixtura.estimators.validation import check_squares, validated_weights
from mixtura.model import Family, Mixture
from mixtura.model.families.base import FloatArray
from mixtura.model.sampling import generator
from mixtura.selection.search import MixtureSearch
from mixtura.sources.threads import for_each, n_threads

#: Gain still to come at the end of a fit, in nats: replicates begin at the estimate, and would
#: stay near it.
SETTLED = 1e-5
LINES_SHOWN = 60
#: What is less than this part of a number's scale is shown as 0.
NEGLIGIBLE = 1e-6


class Parameters(NamedTuple):
    """Numbers for the weights, means and covariances of a mixture, in their shapes."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True, eq=False)
class ParameterUncertainty:
    """Standard errors and intervals of a mixture's parameters; ``print`` shows them.

    ``standard_errors``, ``lower``, ``upper`` and ``replicates`` have fields ``weights``, ``means``
    and ``covariances``, in the shapes of the mixture's.

    Attributes
    ----------
    mixture : Mixture
        The estimates.
    standard_errors : tuple of ndarray
        Standard deviations of the replicates.
    lower : tuple of ndarray
        Lower ends of the percentile intervals.
    upper : tuple of ndarray
        Upper ends.
    replicates : tuple of ndarray
        The replicates' parameters, along a first axis, their components in the order of the
        estimate's.
    kind : str
        How rows were weighted.
    level : float
        Part of the replicates within the intervals.
    n_collapsed : int
        Replicates that were left out as one of their components had collapsed.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, bootstrap_parameters
    >>> X = np.random.default_rng(0).normal(size=(400, 1))
    >>> model = GaussianMixture().fit(X)
    >>> found = bootstrap_parameters(model, X, random_state=0)
    >>> np.abs(found.standard_errors.means / (X.std() / np.sqrt(400)) - 1) < 0.1
    array([[ True]])
    """

    mixture: Mixture
    standard_errors: Parameters
    lower: Parameters
    upper: Parameters
    replicates: Parameters
    kind: str
    level: float
    n_collapsed: int

    def __str__(self) -> str:
        """Return estimates, standard errors and intervals as a table for a terminal."""
        return report(self)


def bootstrap_parameters(
    model: Any,
    X: ArrayLike,
    *,
    kind: str = "bootstrap",
    n_boot: int = 999,
    level: float = 0.95,
    sample_weight: ArrayLike | None = None,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> ParameterUncertainty:
    r"""Return standard errors and intervals of the parameters of a fitted mixture.

    Parameters
    ----------
    model : GaussianMixture, MixtureSearch or Mixture
        The fit, by maximum likelihood, to the same rows; of a search its best.
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing. Replicates of tables with missing cells are fitted
        one by one, which takes much longer.
    kind : {'bootstrap', 'weighted'}, default='bootstrap'
        ``'bootstrap'`` draws rows with replacement [1]_. ``'weighted'`` gives them exponential
        weights, the weighted likelihood bootstrap [2]_: no row is ever left out, so that small
        components collapse less often.
    n_boot : int, default=999
        Number of replicates, at least 2.
    level : float, default=0.95
        Part of the replicates that intervals hold, between 0 and 1.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights, numbers of rows: a weight of 2 counts as the row twice.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the replicates.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Returns
    -------
    ParameterUncertainty
        Standard errors, intervals, and the parameters of all replicates.

    Raises
    ------
    ValueError
        If the model, the table or a parameter cannot be used, or components collapse in all
        replicates but one; the message says which.

    Notes
    -----
    Every replicate is fitted from the estimate on, and its components are put in the order of the
    estimate's: the one in which the rows' responsibilities agree most. The intervals are
    percentiles of the replicates; where components overlap they are wide, as components then trade
    rows [3]_.

    References
    ----------
    .. [1] Efron, B. (1979). Bootstrap methods: another look at the jackknife. *Annals of
       Statistics* 7(1). :doi:`10.1214/aos/1176344552`
    .. [2] Newton, M. & Raftery, A. (1994). Approximate Bayesian inference with the weighted
       likelihood bootstrap. *JRSS B* 56(1). :doi:`10.1111/j.2517-6161.1994.tb01956.x`
    .. [3] O'Hagan, A., Murphy, T., Scrucca, L. & Gormley, I. (2019). Investigation of parameter
       uncertainty in clustering using a Gaussian mixture model via jackknife, bootstrap and
       weighted likelihood bootstrap. *Computational Statistics* 34.
       :doi:`10.1007/s00180-019-00897-9`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, bootstrap_parameters
    >>> X = np.r_[np.full(9, 1.0), np.full(9, 2.0), np.full(9, 3.0)][:, None]
    >>> model = GaussianMixture().fit(X)
    >>> found = bootstrap_parameters(model, X, kind="weighted", random_state=0)
    >>> bool(found.lower.means[0, 0] < 2.0 < found.upper.means[0, 0])
    True
    """
    check_request(kind, n_boot, level)
    mixture = likeliest(model)
    rows, weights, incomplete = counting(X, mixture.n_features, sample_weight)
    seed = generator(random_state).integers(2**32, size=4).tolist()
    n, (k, d) = len(rows), mixture.means.shape
    chunks = np.array_split(np.arange(n_boot), n_chunks(n_boot, n, k, d))
    found: list[Parameters] = [Parameters(*[np.empty(0)] * 3)] * len(chunks)
    refitted = one_by_one if incomplete else side_by_side

    def fill(number: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        drawn = SCHEMES[kind](rng, weights, len(chunks[number]))
        found[number] = refitted(mixture, rows, weights, drawn)

    # Threads would share the filter that silences warnings of fits one by one.
    for_each(fill, len(chunks), 1 if incomplete else n_threads(n_jobs))
    replicates = Parameters(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
    return summary(mixture, replicates, kind, level, n_boot)


def resampled(rng: np.random.Generator, weights: FloatArray, m: int) -> FloatArray:
    """Return how often rows are drawn (m, n), with replacement."""
    total = max(1, round(float(weights.sum())))
    return rng.multinomial(total, weights / weights.sum(), size=m).astype(np.float64)


def reweighted(rng: np.random.Generator, weights: FloatArray, m: int) -> FloatArray:
    """Return weights (m, n) that are proportional to a draw from a Dirichlet distribution."""
    return rng.gamma(weights, size=(m, len(weights)))


SCHEMES: dict[str, Callable[[np.random.Generator, FloatArray, int], FloatArray]] = {
    "bootstrap": resampled,
    "weighted": reweighted,
}


def check_request(kind: str, n_boot: int, level: float) -> None:
    """Raise where a parameter is out of its range."""
    if kind not in SCHEMES:
        raise InputError(f"kind={kind!r} is not one of {', '.join(SCHEMES)}.")
    check_positive("n_boot", n_boot)
    if n_boot < 2:
        raise InputError("n_boot=1 has no standard deviation: take at least 2.")
    check_level(level)


def check_level(level: float) -> None:
    """Raise unless a level is a number between 0 and 1."""
    if not isinstance(level, float | np.floating) or not 0.0 < level < 1.0:
        raise InputError(f"level={level!r} must be a number between 0 and 1.")


def likeliest(model: Any) -> Mixture:
    """Return the mixture of a fit by maximum likelihood."""
    if isinstance(model, Mixture):
        return model
    if isinstance(model, MixtureSearch):
        check_is_fitted(model)
        model = model.best_estimator_
    if not isinstance(model, GaussianMixture):
        raise InputError(
            f"model is a {type(model).__name__}: give a GaussianMixture, MixtureSearch or Mixture."
        )
    mixture = model.mixture_
    if not isinstance(model.reg_covar, str) and model.reg_covar > 0.0:
        raise InputError(
            f"model has reg_covar={model.reg_covar!r}, and replicates are fitted by maximum "
            "likelihood: fit it with reg_covar='auto'."
        )
    for name in ("prior", "eigenvalue_ratio"):
        if getattr(model, name) is not None:
            raise InputError(
                f"model has {name}={getattr(model, name)!r}, and replicates are fitted by maximum "
                "likelihood: fit it without."
            )
    return mixture


def counting(
    X: ArrayLike, n_features: int, sample_weight: ArrayLike | None
) -> tuple[FloatArray, FloatArray, bool]:
    """Return the rows that count, their weights, and whether cells of them are missing."""
    rows, incomplete = checked_rows(X, n_features)
    check_squares(rows)
    given = validated_weights(sample_weight, rows)
    weights = np.ones(len(rows)) if given is None else given
    telling = (weights > 0.0) & ~np.isnan(rows).all(axis=1)
    if weights[telling].sum() <= 1.0:
        raise InputError(
            f"sample_weight sums to {weights[telling].sum():g} over the rows that are observed; "
            "weights stand for numbers of rows: multiply them so that they sum to as many as there "
            "are."
        )
    return rows[telling].astype(np.float64), weights[telling], incomplete


def side_by_side(
    mixture: Mixture, rows: FloatArray, weights: FloatArray, drawn: FloatArray
) -> Parameters:
    """Return the fits under weights (m, n) in which no component collapsed."""
    k, d = mixture.means.shape
    centre = np.average(rows, axis=0, weights=weights)
    values = rows - centre
    spread = np.average(values**2, axis=0, weights=weights)
    tables = Tables.of(values[None], drawn, spread)
    matrices = mixture.family.full(mixture.covariances, k, d)
    start = Stack.repeated(len(drawn), mixture.weights, mixture.means - centre, matrices)
    fits = climb(letters_of(mixture.covariance_type, d), tables, start, LONGEST, SETTLED)
    sound = np.flatnonzero(np.isfinite(fits.loglik))
    models = fits.models.subset(sound)
    resp, _ = responsibilities(tables.subset(sound), models)
    moved = Stack(models.weights, models.means + centre, models.covariances)
    return aligned(mixture, rows, weights, moved, resp)


def one_by_one(
    mixture: Mixture, rows: FloatArray, weights: FloatArray, drawn: FloatArray
) -> Parameters:
    """Return the fits under weights (m, n) in which no component collapsed, cells missing."""
    (k, d), n = mixture.means.shape, len(rows)
    model = GaussianMixture(k, covariance_type=mixture.covariance_type, init_params=mixture)
    fits, resp = [], []
    for own in drawn:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                model.fit(rows, sample_weight=own)
            except InputError:  # a component has collapsed, or a column has no cell left
                continue
        if not model.collapsed_.any():
            fits.append(model.mixture_)
            resp.append(model.predict_proba(rows).T)
    models = Stack(
        np.array([fit.weights for fit in fits]).reshape(-1, k),
        np.array([fit.means for fit in fits]).reshape(-1, k, d),
        np.array([fit.family.full(fit.covariances, k, d) for fit in fits]).reshape(-1, k, d, d),
    )
    return aligned(mixture, rows, weights, models, np.array(resp).reshape(-1, k, n))


def aligned(
    mixture: Mixture, rows: FloatArray, weights: FloatArray, models: Stack, resp: FloatArray
) -> Parameters:
    """Return the parameters of fits with the components in the order of those of the mixture.

    ``resp`` (m, k, n) are the fits' responsibilities.
    """
    order = matching(weights * mixture.responsibilities(rows).T, resp)
    which = np.arange(len(order))[:, None], order
    covariances = of_form(mixture.family, models.covariances[which])
    return Parameters(models.weights[which], models.means[which], covariances)


def of_form(family: Family, matrices: FloatArray) -> FloatArray:
    """Return matrices (..., k, d, d) in the shape of a structure's covariances."""
    return {
        "full": matrices,
        "tied": matrices[..., 0, :, :],
        "diag": np.diagonal(matrices, axis1=-2, axis2=-1),
        "spherical": matrices[..., 0, 0],
    }[family.form]


def matching(resp: FloatArray, others: FloatArray) -> Integers:
    """Return for each component of responsibilities (k, n) its like in others (m, k, n).

    The sum over rows and components of the products is the largest that there is.
    """
    agreement = resp @ others.transpose(0, 2, 1)
    orders = [linear_sum_assignment(each, maximize=True)[1] for each in agreement]
    return np.array(orders, dtype=np.intp).reshape(-1, len(resp))


def summary(
    mixture: Mixture, replicates: Parameters, kind: str, level: float, n_boot: int
) -> ParameterUncertainty:
    """Return standard errors and intervals of replicates."""
    n = len(replicates.weights)
    if n < 2:
        raise InputError(
            f"components collapsed in {n_boot - n} of {n_boot} replicates: use fewer components, "
            "a simpler covariance_type, or kind='weighted'."
        )
    errors = Parameters(*(array.std(axis=0, ddof=1) for array in replicates))
    tail = 0.5 * (1.0 - level)
    lower, upper = (
        Parameters(*(np.quantile(array, part, axis=0) for array in replicates))
        for part in (tail, 1.0 - tail)
    )
    return ParameterUncertainty(mixture, errors, lower, upper, replicates, kind, level, n_boot - n)


def report(found: ParameterUncertainty) -> str:
    """Return estimates, standard errors and intervals as text, a line for a parameter."""
    mixture = found.mixture
    estimates = Parameters(mixture.weights, mixture.means, mixture.covariances)
    tables = (estimates, found.standard_errors, found.lower, found.upper)
    header = f"{'parameter':<24}{'estimate':>12}{'error':>12}{f'{found.level:.4g} interval':>26}"
    lines = []
    for name, unit, *arrays in zip(Parameters._fields, units(mixture), *tables, strict=True):
        shown = [np.where(np.abs(each) > NEGLIGIBLE * unit, each, 0.0).ravel() for each in arrays]
        lines += [
            f"{name + str(list(at)):<24}{estimate:>12.5g}{error:>12.3g}{low:>14.5g}{high:>12.5g}"
            for at, estimate, error, low, high in zip(np.ndindex(unit.shape), *shown, strict=True)
        ]
    left = len(lines) - LINES_SHOWN
    more = [f"and {left:,} more"] if left > 0 else []
    n = len(found.replicates.weights)
    told = f", {found.n_collapsed:,} left out: a component collapsed" if found.n_collapsed else ""
    return "\n".join([header, *lines[:LINES_SHOWN], *more, "", f"{n:,} replicates{told}"])


def units(mixture: Mixture) -> Parameters:
    """Return the scale of each parameter: 1, and standard deviations and their products."""
    matrices = mixture.family.full(mixture.covariances, *mixture.means.shape)
    deviations = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    products = deviations[:, :, None] * deviations[:, None, :]
    covariances = of_form(mixture.family, products)
    return Parameters(np.ones_like(mixture.weights), deviations, covariances)
