"""The scikit-learn estimator for Gaussian mixtures with uniform noise."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.starts import METHODS
from mixtura.estimators import fitting, outside, runs
from mixtura.estimators.functional import source_for
from mixtura.estimators.loading import is_outside
from mixtura.estimators.model_file import Saved
from mixtura.estimators.noise_fit import problem_with_noise
from mixtura.estimators.validation import (
    check_columns,
    validated_table,
    validated_weights,
    with_nan,
)
from mixtura.kernels.noise import NoisyKernels
from mixtura.model import criteria
from mixtura.model.families.base import FloatArray
from mixtura.model.noise import NoisyMixture, Uniform


class NoiseMixture(Saved, DensityMixin, BaseEstimator):
    r"""Gaussian mixture with a uniform component for rows that belong to no group.

    Parameters
    ----------
    n_components : int, default=1
        Number of Gaussian components, at least 1.
    covariance_type : str, default='full'
        The covariance structure, as in ``GaussianMixture``.
    noise : 'auto', float or array-like of shape (n_samples,), default='auto'
        Where EM starts from: the share of rows that are noise, between 0 and 1, found by the
        distances of their neighbours [3]_, or true for every such row. ``'auto'`` starts both from
        as many as those distances tell of, and from a share of 0.05. All of it may change in the
        fit.
    tol : 'auto' or float, default='auto'
        When to stop, as in ``GaussianMixture``.
    reg_covar : 'auto' or float, default='auto'
        Floor or ridge of the covariances, as in ``GaussianMixture``; ``'auto'`` is relative to the
        rows that are no noise at the start.
    prior : {'conjugate'} or None, default=None
        Of means and covariances, as in ``GaussianMixture``, from the same rows.
    max_iter : int, default=1000
        Largest number of EM updates per start.
    n_init : int, default=1
        Number of starts (of each kind, with ``noise='auto'``); the best log-likelihood without a
        collapsed component wins.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How the components start from the rows that are no noise.
    random_state : int, RandomState or None, default=None
        Seed of the starts.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the rows; ``'auto'`` goes by the amount of work.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Parts of the rows that belong to each component; they sum to ``1 - noise_weight_``.
    noise_weight_ : float
        Part of the rows that is noise.
    log_volume_ : float
        Logarithm of the volume that the noise is spread over.
    means_ : ndarray of shape (n_components, n_features)
        Component means.
    covariances_ : ndarray
        Covariances in the shape of ``covariance_type``, as in ``GaussianMixture``.
    mixture_ : Mixture
        The components without the noise; the weights of it sum to 1.
    converged_ : bool
        Whether the best start reached the stopping rule.
    status_ : Status
        Why the best start stopped; ``status_.value`` is a sentence.
    n_iter_ : int
        EM updates of the best start.
    lower_bound_ : float
        Log-likelihood per row of the fitted parameters, in nats; with a ``prior``, plus the
        logarithm of its density relative to the largest, over the number of rows.
    restarts_ : ndarray of shape (n_starts,)
        Final log-likelihood per row of every start.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    See Also
    --------
    GaussianMixture : The same without noise.

    Notes
    -----
    The density is :math:`(1 - w_0) \sum_j w_j N(x; \mu_j, \Sigma_j) + w_0 / V`, where V is the
    volume of a box around all rows: the smaller of that along the columns and that along the
    principal axes [1]_, [2]_. V depends on the units of the columns, and on the farthest rows. EM
    raises the likelihood in every step.

    Cells that are NaN are missing. Noise then has the density of the observed columns: the box is
    that along the columns, without those that are missing. Where the table of ``fit`` was complete,
    sides are scaled alike so that their product is V.

    References
    ----------
    .. [1] Banfield, J. & Raftery, A. (1993). Model-based Gaussian and non-Gaussian clustering.
       *Biometrics* 49(3). :doi:`10.2307/2532201`
    .. [2] Fraley, C. & Raftery, A. (2002). Model-based clustering, discriminant analysis, and
       density estimation. *JASA* 97(458). :doi:`10.1198/016214502760047131`
    .. [3] Byers, S. & Raftery, A. (1998). Nearest-neighbor clutter removal for estimating features
       in spatial point processes. *JASA* 93(442). :doi:`10.1080/01621459.1998.10473711`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import NoiseMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(50, 2)), [[40.0, 0.0], [0.0, -30.0]]])
    >>> NoiseMixture().fit_predict(X)[-3:]
    array([ 0, -1, -1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"auto"}), Interval(Real, 0.0, 1.0, closed="neither"), "array-like"],
        "init_params": [StrOptions(set(METHODS))],
        **runs.constraints(),
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        noise: Any = "auto",
        tol: str | float = "auto",
        reg_covar: str | float = "auto",
        prior: str | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str = "kmeans",
        random_state: Any = None,
        engine: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.noise = noise
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.random_state = random_state
        self.engine = engine
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NoiseMixture:
        """Fit components and noise to the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. Every column must vary.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        NoiseMixture
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the weights or a parameter cannot be used; the message names which.
        """
        self._fit(X, sample_weight)
        return self

    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit, and return the component of each row, or -1 where it is noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        ndarray of shape (n_samples,)
            As ``fit(X).predict(X)``.
        """
        rows, incomplete = self._fit(X, sample_weight)
        if rows is None:
            return self.predict(X)
        return self._mapped("labels", rows, incomplete, np.empty(len(rows), dtype=np.int64))

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Any, bool]:
        """Fit; return the rows if they are in memory, and whether cells of them are missing."""
        self._validate_params()
        model = runs.gaussian(self, self.n_components)
        rows: Any = None
        if is_outside(X):
            afar = outside.opened(self, X, sample_weight)
            incomplete = afar.survey.incomplete
            problem = problem_with_noise(self, fitting.problem_outside(model, afar))
        else:
            rows, incomplete = validated_table(self, X, fitting=True)
            weights = validated_weights(sample_weight, rows)
            em = fitting.problem(model, rows, weights, incomplete)
            problem = problem_with_noise(self, em, rows, weights)
        em, uniform, starts = problem
        selection = runs.best_run(self, em, starts)
        mixture: Any = selection.result.mixture
        self._adopt(mixture, uniform)
        for name, value in runs.facts(selection, em.source.weight).items():
            setattr(self, name, value)
        runs.warn(self, selection)
        return rows, incomplete

    def _adopt(self, mixture: NoisyMixture, uniform: Uniform) -> None:
        """Take over parameters."""
        self.mixture_, self._uniform = mixture, uniform
        self.noise_weight_, self.log_volume_ = mixture.noise_weight, uniform.log_volume
        self.weights_ = (1.0 - mixture.noise_weight) * mixture.weights
        self.means_, self.covariances_ = mixture.means, mixture.covariances

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixture_")

    def _map(self, method: str, X: ArrayLike, out: Callable[[int], Any]) -> Any:
        check_is_fitted(self)
        if is_outside(X):
            return outside.mapped(self, outside.METHODS_OF[method], X, out)
        rows, incomplete = validated_table(self, X, fitting=False)
        return self._mapped(method, rows, incomplete, out(len(rows)))

    def _mapped(self, method: str, rows: Any, incomplete: bool, out: Any) -> Any:
        """Return a kernel's result for every row, streamed over blocks."""
        mixture = self.mixture_
        check_columns(rows, mixture.n_features)
        source, kernels = source_for(
            rows,
            None,
            mixture.n_components,
            mixture.covariance_type,
            self.engine,
            self.n_jobs,
            incomplete=incomplete,
        )
        function = getattr(NoisyKernels(kernels, self._uniform), method)
        return source.map_rows(lambda block: function(block, mixture), out)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most probable component of each row, or -1 where that is the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Component numbers.
        """
        return self._map("labels", X, lambda n: np.empty(n, dtype=np.int64))

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each component, and of the noise, for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_components + 1)
            Each row sums to 1; the last column is the noise.
        """
        return self._map(
            "responsibilities", X, lambda n: np.empty((n, self.mixture_.n_components + 1))
        )

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log-density of each row, of its observed cells where some are missing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities in nats. Outside the box, too, the noise counts as within.
        """
        return self._map("log_prob", X, np.empty)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the log-likelihood per row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        float
            Weighted mean of ``score_samples(X)``, in nats.
        """
        if is_outside(X):
            total, weight, *_ = outside.totals(self, X, sample_weight)
            return float(total / weight)
        log_prob = self.score_samples(X)
        return float(np.average(log_prob, weights=validated_weights(sample_weight, log_prob)))

    def n_parameters(self) -> int:
        """Return the number of free parameters.

        Returns
        -------
        int
            Those of the mixture, and two for the noise: its weight and its volume.
        """
        check_is_fitted(self)
        return self.mixture_.n_parameters() + 2

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. Rows without an observed cell do not count.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        float
            ``n_parameters() * log(n) - 2 * log-likelihood``, with n the sum of the weights.
        """
        total, n = self._total(X, sample_weight)
        return criteria.bic(total, self.n_parameters(), n)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return Akaike's information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        float
            ``2 * n_parameters() - 2 * log-likelihood``.
        """
        return criteria.aic(self._total(X, sample_weight)[0], self.n_parameters())

    def _total(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """Return the log-likelihood of the rows, and the weight of those that count."""
        if is_outside(X):
            total, _, n, _ = (float(each) for each in outside.totals(self, X, sample_weight))
        else:
            log_prob = self.score_samples(X)
            weights = validated_weights(sample_weight, log_prob)
            own = criteria.counts(np.asarray(with_nan(X), dtype=np.float64), weights)
            total, n = float(own @ log_prob), float(own.sum())
        if n == 0:
            raise InputError("X has no row with an observed cell that counts; there is no BIC.")
        return total, n
