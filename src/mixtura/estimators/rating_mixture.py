"""The estimator for rating matrices: users x items, nearly all of it missing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura._errors import InputError
from mixtura.algorithms.ratings import Users, newcomer, predicted
from mixtura.algorithms.stopping import Status
from mixtura.estimators import checkpoints, model_file, rating_online
from mixtura.estimators.rating_fit import RatingStep, best_run, mean_and_scale, publish
from mixtura.estimators.ratings_input import pair_keys, ratings_of_one, read_ratings, shown
from mixtura.kernels import ENGINES
from mixtura.kernels.ratings import Ratings
from mixtura.model.families.base import FloatArray

#: Cells of a completed matrix (400 MB).
MOST_CELLS = 50_000_000
#: Pairs of user and item that are predicted at a time.
CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class Rater:
    """What a model knows of one user, from ``RatingMixture.fold_in``.

    Attributes
    ----------
    responsibilities : ndarray of shape (n_components,)
        Probability of each component.
    n_ratings : int
        Number of ratings it comes from.
    rated : ndarray of int
        Numbers of the rated items.
    posterior : Users
        What predictions need, one row of each table.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import RatingMixture
    >>> X = np.array([[5.0, 4.0, np.nan], [1.0, np.nan, 2.0], [5.0, 5.0, 1.0]])
    >>> model = RatingMixture(1).fit(X)
    >>> rater = model.fold_in({0: 5.0, 2: 1.0})
    >>> rater.n_ratings, rater.responsibilities
    (2, array([1.]))
    """

    responsibilities: FloatArray
    n_ratings: int
    rated: NDArray[np.intp]
    posterior: Users


class RatingMixture(BaseEstimator):
    r"""Mixture of kinds of users for ratings, of which most are missing.

    Parameters
    ----------
    n_components : int, default=12
        Number of components, at least 1. Those that the ratings do not support end up alike.
    covariance_type : {'spherical', 'diag'}, default='spherical'
        Noise of a component's ratings: one variance, or one for each item.
    tol : float, default=1e-3
        The fit ends once an iteration gains less than this, in nats per rating.
    max_iter : int, default=200
        Largest number of iterations.
    min_variance : float, default=0.0
        Least variance of the noise, in squared units of the ratings; it is never less than a
        millionth of the variance of all ratings.
    min_support : float, default=0.0
        After the first M-step, how a component deviates on an item stays as it is while the
        responsibilities of the item's users sum to less than this.
    clip : bool or (float, float), default=True
        Predictions lie between these bounds; true stands for the least and largest rating seen.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the highest lower bound wins; ``'auto'`` is 10 where ratings
        times components are few (50,000), and 1 elsewhere.
    random_state : int, RandomState or None, default=None
        Seed of the starts.
    verbose : int, default=0
        Log every iteration if not 0.
    n_jobs : int, optional
        Number of threads; None for every core this process may use. The results do not depend
        on it.
    engine : {'auto', 'numpy', 'numba'}, default='auto'
        Code that runs the passes over the ratings; ``'auto'`` goes by the amount of work.
    callback : callable, optional
        Called with a ``RatingStep`` after every iteration; returning True stops the fit.
    checkpoint : str or path-like, optional
        File to keep the fit in while it goes on. Where it was killed or interrupted, the same fit
        of the same ratings goes on from there, to the very same result; the file is removed at
        the end. That of another fit is refused.
    checkpoint_every : str or float, default='30s'
        Time between two checkpoints, such as ``'30s'``, ``'5min'`` or ``'1h'``, or a number of
        seconds; with 0 there is one after every iteration.
    forget : float or None, default=None
        How ``partial_fit`` weighs ratings that came before, above 0.5 and at most 1. The ratings
        of a stream that has grown to t times its first ones count as t ** forget times as many
        in what is estimated of items, unless their users come again. None, like 1, weighs all
        alike.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Shares of the components.
    means_ : ndarray of shape (n_components, n_items)
        Mean rating of each item by a component's average user.
    variances_ : ndarray of shape (n_components,) or (n_components, n_items)
        Noise of the ratings, before a user's own scale.
    responsibilities_ : ndarray of shape (n_users, n_components)
        Probability that a user belongs to a component.
    users_, items_ : ndarray of shape (n_users,) and (n_items,)
        What users and items are called, sorted; for matrices the numbers of rows and columns.
    rating_range_ : tuple of float
        Least and largest rating seen.
    lower_bounds_ : list of float
        What was maximised, in nats for ratings of variance 1, before the first iteration and
        after each.
    n_iter_ : int
        Number of iterations.
    converged_ : bool
        Whether the fit settled.
    status_ : Status
        Why it ended.

    Notes
    -----
    In component k the rating of item i by user u is normal given the user's effect and scale,

    .. math:: r_{ui} = \mu + a_u + b_i + m_{ki} + e_{ui}, \qquad
       e_{ui} \sim N(0, \sigma_{ki}^2 / s_u),

    where effects and scales of users are integrated out, item effects b and deviations m are
    drawn to 0 by normal priors whose variances are estimated, and the mean of a_u differs
    between components. Variational EM raises a lower bound of the log-posterior in every step;
    time and memory are proportional to ratings times components. Predictions are means over
    all components. The guide's page on ratings has the equations.

    The ratings are kept, to recommend what is new, and ``save`` writes them down too.

    References
    ----------
    .. [1] Marlin, B. (2003). Modeling user rating profiles for collaborative filtering.
       *NIPS* 16.
    .. [2] Bishop, C. (2006). *Pattern Recognition and Machine Learning*, ch. 10. Springer.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import RatingMixture
    >>> users = ["ann", "ann", "bob", "bob", "cy", "cy", "cy"]
    >>> items = ["tea", "milk", "tea", "gin", "tea", "milk", "gin"]
    >>> model = RatingMixture(1).fit((users, items, [5, 4, 2, 1, 5, 5, 3]))
    >>> names, ratings = model.recommend("ann")
    >>> names.tolist()
    ['gin']
    >>> bool(1 <= ratings[0] <= 5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"spherical", "diag"})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "min_variance": [Interval(Real, 0.0, None, closed="left")],
        "min_support": [Interval(Real, 0.0, None, closed="left")],
        "clip": ["boolean", tuple],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "engine": [StrOptions(set(ENGINES))],
        "callback": [callable, None],
        **checkpoints.CONSTRAINTS,
        "forget": [Interval(Real, 0.5, 1.0, closed="right"), None],
    }

    def __init__(
        self,
        n_components: int = 12,
        *,
        covariance_type: str = "spherical",
        tol: float = 1e-3,
        max_iter: int = 200,
        min_variance: float = 0.0,
        min_support: float = 0.0,
        clip: bool | tuple[float, float] = True,
        n_init: str | int = "auto",
        random_state: Any = None,
        verbose: int = 0,
        n_jobs: int | None = None,
        engine: str = "auto",
        callback: Callable[[RatingStep], Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: str | float = "30s",
        forget: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.max_iter = max_iter
        self.min_variance = min_variance
        self.min_support = min_support
        self.clip = clip
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.engine = engine
        self.callback = callback
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.forget = forget

    def fit(self, X: Any, y: Any = None) -> RatingMixture:
        """Fit the mixture to ratings.

        Parameters
        ----------
        X : sparse matrix, array-like, tuple or table
            A SciPy sparse matrix (n_users, n_items), whose stored entries are the ratings, zeros
            too; a matrix with NaN where there is no rating; a tuple ``(users, items, values)`` of
            equally long sequences; or a table with the columns ``user``, ``item`` and
            ``rating``. Ids are whole numbers or text.
        y : Ignored
            Present by convention.

        Returns
        -------
        RatingMixture
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or a rating cannot be used, or a user rates an item twice.
        """
        self._validate_params()
        self._limits((0.0, 0.0))
        checkpoints.check(self)
        given = read_ratings(X)
        shape = len(given.user_ids.names), len(given.item_ids.names)
        ratings = Ratings.of(given.users, given.items, given.values, shape)
        raters = np.count_nonzero(ratings.counts)
        if raters < self.n_components:
            raise InputError(
                f"n_components={self.n_components} is more than the {raters} users who rate; use "
                "fewer components."
            )
        units = mean_and_scale(ratings.values)
        run = best_run(self, ratings, units)
        self.lower_bounds_ = list(run.values)
        self.n_iter_ = len(run.values) - 1
        self.status_ = run.status
        publish(self, ratings, (given.user_ids, given.item_ids), units, *run.state)
        if self.status_ is Status.MAX_ITER:
            warnings.warn(self.status_.value, ConvergenceWarning, stacklevel=2)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> RatingMixture:
        """Add a batch of ratings to those known, of users and items known or new.

        Parameters
        ----------
        X : sparse matrix, array-like, tuple or table
            Ratings as ``fit`` takes them; rows and columns of a matrix are the same users and
            items in each batch. The first batch holds those of at least ``n_components`` users.
        y : Ignored
            Present by convention.

        Returns
        -------
        RatingMixture
            The estimator. ``n_iter_`` counts the batches since the fit, ``lower_bounds_`` has the
            bound after the last, in which users who did not come again are as they were, and
            ``status_`` is ``Status.ONLINE``.

        Raises
        ------
        ValueError
            If a parameter or a rating cannot be used, or a user has rated an item before.

        Notes
        -----
        Up to 100,000 ratings, all are fitted anew each time that they have doubled. Then the
        posterior of a batch's users is computed from all their ratings, and takes the place of
        what it was in the sums over items, from which all parameters follow [1]_: work is
        proportional to the ratings of these users, and to users and items times components.
        Ratings are kept, to recommend what is new and for users who come again. Their mean and
        scale stay those of the last fit. Shares and effects of users weigh all users alike. A
        model that was loaded goes on as if it had been fitted to all its ratings.

        References
        ----------
        .. [1] Neal, R. & Hinton, G. (1998). A view of the EM algorithm that justifies
           incremental, sparse, and other variants. *Learning in Graphical Models*.
           :doi:`10.1007/978-94-011-5014-9_12`

        Examples
        --------
        >>> from mixtura import RatingMixture
        >>> model = RatingMixture(1).fit((["ann", "bob"], ["tea", "tea"], [5, 2]))
        >>> model = model.partial_fit((["ann", "cy"], ["gin", "gin"], [1, 4]))
        >>> model.users_.tolist(), model.items_.tolist()
        (['ann', 'bob', 'cy'], ['gin', 'tea'])
        """
        self._validate_params()
        self._limits((0.0, 0.0))
        rating_online.update(self, X)
        return self

    def _limits(self, seen: tuple[float, float]) -> tuple[float, float]:
        """Return what predictions lie between."""
        if isinstance(self.clip, bool | np.bool_):
            return seen if self.clip else (-np.inf, np.inf)
        pair = isinstance(self.clip, tuple) and len(self.clip) == 2
        if not (
            pair and all(isinstance(x, Real) for x in self.clip) and self.clip[0] < self.clip[1]
        ):
            raise InputError(f"clip={self.clip!r} must be true, false or (low, high).")
        return float(self.clip[0]), float(self.clip[1])

    def predict(self, users: Any, items: Any, return_std: bool = False) -> Any:
        """Return the expected ratings of items by users.

        Parameters
        ----------
        users : id, array-like of ids, or Rater
            The users, or one new user from ``fold_in``.
        items : id or array-like of ids
            The items; users and items are paired, or one of them serves all of the other.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        ndarray or (ndarray, ndarray)
            Ratings and, where asked for, the standard deviations of the ratings that the users
            would give: noise, what is not known of user and item, and what components disagree
            on.

        Notes
        -----
        Users and items that the fit has not seen are those of the population: its mean, with a
        standard deviation that says so.
        """
        check_is_fitted(self)
        numbers = self._items.numbers(items)
        if isinstance(users, Rater):
            known, rows = users.posterior, np.zeros((), dtype=np.intp)
        else:
            known, rows = self._known, self._users.numbers(users)
        try:
            rows, numbers = np.broadcast_arrays(rows, numbers)
        except ValueError:
            raise InputError(
                f"users of shape {rows.shape} and items of shape {numbers.shape} make no pairs."
            ) from None
        mean, std = self._predicted(numbers.ravel(), known, rows.ravel())
        mean, std = self._clipped(mean).reshape(rows.shape), std.reshape(rows.shape)
        return (mean, std) if return_std else mean

    def _predicted(self, items: Any, users: Users, rows: Any) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations (n,); ``rows`` may be one user's for all items."""
        mean, variance = np.empty(len(items)), np.empty(len(items))
        for first in range(0, len(items), CHUNK):
            part = slice(first, first + CHUNK)
            own = rows if np.ndim(rows) == 0 else rows[part]
            mean[part], variance[part] = predicted(self._predictors, items[part], users, own)
        centre, scale = self._units
        return centre + scale * mean, scale * np.sqrt(variance)

    def _clipped(self, means: FloatArray) -> FloatArray:
        return np.clip(means, *self._limits(self.rating_range_))

    def fold_in(self, ratings: Any) -> Rater:
        """Return what the model knows of a new user from some ratings, without another fit.

        Parameters
        ----------
        ratings : mapping or tuple
            Items and the user's ratings of them: a mapping, or ``(items, values)``.

        Returns
        -------
        Rater
            The user, for ``predict`` and ``recommend`` of this fit. The ratings of one of its
            users give what ``fit`` found for that user.

        Raises
        ------
        ValueError
            If an item is not known or rated twice, or a rating is no finite number.
        """
        check_is_fitted(self)
        items, values = ratings_of_one(ratings, self._items)
        centre, scale = self._units
        with np.errstate(over="ignore", invalid="ignore"):
            own = newcomer(self._raters, self._predictors, items, (values - centre) / scale)
        if not np.isfinite(own.evidence).all():
            raise InputError("ratings are so large that their squares overflow; correct them.")
        return Rater(own.resp[0], len(items), items, own)

    def recommend(
        self,
        user_or_ratings: Any,
        n: int = 10,
        *,
        exclude_rated: bool = True,
        return_std: bool = False,
    ) -> tuple[NDArray[Any], ...]:
        """Return the items that a user would rate highest.

        Parameters
        ----------
        user_or_ratings : id, mapping, tuple or Rater
            A user of the fit, or a new one: ratings as ``fold_in`` takes them, or what it
            returned.
        n : int, default=10
            Number of items; there are fewer where fewer are left.
        exclude_rated : bool, default=True
            Whether to leave out items that the user has rated.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        items : ndarray
            Ids of the items, best first; of equal ones the first in ``items_``.
        ratings : ndarray of float
            Expected ratings.
        std : ndarray of float
            Their standard deviations, where asked for.

        Raises
        ------
        ValueError
            If the user or an item is not known.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
            raise InputError(f"n={n!r} must be a whole number of at least 1.")
        if isinstance(user_or_ratings, Mapping | tuple):
            user_or_ratings = self.fold_in(user_or_ratings)
        if isinstance(user_or_ratings, Rater):
            users, row, rated = user_or_ratings.posterior, 0, user_or_ratings.rated
        else:
            users, row = self._known, self._row(user_or_ratings)
            rated = self._ratings.columns[self._ratings.starts[row] : self._ratings.starts[row + 1]]
        items = np.arange(len(self.items_))
        if exclude_rated:
            items = np.delete(items, rated)
        mean, std = self._predicted(items, users, row)
        best = np.argsort(-mean, kind="stable")[: int(n)]  # before clipping makes some equal
        found = (self.items_[items[best]], self._clipped(mean[best]), std[best])
        return found if return_std else found[:2]

    def _row(self, user: Any) -> int:
        if np.ndim(user) != 0:
            raise InputError("recommend takes one user: an id, ratings, or what fold_in returned.")
        return int(self._users.known(user, "for a new user give ratings instead of an id"))

    def complete(self) -> FloatArray:
        """Return the whole matrix: ratings where there are some, predictions elsewhere.

        Returns
        -------
        ndarray of shape (n_users, n_items)
            The matrix; its rows and columns are ``users_`` and ``items_``.

        Raises
        ------
        ValueError
            If the matrix has more than fifty million cells.
        """
        check_is_fitted(self)
        shape = len(self.users_), len(self.items_)
        if shape[0] * shape[1] > MOST_CELLS:
            raise InputError(
                f"a complete matrix of {shape[0]} users x {shape[1]} items has more than "
                f"{MOST_CELLS:,} cells; call predict for the pairs that are needed."
            )
        table: FloatArray = np.empty(shape)
        items = np.arange(shape[1])
        for row in range(shape[0]):
            table[row] = self._predicted(items, self._known, row)[0]
        table = self._clipped(table)
        table[self._ratings.rows, self._ratings.columns] = self._ratings.values
        return table

    def rating_errors(self, X: Any, level: float = 0.9) -> dict[str, float]:
        """Return how far predictions are from ratings that were held out of the fit.

        Parameters
        ----------
        X : sparse matrix, array-like, tuple or table
            The held-out ratings, as ``fit`` takes them.
        level : float, default=0.9
            Probability of the intervals whose coverage is counted.

        Returns
        -------
        dict
            ``n_ratings``; ``rmse`` and ``mae``, the root mean squared and mean absolute
            error; ``coverage``, the share of ratings within the central normal interval of
            probability ``level`` about their prediction.

        Raises
        ------
        ValueError
            If one of the ratings was in the fit: errors on those say nothing about others.
        """
        check_is_fitted(self)
        if not isinstance(level, Real) or not 0.0 < level < 1.0:
            raise InputError(f"level={level!r} must lie between 0 and 1.")
        given = read_ratings(X)
        users = self._users.numbers(given.user_ids.names)[given.users]
        items = self._items.numbers(given.item_ids.names)[given.items]
        self._check_held_out(users, items)
        mean, std = self._predicted(items, self._known, users)
        errors = np.abs(self._clipped(mean) - given.values)
        return {
            "n_ratings": len(errors),
            "rmse": float(np.sqrt(np.mean(errors**2))),
            "mae": float(errors.mean()),
            "coverage": float(np.mean(errors <= ndtri(0.5 + level / 2.0) * std)),
        }

    def _check_held_out(self, users: NDArray[np.intp], items: NDArray[np.intp]) -> None:
        n_items = len(self.items_)
        keys = pair_keys(users, items, n_items)
        own = pair_keys(self._ratings.rows, self._ratings.columns, n_items)
        seen = np.isin(keys, own) & (users >= 0) & (items >= 0)
        if seen.any():
            place = int(np.argmax(seen))
            user, item = shown(self.users_[users[place]]), shown(self.items_[items[place]])
            raise InputError(
                f"X holds the rating of user {user}, item {item}, which the model was fitted to; "
                "errors are those of ratings held out of the fit."
            )

    def save(self, path: str | Path) -> None:
        """Write the fitted model, with its ratings, to a file that ``mixtura.load`` reads.

        Parameters
        ----------
        path : str or path-like
            The file to create or replace.
        """
        check_is_fitted(self)
        model_file.save(self, path)
