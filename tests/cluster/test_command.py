"""The command line fits on a cluster what it fits in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client
from typer.testing import CliRunner

from mixtura import load
from mixtura.cli.app import app
from mixtura.sources import dask

pytestmark = pytest.mark.slow

PARAMETERS = {"fit": ("weights_", "means_", "covariances_"), "kmeans": ("cluster_centers_",)}


def run(*arguments: Any, code: int = 0) -> Any:
    """Run a command in this process, and return what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Return three files, one of them without rows, and before them the same rows in one."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 3)) + 5.0 * np.eye(3)[rng.integers(0, 3, 3000)]
    frame = pd.DataFrame(np.where(rng.random(rows.shape) < 0.1, np.nan, rows), columns=list("abc"))
    frame["w"] = rng.integers(1, 4, len(frame))
    paths = [tmp_path / f"{name}.parquet" for name in ("whole", "part-1", "part-2", "part-3")]
    for path, rows in zip(
        paths, (slice(None), slice(900), slice(0), slice(900, None)), strict=True
    ):
        frame[rows].to_parquet(path, index=False)
    return paths


@pytest.mark.parametrize("command", ["fit", "kmeans"])
@pytest.mark.parametrize("options", [("--weights", "w"), ("--drop", "w")])
@pytest.mark.parametrize("local", [False, True])
def test_workers_fit_what_memory_holds(
    client: Client, parts: list[Path], command: str, options: tuple[str, ...], local: bool
) -> None:
    model, other = parts[0].with_name("m.mixtura"), parts[0].with_name("n.mixtura")
    how = ["-k", 3, *options, "--json"]
    address = "local" if local else client.scheduler.address
    expected = json.loads(run(command, parts[0], *how, "-o", model).stdout)
    found = json.loads(run(command, *parts[1:], *how, "-o", other, "--scheduler", address).stdout)
    assert list(found) == list(expected)
    for name in ("rows", "total_weight", "missing", "columns", "left_out"):
        assert found[name] == expected[name]
    fitted, afar = load(model), load(other)
    for name in PARAMETERS[command]:
        np.testing.assert_allclose(getattr(afar, name), getattr(fitted, name), atol=1e-9)
    assert list(afar.feature_names_in_) == ["a", "b", "c"]
    assert not client.futures or local  # nothing stays behind
    if command == "kmeans":
        assert found["sizes"] == expected["sizes"]


def test_cells_on_workers_are_named_by_their_files(client: Client, parts: list[Path]) -> None:
    frame = pd.read_parquet(parts[3])
    frame.loc[7, "b"] = -np.inf
    frame.to_parquet(parts[3], index=False)
    words = ["fit", *parts[1:], "-k", 2, "--scheduler", client.scheduler.address]
    message = run(*words, code=3).stderr
    assert "part-3.parquet, row 8 has an infinite number in column 'b'" in message


def test_a_scheduler_that_is_not_there(parts: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ANSWER", 1)
    message = run("fit", parts[0], "-k", 2, "--scheduler", "tcp://127.0.0.1:9", code=3).stderr
    assert "error: no Dask scheduler answers at tcp://127.0.0.1:9 (" in message
