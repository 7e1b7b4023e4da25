"""EM with labels (equations 61 and 62): every step, what labels do, and starts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mixtura import InputError, Mixture
from mixtura._errors import SingularCovarianceError
from mixtura.algorithms.em import EM
from mixtura.algorithms.given import statistics_of
from mixtura.algorithms.labelled import (
    Group,
    LabelledEM,
    members_of,
    seeded,
    start_from_labels,
)
from mixtura.algorithms.restarts import relative_floor
from problems import (
    FAMILY_NAMES,
    RESTRICTED_NAMES,
    Array,
    assert_same_statistics,
    problem,
    random_mixture,
    random_rows,
    with_holes,
)
from strategies import seeds

#: Two components of one class, one of another, and one without a name.
COMPONENTS = (0, 0, 1, 2)


def labelled(X: Array, codes: Array, name: str, weights: Array | None = None) -> LabelledEM:
    """Return the steps of EM for rows with labels 0, 1 or, without one, -1."""
    em = problem(X, len(COMPONENTS), name, weights)
    groups = []
    for code in np.unique(codes):
        own = codes == code
        part = problem(X[own], len(COMPONENTS), name, None if weights is None else weights[own])
        groups.append(Group(EM(part.source, part.kernels, em.family), members_of(COMPONENTS, code)))
    floor = None if em.family.restricted else relative_floor(em)
    return LabelledEM(**{**vars(em), "floor": floor}, groups=tuple(groups))


@given(
    name=st.sampled_from(FAMILY_NAMES + RESTRICTED_NAMES),
    d=st.integers(1, 3),
    seed=seeds,
    holes=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=50)
def test_every_step_ascends(name: str, d: int, seed: int, holes: bool, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 60 + 20 * d, 4, d)
    X = with_holes(rng, X, 0.2) if holes else X
    weights = rng.exponential(size=len(X)) if weighted else None
    em = labelled(X, rng.integers(-1, 2, len(X)), name, weights)
    mixture = em.feasible(random_mixture(rng, name, 4, d))
    values = []
    try:
        for _ in range(15):
            statistics = em.expect(mixture)
            values.append(statistics.loglik)
            mixture = em.maximise(statistics, mixture)
    except SingularCovarianceError:
        assume(not em.family.restricted)  # without a floor, a component may collapse
        raise
    allowed = 1e-11 * np.maximum(np.abs(values[1:]), em.source.weight)
    assert (np.diff(values) >= -allowed).all()


@pytest.mark.parametrize("name", ["full", "tied", "VEV", "diag", "EII"])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_restrict_responsibilities(name: str, weighted: bool) -> None:
    """The E-step is that of responsibilities without the components of other classes."""
    rng = np.random.default_rng(1)
    X, codes = random_rows(rng, 80, 4, 2), rng.integers(-1, 2, 80)
    weights = rng.exponential(size=80) if weighted else None
    em, mixture = labelled(X, codes, name, weights), random_mixture(rng, name, 4, 2)
    allowed = np.array([members_of(COMPONENTS, code) for code in codes])
    resp = mixture.responsibilities(X) * allowed
    joint = mixture.log_prob(X) + np.log(resp.sum(axis=1))
    expected = statistics_of(X, resp / resp.sum(axis=1, keepdims=True), weights, em.family)
    expected = expected.recentred(mixture.means)
    actual = em.expect(mixture)
    own = np.ones(80) if weights is None else weights
    assert actual.loglik == pytest.approx(own @ joint)
    vars(expected)["loglik"] = actual.loglik
    assert_same_statistics(actual, expected)


def test_without_labels_it_is_em() -> None:
    X = random_rows(np.random.default_rng(1), 80, 4, 2)
    mixture = random_mixture(np.random.default_rng(2), "full", 4, 2)
    em = labelled(X, np.full(80, -1), "full")
    assert_same_statistics(em.expect(mixture), problem(X, 4, "full").expect(mixture), 0.0)


def test_a_class_without_weight_is_refused() -> None:
    X = random_rows(np.random.default_rng(1), 20, 4, 2)
    em = labelled(X, np.ones(20, dtype=int), "diag")
    mixture = Mixture([0.5, 0.25, 0.0, 0.25], np.zeros((4, 2)), np.ones((4, 2)), "diag")
    with pytest.raises(InputError, match="lost the weight"):
        em.expect(mixture)


def test_seeds_keep_to_their_class() -> None:
    """Four clumps on a line: two of class 0, of which few rows are labelled, and two others."""
    rng = np.random.default_rng(3)
    clump = np.repeat(np.arange(4), 25)
    X = 10.0 * clump[:, None] + rng.normal(size=(100, 1))
    codes = np.where(rng.random(100) < 0.2, np.array([0, 0, 1, -1])[clump], -1)
    allowed = np.array([members_of(COMPONENTS, code) for code in codes])
    parts = [seeded(X, np.ones(100), allowed, np.random.default_rng(seed)) for seed in range(20)]
    assert all(allowed[np.arange(100), labels].all() for labels in parts)
    right = [np.array_equal(np.maximum(clump, 1), np.maximum(labels, 1)) for labels in parts]
    assert sum(right) >= 15


@pytest.mark.parametrize("holes", [False, True])
def test_starts_have_a_component_for_each_class(holes: bool) -> None:
    rng = np.random.default_rng(4)
    codes = np.repeat([0, 1, -1], 40)
    X = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])[codes] + rng.normal(size=(120, 2))
    X = with_holes(rng, X, 0.1) if holes else X
    start = start_from_labels(labelled(X, codes, "diag"), rng, alone=False)
    assert start.means[2] == pytest.approx([9.0, 0.0], abs=1.5)
    assert start.means[3] == pytest.approx([0.0, 9.0], abs=1.5)


def test_start_from_labelled_rows_alone_looks_at_no_others() -> None:
    rng = np.random.default_rng(4)
    X, codes = rng.normal(size=(90, 2)), np.repeat([0, 1, -1], 30)
    moved = X + 50.0 * (codes == -1)[:, None]
    starts = []
    for table in (X, moved):
        em = problem(table, 2, "full")
        groups = [
            Group(problem(table[codes == c], 2, "full"), members_of((0, 1), c)) for c in (-1, 0, 1)
        ]
        em = LabelledEM(**vars(em), groups=tuple(groups))
        starts.append(start_from_labels(em, np.random.default_rng(0), alone=True))
    for name in ("weights", "means", "covariances"):
        assert getattr(starts[0], name) == pytest.approx(getattr(starts[1], name))
    assert starts[0].means[0] == pytest.approx(X[:30].mean(axis=0))


def test_members() -> None:
    assert members_of(COMPONENTS, 0).tolist() == [True, True, False, False]
    assert members_of(COMPONENTS, -1).all()
