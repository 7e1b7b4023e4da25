"""The innermost kernels: every number of rows and columns, and both vector widths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import oracle
from mixtura.kernels import cpu
from mixtura.kernels.cpu import tiles

#: As 0, 1, 2 or more steps of four rows with remainders of 0 to 3.
COLUMNS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15)


@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize("d", COLUMNS)
def test_every_number_of_columns(name: str, d: int) -> None:
    oracle.check(cpu, name, (40, d, 2))


def test_vectors_fill_a_tile() -> None:
    assert tiles.TILE_ROWS % (tiles.STRIP * tiles.LANES) == 0
    assert ((8, 4, 4) if tiles.WIDE else (4, 2, 2)) == (tiles.LANES, tiles.STRIP, tiles.COLUMNS)


def test_the_width_follows_what_numba_compiles_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles.config, "CPU_FEATURES", "+avx2,+fma")
    assert not tiles.has_avx512()
    monkeypatch.setattr(tiles.config, "CPU_FEATURES", "+avx2,+avx512f")
    assert tiles.has_avx512()


@pytest.mark.slow
@pytest.mark.parametrize("features", ["", "+avx,+avx2,+fma"])
def test_processors_without_avx512(features: str, tmp_path: Path) -> None:
    code = (
        "import oracle;"
        "from mixtura.kernels import cpu;"
        "from mixtura.kernels.cpu import tiles;"
        "assert not tiles.WIDE;"
        f"[oracle.check(cpu, name, (40, d, 2)) for d in {COLUMNS} for name in ('full', 'tied')]"
    )
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
