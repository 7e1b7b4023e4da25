"""mixtura info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, load
from mixtura._version import __version__


def test_info_for_people(run: Any, model: Path) -> None:
    lines = run("info", model).stdout.splitlines()
    assert lines[0] == f"file        {model}, written by mixtura {__version__} (schema 1)"
    assert lines[1] == "model       3 components, full covariances, 17 parameters"
    assert lines[2] == "columns     x, y"
    assert lines[3].startswith("status      Converged")
    iterations = load(model).n_iter_
    assert lines[4].startswith(f"iterations  {iterations}, log-likelihood trace of {iterations} ")
    assert "max_iter=1000" in lines[5]
    assert "None" not in lines[5]
    assert lines[-1].startswith("y ")


def test_info_for_machines(run: Any, model: Path) -> None:
    result = json.loads(run("info", model, "--json").stdout)
    fitted = load(model)
    assert result["model"] == str(model)
    assert result["schema"] == 1
    assert result["kind"] == "GaussianMixture"
    assert result["library_version"] == __version__
    assert result["settings"]["random_state"] == 0
    assert result["columns"] == ["x", "y"]
    assert result["n_parameters"] == 17
    np.testing.assert_allclose(result["covariances"], fitted.covariances_)
    np.testing.assert_allclose(result["means"], fitted.means_)
    np.testing.assert_allclose(result["weights"], fitted.weights_)
    assert result["collapsed"] == []
    assert result["log_likelihood_per_row_trace"] == list(fitted.lower_bounds_)


def test_a_model_that_was_not_fitted(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    GaussianMixture.from_parameters([1.0], [[0.0, 1.0]], [4.0], "spherical").save(path)
    lines = run("info", path).stdout.splitlines()
    assert lines[2] == "columns     2, without names"
    assert json.loads(run("info", path, "--json").stdout)["columns"] is None


def test_what_is_no_model(run: Any, table: Path, model: Path) -> None:
    message = run("info", table, code=3).stderr
    assert "this is not a mixtura model file; name a file that mixtura wrote." in message
    model.write_bytes(model.read_bytes()[:-1])
    assert "damaged or cut short" in run("info", model, code=3).stderr


def test_a_k_means_model(run: Any, centres: Path) -> None:
    lines = run("info", centres).stdout.splitlines()
    fitted = load(centres)
    assert lines[1] == "model       k-means, 3 clusters"
    assert lines[2] == "columns     x, y"
    assert lines[3].startswith("status      Converged")
    assert lines[4] == f"iterations  {fitted.n_iter_}"
    assert lines[5] == f"inertia     {fitted.inertia_:.7g}"
    assert "n_clusters=3" in lines[6]
    assert [line.split()[0] for line in lines[8:]] == ["center", "x", "y"]
    result = json.loads(run("info", centres, "--json").stdout)
    assert result["kind"] == "KMeans"
    assert result["settings"]["random_state"] == 0
    np.testing.assert_array_equal(result["centers"], fitted.cluster_centers_)


def test_a_stream_of_chunks(run: Any, stream: Path) -> None:
    lines = run("info", stream).stdout.splitlines()
    fitted = load(stream)
    assert lines[1:4] == [
        "model     k-means, 3 clusters",
        "columns   x, y",
        f"steps     {fitted.n_steps_}",
    ]
    result = json.loads(run("info", stream, "--json").stdout)
    assert result["kind"] == "MiniBatchKMeans"
    assert result["steps"] == fitted.n_steps_
    assert "status" not in result
    np.testing.assert_array_equal(result["centers"], fitted.cluster_centers_)


def test_a_model_with_noise(run: Any, special: dict[str, Path]) -> None:
    lines = run("info", special["noise"]).stdout.splitlines()
    fitted = load(special["noise"])
    assert lines[1] == "model       3 components, full covariances, 19 parameters"
    assert lines[4].startswith(f"noise       {fitted.noise_weight_:.1%} of the rows; the ")
    assert lines[5] == f"iterations  {fitted.n_iter_}"
    headers, weights = lines[8].split(), lines[9].split()
    assert headers[-1] == "noise"
    assert sum(map(float, weights[1:])) == pytest.approx(1.0, abs=2e-4)
    result = json.loads(run("info", special["noise"], "--json").stdout)
    assert result["noise_weight"] == fitted.noise_weight_
    assert result["log_volume"] == fitted.log_volume_
    np.testing.assert_allclose(result["weights"], fitted.weights_)


@pytest.mark.parametrize(("kind", "each"), [("few", 1), ("classes", 2)])
def test_models_of_classes(run: Any, special: dict[str, Path], kind: str, each: int) -> None:
    lines = run("info", special[kind]).stdout.splitlines()
    told = {line.split()[0]: line for line in lines if line}
    assert told["classes"].startswith("classes     blue (4")
    assert told["class"].split()[1:] == np.repeat(["blue", "green", "red"], each).tolist()
    result = json.loads(run("info", special[kind], "--json").stdout)
    assert result["classes"] == ["blue", "green", "red"]
    assert result["components"] == len(result["component_classes"]) == 3 * each
    assert sum(result["class_weights"]) == pytest.approx(1.0)
    assert result["converged"] is True
    assert "log_likelihood_per_row_trace" not in result
