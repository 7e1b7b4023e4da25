"""The choice of kernels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mixtura import InputError
from mixtura.kernels import INCOMPLETE_WORK, NUMBA_WORK, choose, work
from mixtura.kernels.patterns import Patterns

ROWS = np.zeros((3, 2))


class Foreign:
    """Stands for an array of another namespace."""


@pytest.mark.parametrize(
    ("engine", "cost", "name"),
    [
        ("auto", 0.0, "numpy"),
        ("auto", np.nextafter(NUMBA_WORK, 0), "numpy"),
        ("auto", NUMBA_WORK, "numba"),
        ("numpy", np.inf, "numpy"),
        ("numba", 0.0, "numba"),
    ],
)
def test_numpy_rows_go_by_engine_and_work(engine: str, cost: float, name: str) -> None:
    assert choose(engine, ROWS, cost).name == name


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_other_namespaces_stay_there(engine: str) -> None:
    assert choose(engine, Foreign(), np.inf).name == "numpy"


def test_machine_code_needs_numpy_arrays() -> None:
    with pytest.raises(InputError, match="engine='numba' needs NumPy arrays, not Foreign"):
        choose("numba", Foreign(), 0.0)


def test_unknown_engines_are_named() -> None:
    with pytest.raises(InputError, match="engine='gpu' is not one of auto, numpy, numba"):
        choose("gpu", ROWS, 0.0)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_work_grows_with_everything(name: str) -> None:
    assert work(10, 5, 3, name) == pytest.approx(10 * work(1, 5, 3, name))
    assert work(1, 6, 3, name) > work(1, 5, 3, name)
    assert work(1, 5, 4, name) > work(1, 5, 3, name) > 0


def test_full_covariances_cost_more_the_more_columns_there_are() -> None:
    ratios = [work(1, d, 1, "full") / work(1, d, 1, "diag") for d in (2, 20, 200)]
    assert 1 < ratios[0] < ratios[1] < ratios[2]


def test_small_fits_never_import_numba() -> None:
    code = (
        "import sys, numpy, mixtura;"
        "X = numpy.random.default_rng(0).normal(size=(200, 3));"
        "mixtura.GaussianMixture(2, random_state=0).fit(X).predict(X);"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("engine", "cost", "name"),
    [
        ("auto", np.nextafter(INCOMPLETE_WORK, 0), "numpy"),
        ("auto", INCOMPLETE_WORK, "numba"),
        ("numpy", np.inf, "numpy"),
        ("numba", 0.0, "numba"),
    ],
)
def test_missing_cells_have_kernels_of_their_own(engine: str, cost: float, name: str) -> None:
    kernels = choose(engine, ROWS, cost, incomplete=True)
    assert kernels.name == name
    assert kernels.allows_missing
    assert not choose(engine, ROWS, cost).allows_missing


def patterns(rows: int, missing: int, count: int) -> Patterns:
    """Return as many patterns of so many rows and missing cells."""
    return Patterns(np.full(count, rows), np.full(count, missing))


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_missing_cells_cost_more(name: str) -> None:
    complete = work(1000, 10, 3, name)
    assert work(1000, 10, 3, name, patterns(1, 3, 1000)) > complete
    assert work(1000, 10, 3, name, patterns(1, 3, 1000)) < 100 * complete


@pytest.mark.parametrize("name", ["full", "tied"])
def test_patterns_matter_where_columns_are_correlated(name: str) -> None:
    many = work(1000, 10, 3, name, patterns(1, 3, 1000))
    assert work(1000, 10, 3, name, patterns(500, 3, 2)) < many
    assert work(1000, 10, 3, "diag", patterns(500, 3, 2)) == work(
        1000, 10, 3, "diag", patterns(1, 3, 1000)
    )
