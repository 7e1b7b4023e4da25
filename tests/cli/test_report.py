"""mixtura report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, Mixture, Status
from mixtura.cli import report as module
from mixtura.cli.report import named_as_table, recorded, rough_start


def text_of(path: Path) -> str:
    """Return what a report holds below its library."""
    html = path.read_text(encoding="utf-8")
    return html[html.index("<body>") :]


def test_of_a_table_the_model_is_chosen(run: Any, table: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.html"
    words = ("--labels", "group", "--max-k", 3, "--drop", "w", "--title", "Colours")
    result = run("report", table, "-o", output, *words)
    assert result.stdout == f"report written to {output}; any browser opens it\n"
    text = text_of(output)
    assert "<h1>Colours</h1>" in text
    assert "42 models of 1 to 3 components" in text
    assert "3 groups: " in text
    assert "Agreement with group" in text
    assert 'id="iterations"' in text
    assert "Rows are counted from 1" in text
    command = text.split("<code>")[1].split("</code>")[0]
    assert shlex.split(command) == [
        *("mixtura", "report", str(table), "-o", str(output), "--max-k", "3", "--drop", "w"),
        *("--labels", "group", "--title", "Colours", "--seed", "0"),
    ]


def test_after_a_model_comes_its_table(run: Any, model: Path, table: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.html"
    run("report", model, table, "--labels", "group", "--weights", "w", "-o", output)
    text = text_of(output)
    assert "weights sum to 225" in text
    assert "No other models were compared" in text
    assert "Agreement with group" in text
    assert "model = load(" in text


@pytest.mark.parametrize("name", ["noise", "few", "classes"])
def test_models_of_other_kinds(
    run: Any, special: dict[str, Path], table: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "r.html"
    run("report", special[name], table, "-o", output)
    assert 'id="groups"' in text_of(output)
    assert 'id="iterations"' not in text_of(output)  # EM on unlabelled rows finds none of these
    if name == "classes":
        assert "Settings of MixtureClassifier" in text_of(output)


def test_clusters_and_a_model_alone(
    run: Any, centres: Path, model: Path, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "r.html"
    run("report", centres, table, "-o", output)
    assert "k-means with 3 clusters" in text_of(output)
    run("report", model, "-o", output)
    assert "about a model alone" in text_of(output)
    result = run("report", centres, "-o", tmp_path / "no.html", code=3)
    assert "give a table" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{model}", "{table}", "--max-k", "3"], 2, "--max-k is about a fit"),
        (["{model}", "{table}", "--columns", "x"], 2, "--columns is about a fit"),
        (["{model}", "--labels", "group"], 2, "--labels is about rows of a table"),
        (["{table}", "{model}"], 2, "is a table: give it alone"),
        (["{table}", "-o", "{tmp}/r.png"], 3, "name a file such as"),
        (["{table}", "-o", "{tmp}/no/r.html"], 3, "there is no directory"),
        (["{table}", "--labels", "grp"], 3, "did you mean 'group'?"),
        (["{tmp}/none.mixtura"], 3, "there is no such file"),
    ],
)
def test_clear_refusals(
    run: Any, model: Path, table: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    before = set(tmp_path.iterdir())
    filled = [word.format(model=model, table=table, tmp=tmp_path) for word in words]
    options = [] if "-o" in words else ["-o", tmp_path / "r.html"]
    result = run("report", *filled, *options, code=code)
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert set(tmp_path.iterdir()) == before


def test_a_report_that_cannot_be_written(
    run: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_report", full)
    result = run("report", model, "-o", tmp_path / "r.html", code=3)
    assert "r.html cannot be written: no space left on device." in result.stderr


def test_where_the_search_was_interrupted_the_exit_code_says_so(
    run: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "report_table", lambda *arguments, **options: False)
    assert "report written" in run("report", table, "-o", tmp_path / "r.html", code=130).stdout


def test_what_is_missing_is_told_before_any_work(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise module.InputError("told first")

    monkeypatch.setattr(module, "check_installed", missing)
    assert "told first" in run("report", tmp_path / "no.csv", code=3).stderr


@pytest.mark.parametrize(
    ("name", "is_table"),
    [("t.csv", True), ("a.npz::X", True), ("-", True), ("m.mixtura", False), ("/dev/null", True)],
)
def test_tables_are_known_by_their_names(name: str, is_table: bool) -> None:
    assert named_as_table(name) is is_table


@pytest.mark.parametrize("structure", ["full", "tied", "VII", "VEE"])
def test_the_replay_starts_roughly_and_ends_at_the_model(points: Any, structure: str) -> None:
    model = GaussianMixture(3, covariance_type=structure, random_state=0).fit(points)
    fit = recorded(model, points, None, 0)
    assert fit is not None
    assert len(fit.snapshots_) > 3
    assert fit.snapshot_lower_bounds_[0] < model.lower_bound_ - 0.5
    np.testing.assert_allclose(fit.means_, model.means_, atol=0.05)  # in the same order


def test_rough_starts_have_the_spread_of_all_rows() -> None:
    mixture = Mixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[3.0]]])
    start = rough_start(mixture, np.random.default_rng(0))
    np.testing.assert_allclose(start.covariances, np.full((2, 1, 1), 2.0 + 4.0))
    assert start.weights.tolist() == [0.5, 0.5]


def test_large_tables_are_replayed_in_part(points: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLAYED", 50)
    model = GaussianMixture(2, random_state=0).fit(points)
    seen: list[int] = []
    fit = GaussianMixture.fit

    def noted(self: Any, X: Any, *rest: Any, **more: Any) -> Any:
        seen.append(len(X))
        return fit(self, X, *rest, **more)

    monkeypatch.setattr(GaussianMixture, "fit", noted)
    assert recorded(model, points, np.ones(len(points)), 0) is not None
    assert seen == [50] * module.ROUGH


def test_there_is_no_replay_of_one_component(points: Any) -> None:
    assert recorded(GaussianMixture(1).fit(points), points, None, 0) is None


def test_a_replay_of_a_fit_that_collapses_is_left_out() -> None:
    X = np.repeat(np.random.default_rng(0).normal(size=(6, 2)), 10, axis=0)  # six points
    points = Mixture(np.full(6, 1 / 6), X[::10], np.full((6, 2), 1e-12), "diag")
    model = GaussianMixture(6, covariance_type="diag", init_params=points)
    with pytest.warns(ConvergenceWarning):
        model.fit(X)
    assert recorded(model, X, None, 0) is None


def test_a_replay_is_of_a_fit_that_did_not_end_by_collapsing() -> None:
    rows = np.arange(60)
    X = np.c_[np.random.default_rng(0).normal(size=(60, 2)) + 6.0 * (rows % 3)[:, None], rows % 2]
    model = GaussianMixture(3, covariance_type="VEV", init_params=rows % 3).fit(X)
    fit = recorded(model, X, None, 0)  # the best of its tries is one that collapses
    assert fit is not None
    assert fit.status_ is Status.CONVERGED
