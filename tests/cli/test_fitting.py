"""What fit and kmeans have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mixtura import load
from mixtura.cli.fitting import missing_line

COMMANDS = ("fit", "kmeans")


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    """Return each command that fits a model."""
    return str(request.param)


def test_columns_are_chosen(run: Any, command: str, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    result = json.loads(
        run(command, table, "-k", 2, "--columns", "y,x", "-o", path, "--json").stdout
    )
    assert result["columns"] == list(load(path).feature_names_in_) == ["y", "x"]
    assert result["model"] == str(path)
    assert load(path).callback is None
    left = run(command, table, "-k", 2, "--drop", "w", "--json")
    assert json.loads(left.stdout)["columns"] == ["x", "y"]
    assert left.stderr == (
        "left out, not numbers: group (text); --columns and --drop choose columns\n"
    )
    assert run(command, table, "-k", 2, "--drop", "w", "--json", "--quiet").stderr == ""


def test_the_weight_is_no_column(run: Any, command: str, table: Path) -> None:
    result = json.loads(run(command, table, "-k", 2, "--weights", "w", "--json").stdout)
    assert result["columns"] == ["x", "y"]
    assert (result["rows"], result["total_weight"]) == (150, 225)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", [], "is empty; a table needs a header line and rows."),
        ("a,b\n", [], "has a header but no rows."),
        ("a,a\n1,2\n", [], "several columns called 'a' (columns 1, 2)"),
        ("a,b\n1,2\n3\n", [], "line 3 has 1 cell where the first line has 2"),
        ("a,b\nx,1\ny,2\n", ["--columns", "a"], "column 'a' holds text, not numbers"),
        ("a,b\n1,1\n2,1\nx,2\n", [], "column 'a' holds 'x' on line 4, which is not a number"),
        ("a,w\n1,\n2,3\n", ["--weights", "w"], "which cannot be used here: 'w' (1, first on"),
        ("a,b\n1,\n2,\n", ["--columns", "a,b"], "column 'b' has no values; choose columns of"),
        ("a,b\n1,2\n", ["--columns", "c"], "has no column 'c'; its columns are 'a', 'b'."),
        ("a,b\n1,2\n", ["--weights", "c"], "has no column 'c'"),
        ("a,b\n1,2\n3,4\n", ["-k", "5"], "t.csv: -k 5 is more than the 2 rows"),
        ("a,b\n1,1e200\n3,4\n", [], "t.csv: column 'b' holds numbers so large"),
        ("a,b\n1,4\n3,-2\n", ["--weights", "b"], "weight in column 'b' is -2 on line 3; weights"),
        ("a,b\n1,0\n3,0\n", ["--weights", "b"], "all weights in column 'b' are 0"),
        ("a,b\n1,2\n3,4\n", ["-o", "no/m.mixtura"], "there is no directory no."),
        ("a,b\n1,2\n3,4\n", ["-o", "-"], "a model cannot go to standard output; name a file"),
        ("a,b\n1,2\n3,4\n", ["-o", "t.csv"], "t.csv is what the command reads; write to another"),
        ("a,b\n1,2\n3,4\n", ["-o", "m.csv"], "name of a table, and a model is none; name a file"),
        ("a,b\n1,2\n3,4\n", ["-o", "m.Parquet"], "such as m.mixtura."),
        ("a,b\n1,2\n3,4\n", ["-o", "."], "is a directory; name a file inside it."),
    ],
)
def test_input_that_cannot_be_used(
    run: Any,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(content)
    result = run(command, "t.csv", "-k", 1, *options, code=3)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("content", "options", "names", "them"),
    [
        (
            "a,component,probability_0,certainty\n1,0,.1,.9\n2,1,.2,.8\n",
            [],
            "columns 'component', 'probability_0', 'certainty' have names",
            "--drop component,probability_0,certainty leaves them out",
        ),
        (
            "a,cluster\n1,0\n2,1\n",
            [],
            "column 'cluster' has a name",
            "--drop cluster leaves it out",
        ),
        ("a,component\n1,0\n2,1\n", ["--columns", "a,component"], None, None),
        ("a,distance_to_center\n1,0\n2,1\n", ["--drop", "distance_to_center"], None, None),
    ],
)
def test_notes_on_columns_that_mixtura_made(
    run: Any,
    command: str,
    tmp_path: Path,
    content: str,
    options: list[str],
    names: str | None,
    them: str | None,
) -> None:
    (tmp_path / "t.csv").write_text(content)
    notes = run(command, tmp_path / "t.csv", "-k", 1, *options).stderr
    if names is None:
        assert "mixtura gives" not in notes
    else:
        assert f"{names} that mixtura gives to its results" in notes
        assert them in notes


def test_missing_cells_are_counted(run: Any, command: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n1,2,,x\n2,NA,,x\n3,4,,x\n4,.,,x\n5,99.0,,x\n7,1,,x\n")
    options = ["-k", 1, "--na", ".", "--na", "99"]
    result = json.loads(run(command, path, *options, "--json").stdout)
    assert result["missing"] == {"b": 3}
    assert result["left_out"] == {"c": "empty", "d": "text"}
    shown = run(command, path, *options).stdout
    assert "3 of 12 cells (25.0%): b 3" in shown
    assert "missing  " not in run(command, path, "-k", 1, "--drop", "b").stdout
    assert "holds '.' on line 5" in run(command, path, "-k", 1, "--na", "99", code=3).stderr


def test_many_columns_with_missing_cells() -> None:
    missing = {f"x{j}": j + 1 for j in range(12)}
    line = missing_line({"missing": missing, "rows": 20, "columns": list(missing)})["missing"]
    assert line.startswith("78 of 240 cells (32.5%): x11 12, x10 11")
    assert line.endswith("x2 3 and 2 more columns")


# --- checkpoints ---

PRESS = """
import os, signal
from mixtura.cli import progress
call = progress.Watch.__call__
def press(self, step):
    result = call(self, step)
    if self.iterations == 3: os.kill(os.getpid(), signal.SIGINT)
    return result
