"""Kernels against the oracle: shapes, weights, layouts, and what must agree."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mixtura import Mixture
from mixtura.kernels import Kernels, reference
from problems import (
    Array,
    assert_close,
    assert_same_statistics,
    random_mixture,
    random_rows,
    weight_patterns,
)

#: Rows, columns, components: every remainder of columns by 4 below and above 4, rows that fill
#: tiles of 128 exactly, fall short of them and exceed them by little, and one component.
SHAPES = (
    (1, 1, 1),
    (5, 1, 3),
    (127, 2, 2),
    (128, 3, 3),
    (129, 4, 1),
    (130, 5, 3),
    (257, 6, 2),
    (131, 7, 2),
    (64, 8, 3),
    (60, 11, 2),
)
WEIGHTS = ("none", "fractional", "zeros")
TYPICAL = (150, 5, 3)

Case = tuple[Array, Array | None, Mixture]


@cache
def case(name: str, shape: tuple[int, int, int], dtype: str, weights: str) -> Case:
    """Return rows of a dtype, row weights and a mixture that fits them loosely."""
    n, d, k = shape
    rng = np.random.default_rng([n, d, k])
    X = random_rows(rng, n, k, d).astype(dtype)
    return X, weight_patterns(rng, n)[weights], random_mixture(rng, name, k, d)


@cache
def expected(name: str, shape: tuple[int, int, int], dtype: str, weights: str) -> dict[str, Any]:
    """Return what the oracle computes."""
    X, sample_weight, mixture = case(name, shape, dtype, weights)
    return {
        "expect": reference.expect(X, sample_weight, mixture),
        "log_prob": reference.log_prob(X, mixture),
        "responsibilities": reference.responsibilities(X, mixture),
        "labels": reference.labels(X, mixture),
    }


def check(
    kernels: Kernels,
    name: str,
    shape: tuple[int, int, int] = TYPICAL,
    dtype: str = "float64",
    weights: str = "none",
    convert: Any = lambda array: array,
) -> None:
    """Fail unless all that the kernels compute on converted arrays is what the oracle does."""
    X, sample_weight, mixture = case(name, shape, dtype, weights)
    rows = convert(X)
    given = None if sample_weight is None else convert(sample_weight)
    wanted = expected(name, shape, dtype, weights)
    assert_same_statistics(kernels.expect(rows, given, mixture), wanted["expect"], 1e-11)
    first_only = kernels.expect(rows, given, mixture, scatter=False)
    for part in ("loglik", "weight", "zeroth", "first"):
        assert_close(getattr(first_only, part), getattr(wanted["expect"], part), 1e-11, part)
    assert_close(np.asarray(kernels.log_prob(rows, mixture)), wanted["log_prob"], 1e-12)
    resp = np.asarray(kernels.responsibilities(rows, mixture))
    np.testing.assert_allclose(resp, wanted["responsibilities"], atol=1e-12)
    assert np.array_equal(np.asarray(kernels.labels(rows, mixture)), wanted["labels"])


def check_hard_cases(kernels: Kernels, name: str) -> None:
    """Check a component of weight zero, far rows, an offset, and equals among labels."""
    k, d = 3, 2
    rng = np.random.default_rng(20)
    mixture = random_mixture(rng, name, k, d)
    X = np.vstack([random_rows(rng, 40, k, d), [[1e6, -1e6]]])
    without = Mixture([0.4, 0.0, 0.6], mixture.means, mixture.covariances, name)
    resp = kernels.responsibilities(X, without)
    assert (resp[:, 1] == 0.0).all()
    assert np.isfinite(kernels.log_prob(X, without)).all()
    assert_same_statistics(
        kernels.expect(X, None, without), reference.expect(X, None, without), 1e-11
    )
    twins = Mixture([0.5, 0.5], np.zeros((2, d)), twice(name, d), name)
    assert not kernels.labels(X[:9], twins).any()  # the first of equals
    offset = Mixture(mixture.weights, mixture.means + 2.0**20, mixture.covariances, name)
    moved = kernels.expect(np.round(X[:40], 6) + 2.0**20, None, offset)
    here = reference.expect(np.round(X[:40], 6) + 2.0**20 - 2.0**20, None, mixture)
    for part in ("loglik", "zeroth", "first", "second"):
        assert_close(getattr(moved, part), getattr(here, part), 1e-8, part)


def twice(name: str, d: int) -> Array:
    """Return unit covariances of two components."""
    return {
        "full": np.stack([np.eye(d)] * 2),
        "tied": np.eye(d),
        "diag": np.ones((2, d)),
        "spherical": np.ones(2),
    }[name]
