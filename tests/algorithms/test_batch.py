"""Many mixtures side by side agree with each of them alone."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.algorithms import batch as batches
from mixtura.algorithms.batch import Batch, Climbed, Layout, Monomials, Priors
from mixtura.estimators.survey import in_form
from mixtura.kernels import reference
from mixtura.model import ConjugatePrior, family_named, maximise
from mixtura.model.families.base import FloatArray
from problems import assert_close, random_rows

NAMES = (
    *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
    *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)
#: Structures whose M-step is not found step by step.
CLOSED = ("EII", "VII", "EEI", "EVI", "VVI", "EEE", "EEV", "EVV", "VVV")
SIZES = (1, 2, 3)
N, D = 60, 3


def table(seed: int = 0) -> Monomials:
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, N, 3, D)
    return Monomials.of(rows - rows.mean(axis=0), rng.uniform(0.2, 2.0, N))


def layout_of(names: tuple[str, ...] = NAMES, priors: Priors | None = None) -> Layout:
    each = [(name, k) for name in names for k in SIZES]
    return Layout(tuple(name for name, _ in each), np.array([k for _, k in each]), priors)


def started(rows: Monomials, layout: Layout, seed: int = 1) -> Batch:
    """Return the M-step's mixtures for responsibilities that are the same for all structures."""
    rng = np.random.default_rng(seed)
    given = {k: rng.dirichlet(np.full(k, 0.5), N).T for k in SIZES}
    resp = np.vstack([given[int(k)] for k in layout.counts]) * rows.weights
    c = len(resp)
    empty = Batch(layout, np.zeros(c), np.zeros((c, D)), np.zeros((c, D, D)))
    return batches.maximise(empty, batches.moments(rows, resp, np.zeros(len(layout))), blank=True)


def mixture_of(batch: Batch, number: int) -> Mixture:
    part, family = batch.layout.part(number), family_named(batch.layout.names[number])
    covariances = in_form(family, batch.covariances[part])
    return Mixture(batch.weights[part], batch.means[part], covariances, family.name)


def values_of(rows: Monomials) -> FloatArray:
    return rows.values[:, 1 : 1 + D]


def test_the_e_step_is_that_of_each_mixture() -> None:
    rows, layout = table(), layout_of()
    batch = started(rows, layout)
    sums, resp = batches.expect(rows, batch)
    for number in range(len(layout)):
        mixture, part = mixture_of(batch, number), layout.part(number)
        alone = reference.expect(values_of(rows), rows.weights, mixture)
        assert sums.loglik[number] == pytest.approx(alone.loglik, rel=1e-11)
        assert_close(sums.zeroth[part], alone.zeroth, 1e-11)
        raw = alone.first + alone.zeroth[:, None] * mixture.means
        assert_close(sums.first[part], raw, 1e-10)
        expected = mixture.responsibilities(values_of(rows)).T * rows.weights
        assert_close(resp[part], expected, 1e-11)


@pytest.mark.parametrize("name", CLOSED)
def test_the_m_step_is_that_of_each_mixture(name: str) -> None:
    rows, layout = table(), layout_of((name,))
    batch = started(rows, layout)
    sums, _ = batches.expect(rows, batch)
    after = batches.maximise(batch, sums)
    for number in range(len(layout)):
        alone = maximise(reference.expect(values_of(rows), rows.weights, mixture_of(batch, number)))
        found = mixture_of(after, number)
        assert_close(found.weights, alone.weights, 1e-11)
        assert_close(found.means, alone.means, 1e-10)
        assert_close(found.covariances, alone.covariances, 1e-9)


def test_no_update_loses_and_leaps_only_gain() -> None:
    rows, layout = table(2), layout_of()
    batch = started(rows, layout)
    before = np.full(len(layout), -np.inf)
    for n_updates in range(14):  # two leaps
        climbed = batches.climb(rows, batch, n_updates, 0.0)
        assert (climbed.loglik >= before - 1e-9 * np.abs(climbed.loglik)).all()
        before = climbed.loglik


def test_models_settle_one_by_one_where_they_would_alone() -> None:
    rows, layout = table(), layout_of(("VII", "VVV"))
    batch = started(rows, layout)
    together = batches.climb(rows, batch, 400, 1e-8)
    assert (together.to_come <= 1e-8).all()
    for number in range(len(layout)):
        alone = batches.climb(rows, batch.subset([number]), 400, 1e-8)
        assert together.loglik[number] == pytest.approx(alone.loglik[0], rel=1e-12)
        assert_close(together.batch.means[layout.part(number)], alone.batch.means, 1e-9)


def test_a_flat_component_ends_its_model_only() -> None:
    rows, layout = table(), layout_of(("VVV",))
    batch = started(rows, layout)
    covariances = batch.covariances.copy()
    covariances[layout.part(1).start] = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    climbed = batches.climb(rows, Batch(layout, batch.weights, batch.means, covariances), 5, 0.0)
    assert np.isneginf(climbed.loglik).tolist() == [False, True, False]


