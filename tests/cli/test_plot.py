"""mixtura plot."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from mixtura import GaussianMixture, load
from mixtura.cli import plot as command
from mixtura.cli.plot import PICTURES, Kind


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the displays that commands draw."""
    found: list[Any] = []
    draw = command.drawn

    def collected(*arguments: Any, **options: Any) -> Any:
        found.append(draw(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(command, "drawn", collected)
    return found


WITH_TABLE = [
    ("density", ("--columns", "y")),
    ("clusters", ("--columns", "y,x", "--weights", "w")),
    ("pairs", ()),
    ("projection", ()),
    ("certainty", ("--weights", "w")),
    ("profiles", ("--heat",)),
    ("missing", ("--weights", "w")),
]


@pytest.mark.parametrize(("kind", "options"), WITH_TABLE, ids=[kind for kind, _ in WITH_TABLE])
def test_pictures_of_rows(
    run: Any, model: Path, table: Path, tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    path = tmp_path / "out.png"
    result = run("plot", kind, model, table, *options, "--dpi", 30, "-o", path)
    assert result.stdout == f"{kind} written to {path}\n"
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_the_model_alone(run: Any, model: Path, tmp_path: Path, displays: list[Any]) -> None:
    for kind in ("convergence", "profiles"):
        run("plot", kind, model, "-o", tmp_path / f"{kind}.svg")
        assert "<svg" in (tmp_path / f"{kind}.svg").read_text()
    convergence, profiles = displays
    assert convergence.frame["value"].tolist() == load(model).lower_bounds_
    assert profiles.frame["column"].tolist() == ["x", "y"] * 3


def test_images_of_centres(run: Any, centres: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.pdf"
    run("plot", "images", centres, table, "--shape", "1x2", "-o", path)
    assert path.read_bytes().startswith(b"%PDF")


def test_two_models_side_by_side(
    run: Any, model: Path, centres: Path, table: Path, tmp_path: Path, displays: list[Any]
) -> None:
    run("plot", "comparison", model, table, "--with", centres, "-o", tmp_path / "out.png")
    titles = " ".join(ax.get_title() for ax in displays[0].figure_.axes)
    assert "model" in titles
    assert "centres" in titles


def test_models_of_other_columns_are_not_compared(
    run: Any, model: Path, table: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mixtura"
    run("fit", table, "-k", 2, "--columns", "w,x", "-o", other)
    arguments = ("plot", "comparison", model, table, "--with", other, "-o", tmp_path / "o.png")
    assert "other columns (w, x) than the first" in run(*arguments, code=3).stderr


def test_criteria_of_a_search(run: Any, table: Path, tmp_path: Path, displays: list[Any]) -> None:
    options = ("--drop", "w", "--max-k", 4, "--structures", "EII,VVI", "--criterion", "icl")
    found = run("select", table, *options, "--json").stdout
    (tmp_path / "search.json").write_text(found)
    run("plot", "criteria", tmp_path / "search.json", "--heat", "-o", tmp_path / "out.png")
    assert displays[0].criterion == "icl"
    values = [row["icl"] for row in json.loads(found)["models"]]
    assert displays[0].frame["value"].tolist() == values


def test_labels(run: Any, centres: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    run("plot", "contingency", centres, table, "--labels", "group", "--weights", "w", "-o", path)
    assert path.stat().st_size > 0
    message = run("plot", "contingency", centres, table, "--labels", "x", "-o", path, code=3).stderr
    assert "column 'x' is one that the model was fitted to" in message


def test_imputed_cells(
    run: Any, model: Path, table: Path, tmp_path: Path, displays: list[Any]
) -> None:
    path = tmp_path / "holes.csv"
    path.write_text(table.read_text() + "1,red,-9,1\n,blue,0,1\n")
    run("plot", "imputation", model, path, "--na", "-9", "-o", tmp_path / "out.png")
    assert displays[0].tables.counts["missing"].tolist() == [1, 1]
    message = run("plot", "imputation", model, table, "-o", tmp_path / "no.png", code=3).stderr
    assert message == f"error: {table}: X has no missing cell: there is nothing to fill in.\n"
    assert not (tmp_path / "no.png").exists()


@pytest.mark.parametrize("name", ["noise", "few", "classes"])
def test_special_models(
    run: Any, special: dict[str, Path], table: Path, tmp_path: Path, name: str
) -> None:
    for kind in ("certainty", "profiles"):
        run("plot", kind, special[name], table, "--dpi", 20, "-o", tmp_path / f"{kind}.png")
        assert (tmp_path / f"{kind}.png").exists()


def test_size_and_resolution(run: Any, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.PNG"
    size = ("--width", 5, "--height", 4, "--dpi", 40)
    run("plot", "convergence", model, *size, "-o", path)
    with Image.open(path) as picture:
        assert picture.size == (200, 160)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pie", "m", "-o", "o.png"), "'pie' is not one of 'density', 'clusters',"),
        (("density", "m", "-o", "o.png"), "density shows rows of a table: give TABLE"),
        (("convergence", "m", "t", "-o", "o.png"), "convergence shows no rows: leave TABLE out"),
        (("images", "m", "-o", "o.png"), "images needs --shape"),
        (("images", "m", "-o", "o.png", "--shape", "3by4"), "'3by4' is no shape such as 28x28"),
        (("comparison", "m", "t", "-o", "o.png"), "comparison needs --with"),
        (("contingency", "m", "t", "-o", "o.png"), "contingency needs --labels"),
        (
            ("pairs", "m", "t", "-o", "o.png", "--heat"),
            "--heat is for criteria, profiles; not for pairs.",
        ),
        (("clusters", "m", "t", "-o", "o.png", "--columns", "a"), "clusters takes 2 of them"),
        (("pairs", "m", "t", "-o", "o.png", "--columns", "a"), "pairs takes 2 or more of them"),
        (("profiles", "m", "-o", "o.png", "--weights", "w"), "--weights is about rows"),
        (("missing", "m", "t"), "Missing option '--output'"),
    ],
)
def test_wrong_options_are_named(run: Any, arguments: tuple[str, ...], words: str) -> None:
    message = run("plot", *arguments, code=2).stderr
    assert words in " ".join(message.replace("│", " ").split())


def test_files_that_cannot_be_used_are_named(
    run: Any, model: Path, centres: Path, table: Path, tmp_path: Path
) -> None:
    def told(*arguments: Any) -> str:
        return str(run("plot", *arguments, code=3).stderr)

    output = ("-o", tmp_path / "o.png")
    ending = told("convergence", model, "-o", tmp_path / "o.gif")
    assert "use one of .png .svg .pdf." in ending
    assert "keeps no trace of its iterations" in told("convergence", centres, *output)
    assert "mixtura select TABLE --json" in told("criteria", model, *output)
    assert "cannot be read: no such file" in told("criteria", tmp_path / "none.json", *output)
    assert "assigns every row outright" in told("certainty", centres, table, *output)
    weighted = told("profiles", model, table, "--weights", "w", *output)
    assert "its parameters: leave out --weights" in weighted
    unknown = told("density", model, table, "--columns", "w", *output)
    assert "the model knows no column 'w'; it was fitted to 'x', 'y'." in unknown
    assert "there is no directory" in told("profiles", model, "-o", tmp_path / "no" / "o.png")
    copy = tmp_path / "model.png"
    copy.write_bytes(model.read_bytes())
    assert "is what the command reads" in told("profiles", copy, "-o", copy)
    assert load(copy).n_components == 3
    assert not (tmp_path / "o.png").exists()


def test_nothing_is_half_written(
    run: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.png"
    path.write_text("what was there")

    def broken(self: Any, handle: Any, **options: Any) -> None:
        handle.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", broken)
    message = run("plot", "convergence", model, "-o", path, code=3).stderr
    assert message == f"error: {path} cannot be written: no space left on device.\n"
    assert path.read_text() == "what was there"
    assert not list(tmp_path.glob(".mixtura-*"))


def test_without_matplotlib_the_command_that_installs_it_is_named(
    run: Any, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = run("plot", "convergence", model, "-o", tmp_path / "o.png", code=3).stderr
    assert message == "error: Pictures need matplotlib: python -m pip install 'mixtura[plot]'\n"


def test_every_kind_has_a_picture() -> None:
    assert set(PICTURES) == set(Kind)
    assert all(each.needs is None or each.needs in each.options for each in PICTURES.values())


def test_a_model_without_names_takes_those_of_the_table(
    run: Any, points: np.ndarray, tmp_path: Path, displays: list[Any]
) -> None:
    GaussianMixture(3, random_state=0).fit(points).save(tmp_path / "m.mixtura")
    np.savez(tmp_path / "t.npz", X=points, names=np.array(["left", "right"]))
    run("plot", "profiles", tmp_path / "m.mixtura", tmp_path / "t.npz", "-o", tmp_path / "o.png")
    assert displays[0].frame["column"][:2].tolist() == ["left", "right"]
