from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mixtura.view import aggregation
from mixtura.view.aggregation import FAINTEST, Scatter, draw, of_columns, opacity, raster, scatters

RNG = np.random.default_rng(1)
X = RNG.normal(size=(400, 3))
X[::7, 0] = np.nan
X[::11, 1] = np.nan
WEIGHTS = RNG.uniform(0.5, 2.0, size=400)
WEIGHTS[::5] = 0.0
HUES = np.eye(3)[:2]


def values(block: np.ndarray) -> np.ndarray:
    """Return two values of each row that sum to 1."""
    share = 1.0 / (1.0 + np.exp(-block[:, 2]))
    return np.stack([share, 1.0 - share], axis=1)


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def raster_of(weights: np.ndarray | None, cells: tuple[int, int] = (7, 5)) -> Scatter:
    return scatters(X, [of_columns((0, 1))], values, weights, most=10, cells=cells)[0]


def test_few_rows_are_themselves() -> None:
    found = scatters(X, [of_columns((0, 1))], values)[0]
    both = ~np.isnan(X[:, :2]).any(axis=1)
    np.testing.assert_array_equal(found.points["x"], X[both, 0])
    np.testing.assert_array_equal(found.points["y"], X[both, 1])
    np.testing.assert_array_equal(found.points["values"], values(X)[both])
    x_only = ~np.isnan(X[:, 0]) & np.isnan(X[:, 1])
    np.testing.assert_array_equal(found.margins["at"][found.margins["axis"] == 0], X[x_only, 0])
    assert (found.n_rows, found.n_hidden) == (400, np.isnan(X[:, :2]).all(axis=1).sum())
    np.testing.assert_array_equal(found.limits[0], [np.nanmin(X[:, 0]), np.nanmax(X[:, 0])])
    assert found.cells is None


def test_rows_of_weight_zero_are_left_out() -> None:
    found = scatters(X, [of_columns((0, 1))], values, WEIGHTS)[0]
    assert found.n_rows == (WEIGHTS > 0).sum()
    assert found.points["weight"].min() > 0.0


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cells_count_the_rows_in_them(
    weights: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation, "BLOCK_ROWS", 64)
    found = raster_of(weights)
    own = np.ones(400) if weights is None else weights
    rows = (own > 0) & ~np.isnan(X[:, :2]).any(axis=1)
    x, y, own, share = X[rows, 0], X[rows, 1], own[rows], values(X)[rows, 0]
    bounds = {"bins": (7, 5), "range": found.limits}
    counts = np.histogram2d(x, y, weights=own, **bounds)[0]
    sums = np.histogram2d(x, y, weights=own * share, **bounds)[0]
    image = raster(found, found.points["values"] @ np.eye(2, 3), found.points["weight"])
    np.testing.assert_allclose(image[:, :, 3].T, counts, atol=1e-12)
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(sums / counts)
    np.testing.assert_allclose(image[:, :, 0].T, expected, atol=1e-12)


def test_margins_of_cells_count_rows_with_one_coordinate() -> None:
    found = raster_of(WEIGHTS)
    counting = WEIGHTS > 0
    known = ~np.isnan(X[:, :2]) & counting[:, None]
    for axis in (0, 1):
        alone = known[:, axis] & ~known[:, 1 - axis]
        bins = (7, 5)[axis]
        counts, edges = np.histogram(
            X[alone, axis], bins, range=tuple(found.limits[axis]), weights=WEIGHTS[alone]
        )
        own = found.margins["axis"] == axis
        np.testing.assert_allclose(found.margins["weight"][own], counts[counts > 0])
        middle = 0.5 * (edges[1:] + edges[:-1])
        np.testing.assert_allclose(found.margins["at"][own], middle[counts > 0])
    assert found.n_hidden == (np.isnan(X[:, :2]).all(axis=1) & counting).sum()


def test_shares_are_the_same_of_rows_and_of_cells() -> None:
    rows = scatters(X, [of_columns((0, 1))], values, WEIGHTS)[0]
    np.testing.assert_allclose(raster_of(WEIGHTS).shares, rows.shares)
    drawn = (WEIGHTS > 0) & ~np.isnan(X[:, :2]).all(axis=1)
    expected = np.average(values(X)[drawn], axis=0, weights=WEIGHTS[drawn])
    np.testing.assert_allclose(rows.shares, expected)


def test_several_planes_are_found_at_once() -> None:
    pair = scatters(X, [of_columns((0, 1)), of_columns((1, 2))], values, most=10, cells=(7, 5))
    np.testing.assert_array_equal(pair[0].points["weight"], raster_of(None).points["weight"])
    np.testing.assert_array_equal(pair[1].limits[1], [X[:, 2].min(), X[:, 2].max()])


def test_a_column_without_extent_and_one_without_rows() -> None:
    rows = np.full((30, 3), 5.0)
    rows[:, 1] = np.nan
    found = scatters(rows, [of_columns((0, 1))], values, most=10)[0]
    np.testing.assert_allclose(found.limits, [[4.5, 5.5], [-0.5, 0.5]])
    assert found.points.n_rows == 0
    assert found.margins["weight"].tolist() == [30.0]
    draw(plt.subplots()[1], found, HUES, np.arange(2))


def test_the_farthest_of_many_rows_are_left_out_and_counted() -> None:
    rows = np.random.default_rng(0).normal(size=(10_000, 3))
    rows[:2, 0], rows[2, 1] = 1e6, -1e300
    rows[3] = [1e6, np.nan, 0.0]
    found = scatters(rows, [of_columns((0, 1))], values, most=10)[0]
    assert np.abs(found.limits).max() < 8.0
    assert found.n_outside == 4
    assert found.points["weight"].sum() + found.margins["weight"].sum() == 9_996
    whole = scatters(rows[4:], [of_columns((0, 1))], values, most=10)[0]
    assert whole.n_outside == 0
    assert whole.limits[0].tolist() == [rows[4:, 0].min(), rows[4:, 0].max()]


def test_opacity_grows_with_the_logarithm_of_the_count() -> None:
    found = raster_of(None)
    alpha, weight = opacity(found), found.points["weight"]
    assert alpha[np.argmin(weight)] == pytest.approx(FAINTEST)
    assert alpha[np.argmax(weight)] == pytest.approx(1.0)
    middle = (alpha - FAINTEST) / (1.0 - FAINTEST)
    np.testing.assert_allclose(middle, np.log(weight) / np.log(weight.max()), atol=1e-12)


def test_cells_are_drawn_as_one_image() -> None:
    ax = plt.subplots()[1]
    draw(ax, raster_of(None, (40, 30)), HUES, np.arange(2))
    assert len(ax.images) == 1
    assert ax.images[0].get_array().shape == (30, 40, 4)
    assert len(ax.collections) == 2  # ticks along both edges


def test_rows_have_the_markers_of_the_looks_of_their_groups() -> None:
    ax = plt.subplots()[1]
    found = scatters(X, [of_columns((0, 1))], values)[0]
    draw(ax, found, HUES, np.array([0, 5]))
    first, second, below, left = ax.collections
    assert len(first.get_offsets()) == (found.points["values"][:, 0] > 0.5).sum()
    assert len(first.get_offsets()) + len(second.get_offsets()) == found.points.n_rows
    assert first.get_paths()[0].vertices.shape != second.get_paths()[0].vertices.shape
    assert len(below.get_offsets()) == (found.margins["axis"] == 0).sum()
    assert len(left.get_offsets()) == (found.margins["axis"] == 1).sum()