def priors_for(rows: Monomials, layout: Layout) -> tuple[Priors, list[ConjugatePrior]]:
    covariance, location = np.cov(values_of(rows).T), np.array([0.1, -0.2, 0.3])
    own = [
        ConjugatePrior.of(covariance, location, family_named(name), int(k))
        for name, k in zip(layout.names, layout.counts, strict=True)
    ]
    added, scatters = [], []
    for prior, name, k in zip(own, layout.names, layout.counts.tolist(), strict=True):
        family = family_named(name)
        added.append(prior.on_covariance(family, k))
        scatter = family.full(family.pooled(prior.scatter, k), k, D)[0]
        scatters.append(prior.share(family, k) * scatter)
    arrays = (np.array(added), np.array(scatters))
    return Priors(location, own[0].mean_rows, *arrays), own


def test_priors_count_as_they_do_for_each_mixture() -> None:
    rows = table()
    priors, own = priors_for(rows, layout_of(CLOSED))
    layout = layout_of(CLOSED, priors)
    batch = started(rows, layout)
    sums, _ = batches.expect(rows, batch)
    after = batches.maximise(batch, sums)
    for number in range(len(layout)):
        mixture = mixture_of(batch, number)
        alone = reference.expect(values_of(rows), rows.weights, mixture)
        value = alone.loglik + own[number].log_density(mixture)
        assert sums.loglik[number] == pytest.approx(value, rel=1e-11)
        expected = maximise(alone, prior=own[number])
        assert_close(mixture_of(after, number).means, expected.means, 1e-9)
        assert_close(mixture_of(after, number).covariances, expected.covariances, 1e-9)


def test_mixtures_are_taken_out_and_put_back() -> None:
    rows, layout = table(), layout_of(("EII", "VVV"))
    batch = started(rows, layout)
    some = batch.subset([4, 1])
    assert some.layout.names == ("VVV", "EII")
    assert some.layout.counts.tolist() == [2, 2]
    assert_close(some.means[:2], batch.means[layout.part(4)], 0.0)
    other = Batch(some.layout, some.weights, some.means + 1.0, some.covariances)
    put = batch.replaced([4, 1], other, [0, 1])
    assert_close(put.means[layout.part(4)], batch.means[layout.part(4)] + 1.0, 0.0)
    assert_close(put.means[layout.part(0)], batch.means[layout.part(0)], 0.0)
    climbed = Climbed(batch, np.arange(6.0), np.zeros(6))
    later = climbed.replaced(
        np.array([4, 1]), Climbed(other, np.array([9.0, 8.0]), np.ones(2)), np.array([0, 1])
    )
    assert later.loglik.tolist() == [0.0, 8.0, 2.0, 3.0, 9.0, 5.0]
    assert climbed.loglik.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_what_is_to_come_is_a_geometric_series() -> None:
    gain, before = np.array([0.5, 1.0, 2.0, -1.0, 1.0]), np.array([1.0, 2.0, 1.0, 1.0, np.inf])
    assert batches.coming(gain, before).tolist() == [0.5, 1.0, np.inf, 0.0, np.inf]


def test_what_is_not_positive_definite_is_left_out() -> None:
    rows, layout = table(), layout_of(("VVV",))
    batch = started(rows, layout)
    covariances = batch.covariances.copy()
    covariances[layout.part(1).start] = np.diag([-1.0, -1.0, 1.0])  # of positive determinant
    changed = Batch(layout, batch.weights, batch.means, covariances)
    assert batches.definite(changed, np.array([0, 1, 2])).tolist() == [0, 2]
    assert batches.definite(changed, np.array([], dtype=np.intp)).tolist() == []


def test_what_is_flat_in_the_table_is_no_collapse() -> None:
    rows = values_of(table())
    given = {"constant": np.zeros(N), "sum": rows[:, 0] + rows[:, 1]}
    for column in given.values():
        wide = Monomials.of(np.c_[rows, column], np.ones(N))
        assert wide.whitener is not None
        assert wide.whitener.shape == (4, 3)
        layout = Layout(("VVV", "EEE", "VVI", "VEV"), np.array([2, 2, 2, 2]))
        halves = np.vstack([np.eye(2)[(np.arange(N) % 2)].T] * 4)
        empty = Batch(layout, np.zeros(8), np.zeros((8, 4)), np.zeros((8, 4, 4)))
        sums = batches.moments(wide, halves, np.zeros(4))
        climbed = batches.climb(wide, batches.maximise(empty, sums, blank=True), 3, 0.0)
        assert np.isfinite(climbed.loglik).all()
    few = Monomials.of(rows[:3], np.ones(3))  # three rows span a plane whatever they are drawn from
    assert few.whitener is None
