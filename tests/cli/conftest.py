"""A table of three groups, a model fitted to it, and ways to run the command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mixtura import MiniBatchKMeans, MixtureClassifier, NoiseMixture, SemiSupervisedMixture
from mixtura.cli.app import app

Run = Callable[..., Any]
CENTRES = ((0.0, 0.0), (8.0, 0.0), (0.0, 8.0))
SIZES = (30, 50, 70)


@pytest.fixture(scope="session")
def points() -> np.ndarray:
    """Return 150 rows of two columns in three groups."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(c, 1.0, (n, 2)) for c, n in zip(CENTRES, SIZES, strict=True)]
    return np.vstack(groups)


@pytest.fixture
def table(tmp_path: Path, points: np.ndarray) -> Path:
    """Return a CSV with the points in x and y, their group as text, and a weight."""
    path = tmp_path / "table.csv"
    names = np.repeat(["red", "green", "blue"], SIZES)
    lines = [
        f"{x:.4f},{name},{y:.4f},{1 + i % 2}"
        for i, (name, (x, y)) in enumerate(zip(names, points, strict=True))
    ]
    path.write_text("x,group,y,w\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def run() -> Run:
    """Run a command in this process; ``code`` is the exit code that it must end with."""

    def invoke(*arguments: Any, code: int = 0, input: bytes | None = None) -> Any:
        words = [str(argument) for argument in arguments]
        result = CliRunner().invoke(app, words, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def model(table: Path, tmp_path: Path, run: Run) -> Path:
    """Return a model of three components fitted to the columns x and y of the table."""
    path = tmp_path / "model.mixtura"
    run("fit", table, "-k", 3, "--drop", "w", "-o", path)
    return path


@pytest.fixture
def centres(table: Path, tmp_path: Path, run: Run) -> Path:
    """Return a k-means model of three clusters, fitted to the columns x and y of the table."""
    path = tmp_path / "centres.mixtura"
    run("kmeans", table, "-k", 3, "--drop", "w", "-o", path)
    return path


@pytest.fixture
def stream(points: np.ndarray, tmp_path: Path) -> Path:
    """Return a model of three clusters that saw the points, called x and y, in two chunks."""
    path = tmp_path / "stream.mixtura"
    estimator = MiniBatchKMeans(3, random_state=0)
    for chunk in (points[::2], points[1::2]):
        estimator.partial_fit(pd.DataFrame(chunk, columns=["x", "y"]))
    estimator.save(path)
    return path


@pytest.fixture(scope="session")
def special(points: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return models with noise, with a few labels, and of classes, of the columns x and y."""
    frame = pd.DataFrame(points, columns=["x", "y"])
    names = np.repeat(np.array(["red", "green", "blue"], dtype=object), SIZES)
    few = np.where(np.arange(len(names)) % 5 == 0, names, None)
    fitted = {
        "noise": NoiseMixture(3, noise=0.05, random_state=0).fit(frame),
        "few": SemiSupervisedMixture(random_state=0).fit(frame, few),
        "classes": MixtureClassifier(2, covariance_type="EVI", random_state=0).fit(frame, names),
    }
    folder = tmp_path_factory.mktemp("special")
    for name, each in fitted.items():
        each.save(folder / f"{name}.mixtura")
    return {name: folder / f"{name}.mixtura" for name in fitted}


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``mixtura`` in a process of its own, after some lines of preparation."""

    def execute(*arguments: Any, before: str = "") -> subprocess.CompletedProcess[str]:
        code = f"{before}\nfrom mixtura.cli import main\nmain()"
        words = [str(argument) for argument in arguments]
        return subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path
        )

    return execute
