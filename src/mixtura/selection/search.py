"""Which structure, and how many components: every model fitted, the best one kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from copy import copy
from functools import update_wrapper
from numbers import Integral
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.estimators.automatic import MOST
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.searching import Cell, search
from mixtura.estimators.survey import letters_of
from mixtura.estimators.validation import validated_table, validated_weights
from mixtura.model import Mixture, family_named
from mixtura.model.criteria import counts
from mixtura.model.mixture import check_one_column
from mixtura.selection.choosing import CRITERIA, chosen, row_of

#: The fourteen structures, and the two of one column, from the most restricted on.
ALL = (
    *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
    *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)
ALL_OF_ONE_COLUMN = ("E", "V")
SIZES = tuple(range(1, MOST + 1))
P = ParamSpec("P")
R = TypeVar("R")


def of_best(
    method: Callable[Concatenate[GaussianMixture, P], R],
) -> Callable[Concatenate[MixtureSearch, P], R]:
    """Return a method that does what that of the best model does."""

    def call(self: MixtureSearch, /, *arguments: P.args, **options: P.kwargs) -> R:
        return method(self._best(), *arguments, **options)

    return update_wrapper(call, method)


def on_rows(
    method: Callable[Concatenate[GaussianMixture, ArrayLike, P], R],
) -> Callable[Concatenate[MixtureSearch, ArrayLike, P], R]:
    """Return a method that does what that of the best model does with rows, once they fit."""

    def call(self: MixtureSearch, X: ArrayLike, *arguments: P.args, **options: P.kwargs) -> R:
        best = copy(self._best())
        rows, _ = validated_table(self, X, fitting=False)  # complains in the name of the search
        if hasattr(best, "feature_names_in_"):  # which the search has looked at
            del best.feature_names_in_
        return method(best, rows, *arguments, **options)

    wrapped: Any = update_wrapper(call, method)
    return wrapped


class MixtureSearch(DensityMixin, BaseEstimator):
    r"""Gaussian mixtures of every structure and number of components, and the best of them.

    Parameters
    ----------
    n_components : int or iterable of int, default=(1, ..., 9)
        Numbers of components to try, each at least 1.
    covariance_types : 'all' or iterable of str, default='all'
        Structures to try: the fourteen of Celeux & Govaert [1]_ (two where the table has one
        column), or some of the names that ``GaussianMixture`` takes.
    criterion : {'bic', 'aic', 'aicc', 'icl', 'sabic', 'nec'}, default='bic'
        What the best model has least of. ``'nec'`` compares with one component, which
        ``n_components`` must hold.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.
    random_state : int, RandomState or None, default=None
        Seed of the sample that models of larger tables are compared on at first.
    prior : {'conjugate'} or None, default=None
        As ``GaussianMixture`` takes it: keeps components from collapsing.
    callback : callable, optional
        Called with each model when it is done: its row of ``table_`` as it is then, without
        ``nec``.

    Attributes
    ----------
    best_estimator_ : GaussianMixture
        The best model, fitted.
    best_params_ : dict
        Its ``covariance_type`` and ``n_components``.
    best_index_ : int
        Its place in ``table_``.
    best_score_ : float
        Its criterion.
    table_ : list of dict
        A model each: ``covariance_type``, ``n_components``, ``log_likelihood`` (total, in nats),
        ``n_parameters``, ``bic``, ``aic``, ``aicc``, ``icl``, ``sabic``, ``nec``,
        ``entropy_ratio``, ``seconds``, ``status`` and ``degenerate``. ``table_.to_frame()`` makes
        it a data frame. What could not be fitted without a collapsed component is degenerate.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where the table has them.

    Notes
    -----
    Starts come from model-based hierarchical clustering of at most 2,000 rows [2]_, [3]_. Then
    models learn from each other: one is gone on to from another structure with as many
    components, from fewer of which one is split, and from more of which two are merged, so that
    no structure ends below a special case of it. Small tables without missing cells have all
    models fitted side by side.

    The best is taken on to the tolerance of ``GaussianMixture``, and ``table_`` states that fit.
    Responsibilities settle later than likelihoods: with ``'icl'`` and ``'nec'``, up to eight
    models that may turn out to be the best are taken on before one is chosen.

    An interrupt (Ctrl-C) once the first model is done ends the search with those that are.

    References
    ----------
    .. [1] Celeux, G. & Govaert, G. (1995). Gaussian parsimonious clustering models. *Pattern
       Recognition* 28(5). :doi:`10.1016/0031-3203(94)00125-6`
    .. [2] Fraley, C. & Raftery, A. (2002). Model-based clustering, discriminant analysis, and
       density estimation. *JASA* 97(458). :doi:`10.1198/016214502760047131`
    .. [3] Scrucca, L. & Raftery, A. (2015). Improved initialisation of model-based clustering
       using Gaussian hierarchical partitions. *Adv. Data Anal. Classif.* 9.
       :doi:`10.1007/s11634-015-0220-z`

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import MixtureSearch
    >>> search = MixtureSearch(n_components=range(1, 4), random_state=0)
    >>> search.fit(load_iris().data).best_params_
    {'covariance_type': 'VEV', 'n_components': 2}
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), Iterable],
        "covariance_types": [StrOptions({"all"}), Iterable],
        "criterion": [StrOptions(set(CRITERIA))],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "random_state": ["random_state"],
        "prior": [StrOptions({"conjugate"}), None],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components: Any = SIZES,
        *,
        covariance_types: Any = "all",
        criterion: str = "bic",
        n_jobs: int | None = None,
        random_state: Any = None,
        prior: str | None = None,
        callback: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.criterion = criterion
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.prior = prior
        self.callback = callback

    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> MixtureSearch:
        """Fit all models and keep the best.

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
        MixtureSearch
            The fitted search.

        Raises
        ------
        ValueError
            If the table, the weights or a parameter cannot be used; the message names which.
        InputError
            If every model is degenerate.
        """
        self._validate_params()
        rows, incomplete = validated_table(self, X, fitting=True)
        weights = validated_weights(sample_weight, rows)
        telling = counts(rows, weights)
        sizes = sizes_of(self.n_components, int(np.count_nonzero(telling)), self.criterion)
        names = names_of(self.covariance_types, rows.shape[1])
        model = GaussianMixture(
            n_jobs=self.n_jobs, random_state=self.random_state, prior=self.prior
        )
        n = float(telling.sum())

        def report(cell: Cell) -> None:
            if self.callback is not None:
                self.callback(row_of(cell, n))

        cells = search(model, rows, weights, incomplete, names, sizes, report)
        if len(cells) < len(names) * len(sizes):
            warnings.warn(
                f"Interrupted: {len(cells)} of {len(names) * len(sizes)} models are done, and the "
                "best of those is kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.table_, self.best_index_, self.best_estimator_ = chosen(
            model, cells, self.criterion, n, X, sample_weight
        )
        best = self.table_[self.best_index_]
        self.best_score_ = best[self.criterion]
        self.best_params_ = {name: best[name] for name in ("covariance_type", "n_components")}
        if not self.best_estimator_.converged_:
            message = self.best_estimator_.status_.value
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        return self

    @property
    def mixture_(self) -> Mixture:
        """The parameters of the best model."""
        return self._best().mixture_

    def _best(self) -> GaussianMixture:
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    predict = on_rows(GaussianMixture.predict)
    predict_proba = on_rows(GaussianMixture.predict_proba)
    score_samples = on_rows(GaussianMixture.score_samples)
    score = on_rows(GaussianMixture.score)
    bic = on_rows(GaussianMixture.bic)
    aic = on_rows(GaussianMixture.aic)
    icl = on_rows(GaussianMixture.icl)
    sample = of_best(GaussianMixture.sample)
    impute = on_rows(GaussianMixture.impute)
    save = of_best(GaussianMixture.save)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def sizes_of(given: Any, n: int, criterion: str) -> tuple[int, ...]:
    """Return the numbers of components in rising order, or raise naming one that is none.

    ``n`` rows count.
    """
    if n < 2:
        raise InputError(f"X has {n} row that counts (n_samples={n}); a search needs at least 2.")
    if isinstance(given, str):
        raise InputError(f"n_components={given!r} must be whole numbers, such as range(1, 10).")
    sizes: list[Any] = [given] if isinstance(given, Integral) else list(given)
    if sizes == list(SIZES):  # the default asks for no more than there can be
        sizes = sizes[:n]
    for k in sizes:
        if isinstance(k, bool) or not isinstance(k, Integral) or int(k) < 1:
            raise InputError(f"n_components holds {k!r}; it takes whole numbers of at least 1.")
        if int(k) > n:
            raise InputError(f"n_components holds {k}, but X has {n} rows that count.")
    if not sizes:
        raise InputError("n_components is empty: give at least one number.")
    if criterion == "nec" and 1 not in sizes:
        raise InputError(
            "criterion='nec' compares with one component: n_components must hold 1, too."
        )
    return tuple(sorted({int(k) for k in sizes}))


def names_of(given: Any, d: int) -> tuple[str, ...]:
    """Return a name of each of the structures, or raise naming one that is none."""
    if isinstance(given, str):
        if given != "all":
            raise InputError(
                f"covariance_types={given!r} must be 'all' or a list of names, such as [{given!r}]."
            )
        return ALL_OF_ONE_COLUMN if d == 1 else ALL
    names: dict[str, str] = {}
    for name in given:
        try:
            family_named(name)  # raises for one that is none
            check_one_column(name, d)
        except InputError as error:
            message = str(error).replace("covariance_type=", "covariance_types: ", 1)
            raise InputError(message) from None
        names.setdefault(letters_of(name, d), str(name))
    if not names:
        raise InputError("covariance_types is empty: give at least one name.")
    return tuple(names.values())
