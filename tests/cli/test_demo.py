"""mixtura demo."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, MissingDependencyError, load
from mixtura.cli import console
from mixtura.cli import demo as command
from mixtura.cli.demo import bar, commands, least_certain, profiles
from mixtura.io.columns import numeric_columns
from mixtura.io.tables import read_table


def test_everything_is_shown_and_written(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("demo")
    assert result.stderr == ""
    text = result.stdout
    for heading in (
        "178 wines, 13 measurements, 3 components",
        "Covariance structures (BIC: lower is better)",
        "Groups\n",
        "What sets each group apart",
        "Least certain rows (counted from 1)",
        "Groups and cultivars",
        "wrote mixtura-demo.mixtura, mixtura-demo.csv and mixtura-demo.holes.csv",
        "wrote the report mixtura-demo.html; any browser opens it",
        "Try next",
    ):
        assert heading in text
    index = float(text.split("adjusted Rand index ")[1].split()[0])
    assert index > 0.85
    rows = text.split("Missing values: 10% of the cells hidden")[1].splitlines()
    plain, filled = (float(line.split()[-1]) for line in rows[2:4])
    assert filled < 0.8 < 0.95 < plain
    held = float(text.split("intervals hold ")[1].split("%")[0])
    assert 80 < held < 96
    holes = numeric_columns(read_table("mixtura-demo.holes.csv"), allow_missing=True).X
    assert np.isnan(holes).mean() == pytest.approx(0.1, abs=0.02)
    model = load("mixtura-demo.mixtura")
    assert model.converged_
    assert len(model.feature_names_in_) == 13
    names = read_table("mixtura-demo.csv").names
    assert names[:13] == list(model.feature_names_in_)
    assert names[13:] == [
        "cultivar",
        "component",
        "probability_0",
        "probability_1",
        "probability_2",
        "certainty",
    ]
    printed = text.split("Try next\n")[1].splitlines()
    assert len(printed) == 6
    assert "Agreement with cultivar" in Path("mixtura-demo.html").read_text(encoding="utf-8")
    for line in printed:
        words = shlex.split(line)
        assert words[0] == "mixtura"
        assert run(*words[1:]).stdout != ""


def test_without_the_extra_the_demo_says_how_to_install_it(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*arguments: Any, **options: Any) -> None:
        raise MissingDependencyError("Reports need jinja2: install it")

    monkeypatch.setattr(command, "save", missing)
    text = run("demo", "--output-dir", tmp_path).stdout
    assert "no report: Reports need jinja2: install it" in text
    assert "Try next" in text


@pytest.mark.parametrize(
    ("terminal", "variables", "expected"),
    [
        (True, {"DISPLAY": ":0"}, True),
        (False, {"DISPLAY": ":0"}, False),
        (True, {}, False),
        (True, {"DISPLAY": ":0", "CI": "true"}, False),
    ],
)
def test_a_browser_is_opened_where_somebody_looks_on(
    terminal: bool,
    variables: dict[str, str],
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(command.sys, "platform", "linux")
    monkeypatch.setattr(command.sys.stdout, "isatty", lambda: terminal, raising=False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(command.webbrowser, "open", lambda uri: opened.append(uri) or True)
    monkeypatch.setattr(command, "save", lambda *arguments, **options: None)
    X = np.array([[0.0], [1.0], [9.0]])
    model = GaussianMixture(1).fit(X)
    path = tmp_path / "a b.html"
    told = command.reported(path, model, X, np.array(["p", "q", "r"]), "t.csv", 0)
    assert opened == ([path.as_uri()] if expected else [])
    assert told.endswith("and opened it") is expected


def test_equal_seeds_give_equal_files(run: Any, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        run("demo", "--output-dir", tmp_path, "--seed", 3)
        contents.append((tmp_path / "mixtura-demo.csv").read_bytes())
    assert contents[0] == contents[1]


def test_a_directory_that_does_not_exist(run: Any) -> None:
    assert "there is no directory nowhere." in run("demo", "--output-dir", "nowhere", code=3).stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "        │████████"),
        (9.0, "        │████████"),
        (-1.0, "    ████│        "),
        (0.01, "        │█       "),
    ],
)
def test_bars(value: float, text: str) -> None:
    assert bar(value) == text


def test_profiles_name_the_columns_furthest_from_the_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    X = np.array([[0.0, 0.0], [2.0, 20.0]])  # mean 1 and 10, standard deviation 1 and 10
    console.show(profiles(np.array([[1.5, 20.0], [0.0, 9.0]]), X, ["a", "b"]))
    rows = [line.split()[:-1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [
        ["component", "0", "b", "high", "+1.00"],
        ["a", "high", "+0.50"],
        ["component", "1", "a", "low", "-1.00"],
        ["b", "low", "-0.10"],
    ]


def test_the_least_certain_rows_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    columns = {
        "component": np.array([0, 0, 1]),
        "probability_0": np.array([0.9, 0.6, 0.0]),
        "probability_1": np.array([0.1, 0.4, 1.0]),
        "certainty": np.array([0.9, 0.6, 1.0]),
    }
    console.show(least_certain(columns, np.array(["p", "q", "r"])))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["row", "2", "q", "0.6000", "0.6000", "0.4000"]
    assert [line.split()[1] for line in lines[1:]] == ["2", "1", "3"]


def test_commands_quote_paths() -> None:
    assert commands("a b/m", "a b/t", "a b/h")[0] == "mixtura info 'a b/m'"