progress.Watch.__call__ = press
"""
KEPT = ("--checkpoint", "c", "--checkpoint-every", "0s")
LONG = ("-k", 4, "--drop", "w", "--tol", 0, "--init", "random", "--max-iter", 40)


@pytest.mark.parametrize("options", [(), ("-o", "early.mixtura")])
def test_a_command_goes_on_after_ctrl_c(
    program: Any, command: str, table: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stopped = program(command, table, *LONG, *KEPT, *options, before=PRESS)
    assert stopped.returncode == 130
    last = stopped.stderr.splitlines()[-1]
    assert last.startswith("interrupted")
    assert last.endswith("; the same command goes on from the checkpoint c")
    assert (tmp_path / "early.mixtura").exists() == bool(options)
    resumed = program(command, table, *LONG, *KEPT, "-o", "m.mixtura")
    assert "going on from c: starts that have ended: 0, under way: 1" in resumed.stderr
    assert not (tmp_path / "c").exists()
    program(command, table, *LONG, "-o", "whole.mixtura")
    assert (tmp_path / "m.mixtura").read_bytes() == (tmp_path / "whole.mixtura").read_bytes()


def test_checkpoints_that_cannot_be(
    run: Any, program: Any, command: str, table: Path, tmp_path: Path
) -> None:
    assert program(command, table, *LONG, *KEPT, before=PRESS).returncode == 130
    kept, missing = tmp_path / "c", tmp_path / "no.csv"
    other = run(command, missing, "-k", 2, "--checkpoint", kept, code=3).stderr
    assert "the checkpoint is of a fit with other settings: " in other
    assert "-k is 4 there and 2 here" in other
    wrong = run(command, missing, *LONG, "--checkpoint", table, code=3).stderr
    assert "this file is no checkpoint of mixtura" in wrong
    for options, words in (
        (("--checkpoint-every", "5s"), "it needs --checkpoint"),
        (("--checkpoint", kept, "--checkpoint-every", "5 days"), "--checkpoint-every"),
        (("--checkpoint", kept, "-o", kept), "name the same file"),
    ):
        code = 3 if "5 days" in options else 2
        assert words in run(command, missing, *LONG, *options, code=code).stderr
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-1]))
    fewer = run(command, table, *LONG, "--checkpoint", kept, code=3).stderr
    assert "is of a fit of other data: rows: 150 there and 149 here" in fewer


def test_a_search_has_no_checkpoint(run: Any, table: Path, tmp_path: Path) -> None:
    result = run("fit", table, "--checkpoint", tmp_path / "c", code=2)
    assert "--checkpoint needs a number of components" in result.stderr
