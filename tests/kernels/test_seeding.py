"""What NumPy finds of rows, seeds and candidates, against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import InputError
from mixtura.kernels import seeding
from mixtura.kernels.seeding import Nearest, nearest_for

BLOCKS = (slice(0, 30), slice(30, 70))


def problem(weighted: bool = False, offset: float = 0.0) -> tuple[Any, Any]:
    """Return rows (70, 3) and weights, of which some are zero."""
    rng = np.random.default_rng(0)
    rows = np.round(rng.standard_normal((70, 3)), 3) + offset
    return rows, rng.integers(0, 3, 70).astype(float) if weighted else None


def start(rows: Any, weights: Any, most: int = 10) -> Nearest:
    mass = np.full(len(rows), np.inf)
    mass[weights == 0 if weights is not None else []] = 0.0
    return Nearest(mass, np.empty((most, rows.shape[1]), rows.dtype))


def each_block(function: Any, rows: Any, weights: Any) -> Any:
    return sum(function(b, rows[b], None if weights is None else weights[b]) for b in BLOCKS)


def masses(rows: Any, weights: Any, centres: Any) -> Any:
    """Return the masses (m, n) for each centre alone."""
    apart = ((rows - centres[:, None]) ** 2).sum(axis=2)
    return apart if weights is None else apart * weights


@pytest.mark.parametrize("weighted", [False, True])
def test_seeds_join_and_candidates_gain(weighted: bool) -> None:
    rows, weights = problem(weighted)
    nearest = start(rows, weights)
    seeds, candidates = rows[:3], rows[10:14]
    nearest.aim(seeds)
    each_block(nearest.join, rows, weights)
    nearest.seat(seeds)
    expected = masses(rows, weights, seeds)
    np.testing.assert_allclose(nearest.mass, expected.min(axis=0), rtol=1e-12)
    counting = np.ones(70, bool) if weights is None else weights > 0
    np.testing.assert_array_equal(nearest.labels[counting], expected.argmin(axis=0)[counting])
    assert (nearest.labels[~counting] == -1).all()

    nearest.aim(candidates)
    gains = each_block(nearest.gains, rows, weights)
    new = masses(rows, weights, candidates)
    lost = np.maximum(nearest.mass - new, 0.0)
    np.testing.assert_allclose(gains, lost.sum(axis=1), rtol=1e-12)
    notes = nearest.notes()
    assert notes is not None
    for candidate, (numbers, values) in enumerate(notes):
        np.testing.assert_array_equal(numbers, np.flatnonzero(lost[candidate]))
        np.testing.assert_allclose(values, new[candidate, numbers], rtol=1e-12)

    nearest.take(candidates[2], notes[2])
    both = np.concatenate([expected, new[[2]]])
    np.testing.assert_allclose(nearest.mass, both.min(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(nearest.labels[counting], both.argmin(axis=0)[counting])
    np.testing.assert_array_equal(nearest.seeds[:4], rows[[0, 1, 2, 12]])


def test_a_note_that_a_later_seed_outdid_changes_nothing() -> None:
    rows, _ = problem()
    nearest = start(rows, None)
    candidates = rows[:2]
    nearest.aim(candidates)
    each_block(nearest.gains, rows, None)
    notes = nearest.notes()
    assert notes is not None
    for candidate, each in zip(candidates, notes, strict=True):
        nearest.take(candidate, each)
    np.testing.assert_allclose(nearest.mass, masses(rows, None, candidates).min(axis=0))


def test_without_room_for_all_there_are_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = problem()
    nearest = start(rows, None)
    nearest.aim(rows[:2])
    full = each_block(nearest.gains, rows, None)
    monkeypatch.setattr(seeding, "MOST_NOTES", 139)  # one less than all pairs
    nearest.aim(rows[:2])
    np.testing.assert_array_equal(each_block(nearest.gains, rows, None), full)
    assert nearest.notes() is None


def test_equal_rows_are_not_apart_however_far_away() -> None:
    rows, _ = problem(offset=1e8)
    nearest = start(rows, None)
    nearest.aim(rows[:1])
    each_block(nearest.join, np.repeat(rows[:1], 70, axis=0), None)
    assert (nearest.mass == 0).all()


def test_the_engine_is_chosen_by_name_or_work() -> None:
    few, many = np.ones(10), np.ones(1_000_000)
    assert type(nearest_for(few, np.empty((3, 2)), "auto")) is Nearest
    assert type(nearest_for(many, np.empty((3, 2)), "numpy")) is Nearest
    assert type(nearest_for(few, np.empty((3, 2)), "numba")) is not Nearest
    assert type(nearest_for(many, np.empty((3, 2)), "auto")) is not Nearest
    with pytest.raises(InputError, match="engine='fortran' is not one of auto, numpy, numba"):
        nearest_for(few, np.empty((3, 2)), "fortran")


def test_with_means_distances_are_over_observed_cells() -> None:
    rows = np.array([[0.0, np.nan], [3.0, 4.0], [np.nan, np.nan]])
    nearest = nearest_for(np.full(3, np.inf), np.empty((1, 2)), "numpy", np.zeros(2))
    nearest.aim(np.array([[2.0, 2.0]]))
    nearest.join(slice(0, 3), rows, None)
    assert nearest.mass.tolist() == [4.0, 5.0, 0.0]
