"""Models that learn from each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mixtura.algorithms import search
from mixtura.algorithms.batch import Climbed, Monomials, expect
from mixtura.algorithms.search import Grid, is_nested, searched
from problems import assert_close, random_rows

NAMES = ("EII", "VII", "EEI", "VVI", "EEE", "VEV", "VVV")


def grid_of(seed: int = 0, n: int = 80, sizes: tuple[int, ...] = (1, 2, 3)) -> Grid:
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, n, 3, 2, spread=3.0)
    return Grid(Monomials.of(rows - rows.mean(axis=0), np.ones(n)), NAMES, sizes)


def cut(grid: Grid, column: int = 1) -> search.Partition:
    """Return a way to cut the rows in order of a column."""
    order = np.argsort(np.argsort(grid.rows.values[:, column]))
    return lambda k: order * k // len(order)


def test_models_are_numbered() -> None:
    grid = grid_of(sizes=(1, 3))
    assert len(grid) == 14
    assert grid.model(5) == ("EEI", 3)
    assert grid.number("EEI", 3) == 5
    assert grid.number("EEI", 2) is None
    assert [grid.model(i)[0] for i in grid.special_cases(13)] == list(NAMES[:-1])
    assert [grid.model(i)[0] for i in grid.special_cases(9)] == ["EII", "EEI"]


@pytest.mark.parametrize(
    ("name", "other", "nested"),
    [("EII", "VVV", True), ("VEI", "EVI", False), ("EEV", "EEE", False), ("EEI", "EEV", True)],
)
def test_special_cases(name: str, other: str, nested: bool) -> None:
    assert is_nested(name, other) is nested


def test_no_model_ends_below_a_special_case() -> None:
    grid = grid_of()
    found = searched(grid, [cut(grid), cut(grid, 2)])
    assert np.isfinite(found.loglik).all()
    values = found.loglik + found.to_come
    for name, other in itertools.permutations(NAMES, 2):
        if is_nested(name, other):
            for k in grid.sizes:
                special, general = grid.number(name, k), grid.number(other, k)
                assert values[general] >= values[special] - 3e-5 * 80


def test_models_escape_a_bad_start_through_their_neighbours() -> None:
    rng = np.random.default_rng(4)
    groups = [rng.normal(size=(40, 2)) * 0.3 + centre for centre in ([0, 0], [6, 0], [0, 6])]
    rows = np.concatenate(groups)
    grid = Grid(Monomials.of(rows - rows.mean(axis=0), np.ones(120)), ("VVV",), (1, 2, 3))
    halves = [lambda k: np.arange(120) % k]  # tells nothing of the groups
    found = searched(grid, halves)
    _, resp = expect(grid.rows, found.batch)
    labels = resp[found.batch.layout.part(2)].argmax(axis=0).reshape(3, 40)
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0].tolist())) == 3


def test_the_same_search_gives_the_same_bits() -> None:
    first, second = (searched(g, [cut(g)]) for g in (grid_of(), grid_of()))
    assert first.loglik.tobytes() == second.loglik.tobytes()


def test_coarser_levels_stop_earlier() -> None:
    grid = grid_of()
    rough = searched(grid, [cut(grid)], ((1e-2, 1),))
    assert (rough.to_come <= 1e-2 * 80).all()
    assert (searched(grid, [cut(grid)]).to_come <= 1e-5 * 80).all()


def test_a_component_is_cut_across_its_longest_axis() -> None:
    grid = grid_of(sizes=(1, 2))
    found = searched(grid, [cut(grid)], ((1e-2, 1),))
    number = grid.number("VVV", 1)
    assert number is not None
    resp = expect(grid.rows, found.batch)[1][found.batch.layout.part(number)]
    (halves,) = search.splits(grid.rows, found.batch, resp, number)
    assert halves.shape == (2, 80)
    assert_close(halves.sum(axis=0), resp[0], 1e-15)
    values = grid.rows.values[:, 1:3]
    axis = np.linalg.eigh(np.cov(values.T))[1][:, -1]
    side = halves[0] > 0
    assert abs(np.sign(values @ axis)[side].sum()) == side.sum()


def test_the_two_components_that_share_most_are_merged() -> None:
    resp = np.array([[1.0, 0.6, 0.0, 0.0], [0.0, 0.4, 0.7, 0.1], [0.0, 0.0, 0.3, 0.9]])
    merged = search.merged(resp)
    assert_close(merged.sum(axis=0), np.ones(4), 1e-15)
    assert_close(merged, np.array([resp[0], resp[1] + resp[2]]), 1e-15)


def test_only_fresh_neighbours_are_asked() -> None:
    grid = grid_of()
    found = searched(grid, [cut(grid)], ((1e-2, 1),))
    owners, resp = search.suggestions(grid, found, np.zeros(len(grid), dtype=np.bool_))
    assert len(owners) == 0
    assert resp == []
    fresh = np.zeros(len(grid), dtype=np.bool_)
    fresh[number := grid.number("VVV", 2) or 0] = True
    owners, _ = search.suggestions(grid, found, fresh)
    assert {grid.model(i) for i in owners} >= {("VVV", 3)}
    assert all(grid.model(i)[0] == "VVV" or grid.model(i)[1] == 2 for i in owners), number


def test_models_without_a_fit_take_what_they_can_get() -> None:
    grid = grid_of()
    found = searched(grid, [cut(grid)], ((1e-3, 1),))
    number = grid.number("VVV", 3) or 0
    lost = found.loglik.copy()
    lost[number] = -np.inf
    again = search.ordered(grid, Climbed(found.batch, lost, found.to_come), 1e-3)
    assert np.isfinite(again.loglik[number])


def test_mixtures_are_updated_part_by_part() -> None:
    grid = grid_of()
    whole = searched(grid, [cut(grid)])
    calls: list[int] = []

    def backwards(function: Callable[[int], None], n: int) -> None:
        calls.append(n)
        for i in reversed(range(n)):
            function(i)

    parts = searched(replace(grid, each=backwards, least=400), [cut(grid)])
    assert set(calls) == {2, 3, 4}
    assert_close(parts.loglik, whole.loglik, 1e-6)
    assert_close(parts.batch.means, whole.batch.means, 1e-3)


def test_models_learn_from_other_rows() -> None:
    grid = grid_of(n=200)
    found = searched(grid, [cut(grid)])
    number = grid.number("VVV", 3) or 0
    bad = grid.start([number], [np.eye(3)[np.arange(200) % 3].T])  # groups that are none
    batch = found.batch.replaced([number], bad, [0])
    new, changed = search.learnt(replace(grid, rows=grid_of(seed=0, n=160).rows), batch, 1e-3)
    alone = search.climb(grid_of(seed=0, n=160).rows, bad, 200, 0.1)
    assert number in changed
    assert new.loglik[number] > alone.loglik[0] + 1.0
