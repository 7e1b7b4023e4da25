"""mixtura info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

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
