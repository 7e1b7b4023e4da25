"""Structures whose components share volume, shape or orientation (docs/guide, equations 36 to 38).

A covariance is a volume times a shape along an orientation, each Equal among the components,
Variable or the Identity: three letters (Celeux & Govaert 1995,
doi:10.1016/0031-3203(94)00125-6). They are stored like the form that they restrict, and have its
densities and moments.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError, SingularCovarianceError
from mixtura.model.families import spectra
from mixtura.model.families.base import Family, FloatArray
from mixtura.model.families.diag import Diag
from mixtura.model.families.full import Full
from mixtura.model.families.orientation import with_common_axes
from mixtura.model.families.spherical import Spherical
from mixtura.model.floor import CovarianceFloor

#: Volume and shape, by their letters.
RULES: dict[str, spectra.Rule] = {
    "EI": spectra.common,
    "VI": spectra.free,
    "EE": spectra.common,
    "VE": spectra.common_shape,
    "EV": spectra.common_volume,
    "VV": spectra.free,
}
#: Structures that the covariances of some columns, and those given others, have too.
CLOSED = ("EII", "EEI", "VEI", "VEE")
#: Rows of its previous covariance, per row of all, that a component without support counts as: too
#: few to move what it shares with others.
HELD = float(np.finfo(np.float64).eps)
#: How far covariances may be from a structure, relative to the columns' standard deviations.
ROUNDED = 1e-6


class Restricted(Family):
    """What these structures have in common."""

    restricted = True
    #: The form that the covariances are stored in, without the restriction.
    free: Family

    def __init__(self, name: str) -> None:
        self.name = name
        self.form = self.free.name
        self.closed = name in CLOSED

    def n_covariance_parameters(self, k: int, d: int) -> int:
        return n_parameters(self.name, k, d)

    @staticmethod
    @abstractmethod
    def scatter(covariances: FloatArray, support: FloatArray) -> FloatArray:
        """Return the second moments of rows with these covariances."""

    @abstractmethod
    def fitted(
        self,
        second: FloatArray,
        support: FloatArray,
        start: FloatArray | None,
        sweeps: int | None = None,
    ) -> FloatArray:
        """Return the covariances of maximum likelihood where every component has support."""

    def maximised(
        self,
        second: FloatArray,
        support: FloatArray,
        previous: FloatArray | None = None,
        sweeps: int | None = None,
    ) -> FloatArray:
        empty = support <= 0
        if previous is not None and empty.any():
            held = np.where(empty, HELD * (support.sum() or 1.0), 0.0)
            second, support = second + self.scatter(previous, held), support + held
        with np.errstate(over="ignore", invalid="ignore"):
            covariances = self.fitted(second, support, previous, sweeps)
        if not np.isfinite(covariances).all():
            raise collapsed(self.name, covariances, ~np.isfinite(covariances))
        return covariances

    def kept(
        self, covariances: FloatArray, support: FloatArray, previous: FloatArray
    ) -> FloatArray:
        return covariances  # of what shares its shape, volume or axes with what has support

    def projected(self, covariances: FloatArray) -> FloatArray:
        """Return the structure's covariances that fit groups of the given ones best."""
        return self.fitted(covariances, np.ones(sizes(covariances)), covariances)

    def check(self, name: str, covariances: FloatArray) -> None:
        shape = sizes(covariances)
        matrices = self.full(covariances, *shape)
        apart = np.abs(self.full(self.projected(covariances), *shape) - matrices)
        scale = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
        apart = apart / scale[:, :, None] / scale[:, None, :]
        if (apart > ROUNDED).any():
            component = int(np.unravel_index(np.argmax(apart), apart.shape)[0])
            raise InputError(
                f"{name}: covariances[{component}] is not of covariance_type={self.name!r}, in "
                "which components share what its letters E stand for (volume, shape, orientation). "
                f"Give covariances that do, or take {self.form!r}."
            )

    def supported(
        self, second: FloatArray, support: FloatArray, floor: CovarianceFloor
    ) -> FloatArray:
        whole, weight = second.sum(axis=0, keepdims=True), support.sum(axis=0, keepdims=True)
        pooled = self.free.maximised(whole, weight)
        lifted = self.free.floored(pooled, floor)
        if (lifted == pooled).all():
            return second
        return second + self.scatter(lifted - pooled, support)

    def floored(self, covariances: FloatArray, floor: CovarianceFloor) -> FloatArray:
        # In directions in which the whole table is flat, ``supported`` has lifted all of them.
        flat = ~(self.relative_scales(covariances, floor) >= 1.0)
        if not flat.any():
            return covariances
        raise collapsed(self.name, covariances, flat)

    def ridged(self, covariances: FloatArray, amount: float) -> FloatArray:
        return self.projected(self.free.ridged(covariances, amount))

    def from_precisions(self, precisions: FloatArray) -> FloatArray:
        return self.projected(self.free.from_precisions(precisions))

    def from_log_roots(self, roots: FloatArray) -> FloatArray:
        return self.projected(self.free.from_log_roots(roots))

    def blended(self, covariances: FloatArray, component: int, total: FloatArray) -> FloatArray:
        return self.projected(self.free.blended(covariances, component, total))


