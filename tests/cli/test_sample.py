"""mixtura sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, load
from mixtura.io.columns import numeric_columns
from mixtura.io.tables import read_table


def test_rows_go_to_standard_output(run: Any, model: Path) -> None:
    lines = run("sample", model, "-n", 7).stdout.splitlines()
    assert lines[0] == "x,y,component"
    assert len(lines) == 8
    assert run("sample", model, "-n", 7, "--seed", 0).stdout.splitlines() == lines
    assert run("sample", model, "-n", 7, "--seed", 1).stdout.splitlines() != lines


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_rows_go_to_a_file(run: Any, model: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"new{ending}"
    assert run("sample", model, "-n", 4000, "-o", path).stdout == ""
    numeric = numeric_columns(read_table(path))
    assert numeric.names == ["x", "y", "component"]
    fitted = load(model)
    component = numeric.X[:, 2].astype(int)
    shares = np.bincount(component) / 4000
    np.testing.assert_allclose(shares, fitted.weights_, atol=0.03)
    for j, mean in enumerate(fitted.means_):
        np.testing.assert_allclose(numeric.X[component == j, :2].mean(axis=0), mean, atol=0.2)


def test_a_model_without_names(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], "spherical").save(path)
    assert run("sample", path, "-n", 1).stdout.startswith("x0,x1,component\n")


def test_a_model_with_a_column_called_component(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], "spherical")
    model.feature_names_in_ = np.asarray(["component"], dtype=object)
    model.save(path)
    assert (
        "already has a column called 'component'; rename or remove it"
        in run("sample", path, code=3).stderr
    )


def test_the_model_is_not_written_over(run: Any, model: Path) -> None:
    named = model.rename(model.with_name("model.csv"))
    content = named.read_bytes()
    assert "what the command reads" in run("sample", named, "-o", named, code=3).stderr
    assert named.read_bytes() == content


def test_options_out_of_range(run: Any, model: Path) -> None:
    run("sample", model, "-n", 0, code=2)
    run("sample", model, "--seed", -1, code=2)
    assert "the ending says no format" in run("sample", model, "-o", "x", code=3).stderr


def test_a_k_means_model_has_no_rows_to_draw(run: Any, centres: Path, tmp_path: Path) -> None:
    result = run("sample", centres, "-o", tmp_path / "new.csv", code=3)
    assert result.stderr.startswith(f"error: {centres}: holds k-means centres, which do not say ")
    assert "mixtura fit" in result.stderr
    assert "as_mixture" in result.stderr
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.parametrize("kind", ["few", "classes"])
def test_rows_of_classes(run: Any, special: dict[str, Path], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "new.csv"
    run("sample", special[kind], "-n", 600, "-o", path)
    drawn = read_table(path)
    assert drawn.names == ["x", "y", "class"]
    fitted = load(special[kind])
    del fitted.feature_names_in_
    found = fitted.predict(numeric_columns(drawn, ["x", "y"]).X)
    labels = np.array(drawn.columns.column("class").to_pylist())
    assert set(labels) == {"red", "green", "blue"}
    assert (labels == found).mean() > 0.98


def test_noise_is_not_drawn(run: Any, special: dict[str, Path]) -> None:
    result = run("sample", special["noise"], "-n", 50)
    lines = result.stdout.splitlines()
    assert lines[0] == "x,y,component"
    assert {line.split(",")[2] for line in lines[1:]} == {"0", "1", "2"}
    assert "no row is noise" in result.stderr
