"""mixtura kmeans."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import KMeans, Status, load
from mixtura.cli import kmeans as command
from mixtura.cli.progress import CentresWatch
from mixtura.io.columns import numeric_columns
from mixtura.io.tables import read_table


def test_clusters_for_people(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    lines = run("kmeans", table, "-k", 3, "--drop", "w", "-o", path).stdout.splitlines()
    model = load(path)
    assert lines[0] == f"table      {table}: 150 rows"
    assert lines[1] == "columns    x, y"
    assert lines[2] == "model      k-means, 3 clusters"
    assert lines[3].startswith("status     Converged")
    assert f"({model.n_iter_} iteration" in lines[3]
    assert lines[4].startswith(f"inertia    {model.inertia_:.7g}, a mean squared distance of ")
    assert lines[5].endswith(" of the variance of the rows")
    assert lines[7].split() == ["center", *["cluster", "0", "cluster", "1", "cluster", "2"]]
    assert sorted(lines[8].split()[1:]) == ["30", "50", "70"]
    assert sorted(lines[9].split()[1:]) == ["0.2000", "0.3333", "0.4667"]
    assert [line.split()[0] for line in lines[10:12]] == ["x", "y"]
    assert lines[-1].startswith(f"model written to {path}; ")


def test_clusters_for_machines(run: Any, table: Path) -> None:
    result = json.loads(run("kmeans", table, "-k", 3, "--columns", "x,y", "--json").stdout)
    X = numeric_columns(read_table(table), ["x", "y"]).X
    model = KMeans(3, random_state=0).fit(X)
    assert result["clusters"] == 3
    assert result["centers"] == model.cluster_centers_.tolist()
    assert result["inertia"] == model.inertia_ == 150 * result["mean_squared_distance"]
    assert result["explained"] == pytest.approx(1 - model.inertia_ / (150 * X.var(axis=0).sum()))
    assert result["sizes"] == np.bincount(model.labels_).tolist()
    assert result["weights"] == [size / 150 for size in result["sizes"]]
    assert (result["converged"], result["iterations"]) == (True, model.n_iter_)
    assert (result["seed"], result["model"]) == (0, None)


def test_settings_reach_the_model(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    options = {
        "--seed": 5,
        "--n-init": 2,
        "--init": "k-means-parallel",
        "--algorithm": "lloyd",
        "--max-iter": 70,
        "--tol": 1e-5,
        "--engine": "numpy",
        "--threads": 1,
    }
    words = [word for option in options.items() for word in option]
    run("kmeans", table, "--columns", "x,y", "--clusters", 2, "--output", path, *words)
    settings = load(path).get_params()
    expected = {
        "n_clusters": 2,
        "random_state": 5,
        "n_init": 2,
        "init": "k-means||",
        "algorithm": "lloyd",
        "max_iter": 70,
        "tol": 1e-5,
        "engine": "numpy",
        "n_jobs": 1,
    }
    assert {name: settings[name] for name in expected} == expected
    run("kmeans", table, "--columns", "x,y", "-k", 2, "-o", path)
    settings = load(path).get_params()
    assert settings == KMeans(2, random_state=0).get_params()


def test_weights_count_rows(run: Any, table: Path) -> None:
    result = json.loads(run("kmeans", table, "-k", 3, "--weights", "w", "--json").stdout)
    numeric = numeric_columns(read_table(table), ["x", "y", "w"]).X
    X = np.repeat(numeric[:, :2], numeric[:, 2].astype(int), axis=0)
    model = KMeans(3, random_state=0).fit(X)
    assert result["inertia"] == pytest.approx(model.inertia_)
    assert result["explained"] == pytest.approx(1 - model.inertia_ / (225 * X.var(axis=0).sum()))
    assert sum(result["sizes"]) == 150
    shares = np.bincount(model.labels_) / 225
    assert sorted(result["weights"]) == pytest.approx(sorted(shares))


def test_a_fit_that_has_not_converged_warns_and_succeeds(run: Any, table: Path) -> None:
    arguments = ("kmeans", table, "--columns", "x,y", "-k", 9, "--max-iter", 1, "--tol", 0)
    result = run(*arguments)
    assert result.stderr == (
        "warning: Stopped at --max-iter before the fit settled. Raise --max-iter, or raise --tol "
        "if this is close enough.\n"
    )
    assert "status     Stopped at --max-iter" in result.stdout
    assert run(*arguments, "--quiet").stderr == ""


def test_one_column_that_decides(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,big\n1,100\n2,300\n1,200\n")
    assert run("kmeans", path, "-k", 2).stderr == (
        "column 'big' has 100 % of the variance of all columns, so that it decides most of the "
        "distances; put the columns into like units, or use mixtura fit, which does not depend on "
        "units\n"
    )
    assert run("kmeans", path, "-k", 2, "--drop", "a").stderr == ""


def test_rows_that_are_all_the_same(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n1,2\n")
    result = run("kmeans", path, "-k", 2)
    assert result.stderr.startswith("warning: Only 1 of 2 clusters hold rows")
    assert "explained" not in result.stdout
    assert json.loads(run("kmeans", path, "-k", 1, "--json").stdout)["explained"] is None


def test_a_large_model_prints_its_sizes(run: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.random.default_rng(0).normal(size=(20, 201)))
    lines = run("kmeans", tmp_path / "wide.npy", "-k", 1).stdout.splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["cluster", "rows", "weight"],
        ["0", "20", "1.0000"],
    ]


def test_options_that_contradict_each_other(run: Any, table: Path) -> None:
    options = ("--algorithm", "exponion", "--engine", "numpy")
    message = run("kmeans", table, "--columns", "x,y", "-k", 2, *options, code=3).stderr
    assert "--engine 'numpy' cannot run --algorithm 'exponion'" in message


@pytest.mark.parametrize(
    "options",
    [
        ["-k", 0],
        ["-k", 2, "--init", "k-means"],
        ["-k", 2, "--algorithm", "fast"],
        ["-k", 2, "--tol", "inf"],
        ["-k", 2, "--tol", "-1"],
        ["-k", 2, "--n-init", 0],
    ],
)
def test_options_out_of_range(run: Any, table: Path, options: list[Any]) -> None:
    message = run("kmeans", table, *options, code=2).stderr
    assert "Usage" in message
    assert "Value error" not in message


@pytest.mark.parametrize("option", [("--init", "k-means||"), ("--algorithm", "elkan")])
def test_names_from_python_are_known(
    run: Any, table: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    path = tmp_path / "m.mixtura"
    run("kmeans", table, "--columns", "x,y", "-k", 2, "-o", path, *option)
    assert load(path).get_params()[option[0].strip("-")] == option[1]


def pressing(monkeypatch: pytest.MonkeyPatch, restart: int, times: int) -> None:
    """Press Ctrl-C in the second iteration of a start."""
    take = CentresWatch.take

    def press(self: CentresWatch, step: Any) -> None:
        take(self, step)
        if (step.restart, step.iteration) == (restart, 2):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(CentresWatch, "take", press)


SLOW = ("-k", 20, "--columns", "x,y", "--tol", 0, "--init", "random", "--max-iter", 3)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_keeps_the_best_of_the_starts(
    run: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    pressing(monkeypatch, restart=1, times=times)
    path = tmp_path / "m.mixtura"
    result = run("kmeans", table, *SLOW, "-o", path, code=130)
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == (
        f"interrupted after 5 iterations; the best model so far is in {path}"
    )
    model = load(path)
    X = numeric_columns(read_table(table), ["x", "y"]).X
    del model.feature_names_in_
    assert model.inertia_ == pytest.approx(-model.score(X))
    first = KMeans(20, init="random", n_init=1, max_iter=3, tol=0, random_state=0).fit(X)
    assert model.inertia_ <= first.inertia_
    assert (model.status_ is Status.CALLBACK) or model.n_iter_ == 3


def test_the_best_step_makes_the_model(table: Path) -> None:
    source = read_table(table)
    rows = command.Rows(source, numeric_columns(source, ["x", "y"]), None)
    X = rows.numeric.X
    steps: dict[int, Any] = {}
    model = KMeans(4, init="random", n_init=5, max_iter=1, random_state=0)
    model.set_params(callback=lambda step: steps.update({step.restart: step}))
    best = command.rebuilt(rows, model.fit(X), steps)
    inertias = {
        restart: -KMeans(4, init=step.centers, max_iter=1).fit(step.centers).score(X)
        for restart, step in steps.items()
    }
    winner = min(inertias, key=inertias.__getitem__)
    assert len(set(inertias.values())) > 1
    assert best.inertia_ == inertias[winner]
    np.testing.assert_array_equal(best.cluster_centers_, steps[winner].centers)
    assert best.status_ is Status.CALLBACK


def test_ctrl_c_with_nothing_to_keep(
    run: Any, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch, restart=0, times=1)
    result = run("kmeans", table, *SLOW, code=130)
    assert result.stderr.splitlines()[-1] == "interrupted; nothing was written"
