"""EM one step at a time, as the textbook writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array

from mixtura._errors import InputError
from mixtura.algorithms.em import EM, FitResult, Step
from mixtura.algorithms.given import statistics_of
from mixtura.algorithms.stopping import StoppingRule
from mixtura.algorithms.total import total_statistics
from mixtura.estimators.loading import loaded
from mixtura.estimators.validation import (
    check_columns,
    check_finite,
    check_magnitude,
    check_observed,
    naming_cells,
    validated_responsibilities,
    validated_weights,
    with_nan,
)
from mixtura.kernels import Kernels, choose, work
from mixtura.kernels.patterns import patterns_of
from mixtura.model import CovarianceFloor, Mixture, family_named, maximise
from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import check_one_column
from mixtura.sources import MemorySource, SortedSource
from mixtura.sources.threads import n_threads


def e_step(X: ArrayLike, mixture: Mixture) -> tuple[FloatArray, float]:
    r"""Return the responsibilities and the log-likelihood under a mixture (E-step).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing.
    mixture : Mixture
        The current parameters.

    Returns
    -------
    responsibilities : ndarray of shape (n_samples, n_components)
        Posterior probability of each component; rows sum to 1.
    log_likelihood : float
        Total over the rows, in nats.

    Raises
    ------
    ValueError
        If ``X`` holds text or infinity, or has not the mixture's number of columns.

    Notes
    -----
    :math:`r_{ij} = w_j N(x_i; \mu_j, \Sigma_j) / p(x_i)` [1]_, over the observed cells of
    :math:`x_i`. A row without any has the weights as its responsibilities.

    References
    ----------
    .. [1] Dempster, A., Laird, N. & Rubin, D. (1977). Maximum likelihood from incomplete data
       via the EM algorithm. *JRSS B* 39(1). :doi:`10.1111/j.2517-6161.1977.tb01600.x`

    Examples
    --------
    >>> from mixtura import Mixture, e_step
    >>> start = Mixture([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
    >>> responsibilities, log_likelihood = e_step([[2.0]], start)
    >>> responsibilities
    array([[0.5, 0.5]])
    """
    check_mixture("mixture", mixture)
    rows, incomplete = checked_rows(X, mixture.n_features)
    source, kernels = source_for(
        rows, None, mixture.n_components, mixture.covariance_type, incomplete=incomplete
    )
    resp = np.empty((len(rows), mixture.n_components))
    source.map_rows(lambda block: kernels.responsibilities(block, mixture), resp)
    log_prob = source.map_rows(lambda block: kernels.log_prob(block, mixture), np.empty(len(rows)))
    return resp, float(log_prob.sum())


def m_step(
    X: ArrayLike,
    responsibilities: ArrayLike,
    covariance_type: str = "full",
    *,
    sample_weight: ArrayLike | None = None,
    min_variance: float = 0.0,
    min_support: float = 0.0,
    previous: Mixture | None = None,
) -> Mixture:
    r"""Return the mixture of maximum likelihood for given responsibilities (M-step).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing.
    responsibilities : array-like of shape (n_samples, n_components)
        Non-negative, each row summing to 1.
    covariance_type : str, default='full'
        The covariance structure, as in ``Mixture``.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.
    min_variance : float, default=0.0
        Smallest variance in any direction, in squared units of the columns. Where components share
        volume, shape or orientation, one that falls below is an error.
    min_support : float, default=0.0
        A component whose summed responsibility is below this keeps the mean of ``previous``;
        where cells are missing, in each column whose observed rows sum to less.
    previous : Mixture, optional
        Of the same structure: where means and covariances of components without support come from
        and, where cells are missing and columns are correlated, what those cells are expected to be
        under; pass the mixture of the E-step. Without it they are taken to be uncorrelated with
        the others.
        Structures whose M-step goes step by step (VEE, EVE, VVE, VEI, VEV; EVI where cells are
        missing) begin there, and do not fall below it.

    Returns
    -------
    Mixture
        Weights, means and covariances.

    Raises
    ------
    InputError
        If a component (where cells are missing: in a column) has no support and there is no
        ``previous``, or shapes do not fit.

    Notes
    -----
    :math:`\mu_j = \sum_i r_{ij} x_i / \sum_i r_{ij}`, and the covariance is the weighted mean of
    :math:`(x_i - \mu_j)(x_i - \mu_j)'` as the structure allows [1]_. Where columns are
    independent, sums run over observed cells; else missing cells enter with their conditional
    means and covariances [2]_.

    References
    ----------
    .. [1] Dempster, A., Laird, N. & Rubin, D. (1977). Maximum likelihood from incomplete data
       via the EM algorithm. *JRSS B* 39(1). :doi:`10.1111/j.2517-6161.1977.tb01600.x`
    .. [2] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via an
       EM approach. *Advances in Neural Information Processing Systems* 6.

    Examples
    --------
    >>> from mixtura import m_step
    >>> mixture = m_step([[-1.0], [1.0], [5.0], [7.0]], [[1, 0], [1, 0], [0, 1], [0, 1]], "diag")
    >>> mixture.means
    array([[0.],
           [6.]])
    """
    rows, incomplete = checked_rows(X, None if previous is None else previous.n_features)
    family = family_named(covariance_type)
    resp = validated_responsibilities(responsibilities, len(rows), name="responsibilities")
    weights = validated_weights(sample_weight, rows)
    if incomplete and previous is None:
        check_observed(rows, getattr(X, "columns", None), weights)
    check_one_column(covariance_type, rows.shape[1])
    if previous is not None and previous.family != family:
        raise InputError(
            f"previous has {previous.covariance_type!r} covariances, not {family.name!r}."
        )
    if previous is not None and previous.n_components != resp.shape[1]:
        raise InputError(
            f"previous has {previous.n_components} components, responsibilities {resp.shape[1]}."
        )
    return maximise(
        statistics_of(rows, resp, weights, family, previous),
        floor=absolute_floor(min_variance, rows.shape[1]),
        min_support=non_negative("min_support", min_support),
        previous=previous,
    )


def run_em(
    X: ArrayLike,
    start: Mixture,
    *,
    tol: float = 1e-6,
    stopping: str = "relative",
    max_iter: int = 1000,
    sample_weight: ArrayLike | None = None,
    min_variance: float = 0.0,
    min_support: float = 0.0,
    record: bool = False,
    callback: Callable[[Step], Any] | None = None,
) -> FitResult:
    """Iterate E- and M-steps from a start until the log-likelihood settles.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing.
    start : Mixture
        The parameters to start from; they fix the covariance structure.
    tol : float, default=1e-6
        See ``stopping``; at least 0.
    stopping : {'relative', 'mean', 'total', 'remaining'}, default='relative'
        Stop once ``new - old <= tol * |new|`` (relative), once the gain per unit of weight is
        below ``tol`` (mean), once the total gain is below ``tol`` (total), or once Aitken's
        estimate of the gain still to come, per unit of weight, is (remaining).
    max_iter : int, default=1000
        Largest number of EM updates; 0 only evaluates the start (lifted to ``min_variance``).
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights.
    min_variance : float, default=0.0
        Smallest variance in any direction, in squared units of the columns. Where components share
        volume, shape or orientation, one that falls below ends the run.
    min_support : float, default=0.0
        A component whose summed responsibility is below this keeps its mean; where cells are
        missing, in each column whose observed rows sum to less.
    record : bool, default=False
        Keep the mixture of every iteration in ``snapshots``.
    callback : callable, optional
        Called with a ``Step`` after each update; returning true stops the run.

    Returns
    -------
    FitResult
        ``mixture``, ``responsibilities``, ``log_likelihoods`` (of the start and after each
        update), ``n_iter``, ``converged``, ``status``, ``snapshots``.

    Raises
    ------
    InputError
        If the start's covariances are not positive definite or not of its structure, a parameter
        is out of range, or a column has no observed value.

    Notes
    -----
    Every update raises the log-likelihood or leaves it as it is [1]_; an update that loses to
    rounding is not taken. Where ``min_variance`` is 0 and a component collapses, the run ends
    with the parameters before that, and ``status`` says so.

    References
    ----------
    .. [1] Dempster, A., Laird, N. & Rubin, D. (1977). Maximum likelihood from incomplete data
       via the EM algorithm. *JRSS B* 39(1). :doi:`10.1111/j.2517-6161.1977.tb01600.x`

    Examples
    --------
    >>> from mixtura import Mixture, run_em
    >>> start = Mixture([0.5, 0.5], [[6.0], [7.0]], [1.0, 4.0], "spherical")
    >>> result = run_em([[-1.0], [0.0], [4.0], [5.0], [6.0]], start, tol=1e-12)
    >>> result.mixture.means.round(3)
    array([[ 5. ],
           [-0.5]])
    """
    check_mixture("start", start)
    check_structure("start", start)
    rows, incomplete = checked_rows(X, start.n_features)
    weights = validated_weights(sample_weight, rows)
    if incomplete:
        check_observed(rows, getattr(X, "columns", None), weights)
    source, kernels = source_for(
        rows, weights, start.n_components, start.covariance_type, incomplete=incomplete
    )
    if not isinstance(max_iter, int | np.integer) or max_iter < 0:
        raise InputError(f"max_iter={max_iter!r} must be a whole number of at least 0.")
    em = EM(
        source,
        kernels,
        start.family,
        total_statistics(source, kernels, start.family),
        absolute_floor(min_variance, rows.shape[1]),
        min_support=non_negative("min_support", min_support),
    )
    assert em.total is not None
    check_magnitude(em.total, rows)
    rule = StoppingRule.named(stopping, tol, source.weight)
    result = em.run(start, rule, max_iter, record=record, callback=callback)
    resp = np.empty((len(rows), start.n_components))
    source.map_rows(lambda block: kernels.responsibilities(block, result.mixture), resp)
    return replace(result, responsibilities=resp)


def check_mixture(name: str, value: Any) -> None:
    """Raise unless a parameter is a Mixture."""
    if not isinstance(value, Mixture):
        raise InputError(
            f"{name} is a {type(value).__name__}; pass a Mixture (a fitted estimator has one in "
            "mixture_)."
        )


def check_structure(name: str, mixture: Mixture) -> None:
    """Raise unless a mixture has a density and its covariances are of its structure."""
    mixture.density  # noqa: B018 - raises naming the component that is not positive definite
    mixture.family.check(name, mixture.covariances)


def checked_rows(X: ArrayLike, n_features: int | None) -> tuple[Any, bool]:
    """Return ``X`` as rows of float64 or float32, checked, and whether cells are missing."""
    X = loaded(X, "This function")
    with naming_cells(X, allow_nan=True):
        rows = check_array(
            with_nan(X), dtype=[np.float64, np.float32], input_name="X", ensure_all_finite=False
        )
        incomplete = check_finite(rows, allow_nan=True)
    if n_features is not None:
        check_columns(rows, n_features)
    return rows if rows.flags.aligned else rows.copy(), incomplete


def source_for(
    rows: Any,
    weights: FloatArray | None,
    k: int,
    covariance_type: str,
    engine: str = "auto",
    n_jobs: int | None = None,
    *,
    incomplete: bool = False,
) -> tuple[MemorySource, Kernels]:
    """Return the rows as a source and the kernels that fit the amount of work.

    ``incomplete`` says that cells of the rows are missing.
    """
    n, d = rows.shape
    sort = incomplete and family_named(covariance_type).correlated
    order, patterns = patterns_of(rows) if sort else (None, None)
    cost = work(n, d, k, covariance_type, patterns)
    kernels = choose(engine, rows, cost, incomplete)
    result_size = int(np.prod(family_named(covariance_type).covariance_shape(k, d))) + k * (d + 1)
    # NumPy's own linear algebra is threaded, and holds the interpreter in between.
    threads = n_threads(n_jobs) if kernels.name == "numba" else 1
    sizes: Any = {"row_work": cost / n, "result_size": result_size, "threads": threads}
    if order is not None and patterns is not None:
        return SortedSource(rows, weights, order, len(patterns.rows), **sizes), kernels
    return MemorySource(rows, weights, **sizes), kernels


def absolute_floor(min_variance: float, d: int) -> CovarianceFloor | None:
    """Return the floor of ``min_variance`` in every direction, or none."""
    variance = non_negative("min_variance", min_variance)
    return CovarianceFloor.isotropic(variance, d) if variance > 0 else None


def non_negative(name: str, value: Any) -> float:
    """Return a parameter that must be a finite number of at least 0."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < np.inf:
        raise InputError(f"{name}={value!r} must be a finite number of at least 0.")
    return float(value)
