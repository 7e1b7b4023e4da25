"""Machine code finds what NumPy finds, and skips only rows that gain nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.kernels import seeding as plain
from mixtura.kernels.cpu.scores import lanes
from mixtura.kernels.cpu.seeding import CompiledNearest, packed
from mixtura.kernels.seeding import Nearest

DTYPES = ("float64", "float32")
LAYOUTS = ("C", "F", "strided")
N, BLOCKS = 700, (slice(0, 300), slice(300, 700))


def laid_out(rows: Any, layout: str) -> Any:
    """Return equal rows in another layout."""
    if layout == "strided":
        return np.repeat(np.repeat(rows, 2, axis=0), 2, axis=1)[::2, ::2]
    return np.asarray(rows, order="F" if layout == "F" else "C")


def table(d: int, dtype: str = "float64", groups: int = 6) -> Any:
    """Return rows (N, d) in groups well apart."""
    rng = np.random.default_rng(d)
    middles = 20 * rng.standard_normal((groups, d))
    return (middles[rng.integers(groups, size=N)] + rng.standard_normal((N, d))).astype(dtype)


def seeded(
    kind: type[Nearest], rows: Any, weights: Any, seeds: int, candidates: Any, *, prune: bool = True
) -> Any:
    """Return gains, notes, masses and labels after ``seeds`` rows have joined."""
    mass = np.full(N, np.inf)
    mass[weights == 0 if weights is not None else []] = 0.0
    nearest = kind(mass, np.empty((seeds, rows.shape[1]), rows.dtype))

    def everywhere(function: Any) -> Any:
        return sum(function(b, rows[b], None if weights is None else weights[b]) for b in BLOCKS)

    for first in range(0, seeds, 20):
        chosen = np.ascontiguousarray(rows[first : min(first + 20, seeds)])
        nearest.aim(chosen)
        if not prune:
            nearest._limits[:] = -1.0
        everywhere(nearest.join)
        nearest.seat(chosen)
    nearest.aim(np.ascontiguousarray(candidates))
    if not prune:
        nearest._limits[:] = -1.0
    return everywhere(nearest.gains), nearest.notes(), nearest.mass, nearest.labels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 4), (3, 8), (7, 9), (8, 17), (33, 40)])
def test_as_numpy(d: int, m: int, dtype: str, weighted: bool) -> None:
    rows = table(d, dtype)
    weights = np.random.default_rng(1).integers(0, 3, N).astype(float) if weighted else None
    ours = seeded(CompiledNearest, rows, weights, 30, rows[100 : 100 + m])
    theirs = seeded(Nearest, rows, weights, 30, rows[100 : 100 + m])
    tol = {"rtol": 1e-12 if dtype == "float64" else 1e-5, "atol": 1e-12}
    np.testing.assert_allclose(ours[0], theirs[0], **tol)
    np.testing.assert_allclose(ours[2], theirs[2], **tol)
    assert (ours[3] == theirs[3]).mean() > 0.99  # float32 may round equally far seeds apart
    if dtype == "float64":
        for (rows_ours, masses_ours), (rows_theirs, masses_theirs) in zip(
            ours[1], theirs[1], strict=True
        ):
            np.testing.assert_array_equal(rows_ours, rows_theirs)
            np.testing.assert_allclose(masses_ours, masses_theirs, **tol)


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 12])
def test_pruning_changes_no_bit(d: int, dtype: str, offset: float) -> None:
    rows = (table(d) + offset).astype(dtype)
    arguments = (CompiledNearest, rows, None, 40, rows[60:90])
    pruned, unpruned = seeded(*arguments), seeded(*arguments, prune=False)
    for ours, theirs in zip(pruned, unpruned, strict=True):
        if isinstance(ours, list):
            assert [(a.tolist(), b.tolist()) for a, b in ours] == [
                (a.tolist(), b.tolist()) for a, b in theirs
            ]
        else:
            np.testing.assert_array_equal(ours, theirs)


def test_rows_near_their_seeds_are_not_read() -> None:
    nearest = CompiledNearest(np.full(N, np.inf), np.empty((1, 2)))
    near, far = np.zeros((N, 2)), np.full((1, 2), 10.0)
    near[:, 0] = np.linspace(0, 6, N)
    nearest.aim(near[:1])
    nearest.join(slice(0, N), near, None)
    nearest.seat(near[:1])
    nearest.aim(far)  # a quarter of its squared distance from the seed is 50, the largest mass 36
    assert nearest.gains(slice(0, N), np.repeat(far, N, axis=0), None) == pytest.approx(0.0)
    nearest.mass[:] = 51.0
    assert nearest.gains(slice(0, N), np.repeat(far, N, axis=0), None) == pytest.approx(51.0 * N)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout_has_the_same_bits(dtype: str, layout: str) -> None:
    rows = table(5, dtype)
    ours = seeded(CompiledNearest, laid_out(rows, layout), None, 5, rows[50:60])
    theirs = seeded(CompiledNearest, rows, None, 5, rows[50:60])
    for index in (0, 2, 3):
        np.testing.assert_array_equal(ours[index], theirs[index])


def test_without_room_for_all_there_are_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(3)
    full = seeded(CompiledNearest, rows, None, 1, rows[50:60])
    needed = sum(len(numbers) for numbers, _ in full[1])
    monkeypatch.setattr(plain, "MOST_NOTES", needed // 2)
    short = seeded(CompiledNearest, rows, None, 1, rows[50:60])
    np.testing.assert_array_equal(short[0], full[0])
    assert short[1] is None


@pytest.mark.parametrize("m", [1, 8, 9, 16, 17, 33])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_left_over_are_infinitely_far(m: int, dtype: str) -> None:
    width = lanes(dtype)
    candidates = table(4, dtype)[:m]
    groups = packed(candidates, width)
    assert groups.shape[0] in {1, 2, 4, 6}
    unpacked = groups.transpose(0, 2, 1).reshape(-1, 4)
    np.testing.assert_array_equal(unpacked[:m], candidates)
    assert np.isinf(unpacked[m:]).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_with_holes_no_row_is_skipped(dtype: str, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    rows = table(7, dtype)
    rows[30:][rng.random((N - 30, 7)) < 0.3] = np.nan
    weights = rng.integers(0, 3, N).astype(float) if weighted else None
    found = []
    for kind in (Nearest, CompiledNearest):
        mass = np.full(N, np.inf) if weights is None else np.where(weights > 0, np.inf, 0.0)
        nearest = kind(mass, np.empty((30, 7), dtype), np.zeros(7))
        for seeds in (rows[:10], rows[10:30]):
            nearest.aim(seeds)
            nearest.join(slice(0, N), rows, weights)
            nearest.seat(seeds)
        nearest.aim(rows[15:30] + 1)
        gains = nearest.gains(slice(0, N), rows, weights)
        found.append((gains, nearest.mass, nearest.labels))
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12 if dtype == "float64" else 1e-4)
    expected = np.nansum((rows[:30, None].astype(float) - rows) ** 2, axis=2)
    weight = 1.0 if weights is None else weights
    np.testing.assert_allclose(found[0][1], weight * expected.min(axis=0), rtol=1e-12)
    assert found[0][0].max() > 0.0
