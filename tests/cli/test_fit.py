"""mixtura fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import load


def test_a_fit_for_people(run: Any, table: Path, tmp_path: Path) -> None:
    result = run("fit", table, "-k", 3, "--drop", "w", "-o", tmp_path / "m.mixtura")
    assert result.stderr == (
        "left out, not numbers: group (text); --columns and --drop choose columns\n"
    )
    lines = result.stdout.splitlines()
    assert lines[0] == f"table           {table}: 150 rows"
    assert lines[1] == "columns         x, y"
    assert lines[2] == "model           3 components, full covariances, 17 parameters"
    assert lines[3].startswith("status          Converged")
    assert [line.split()[0] for line in lines[4:7]] == ["log-likelihood", "BIC", "AIC"]
    assert [word for word in lines[8].split() if not word.isdigit()] == [
        "mean",
        "±",
        "sd",
        *(["component"] * 3),
    ]
    assert sorted(lines[9].split()[1:]) == ["0.2000", "0.3333", "0.4667"]
    assert lines[-1] == (
        f"model written to {tmp_path / 'm.mixtura'}; mixtura info shows it again, "
        "with --json all of it"
    )
    model = load(tmp_path / "m.mixtura")
    assert list(model.feature_names_in_) == ["x", "y"]
    assert model.callback is None


def test_a_large_model_prints_its_weights(run: Any, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 201))
    np.save(tmp_path / "wide.npy", X)
    lines = run("fit", tmp_path / "wide.npy", "-k", 1, "--covariance", "diag").stdout.splitlines()
    assert [line.split() for line in lines[-2:]] == [["component", "weight"], ["0", "1.0000"]]


def test_a_fit_for_machines(run: Any, table: Path) -> None:
    result = json.loads(run("fit", table, "-k", 3, "--columns", "y,x", "--json").stdout)
    assert result["table"] == str(table)
    assert result["rows"] == result["total_weight"] == 150
    assert result["columns"] == ["y", "x"]
    assert result["components"] == len(result["means"]) == len(result["covariances"]) == 3
    assert result["converged"] is True
    assert result["left_out"] == {}
    assert result["model"] is None
    assert result["seed"] == 0
    assert len(result["log_likelihood_per_row_trace"]) == result["iterations"]
    assert result["log_likelihood"] == pytest.approx(150 * result["log_likelihood_per_row"])
    assert sorted(np.round(result["weights"], 4)) == [0.2, 0.3333, 0.4667]


def test_settings_reach_the_model(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    options = {
        "--covariance": "diag",
        "--seed": 5,
        "--n-init": 2,
        "--init": "k-means++",
        "--max-iter": 70,
        "--tol": 1e-5,
        "--reg-covar": 1e-7,
        "--engine": "numpy",
        "--threads": 1,
    }
    words = [word for option in options.items() for word in option]
    run("fit", table, "--columns", "x,y", "--components", 2, "--output", path, *words)
    settings = load(path).get_params()
    expected = {
        "n_components": 2,
        "covariance_type": "diag",
        "random_state": 5,
        "n_init": 2,
        "init_params": "k-means++",
        "max_iter": 70,
        "tol": 1e-5,
        "reg_covar": 1e-7,
        "engine": "numpy",
    }
    assert {name: settings[name] for name in expected} == expected


def test_starts_without_k_are_beside_what_the_search_has_found(
    run: Any, table: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.mixtura"
    run("fit", table, "--columns", "x,y", "--n-init", 3, "-o", path)
    assert len(load(path).restarts_) == 3
    words = run("fit", "--help").stdout.replace("│", " ").split()
    assert "the first is what the search has found" in " ".join(words)


def test_without_k_the_number_has_the_least_bic(run: Any, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    arguments = ("fit", table, "--drop", "w", "--covariance", "EII")
    lines = run(*arguments, "-o", path).stdout.splitlines()
    assert lines[2] == "model           3 components, EII covariances, 9 parameters"
    assert lines[4].startswith("chosen          the number of components, as that of least BIC")
    model = load(path)
    assert (model.n_components, model.n_components_) == ("auto", 3)
    chosen = json.loads(run(*arguments, "--json").stdout)
    given = json.loads(run(*arguments, "--json", "-k", 3).stdout)
    assert (chosen["chosen"], given["chosen"]) == (True, False)
    assert chosen["bic"] == pytest.approx(given["bic"], abs=0.01)
    assert "--init needs a number" in run(*arguments, "--init", "random", code=2).stderr


@pytest.mark.parametrize("covariance", ["tied", "VEV", "EVE"])
def test_structures_have_both_kinds_of_names(run: Any, table: Path, covariance: str) -> None:
    result = run("fit", table, "--drop", "w", "-k", 2, "--covariance", covariance, "--json")
    assert json.loads(result.stdout)["covariance_type"] == covariance


def test_weights_count_rows(run: Any, table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    repeated = [line for line in lines[1:] for _ in range(int(line.split(",")[-1]))]
    (tmp_path / "repeated.csv").write_text("\n".join([lines[0], *repeated]) + "\n")
    arguments = ("-k", 3, "--json", "--tol", 1e-10)
    weighted = json.loads(run("fit", table, "--weights", "w", *arguments).stdout)
    plain = json.loads(run("fit", tmp_path / "repeated.csv", "--drop", "w", *arguments).stdout)
    assert weighted["columns"] == ["x", "y"]
    assert weighted["total_weight"] == plain["rows"] == 225
    assert sorted(weighted["weights"]) == pytest.approx(sorted(plain["weights"]), abs=1e-6)
    for name in ("log_likelihood", "bic", "aic"):
        assert weighted[name] == pytest.approx(plain[name], rel=1e-9)


def test_a_fit_that_has_not_converged_warns_and_succeeds(
    run: Any, table: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.mixtura"
    arguments = ("fit", table, "-k", 5, "--init", "random", "--max-iter", 1, "-o", path)
    result = run(*arguments)
    assert "warning: " in result.stderr
    assert "--max-iter" in result.stderr
    assert "max_iter" not in result.stderr + result.stdout
    assert not load(path).converged_
    assert run(*arguments, "--quiet").stderr == ""


def test_standard_input(run: Any, table: Path) -> None:
    result = run("fit", "-", "-k", 1, "--drop", "w", "--json", input=table.read_bytes())
    assert json.loads(result.stdout)["table"] == "standard input"


def test_one_row_is_too_few(run: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    message = run("fit", tmp_path / "t.csv", "-k", 1, code=3).stderr
    assert message.endswith("t.csv has 1 row; a fit needs at least 2.\n")


@pytest.mark.parametrize(
    "options",
    [
        ["-k", 0],
        ["-k", 2, "--covariance", "round"],
        ["-k", 2, "--tol", "small"],
        ["-k", 2, "--reg-covar", "-1"],
        ["-k", 2, "--engine", "gpu"],
        ["-k", 2, "--threads", 0],
    ],
)
def test_options_out_of_range(run: Any, table: Path, options: list[Any]) -> None:
    assert "Usage" in run("fit", table, *options, code=2).stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tol", "x"], "Invalid value for --tol: 'x' is neither"),
        (["--tol=-1"], "Invalid value for --tol: '-1' is neither"),
        (["--reg-covar=-1"], "Invalid value for --reg-covar: '-1' is neither"),
        (["--columns", ""], "Invalid value for --columns: it names no column."),
        (["--columns", "x,y", "--weights", "y"], "--columns and --weights both name column 'y'."),
    ],
)
def test_options_that_are_wrong_are_named(
    program: Any, table: Path, options: list[str], words: str
) -> None:
    result = program("fit", table, "-k", 2, *options)
    assert result.returncode == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("content", "options", "notes"),
    [
        (
            "a,zero\n1,0\n2,0\n",
            [],
            "column 'zero' does not vary: it tells no groups apart and only shifts the "
            "log-likelihood; --drop zero leaves it out\n",
        ),
        (
            "a,b c,d\n1,0,1\n2,0,1\n",
            [],
            "columns 'b c', 'd' do not vary: they tell no groups apart and only shift the "
            "log-likelihood; --drop 'b c,d' leaves them out\n",
        ),
        (
            "a\n1\n1\n",
            [],
            "column 'a' does not vary: it tells no groups apart and only shifts the "
            "log-likelihood\n",
        ),
    ],
)
def test_notes_on_columns_that_do_not_vary(
    run: Any, tmp_path: Path, content: str, options: list[str], notes: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    result = run("fit", tmp_path / "t.csv", "-k", 1, "--covariance", "diag", *options)
    assert "".join(line for line in result.stderr.splitlines(True) if "column" in line) == notes


def test_collapsed_components_are_shown(run: Any, tmp_path: Path) -> None:
    rows = [f"{x},{x * x % 7}" for x in range(20)] + ["100,100"] * 5
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(rows) + "\n")
    path = tmp_path / "m.mixtura"
    printed = run("fit", tmp_path / "t.csv", "-k", 2, "-o", path).stdout
    collapsed = json.loads(run("info", path, "--json").stdout)["collapsed"]
    assert len(collapsed) == 1
    for text in (printed, run("info", path).stdout):
        assert [line.split() for line in text.splitlines() if line.startswith("collapsed")] == [
            ["collapsed", "component", str(collapsed[0])]
        ]


PRESS = """
import os, signal
from mixtura.cli import progress
call = progress.Watch.__call__
def press(self, step):
    result = call(self, step)
    if self.iterations == 2:
        for _ in range({times}): os.kill(os.getpid(), signal.SIGINT)
    return result
