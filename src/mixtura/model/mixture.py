"""A Gaussian mixture: weights, means and covariances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura._errors import InputError
from mixtura.model import criteria
from mixtura.model.density import Density, block_slices, log_joint, log_sum_exp
from mixtura.model.families import ONE_COLUMN, Family, family_named
from mixtura.model.families.base import FloatArray
from mixtura.model.sampling import RandomState, draw, generator


@dataclass(frozen=True, eq=False)
class Mixture:
    r"""A Gaussian mixture with known parameters.

    The density of a row is :math:`p(x) = \sum_j w_j N(x; \mu_j, \Sigma_j)` [1]_. A mixture is
    immutable: fitting returns a new one.

    Parameters
    ----------
    weights : array-like of shape (n_components,)
        Non-negative, summing to 1 (checked to 1e-6).
    means : array-like of shape (n_components, n_features)
        Component means, in the units of the columns.
    covariances : array-like
        In scikit-learn's shapes: ``full`` (n_components, n_features, n_features), ``tied``
        (n_features, n_features), ``diag`` (n_components, n_features), ``spherical``
        (n_components,). Positive definite; checked when a density is first asked for.
    covariance_type : str, default='full'
        The covariance structure: ``'full'``, ``'tied'``, ``'diag'``, ``'spherical'``, or a name of
        mclust's: three letters for volume, shape and orientation. Those that restrict a form have
        its shape: EII that of ``spherical``; EEI, VEI and EVI that of ``diag``; VEE, EVE, VVE,
        EEV, VEV and EVV that of ``full``.

    Raises
    ------
    InputError
        If a shape does not fit, a number is not finite, or the weights are not proportions.

    References
    ----------
    .. [1] McLachlan, G. & Peel, D. (2000). *Finite Mixture Models*. Wiley.
       :doi:`10.1002/0471721182`

    Examples
    --------
    >>> from mixtura import Mixture
    >>> mixture = Mixture([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
    >>> mixture.responsibilities([[2.0]])
    array([[0.5, 0.5]])
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    covariance_type: str = "full"

    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: str = "full",
    ) -> None:
        family = family_named(covariance_type)
        arrays = {
            "weights": as_finite("weights", weights),
            "means": as_finite("means", means),
            "covariances": as_finite("covariances", covariances),
        }
        check_shapes(family, **arrays)
        check_one_column(covariance_type, arrays["means"].shape[1])
        check_weights(arrays["weights"])
        if family.correlated:
            check_symmetric("covariances", arrays["covariances"])
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "covariance_type", family.name)

    @property
    def family(self) -> Family:
        """The covariance structure as a record."""
        return family_named(self.covariance_type)

    @property
    def _partial_type(self) -> str:
        """The structure of the covariances of some columns, and of those given others."""
        return self.family.name if self.family.closed else self.family.form

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.means.shape[1]

    @cached_property
    def density(self) -> Density:
        """Factorised covariances and log-normalisers, computed once."""
        return Density.of(self.family, self.weights, self.means, self.covariances)

    def log_prob(self, X: ArrayLike) -> FloatArray:
        """Return the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities in nats.
        """
        X = self._rows(X)
        log_prob = np.empty(len(X))
        for part, joint in self._blocks(X):
            log_prob[part] = log_sum_exp(np, joint)[0]
        return log_prob

    def responsibilities(self, X: ArrayLike) -> FloatArray:
        """Return the posterior probability of each component for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Each row sums to 1.
        """
        X = self._rows(X)
        resp = np.empty((len(X), self.n_components))
        for part, joint in self._blocks(X):
            resp[part] = log_sum_exp(np, joint)[1].T
        return resp

    def marginal(self, columns: ArrayLike) -> Mixture:
        """Return the mixture of some of the columns.

        Parameters
        ----------
        columns : array-like of int
            Numbers of the columns to keep, in the order wanted, none twice.

        Returns
        -------
        Mixture
            Of the same weights, over those columns; of the same structure, or of the one that it
            restricts where columns alone do not have it.

        Raises
        ------
        InputError
            If a number is not that of a column, or is given twice, or none is given.

        Examples
        --------
        >>> from mixtura import Mixture
        >>> mixture = Mixture([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> mixture.marginal([1]).covariances
        array([[[3.]]])
        """
        kept = column_numbers("columns", columns, self.n_features)
        if len(kept) == 0:
            raise InputError("columns is empty: keep at least one column.")
        covariances = self.family.marginal(self.covariances, kept)
        return Mixture(self.weights, self.means[:, kept], covariances, self._partial_type)

    def condition(self, known: Mapping[int, float]) -> Mixture:
        r"""Return the mixture of the other columns, given the values of some.

        Parameters
        ----------
        known : mapping of int to float
            Values by the numbers of their columns; at least one column must stay unknown.

        Returns
        -------
        Mixture
            Over the columns that are not in ``known``, in their order. The mean of it is the
            regression of those columns on the known ones; draws from it are imputations.

        Raises
        ------
        InputError
            If a number is not that of a column, a value is not finite, or no column is left.

        Notes
        -----
        With o the known and u the other columns, component j has weight proportional to
        :math:`w_j N(x_o; \mu_{jo}, \Sigma_{joo})`, mean :math:`\mu_{ju} + \Sigma_{juo}
        \Sigma_{joo}^{-1} (x_o - \mu_{jo})` and covariance :math:`\Sigma_{juu} - \Sigma_{juo}
        \Sigma_{joo}^{-1} \Sigma_{jou}` [1]_.

        References
        ----------
        .. [1] Ghahramani, Z. & Jordan, M. (1994). Supervised learning from incomplete data via
           an EM approach. *Advances in Neural Information Processing Systems* 6.

        Examples
        --------
        >>> from mixtura import Mixture
        >>> mixture = Mixture([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
        >>> given = mixture.condition({0: 3.0})
        >>> given.means, given.covariances
        (array([[3.]]), array([[[2.5]]]))
        """
        if not isinstance(known, Mapping):
            raise InputError("known must map numbers of columns to their values: {column: value}.")
        observed = column_numbers("known", list(known), self.n_features)
        unknown = np.setdiff1d(np.arange(self.n_features), observed)
        if len(unknown) == 0:
            raise InputError("known holds every column: leave at least one unknown.")
        if len(observed) == 0:
            return self
        values = np.array([as_finite(f"known[{c}]", value) for c, value in known.items()])
        weights = self.marginal(observed).responsibilities(values[None])[0]
        covariances, maps = self.family.conditional(self.covariances, observed, unknown)
        means = self.means[:, unknown] + np.matvec(maps, values - self.means[:, observed])
        return Mixture(weights, means, covariances, self._partial_type)

    def sample(
        self, n: int = 1, random_state: RandomState = None
    ) -> tuple[FloatArray, NDArray[np.intp]]:
        """Draw rows from the mixture.

        Parameters
        ----------
        n : int, default=1
            Number of rows, at least 0.
        random_state : None, int, Generator or RandomState, default=None
            Source of randomness; the same int gives the same rows.

        Returns
        -------
        X : ndarray of shape (n, n_features)
            The rows, grouped by component.
        labels : ndarray of shape (n,)
            The component each row was drawn from.

        Raises
        ------
        InputError
            If ``n`` is not a whole number of at least 0.
        """
        if not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n={n!r} must be a whole number of at least 0.")
        return draw(
            self.family, self.weights, self.means, self.covariances, n, generator(random_state)
        )

    def n_parameters(self) -> int:
        """Return the number of free parameters.

        Returns
        -------
        int
            Of weights (one less than components), means and covariances.
        """
        k, d = self.means.shape
        return k * d + k - 1 + self.family.n_covariance_parameters(k, d)

    def bic(self, X: ArrayLike) -> float:
        """Return the Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing. Rows without an observed cell do not count.

        Returns
        -------
        float
            ``n_parameters * log(n_samples) - 2 * log-likelihood`` [1]_.

        References
        ----------
        .. [1] Schwarz, G. (1978). Estimating the dimension of a model. *Annals of
           Statistics* 6(2). :doi:`10.1214/aos/1176344136`
        """
        X = self._rows(X)
        n = float(criteria.counts(X).sum())
        return criteria.bic(float(self.log_prob(X).sum()), self.n_parameters(), n)

    def aic(self, X: ArrayLike) -> float:
        """Return Akaike's information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; a cell that is NaN is missing.

        Returns
        -------
        float
            ``2 * n_parameters - 2 * log-likelihood`` [1]_.

        References
        ----------
        .. [1] Akaike, H. (1974). A new look at the statistical model identification.
           *IEEE Trans. Automatic Control* 19(6). :doi:`10.1109/TAC.1974.1100705`
        """
        return criteria.aic(float(self.log_prob(X).sum()), self.n_parameters())

    def _rows(self, X: ArrayLike) -> FloatArray:
        rows = as_finite("X", X, missing=True)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise InputError(
                f"X has shape {rows.shape}; this mixture needs (n_samples, {self.n_features})."
            )
        return rows

    def _blocks(self, X: FloatArray) -> Iterator[tuple[Any, FloatArray]]:
        """Yield numbers of rows and the log-joint densities (k, b) of their observed cells."""
        missing = np.isnan(X)
        if missing.any():
            yield from self._incomplete_blocks(X, missing)
            return
        density = self.density
        arrays = (density.means, density.factor, density.offsets)
        for part in block_slices(len(X), self.n_components, self.n_features):
            yield part, log_joint(np, density, X[part], arrays)

    def _incomplete_blocks(
        self, X: FloatArray, missing: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
        patterns, pattern = np.unique(missing, axis=0, return_inverse=True)
        for number, lost in enumerate(patterns):
            rows, columns = np.flatnonzero(pattern == number), np.flatnonzero(~lost)
            if len(columns) == 0:
                with np.errstate(divide="ignore"):
                    yield rows, np.repeat(np.log(self.weights)[:, None], len(rows), axis=1)
                continue
            for part, joint in self.marginal(columns)._blocks(X[np.ix_(rows, columns)]):
                yield rows[part], joint


def as_finite(name: str, values: ArrayLike, *, missing: bool = False) -> FloatArray:
    """Return a copy of ``values`` in float64, or raise naming the first that is not finite.

    Where ``missing``, NaN stands for a cell that is not known, and passes.
    """
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers: {error}") from None
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    if bad.any():
        where = np.argwhere(bad)[0].tolist()
        entry = f"{name}{where or ''}"
        raise InputError(f"{entry} is {array[tuple(where)]}; every entry must be finite.")
    return array


def column_numbers(name: str, columns: ArrayLike, n_features: int) -> NDArray[np.intp]:
    """Return numbers of columns as an array, or raise naming the first that is none."""
    numbers = np.asarray(columns)
    if numbers.size == 0:
        return np.empty(0, dtype=np.intp)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise InputError(f"{name} must hold numbers of columns, from 0 to {n_features - 1}.")
    for number in numbers.tolist():
        if not 0 <= number < n_features:
            raise InputError(f"{name} holds {number}; columns are 0 to {n_features - 1}.")
    if len(np.unique(numbers)) < len(numbers):
        raise InputError(f"{name} holds a column twice.")
    return numbers.astype(np.intp)


def check_shapes(
    family: Family, weights: FloatArray, means: FloatArray, covariances: FloatArray
) -> None:
    """Raise unless weights, means and covariances belong together."""
    if means.ndim != 2 or 0 in means.shape:
        raise InputError(f"means has shape {means.shape}; it must be (n_components, n_features).")
    k, d = means.shape
    if weights.shape != (k,):
        raise InputError(f"weights has shape {weights.shape}; {k} means need ({k},).")
    expected = family.covariance_shape(k, d)
    if covariances.shape != expected:
        raise InputError(
            f"covariances has shape {covariances.shape}; covariance_type={family.name!r} with "
            f"{k} components and {d} features needs {expected}."
        )


def check_one_column(covariance_type: str, d: int) -> None:
    """Raise where a structure is named that tables of one column have."""
    if covariance_type in ONE_COLUMN and d > 1:
        raise InputError(
            f"covariance_type={covariance_type!r} is for one column; with {d} columns give three "
            f"letters, such as {2 * covariance_type + 'I'!r}, or a name of scikit-learn's."
        )


def check_weights(weights: FloatArray) -> None:
    """Raise unless the weights are proportions."""
    if (weights < 0).any():
        component = int(np.argmin(weights))
        raise InputError(f"weights[{component}] is {weights[component]}; none may be negative.")
    if abs(weights.sum() - 1.0) > 1e-6:
        raise InputError(f"weights sum to {weights.sum()}; they must sum to 1.")


def check_symmetric(name: str, matrices: FloatArray) -> None:
    """Raise unless the last two axes of (..., d, d) are symmetric, up to rounding."""
    skew = np.abs(matrices - np.swapaxes(matrices, -1, -2))
    if (skew > 1e-8 * np.abs(matrices).max()).any():
        where = np.argwhere(skew == skew.max())[0].tolist()
        raise InputError(f"{name}{where} differs from its mirror image; make it symmetric.")
