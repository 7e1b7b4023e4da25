"""The scikit-learn estimator for Gaussian mixtures."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.em import EM, Step
from mixtura.algorithms.restarts import Selection
from mixtura.algorithms.starts import METHODS
from mixtura.estimators import automatic, checkpoints, fitting, imputing, online, outside
from mixtura.estimators.functional import source_for
from mixtura.estimators.loading import is_outside
from mixtura.estimators.model_file import Saved
from mixtura.estimators.validation import (
    check_columns,
    validated_table,
    validated_weights,
    with_nan,
)
from mixtura.kernels import ENGINES
from mixtura.model import STRUCTURES, Mixture, criteria
from mixtura.model.families.base import FloatArray
from mixtura.model.sampling import generator


class GaussianMixture(Saved, DensityMixin, BaseEstimator):
    r"""Gaussian mixture fitted by expectation-maximisation; scikit-learn's interface.

    Parameters
    ----------
    n_components : int or 'auto', default=1
        Number of components, at least 1. ``'auto'`` fits 1 to 9, as ``MixtureSearch`` finds them,
        and keeps the number of least BIC; it chooses starts itself, so that ``init_params``,
        ``warm_start`` and given parameters do not go with it.
    covariance_type : str, default='full'
        Each component has its own covariance matrix (``'full'``), all share one (``'tied'``), each
        has its own variances (``'diag'``), or each has a single variance (``'spherical'``). Or one
        of mclust's fourteen names, of which these are VVV, EEE, VVI and VII: three letters say
        whether volume, shape and orientation are equal in all components (E), vary (V), or are
        those of a sphere or of the columns (I) [4]_. The others are EII, EEI, VEI, EVI, VEE, EVE,
        VVE, EEV, VEV and EVV; tables of one column have E and V.
    tol : 'auto' or float, default='auto'
        ``'auto'`` stops once Aitken's estimate of the gain still to come is below 1e-4 nats per
        row [2]_. A number means what it means in scikit-learn: stop once one iteration gains
        less than this per row.
    reg_covar : 'auto' or float, default='auto'
        ``'auto'`` bounds every covariance from below by 1e-8 times the covariance of the whole
        table, whatever its units, and keeps EM monotone. A number is added to the diagonals, as
        in scikit-learn, in squared units of the columns; the log-likelihood may then dip by
        about as much as the number weighs. Where components share volume, shape or orientation
        there is no floor for one of them alone: a start in which one collapses ends.
    prior : {'conjugate'} or None, default=None
        ``'conjugate'`` maximises the posterior density under the prior of Fraley & Raftery [5]_,
        which keeps components from collapsing: means are worth 0.01 rows at the columns' means,
        covariances have an inverse Wishart prior around the table's own over
        ``n_components ** (2 / n_features)``; where columns are not correlated, each has its own
        variance there, so that their units do not matter.
    eigenvalue_ratio : float or None, default=None
        Largest eigenvalue of all covariances over the smallest, at most [6]_; at least 1. It
        takes the place of the floor of ``reg_covar='auto'``, and depends on the units of the
        columns. For full, tied, diag and spherical covariances.
    max_iter : int, default=1000
        Largest number of EM updates per start.
    n_init : int, default=1
        Number of starts; the best log-likelihood without a collapsed component wins. Starts
        that are given outright (labels, a mixture, parameters) are run once. With
        ``n_components='auto'`` the first of each number is what the search has found.
    init_params : str, array-like, Mixture or callable, default='kmeans'
        How to start: ``'kmeans'``, ``'k-means++'``, ``'random'`` or ``'random_from_data'``. An
        array holds labels (n_samples,) or responsibilities (n_samples, n_components). A callable
        gets ``(X, n_components, random_state)``, with ``X`` read-only, and returns an array or a
        Mixture.
    weights_init : array-like of shape (n_components,), optional
        Starting weights, in place of those that ``init_params`` leads to.
    means_init : array-like of shape (n_components, n_features), optional
        Starting means.
    precisions_init : array-like, optional
        Starting precisions (inverse covariances), in the shape of ``precisions_``.
    random_state : int, RandomState or None, default=None
        Seed of the starts and of ``sample``.
    warm_start : bool, default=False
        Start from the last solution, if there is one of the same shape.
    verbose : int, default=0
        Log every ``verbose_interval`` iterations (1), with gain and time (2).
    verbose_interval : int, default=10
        Iterations between messages.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the rows; ``'auto'`` goes by the amount of work.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.
    callback : callable, optional
        Called with a ``Step`` after each EM update; returning true ends the fit with the best
        so far. Starts that run side by side call it from their own threads.
    record : bool, default=False
        Keep the mixture of every iteration in ``snapshots_``, to look at the fit afterwards. Each
        is as large as the fitted mixture with its factorised covariances, some 16 *
        n_components * n_features * (n_features + 1) bytes where those are full; during the fit
        there are those of all starts. Model files do not hold them.
    checkpoint : str or path-like, optional
        File to keep the fit in while it goes on. Where it was killed or interrupted, the same fit
        of the same data goes on from there, to the very same result; the file is removed at the
        end. That of another fit is refused. The search of ``n_components='auto'`` has none.
    checkpoint_every : str or float, default='30s'
        Time between two checkpoints, such as ``'30s'``, ``'5min'`` or ``'1h'``, or a number of
        seconds; with 0 there is one after every iteration.
    forget : float or None, default=0.7
        How ``partial_fit`` weighs what it has seen, above 0.5 and at most 1. The rows of a stream
        that has grown to t times its first rows count as t ** forget times as many, so that
        those seen last count more; the smaller, the sooner old ones fade. None, like 1, weighs
        all rows alike.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixture weights.
    means_ : ndarray of shape (n_components, n_features)
        Component means.
    covariances_ : ndarray
        Covariances in the shape of ``covariance_type``: (n_components, n_features, n_features),
        (n_features, n_features), (n_components, n_features) or (n_components,); the other
        structures have the shape of the one that they restrict, see ``Mixture``.
    precisions_ : ndarray
        Inverse covariances, same shape.
    precisions_cholesky_ : ndarray
        Cholesky factors of the precisions, same shape.
    n_components_ : int
        Number of components that were fitted.
    converged_ : bool
        Whether the best start reached the stopping rule.
    status_ : Status
        Why the best start stopped; ``status_.value`` is a sentence.
    n_iter_ : int
        EM updates of the best start.
    lower_bound_ : float
        Log-likelihood per row of the fitted parameters, in nats; with a ``prior``, plus the
        logarithm of its density relative to the largest, over the number of rows.
    lower_bounds_ : list of float
        Log-likelihood per row after each update of the best start.
    restarts_ : ndarray of shape (n_starts,)
        Final log-likelihood per row of every start.
    n_best_restarts_ : int
        How many starts reached the best of these, within 2e-4.
    collapsed_ : ndarray of bool of shape (n_components,)
        Components that are flat in a direction in which the table is not.
    snapshots_ : tuple of Mixture
        With ``record``, the start and every later mixture of the best start, longer steps between
        those of EM among them; else empty.
    snapshot_lower_bounds_ : ndarray of shape (n_snapshots,)
        With ``record``, the log-likelihood per row of each; else empty.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    Notes
    -----
    Maximises :math:`\sum_i v_i \log \sum_j w_j N(x_i; \mu_j, \Sigma_j)` for row weights
    :math:`v_i` by EM [1]_. Nothing of size n_samples x n_components is stored.

    Cells that are NaN are missing: :math:`x_i` is then what is observed of a row, and
    :math:`\mu_j, \Sigma_j` are those of its columns [3]_. This is exact for every structure, and
    right where whether a cell is missing depends on nothing but observed cells. Rows without an
    observed cell have the weights as responsibilities. A copy of the rows is made where columns
    are correlated.

    References
    ----------
    .. [1] Dempster, A., Laird, N. & Rubin, D. (1977). Maximum likelihood from incomplete data
       via the EM algorithm. *JRSS B* 39(1). :doi:`10.1111/j.2517-6161.1977.tb01600.x`
    .. [2] Boehning, D. et al. (1994). The distribution of the likelihood ratio for mixtures of
       densities from the one-parameter exponential family. *Ann. Inst. Stat. Math.* 46.
       :doi:`10.1007/BF01720593`
    .. [3] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via an
       EM approach. *Advances in Neural Information Processing Systems* 6.
    .. [4] Celeux, G. & Govaert, G. (1995). Gaussian parsimonious clustering models. *Pattern
       Recognition* 28(5). :doi:`10.1016/0031-3203(94)00125-6`
    .. [5] Fraley, C. & Raftery, A. (2007). Bayesian regularization for normal mixture estimation
       and model-based clustering. *J. Classification* 24. :doi:`10.1007/s00357-007-0004-5`
    .. [6] Garcia-Escudero, L. et al. (2008). A general trimming approach to robust cluster
       analysis. *Annals of Statistics* 36(3). :doi:`10.1214/07-AOS515`

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> X = np.array([[1, 2], [2, 4], [0, 3], [10, 2], [11, 4], [9, 3]])
    >>> gm = GaussianMixture(n_components=2, covariance_type="tied", random_state=0).fit(X)
    >>> sorted(gm.means_[:, 0].round(6).tolist())
    [1.0, 10.0]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "tol": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "prior": [StrOptions({"conjugate"}), None],
        "eigenvalue_ratio": [Interval(Real, 1.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions(set(METHODS)), "array-like", Mixture, callable],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "engine": [StrOptions(set(ENGINES))],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "callback": [callable, None],
        "record": ["boolean"],
        **checkpoints.CONSTRAINTS,
        "forget": [Interval(Real, 0.5, 1.0, closed="right"), None],
    }

    def __init__(
        self,
        n_components: int | str = 1,
        *,
        covariance_type: str = "full",
        tol: str | float = "auto",
        reg_covar: str | float = "auto",
        prior: str | None = None,
        eigenvalue_ratio: float | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        engine: str = "auto",
        n_jobs: int | None = None,
        callback: Callable[[Step], Any] | None = None,
        record: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: str | float = "30s",
        forget: float | None = 0.7,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.eigenvalue_ratio = eigenvalue_ratio
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.engine = engine
        self.n_jobs = n_jobs
        self.callback = callback
        self.record = record
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.forget = forget

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> GaussianMixture:
        """Fit the mixture to the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. float32 is kept, everything else becomes
            float64. Sums are float64 always.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        GaussianMixture
            The fitted estimator.

        Raises
        ------
        ValueError
            If the table, the weights or a parameter cannot be used; the message names which.
        """
        self._fit(X, sample_weight)
        return self

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> GaussianMixture:
        r"""Add a chunk of rows to what was seen before, in memory that does not grow.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. The first chunk holds at least ``n_components``.
        y : Ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights; a weight of 2 counts as the row twice, 0 as its absence.

        Returns
        -------
        GaussianMixture
            The estimator. ``n_iter_`` counts the chunks, ``lower_bound_`` is the log-likelihood
            per row of the last one under the parameters before it (of all rows, where these were
            fitted anew), and ``status_`` is ``Status.ONLINE``.

        Raises
        ------
        ValueError
            If the chunk, the weights or a parameter cannot be used; the message names which.

        Notes
        -----
        The first 10,000 rows (20 for each number in the means, if that is more) are kept, and
        fitted as ``fit`` does each time that they have doubled, so that components may change
        their numbers up to there. Then each chunk adds its statistics under the parameters of its
        time,

        .. math:: S \leftarrow \rho S + \sum_i v_i \, s(x_i; \theta), \qquad
            \theta \leftarrow \operatorname{argmax} \, \ell(\theta; S),

        which is stepwise EM [1]_; :math:`\rho` is 1 where ``forget`` is None. A component with
        less than 1e-5 of the weight begins anew at the row of lowest density. What bounds the
        covariances is relative to all rows seen.

        After ``fit`` the stream goes on from there: its rows count with their weight, under the
        fitted parameters. So it does for a model that was saved and loaded, which forgets as if
        it had been fitted to all rows seen. Parameters from elsewhere (``from_parameters``) are
        where the first rows start from.

        References
        ----------
        .. [1] Cappe, O. & Moulines, E. (2009). On-line expectation-maximization algorithm for
           latent data models. *JRSS B* 71(3). :doi:`10.1111/j.1467-9868.2009.00698.x`

        Examples
        --------
        >>> import numpy as np
        >>> from mixtura import GaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> model = GaussianMixture(2, random_state=0)
        >>> for _ in range(20):
        ...     chunk = rng.normal(rng.choice([0.0, 9.0], size=(1000, 1)))
        ...     model = model.partial_fit(chunk)
        >>> sorted(model.means_[:, 0].round(1).tolist())
        [0.0, 9.0]
        """
        online.update_mixture(self, X, sample_weight)
        return self

    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit the mixture and return the most probable component of each row.

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
            Component numbers, equal to those of ``fit(X).predict(X)``.
        """
        rows, incomplete = self._fit(X, sample_weight)
        if rows is None:
            return self.predict(X)
        return self._mapped("labels", self.mixture_, rows, incomplete, label_array)

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Any, bool]:
        """Fit; return the rows if they are in memory, and whether cells of them are missing."""
        if hasattr(self.init_params, "as_mixture"):
            raise InputError(
                f"init_params is a {type(self.init_params).__name__}; fit it and pass "
                "as_mixture(X), the mixture of its clusters."
            )
        self._validate_params()
        checkpoints.check(self)
        if is_outside(X):
            afar = outside.opened(self, X, sample_weight)
            if self.n_components == "auto":
                em, selection = automatic.fit_outside(self, afar)
            else:
                em = fitting.problem_outside(self, afar)
                selection = fitting.run(self, em, None)
            self._publish(em, selection, afar.dtype)
            return None, afar.survey.incomplete
        rows, incomplete = validated_table(self, X, fitting=True)
        weights = validated_weights(sample_weight, rows)
        if self.n_components == "auto":
            em, selection = automatic.fit(self, rows, weights, incomplete)
        else:
            em = fitting.problem(self, rows, weights, incomplete)
            selection = fitting.run(self, em, rows)
        self._publish(em, selection, rows.dtype)
        return rows, incomplete

    def _publish(self, em: EM, selection: Selection, dtype: Any) -> None:
        """Store the outcome, and warn where it is not what the user asked for."""
        result, weight = selection.result, em.source.weight
        fitting.publish(
            self,
            result.mixture,
            dtype,
            converged_=result.converged,
            status_=result.status,
            n_iter_=result.n_iter,
            lower_bounds_=(result.log_likelihoods[1:] / weight).tolist(),
            lower_bound_=float(result.log_likelihoods[-1] / weight),
            restarts_=selection.log_likelihoods / weight,
            n_best_restarts_=selection.n_at_best,
            collapsed_=np.array(selection.collapsed),
            snapshots_=result.snapshots,
            snapshot_lower_bounds_=result.log_likelihoods[: len(result.snapshots)] / weight,
            _weight=float(weight),
        )
        for message in fitting.complaints(selection, getattr(self, "feature_names_in_", None)):
            warnings.warn(message, ConvergenceWarning, stacklevel=4)

    @property
    def mixture_(self) -> Mixture:
        """The fitted parameters as a ``Mixture``; attributes that were assigned since count."""
        if not hasattr(self, "_solution"):  # neither fitted nor adopted: assigned by hand, or not
            check_is_fitted(self, ("weights_", "means_"))
            check_is_fitted(self, ("covariances_", "precisions_cholesky_"), all_or_any=any)
        return fitting.current_mixture(self)

    def _map(self, method: str, X: ArrayLike, out: Callable[[int, int], Any]) -> Any:
        mixture = self.mixture_  # before the rows, so that an unfitted estimator says so
        if is_outside(X):
            k = mixture.n_components
            return outside.mapped(self, outside.METHODS_OF[method], X, lambda n: out(n, k))
        rows, incomplete = validated_table(self, X, fitting=False)
        return self._mapped(method, mixture, rows, incomplete, out)

    def _mapped(
        self,
        method: str,
        mixture: Mixture,
        rows: Any,
        incomplete: bool,
        out: Callable[[int, int], Any],
    ) -> Any:
        """Return a kernel's result for every row, streamed over blocks."""
        check_columns(rows, mixture.n_features)
        k = mixture.n_components
        source, kernels = source_for(
            rows,
            None,
            k,
            mixture.covariance_type,
            self.engine,
            self.n_jobs,
            incomplete=incomplete,
        )
        function = getattr(kernels, method)
        return source.map_rows(lambda block: function(block, mixture), out(len(rows), k))

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Component numbers.
        """
        return self._map("labels", X, label_array)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the responsibilities: the probability of each component for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Each row sums to 1.
        """
        return self._map("responsibilities", X, lambda n, k: np.empty((n, k)))

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log-density of each row, of its observed cells where some are missing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities in nats.
        """
        return self._map("log_prob", X, lambda n, k: np.empty(n))

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
            ``n_parameters * log(n) - 2 * log-likelihood``, with n the sum of the weights.
        """
        total, n, _ = self._total(X, sample_weight)
        return criteria.bic(total, self._n_parameters(), n)

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
            ``2 * n_parameters - 2 * log-likelihood``.
        """
        return criteria.aic(self._total(X, sample_weight)[0], self._n_parameters())

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        r"""Return the integrated completed likelihood criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. Rows without an observed cell do not count.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative row weights.

        Returns
        -------
        float
            BIC and twice the sum of :math:`-\log \max_j r_{ij}` over rows [1]_: at least BIC,
            and equal to it where no row lies between components. The negative of mclust's.

        References
        ----------
        .. [1] Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for
           clustering with the integrated completed likelihood. *IEEE TPAMI* 22(7).
           :doi:`10.1109/34.865189`

        Examples
        --------
        >>> from mixtura import GaussianMixture
        >>> gm = GaussianMixture.from_parameters([0.5, 0.5], [[0], [9]], [1, 1], "spherical")
        >>> rows = [[0.1], [8.8], [9.1]]
        >>> round(gm.icl(rows) - gm.bic(rows), 6), round(gm.icl([[4.5]]) - gm.bic([[4.5]]), 6)
        (0.0, 1.386294)
        """
        total, n, unsure = self._total(X, sample_weight, unsure=True)
        return criteria.icl(total, self._n_parameters(), n, unsure)

    def _total(
        self, X: ArrayLike, sample_weight: ArrayLike | None, *, unsure: bool = False
    ) -> tuple[float, float, criteria.Fuzziness]:
        """Return the log-likelihood, the weight of the rows that count, and how unsure they are."""
        fuzziness = criteria.Fuzziness()
        if is_outside(X):
            sums = outside.totals(self, X, sample_weight, unsure=unsure)
            total, _, n, surprise = (float(each) for each in sums)
            fuzziness = criteria.Fuzziness(surprise=surprise)
        else:
            log_prob = self.score_samples(X)
            weights = validated_weights(sample_weight, log_prob)
            counts = criteria.counts(np.asarray(with_nan(X), dtype=np.float64), weights)
            total, n = float(counts @ log_prob), float(counts.sum())
            if unsure:
                fuzziness = criteria.fuzziness(self.predict_proba(X), counts)
        if n == 0:
            raise InputError("X has no row with an observed cell that counts; there is no BIC.")
        return total, n, fuzziness

    def _n_parameters(self) -> int:
        return self.mixture_.n_parameters()

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[FloatArray, NDArray[np.intp]]:
        """Draw rows from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        random_state : int, RandomState or None, default=None
            Seed of the draw; None uses the estimator's own ``random_state``, so that an int
            there gives the same rows every time.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, grouped by component.
        y : ndarray of shape (n_samples,)
            The component each row was drawn from.

        Raises
        ------
        InputError
            If ``n_samples`` is not a whole number of at least 1.
        """
        mixture = self.mixture_
        fitting.check_positive("n_samples", n_samples)
        seed = self.random_state if random_state is None else random_state
        return mixture.sample(n_samples, check_random_state(seed))

    def impute(
        self,
        X: ArrayLike,
        kind: str = "mean",
        n_draws: int = 1,
        random_state: Any = None,
        return_std: bool = False,
    ) -> Any:
        r"""Return the rows with their missing cells filled in; observed cells stay as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; NaN means missing.
        kind : {'mean', 'draw'}, default='mean'
            The mean of each missing cell given the observed cells of its row, the best guess; or
            values drawn from their joint distribution, as multiple imputation needs them.
        n_draws : int, default=1
            Number of tables to draw.
        random_state : int, Generator, RandomState or None, default=None
            Seed of the draws; None uses the estimator's own ``random_state``.
        return_std : bool, default=False
            Return the standard deviation of every cell too; 0 where it is observed.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)
            The filled table, or tables where there are several; float32 stays float32.
        std : ndarray of shape (n_samples, n_features)
            Only with ``return_std``.

        Raises
        ------
        InputError
            If a parameter is out of range, or two do not go together.

        Notes
        -----
        A row without any observed cell gets the mean of the mixture, or a draw from it. The
        deviation adds up the variance within components and that between them [1]_. Draws take
        the parameters as known: they vary a little less than full multiple imputation asks for.

        References
        ----------
        .. [1] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via
           an EM approach. *Advances in Neural Information Processing Systems* 6.

        Examples
        --------
        >>> import numpy as np
        >>> from mixtura import GaussianMixture
        >>> gm = GaussianMixture.from_parameters([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> gm.impute([[3.0, np.nan]], return_std=True)
        (array([[3., 3.]]), array([[0.        , 1.58113883]]))
        """
        mixture = self.mixture_
        imputing.check_request(kind, n_draws, return_std)
        if is_outside(X):
            imputing.check_outside(kind, return_std)
            return outside.filled(self, "impute", X)
        rows, _ = validated_table(self, X, fitting=False)
        check_columns(rows, mixture.n_features)
        if kind == "mean":
            return imputing.imputed(rows, mixture, return_std=return_std)
        seed = self.random_state if random_state is None else random_state
        return imputing.drawn(rows, mixture, n_draws, generator(seed))

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: str = "full",
        **params: Any,
    ) -> GaussianMixture:
        """Return a fitted estimator with known parameters, to score and sample with.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixture weights.
        means : array-like of shape (n_components, n_features)
            Component means.
        covariances : array-like
            Covariances in the shape of ``covariance_type``.
        covariance_type : str, default='full'
            The covariance structure, which the covariances must be of.
        **params : dict
            Further parameters of the estimator.

        Returns
        -------
        GaussianMixture
            With ``n_iter_ == 0`` and no log-likelihood.
        """
        mixture = Mixture(weights, means, covariances, covariance_type)
        mixture.family.check("from_parameters", mixture.covariances)
        model = cls(mixture.n_components, covariance_type=covariance_type, **params)
        fitting.adopt(model, mixture)
        return model

    @classmethod
    def from_sklearn(cls, model: Any) -> GaussianMixture:
        """Return the counterpart of a scikit-learn ``GaussianMixture``, fitted or not.

        Parameters
        ----------
        model : sklearn.mixture.GaussianMixture
            The estimator to take parameters, and the solution if there is one, from.

        Returns
        -------
        GaussianMixture
            Of the same parameters and solution.

        Raises
        ------
        InputError
            If ``model`` is something else.
        """
        fitting.check_sklearn(model)
        names = cls().get_params()
        params = {name: value for name, value in model.get_params().items() if name in names}
        converted = cls(**params)
        for name in fitting.DEFINING:
            if hasattr(model, name):
                setattr(converted, name, getattr(model, name))
        if hasattr(model, "means_"):
            fitting.adopt(converted, converted.mixture_, model)
        return converted

    def to_sklearn(self) -> Any:
        """Return the counterpart of this estimator in scikit-learn.

        Returns
        -------
        sklearn.mixture.GaussianMixture
            Fitted if this one is. Parameters that scikit-learn does not have are left at its
            defaults; a structure that it does not have becomes the one it restricts.
        """
        return fitting.as_sklearn(self)


def label_array(n: int, k: int) -> NDArray[np.int64]:
    """Return where the component numbers of ``n`` rows go."""
    return np.empty(n, dtype=np.int64)
