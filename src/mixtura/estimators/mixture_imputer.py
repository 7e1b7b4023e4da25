"""The scikit-learn transformer that fills in missing cells."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from mixtura.algorithms.stopping import Status
from mixtura.estimators import imputing, outside
from mixtura.estimators.imputer_fit import Afar, Inside, best_model, fitted_model
from mixtura.estimators.loading import is_outside
from mixtura.estimators.validation import validated_table
from mixtura.model import STRUCTURES
from mixtura.model.sampling import generator


class MixtureImputer(TransformerMixin, BaseEstimator):
    r"""Fill in missing cells with what a Gaussian mixture expects there, or draws.

    Parameters
    ----------
    n_components : int or 'auto', default=3
        Number of components, at least 1. With a few, what a column tells of another may differ
        between groups of rows; more than the table supports do little harm. ``'auto'`` takes that
        of 1 to 9 whose mixture has the least BIC. It describes the table with as few as will do,
        and often fills in less well than the default.
    covariance_type : str, default='full'
        The covariance structure, as in ``GaussianMixture``; without correlations (diag, spherical
        and those that restrict them) only the groups tell about missing cells.
    shrinkage : 'auto' or float, default='auto'
        How many rows of the covariance that all components have in common are added to each
        component's own, at least 0; ``'auto'`` is two per column. 0 is maximum likelihood.
    kind : {'mean', 'draw'}, default='mean'
        Fill in the best guess, or a value drawn from what the cell may be.
    add_indicator : bool, default=False
        Append, for every column with missing cells in ``fit``, one that says where they are.
    tol : float, default=0.01
        Stop once an iteration gains less than this per row, in nats: filled cells have settled
        long before the likelihood has.
    n_init : int, default=1
        Number of starts.
    max_iter : int, default=1000
        Largest number of EM updates in each of the two stages.
    random_state : int, RandomState or None, default=None
        Seed of the starts, and of the draws: with an int, ``transform`` draws the same every time.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Attributes
    ----------
    model_ : GaussianMixture
        The fitted mixture, which can be saved, and impute with standard deviations and draws.
    indicator_ : MissingIndicator
        What makes the columns of ``add_indicator``, if it is set.
    n_iter_ : int
        EM updates of the best start, in both stages together.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    See Also
    --------
    GaussianMixture.impute : Posterior means, standard deviations and draws of a fitted mixture.

    Notes
    -----
    First a mixture with one covariance matrix for all components is fitted by EM. From there the
    covariances go apart, each with ``shrinkage`` rows of the common one added to its own rows:
    the posterior mode under inverse Wishart priors, as in regularised discriminant analysis
    [1]_. A missing cell gets its mean (or a draw) given the observed cells of its row [2]_. A
    column without any observed cell is an error in ``fit``.

    References
    ----------
    .. [1] Friedman, J. (1989). Regularized discriminant analysis. *JASA* 84(405).
       :doi:`10.1080/01621459.1989.10478752`
    .. [2] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via an EM
       approach. *Advances in Neural Information Processing Systems* 6.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureImputer
    >>> X = np.array([[1, 2], [2, 4], [3, 6.1], [4, 7.9], [5, np.nan]])
    >>> MixtureImputer(1, shrinkage=0).fit_transform(X)[-1].round(1)
    array([5. , 9.9])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "shrinkage": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "kind": [StrOptions(set(imputing.KINDS))],
        "add_indicator": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
    }

    def __init__(
        self,
        n_components: int | str = 3,
        *,
        covariance_type: str = "full",
        shrinkage: str | float = "auto",
        kind: str = "mean",
        add_indicator: bool = False,
        tol: float = 0.01,
        n_init: int = 1,
        max_iter: int = 1000,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.shrinkage = shrinkage
        self.kind = kind
        self.add_indicator = add_indicator
        self.tol = tol
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None) -> MixtureImputer:
        """Fit the mixture to a table with missing cells.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN means missing.
        y : Ignored
            Present by convention.

        Returns
        -------
        MixtureImputer
            The fitted transformer.

        Raises
        ------
        ValueError
            If the table or a parameter cannot be used, or a column has no observed cell; the
            message names which.
        """
        self._validate_params()
        table = Afar(self, X) if is_outside(X) else Inside(self, X)
        if isinstance(self.n_components, str):
            self.model_, self.n_iter_ = best_model(self, table)
        else:
            self.model_, self.n_iter_ = fitted_model(self, self.n_components, table)
        if hasattr(self, "feature_names_in_"):
            self.model_.feature_names_in_ = self.feature_names_in_
        if self.model_.status_ is Status.MAX_ITER:
            warnings.warn(Status.MAX_ITER.value, ConvergenceWarning, stacklevel=2)
        if self.model_.collapsed_.any():
            message = (
                "A component has collapsed onto a point or a plane, and is too sure of missing "
                "cells. Use a larger shrinkage or fewer components."
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        if self.add_indicator:
            from sklearn.impute import MissingIndicator  # brings much of scikit-learn with it

            self.indicator_ = MissingIndicator(error_on_new=False).fit(table.pattern())
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the table with its missing cells filled in.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN means missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_samples, n_features + n_indicators)
            Observed cells as they are; float32 stays float32.
        """
        check_is_fitted(self, "model_")
        if is_outside(X):
            imputing.check_outside(self.kind)
            more = len(self.indicator_.features_) if self.add_indicator else 0
            return outside.filled(self, "transform", X, more)
        rows, _ = validated_table(self, X, fitting=False)
        mixture = self.model_.mixture_
        if self.kind == "mean":
            filled: NDArray[Any] = imputing.imputed(rows, mixture)
        else:
            filled = imputing.drawn(rows, mixture, 1, generator(self.random_state))
        if not self.add_indicator:
            return filled
        return np.hstack([filled, self.indicator_.transform(rows).astype(filled.dtype)])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns, where ``fit`` saw none.

        Returns
        -------
        ndarray of str
            Those of the columns, then those of the indicators.
        """
        check_is_fitted(self, "model_")
        names: NDArray[Any] = _check_feature_names_in(self, input_features)
        if not self.add_indicator:
            return names
        return np.concatenate([names, self.indicator_.get_feature_names_out(names)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
