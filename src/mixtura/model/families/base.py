"""What a covariance structure must know; the rest of mixtura never branches on structure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import SingularCovarianceError
from mixtura.model.floor import CovarianceFloor

FloatArray = NDArray[np.floating[Any]]


class Family(ABC):
    """A covariance structure as a stateless record.

    ``k`` counts components, ``d`` columns and ``b`` the rows of a block. A *factor* is the
    linear map W with ``W' W`` the precision, so that the squared Mahalanobis distance of x is
    ``|W (x - mean)|^2``. Methods that take ``xp`` run on any array-API namespace.
    """

    name: str
    #: The form that covariances are stored in, which densities and moments go by.
    form: str
    #: Whether components share some of what the form would leave free to them.
    restricted: bool = False
    #: Whether the covariances of some columns, and those given others, are of this structure.
    closed: bool = True
    #: Whether covariances hold more than variances.
    correlated: bool = False
    #: Whether the whole table's scatter can stand for the second moment (``within_total``).
    uses_total_scatter: bool = False
    #: Whether all columns share one unit, so that they must not be rescaled one by one.
    one_unit: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Family) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    @abstractmethod
    def covariance_shape(self, k: int, d: int) -> tuple[int, ...]:
        """Return the shape of the covariance parameters."""

    @abstractmethod
    def n_covariance_parameters(self, k: int, d: int) -> int:
        """Return the number of free covariance parameters."""

    @abstractmethod
    def factor(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        """Return the factor and log-determinant (k,) of each covariance.

        Raises ``SingularCovarianceError`` naming the first component that is not positive definite.
        """

    @abstractmethod
    def mahalanobis(self, xp: Any, block: Any, means: Any, factor: Any) -> Any:
        """Return squared Mahalanobis distances (k, b) of ``block`` (b, d)."""

    @abstractmethod
    def moments(self, xp: Any, block: Any, means: Any, resp: Any, scatter: bool) -> tuple[Any, Any]:
        """Return first (k, d) and second moments of ``block`` about ``means``.

        ``resp`` (k, b) are the weighted responsibilities. Where ``scatter`` is false, a family
        that ``uses_total_scatter`` returns zeros for the second.
        """

    @abstractmethod
    def recentred(
        self, second: FloatArray, support: FloatArray, first: FloatArray, shift: FloatArray
    ) -> FloatArray:
        """Return ``second`` about centres moved by ``shift`` (k, d).

        ``support`` (k, d) is the weight that each component's moments of each column are sums of.
        In a structure that correlates columns, rows tell of all or of none.
        """

    @abstractmethod
    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        """Return the maximum-likelihood covariances for scatter about the new means.

        Where they are found step by step, that begins at the ``previous`` ones; restricted
        structures look there for what a component without support does not share, too.
        ``sweeps`` bounds the steps: those of an iteration that goes on need not end.
        """

    def supported(
        self, second: FloatArray, support: FloatArray, floor: CovarianceFloor
    ) -> FloatArray:
        """Return ``second``, lifted where all components together are flat (restricted ones)."""
        return second

    @abstractmethod
    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        """Return ``covariances`` with those without support (k, d) as they were."""

    def check(self, name: str, covariances: FloatArray) -> None:
        """Raise, about the parameter of that name, unless covariances are of the structure."""
        del name, covariances  # a form holds all that have its shape

    @abstractmethod
    def marginal(self, covariances: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        """Return the covariances of some of the columns."""

    def conditional(
        self, covariances: FloatArray, known: NDArray[np.intp], unknown: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray]:
        """Return the covariances of columns given others, and how their means depend on those.

        The maps (k, u, o), or (1, u, o) for all, take the ``known`` columns' deviations from
        their mean to the ``unknown`` ones'.
        """
        return self.marginal(covariances, unknown), np.zeros((1, len(unknown), len(known)))

    def within_total(
        self, total: FloatArray, zeroth: FloatArray, first: FloatArray, offset: FloatArray
    ) -> FloatArray | None:
        """Return the second moment from the table's scatter, or None if it must be summed.

        ``total`` (d, d) is taken about a point, ``offset`` (k, d) is the centres minus it.
        """
        return None

    @abstractmethod
    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        """Return the maximum-likelihood covariances under ``covariance >= floor``."""

    @abstractmethod
    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        """Return the covariances with ``amount`` added to each diagonal."""

    @abstractmethod
    def relative_scales(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        """Return (k,) the smallest variance of each component relative to the floor."""

    @abstractmethod
    def full(self, covariances: FloatArray, k: int, d: int) -> FloatArray:
        """Return the covariances as matrices (k, d, d)."""

    @abstractmethod
    def precisions(self, covariances: FloatArray, k: int, d: int) -> tuple[FloatArray, FloatArray]:
        """Return precisions and their Cholesky factors in scikit-learn's shapes and order."""

    @abstractmethod
    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        """Return the covariances that belong to ``precisions`` (same shape)."""

    def log_roots(self, covariances: FloatArray) -> FloatArray:
        """Return numbers without bounds that stand for the covariances (same shape)."""
        if not self.correlated:
            return np.log(covariances)
        lower = np.linalg.cholesky(covariances)
        diagonal = np.diagonal(lower, axis1=-2, axis2=-1)
        return lower + (np.log(diagonal) - diagonal)[..., None] * np.eye(lower.shape[-1])

    def from_log_roots(self, roots: FloatArray) -> FloatArray:
        """Return the covariances that ``log_roots`` stand for."""
        if not self.correlated:
            return np.exp(roots)
        diagonal = np.diagonal(roots, axis1=-2, axis2=-1)
        lower = roots + (np.exp(diagonal) - diagonal)[..., None] * np.eye(roots.shape[-1])
        return lower @ np.swapaxes(lower, -1, -2)

    @abstractmethod
    def pooled(self, total: FloatArray, k: int) -> FloatArray:
        """Return covariances that give every component the covariance ``total`` (d, d)."""

    def blended(self, covariances: FloatArray, component: int, total: FloatArray) -> FloatArray:
        """Return ``covariances`` with that of ``component`` replaced by ``total`` (d, d)."""
        changed = covariances.copy()
        changed[component] = self.pooled(total, 1)[0]
        return changed


def cholesky(matrices: FloatArray, what: str = "covariances") -> FloatArray:
    """Return lower Cholesky factors (k, d, d), or raise naming the first failing component."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        pass
    component = next(j for j, matrix in enumerate(matrices) if not _has_factor(matrix))
    raise SingularCovarianceError(
        f"{what}[{component}] is not positive definite: the component has collapsed onto a point "
        "or a plane. Use fewer components, a simpler covariance_type, or a variance floor "
        "(reg_covar in GaussianMixture, min_variance in m_step and run_em)."
    )


def _has_factor(matrix: FloatArray) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def positive(variances: FloatArray) -> FloatArray:
    """Return ``variances`` if all are above zero, or raise naming the first that is not."""
    if (variances > 0).all():
        return variances
    component = int(np.argwhere(~(variances > 0))[0][0])
    raise SingularCovarianceError(
        f"covariances[{component}] has a variance that is not positive: the component has "
        "collapsed. Use fewer components or a variance floor (reg_covar in GaussianMixture, "
        "min_variance in m_step and run_em)."
    )
