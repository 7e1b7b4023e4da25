"""Tables that are read in parts: the same results, and what goes wrong."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import load, open_table
from mixtura.cli import streaming

SMALL = ("--memory", "10kB")


@pytest.fixture
def holes(points: np.ndarray, tmp_path: Path) -> Path:
    """Return a CSV of the points with missing cells, a weight and a column of text."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(points, columns=["x", "y"])
    frame["group"] = np.repeat(["red", "green, blue"], [60, 90])
    frame["w"] = rng.integers(1, 4, len(frame))
    frame = frame.sample(frac=1.0, random_state=0)
    frame.loc[frame.index[rng.random(len(frame)) < 0.2], "y"] = np.nan
    frame.to_csv(tmp_path / "holes.csv", index=False, float_format="%.6f")
    return tmp_path / "holes.csv"


@pytest.fixture
def parts(holes: Path, tmp_path: Path) -> Path:
    """Return a directory that holds the same table as three Parquet files."""
    folder, frame = tmp_path / "parts", pd.read_csv(holes)
    folder.mkdir()
    for number in range(3):
        frame[number * 50 : number * 50 + 50].to_parquet(folder / f"part-{number}.parquet")
    return folder


def alike(found: Any, expected: Any) -> bool:
    """Say whether two results are the same but for rounding, times and the name of the table."""
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(
            alike(found[key], value)
            for key, value in expected.items()
            if key not in ("seconds", "table", "output", "outputs")
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, rel=1e-8, abs=1e-9, nan_ok=True))
    return bool(found == expected)


def columns_of(path: Path) -> dict[str, list[Any]]:
    """Return the cells of a table."""
    return {name: column.tolist() for name, column in pd.read_csv(path).items()}


@pytest.mark.parametrize("command", ["fit", "kmeans"])
@pytest.mark.parametrize("options", [["--weights", "w"], ["--drop", "w"], ["--columns", "y,x"]])
def test_fits_are_those_in_memory(
    run: Any, command: str, options: list[str], holes: Path, parts: Path, tmp_path: Path
) -> None:
    how = ["-k", 3, *options, "--json"]
    expected = json.loads(run(command, holes, *how).stdout)
    for tables in ([holes, *SMALL], [parts], [*sorted(parts.iterdir())], [f"{parts}/*-?.parquet"]):
        assert alike(json.loads(run(command, *tables, *how).stdout), expected)


@pytest.mark.parametrize("command", ["fit", "kmeans"])
def test_models_are_interchangeable(run: Any, command: str, holes: Path, parts: Path) -> None:
    model, out, other = (holes.with_name(name) for name in ("m.mixtura", "1.csv", "2.csv"))
    run(command, parts, "-k", 3, "--weights", "w", "-o", model, "--quiet")
    assert list(load(model).feature_names_in_) == ["x", "y"]
    whole = json.loads(run("assign", model, holes, "-o", out, "--json").stdout)
    for tables in ([parts], [holes, *SMALL]):
        found = json.loads(run("assign", model, *tables, "-o", other, "--json").stdout)
        assert alike(found, whole)
        assert alike(columns_of(other), columns_of(out))
    sums = json.loads(run("score", model, holes, "--weights", "w", "-o", out, "--json").stdout)
    found = run("score", model, parts, "--weights", "w", "-o", other, "--json").stdout
    assert alike(json.loads(found), sums)
    assert alike(columns_of(other), columns_of(out))
    found = run("score", model, parts, "--json").stdout
    assert alike(json.loads(found), json.loads(run("score", model, holes, "--json").stdout))
    printed = run("assign", model, holes, *SMALL).stdout
    assert printed == run("assign", model, holes).stdout


@pytest.mark.parametrize("kind", ["noise", "few", "classes"])
def test_mixtures_of_all_kinds(
    run: Any, special: dict[str, Path], holes: Path, parts: Path, kind: str
) -> None:
    out, other = holes.with_name("1.csv"), holes.with_name("2.csv")
    whole = json.loads(run("assign", special[kind], holes, "-o", out, "--json").stdout)
    found = json.loads(run("assign", special[kind], parts, "-o", other, "--json").stdout)
    assert alike(found, whole)
    assert alike(columns_of(other), columns_of(out))


