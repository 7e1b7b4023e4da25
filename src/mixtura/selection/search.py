"""Which structure, and how many components: every model fitted, the best one kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import update_wrapper
from numbers import Integral
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError, MissingDependencyError
from mixtura.estimators.automatic import MOST, start_of
from mixtura.estimators.gaussian_mixture import GaussianMixture
from mixtura.estimators.searching import Cell, search
from mixtura.estimators.validation import validated_table, validated_weights
from mixtura.model import Mixture, family_named
from mixtura.model.criteria import counts, criteria
from mixtura.model.mixture import check_one_column

#: The fourteen structures, and the two of one column, from the most restricted on.
ALL = (
    *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
    *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)
ALL_OF_ONE_COLUMN = ("E", "V")
SIZES = tuple(range(1, MOST + 1))
CRITERIA = ("bic", "aic", "aicc", "icl", "sabic", "nec")
#: Models whose criterion is at most this much higher than the best are nearly as good: the weight
#: of evidence between them is at most that of "positive" (Kass & Raftery 1995).
NEAR = 6.0


class Table(list[dict[str, Any]]):
    """Models as a list of dicts, which pandas shows as a table where it is installed."""

    def to_frame(self) -> Any:
        """Return the models as a ``pandas.DataFrame``.

        Returns
        -------
        pandas.DataFrame
            A row for each model.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError(
                "to_frame needs pandas: python -m pip install pandas"
            ) from None
        return pd.DataFrame(self)


P = ParamSpec("P")
R = TypeVar("R")


def of_best(
    method: Callable[Concatenate[GaussianMixture, P], R],
) -> Callable[Concatenate[MixtureSearch, P], R]:
    """Return a method that does what that of the best model does."""

    def call(self: MixtureSearch, /, *arguments: P.args, **options: P.kwargs) -> R:
        return method(self._best(), *arguments, **options)

    return update_wrapper(call, method)


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
        Called with each model when it is done: its row of ``table_``, but for ``nec``.

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
        sizes = sizes_of(self.n_components, len(rows), self.criterion)
        names = names_of(self.covariance_types, rows.shape[1])
        model = GaussianMixture(
            n_jobs=self.n_jobs, random_state=self.random_state, prior=self.prior
        )
        n = float(counts(rows, weights).sum())

        def report(cell: Cell) -> None:
            if self.callback is not None:
                self.callback(row_of(cell, n))

        cells = search(model, rows, weights, incomplete, names, sizes, report)
        self.table_ = table_of(cells, n)
        if len(cells) < len(names) * len(sizes):
            warnings.warn(
                f"Interrupted: {len(cells)} of {len(names) * len(sizes)} models are done, and the "
                "best of those is kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.best_index_ = best_of(self.table_, self.criterion)
        best = self.table_[self.best_index_]
        self.best_score_ = best[self.criterion]
        self.best_params_ = {name: best[name] for name in ("covariance_type", "n_components")}
        start = start_of(cells[self.best_index_], best["covariance_type"])
        model.set_params(**self.best_params_, init_params=start)
        self.best_estimator_ = model.fit(X, sample_weight=sample_weight)
        model.set_params(init_params="kmeans")  # what it goes on from is no setting
        return self

    @property
    def mixture_(self) -> Mixture:
        """The parameters of the best model."""
        return self._best().mixture_

    def _best(self) -> GaussianMixture:
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    predict = of_best(GaussianMixture.predict)
    predict_proba = of_best(GaussianMixture.predict_proba)
    score_samples = of_best(GaussianMixture.score_samples)
    score = of_best(GaussianMixture.score)
    bic = of_best(GaussianMixture.bic)
    aic = of_best(GaussianMixture.aic)
    icl = of_best(GaussianMixture.icl)
    sample = of_best(GaussianMixture.sample)
    impute = of_best(GaussianMixture.impute)
    save = of_best(GaussianMixture.save)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def sizes_of(given: Any, n: int, criterion: str) -> tuple[int, ...]:
    """Return the numbers of components in rising order, or raise naming one that is none."""
    sizes: list[Any] = [given] if isinstance(given, Integral) else list(given)
    if sizes == list(SIZES):  # the default asks for no more than there can be
        sizes = sizes[:n]
    for k in sizes:
        if isinstance(k, bool) or not isinstance(k, Integral) or int(k) < 1:
            raise InputError(f"n_components holds {k!r}; it takes whole numbers of at least 1.")
        if int(k) > n:
            raise InputError(f"n_components holds {k}, more than X has rows (n_samples={n}).")
    if not sizes:
        raise InputError("n_components is empty: give at least one number.")
    if criterion == "nec" and 1 not in sizes:
        raise InputError(
            "criterion='nec' compares with one component: n_components must hold 1, too."
        )
    return tuple(sorted({int(k) for k in sizes}))


def names_of(given: Any, d: int) -> tuple[str, ...]:
    """Return the names of the structures, each once, or raise naming one that is none."""
    if isinstance(given, str):
        if given != "all":
            raise InputError(
                f"covariance_types={given!r} must be 'all' or a list of names, such as [{given!r}]."
            )
        return ALL_OF_ONE_COLUMN if d == 1 else ALL
    names = tuple(dict.fromkeys(given))
    for name in names:
        family_named(name)  # raises for one that is none
        check_one_column(name, d)
    if not names:
        raise InputError("covariance_types is empty: give at least one name.")
    return names


def row_of(cell: Cell, n: float, single: float = np.nan) -> dict[str, Any]:
    """Return a model as a row of the table; ``n`` rows count."""
    n_parameters = cell.n_parameters
    found = criteria(
        cell.log_likelihood, n_parameters, n, cell.n_components, cell.fuzziness, single
    )
    return {
        "covariance_type": cell.covariance_type,
        "n_components": cell.n_components,
        "log_likelihood": cell.log_likelihood,
        "n_parameters": n_parameters,
        **found,
        "seconds": cell.seconds,
        "status": cell.status,
        "degenerate": cell.degenerate,
    }


def table_of(cells: list[Cell], n: float) -> Table:
    """Return the table of models, with those of one component to compare entropies with."""
    single = {c.covariance_type: c.log_likelihood for c in cells if c.n_components == 1}
    return Table(row_of(cell, n, single.get(cell.covariance_type, np.nan)) for cell in cells)


def best_of(table: Table, criterion: str) -> int:
    """Return the place of the model with the least of a criterion; a plain one wins ties."""
    sound = [place for place, row in enumerate(table) if not row["degenerate"]]
    if not sound:
        raise InputError(
            f"none of the {len(table)} models could be fitted without a component that collapses "
            "onto a point or a plane. Leave out columns that hold few different values, use fewer "
            "components, or prior='conjugate'."
        )
    places = [place for place in sound if np.isfinite(table[place][criterion])]
    if not places:
        raise InputError(
            f"criterion={criterion!r} is infinite for all {len(sound)} models that could be fitted:"
            " there are too few rows. Use fewer components, other covariance_types or 'bic'."
        )
    return min(places, key=lambda place: (table[place][criterion], table[place]["n_parameters"]))
