"""Tables of a recorded fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import Mixture, complete
from mixtura._errors import InputError
from mixtura.model.projection import principal, separating
from mixtura.view import recording
from mixtura.view.frame import Frame
from mixtura.view.palette import mixed
from mixtura.view.recording import Axes, Stage

RNG = np.random.default_rng(5)
MIXTURE = Mixture([0.25, 0.75], [[0.0, 0.0, 1.0], [4.0, 1.0, 1.0]], [np.eye(3), 2.0 * np.eye(3)])
CENTRES = np.array([[0.0, 0.0, 1.0], [4.0, 1.0, 1.0]])
ROWS = MIXTURE.sample(60, 0)[0]
NAMES = ("a", "b", "c")


def plane() -> Axes:
    return recording.axes_of((0, "c"), NAMES, ROWS, MIXTURE)


def test_short_fits_are_shown_whole() -> None:
    assert recording.frames_of(np.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_long_fits_are_thinned_by_gain_and_by_time() -> None:
    values = -np.exp(-np.arange(1001) / 20.0)
    frames = recording.frames_of(values, 40)
    assert len(frames) <= 40
    assert (frames[0], frames[-1]) == (0, 1000)
    assert np.diff(frames).min() > 0
    assert np.diff(frames).max() <= np.ceil(1000 / 19)  # half are even in time
    step = (values[-1] - values[0]) / 19  # and half in what is gained
    assert np.diff(values[frames]).max() <= step + np.diff(values).max()


def test_objectives_may_fall_and_dip() -> None:
    frames = recording.frames_of(np.array([9.0, 5.0, 6.0, 2.0, 2.0, 1.0]), 4)
    assert (frames[0], frames[-1]) == (0, 5)
    assert recording.frames_of(np.zeros(9), 4).tolist() == [0, 8]


def test_rows_are_drawn_without_empty_ones() -> None:
    table = np.arange(12.0).reshape(6, 2)
    table[2] = np.nan
    table[3, 0] = np.nan
    assert recording.drawn_rows(table, 6).tolist() == [0, 1, 3, 4, 5]
    some = recording.drawn_rows(np.zeros((1000, 1)), 10)
    assert len(some) == len(set(some.tolist())) == 10
    assert (np.diff(some) > 0).all()
    with pytest.raises(InputError, match="no row with an observed cell"):
        recording.drawn_rows(np.full((3, 2), np.nan), 2)


def test_missing_cells_are_expected_ones() -> None:
    rows = ROWS.copy()
    rows[0, 1] = rows[4, 2] = np.nan
    assert_allclose(recording.filled_rows(rows, MIXTURE), complete(rows, MIXTURE))
    filled = recording.filled_rows(np.array([[3.0, np.nan, 1.0], [0.5, 0.0, np.nan]]), CENTRES)
    assert_array_equal(filled, [[3.0, 1.0, 1.0], [0.5, 0.0, 1.0]])


def test_squares_are_of_observed_cells() -> None:
    rows = np.array([[1.0, np.nan, 3.0]])
    assert_array_equal(recording.squares(CENTRES, rows), [[1.0 + 4.0, 9.0 + 4.0]])


def test_columns_by_number_and_name() -> None:
    axes = plane()
    assert axes.names == ("a", "c")
    assert_array_equal(ROWS @ axes.directions, ROWS[:, [0, 2]])
    assert recording.axes_of(None, ("a", "b"), ROWS[:, :2], CENTRES).names == ("a", "b")


@pytest.mark.parametrize("columns", [(), (0, 0), (0, 1, 2), (3,), (-1,), ("d",), (0.5,)])
def test_other_columns_are_refused(columns: tuple[object, ...]) -> None:
    with pytest.raises(InputError, match=r"columns=.* one or two different numbers from 0 to 2"):
        recording.axes_of(columns, NAMES, ROWS, MIXTURE)  # type: ignore[arg-type]


def test_many_columns_are_seen_in_the_plane_that_separates_best() -> None:
    found = separating(MIXTURE)
    assert found is not None
    axes = recording.axes_of(None, NAMES, ROWS, MIXTURE)
    assert_array_equal(axes.directions, found.directions)
    assert axes.names[0] == f"direction 1: {found.parts[0]:.0%} of the separation"


def test_one_component_or_centres_are_seen_along_principal_axes() -> None:
    alone = Mixture([1.0], [[0.0, 0.0, 0.0]], [np.diag([1.0, 2.0, 3.0])])
    axes = recording.axes_of(None, NAMES, ROWS, alone)
    assert "of the variance" in axes.names[1]
    assert_array_equal(axes.directions, principal(alone).directions)
    rows = np.c_[ROWS, np.full(len(ROWS), 7.0)]  # a column that does not vary
    axes = recording.axes_of(None, (*NAMES, "d"), rows, np.c_[CENTRES, [7.0, 7.0]])
    placed = (rows - axes.origin) @ axes.directions
    assert_allclose(np.cov(placed.T, bias=True)[0, 1], 0.0, atol=1e-12)
    assert placed[:, 0].var() >= placed[:, 1].var() > 0.0


def test_components_are_seen_along_the_axes() -> None:
    axes = recording.axes_of(None, NAMES, ROWS, MIXTURE)
    table = recording.component_table(np.array([0, 7]), [Stage.of(MIXTURE, ROWS)] * 2, axes)
    assert table["iteration"].tolist() == [0, 0, 7, 7]
    assert table["component"].tolist() == [0, 1, 0, 1]
    found = separating(MIXTURE)
    assert found is not None
    seen = found.project_mixture(MIXTURE)
    assert_allclose(np.c_[table["x"], table["y"]][2:], seen.means, atol=1e-12)
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("yy", 1, 1)):
        assert_allclose(table[name][:2], seen.covariances[:, i, j], atol=1e-12)


def test_assignments_are_responsibilities() -> None:
    table = recording.assignment_table(np.array([3]), np.arange(60), [Stage.of(MIXTURE, ROWS)])
    resp = MIXTURE.responsibilities(ROWS)
    assert_array_equal(table["component"], resp.argmax(axis=1))
    assert_allclose(table["probability"], resp.max(axis=1))
    assert_allclose(table["colour"], mixed(resp))


def test_centres_take_the_nearest_rows() -> None:
    stage = Stage.of(CENTRES, ROWS)
    nearest = ((ROWS[:, None] - CENTRES) ** 2).sum(axis=2).argmin(axis=1)
    assert_array_equal(stage.responsibilities, np.eye(2)[nearest])
    assert_allclose(stage.weights, np.bincount(nearest) / 60)
    table = recording.component_table(np.array([0]), [stage], plane())
    assert np.isnan(table["xx"]).all()


def test_what_rows_hold() -> None:
    rows = np.array([[1.0, 2.0, np.nan], [123456.0, 0.0, 1e-9]])
    filled = np.nan_to_num(rows)
    names = ("a" * 100, "b", "c")
    axes = recording.axes_of((2, 0), names, filled, CENTRES)
    table = recording.row_table(np.array([3, 9]), rows, filled, axes, names)
    assert table["filled"].tolist() == [True, False]
    assert table["y"].tolist() == [1.0, 123456.0]
    short = "a" * 12 + "…" + "a" * 11
    assert table["text"][0] == f"{short} = 1\nc = missing"
    assert table["text"][1] == f"{short} = 1.235e+05\nc = 1e-09"


def test_the_histogram_is_of_all_rows() -> None:
    values = RNG.normal(size=(500, 1))
    values[3] = np.nan
    axes = recording.axes_of(None, ("a",), values, CENTRES[:, :1])
    table = recording.histogram_table(values, axes)
    assert table is not None
    widths = table["right"] - table["left"]
    assert widths @ table["density"] == pytest.approx(1.0)
    assert (table["left"][0], table["right"][-1]) == (np.nanmin(values), np.nanmax(values))
    assert recording.histogram_table(ROWS, plane()) is None


def test_notes_say_what_is_left_out() -> None:
    stage, hard = Stage.of(MIXTURE, ROWS), Stage.of(CENTRES, ROWS)
    assert recording.note_of((5, 5), (60, 60), hard, plane()) == ""
    assert recording.note_of((9, 1200), (2000, 10**6), stage, plane()) == (
        "9 of 1,200 steps are shown; 2,000 of 1,000,000 rows are drawn; ellipses hold 90% of a "
        "component."
    )


def test_limits_hold_rows_and_means_and_the_last_ellipses() -> None:
    rows = Frame({"x": [0.0, 1.0], "y": [5.0, 5.0]})
    columns = {"iteration": [0, 3], "x": [-2.0, 0.0], "y": [5.0, 5.0]}
    hard = Frame({**columns, "xx": [np.nan] * 2, "yy": [np.nan] * 2})
    assert_allclose(recording.limits_of(rows, hard, None), [[-2.18, 1.18], [4.0, 6.0]])
    soft = Frame({**columns, "xx": [99.0, 0.01], "yy": [99.0, 1.0]})
    reach = np.sqrt(-2 * np.log(0.1))
    expected = [5.0 - 1.12 * reach, 5.0 + 1.12 * reach]
    assert_allclose(recording.limits_of(rows, soft, None), [[-2.18, 1.18], expected])


def test_densities_have_room_but_no_spike() -> None:
    rows = Frame({"x": [0.0, 1.0]})
    bars = Frame({"left": [0.0], "right": [1.0], "density": [1.0]})
    for variance, top in ((1.0, 1.0), (0.1, 0.5 / np.sqrt(0.2 * np.pi)), (1e-12, 2.0)):
        parts = Frame({"iteration": [0], "x": [0.5], "weight": [0.5], "xx": [variance]})
        limits = recording.limits_of(rows, parts, bars)
        assert_allclose(limits[1], [-0.12 * max(top, 1.0), 1.08 * max(top, 1.0)])


def test_rows_are_strewn_between_the_axis_and_the_edge() -> None:
    places = recording.strewn(200, np.array([[0.0, 1.0], [-2.0, 9.0]]))
    assert -2.0 < places.min() < -1.6
    assert -0.2 < places.max() < 0.0
    assert np.abs(np.diff(places)).min() > 0.1  # neighbours in the table lie apart
