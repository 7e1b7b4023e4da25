"""Kernels against the oracle: shapes, weights, layouts, and what must agree."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from mixtura import Mixture
from mixtura.kernels import Kernels, reference
from mixtura.kernels.patterns import LONG
from problems import (
    Array,
    assert_close,
    assert_same_statistics,
    random_mixture,
    random_rows,
    weight_patterns,
    with_holes,
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

#: Rows, columns, components, and the share of missing cells; "runs" are rows side by side that
#: miss the same columns, in numbers around those at which the ways to pass over them change.
INCOMPLETE_SHAPES = (
    (9, 1, 3, 0.3),
    (200, 2, 3, 0.3),
    (257, 3, 2, 0.05),
    (129, 5, 1, 0.8),
    (140, 7, 2, 0.3),
    (60, 13, 2, 0.05),
    (40, 35, 2, 0.05),
    (40, 35, 2, 0.5),
    (0, 4, 2, "runs"),
    (0, 9, 1, "runs"),
)
RUNS = (1, LONG - 1, LONG, LONG + 1, 127, 128, 129, 2)
INCOMPLETE = (150, 5, 3, 0.3)

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


def in_runs(rng: np.random.Generator, k: int, d: int) -> Array:
    """Return rows in runs of each length, of complete rows too, with holes of all sizes.

    Rows without any observed cell are last.
    """
    parts = []
    for number, length in enumerate((*RUNS, *RUNS)):
        rows = random_rows(rng, length, k, d)
        rows[:, rng.permutation(d)[: number % d]] = np.nan
        parts.append(rows)
    return np.vstack([*parts, np.full((3, d), np.nan)])


@cache
def incomplete_case(
    name: str, shape: tuple[int, int, int, Any], dtype: str, weights: str
) -> tuple[Array, Array | None, Mixture, dict[str, Any]]:
    """Return rows with missing cells, row weights, a mixture, and what the oracle computes."""
    n, d, k, share = shape
    rng = np.random.default_rng([n, d, k])
    if share == "runs":
        X = in_runs(rng, k, d).astype(dtype)
    else:
        X = with_holes(rng, random_rows(rng, n, k, d).astype(dtype), share)
        X[n // 2] = np.nan
    sample_weight, mixture = weight_patterns(rng, len(X))[weights], random_mixture(rng, name, k, d)
    resp = reference.responsibilities(X, mixture)
    wanted = {
        "expect": reference.expect(X, sample_weight, mixture),
        "log_prob": reference.log_prob(X, mixture),
        "responsibilities": resp,
        "labels": resp.argmax(axis=1),
    }
    return X, sample_weight, mixture, wanted


def check_incomplete(
    kernels: Kernels,
    name: str,
    shape: tuple[int, int, int, Any] = INCOMPLETE,
    dtype: str = "float64",
    weights: str = "none",
    convert: Any = lambda array: array,
) -> None:
    """Fail unless all that the kernels compute on rows with holes is what the oracle does."""
    X, sample_weight, mixture, wanted = incomplete_case(name, shape, dtype, weights)
    rows = convert(X)
    assert np.isnan(rows).any()
    statistics = kernels.expect(rows, sample_weight, mixture)
    assert_same_statistics(statistics, wanted["expect"], 1e-12)
    assert_close(kernels.log_prob(rows, mixture), wanted["log_prob"], 1e-13)
    resp = kernels.responsibilities(rows, mixture)
    np.testing.assert_allclose(resp, wanted["responsibilities"], atol=1e-12)
    assert np.array_equal(kernels.labels(rows, mixture), wanted["labels"])
    empty = np.isnan(X).all(axis=1)
    np.testing.assert_allclose(resp[empty], np.tile(mixture.weights, (empty.sum(), 1)), rtol=1e-14)


def check_incomplete_units(kernels: Kernels, name: str) -> None:
    """Check far offsets and columns of very different units, exact in binary digits."""
    X, weights, mixture, _ = incomplete_case(name, (140, 7, 2, 0.3), "float64", "fractional")
    X, means = np.round(X * 2.0**18) / 2.0**18, np.round(mixture.means * 2.0**18) / 2.0**18
    wanted = reference.expect(
        X, weights, Mixture(mixture.weights, means, mixture.covariances, name)
    )
    units = 2.0 ** np.array([-26, -13, 0, 5, 13, 20, 26]) if name != "spherical" else np.ones(7)
    offset = 2.0**27 * units
    square = {"full": units[:, None] * units, "tied": units[:, None] * units}.get(name, units**2)
    square = 1.0 if name == "spherical" else square
    moved = Mixture(mixture.weights, means * units + offset, mixture.covariances * square, name)
    found = kernels.expect(X * units + offset, weights, moved)
    jacobian = weights @ (~np.isnan(X) @ np.log(units))
    assert_close(found.loglik + jacobian, wanted.loglik, 1e-12)
    assert_close(found.zeroth, wanted.zeroth, 1e-12)
    assert_close(found.support, wanted.support, 1e-12)
    assert_close(found.first / units, wanted.first, 1e-12)
    assert_close(found.second / square, wanted.second, 1e-12)


def check_incomplete_weight_zero(kernels: Kernels, name: str) -> None:
    """Check a component of weight zero and rows far away, which belong to someone."""
    X, _, mixture, _ = incomplete_case(name, (200, 2, 3, 0.3), "float64", "none")
    X = np.vstack([X, [[1e6, np.nan]], [[np.nan, -1e6]], [[1e6, -1e6]]])
    without = Mixture([0.4, 0.0, 0.6], mixture.means, mixture.covariances, name)
    resp = kernels.responsibilities(X, without)
    assert (resp[:, 1] == 0.0).all()
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    wanted = reference.expect(X, None, without)
    assert_same_statistics(kernels.expect(X, None, without), wanted, 1e-11)
    assert np.isfinite(kernels.log_prob(X, without)).all()
    twins = Mixture([0.5, 0.5], np.zeros((2, 2)), twice(name, 2), name)
    assert not kernels.labels(X[:200], twins).any()  # the first of equals


def check_nearly_dependent_columns(kernels: Kernels, name: str, rtol: float) -> None:
    """Check columns of correlation 1 - 1e-6 against exact arithmetic, each pattern once."""
    rng, d = np.random.default_rng(5), 4
    covariance = np.full((d, d), 1.0 - 1e-6) + 1e-6 * np.eye(d)
    covariances = covariance[None] if name == "full" else covariance
    mixture = Mixture([1.0], rng.normal(size=(1, d)), covariances, name)
    rows = mixture.sample(2**d - 1, rng)[0]
    rows[(np.arange(2**d - 1)[:, None] >> np.arange(d)) % 2 == 1] = np.nan
    loglik, first, second = 0.0, np.zeros(d), np.zeros((d, d))
    for row in rows:
        found = exactly(row - mixture.means[0], covariance)
        loglik, first, second = loglik + found[0], first + found[1], second + found[2]
    for copies in (1, LONG):
        statistics = kernels.expect(np.repeat(rows, copies, axis=0), None, mixture)
        assert_close(statistics.loglik / copies, loglik, rtol)
        assert_close(statistics.first[0] / copies, first, rtol)
        assert_close(statistics.second.reshape(d, d) / copies, second, rtol)


def exactly(centred: Array, covariance: Array) -> tuple[float, Array, Array]:
    """Return log-density, expected deviation (d,) and its expected square (d, d), by fractions.

    One observed column after the other is conditioned on.
    """
    log_density, mean = 0.0, np.array([Fraction(0)] * len(centred))
    rest = np.vectorize(Fraction, otypes=[object])(covariance)
    for i in np.flatnonzero(~np.isnan(centred)):
        error, pivot = Fraction(centred[i]) - mean[i], rest[i, i]
        log_density -= 0.5 * float(np.log(2 * np.pi * float(pivot)) + float(error**2 / pivot))
        gain = rest[:, i] / pivot
        mean, rest = mean + gain * error, rest - np.outer(gain, rest[i])
    return log_density, mean.astype(float), (np.outer(mean, mean) + rest).astype(float)


def twice(name: str, d: int) -> Array:
    """Return unit covariances of two components."""
    return {
        "full": np.stack([np.eye(d)] * 2),
        "tied": np.eye(d),
        "diag": np.ones((2, d)),
        "spherical": np.ones(2),
    }[name]