def collapsed(name: str, covariances: FloatArray, where: NDArray[np.bool_]) -> Exception:
    """Return the error for the first component of which something is flat or no number."""
    component = int(np.flatnonzero(where.reshape(len(covariances), -1).any(axis=1))[0])
    return SingularCovarianceError(
        f"covariances[{component}] is nearly singular: the component has collapsed onto a point or "
        f"a plane, where covariance_type={name!r} has no floor. Use fewer components or a simpler "
        "covariance_type."
    )


def sizes(covariances: FloatArray) -> tuple[int, int]:
    """Return the numbers of components and of columns, or 1 where variances have none."""
    return len(covariances), 1 if covariances.ndim == 1 else covariances.shape[-1]


class RestrictedSpherical(Restricted, Spherical):
    """EII: one variance for all components, repeated (k,)."""

    free = Spherical()

    @staticmethod
    def scatter(covariances: FloatArray, support: FloatArray) -> FloatArray:
        return covariances * support.mean(axis=1)

    def fitted(
        self,
        second: FloatArray,
        support: FloatArray,
        start: FloatArray | None,
        sweeps: int | None = None,
    ) -> FloatArray:
        return spectra.common(second[:, None], support.mean(axis=1)[:, None])[:, 0]


class RestrictedDiag(Restricted, Diag):
    """EEI, VEI and EVI: variances (k, d)."""

    free = Diag()

    @staticmethod
    def scatter(covariances: FloatArray, support: FloatArray) -> FloatArray:
        return covariances * support

    def fitted(
        self,
        second: FloatArray,
        support: FloatArray,
        start: FloatArray | None,
        sweeps: int | None = None,
    ) -> FloatArray:
        return RULES[self.name[:2]](second, support, start, sweeps)


class RestrictedFull(Restricted, Full):
    """EVE, VVE, EEV, VEV, EVV and VEE: matrices (k, d, d)."""

    free = Full()

    @staticmethod
    def scatter(covariances: FloatArray, support: FloatArray) -> FloatArray:
        return covariances * support[:, :1, None]

    def fitted(
        self,
        second: FloatArray,
        support: FloatArray,
        start: FloatArray | None,
        sweeps: int | None = None,
    ) -> FloatArray:
        scatter = 0.5 * (second + second.transpose(0, 2, 1))
        return matrices_of(self.name, scatter, support[:, 0], start, sweeps)


