"""mixtura.selection.combining."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import GaussianMixture, InputError, KMeans, Mixture, NoiseMixture, combine
from mixtura.selection.combining import elbow, entropy, pair_drops


def random_responsibilities(seed: int, n: int = 30, k: int = 5) -> np.ndarray:
    """Return proportions (n, k), some of them 0 and 1."""
    table = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), n)
    table[:3] = np.eye(k)[:3]
    return table


def partition(clusters: np.ndarray, names: np.ndarray) -> set[frozenset[int]]:
    """Return the groups of components, which go by names."""
    return {frozenset(names[clusters == j].tolist()) for j in range(clusters.max() + 1)}


def brute_force(resp: np.ndarray) -> list[float]:
    """Return the entropies from all components to one cluster, trying every pair each time."""
    curve = [entropy(resp, np.ones(len(resp)))]
    while resp.shape[1] > 1:
        k = resp.shape[1]
        tried = []
        for first in range(k):
            for second in range(first + 1, k):
                merged = np.delete(resp, second, axis=1)
                merged[:, first] += resp[:, second]
                tried.append((entropy(merged, np.ones(len(resp))), merged))
        least, resp = min(tried, key=lambda pair: pair[0])
        curve.append(least)
    return curve


@given(st.integers(0, 99))
def test_each_step_takes_the_pair_that_rows_are_least_sure_between(seed: int) -> None:
    resp = random_responsibilities(seed)
    found = combine(resp)
    np.testing.assert_allclose(found.entropies[::-1], brute_force(resp), atol=1e-9)
    assert (np.diff(found.entropies) >= -1e-9).all()  # it never rises as clusters become one
    assert found.entropies[0] == 0.0
    assert (found.drops >= 0.0).all()
    for c in range(1, 6):
        assert np.unique(found.clusters[c - 1]).tolist() == list(range(c))
        joined = found.responsibilities(c)
        np.testing.assert_allclose(joined.sum(axis=1), 1.0)
        assert entropy(joined, np.ones(30)) == pytest.approx(found.entropies[c - 1])
    assert found.responsibilities().shape == (30, found.suggested)


@given(st.integers(0, 99))
def test_the_order_of_components_does_not_matter(seed: int) -> None:
    resp = random_responsibilities(seed)
    order = np.random.default_rng(seed).permutation(5)
    found, other = combine(resp), combine(resp[:, order])
    np.testing.assert_allclose(found.entropies, other.entropies, atol=1e-9)
    np.testing.assert_allclose(found.drops, other.drops, atol=1e-9)
    assert found.suggested == other.suggested
    for one, two in zip(found.clusters, other.clusters, strict=True):
        assert partition(one, np.arange(5)) == partition(two, order)


@given(st.integers(0, 99))
def test_weights_are_numbers_of_rows(seed: int) -> None:
    resp = random_responsibilities(seed)
    weights = np.random.default_rng(seed).integers(0, 4, 30)
    found = combine(resp, sample_weight=weights)
    other = combine(np.repeat(resp, weights, axis=0))
    np.testing.assert_allclose(found.entropies, other.entropies, atol=1e-9)
    np.testing.assert_allclose(found.drops, other.drops, atol=1e-9)


def test_drops_are_per_row_of_the_two_clusters() -> None:
    resp = np.array([[0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    found = combine(resp)
    assert found.drops[1] == pytest.approx(found.entropies[2] / 2)
    assert found.drops[0] == 0.0
    beside = combine([[0.34, 0.0, 0.33, 0.33], [0.0, 0.34, 0.33, 0.33]])
    assert beside.clusters[2].tolist() == [0, 1, 2, 2]
    assert np.isnan(beside.drops[2])  # no row is in the last two


def test_a_model_gives_its_responsibilities() -> None:
    mixture = Mixture([0.3, 0.3, 0.4], [[0.0], [1.0], [9.0]], [1.0, 1.0, 1.0], "spherical")
    X = mixture.sample(50, 0)[0]
    X[0] = np.nan  # a row that counts in nothing
    model = GaussianMixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariances, "spherical"
    )
    expected = combine(mixture.responsibilities(X[1:]))
    for given_model in (mixture, model):
        found = combine(given_model, X)
        np.testing.assert_allclose(found.entropies, expected.entropies, atol=1e-12)
        assert found.labels(2).shape == (50,)
    assert found.clusters[1].tolist() == [0, 0, 1]
    assert found.suggested == 2


def test_sure_rows_leave_nothing_to_combine() -> None:
    assert combine(np.eye(4)).suggested == 4
    assert combine(np.ones((3, 1))).suggested == 1
    assert combine([[0.5, 0.5]]).suggested == 2  # no elbow


def test_rounding_is_no_entropy() -> None:
    thirds = np.full((50, 3), 1.0 / 3.0)
    short = np.nextafter(thirds, 0.0)  # the sums are 1, and a little less
    for resp in (thirds, short, np.hstack([short, np.full((50, 1), 1e-30)])):
        assert combine(resp).entropies[0] == 0.0
    assert entropy(np.array([[1.0 - 1e-16, 1e-20]]), np.ones(1)) < 1e-18
    assert entropy(np.array([[0.3, 0.2, 0.5]]), np.ones(1)) == pytest.approx(1.0296530140645737)


def test_report() -> None:
    lines = str(combine([[0.7, 0.3], [1.0 - 1e-16, 1e-16]])).splitlines()
    assert lines[1].split() == ["2", "0.61086", "0", "1"]
    assert lines[2].split() == ["1", "0.00000", "0.30543", "0+1"]
    assert lines[-1] == "2 clusters suggested"
    assert str(combine([[1.0], [1.0]])).endswith("\n1 cluster suggested")


def test_noise_is_left_out_by_weights() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(0, 1, (60, 2)), rng.normal(3, 1, (60, 2))]
    X = np.vstack([*groups, rng.uniform(-40, 40, (12, 2))])
    model = NoiseMixture(2, random_state=0).fit(X)
    with pytest.raises(InputError, match="whose noise is no component to combine"):
        combine(model, X)
    found = combine(model.mixture_, X, 1.0 - model.predict_proba(X)[:, -1])
    assert found.components.shape == (132, 2)


def test_elbow_by_hand() -> None:
    assert elbow(np.array([0.0, 0.0, 0.0, 5.0, 10.0])) == 3
    assert elbow(np.array([0.0, 1.0, 2.0, 3.0, 10.0])) == 4


def test_pairs_by_hand() -> None:
    drops = pair_drops(np.array([[0.5, 0.5, 0.0]]), np.array([2.0]))
    assert drops[0, 1] == pytest.approx(2.0 * np.log(2.0))
    assert drops[0, 2] == drops[1, 2] == pytest.approx(0.0)


def test_what_cannot_be_used_is_named() -> None:
    with pytest.raises(InputError, match="X is missing"):
        combine(Mixture([1.0], [[0.0]], [1.0], "spherical"))
    with pytest.raises(InputError, match="X is given with responsibilities"):
        combine([[1.0]], [[0.0]])
    with pytest.raises(InputError, match=r"row 1 sums to 0\.9"):
        combine([[0.5, 0.5], [0.5, 0.4]])
    with pytest.raises(InputError, match="model is a NoneType, which has no responsibilities"):
        combine(None)
    with pytest.raises(InputError, match="model is a KMeans, which has no responsibilities"):
        combine(KMeans(1).fit([[0.0], [1.0]]), [[0.0], [1.0]])
    for wrong in (0, 3, 1.5):
        with pytest.raises(InputError, match="n_clusters="):
            combine([[0.5, 0.5]]).labels(wrong)  # type: ignore[arg-type]


def test_published_merging(shared_data: Path) -> None:
    X = np.loadtxt(shared_data / "baudry_ex4_1.csv", delimiter=",", skiprows=1)[:, :2]
    # The estimates of mclust 6.0.0, Mclust(X): EEV with six components, as in the paper.
    weights = [
        *(0.11665427655, 0.202858307139, 0.190952764146),
        *(0.189302200127, 0.21974503668, 0.0804874153574),
    ]
    means = [
        [7.91323395649, -0.0235047047226],
        [8.07368671128, 4.9848774184],
        [1.00522403889, 4.95762802282],
        [1.11165953608, 5.11795560174],
        [-0.0163927961262, 0.0646439965433],
        [8.10009629293, 0.164867311648],
    ]
    distinct = [
        [1.07622650648, -0.037392665146, 0.104332182466],
        [0.333781379633, -0.414429306038, 0.846777309317],
        [1.0776115629, 0.00708269399692, 0.102947126048],
        [0.103913792029, -0.031486585482, 1.07664489692],
        [0.32028740742, 0.405767432893, 0.86027128153],
        [0.106850794782, 0.0619652565007, 1.07370789417],
    ]
    covariances = np.array(distinct)[:, [0, 1, 1, 2]].reshape(6, 2, 2)
    found = combine(Mixture(weights, means, covariances), X)
    # clustCombi and clustCombiOptim on the responsibilities of these.
    expected = [0.0, 9.35467e-06, 0.872759051, 4.671858760, 46.330481437, 129.967648405]
    np.testing.assert_allclose(found.entropies, expected, atol=1e-6)
    # The two crosses become one cluster each, which makes the four that ICL selects.
    assert found.clusters[4].tolist() == [0, 1, 2, 2, 3, 4]
    assert found.clusters[3].tolist() == [0, 1, 2, 2, 3, 0]
    assert found.clusters[2].tolist() == [0, 1, 2, 2, 2, 0]
    assert found.suggested == 4