progress.Watch.__call__ = press
"""
PRESS_EARLY = """
import os, signal, mixtura
fit = mixtura.GaussianMixture.fit
def press(self, *arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)
    return fit(self, *arguments, **options)
mixtura.GaussianMixture.fit = press
"""
SLOW = ("-k", 3, "--drop", "w", "--tol", 0, "--init", "random")


def test_ctrl_c_keeps_the_model(program: Any, table: Path, tmp_path: Path) -> None:
    result = program("fit", table, *SLOW, "-o", "m.mixtura", before=PRESS.format(times=1))
    assert result.returncode == 130
    assert result.stdout == ""
    assert result.stderr.splitlines()[-2:] == [
        "stopping after this iteration; press Ctrl-C again to break off",
        "interrupted after 3 iterations; the best model so far is in m.mixtura",
    ]
    model = load(tmp_path / "m.mixtura")
    assert list(model.feature_names_in_) == ["x", "y"]
    assert model.n_iter_ == 3
    assert not model.converged_


def test_a_second_ctrl_c_keeps_the_parameters(program: Any, table: Path, tmp_path: Path) -> None:
    result = program("fit", table, *SLOW, "-o", "m.mixtura", before=PRESS.format(times=2))
    assert result.returncode == 130
    assert "the best model so far is in m.mixtura" in result.stderr
    assert "Traceback" not in result.stderr
    model = load(tmp_path / "m.mixtura")
    assert model.weights_.sum() == pytest.approx(1.0)
    assert model.tol == 0


@pytest.mark.parametrize("options", [(), ("-o", "m.mixtura")])
def test_ctrl_c_while_the_number_is_chosen(
    program: Any, table: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before = """
import os, signal
from mixtura.estimators import automatic
search = automatic.search
def press(*arguments):
    try: os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt: return search(*arguments)
automatic.search = press
"""
    result = program("fit", table, "--drop", "w", *options, before=before)
    assert result.returncode == 130
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert (tmp_path / "m.mixtura").exists() == bool(options)


@pytest.mark.parametrize(
    ("before", "options"),
    [(PRESS.format(times=1), ()), (PRESS_EARLY, ()), (PRESS_EARLY, ("-o", "m.mixtura"))],
)
def test_ctrl_c_with_nothing_to_keep(
    program: Any, table: Path, tmp_path: Path, before: str, options: tuple[str, ...]
) -> None:
    result = program("fit", table, *SLOW, *options, before=before)
    assert result.returncode == 130
    assert result.stderr.splitlines()[-1] == "interrupted; nothing was written"
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
