"""mixtura impute."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import MixtureImputer, load
from mixtura.io.arrow import pa
from mixtura.io.columns import numeric_columns
from mixtura.io.table import Table
from mixtura.io.tables import read_table, write_table


@pytest.fixture
def holes(table: Path, tmp_path: Path) -> Path:
    """Return the table with cells missing: lines 2 (x), 3 (y), 4 (both)."""
    lines = [line.split(",") for line in table.read_text().splitlines()]
    lines[1][0] = lines[2][2] = lines[3][0] = ""
    lines[3][2] = "NA"
    path = tmp_path / "holes.csv"
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    return path


def numbers(path: Path, names: list[str]) -> Any:
    return numeric_columns(read_table(path), names, allow_missing=True).X


def test_a_fit_fills_the_table(run: Any, holes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = run("impute", holes, "-k", 2, "--drop", "w", "-o", out)
    shown = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "filled in 4 of 300 cells (1.3%)" in shown
    assert "no value in 1 row, filled from the others" in shown
    before, after = (list(csv.reader(path.read_text().splitlines())) for path in (holes, out))
    changed = [
        (i, j)
        for i, (old, new) in enumerate(zip(before, after, strict=True))
        for j, (one, other) in enumerate(zip(old, new, strict=True))
        if one != other
    ]
    assert changed == [(1, 0), (2, 2), (3, 0), (3, 2)]
    X = numbers(holes, ["x", "y"])
    expected = MixtureImputer(2, random_state=0).fit_transform(X)
    np.testing.assert_array_equal(numbers(out, ["x", "y"]), expected)


def test_a_model_fills_the_table(run: Any, model: Path, holes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    run("impute", holes, "-m", model, "-o", out, "--std")
    fitted = load(model)
    del fitted.feature_names_in_
    filled, std = fitted.impute(numbers(holes, ["x", "y"]), return_std=True)
    np.testing.assert_array_equal(numbers(out, ["x", "y"]), filled)
    np.testing.assert_allclose(numbers(out, ["x_std", "y_std"]), std)
    assert read_table(out).names == ["x", "group", "y", "w", "x_std", "y_std"]


def test_draws_are_tables(run: Any, model: Path, holes: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out.csv.gz", ["-m", model, "--seed", 7]
    shown = run("impute", holes, *options, "--draws", 2, "-o", out).stdout
    paths = [tmp_path / f"out-{i}.csv.gz" for i in (1, 2)]
    assert f"{paths[0]}, {paths[1]}" in shown
    fitted = load(model)
    del fitted.feature_names_in_
    X = numbers(holes, ["x", "y"])
    for path, drawn in zip(paths, fitted.impute(X, "draw", 2, random_state=7), strict=True):
        np.testing.assert_array_equal(numbers(path, ["x", "y"]), drawn)
    run("impute", holes, *options, "--draws", 1, "-o", out)
    assert len({path.read_bytes() for path in paths}) == 2


def test_facts_for_machines(run: Any, holes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = json.loads(run("impute", holes, "-o", out, "--json", "--quiet").stdout)
    assert (result["rows"], result["missing"], result["empty_rows"]) == (150, 4, 0)
    assert result["outputs"] == [str(out)]
    assert result["used"] == ["x", "y", "w"]
    columns = result["columns"]
    assert {name: each["missing"] for name, each in columns.items()} == {"x": 2, "y": 2}
    X, filled = (numbers(path, ["x", "y"]) for path in (holes, out))
    assert columns["x"]["mean_observed"] == pytest.approx(np.nanmean(X[:, 0]))
    assert columns["y"]["mean_filled"] == pytest.approx(filled[np.isnan(X[:, 1]), 1].mean())
    assert columns["x"]["mean_std"] > 0


def test_the_table_goes_to_standard_output(run: Any, holes: Path) -> None:
    result = run("impute", holes, "--columns", "x,y")
    assert result.stderr == ""
    assert [len(line.split(",")) for line in result.stdout.splitlines()] == [4] * 151


def test_types_are_kept_where_they_can(run: Any, points: Any, tmp_path: Path) -> None:
    n, rng = len(points), np.random.default_rng(0)
    hidden = rng.random((n, 3)) < 0.1
    values = np.column_stack([points, rng.integers(0, 9, n)])
    kinds = (pa.float32(), pa.float64(), pa.int64())
    columns = {
        name: pa.array(values[:, j], from_pandas=True, mask=hidden[:, j]).cast(kind)
        for j, (name, kind) in enumerate(zip(("single", "double", "whole"), kinds, strict=True))
    }
    whole = {"complete": pa.array(np.arange(n), pa.int16()), "text": pa.array(["a"] * n)}
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    write_table(path, Table("in", pa.table({**columns, **whole})))
    run("impute", path, "-o", out)
    before, after = read_table(path).columns, read_table(out).columns
    assert after.schema.types == [*kinds[:2], pa.float64(), pa.int16(), pa.string()]
    for name in columns:
        column = after.column(name).to_numpy()
        assert np.isfinite(column).all()
        there = before.column(name).is_valid().to_numpy()
        np.testing.assert_array_equal(column[there], before.column(name).to_numpy()[there])
    assert after.select(list(whole)) == before.select(list(whole))
    npy = tmp_path / "in.npy"
    np.save(npy, np.where(hidden, np.nan, values))
    run("impute", npy, "-o", tmp_path / "out.npy")
    filled = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(filled[~hidden], values[~hidden])


def test_whole_numbers_are_not_rounded(run: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    large = pa.table({"id": pa.array([2**53 + 1, None, 5]), "x": [1.0, 2.0, 4.0]})
    write_table(path, Table("in", large))
    words = "column 'id' holds missing cells and whole numbers above 2^53"
    assert words in run("impute", path, "-k", 1, "-o", out, code=3).stderr
    run("impute", path, "-k", 1, "--drop", "id", "-o", out)
    assert read_table(out).columns == large


def test_nothing_is_missing(run: Any, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert "filled in   0 of 450 cells (0.0%)" in run("impute", table, "-o", out).stdout
    assert out.read_text() == table.read_text()


def test_usage(run: Any, model: Path, centres: Path, holes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    for options, words in (
        (["-m", model, "-k", 2], "-k is about a fit"),
        (["-m", model, "--columns", "x"], "--columns is about a fit"),
        (["--draws", 2, "--std", "-o", out], "--std goes with best guesses"),
        (["--draws", 2], "several tables cannot go to standard output"),
        (["--json"], "--json and the table cannot go to standard output"),
        (["--columns", "x,y", "--drop", "x"], "both name column 'x'"),
    ):
        message = run("impute", holes, *options, code=2).output
        assert words in " ".join(message.replace("│", " ").split())
    for options, words in (
        (["-o", holes], "is what the command reads; write to another file"),
        (["-m", centres, "-o", out], "holds no mixture of Gaussians"),
        (["--columns", "group"], "column 'group' holds text, not numbers"),
        (["-k", 200], "-k 200 is more than the 150 rows"),
        (["--std", "--columns", "x,y", "--na", "red"], None),
    ):
        result = run("impute", holes, *options, code=0 if words is None else 3)
        assert words is None or words in result.stderr
    assert not out.exists()
    (tmp_path / "holes-1.csv").write_text(holes.read_text())
    numbered = ["impute", tmp_path / "holes-1.csv", "--draws", 1, "-o", holes]
    assert "holes-1.csv is what the command reads" in run(*numbered, code=3).stderr


def test_tiny_tables(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n2,\n")
    assert run("impute", path).stdout.splitlines()[:2] == ["a,b", "1,2"]
    path.write_text("a,b\n1,2\n")
    assert "has 1 row; a fit needs at least 2." in run("impute", path, code=3).stderr


REAL = {
    "penguins": ["--drop", "species,island,sex,year"],
    "airquality": ["--drop", "Month,Day"],
    "pima2_na": ["--drop", "diabetes"],
    "horse_colic": ["--columns", "rectal_temp,pulse,resp_rate,pcv,total_protein"],
    "hcv": ["--drop", "Sex,Category"],
    "mammographic_masses": ["--drop", "Severity,BI-RADS"],
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables_fit_and_fill_as_they_are(
    run: Any, shared_data: Path, tmp_path: Path, name: str
) -> None:
    source, options = shared_data / f"{name}.csv", REAL[name]
    out, model = tmp_path / "out.csv", tmp_path / "m.mixtura"
    fitted = json.loads(run("fit", source, "-k", 2, *options, "-o", model, "--json").stdout)
    assert fitted["missing"]
    assert fitted["converged"]
    assert not fitted["collapsed"] or name == "mammographic_masses"  # whole numbers from 1 to 5
    trace = np.diff(fitted["log_likelihood_per_row_trace"])
    assert (trace > -1e-9).all()
    for source_of_model in (["-m", model], options):
        run("impute", source, *source_of_model, "-o", out)
        used = numeric_columns(read_table(source), fitted["columns"], allow_missing=True).X
        filled = numeric_columns(read_table(out), fitted["columns"]).X
        np.testing.assert_array_equal(filled[~np.isnan(used)], used[~np.isnan(used)])
    run("assign", model, source, "-o", out)
    run("kmeans", source, "-k", 2, *options)


@pytest.mark.parametrize("kind", ["noise", "few", "classes"])
def test_mixtures_of_all_kinds_fill_in(
    run: Any, special: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "holes.csv"
    path.write_text("x,y\n0,8\n8,\n,8\n")
    lines = run("impute", path, "-m", special[kind]).stdout.splitlines()
    x, y = float(lines[3].split(",")[0]), float(lines[2].split(",")[1])
    assert abs(x) < 1.0  # the group at (0, 8), and that at (8, 0)
    assert abs(y) < 1.0
