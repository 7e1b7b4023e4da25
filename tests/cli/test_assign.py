"""mixtura assign."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import load
from mixtura.cli.assign import assignment, cluster_sums, group_sums
from mixtura.io.columns import numeric_columns
from mixtura.io.tables import read_table


def test_the_table_goes_to_standard_output(run: Any, model: Path, table: Path) -> None:
    result = run("assign", model, table)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    source = table.read_text().splitlines()
    assert lines[0] == f"{source[0]},component,probability_0,probability_1,probability_2,certainty"
    assert [line.rsplit(",", 5)[0] for line in lines] == source
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    groups = {row["group"]: row["component"] for row in rows}
    assert len(set(groups.values())) == 3
    for row in rows:
        each = [float(row[f"probability_{j}"]) for j in range(3)]
        assert sum(each) == pytest.approx(1.0)
        assert float(row["certainty"]) == max(each) == each[int(row["component"])]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".arrow"])
def test_the_table_goes_to_a_file(
    run: Any, model: Path, table: Path, tmp_path: Path, points: np.ndarray, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    result = run("assign", model, table, "-o", path)
    lines = [line.split() for line in result.stdout.splitlines()]
    rest = ["rows", "share", "mean", "certainty", "rows", "above", "99", "%"]
    assert lines[0] == ["component", *rest]
    assert sorted(line[1] for line in lines[1:]) == ["30", "50", "70"]
    columns = read_table(path).columns
    assert columns.column_names[:4] == ["x", "group", "y", "w"]
    component = columns.column("component").cast("int64").to_numpy()
    fitted = load(model)
    del fitted.feature_names_in_
    np.testing.assert_array_equal(component, fitted.predict(points))


def test_facts_for_machines(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    result = json.loads(run("assign", model, table, "-o", path, "--json").stdout)
    assert result["output"] == str(path)
    assert result["rows"] == sum(result["sizes"]) == 150
    assert all(0.9 < mean <= 1 for mean in result["mean_certainty"])
    assert run("assign", model, table, "--json", code=2).stdout == ""


def test_columns_are_found_by_name(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in table.read_text().splitlines()]
    path = tmp_path / "reordered.csv"
    path.write_text("".join(f"{y},{x}\n" for x, _, y, _ in rows))
    appended = [line.split(",")[2:] for line in run("assign", model, path).stdout.splitlines()]
    expected = [line.split(",")[4:] for line in run("assign", model, table).stdout.splitlines()]
    assert appended == expected
    path.write_text("x\n1\n")
    assert "has no column 'y'" in run("assign", model, path, code=3).stderr


def test_names_that_are_taken(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    run("assign", model, table, "-o", path)
    message = run("assign", model, path, "-o", tmp_path / "again.csv", code=3).stderr
    assert "already has columns called 'component', 'probability_0'" in message
    assert not (tmp_path / "again.csv").exists()


def test_what_is_read_is_not_written_over(run: Any, model: Path, table: Path) -> None:
    content = table.read_bytes()
    (table.parent / "link.csv").symlink_to(table)
    for output in (table, table.parent / "link.csv"):
        message = run("assign", model, table, "-o", output, code=3).stderr
        assert message == f"error: {output} is what the command reads; write to another file.\n"
    assert table.read_bytes() == content
    named = model.rename(model.with_name("model.csv"))
    assert "what the command reads" in run("assign", named, table, "-o", named, code=3).stderr


def test_a_place_that_cannot_be_written(run: Any, model: Path, table: Path) -> None:
    for output, words in (
        ("out", "the ending says no format"),
        ("no/o.csv", "no directory"),
        (table.parent, "a directory"),
    ):
        assert words in run("assign", model, table, "-o", output, code=3).stderr


def test_a_matrix_can_hold_no_text(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    message = run("assign", model, table, "-o", tmp_path / "out.npy", code=3).stderr
    assert "can hold numbers only, which column 'group' is not" in message


def test_an_empty_component_has_no_certainty() -> None:
    columns = assignment(np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0]]))
    assert list(columns) == [
        "component",
        "probability_0",
        "probability_1",
        "probability_2",
        "certainty",
    ]
    facts = group_sums(columns).facts()
    assert facts["sizes"].tolist() == [1, 1, 0]
    assert facts["mean_certainty"] == [0.9, 1.0, None]
    assert facts["rows_above_99_percent"].tolist() == [0, 1, 0]


def test_clusters_of_k_means(
    run: Any, centres: Path, table: Path, tmp_path: Path, points: np.ndarray
) -> None:
    path = tmp_path / "out.csv"
    lines = run("assign", centres, table, "-o", path).stdout.splitlines()
    assert lines[0].split() == [
        "cluster",
        "rows",
        "share",
        "mean",
        "distance",
        "largest",
        "distance",
    ]
    assert sorted(line.split()[1] for line in lines[1:]) == ["30", "50", "70"]
    columns = read_table(path).columns
    assert columns.column_names == ["x", "group", "y", "w", "cluster", "distance_to_center"]
    fitted = load(centres)
    del fitted.feature_names_in_
    labels = columns.column("cluster").cast("int64").to_numpy()
    np.testing.assert_array_equal(labels, fitted.predict(points))
    distances = columns.column("distance_to_center").cast("float64").to_numpy()
    np.testing.assert_allclose(distances, fitted.transform(points).min(axis=1), atol=1e-3)


def test_facts_on_clusters() -> None:
    columns = {"cluster": np.array([1, 1]), "distance_to_center": np.array([1.0, 3.0])}
    facts = cluster_sums(columns, 2).facts()
    assert facts["rows"] == 2
    assert facts["sizes"].tolist() == [0, 2]
    assert facts["mean_distance"] == [None, 2.0]
    assert facts["largest_distance"] == [None, 3.0]


def test_clusters_for_machines_and_people_agree(
    run: Any, centres: Path, table: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    result = json.loads(run("assign", centres, table, "-o", path, "--json").stdout)
    lines = run("assign", centres, table, "-o", path).stdout.splitlines()
    for j, line in enumerate(lines[1:]):
        size, share, *distances = line.split()[1:]
        assert int(size) == result["sizes"][j]
        assert share == f"{int(size) / 150:.1%}"
        expected = [result["mean_distance"][j], result["largest_distance"][j]]
        assert [float(text) for text in distances] == pytest.approx(expected, rel=1e-4)


def test_numbers_too_large_for_distances(run: Any, centres: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("y,x\n1,2\n1,1e200\n")
    message = run("assign", centres, tmp_path / "t.csv", code=3).stderr
    assert f"error: {tmp_path / 't.csv'}: column 'x' holds numbers so large" in message


def test_clusters_of_a_stream(run: Any, stream: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "assigned.parquet"
    run("assign", stream, table, "-o", path)
    found = read_table(path).columns.column("cluster").to_numpy()
    fitted = load(stream)
    del fitted.feature_names_in_
    X = numeric_columns(read_table(table), ["x", "y"]).X
    np.testing.assert_array_equal(found, fitted.predict(X))


def test_rows_that_are_noise(run: Any, special: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "far.csv"
    path.write_text("x,y\n0,0\n900,-900\n")
    lines = run("assign", special["noise"], path).stdout.splitlines()
    each = ",".join(f"probability_{name}" for name in (0, 1, 2, "noise"))
    assert lines[0] == f"x,y,component,{each},certainty"
    assert lines[1].split(",")[2] in "012"
    assert lines[2] == "900,-900,-1,0,0,0,1,1"
    lines = run("assign", special["noise"], path, "-o", tmp_path / "out.csv").stdout.splitlines()
    assert lines[-1].split() == ["noise", "1", "50.0%", "1.0000", "1"]


@pytest.mark.parametrize("kind", ["few", "classes"])
def test_classes_have_their_names(
    run: Any, special: dict[str, Path], table: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "out.csv"
    arguments = ("assign", special[kind], table, "-o", path, "--labels", "group")
    lines = run(*arguments).stdout.splitlines()
    assert lines[0].split()[:2] == ["class", "rows"]
    assert [line.split()[0] for line in lines[1:4]] == ["blue", "green", "red"]
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert list(rows[0])[4:] == [
        *("class", "probability_blue", "probability_green", "probability_red", "certainty")
    ]
    assert sum(row["class"] == row["group"] for row in rows) >= 148
    facts = json.loads(run(*arguments, "--json").stdout)
    assert facts["groups"] == facts["labels"]["clusters"] == ["blue", "green", "red"]
    assert facts["labels"]["matched_error"] <= 2 / 150
