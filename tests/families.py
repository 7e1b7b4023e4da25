"""What every covariance structure must get right, whichever its shape."""

from __future__ import annotations

import numpy as np

from mixtura.model import CovarianceFloor, family_named
from problems import Array, assert_close, random_covariances

K, D = 3, 4


def sample(name: str, seed: int = 10) -> Array:
    """Return random covariances (K components, D columns) in the family's shape."""
    return random_covariances(np.random.default_rng(seed), name, K, D)


def check_factor(name: str) -> None:
    """Compare log-determinants and Mahalanobis distances with those of the full matrices."""
    family, covariances = family_named(name), sample(name)
    assert covariances.shape == family.covariance_shape(K, D)
    matrices = family.full(covariances, K, D)
    factor, log_det = family.factor(covariances, K, D)
    assert_close(log_det, np.linalg.slogdet(matrices)[1], 1e-13)
    rng = np.random.default_rng(11)
    X, means = rng.normal(size=(7, D)), rng.normal(size=(K, D))
    distances = family.mahalanobis(np, X, means, factor)
    apart = X - means[:, None, :]
    expected = np.einsum("kbi,kij,kbj->kb", apart, np.linalg.inv(matrices), apart)
    assert_close(distances, expected, 1e-12)


def check_moments(name: str) -> None:
    """Compare moments with sums over rows; recentring them with summing about other points."""
    family, rng = family_named(name), np.random.default_rng(12)
    X, means, resp = rng.normal(size=(9, D)), rng.normal(size=(K, D)), rng.random((K, 9))
    first, second = family.moments(np, X, means, resp, True)
    apart = X - means[:, None, :]
    scatters = np.einsum("kb,kbi,kbj->kij", resp, apart, apart)
    assert_close(first, np.einsum("kb,kbi->ki", resp, apart), 1e-13)
    assert_close(second, reduced(name, scatters), 1e-13)
    shift, support = rng.normal(size=(K, D)), np.repeat(resp.sum(axis=1)[:, None], D, axis=1)
    moved = family.recentred(second, support, first, shift)
    assert_close(moved, family.moments(np, X, means + shift, resp, True)[1], 1e-12)


def reduced(name: str, scatters: Array) -> Array:
    """Return scatter matrices (k, d, d) in the shape of a family's second moment."""
    return {
        "full": scatters,
        "tied": scatters.sum(axis=0),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": np.trace(scatters, axis1=1, axis2=2) / scatters.shape[-1],
    }[family_named(name).form]


def check_precisions(name: str) -> None:
    """Check precisions and their factors against the full matrices, there and back."""
    family, covariances = family_named(name), sample(name)
    precisions, roots = family.precisions(covariances, K, D)
    assert precisions.shape == roots.shape == covariances.shape
    product = family.full(covariances, K, D) @ family.full(precisions, K, D)
    assert_close(product, np.repeat(np.eye(D)[None], K, axis=0), 1e-12)
    if family.correlated:
        assert_close(roots @ np.swapaxes(roots, -1, -2), precisions, 1e-12)
        assert np.array_equal(roots, np.triu(roots))
    else:
        assert_close(roots**2, precisions, 1e-14)
    assert_close(family.from_precisions(precisions), covariances, 1e-12)


def check_pooling(name: str) -> None:
    """Check the table's covariance as everybody's, and as one component's."""
    family, covariances = family_named(name), sample(name)
    total = random_covariances(np.random.default_rng(13), "tied", 1, D)
    pooled = family.pooled(total, K)
    assert pooled.shape == covariances.shape
    expected = {
        "full": total,
        "tied": total,
        "diag": np.diag(np.diag(total)),
        "spherical": np.trace(total) / D * np.eye(D),
    }[name]
    assert_close(family.full(pooled, K, D), np.repeat(expected[None], K, axis=0), 1e-14)
    blended, kept = family.blended(covariances, 1, total), covariances.copy()
    if name == "tied":
        assert np.array_equal(blended, covariances)
    else:
        assert_close(blended[1], pooled[1], 1e-14)
        assert np.array_equal(blended[[0, 2]], covariances[[0, 2]])
    assert np.array_equal(covariances, kept)


