"""--labels of mixtura fit, kmeans and assign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from mixtura import GaussianMixture, KMeans, evaluate
from mixtura.cli.labels import read_labels
from mixtura.io.columns import numeric_columns
from mixtura.io.table import Table
from mixtura.io.tables import read_table


@pytest.fixture
def numbered(table: Path) -> Path:
    """Return the table with its groups as numbers, 50 of them missing."""
    frame = pd.read_csv(table)
    frame["group"] = frame["group"].map({"red": "1", "green": "", "blue": "3"})
    path = table.with_name("numbered.csv")
    frame.to_csv(path, index=False)
    return path


def test_a_fit_is_compared_with_its_labels(run: Any, table: Path) -> None:
    without = run("fit", table, "-k", 3, "--drop", "w").stdout.splitlines()
    lines = run("fit", table, "-k", 3, "--drop", "w", "--labels", "group").stdout.splitlines()
    assert lines[:3] == without[:3]
    start = lines.index("against group")
    assert lines[start - 1] == ""
    found = [line.split()[0] for line in lines[start + 1 : start + 5]]
    assert found == ["cluster", "0", "1", "2"]
    assert {line.split()[-1] for line in lines[start + 2 : start + 5]} == {"red", "green", "blue"}
    assert lines[start + 6].split() == ["rows", "150", "with", "a", "label"]
    assert lines[-1].startswith("least certain                  line ")


def test_facts_for_machines(run: Any, table: Path) -> None:
    options = ("--columns", "x,y", "--weights", "w", "--labels", "group", "--json")
    told = json.loads(run("fit", table, "-k", 2, *options).stdout)["labels"]
    source = read_table(table)
    X, weights = numeric_columns(source, ["x", "y"]).X, numeric_columns(source, ["w"]).X[:, 0]
    model = GaussianMixture(2, random_state=0).fit(X, sample_weight=weights)
    resp = model.predict_proba(X)
    expected = evaluate(
        source.columns.column("group").to_pylist(), resp.argmax(axis=1), resp, weights
    )
    assert told["column"] == "group"
    assert told["classes"] == ["blue", "green", "red"]
    assert told["table"] == expected.table.tolist()
    assert told["matched_error"] == expected.matched_error > 0.1
    assert told["matched"] == list(expected.matched)
    assert told["hardest"][0]["row"] == expected.hardest(1)[0] + 1
    assert len(told["hardest"]) == 10


def test_clusters_of_k_means(run: Any, table: Path) -> None:
    options = ("--drop", "w", "--labels", "group")
    told = json.loads(run("kmeans", table, "-k", 3, *options, "--json").stdout)["labels"]
    source = read_table(table)
    assigned = KMeans(3, random_state=0).fit(numeric_columns(source, ["x", "y"]).X).labels_
    expected = evaluate(source.columns.column("group").to_pylist(), assigned)
    assert told["majority_error"] == expected.majority_error
    assert "hardest" not in told
    assert "against group" in run("kmeans", table, "-k", 3, *options).stdout


def test_labels_that_are_numbers_are_not_fitted(run: Any, numbered: Path) -> None:
    for column in ("group", 2):
        options = ("-k", 3, "--drop", "w", "--labels", column, "--json")
        result = json.loads(run("fit", numbered, *options).stdout)
        assert result["columns"] == ["x", "y"]
        told = result["labels"]
        assert (told["rows"], told["rows_without_label"]) == (100, 50)
        assert (told["column"], told["classes"]) == ("group", ["1", "3"])


def test_assigned_rows_are_compared(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    plain = run("assign", model, table)
    both = run("assign", model, table, "--labels", "group")
    assert both.stdout == plain.stdout
    assert both.stderr.startswith("cluster  blue  green  red  rows")
    result = run("assign", model, table, "--labels", "group", "-o", path)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("component ")
    assert lines[lines.index("against group") + 1].startswith("cluster ")
    assert path.read_text() == plain.stdout
    told = json.loads(run("assign", model, table, "--labels", 2, "-o", path, "--json").stdout)
    assert told["labels"]["majority_error"] == 0.0
    assert "labels" not in json.loads(run("assign", model, table, "-o", path, "--json").stdout)


def test_assigned_clusters_are_compared(run: Any, centres: Path, table: Path) -> None:
    found = run("assign", centres, table, "--labels", "group", "-o", table.with_name("out.csv"))
    assert "one-to-one matching            error 0.0000" in found.stdout
    assert "least certain" not in found.stdout


def test_labels_are_no_column_of_a_model_without_names(run: Any, numbered: Path) -> None:
    path = numbered.with_name("plain.mixtura")
    X = numeric_columns(read_table(numbered), ["x", "y"]).X
    GaussianMixture(3, random_state=0).fit(X).save(path)
    table = numbered.with_name("three.csv")
    pd.read_csv(numbered, dtype=str).drop(columns="w").to_csv(table, index=False)
    assert "3 columns of numbers" in run("assign", path, table, code=3).stderr
    assert "cluster   1   3  rows" in run("assign", path, table, "--labels", "group").stderr


@pytest.mark.parametrize("command", ["fit", "kmeans"])
def test_wrong_names(run: Any, table: Path, command: str) -> None:
    def message(*options: Any, code: int) -> str:
        text: str = run(command, table, "-k", 3, *options, code=code).stderr
        return " ".join(text.replace("│", " ").split())

    assert "has no column 'grup'; did you mean 'group'?" in message("--labels", "grup", code=3)
    assert "has no column '5'; its columns are 'x'," in message("--labels", 5, code=3)
    assert "has no column '0'" in message("--labels", 0, code=3)
    shared = message("--labels", 1, "--columns", "x,y", code=2)
    assert "--columns and --labels both name column 'x'" in shared
    shared = message("--labels", "w", "--weights", "w", code=2)
    assert "--weights and --labels both name column 'w'" in shared


def test_labels_that_a_model_was_fitted_to(run: Any, model: Path, table: Path) -> None:
    assert "has no column 'c'" in run("assign", model, table, "--labels", "c", code=3).stderr
    message = run("assign", model, table, "--labels", "x", code=3).stderr
    assert "column 'x' is one that the model was fitted to" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,c,w\n1,a,0\n2,,1\n3,,1\n", "labels holds no label in any row of positive --weights"),
        ("x,c,w\n1,NA,1\n2,,1\n3,,1\n", "labels holds no label in any row of positive --weights"),
        ("x,c,w\n1,a,.2\n2,b,.2\n3,b,.2\n", "--weights sums to 0.6 over the 3 rows with a label"),
    ],
)
def test_labels_are_looked_at_before_the_fit(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    monkeypatch.delattr(GaussianMixture, "fit")
    message = run("fit", path, "-k", 1, "--weights", "w", "--labels", "c", code=3).stderr
    assert f"{path}: {words}" in message


@pytest.mark.parametrize(
    ("cells", "na", "values"),
    [
        (pa.array(["a ", "NA", None, " b"]), (), ["a", None, None, "b"]),
        (pa.array(["1", "-9", "2.50", ""]), ("-9.0",), ["1", None, "2.50", None]),
        (pa.array(["true", "false"]), (), ["true", "false"]),
        (pa.array([1, -9, None]), ("-9",), [1, None, None]),
        (pa.array([1.5, float("nan")]), (), [1.5, None]),
        (pa.array([True, None]), (), [True, None]),
        (pa.array(["NA", "", "null"]), (), [None, None, None]),
        (pa.array(["u", "v", None]).dictionary_encode(), (), ["u", "v", None]),
        (pa.array([0, None], pa.date32()).cast(pa.string()), (), ["1970-01-01", None]),
    ],
)
def test_cells_are_read_as_written(cells: Any, na: tuple[str, ...], values: list[Any]) -> None:
    assert read_labels(Table("t", pa.table({"c": cells}), na=na), "c").values == values


def test_dates_are_labels() -> None:
    days = pa.array([0, None, 1], pa.date32())
    values = read_labels(Table("t", pa.table({"c": days})), "c").values
    assert values == days.to_pylist()


def test_a_column_whose_name_is_a_number_comes_first() -> None:
    columns = pa.table({"2": ["a", "b"], "c": ["d", "e"]})
    assert read_labels(Table("t", columns), "2").column == "2"
    assert read_labels(Table("t", columns), "1").column == "2"
