"""Mixtures and tables for tests, and ways to compare what is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from mixtura import Mixture
from mixtura.algorithms.em import EM
from mixtura.algorithms.total import total_statistics
from mixtura.estimators.functional import source_for
from mixtura.model import FAMILIES, Statistics, family_named
from mixtura.model.families import ALIASES, RESTRICTED

FAMILY_NAMES = tuple(FAMILIES)
RESTRICTED_NAMES = tuple(RESTRICTED)
#: The fourteen structures by mclust's names.
FOURTEEN = (*RESTRICTED_NAMES, *(name for name in ALIASES if len(name) == 3))
#: Ways in which rows may lie in memory.
LAYOUTS = ("C", "F", "strided", "reversed", "read-only")

Array = NDArray[Any]


def random_covariances(rng: np.random.Generator, covariance_type: str, k: int, d: int) -> Array:
    """Return well-conditioned covariances in the shape of the family."""
    if covariance_type in RESTRICTED:
        free = 0.4 * rng.normal(size=n_free(covariance_type, k, d))
        return in_form(covariance_type, structured(covariance_type, free, k, d))
    if covariance_type in ("diag", "spherical"):
        shape = family_named(covariance_type).covariance_shape(k, d)
        return rng.uniform(0.3, 2.0, size=shape)
    count = k if covariance_type == "full" else 1
    roots = np.eye(d) + 0.5 * rng.normal(size=(count, d, d)) / np.sqrt(d)
    matrices = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)
    return matrices if covariance_type == "full" else matrices[0]


def n_free(name: str, k: int, d: int) -> int:
    """Return how many numbers ``structured`` takes."""
    counts = {"E": 1, "V": k, "I": 0}
    sizes = (1, d - 1, d * (d - 1) // 2)
    return sum(counts[letter] * size for letter, size in zip(name, sizes, strict=True))


def structured(name: str, free: Array, k: int, d: int) -> Array:
    """Return the covariances (k, d, d) that free numbers stand for, letter by letter.

    They are the logarithms of volumes, those of shapes but for the last, and skew matrices whose
    exponentials are orientations.
    """
    rest = list(free)

    def taken(letter: str, size: int) -> Array:
        count = {"E": 1, "V": k, "I": 0}[letter] * size
        part, rest[:] = np.array(rest[:count]), rest[count:]
        return np.zeros((k, size)) + part.reshape(-1 if size else 0, size) if count else 0.0

    volumes = np.exp(np.zeros((k, 1)) + taken(name[0], 1))
    shapes = np.zeros((k, d - 1)) + taken(name[1], d - 1)
    shapes = np.exp(np.c_[shapes, -shapes.sum(axis=1)])
    skew = np.zeros((k, d, d))
    lower = np.tril_indices(d, -1)
    skew[:, lower[0], lower[1]] = taken(name[2], d * (d - 1) // 2)
    axes = expm(skew - skew.transpose(0, 2, 1))
    return (axes * (volumes * shapes)[:, None, :]) @ axes.transpose(0, 2, 1)


def in_form(name: str, matrices: Array) -> Array:
    """Return covariance matrices (k, d, d) as a structure stores them."""
    return {
        "full": matrices,
        "tied": matrices[0],
        "diag": np.diagonal(matrices, axis1=1, axis2=2).copy(),
        "spherical": matrices[:, 0, 0],
    }[family_named(name).form]


def random_mixture(
    rng: np.random.Generator, covariance_type: str, k: int, d: int, spread: float = 2.0
) -> Mixture:
    """Return a mixture whose means lie about ``spread`` standard deviations apart."""
    weights = rng.dirichlet(np.full(k, 5.0))
    means = spread * rng.normal(size=(k, d))
    return Mixture(weights, means, random_covariances(rng, covariance_type, k, d), covariance_type)


def random_rows(rng: np.random.Generator, n: int, k: int, d: int, spread: float = 2.0) -> Array:
    """Return rows of a mixture of k correlated components, in random order."""
    mixture = random_mixture(rng, "full", k, d, spread)
    return rng.permutation(mixture.sample(n, rng)[0])


def with_holes(rng: np.random.Generator, X: Array, share: float) -> Array:
    """Return a copy of rows of which a share of the cells is missing, completely at random.

    Every column keeps a cell.
    """
    n, d = X.shape
    holes = rng.random((n, d)) < share
    holes[rng.integers(n, size=d), np.arange(d)] = False
    return np.where(holes, X.dtype.type(np.nan), X)


def laid_out(X: Array, layout: str) -> Array:
    """Return an array equal to ``X`` that lies in memory as ``layout`` says."""
    n, d = X.shape
    if layout == "F":
        return np.asfortranarray(X)
    if layout == "strided":
        wide = np.full((2 * n, 3 * d), np.nan, dtype=X.dtype)
        wide[::2, 1::3] = X
        return wide[::2, 1::3]
    if layout == "reversed":
        return X[::-1, ::-1].copy()[::-1, ::-1]
    copy = X.copy()
    copy.flags.writeable = layout != "read-only"
    return copy


def weight_patterns(rng: np.random.Generator, n: int) -> dict[str, Array | None]:
    """Return row weights by name: none, fractional, and fractional with zeros."""
    fractional = rng.uniform(0.1, 3.0, size=n)
    zeros = fractional * (rng.random(n) < 0.6)
    zeros[0] = 1.0
    return {"none": None, "fractional": fractional, "zeros": zeros}


def problem(
    X: Array, k: int, covariance_type: str, sample_weight: Array | None = None, **settings: Any
) -> EM:
    """Return the steps of EM on rows in memory, with the NumPy kernel and nothing added."""
    incomplete = bool(np.isnan(X).any())
    source, kernels = source_for(
        X, sample_weight, k, covariance_type, "numpy", 1, incomplete=incomplete
    )
    family = family_named(covariance_type)
    return EM(source, kernels, family, total_statistics(source, kernels, family), **settings)


def labelled_start(em: EM, X: Array, labels: Array) -> Mixture:
    """Return the M-step's mixture for given groups."""
    from mixtura.algorithms.starts import from_responsibilities

    resp = np.eye(labels.max() + 1)[labels]
    return from_responsibilities(em, X, resp, em.source.sample_weight)


def assert_same_statistics(actual: Statistics, expected: Statistics, rtol: float = 1e-10) -> None:
    """Fail unless two statistics agree, relative to the size of each array's entries."""
    assert actual.family is expected.family
    for name in ("loglik", "weight", "zeroth", "first", "second", "centre", "support"):
        assert_close(getattr(actual, name), getattr(expected, name), rtol, name)


def assert_same_mixture(actual: Mixture, expected: Mixture, rtol: float = 1e-10) -> None:
    """Fail unless two mixtures agree, relative to the size of each array's entries."""
    assert actual.covariance_type == expected.covariance_type
    for name in ("weights", "means", "covariances"):
        assert_close(getattr(actual, name), getattr(expected, name), rtol, name)


def assert_close(actual: Any, expected: Any, rtol: float, name: str = "") -> None:
    """Fail unless arrays differ by at most ``rtol`` times their largest entry."""
    scale = max(float(np.max(np.abs(expected), initial=0.0)), np.finfo(float).tiny)
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=rtol * scale, err_msg=name)
