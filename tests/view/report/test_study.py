"""What sections have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from mixtura import (
    GaussianMixture,
    InputError,
    KMeans,
    Mixture,
    MixtureClassifier,
    NoiseMixture,
)
from mixtura.view.report import study as module
from mixtura.view.report.study import chances, moments, study_of


def test_groups_sizes_and_certainty_are_those_of_the_responsibilities(study, mixture, rows) -> None:
    resp = mixture.responsibilities(rows)
    assert study.assigned.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(study.certainty, resp.max(axis=1))
    np.testing.assert_allclose(study.sizes, resp.mean(axis=0))
    np.testing.assert_allclose(study.shared, resp.T @ resp)


def test_weights_count_rows_more_than_once(mixture, rows) -> None:
    weights = np.arange(len(rows), dtype=np.float64)
    found = study_of(mixture, rows, weights)
    repeated = study_of(mixture, np.repeat(rows, weights.astype(int), axis=0))
    for name in ("sizes", "shared", "centre", "spread"):
        np.testing.assert_allclose(getattr(found, name), getattr(repeated, name))


def test_remoteness_is_the_chi_squared_tail_of_the_nearest_component(study) -> None:
    # Squared distances by hand: over the variance, from the nearer mean.
    squared = np.array([0, 1, 0, 1, 0.5, 1.25, 225])
    np.testing.assert_allclose(study.remoteness[:7], chi2.sf(squared, 2))
    assert study.remoteness[7] == chi2.sf(0.0, 1)


def test_chances_of_far_numbers_are_nothing(mixture) -> None:
    assert chances(mixture, np.array([[1e300, 0.0]])).tolist() == [0.0]


def test_rows_without_cells_and_rare_patterns_are_not_measured(
    mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATTERNS", 1)
    rows = np.array([[np.nan, 0.0], [np.nan, 1.0], [0.0, np.nan], [0.0, 0.0]])
    assert np.isnan(study_of(mixture, rows).remoteness).tolist() == [False, False, True, False]
    empty = np.array([[np.nan, np.nan], [0.0, 0.0]])
    assert np.isnan(study_of(mixture, empty).remoteness).tolist() == [True, False]


def test_moments_of_observed_cells_whatever_their_size() -> None:
    column = np.array([1.0, 3.0, np.nan])
    rows = np.column_stack([column, 1e300 * column, 1e-300 * column, np.zeros(3)])
    centre, spread = moments(rows, np.ones(3))
    np.testing.assert_allclose(centre, [2.0, 2e300, 2e-300, 0.0])
    np.testing.assert_allclose(spread, [1.0, 1e300, 1e-300, 0.0])


def test_a_model_alone_tells_its_own_moments(mixture) -> None:
    found = study_of(mixture)
    assert (found.n, found.sizes.tolist()) == (0, [0.25, 0.75])
    np.testing.assert_allclose(found.centre, [7.5, 0.0])
    # 0.25 * 1 + 0.75 * 4, and 0.25 * 7.5 ** 2 + 0.75 * 2.5 ** 2 for the first column
    np.testing.assert_allclose(found.spread, np.sqrt([3.25 + 18.75, 3.25]))


def test_noise_is_a_group_of_its_own(rows) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = NoiseMixture(1, noise=0.1, random_state=0).fit(X)
    assert len(study_of(model, X).sizes) == 2
    alone = study_of(model)
    np.testing.assert_allclose(alone.sizes, [1.0 - model.noise_weight_, model.noise_weight_])


def test_clusters_need_rows_and_measure_distances(rows) -> None:
    model = KMeans(2, random_state=0).fit(rows[:6])
    found = study_of(model, rows[:6])
    expected = np.linalg.norm(rows[:6] - model.cluster_centers_[found.assigned], axis=1)
    np.testing.assert_allclose(found.remoteness, expected)
    with pytest.raises(InputError, match="give a table"):
        study_of(model)


def test_names_of_a_data_frame(rows) -> None:
    frame = pd.DataFrame(rows[:7], columns=["p", "q"])
    model = GaussianMixture(1).fit(frame)
    assert study_of(model, frame).subject.columns == ("p", "q")
    with pytest.raises(ValueError, match=r"2 features|2 columns"):
        study_of(model, np.ones((4, 3)))


def test_blocks_change_nothing(mixture, rows, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = study_of(mixture, rows)
    monkeypatch.setattr("mixtura.view.rows.BLOCK", 4)
    parts = study_of(mixture, rows)
    np.testing.assert_allclose(parts.shared, whole.shared)
    np.testing.assert_allclose(parts.remoteness, whole.remoteness)


def test_covariances_of_any_structure_have_deviations() -> None:
    mixture = Mixture([1.0], [[0.0, 0.0]], [[[4.0, 1.0], [1.0, 9.0]]])
    np.testing.assert_allclose(module.deviations(mixture), [[2.0, 3.0]])


@pytest.mark.parametrize(("given", "kind"), [("diag", "diag"), ("full", "full"), ("EEI", "full")])
def test_components_of_all_classes_are_one_mixture(given: str, kind: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2)) + 6.0 * (np.arange(60) % 3)[:, None]
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = MixtureClassifier(2, covariance_type=given, random_state=0)
    model.fit(frame, np.arange(60) % 3 > 0)
    study = study_of(model, frame)
    assert (study.subject.columns, study.mixture.covariance_type) == (("a", "b"), kind)
    assert study.sizes[:2].sum() == pytest.approx(1 / 3, abs=1e-3)
    each = model.models_, model.priors_
    parts = [m.mixture_.log_prob(X) + np.log(p) for m, p in zip(*each, strict=True)]
    np.testing.assert_allclose(study.mixture.log_prob(X), np.logaddexp(*parts))
    with pytest.raises(ValueError, match="unseen at fit time"):
        study_of(model, frame.rename(columns={"a": "c"}))