def matrices_of(
    name: str,
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None = None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return covariances (..., k, d, d) of maximum likelihood for one of the fourteen structures.

    ``scatter`` (..., k, d, d) are sums over rows about the means of components of total
    ``weight`` (..., k). From ``start`` on, of the same structure, the likelihood does not fall.
    Leading axes stand for models side by side. ``sweeps`` bounds the alternations of structures
    whose maximum is found step by step.
    """
    rule, orientation, d = RULES[name[:2]], name[2], scatter.shape[-1]
    if name[1:] == "EE":
        return proportional(name, scatter, weight, start, sweeps)
    if name == "EVV":
        return of_one_volume(scatter, weight)
    if orientation == "E":
        return with_common_axes(scatter, weight, rule, start, sweeps)
    if orientation == "I":
        spread = np.diagonal(scatter, axis1=-2, axis2=-1)
        if name[1] == "I":
            spread = spread.mean(axis=-1, keepdims=True)
        before = None if start is None else np.diagonal(start, axis1=-2, axis2=-1)
        along = np.repeat(weight[..., None], spread.shape[-1], axis=-1)
        return rule(spread, along, before, sweeps)[..., None] * np.eye(d)
    spread, axes = np.linalg.eigh(scatter)
    before = None if start is None else np.linalg.eigvalsh(start)
    along = np.repeat(weight[..., None], d, axis=-1)
    variances = rule(np.maximum(spread, 0.0), along, before, sweeps)
    return (axes * variances[..., None, :]) @ np.swapaxes(axes, -1, -2)


def proportional(
    name: str,
    scatter: FloatArray,
    weight: FloatArray,
    start: FloatArray | None,
    sweeps: int | None = None,
) -> FloatArray:
    """Return covariances that are one matrix (EEE), or a volume times one (VEE)."""
    d = scatter.shape[-1]
    total = np.maximum(weight.sum(axis=-1), np.finfo(np.float64).tiny)[..., None, None]
    if name[0] == "E":
        pooled = scatter.sum(axis=-3) / total
        return np.broadcast_to(pooled[..., None, :, :], scatter.shape)
    safe = np.where(weight > 0, weight, 1.0)
    given = scatter / safe[..., None, None] if start is None else start
    volume = np.trace(given, axis1=-2, axis2=-1) / d
    for _ in range(sweeps or spectra.SWEEPS):
        shape = (scatter / np.maximum(volume, spectra.TINY)[..., None, None]).sum(axis=-3) / total
        inverse = inverse_of(shape)[..., None, :, :]
        volume, old = (inverse * scatter).sum(axis=(-2, -1)) / (d * safe), volume
        if spectra.settled(volume, old):
            break
    return volume[..., None, None] * shape[..., None, :, :]


def of_one_volume(scatter: FloatArray, weight: FloatArray) -> FloatArray:
    """Return covariances of one determinant (EVV), by determinants whatever columns' units are."""
    d = scatter.shape[-1]
    sign, logs = np.linalg.slogdet(scatter)
    size = np.where(sign > 0, np.exp(logs / d), 0.0)
    volume = spectra.free(size.sum(axis=-1, keepdims=True), weight.sum(axis=-1, keepdims=True))
    return (volume / np.where(size > 0, size, np.inf))[..., None, None] * scatter


def inverse_of(matrices: FloatArray) -> FloatArray:
    """Return inverses of matrices (..., d, d), NaN where some are singular; raise for one."""
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        pass
    if matrices.ndim > 2:
        return np.stack([inverse_or_nan(matrix) for matrix in matrices])
    raise SingularCovarianceError(
        "the covariance that all components share is singular: a column does not vary, or "
        "repeats others. Leave it out, or give a variance floor (min_variance in m_step and "
        "run_em)."
    )


def inverse_or_nan(matrices: FloatArray) -> FloatArray:
    """Return inverses of matrices (..., d, d), NaN where they are singular."""
    try:
        return inverse_of(matrices)
    except SingularCovarianceError:
        return np.full_like(matrices, np.nan)


def n_parameters(name: str, k: int, d: int) -> int:
    """Return the number of free covariance parameters of one of the fourteen structures."""
    counts = {"E": 1, "V": k, "I": 0}
    volume, shape, orientation = (counts[letter] for letter in name)
    return volume + shape * (d - 1) + orientation * (d * (d - 1) // 2)
