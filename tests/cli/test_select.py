"""mixtura select."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import load
from mixtura.cli import models

SMALL = ("--drop", "w", "--max-k", 4, "--structures", "EII,VVI,VVV")
COLLAPSING = "x,y\n" + "0,0\n0,1\n1,0\n1,1\n" * 10


def test_a_search_for_people(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    result = run("select", table, *SMALL, "-o", path)
    assert result.stderr == (
        "left out, not numbers: group (text); --columns and --drop choose columns\n"
    )
    lines = result.stdout.splitlines()
    names = [line[:16].strip() for line in lines[:8]]
    expected = ["table", "columns", "searched", "chosen", "structure"]
    assert names == [*expected, "log-likelihood", "BIC", "AIC"]
    assert lines[2].startswith("searched        12 models in ")
    assert lines[3] == (
        "chosen          3 components, EII covariances, 9 parameters: the least BIC"
    )
    assert lines[4] == "structure       spheres, equal volume"
    assert lines[9].split() == ["BIC", "EII", "VVI", "VVV"]
    rows = [line.split() for line in lines[10:14]]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [cell for row in rows for cell in row if cell.endswith("*")] == [rows[2][1]]
    assert lines[15] == "* least BIC"
    assert lines[17].split()[:4] == ["mean", "±", "sd", "component"]
    assert lines[-1].startswith(f"model written to {path}; ")
    model = load(path)
    assert (model.n_components, model.covariance_type) == (3, "EII")
    assert list(model.feature_names_in_) == ["x", "y"]
    assert model.callback is None


def test_a_search_for_machines(run: Any, table: Path) -> None:
    result = json.loads(run("select", table, *SMALL, "--criterion", "icl", "--json").stdout)
    assert result["criterion"] == "icl"
    assert (result["components"], result["covariance_type"]) == (3, "EII")
    assert len(result["models"]) == 12
    chosen = min(result["models"], key=lambda row: row["icl"])
    assert (chosen["n_components"], chosen["covariance_type"]) == (3, "EII")
    assert chosen["status"] == "CONVERGED"
    assert result["bic"] == pytest.approx(chosen["bic"], abs=0.01)
    assert result["model"] is None
    assert result["seed"] == 0


def test_models_that_are_nearly_as_good(run: Any, table: Path) -> None:
    result = json.loads(run("select", table, *SMALL[:4], "--json").stdout)
    near = [(row["covariance_type"], row["n_components"]) for row in result["near_best"]]
    values = {(r["covariance_type"], r["n_components"]): r["bic"] for r in result["models"]}
    best = min(values.values())
    assert 0 < len(near) < len(values)
    assert sorted(near) == sorted(key for key, bic in values.items() if best < bic <= best + 6)
    text = run("select", table, *SMALL[:4]).stdout
    assert "\n* least BIC   + at most 6 more" in text
    assert text.count("+ ") >= len(near)
    shown = next(line for line in text.splitlines() if line.startswith("nearly as good"))
    assert shown.split()[3:5] == [near[0][0], str(near[0][1])]


def test_collapsed_models_are_explained(run: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(COLLAPSING)
    arguments = ("select", tmp_path / "t.csv", "--max-k", 4, "--structures", "VVV")
    lines = run(*arguments).stdout.splitlines()
    assert [line.split() for line in lines if line[:2] in ("1 ", "2 ", "4 ")][1:] == [
        ["2", "-"],
        ["4", "-"],
    ]
    assert "* least BIC   - no fit without a collapsed component" in lines
    assert "- no fit" not in run(*arguments, "--prior").stdout
    assert "could be fitted without a component that collapses" in (
        run(*arguments, "--min-k", 4, code=3).stderr
    )


def test_the_table_fits_into_a_terminal(
    run: Any, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "width", lambda: 80)
    text = run("select", table, "--drop", "w", "--max-k", 2).stdout
    blocks = [line.split()[1:] for line in text.splitlines() if line.startswith("BIC   ")]
    assert [len(block) for block in blocks if block[0].isalpha()] == [7, 7]
    start = text.index("\nBIC    ", text.index("AIC"))
    assert max(map(len, text[start:].splitlines())) <= 80


def test_settings_reach_the_search(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    options = ("--structures", "full, EEE", "--min-k", 2, "--max-k", 3, "--prior", "--seed", 5)
    arguments = (*options, "--threads", 1, "--weights", "w", "--labels", "group", "-o", path)
    result = json.loads(run("select", table, "--columns", "x,y", *arguments, "--json").stdout)
    found = [(row["covariance_type"], row["n_components"]) for row in result["models"]]
    assert found == [("full", 2), ("full", 3), ("EEE", 2), ("EEE", 3)]
    assert result["total_weight"] == 225
    assert result["labels"]["majority_error"] < 0.01
    model = load(path)
    assert (model.prior, model.random_state) == ("conjugate", 5)
    assert json.loads(run("info", path, "--json").stdout)["covariance_type"] == "EEE"


def test_no_more_components_than_rows(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,w\n1,1\n2,1\n4,1\n9,0\n")
    result = json.loads(run("select", path, "--weights", "w", "--json").stdout)
    assert {row["n_components"] for row in result["models"]} == {1, 2, 3}
    assert {row["covariance_type"] for row in result["models"]} == {"E", "V"}
    message = run("select", path, "--weights", "w", "--min-k", 4, code=3).stderr
    assert message.endswith("t.csv has 3 rows that count; --min-k 4 needs at least 4.\n")
    path.write_text("a\n1\n")
    message = run("select", path, code=3).stderr
    assert message.endswith("t.csv has 1 row that counts; a search needs at least 2.\n")
    path.write_text("a,b\n1,2\n,\n")  # a row without a cell does not count
    assert "1 row that counts" in run("select", path, code=3).stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--min-k", 3, "--max-k", 2), "it is more than --max-k 2."),
        (("--structures", "VVV,round"), "'round' is not one of full, tied,"),
        (("--structures", "all,EII"), "--structures: 'all' stands alone: give 'all', or names"),
        (("--structures", ""), "--structures: it names no structure"),
        (("--criterion", "nec", "--min-k", 2), "--min-k must be 1."),
        (("--criterion", "best"), "'best' is not one of"),
        (("--max-k", 0), "greater than or equal to 1"),
    ],
)
def test_wrong_options_are_named(
    run: Any, table: Path, options: tuple[Any, ...], words: str
) -> None:
    message = run("select", table, *options, code=2).stderr
    assert words in " ".join(message.replace("│", " ").split())


def test_errors_speak_of_options(run: Any, table: Path, tmp_path: Path) -> None:
    message = run("select", table, "--structures", "E,VVV", code=3).stderr
    assert "table.csv: --structures: 'E' is for one column; with 3 columns" in message
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    message = run("select", tmp_path / "t.csv", "--criterion", "aicc", code=3).stderr
    assert "Use fewer components, other --structures or --criterion 'bic'." in message
    message = run("select", tmp_path / "t.csv", "--min-k", 3, code=3).stderr
    assert message.endswith("use fewer components, or --prior.\n")


def test_a_structure_with_two_names_is_listed_once(run: Any, table: Path) -> None:
    options = ("--structures", "full,VVV", "--max-k", 2, "--json")
    found = json.loads(run("select", table, *options).stdout)
    assert [row["covariance_type"] for row in found["models"]] == ["full", "full"]


@pytest.mark.parametrize(
    ("criterion", "title"),
    [("aicc", "AICc"), ("icl", "ICL"), ("sabic", "SABIC"), ("nec", "NEC"), ("aic", "AIC")],
)
def test_the_value_of_the_criterion_is_printed(
    run: Any, table: Path, criterion: str, title: str
) -> None:
    arguments = ("select", table, *SMALL, "--criterion", criterion)
    found = json.loads(run(*arguments, "--json").stdout)
    value = min(row[criterion] for row in found["models"])
    assert found[criterion] == value
    shown = f"{value:.3g}" if criterion == "nec" else f"{value:,.2f}"
    lines = [line.split() for line in run(*arguments).stdout.splitlines()]
    assert [title, shown] in lines
    assert [title, "EII", "VVI", "VVV"] in lines
    assert any(line[:3] == ["*", "least", title] for line in lines)


PRESS = """
import os, signal
from mixtura.selection import search
report = search.row_of
done = []
def press(*arguments):
    done.append(arguments)
    if len(done) == {after}: os.kill(os.getpid(), signal.SIGINT)
    return report(*arguments)
