"""Directions along which the components of a mixture differ, or vary, most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from mixtura.model.families.base import FloatArray
from mixtura.model.mixture import Mixture

#: Separation below which components are taken for the same.
NOTHING = 1e-10


@dataclass(frozen=True, eq=False)
class Projection:
    """Orthogonal directions, the best first.

    Attributes
    ----------
    centre : ndarray (d,)
        Mean of the mixture, which is projected to 0.
    directions : ndarray (d, r)
        Columns that take ``rows - centre`` to coordinates.
    loadings : ndarray (d, r)
        The same for columns scaled to a variance of 1, of length 1 each.
    parts : ndarray (r,)
        Part of the separation, or of the variance, that each direction shows; they sum to 1.
    """

    centre: FloatArray
    directions: FloatArray
    loadings: FloatArray
    parts: FloatArray

    def project(self, rows: FloatArray) -> FloatArray:
        """Return the coordinates (n, r) of rows (n, d)."""
        return (rows - self.centre) @ self.directions

    def project_mixture(self, mixture: Mixture) -> Mixture:
        """Return the mixture of the coordinates."""
        covariances = mixture.family.full(mixture.covariances, *mixture.means.shape)
        projected = self.directions.T @ covariances @ self.directions
        projected = 0.5 * (projected + projected.transpose(0, 2, 1))
        return Mixture(mixture.weights, self.project(mixture.means), projected)


def total_moments(mixture: Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean (d,), the covariance within (d, d) and that between components (d, d)."""
    centre = mixture.weights @ mixture.means
    apart = mixture.means - centre
    covariances = mixture.family.full(mixture.covariances, *mixture.means.shape)
    within = np.einsum("k,kab->ab", mixture.weights, covariances)
    return centre, within, (apart * mixture.weights[:, None]).T @ apart


def separating(mixture: Mixture, n_directions: int = 2) -> Projection | None:
    """Return the directions that separate components best; None if these are all the same.

    They solve the generalised eigenproblem of docs/guide, equation 65, for the kernel of the
    variation of means and covariances (equation 64). Columns are scaled first, which changes
    nothing but rounding. Coordinates have variance 1 under the mixture, and no correlation.

    Source: Scrucca, L. (2010). Dimension reduction for model-based clustering. *Statistics and
    Computing* 20(4). :doi:`10.1007/s11222-009-9138-7`
    """
    centre, within, between = total_moments(mixture)
    scale = np.sqrt(np.diagonal(within + between))
    units = np.outer(scale, scale)
    within, between = within / units, between / units
    total = within + between
    apart = mixture.family.full(mixture.covariances, *mixture.means.shape) / units - within
    kernel = between @ np.linalg.solve(total, between)
    kernel += np.einsum("k,kab->ab", mixture.weights, apart @ np.linalg.solve(total, apart))
    values, vectors = eigh(0.5 * (kernel + kernel.T), total)
    if values[-1] < NOTHING:
        return None
    return _projection(centre, scale, values, vectors, n_directions)


def principal(mixture: Mixture, n_directions: int = 2) -> Projection:
    """Return the principal axes of the mixture's covariance, of columns scaled to variance 1."""
    centre, within, between = total_moments(mixture)
    scale = np.sqrt(np.diagonal(within + between))
    values, vectors = np.linalg.eigh((within + between) / np.outer(scale, scale))
    return _projection(centre, scale, values, vectors, n_directions)


def _projection(
    centre: FloatArray, scale: FloatArray, values: FloatArray, vectors: FloatArray, n: int
) -> Projection:
    """Return the last eigenvectors (d, d), each with its largest entry above zero."""
    best = vectors[:, ::-1][:, :n]
    largest = np.argmax(np.abs(best), axis=0)
    best = best * np.sign(best[largest, np.arange(best.shape[1])])
    parts = np.maximum(values[::-1], 0.0)
    loadings = best / np.linalg.norm(best, axis=0)
    return Projection(centre, best / scale[:, None], loadings, parts[:n] / parts.sum())