def check_floored(name: str) -> None:
    """Check that a floor is respected, changes nothing above it, and is the constrained optimum.

    The M-step maximises -log det S - tr(S^-1 C); no feasible covariance near the answer may do
    better.
    """
    family, rng = family_named(name), np.random.default_rng(14)
    covariances = sample(name)
    other = random_covariances(np.random.default_rng(15), "tied", 1, D)
    high = CovarianceFloor.relative_to(other, np.zeros(D), 0.5)
    low = CovarianceFloor.isotropic(1e-3, D)
    assert np.array_equal(family.floored(covariances, low), covariances)
    answer = family.floored(covariances * 0.7, high)
    assert not np.array_equal(answer, covariances * 0.7)
    assert respects(name, answer, high)
    best = fit(name, answer, covariances * 0.7)
    for _ in range(200):
        other = answer + 0.02 * rng.normal(size=answer.shape)
        other = 0.5 * (other + np.swapaxes(other, -1, -2)) if name in ("full", "tied") else other
        other = family.floored(other, high)
        assert respects(name, other, high)
        assert fit(name, other, covariances * 0.7) <= best + 1e-10


def respects(name: str, covariances: Array, floor: CovarianceFloor) -> bool:
    """Return whether covariances lie on or above a floor, as the structure can tell."""
    matrices = family_named(name).full(covariances, K, D) - np.asarray(floor.matrix)
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    if name == "spherical":
        return bool((diagonals.mean(axis=1) >= -1e-12).all())
    if name == "diag":
        return bool((diagonals >= -1e-12).all())
    return bool((np.linalg.eigvalsh(matrices) >= -1e-12).all())


def fit(name: str, covariances: Array, sample_covariances: Array) -> float:
    """Return the Gaussian log-likelihood, up to constants, of K equally heavy components."""
    family = family_named(name)
    matrices = family.full(covariances, K, D)
    scatters = family.full(sample_covariances, K, D)
    traces = np.trace(np.linalg.solve(matrices, scatters), axis1=1, axis2=2)
    return float(-np.sum(np.linalg.slogdet(matrices)[1] + traces))


def check_relative_scales(name: str) -> None:
    """Check the smallest variance in units of the floor."""
    family, covariances = family_named(name), sample(name)
    floor = CovarianceFloor.isotropic(0.01, D)
    eigenvalues = np.linalg.eigvalsh(family.full(covariances, K, D))[:, 0] / 0.01
    scales = family.relative_scales(covariances, floor)
    assert_close(np.broadcast_to(scales, (K,)), eigenvalues, 1e-11)
    flat = CovarianceFloor.relative_to(np.zeros((D, D)), np.ones(D))
    assert np.isinf(family.relative_scales(covariances, flat)).all()


def check_marginal_and_conditional(name: str) -> None:
    """Compare the covariances of some columns, given others or not, with the full matrices."""
    family, covariances = family_named(name), sample(name)
    matrices = family.full(covariances, K, D)
    some, others = np.array([3, 1]), np.array([0, 2])
    marginal = family.full(family.marginal(covariances, some), K, 2)
    assert np.array_equal(marginal, matrices[:, some[:, None], some])
    left, maps = family.conditional(covariances, some, others)
    for j in range(K):
        inverse = np.linalg.inv(matrices[j][np.ix_(some, some)])
        wanted = matrices[j][np.ix_(others, some)] @ inverse
        assert_close(np.broadcast_to(maps, (K, 2, 2))[j], wanted, 1e-12)
        rest = matrices[j][np.ix_(others, others)] - wanted @ matrices[j][np.ix_(some, others)]
        assert_close(family.full(left, K, 2)[j], rest, 1e-12)


def check_kept(name: str) -> None:
    """Check that covariances without support stay as they were, and all others do not."""
    family, covariances, previous = family_named(name), sample(name), sample(name, 16)
    support = np.ones((K, D))
    assert np.array_equal(family.kept(covariances, support, previous), covariances)
    support[1] = 0.0
    kept = family.kept(covariances, support, previous)
    if name == "tied":
        assert np.array_equal(kept, covariances)
        assert np.array_equal(family.kept(covariances, 0.0 * support, previous), previous)
        return
    assert np.array_equal(kept[1], previous[1])
    assert np.array_equal(kept[[0, 2]], covariances[[0, 2]])


#: What a structure has from the form that it is stored in.
FORM_CHECKS = (
    check_marginal_and_conditional,
    check_factor,
    check_moments,
    check_precisions,
    check_relative_scales,
)
CHECKS = (*FORM_CHECKS, check_kept, check_pooling, check_floored)