def test_cells_are_filled_in(run: Any, holes: Path, parts: Path, tmp_path: Path) -> None:
    model, out, other = (tmp_path / name for name in ("m.mixtura", "1.csv", "2.csv"))
    run("fit", holes, "-k", 3, "--drop", "w", "-o", model)
    whole = json.loads(run("impute", holes, "-m", model, "--std", "-o", out, "--json").stdout)
    found = run("impute", holes, *SMALL, "-m", model, "--std", "-o", other, "--json").stdout
    assert alike(json.loads(found), whole)
    assert alike(columns_of(other), columns_of(out))
    before, after = holes.read_text().splitlines(), other.read_text().splitlines()
    filled = [a for a, b in zip(before, after, strict=True) if not b.startswith(a + ",")]
    assert len(filled) == whole["missing"]
    assert all(line.split(",")[1] == "" for line in filled)
    parquet = tmp_path / "2.parquet"
    found = run("impute", parts, "-m", model, "-o", parquet, "--json").stdout
    assert alike(json.loads(found), whole)
    np.testing.assert_allclose(pd.read_parquet(parquet)["y"], pd.read_csv(out)["y"])


def test_a_fit_fills_in_without_a_model(run: Any, parts: Path, tmp_path: Path) -> None:
    result = run("impute", parts, "-k", 2, "-o", tmp_path / "out.parquet")
    assert result.stderr == (
        "left out, not numbers: group (text); --columns and --drop choose columns\n"
    )
    assert not pd.read_parquet(tmp_path / "out.parquet")[["x", "y"]].isna().any(axis=None)


def test_which_tables_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_bytes(b"a" * 1000)
    Path("t.csv.gz").write_bytes(b"a" * 1000)
    Path("t.npz").write_bytes(b"a" * 1000)
    Path("[1].csv").write_text("a\n1\n")
    assert streaming.is_streamed(["t.csv"], "3999")
    assert not streaming.is_streamed(["t.csv"], "4000")
    assert streaming.is_streamed(["t.csv.gz"], "15999")
    assert not streaming.is_streamed(["t.csv.gz"], "16kB")
    for name in ("t.npz", "t.npz::X", "-", "no.csv", "/dev/null", "[1].csv"):
        assert not streaming.is_streamed([name], "100")
    for names in (["."], ["t*"], ["s3://bucket/t.csv"], ["t.csv", "t.csv"]):
        assert streaming.is_streamed(names, "1TB")


def test_what_needs_the_rows_in_memory(run: Any, holes: Path, parts: Path, model: Path) -> None:
    for words in (["fit"], ["kmeans", "-k", 2], ["assign", model]):
        message = run(*words, holes, *SMALL, "--labels", "group", code=3).stderr
        assert message.startswith("error: --labels needs all rows in memory, and ")
        assert "is read in parts; give --memory 0.1MB." in message
        message = run(*words, parts, "--labels", "group", code=3).stderr
        assert (
            message == "error: --labels needs all rows in memory: join the files into one table.\n"
        )
    message = run("impute", parts, "--draws", 2, "-o", "out.csv", code=3).stderr
    assert "--draws needs all rows in memory" in message
    assert "'much' is no size such as" in run("fit", holes, "--memory", "much", code=2).stderr


def test_commands_that_take_one_table(run: Any, parts: Path, tmp_path: Path) -> None:
    for words in (["select", parts], ["report", f"{parts}/*.parquet", "-o", tmp_path / "r.html"]):
        message = run(*words, code=3).stderr
        assert message == (
            "error: this command needs all rows in memory: join the files into one table.\n"
        )


