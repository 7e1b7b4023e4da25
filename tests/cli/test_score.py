"""mixtura score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import KMeans, load
from mixtura.io.columns import numeric_columns
from mixtura.io.tables import read_table


def test_scores_for_people(run: Any, model: Path, table: Path) -> None:
    result = run("score", model, table)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == f"table           {table}: 150 rows"
    assert [line.split()[0] for line in lines[1:]] == ["log-likelihood", "BIC", "AIC"]


def test_scores_for_machines(run: Any, model: Path, table: Path) -> None:
    result = json.loads(run("score", model, table, "--json").stdout)
    fitted = load(model)
    del fitted.feature_names_in_
    X = numeric_columns(read_table(table), ["x", "y"]).X
    assert result["rows"] == 150
    assert result["log_likelihood"] == pytest.approx(fitted.score_samples(X).sum())
    assert result["log_likelihood_per_row"] == pytest.approx(fitted.score(X))
    assert result["bic"] == pytest.approx(fitted.bic(X))
    assert result["aic"] == pytest.approx(fitted.aic(X))


def test_the_score_of_every_row(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    result = json.loads(run("score", model, table, "-o", path, "--json").stdout)
    columns = read_table(path).columns
    assert columns.column_names == ["x", "group", "y", "w", "log_density"]
    assert np.sum(columns.column("log_density")) == pytest.approx(result["log_likelihood"])


def test_scores_have_one_way_out(run: Any, model: Path, table: Path) -> None:
    assert "give -o a file" in run("score", model, table, "-o", "-", code=2).stderr
    assert "the ending says no format" in run("score", model, table, "-o", "x", code=3).stderr


def test_what_is_read_is_not_written_over(run: Any, model: Path, table: Path) -> None:
    assert "what the command reads" in run("score", model, table, "-o", table, code=3).stderr
    named = model.rename(model.with_name("model.csv"))
    assert "what the command reads" in run("score", named, table, "-o", named, code=3).stderr


def test_missing_columns(run: Any, model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    message = run("score", model, tmp_path / "t.csv", code=3).stderr
    assert "has no columns 'x', 'y'; its columns are 'a', 'b'." in message


def test_missing_cells(run: Any, model: Path, centres: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "out.csv"
    path.write_text("x,y\n1,2\n-9,3\nNA,3\n")
    run("score", model, path, "--na", "-9", "-o", out)
    found = read_table(out).columns.column("log_density").to_pylist()
    assert found[1] == found[2] != found[0]
    fitted = load(model)
    del fitted.feature_names_in_
    rows = [[1.0, 2.0], [np.nan, 3.0], [np.nan, 3.0]]
    np.testing.assert_allclose([float(cell) for cell in found], fitted.score_samples(rows))
    run("score", centres, path, "--na", "-9", "-o", out)
    distances = read_table(out).columns.column("squared_distance").to_pylist()
    assert distances[1] == distances[2]
    apart = load(centres).cluster_centers_[:, 1] - 3.0  # over the column y alone
    assert float(distances[1]) == pytest.approx((apart**2).min())
    whole = run("score", model, path, "--json").stdout
    assert whole != run("score", model, path, "--json", "--na", "-9.0").stdout


def test_the_inertia_of_k_means(run: Any, centres: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    result = json.loads(run("score", centres, table, "-o", path, "--json").stdout)
    assert result["inertia"] == pytest.approx(load(centres).inertia_)
    assert result["mean_squared_distance"] == result["inertia"] / 150
    columns = read_table(path).columns
    assert columns.column_names == ["x", "group", "y", "w", "squared_distance"]
    assert np.sum(columns.column("squared_distance")) == pytest.approx(result["inertia"])
    lines = run("score", centres, table).stdout.splitlines()
    assert lines[0] == f"table    {table}: 150 rows"
    assert lines[1].startswith(f"inertia  {result['inertia']:.7g}, a mean squared distance of ")
    assert len(lines) == 2


def test_the_inertia_of_a_stream(run: Any, stream: Path, table: Path) -> None:
    result = json.loads(run("score", stream, table, "--json").stdout)
    X = numeric_columns(read_table(table), ["x", "y"]).X
    fitted = load(stream)
    del fitted.feature_names_in_
    assert result["inertia"] == pytest.approx(-fitted.score(X))


def test_weights_are_repeats(
    run: Any, model: Path, centres: Path, table: Path, tmp_path: Path
) -> None:
    head, *lines = table.read_text().splitlines()
    repeated = tmp_path / "repeated.csv"
    repeated.write_text("\n".join([head, *(line for line in lines for _ in range(int(line[-1])))]))
    for path, total in ((model, "log_likelihood"), (centres, "inertia")):
        weighted = json.loads(run("score", path, table, "--weights", "w", "--json").stdout)
        twice = json.loads(run("score", path, repeated, "--json").stdout)
        assert weighted["total_weight"] == twice["rows"] == 225
        for name in twice.keys() - {"table", "rows"}:
            assert weighted[name] == pytest.approx(twice[name])
        assert total in twice


def test_weights_have_no_position(run: Any, tmp_path: Path) -> None:
    path, table = tmp_path / "m.mixtura", tmp_path / "t.csv"
    KMeans(1).fit([[0.0], [2.0]]).save(path)
    table.write_text("w,a\n3,1\n1,3\n")
    result = json.loads(run("score", path, table, "--weights", "w", "--json").stdout)
    assert (result["inertia"], result["mean_squared_distance"]) == (4.0, 1.0)
    assert "has no column 'v'" in run("score", path, table, "--weights", "v", code=3).stderr


@pytest.mark.parametrize("kind", ["noise", "few", "classes"])
def test_mixtures_of_all_kinds(
    run: Any, special: dict[str, Path], table: Path, points: np.ndarray, kind: str
) -> None:
    result = json.loads(run("score", special[kind], table, "--json").stdout)
    fitted = load(special[kind])
    del fitted.feature_names_in_
    X = numeric_columns(read_table(table), ["x", "y"]).X
    if kind == "noise":
        expected = fitted.score_samples(X)
        assert result["bic"] == pytest.approx(fitted.bic(X))
    elif kind == "few":
        expected = fitted.mixture_.log_prob(X)
    else:
        each = [model.score_samples(X) for model in fitted.models_]
        expected = np.logaddexp.reduce(np.log(fitted.priors_)[:, None] + each)
    assert result["log_likelihood"] == pytest.approx(expected.sum())
