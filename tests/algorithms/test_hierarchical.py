"""Model-based hierarchical clustering."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from mixtura import InputError
from mixtura.algorithms.hierarchical import (
    CRITERIA,
    Groups,
    Tree,
    log_determinants,
    merged,
    scaled,
    tree_of,
)
from problems import Array, assert_close, random_rows
from strategies import seeds


def term(rows: Array, weights: Array, criterion: str, correction: float) -> float:
    """Return what a group adds to a criterion, as the guide writes it (equations 49 to 51)."""
    weight, d = weights.sum(), rows.shape[1]
    centred = rows - weights @ rows / weight
    scatter = (weights * centred.T) @ centred
    if criterion == "EII":
        return float(np.trace(scatter))
    if criterion == "ridge" or d == 1:
        total = scatter + correction * np.eye(d)
        return float(weight * np.linalg.slogdet(total / weight)[1])
    size = (np.trace(scatter) + correction) / weight
    return float(weight * np.log(size + max(np.linalg.det(scatter / weight), 0.0)))


def greedy_merges(rows: Array, weights: Array, criterion: str) -> list[tuple[int, int]]:
    """Return the merges of distinct rows by looking at every pair of groups each time."""
    centred = rows - weights @ rows / weights.sum()
    correction = weights @ (centred**2).sum(axis=1) / (weights.sum() * rows.shape[1])

    def of(members: list[int]) -> float:
        return term(rows[members], weights[members], criterion, correction)

    groups, merges = [[i] for i in range(len(rows))], []
    while len(groups) > 1:
        pairs = combinations(groups, 2)
        kept, joined = min(
            pairs, key=lambda pair: of(pair[0] + pair[1]) - of(pair[0]) - of(pair[1])
        )
        merges.append((min(kept + joined), max(min(kept), min(joined))))
        groups = [group for group in groups if group not in (kept, joined)] + [kept + joined]
    return merges


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_merge_is_the_cheapest(criterion: str, d: int, seed: int) -> None:
    """Equation 48."""
    rng = np.random.default_rng(seed)
    # Far from unit variance, so that determinants count in some merges and traces in others.
    rows, weights = 3.0 * random_rows(rng, 22, 2, d), rng.uniform(0.5, 3.0, 22)
    expected = greedy_merges(rows, weights, criterion)
    assert tree_of(rows, weights, criterion).merges.tolist() == [list(pair) for pair in expected]


def test_ward_as_scipy_has_it() -> None:
    """Equation 51."""
    rows = random_rows(np.random.default_rng(2), 200, 4, 3)
    tree, other = tree_of(rows, criterion="EII"), linkage(rows, "ward")
    for k in (2, 5, 20, 100):
        assert adjusted_rand_score(tree.labels(k), fcluster(other, k, "maxclust")) == 1.0


@pytest.mark.parametrize("criterion", CRITERIA)
def test_weights_are_repeats(criterion: str) -> None:
    rng = np.random.default_rng(3)
    rows, counts = random_rows(rng, 40, 3, 2), rng.integers(1, 4, 40)
    weighted = tree_of(rows, counts.astype(float), criterion)
    repeated = tree_of(np.repeat(rows, counts, axis=0), criterion=criterion)
    plain = tree_of(rows, criterion=criterion)
    for k in range(1, 41):
        assert (np.repeat(weighted.labels(k), counts) == repeated.labels(k)).all()
    assert any((weighted.labels(k) != plain.labels(k)).any() for k in range(2, 20))


@given(
    seed=seeds,
    n=st.integers(1, 30),
    d=st.integers(1, 4),
    levels=st.integers(1, 6),
    criterion=st.sampled_from(CRITERIA),
)
@settings(max_examples=60, deadline=None)
def test_labels_of_any_table_are_nested_groups(
    seed: int, n: int, d: int, levels: int, criterion: str
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(levels, size=(n, d)).astype(float)
    equal = np.unique(rows, axis=0, return_inverse=True)[1]
    tree = tree_of(scaled(rows), criterion=criterion)
    finer = np.arange(n)
    for k in range(n, 0, -1):
        labels = tree.labels(k)
        found, first = np.unique(labels, return_index=True)
        assert found.tolist() == list(range(k))
        assert (np.diff(first) > 0).all()
        assert all(np.ptp(labels[finer == group]) == 0 for group in range(min(k + 1, n)))
        if k <= equal.max() + 1:
            assert all(np.ptp(labels[equal == row]) == 0 for row in range(equal.max() + 1))
        finer = labels


@pytest.mark.parametrize("criterion", CRITERIA)
def test_runs_are_identical_and_the_order_of_rows_is_nothing(criterion: str) -> None:
    rng = np.random.default_rng(4)
    rows = random_rows(rng, 120, 3, 3)
    order = rng.permutation(120)
    tree, again = tree_of(rows, criterion=criterion), tree_of(rows, criterion=criterion)
    assert (tree.merges == again.merges).all()
    shuffled = tree_of(rows[order], criterion=criterion)
    for k in (2, 3, 10, 60):
        assert adjusted_rand_score(tree.labels(k)[order], shuffled.labels(k)) == 1.0


@pytest.mark.parametrize("criterion", ["VVV", "ridge"])
def test_a_dense_group_within_a_wide_one_is_found_where_ward_cannot(criterion: str) -> None:
    truth = np.repeat([0, 1], 80)
    rows = np.random.default_rng(0).normal(size=(160, 2)) * np.where(truth, 0.5, 5.0)[:, None]
    # What a Gaussian of the wide group has in the middle goes with the dense one.
    assert adjusted_rand_score(truth, tree_of(rows, criterion=criterion).labels(2)) > 0.6
    assert adjusted_rand_score(truth, tree_of(rows, criterion="EII").labels(2)) < 0.3


def test_ridge_does_not_depend_on_the_unit() -> None:
    rows = random_rows(np.random.default_rng(6), 80, 3, 2)
    merges = tree_of(rows, criterion="ridge").merges
    # Powers of two change no digit of the rows.
    for unit in (2.0**-60, 2.0**60):
        assert (tree_of(unit * rows, criterion="ridge").merges == merges).all()


def test_the_shortcut_past_lost_determinants_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = scaled(random_rows(np.random.default_rng(7), 80, 3, 6))
    merges = tree_of(rows).merges
    monkeypatch.setattr("mixtura.algorithms.hierarchical.NEGLIGIBLE", np.inf)
    assert (tree_of(rows).merges == merges).all()


def test_terms_follow_from_the_groups() -> None:
    rng = np.random.default_rng(8)
    rows, weights = 2.0 * random_rows(rng, 60, 2, 3), rng.uniform(0.5, 2.0, 60)
    for criterion in CRITERIA:
        groups = Groups(rows, weights, criterion)
        merged(groups)
        assert groups.n == 1
        expected = term(rows, weights, criterion, groups.correction)
        assert_close(groups.terms[0], expected, rtol=1e-9)


#: Classification log-likelihoods of the 2 to 9 groups of R's mclust 6.0.0:
#: hclass(hc(X, modelName = "VVV", use = "SVD"), 2:9). Neither table has ties that matter.
MCLUST = {
    "iris": [-124.738, -64.867, -25.535, 20.281, 77.435, 110.575, 152.566, 181.876],
    "diabetes_mclust": [
        -2325.432,
        -2218.874,
        -2152.384,
        -2106.382,
        -2075.387,
        -2045.667,
        -2008.95,
        -1988.328,
    ],
}


def classified(rows: Array, labels: Array) -> float:
    """Return the log-likelihood of rows under the Gaussians of their groups."""
    groups = [rows[labels == group] for group in range(labels.max() + 1)]
    sizes = [len(g) * np.linalg.slogdet(np.cov(g.T, bias=True))[1] for g in groups]
    return float(-0.5 * (sum(sizes) + rows.size * (1.0 + np.log(2.0 * np.pi))))


@pytest.mark.parametrize("name", MCLUST)
def test_groups_are_those_of_mclust(shared_data: Path, name: str) -> None:
    table = np.loadtxt(shared_data / f"{name}.csv", delimiter=",", skiprows=1)
    rows = table[:, :4] if name == "iris" else table[:, 1:]
    tree = tree_of(scaled(rows))
    found = [classified(rows, tree.labels(k)) for k in range(2, 10)]
    np.testing.assert_allclose(found, MCLUST[name], atol=1e-3)


@pytest.mark.parametrize("k", [0, 4])
def test_numbers_of_groups_that_cannot_be(k: int) -> None:
    with pytest.raises(InputError, match=rf"k={k} groups cannot be made of 3 rows"):
        tree_of(np.eye(3)).labels(k)


def test_what_cannot_be_used_is_named() -> None:
    with pytest.raises(InputError, match="criterion='EEE' is not one of VVV, ridge, EII"):
        tree_of(np.eye(3), criterion="EEE")
    with pytest.raises(InputError, match=r"weights\[1\] is 0.0, not above 0"):
        tree_of(np.eye(3), np.array([1.0, 0.0, 1.0]))


def test_later_merges_carry_earlier_ones_along() -> None:
    tree = Tree(np.array([[2, 3], [1, 2], [0, 1]]))
    assert [tree.labels(k).tolist() for k in (4, 3, 2, 1)] == [
        [0, 1, 2, 3],
        [0, 1, 2, 2],
        [0, 1, 1, 1],
        [0, 0, 0, 0],
    ]


def test_scaled_columns_are_principal_and_as_long_as_their_roots() -> None:
    rows = random_rows(np.random.default_rng(9), 50, 2, 4)
    lengths = np.linalg.svd((rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1), compute_uv=False)
    result = scaled(rows)
    np.testing.assert_allclose(result.T @ result, np.diag(lengths), atol=1e-12)


def test_scaling_forgets_units_and_origin() -> None:
    rows = random_rows(np.random.default_rng(10), 50, 2, 3)
    other = scaled(rows * [1e-8, 1.0, 1e200] + [1e-2, 1e6, 0.0])
    expected = scaled(rows)
    signs = np.sign((other * expected).sum(axis=0))
    np.testing.assert_allclose(other * signs, expected, atol=1e-6)


def test_columns_that_say_nothing_are_left_out() -> None:
    rows = random_rows(np.random.default_rng(11), 30, 2, 2)
    constant = np.full((30, 1), 0.1)
    assert scaled(np.hstack([rows, constant, rows[:, :1]])).shape == (30, 2)
    assert scaled(rows[:2]).shape == (2, 1)
    assert scaled(constant).tolist() == [[0.0]] * 30
    assert scaled(np.array([[5.0, 7.0]])).tolist() == [[0.0]]


def test_equal_rows_stay_equal_where_they_are_scaled() -> None:
    rows = np.tile(random_rows(np.random.default_rng(12), 37, 2, 5), (3, 1))
    assert len(np.unique(scaled(rows), axis=0)) == 37


@pytest.mark.parametrize("d", [1, 2, 5])
def test_log_determinants(d: int) -> None:
    rng = np.random.default_rng(13)
    roots = rng.normal(size=(7, d, d))
    matrices = roots @ roots.transpose(0, 2, 1)
    result = log_determinants(np.ascontiguousarray(matrices.transpose(1, 2, 0)))
    assert_close(result, np.linalg.slogdet(matrices)[1], rtol=1e-9)


def test_singular_matrices_have_determinants_of_rounding() -> None:
    vectors = np.random.default_rng(14).normal(size=(3, 5))
    matrices = np.concatenate([vectors[:, None] * vectors, np.zeros((3, 3, 1))], axis=2)
    result = log_determinants(matrices)
    assert np.isfinite(result).all()
    assert (result < -50.0).all()