def test_schedulers_that_do_not_answer(
    run: Any, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = run("fit", parts, "-k", 2, "--scheduler", "nonsense", code=3).stderr
    assert "error: no Dask scheduler answers at nonsense (ValueError). Start one" in message
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = run("kmeans", parts, "-k", 2, "--scheduler", "local", code=3).stderr
    assert "need distributed: python -m pip install 'mixtura[dask]'" in message


@pytest.mark.parametrize("command", ["fit", "kmeans", "impute"])
def test_files_that_cannot_be_used(run: Any, command: str, parts: Path, tmp_path: Path) -> None:
    how = ["-k", 2, "-o", tmp_path / ("out.csv" if command == "impute" else "m.mixtura")]
    second = parts / "part-1.parquet"
    frame = pd.read_parquet(second)
    frame.drop(columns="y").to_parquet(second)
    message = run(command, parts, *how, code=3).stderr
    assert "part-1.parquet has no column 'y', which part-0.parquet has" in message
    frame["x"] = frame["x"].mask(frame.index == frame.index[3], np.inf)
    frame.to_parquet(second)
    message = run(command, parts, *how, code=3).stderr
    assert "part-1.parquet, row 4 has an infinite number in column 'x'" in message
    second.write_bytes(second.read_bytes()[:-20])
    assert (
        "part-1.parquet is not a readable Parquet file" in run(command, parts, *how, code=3).stderr
    )
    assert not how[-1].exists()


def test_weights_that_are_all_zero(run: Any, parts: Path, model: Path) -> None:
    for path in parts.iterdir():
        pd.read_parquet(path).assign(w=0).to_parquet(path)
    for words in (["fit", "-k", 2], ["score", model]):
        message = run(*words, parts, "--weights", "w", code=3).stderr
        assert "all weights in column 'w' are 0; no row counts." in message


def test_columns_of_a_model_are_found(run: Any, parts: Path, model: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(parts / "part-0.parquet")
    for path in parts.iterdir():
        frame.rename(columns={"x": "u"}).to_parquet(path)
    message = run("assign", model, parts, "-o", tmp_path / "out.csv", code=3).stderr
    assert "has no column 'x'" in message
    unnamed = tmp_path / "unnamed.mixtura"
    fitted = load(model)
    del fitted.feature_names_in_
    fitted.save(unnamed)
    message = run("assign", unnamed, parts, code=3).stderr
    assert "has 3 columns of numbers; the model, which has no column names, needs 2." in message


def test_what_is_read_is_not_written_over(run: Any, parts: Path, model: Path) -> None:
    second = parts / "part-1.parquet"
    assert "what the command reads" in run("assign", model, parts, "-o", second, code=3).stderr
    linked = parts.with_name("linked")
    os.link(second, linked)
    message = run("fit", parts, "-k", 2, "-o", linked, code=3).stderr
    assert "what the command reads" in message


def test_cells_that_must_be_there(run: Any, stream: Path, parts: Path) -> None:
    frame = pd.concat(pd.read_parquet(path) for path in sorted(parts.iterdir()))
    row = int(np.argmax(frame["y"].isna()))
    for command in ("assign", "score"):
        message = run(command, stream, parts, code=3).stderr
        assert f"part-0.parquet, row {row + 1} has no number in column 'y'" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
def test_a_full_disk(run: Any, parts: Path, model: Path, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        full = tmp_path / f"full.{ending}"
        full.symlink_to("/dev/full")
        message = run("assign", model, parts, "-o", full, code=3).stderr
        assert "cannot be written: no space left on device." in message


def test_a_reader_that_has_gone(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: str) -> Any:
        raise BrokenPipeError

    monkeypatch.setattr("mixtura.io.streaming._output", gone)
    with pytest.raises(BrokenPipeError):  # which ends a command without a word, as in memory
        open_table(parts).write("-")


def test_ctrl_c_leaves_no_half_written_table(
    program: Any, parts: Path, model: Path, tmp_path: Path
) -> None:
    before = """
import os, signal
from mixtura.cli import streaming
check = streaming.check_cells
def pressed(table, part, rows, *how):
    check(table, part, rows, *how)
    if part.start:
        os.kill(os.getpid(), signal.SIGINT)
streaming.check_cells = pressed
"""
    files = sorted(tmp_path.iterdir())
    result = program("assign", model, parts, "-o", "out.csv", before=before)
    assert result.returncode == 130
    assert result.stderr.splitlines()[-1] == "interrupted; nothing was written"
    assert sorted(tmp_path.iterdir()) == files


@given(st.integers(1, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_looks_at_parts_add_up(n: int, weighted: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(1e4, 1.0, (n, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    weights = rng.integers(0, 3, n).astype(float) if weighted else None
    cut = int(rng.integers(0, n + 1))
    two = [part if weights is None else weights[part] for part in (slice(cut), slice(cut, n))]
    own = [None, None] if weights is None else two
    found = streaming.look(X[:cut], own[0]) + streaming.look(X[cut:], own[1])
    known = np.ones(n) if weights is None else weights
    assert (found.n_rows, found.weight) == (n, known.sum())
    assert found.telling == known[~np.isnan(X).all(axis=1)].sum()
    assert found.missing.tolist() == np.isnan(X).sum(axis=0).tolist()
    for j, column in enumerate(X.T):
        there = ~np.isnan(column)
        values, counts = column[there], known[there]
        assert found.least[j] == values.min(initial=np.inf)
        assert found.greatest[j] == values.max(initial=-np.inf)
        assert found.held[j] == counts.sum()
        if counts.sum():
            mean = np.average(values, weights=counts)
            assert found.mean[j] == pytest.approx(mean, rel=1e-12)
            assert found.scatter[j] == pytest.approx(counts @ (values - mean) ** 2, abs=1e-6)


def test_compressed_text(run: Any, holes: Path, tmp_path: Path) -> None:
    packed = tmp_path / "holes.csv.gz"
    packed.write_bytes(gzip.compress(holes.read_bytes()))
    how = ["-k", 2, "--na", "2", "--json"]
    expected = json.loads(run("fit", holes, *how).stdout)
    assert alike(json.loads(run("fit", packed, *SMALL, *how).stdout), expected)


def test_progress(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = open_table(parts)
    with streaming.rows_shown(table, "reading") as advance:
        assert advance(3) is None  # no terminal
    seen = streaming.total(table, None, lambda rows, weights: len(rows))
    assert seen == 150
