"""The log-likelihood of rows that a model was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state

from mixtura._errors import InputError
from mixtura.estimators.validation import validated_weights
from mixtura.model.criteria import counts
from mixtura.model.families.base import FloatArray


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The log-likelihood of rows left out of the fit; the higher, the better.

    Attributes
    ----------
    log_likelihood : float
        Log-likelihood per row, in nats: the weighted mean over all rows left out.
    standard_error : float
        Its standard error over folds. As folds share rows to fit to, it is a guide, no bound.
    folds : ndarray of shape (n_folds,)
        Log-likelihood per row of every fold.
    weights : ndarray of shape (n_folds,)
        Weight of the rows left out in every fold.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, cross_validate
    >>> X = np.arange(20.0)[:, None]
    >>> cross_validate(GaussianMixture(1), X, cv=4, random_state=0).folds.shape
    (4,)
    """

    log_likelihood: float
    standard_error: float
    folds: FloatArray
    weights: FloatArray


def cross_validate(
    model: Any,
    X: ArrayLike,
    *,
    cv: Any = 5,
    sample_weight: ArrayLike | None = None,
    random_state: Any = None,
) -> CrossValidation:
    r"""Return the log-likelihood per row of rows left out of the fit.

    Parameters
    ----------
    model : GaussianMixture or another estimator with ``score_samples``
        What to fit; it is cloned and stays as it is.
    X : array-like of shape (n_samples, n_features)
        Rows; a cell that is NaN is missing. Rows without an observed cell count in nothing.
    cv : int, splitter or iterable, default=5
        Number of folds, drawn at random; or what scikit-learn takes: a splitter, or pairs of
        arrays of row numbers, to fit to and to leave out.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.
    random_state : int, RandomState or None, default=None
        Seed of the folds where ``cv`` is a number. Fits are seeded by the model's own.

    Returns
    -------
    CrossValidation
        Mean, standard error and the values of the folds.

    Raises
    ------
    ValueError
        If there are fewer rows that count than folds, or no row of a fold counts, or a fit
        fails; the message says which.

    Notes
    -----
    With :math:`m_f` the weighted mean log-density of fold :math:`f` under the fit to all others
    [1]_ and :math:`V_f` its weight, the result is :math:`m = \sum_f V_f m_f / V` and its squared
    standard error :math:`\frac{F}{F - 1} \sum_f (V_f / V)^2 (m_f - m)^2`.

    References
    ----------
    .. [1] Smyth, P. (2000). Model selection for probabilistic clustering using cross-validated
       likelihood. *Statistics and Computing* 10(1). :doi:`10.1023/A:1008940618127`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, cross_validate
    >>> rng = np.random.default_rng(0)
    >>> X = np.r_[rng.normal(0, 1, (50, 1)), rng.normal(9, 1, (50, 1))]
    >>> one, two = (cross_validate(GaussianMixture(k), X, random_state=0) for k in (1, 2))
    >>> two.log_likelihood > one.log_likelihood
    True
    """
    if isinstance(model, type):
        raise InputError(f"model is the class {model.__name__}; give an estimator of it.")
    if not hasattr(model, "score_samples"):
        raise InputError(f"model is a {type(model).__name__}, which has no score_samples.")
    given = None if sample_weight is None else validated_weights(sample_weight, X)
    weights = counts(as_cells(X), given)
    pairs = folds_of(cv, X, weights, random_state)
    if not pairs:
        raise InputError("cv holds no folds.")
    means, sizes = np.empty(len(pairs)), np.empty(len(pairs))
    for f, (rest, left) in enumerate(pairs):
        sizes[f] = weights[left].sum()
        if sizes[f] == 0.0:
            raise InputError(f"fold {f} of cv leaves out no row that counts; use fewer folds.")
        means[f] = held_out(model, X, given, rest, left) @ weights[left] / sizes[f]
    # docs/guide, equation 44
    mean, shares = float(sizes @ means / sizes.sum()), sizes / sizes.sum()
    spread = len(pairs) / (len(pairs) - 1.0) if len(pairs) > 1 else np.nan
    error = float(np.sqrt(spread * (shares**2 @ (means - mean) ** 2)))
    return CrossValidation(mean, error, means, sizes)


def as_cells(X: Any) -> FloatArray:
    """Return a table as cells that can be asked whether they are missing."""
    try:
        cells = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        cells = np.empty(0)
    if cells.ndim != 2:
        raise InputError("X must be a table of numbers, NaN where cells are missing.")
    return cells


def folds_of(
    cv: Any, X: Any, weights: FloatArray, random_state: Any
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return pairs of the rows to fit to and those to leave out.

    Where ``cv`` is a number, folds are of rows that count alone: another row changes nothing.
    """
    from sklearn.model_selection import KFold, check_cv  # brings much of scikit-learn with it

    if not isinstance(cv, int | np.integer):
        return list(check_cv(cv).split(X))
    rows = np.flatnonzero(weights > 0.0)
    if isinstance(cv, bool) or not 2 <= cv <= len(rows):
        raise InputError(f"cv={cv} must lie between 2 and the {len(rows)} rows that count.")
    splitter = KFold(int(cv), shuffle=True, random_state=check_random_state(random_state))
    return [(rows[rest], rows[left]) for rest, left in splitter.split(rows)]


def held_out(model: Any, X: Any, weights: FloatArray | None, rest: Any, left: Any) -> FloatArray:
    """Return the log-density of the rows ``left`` under the fit to the rows ``rest``."""
    own = {} if weights is None else {"sample_weight": weights[rest]}
    fitted = clone(model).fit(_safe_indexing(X, rest), **own)
    densities: FloatArray = fitted.score_samples(_safe_indexing(X, left))
    return densities
