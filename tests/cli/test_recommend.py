"""mixtura recommend."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import RatingMixture, load
from mixtura.cli.recommend import RatingsWatch
from mixtura.estimators.rating_fit import RatingStep
from mixtura.io.tables import read_table
from rating_problems import drawn


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Return a CSV of ratings, with a column that is none of theirs."""
    (users, items, values), _ = drawn(n_users=30, n_items=12, share=0.6)
    path = tmp_path / "ratings.csv"
    frame = pd.DataFrame({"user": users, "item": items, "rating": values.round(3)})
    frame["user"] = "u" + frame["user"].astype(str)
    frame["item"] = "film " + frame["item"].astype(str)
    frame.assign(when="today").to_csv(path, index=False)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a CSV of a new user's ratings."""
    path = tmp_path / "own.csv"
    path.write_text("item,rating\nfilm 3,4.5\nfilm 7,1\n")
    return path


def expected(ratings: Path) -> RatingMixture:
    """Return what the command fits."""
    frame = pd.read_csv(ratings)
    columns = (frame[name].tolist() for name in ("user", "item", "rating"))
    return RatingMixture(random_state=0).fit(tuple(columns))


def test_items_for_people(run: Any, ratings: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    lines = run("recommend", ratings, "--user", "u3", "-n", 2, "--save", path).stdout.splitlines()
    model = expected(ratings)
    n = len(pd.read_csv(ratings))
    assert lines[0] == f"ratings  {ratings}: {n} ratings of 12 items by 30 users"
    assert lines[1] == "model    12 components of users, spherical noise"
    assert lines[2].startswith("status   Converged: ")
    assert f" ({model.n_iter_} iterations) in " in lines[2]
    assert lines[4].split() == ["item", "rating", "±", "sd"]
    names, values = model.recommend("u3", 2)
    assert [line.split("  ")[0] for line in lines[5:7]] == names.tolist()
    assert float(lines[5].split()[2]) == pytest.approx(values[0], rel=1e-4)
    assert lines[-1] == f"model written to {path}; mixtura recommend -m {path} uses it"


def test_items_for_machines(run: Any, ratings: Path) -> None:
    result = json.loads(run("recommend", ratings, "-u", "u3", "--json").stdout)
    model = expected(ratings)
    names, values, stds = model.recommend("u3", return_std=True)
    assert result["recommendations"] == [
        {"item": item, "rating": rating, "std": std}
        for item, rating, std in zip(names.tolist(), values.tolist(), stds.tolist(), strict=True)
    ]
    assert (result["table"], result["user"], result["users"]) == (str(ratings), "u3", 30)
    assert (result["components"], result["iterations"]) == (12, model.n_iter_)
    assert result["seed"] == 0
    assert (result["output"], result["model"]) == (None, None)


def test_a_stored_model_and_a_new_user(run: Any, ratings: Path, own: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.mixtura"
    alone = run("recommend", ratings, "--save", path)
    assert "item  " not in alone.stdout
    output = tmp_path / "items.csv"
    stored = run("recommend", "-m", path, "--ratings", own, "-n", 4, "-o", output)
    assert stored.stdout.startswith("ratings  ")
    table = pd.read_csv(output)
    names, values, stds = load(path).recommend({"film 3": 4.5, "film 7": 1.0}, 4, return_std=True)
    assert table["item"].tolist() == names.tolist()
    np.testing.assert_allclose(table["rating"], values)
    np.testing.assert_allclose(table["std"], stds)
    everything = run("recommend", "-m", path, "-r", own, "-n", 99, "--rated-too", "-o", "-")
    assert len(everything.stdout.splitlines()) == 13
    assert everything.stdout.startswith("item,rating,std\n")


def test_columns_have_names_and_ids_may_be_numbers(run: Any, tmp_path: Path) -> None:
    (users, items, values), _ = drawn(n_users=10, n_items=6)
    path, own, model = (tmp_path / name for name in ("r.parquet", "own.csv", "m.mixtura"))
    pd.DataFrame({"who": users, "what": items, "stars": values}).to_parquet(path)
    own.write_text("what,stars\n3,4.0\n")
    named = ["--item-column", "what", "--rating-column", "stars"]
    run("recommend", path, "--user-column", "who", *named, "-k", 2, "--save", model)
    assert load(model).users_.dtype.kind == "i"
    assert load(model).n_components == 2
    found = json.loads(run("recommend", "-m", model, "-u", "7", "--json").stdout)
    assert found["recommendations"][0]["item"] == load(model).recommend(7)[0][0]
    run("recommend", "-m", model, "-r", own, *named)
    for name in ("ann", "--3", "9" * 30):
        wrong = run("recommend", "-m", model, f"--user={name}", code=3)
        assert f"'{name}' is no id of this model, whose ids are whole numbers" in wrong.stderr


def test_ids_of_nineteen_digits(run: Any, tmp_path: Path) -> None:
    path, large = tmp_path / "r.parquet", 2**63 - 4
    frame = pd.DataFrame({"user": [large, large + 1, large + 1], "item": [1, 1, 2]})
    frame.assign(rating=[3.0, 4.0, 5.0]).to_parquet(path)
    found = json.loads(run("recommend", path, "-u", large, "--json").stdout)
    assert [each["item"] for each in found["recommendations"]] == [2]
    assert f"'{2**63}' is no id" in run("recommend", path, "-u", 2**63, code=3).stderr


def test_rows_without_a_rating_are_left_out(
    run: Any, ratings: Path, own: Path, tmp_path: Path
) -> None:
    holes = tmp_path / "holes.csv"
    more = "u3,film 99,NA,today\nu99,film 1,,today\nu3,film 98,-9.0,today\n"
    holes.write_text(ratings.read_text() + more)
    missing = run("recommend", holes, "-u", "u3", "--na", "-9", "--json")
    assert missing.stderr == f"{holes}: left out 3 rows without a rating\n"
    plain = run("recommend", ratings, "-u", "u3", "--json")
    found, expected = (json.loads(each.stdout) for each in (missing, plain))
    assert found["n_ratings"] == expected["n_ratings"]
    assert found["recommendations"] == expected["recommendations"]
    expected = run("recommend", ratings, "-r", own, "-o", "-").stdout
    own.write_text(own.read_text() + "film 2,?\nfilm 4,none given\n")
    result = run("recommend", ratings, "-r", own, "--na", "none given", "-o", "-")
    assert result.stdout == expected


def test_seed_and_threads(run: Any, ratings: Path) -> None:
    one, same, other = (
        json.loads(run("recommend", ratings, "-u", "u3", "--json", *more).stdout)
        for more in ((), ("--threads", 2), ("--seed", 5))
    )
    assert one["recommendations"] == same["recommendations"] != other["recommendations"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either a table of RATINGS or a model"),
        (["RATINGS"], "say for whom"),
        (["RATINGS", "-m", "m.mixtura", "-u", "u1"], "not both"),
        (["RATINGS", "-u", "u1", "-r", "OWN"], "name two users"),
        (["RATINGS", "--save", "m.mixtura", "-o", "items.csv"], "say for whom"),
        (["RATINGS", "-u", "u1", "--json", "-o", "-"], "cannot both go to standard output"),
        (["-m", "m.mixtura", "-u", "u1", "-k", "3"], "-k is about a fit"),
        (["-m", "m.mixtura", "-u", "u1", "--seed", "0"], "--seed is about a fit"),
        (["-m", "m.mixtura", "-u", "u1", "--threads", "1"], "--threads is about a fit"),
        (["-m", "m.mixtura", "-u", "u1", "--user-column", "who"], "--user-column is about a fit"),
        (
            ["-m", "m.mixtura", "-u", "u1", "--item-column", "what"],
            "--item-column is about a table",
        ),
        (
            ["-m", "m.mixtura", "-u", "u1", "--rating-column", "x"],
            "--rating-column is about a table",
        ),
        (["-m", "m.mixtura", "-u", "u1", "--na", "-9"], "--na is about a table"),
        (["RATINGS", "-u", "u1", "--user-column", "item"], "are three columns of the table"),
    ],
)
def test_wrong_usage(
    run: Any, ratings: Path, own: Path, arguments: list[str], message: str
) -> None:
    paths = {"RATINGS": ratings, "OWN": own}
    result = run("recommend", *(paths.get(each, each) for each in arguments), code=2)
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user,item,stars\na,x,1\n", "has no column 'rating', only 'user', 'item', 'stars'"),
        ("user,item,rating\na,x,1\na,x,2\n", "user 'a', item 'x' is rated twice"),
        ("user,item,rating\na,x,1\n,x,2\n", "column 'user' is empty on line 3"),
        ("user,item,rating\na,x,good\nb,x,2\n", "'good' on line 2"),
    ],
)
def test_tables_that_cannot_be_used(run: Any, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    result = run("recommend", path, "-u", "a", code=3)
    assert message in result.stderr
    assert str(path) in result.stderr


def test_what_is_not_known(run: Any, ratings: Path, own: Path, model: Path) -> None:
    assert "user 'zz' has no place" in run("recommend", ratings, "-u", "zz", code=3).stderr
    own.write_text("item,rating\nfilm 99,3\n")
    wrong = run("recommend", ratings, "-r", own, code=3).stderr
    assert f"{own}: item 'film 99' has no place" in wrong
    wrong = run("recommend", "-m", model, "-u", "a", code=3).stderr
    assert "holds a GaussianMixture, which knows no users" in wrong


def test_models_of_ratings_are_told_from_others(
    run: Any, ratings: Path, table: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.mixtura"
    run("recommend", ratings, "--save", path)
    assert "use mixtura recommend" in run("assign", path, table, code=3).stderr
    found = json.loads(run("info", path, "--json").stdout)
    assert (found["kind"], found["users"], found["items"]) == ("RatingMixture", 30, 12)
    assert "12 items by 30 users" in run("info", path).stdout


def test_outputs_do_not_overwrite_inputs(run: Any, ratings: Path) -> None:
    result = run("recommend", ratings, "-u", "u3", "-o", ratings, code=3)
    assert "is what the command reads" in result.stderr
    assert read_table(ratings).n_rows > 12


def pressing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C in the second iteration of the second start."""
    take = RatingsWatch.take

    def press(self: RatingsWatch, step: Any) -> None:
        take(self, step)
        if (step.restart, step.iteration) == (1, 2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(RatingsWatch, "take", press)


def test_ctrl_c_keeps_the_best_of_the_starts(
    run: Any, ratings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch)
    path = tmp_path / "m.mixtura"
    result = run("recommend", ratings, "-u", "u3", "--save", path, code=130)
    assert result.stdout == ""
    found = load(path)
    assert result.stderr.splitlines()[-1] == (
        f"interrupted after {found.n_iter_ + 2} iterations; the best model so far is in {path}"
    )
    first = expected(ratings).set_params(n_init=1)
    columns = (pd.read_csv(ratings)[name].tolist() for name in ("user", "item", "rating"))
    assert found.lower_bounds_ == first.fit(tuple(columns)).lower_bounds_


def test_ctrl_c_with_nothing_to_keep(
    run: Any, ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch)
    result = run("recommend", ratings, "-u", "u3", code=130)
    assert result.stderr.splitlines()[-1] == "interrupted; nothing was written"


def test_progress_says_how_far_it_is() -> None:
    step = RatingStep(restart=0, iteration=3, lower_bound=-123.456, gain=5.0)
    words = RatingsWatch(100, 1e-3, keep=False).words(step)
    assert words == "lower bound/rating -1.23456, gain 5e-02 (until below 1e-03)"
