"""mixtura.model.criteria."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import GaussianMixture, Mixture, e_step
from mixtura.model.criteria import (
    NAMES,
    Fuzziness,
    aicc,
    counts,
    criteria,
    entropy_ratio,
    fuzziness,
    icl,
    nec,
)

SURE = Fuzziness()


def random_responsibilities(seed: int, n: int, k: int) -> np.ndarray:
    """Return proportions (n, k), the first row certain."""
    table = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), n)
    table[0] = np.eye(k)[0]
    return table


def test_values_by_hand() -> None:
    values = criteria(-10.0, 3, 46.0, 2, Fuzziness(entropy=2.0, surprise=0.5), single=-14.0)
    assert tuple(values) == NAMES
    # docs/guide, equations 41 to 43
    assert values == pytest.approx(
        {
            "bic": 3 * np.log(46) + 20,
            "aic": 26.0,
            "aicc": 26.0 + 24.0 / 42.0,
            "icl": 3 * np.log(46) + 20 + 1.0,
            "sabic": 3 * np.log(2) + 20,
            "nec": 0.5,
            "entropy_ratio": 2.0 / (46 * np.log(2)),
        }
    )


def test_signs_are_those_of_the_estimator() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = GaussianMixture(2, random_state=0).fit(X)
    resp = model.predict_proba(X)
    total = float(model.score_samples(X).sum())
    values = criteria(total, model.mixture_.n_parameters(), 60, 2, fuzziness(resp))
    assert values["bic"] == pytest.approx(model.bic(X))
    assert values["aic"] == pytest.approx(model.aic(X))
    assert values["icl"] > values["bic"] > values["sabic"]
    assert values["aicc"] > values["aic"]
    better = criteria(total + 1.0, model.mixture_.n_parameters(), 60, 2, fuzziness(resp), -1e3)
    for name in set(NAMES) - {"nec", "entropy_ratio"}:
        assert better[name] < values[name]  # the lower, the better
    assert np.isnan(values["nec"])


def test_too_few_rows_have_no_corrected_criterion() -> None:
    assert aicc(-10.0, 5, 6.0) == np.inf
    assert np.isfinite(aicc(-10.0, 5, 6.5))


def test_one_component_is_sure() -> None:
    one = fuzziness(np.ones((5, 1)))
    assert (one.entropy, one.surprise) == (0.0, 0.0)
    assert nec(-10.0, 1, one, -10.0) == 1.0
    assert entropy_ratio(5.0, 1, one) == 0.0


def test_components_that_gain_nothing_are_never_chosen() -> None:
    assert nec(-10.0, 2, Fuzziness(entropy=1.0), -10.0) == np.inf
    assert nec(-9.0, 2, SURE, -10.0) == 0.0


@given(st.integers(0, 99), st.integers(2, 5))
def test_fuzziness_is_within_its_bounds(seed: int, k: int) -> None:
    resp = random_responsibilities(seed, 20, k)
    found = fuzziness(resp)
    rows = [-sum(r * np.log(r) for r in row if r > 0) for row in resp]
    assert found.entropy == pytest.approx(sum(rows))
    assert found.surprise == pytest.approx(-sum(np.log(max(row)) for row in resp))
    assert 0.0 < entropy_ratio(20.0, k, found) <= 1.0
    assert found.surprise <= found.entropy  # a row's entropy is at least that of its largest
    even = fuzziness(np.full((20, k), 1.0 / k))
    assert entropy_ratio(20.0, k, even) == pytest.approx(1.0)
    assert icl(-1.0, 2, 20.0, SURE) == criteria(-1.0, 2, 20.0, k, found)["bic"]


@given(st.integers(0, 99))
def test_weights_count_rows_and_blocks_add_up(seed: int) -> None:
    resp = random_responsibilities(seed, 12, 3)
    weights = np.random.default_rng(seed).integers(0, 4, 12)
    whole = fuzziness(np.repeat(resp, weights, axis=0))
    parts = [
        fuzziness(resp[rows], weights[rows].astype(float)) for rows in (slice(5), slice(5, 12))
    ]
    total = parts[0] + parts[1]
    assert total.entropy == pytest.approx(whole.entropy)
    assert total.surprise == pytest.approx(whole.surprise)


def test_rows_without_an_observed_cell_count_in_nothing() -> None:
    X = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 3.0]])
    assert counts(X).tolist() == [1.0, 0.0, 1.0]
    assert counts(X, np.array([2.0, 3.0, 0.5])).tolist() == [2.0, 0.0, 0.5]


def published_icl(folder: Path, structure: str, k: int) -> float:
    """Return mclust's ICL of a model of faithful, with its sign."""
    with (folder / "reference" / "mclust_faithful_ICL.csv").open() as lines:
        return float(next(row[structure] for row in csv.DictReader(lines) if int(row["G"]) == k))


@pytest.mark.parametrize(
    ("structure", "ours", "k"),
    [
        ("VVV", "full", 1),
        ("VVV", "full", 2),
        ("EEE", "tied", 2),
        ("VVI", "diag", 2),
        ("VII", "spherical", 2),
    ],
)
def test_published_icl_of_faithful(shared_data: Path, structure: str, ours: str, k: int) -> None:
    X = np.loadtxt(shared_data / "faithful.csv", delimiter=",", skiprows=1)
    model = GaussianMixture(k, covariance_type=ours, tol=1e-10, n_init=3, random_state=0).fit(X)
    resp, total = e_step(X, model.mixture_)
    found = icl(total, model.mixture_.n_parameters(), len(X), fuzziness(resp))
    # mclust stops earlier, and ICL is not at its own maximum: it moves more than BIC.
    assert -found == pytest.approx(published_icl(shared_data, structure, k), abs=0.05)


def test_published_icl_of_iris(shared_data: Path) -> None:
    X = np.loadtxt(shared_data / "iris.csv", delimiter=",", skiprows=1)[:, :4]
    # The estimates of mclust 6.0.0, Mclust(iris[, 1:4], 2, "VEV"): 26 free parameters.
    weights = [0.333331865677, 0.666668134323]
    means = [
        [5.006002203901, 3.428004891125, 1.462000686976, 0.245999765693],
        [6.26199613300, 2.87199877848, 4.90599207462, 1.67599696904],
    ]
    lower = [
        [0.1506511444980, 0.1308011461303, 0.1760452920414, 0.02084463462982, 0.01603245327996],
        [0.400043841080, 0.1086544401800, 0.1092807702060, 0.399401819721, 0.123890397389],
    ]
    rest = [
        [0.02808259767553, 0.01309106730375, 0.01221458251444, 0.00601568006044, 0.01042365265333],
        [0.610902376347, 0.1436825558659, 0.0728438411896, 0.2573899049175, 0.1680818182464],
    ]
    covariances = np.zeros((2, 4, 4))
    rows, columns = np.tril_indices(4)
    for j in range(2):
        covariances[j, rows, columns] = covariances[j, columns, rows] = [*lower[j], *rest[j]]
    resp, total = e_step(X, Mixture(weights, means, covariances))
    values = criteria(total, 26, 150.0, 2, fuzziness(resp))
    assert -values["bic"] == pytest.approx(-561.7285, abs=5e-5)
    assert -values["icl"] == pytest.approx(-561.7289, abs=5e-5)