search.row_of = press
"""


def test_ctrl_c_reports_what_is_done(program: Any, table: Path, tmp_path: Path) -> None:
    before = PRESS.format(after=4)
    result = program("select", table, *SMALL, "-o", "m.mixtura", before=before)
    assert result.returncode == 130
    assert "warning: Interrupted: 4 of 12 models are done" in result.stderr
    assert "searched        4 models in " in result.stdout
    assert "model written to m.mixtura" in result.stdout
    assert load(tmp_path / "m.mixtura").converged_


def test_ctrl_c_before_the_first_model(program: Any, table: Path, tmp_path: Path) -> None:
    before = """
import os, signal
from mixtura.selection import search
search.names_of = lambda *arguments: os.kill(os.getpid(), signal.SIGINT)
"""
    result = program("select", table, *SMALL, "-o", "m.mixtura", before=before)
    assert result.returncode == 130
    assert result.stderr.splitlines()[-1] == "interrupted; nothing was written"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.slow
def test_penguins_in_five_seconds(program: Any, shared_data: Path) -> None:
    columns = "bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g"
    began = time.perf_counter()
    result = program("select", shared_data / "penguins.csv", "--columns", columns, "--json")
    assert time.perf_counter() - began < 5.0
    found = json.loads(result.stdout)
    assert len(found["models"]) == 126
    assert 3 <= found["components"] <= 4
    assert np.isfinite(found["bic"])
