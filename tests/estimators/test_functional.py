"""EM one step at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import InputError, Mixture, Status, e_step, m_step, run_em
from mixtura.estimators.functional import checked_rows, source_for
from mixtura.kernels import NUMBA_WORK, work
from mixtura.sources import MemorySource, SortedSource
from problems import (
    FAMILY_NAMES,
    LAYOUTS,
    assert_close,
    assert_same_mixture,
    laid_out,
    random_mixture,
    random_rows,
    with_holes,
)

X = random_rows(np.random.default_rng(70), 80, 3, 2)
START = random_mixture(np.random.default_rng(71), "full", 3, 2)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_e_step_is_the_mixtures_own(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(72), name, 3, 2)
    responsibilities, log_likelihood = e_step(X, mixture)
    assert type(log_likelihood) is float
    assert log_likelihood == pytest.approx(mixture.log_prob(X).sum(), rel=1e-12)
    np.testing.assert_allclose(responsibilities, mixture.responsibilities(X), atol=1e-13)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_run_alternates_the_two_steps(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(73), name, 3, 2)
    result = run_em(X, mixture, tol=0, max_iter=4, record=True)
    for i in range(4):
        responsibilities, log_likelihood = e_step(X, mixture)
        assert result.log_likelihoods[i] == pytest.approx(log_likelihood, rel=1e-12)
        mixture = m_step(X, responsibilities, name)
        assert_same_mixture(result.snapshots[i + 1], mixture, 1e-10)
    assert result.n_iter == 4
    assert_same_mixture(result.mixture, mixture, 1e-10)
    responsibilities, log_likelihood = e_step(X, mixture)
    assert result.log_likelihoods[-1] == pytest.approx(log_likelihood, rel=1e-12)
    assert result.responsibilities is not None
    np.testing.assert_allclose(result.responsibilities, responsibilities, atol=1e-10)


@pytest.mark.parametrize(
    ("stopping", "tol", "settled"),
    [
        ("relative", 1e-3, lambda old, new: new - old <= 1e-3 * abs(new)),
        ("mean", 1e-2, lambda old, new: new - old < 1e-2 * 80),
        ("total", 0.1, lambda old, new: new - old < 0.1),
    ],
)
def test_stopping(stopping: str, tol: float, settled: Any) -> None:
    result = run_em(X, START, stopping=stopping, tol=tol)
    trace = result.log_likelihoods
    assert result.converged
    assert result.n_iter > 1
    judged = [settled(old, new) for old, new in pairwise(trace)]
    assert judged == [False] * (result.n_iter - 1) + [True]


def test_stopping_by_what_remains() -> None:
    rows = random_rows(np.random.default_rng(75), 200, 2, 2, spread=3.0)
    start = m_step(rows, np.eye(2)[(rows[:, 0] > rows[:, 0].mean()).astype(int)])
    result = run_em(rows, start, stopping="remaining", tol=1e-3)
    limit = run_em(rows, result.mixture, stopping="total", tol=1e-10, max_iter=5000)
    assert result.converged
    assert 0 < (limit.log_likelihoods[-1] - result.log_likelihoods[-1]) / 200 < 1e-3


def test_max_iter() -> None:
    result = run_em(X, START, tol=0, max_iter=3)
    assert (result.n_iter, result.status, result.converged) == (3, Status.MAX_ITER, False)
    only_the_start = run_em(X, START, max_iter=0)
    assert only_the_start.n_iter == 0
    assert only_the_start.mixture is START
    assert only_the_start.log_likelihoods.tolist() == [pytest.approx(e_step(X, START)[1])]


def test_weights_are_repeats() -> None:
    weights = np.arange(80) % 3
    weighted = run_em(X, START, tol=0, max_iter=5, sample_weight=weights)
    repeated = run_em(np.repeat(X, weights, axis=0), START, tol=0, max_iter=5)
    assert_same_mixture(weighted.mixture, repeated.mixture, 1e-9)
    assert_close(weighted.log_likelihoods, repeated.log_likelihoods, 1e-11)
    assert weighted.responsibilities is not None
    assert len(weighted.responsibilities) == 80
    resp = e_step(X, START)[0]
    repeats = m_step(np.repeat(X, weights, axis=0), np.repeat(resp, weights, axis=0))
    assert_same_mixture(m_step(X, resp, sample_weight=weights), repeats, 1e-11)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_smallest_variance_holds(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(74), name, 3, 2)
    result = run_em(X, mixture, min_variance=0.7, max_iter=30, record=True)
    for snapshot in result.snapshots:
        matrices = snapshot.family.full(snapshot.covariances, 3, 2)
        assert np.linalg.eigvalsh(matrices).min() >= 0.7 * (1 - 1e-12)
    assert (np.diff(result.log_likelihoods) >= 0).all()
    alone = m_step(X, e_step(X, mixture)[0], name, min_variance=0.7)
    matrices = alone.family.full(alone.covariances, 3, 2)
    assert np.linalg.eigvalsh(matrices).min() >= 0.7 * (1 - 1e-12)


def test_little_support_keeps_means() -> None:
    resp = np.zeros((80, 3))
    resp[:2, 1], resp[2:, 0] = 1.0, 1.0
    mixture = m_step(X, resp, min_support=5.0, previous=START)
    assert_close(mixture.means[[1, 2]], START.means[[1, 2]], 1e-14)
    assert_close(mixture.means[0], X[2:].mean(axis=0), 1e-13)
    run = run_em(X, START, min_support=1e6, max_iter=3, tol=0)
    assert_close(run.mixture.means, START.means, 1e-14)
    assert not np.allclose(run.mixture.covariances, START.covariances)


def test_callbacks_may_stop_a_run() -> None:
    result = run_em(X, START, tol=0, callback=lambda step: step.iteration == 2)
    assert (result.n_iter, result.status) == (2, Status.CALLBACK)


def test_snapshots_are_kept_on_request_alone() -> None:
    assert run_em(X, START, max_iter=2).snapshots == ()
    assert len(run_em(X, START, max_iter=2, tol=0, record=True).snapshots) == 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_does_not_matter(layout: str) -> None:
    expected = run_em(X, START, max_iter=3, tol=0)
    result = run_em(laid_out(X, layout), START, max_iter=3, tol=0)
    assert_same_mixture(result.mixture, expected.mixture, 1e-12)


def test_lists_and_single_precision_will_do() -> None:
    single = X.astype(np.float32)
    expected = run_em(single.astype(float), START, max_iter=3, tol=0)
    assert checked_rows(single, 2)[0].dtype == np.float32
    for rows in (single, single.tolist()):
        assert_same_mixture(run_em(rows, START, max_iter=3, tol=0).mixture, expected.mixture, 1e-6)


def test_unaligned_rows_are_copied() -> None:
    buffer = np.zeros(X.nbytes + 1, dtype=np.uint8)
    rows = buffer[1:].view(np.float64).reshape(X.shape)
    rows[:] = X
    assert not rows.flags.aligned
    assert checked_rows(rows, 2)[0].flags.aligned
    assert e_step(rows, START)[1] == e_step(X, START)[1]


def test_large_tables_go_to_machine_code() -> None:
    n = int(NUMBA_WORK / work(1, 2, 3, "full")) + 1
    rows = np.tile(X, (n // 80 + 1, 1))
    source, kernels = source_for(rows, None, 3, "full", n_jobs=2)
    assert (kernels.name, source.threads) == ("numba", 2)
    source, kernels = source_for(rows[: n // 2], None, 3, "full", n_jobs=2)
    assert (kernels.name, source.threads) == ("numpy", 1)
    np.testing.assert_allclose(e_step(rows, START)[0][:80], e_step(X, START)[0], atol=1e-12)


def test_a_collapse_without_a_floor_ends_a_run() -> None:
    start = Mixture([0.5, 0.5], [X[0], X.mean(axis=0)], [1e-3, 4.0], "spherical")
    result = run_em(X, start, tol=0, max_iter=500)
    assert (result.status, result.converged) == (Status.COLLAPSED, False)
    assert np.isfinite(result.log_likelihoods).all()
    assert run_em(X, start, min_variance=1e-9, max_iter=500).status is Status.CONVERGED
    with pytest.raises(InputError, match=r"covariances\[0\].*collapsed.*min_variance"):
        run_em(X, Mixture([0.5, 0.5], X[:2], [0.0, 1.0], "spherical"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: e_step(X[:, :1], START), "X has 1 columns; the mixture has 2"),
        (lambda: e_step([[0.0, np.inf]], START), "X holds inf in row 0, column 1"),
        (lambda: run_em(X[:, :1], START), "X has 1 columns; the mixture has 2"),
        (lambda: run_em(X, START, max_iter=-1), "max_iter=-1 must be a whole number"),
        (lambda: run_em(X, START, max_iter=2.5), "max_iter=2.5 must be a whole number"),
        (lambda: run_em(X, START, tol=-1), "tol=-1 must be a number of at least 0"),
        (lambda: run_em(X, START, stopping="later"), "stopping='later' is not one of"),
        (lambda: run_em(X, START, min_variance=-1.0), "min_variance=-1.0 must be a finite number"),
        (lambda: run_em(X, START, min_support=np.inf), "min_support=inf must be a finite number"),
        (lambda: run_em(X, START, sample_weight=np.zeros(80)), "sample_weight is zero for every"),
        (lambda: run_em(X * 1e200, START), "column 1 holds numbers so large that their squares"),
        (lambda: m_step(X, np.ones((80, 2)) / 2, "oval"), "covariance_type='oval' is not one of"),
        (lambda: m_step(X, np.ones((79, 2)) / 2), r"responsibilities has shape \(79, 2\)"),
        (lambda: m_step(X, np.ones((80, 2))), "must sum to 1 in every row; row 0 sums to 2"),
        (lambda: m_step(X, np.eye(3)[[0] * 80]), "component 1 has a summed responsibility of 0"),
        (
            lambda: m_step(X, np.ones((80, 1)), "diag", previous=START),
            "previous has 'full' covariances, not 'diag'",
        ),
        (
            lambda: m_step(X, np.ones((80, 1)), previous=START),
            "previous has 3 components, responsibilities 1",
        ),
    ],
)
def test_complaints(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


HOLED = with_holes(np.random.default_rng(76), X, 0.3)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_missing_cells_by_row(name: str) -> None:
    mixture = random_mixture(np.random.default_rng(72), name, 3, 2)
    responsibilities, log_likelihood = e_step(HOLED, mixture)
    assert log_likelihood == pytest.approx(mixture.log_prob(HOLED).sum(), rel=1e-12)
    np.testing.assert_allclose(responsibilities, mixture.responsibilities(HOLED), atol=1e-13)
    empty = np.isnan(HOLED).all(axis=1)
    assert empty.any()
    np.testing.assert_allclose(responsibilities[empty], [mixture.weights] * empty.sum(), rtol=1e-14)


def test_little_support_in_a_column_keeps_its_mean() -> None:
    rows = np.c_[np.arange(8.0), np.r_[np.full(6, np.nan), 5.0, 7.0]]
    resp = np.full((8, 1), 1.0)
    previous = Mixture([1.0], [[9.0, 3.0]], [[1.0, 1.0]], "diag")
    kept = m_step(rows, resp, "diag", min_support=3.0, previous=previous)
    assert kept.means.tolist() == [[3.5, 3.0]]
    assert kept.covariances[0, 1] == pytest.approx((2.0**2 + 4.0**2) / 2)
    moved = m_step(rows, resp, "diag", min_support=2.0, previous=previous)
    assert moved.means.tolist() == [[3.5, 6.0]]
    result = run_em(rows, previous, min_support=3.0, min_variance=0.1, max_iter=5)
    assert result.mixture.means.tolist() == [[3.5, 3.0]]


def test_a_frame_with_missing_cells() -> None:
    frame = pd.DataFrame({"a": [1.0, None, 3.0, 5.0], "b": [1, 2, None, 3]})
    start = Mixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    expected = run_em(frame.to_numpy(dtype=float), start, max_iter=3).mixture
    for dtypes in ({}, {"b": "Int64"}, {"a": "Float64", "b": "Int64"}, {"a": object, "b": object}):
        found = run_em(frame.astype(dtypes), start, max_iter=3).mixture
        assert_same_mixture(found, expected, 0.0)


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan"), np.float32("nan")])
def test_objects_that_stand_for_a_missing_cell(missing: Any) -> None:
    start = Mixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    rows = [[1.0, 2.0], [missing, 1.0], [3, missing]]
    expected = e_step([[1.0, 2.0], [np.nan, 1.0], [3.0, np.nan]], start)[1]
    assert e_step(pd.DataFrame(rows, dtype=object), start)[1] == expected
    if missing is not pd.NA:
        assert e_step(np.array(rows, dtype=object), start)[1] == expected
        return
    with pytest.raises(InputError, match="row 1, column 0"):  # which NumPy cannot read
        e_step(np.array(rows, dtype=object), start)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_column_without_a_value_is_named(name: str) -> None:
    rows = np.c_[X, np.full(80, np.nan)]
    resp = np.eye(3)[np.arange(80) % 3]
    start = random_mixture(np.random.default_rng(77), name, 3, 3)
    with pytest.raises(InputError, match="column 2 of X is missing in every row: there is nothing"):
        run_em(rows, start)
    named = pd.DataFrame(rows, columns=["a", "b", "c"])
    with pytest.raises(InputError, match="column 'c' of X is missing in every row"):
        run_em(named, start)
    with pytest.raises(InputError, match="column 2"):
        m_step(rows, resp, name)
    rows[:5, 2], weights = 1.0, (np.arange(80) >= 5).astype(float)
    words = "column 2 of X is missing in every row of positive sample_weight"
    with pytest.raises(InputError, match=words):
        run_em(rows, start, sample_weight=weights)
    with pytest.raises(InputError, match="column 2"):
        m_step(rows, resp, name, sample_weight=weights)
    # What is not to be estimated may be missing.
    narrow = start.marginal([0, 1])
    assert e_step(np.c_[X, np.full(80, np.nan)], start)[1] == pytest.approx(
        e_step(X, narrow)[1], rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "covariances"),
    [
        ("full", [[[1.0, 2.0], [2.0, 1.0]]]),
        ("tied", [[1.0, 2.0], [2.0, 1.0]]),
        ("diag", [[1.0, 0.0]]),
        ("spherical", [-1.0]),
    ],
)
def test_singular_mixtures_are_refused_where_cells_are_missing(name: str, covariances: Any) -> None:
    mixture = Mixture([1.0], [[0.0, 0.0]], covariances, name)
    rows = [[1.0, 2.0], [3.0, np.nan], [5.0, 1.0]]
    with pytest.raises(InputError, match=r"covariances\[0\]"):
        e_step(rows, mixture)
    with pytest.raises(InputError, match=r"covariances\[0\]"):
        run_em(rows, mixture)
    if name in ("full", "tied"):
        with pytest.raises(InputError, match=r"covariances\[0\]"):
            m_step(rows, np.ones((3, 1)), name, previous=mixture)


def test_rows_are_sorted_by_pattern_where_columns_are_correlated() -> None:
    for name, kind in (("full", SortedSource), ("diag", MemorySource)):
        source, kernels = source_for(HOLED, None, 3, name, incomplete=True)
        assert type(source) is kind
        assert kernels.allows_missing
        assert type(source_for(X, None, 3, name)[0]) is MemorySource


def test_infinity_is_not_missing() -> None:
    rows = [[1.0, np.nan], [np.inf, 2.0]]
    with pytest.raises(InputError, match=r"X holds inf in row 1, column 0; .* or NaN where it is"):
        e_step(rows, random_mixture(np.random.default_rng(0), "full", 1, 2))
