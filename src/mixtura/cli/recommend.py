"""``mixtura recommend``: what a user would rate highest, from a table of ratings."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import RatingMixture, Status, TableError, load
from mixtura._text import counted
from mixtura.cli.console import (
    INTERRUPTED,
    announce,
    facts,
    grid,
    hush,
    number,
    print_json,
    say,
    show,
)
from mixtura.cli.options import (
    ENDINGS,
    JsonOption,
    NaOption,
    QuietOption,
    ThreadsOption,
    check_no_fit,
    naming,
)
from mixtura.cli.progress import Watch, shown, stopping_on_interrupt
from mixtura.io.arrow import pa
from mixtura.io.columns import numeric_columns
from mixtura.io.table import Table, quoted
from mixtura.io.tables import STREAM, check_model_path, check_writable, read_table, write_table

ColumnNames = tuple[str, str, str]
FOUND = ("item", "rating", "std")  # the columns of a table of recommendations


def recommend(
    ratings: Annotated[
        str | None,
        typer.Argument(
            metavar="RATINGS",
            help=f"Table with a rating per row: {ENDINGS}; '-' reads standard input.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Recommend to this user.")
    ] = None,
    own: Annotated[
        str | None,
        typer.Option(
            "--ratings",
            "-r",
            metavar="TABLE",
            help="Recommend to a new user who gave these ratings: a table of items and ratings.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Use this model of ratings instead of fitting one."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of items.")] = 10,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help=f"Write the items here: {ENDINGS}.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the model here, with its ratings.")
    ] = None,
    user_column: Annotated[
        str | None, typer.Option(help="Column of the users.", show_default="user")
    ] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Column of the items.", show_default="item")
    ] = None,
    rating_column: Annotated[
        str | None, typer.Option(help="Column of the ratings.", show_default="rating")
    ] = None,
    na: NaOption = None,
    components: Annotated[
        int | None,
        typer.Option(
            "--components",
            "-k",
            min=1,
            help="Number of components.",
            show_default="12, or as many as there are users",
        ),
    ] = None,
    rated_too: Annotated[
        bool, typer.Option("--rated-too", help="Do not leave out what the user has rated.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed; equal seeds give equal models.", show_default="0"),
    ] = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Recommend items to a user, from the ratings of many.

    The table has a row for each rating, with its user, item and rating; other columns are not
    used, nor are rows without a rating. The expected rating of each item comes with its standard
    deviation. Items that the user has rated are left out. A model that --save wrote is used with
    -m, without another fit. Ctrl-C stops after the iteration at hand and, with --save, keeps the
    model so far.
    """
    if quiet:
        hush()
    names = (user_column or "user", item_column or "item", rating_column or "rating")
    fitting = {"-k": components, "--seed": seed, "--threads": threads, "--user-column": user_column}
    reading = {"--item-column": item_column, "--rating-column": rating_column, "--na": na or None}
    check_usage(ratings, model, user, own, fitting, reading)
    check_outputs(user or own, output, save, as_json=as_json)
    if len(set(names)) < len(names):
        raise typer.BadParameter("users, items and ratings are three columns of the table.")
    inputs = [each for each in (ratings, own, model) if each is not None]
    if output is not None:
        check_writable(output, *inputs)
    if save is not None:
        check_model_path(save, *inputs)
    if ratings is None:
        fitted, result = stored(model)
    else:
        fitted = RatingMixture(random_state=seed or 0, n_jobs=threads)
        table = read_table(ratings, na or ())
        result = fit(fitted, table, names, components, save, visible=not quiet)
    if save is not None:
        fitted.save(save)
    if user is not None or own is not None:
        how: dict[str, Any] = {"n": n, "exclude_rated": not rated_too, "return_std": True}
        if own is None:
            found = fitted.recommend(as_known(fitted.users_, np.array([user]))[0], **how)
        else:
            found = for_newcomer(fitted, read_table(own, na or ()), names[1:], how)
        result["user"] = user
        result["recommendations"] = [
            dict(zip(FOUND, row, strict=True))
            for row in zip(*(each.tolist() for each in found), strict=True)
        ]
        if output is not None:
            columns = dict(zip(FOUND, map(pa.array, found), strict=True))
            write_table(output, Table("recommendations", pa.table(columns)))
    deliver(result, output, save, as_json=as_json)


def check_usage(
    ratings: str | None,
    model: Path | None,
    user: str | None,
    own: str | None,
    fitting: dict[str, Any],
    reading: dict[str, Any],
) -> None:
    """Raise where options say too little or too much of what is asked."""
    if (ratings is None) == (model is None):
        raise typer.BadParameter("give either a table of RATINGS or a model (-m), and not both.")
    if user is not None and own is not None:
        raise typer.BadParameter("--user and --ratings name two users; give one of them.")
    check_no_fit(model, fitting)
    given = [flag for flag, value in reading.items() if value is not None]
    if ratings is None and own is None and given:
        raise typer.BadParameter(f"{given[0]} is about a table, and none is to be read.")


def check_outputs(
    user: str | None, output: str | None, save: Path | None, *, as_json: bool
) -> None:
    """Raise where there is nothing to write, or two things for one place."""
    if user is None and (save is None or output is not None):
        raise typer.BadParameter("say for whom: --user ID, or --ratings TABLE for a new user.")
    if as_json and output == STREAM:
        raise typer.BadParameter("--json and the items cannot both go to standard output.")


def fit(
    model: RatingMixture,
    table: Table,
    names: ColumnNames,
    components: int | None,
    save: Path | None,
    *,
    visible: bool,
) -> dict[str, Any]:
    """Fit a model to the ratings in a table, and return what there is to say of the fit.

    Where Ctrl-C stops the fit, write what there is and leave.
    """
    users, items, values = rated(table, names)
    most = min(model.n_components, len(np.unique(users)))
    watch = RatingsWatch(len(values), model.tol, keep=save is not None)
    model.set_params(n_components=components or most, callback=watch)
    started = time.monotonic()
    with naming(table, []), shown(watch, visible=visible), stopping_on_interrupt(watch):
        model.fit((users, items, values))
    model.set_params(callback=None)
    if watch.stopping and save is not None:
        model.save(save)
        after = counted(watch.iterations, "iteration")
        announce(f"interrupted after {after}; the best model so far is in {save}")
        raise typer.Exit(INTERRUPTED)
    seconds = time.monotonic() - started
    if model.status_ is Status.MAX_ITER:
        say(f"warning: stopped after {counted(model.max_iter, 'iteration')}, before it settled")
    about = {"table": table.source, **description(model)}
    return {**about, "seconds": seconds, "seed": model.random_state}


class RatingsWatch(Watch):
    """The callback of a RatingMixture; it keeps its own best parameters."""

    def __init__(self, n_ratings: int, tol: float, *, keep: bool) -> None:
        super().__init__(keep=keep)
        self.n_ratings = n_ratings
        self.tol = tol

    def take(self, step: Any) -> None:
        """Note that there is something to keep."""
        self.best = step

    def words(self, step: Any) -> str:
        """Return how far the fit is."""
        bound, gain = step.lower_bound / self.n_ratings, step.gain / self.n_ratings
        return f"lower bound/rating {bound:.5f}, gain {gain:.0e} (until below {self.tol:.0e})"


def stored(path: Path | None) -> tuple[RatingMixture, dict[str, Any]]:
    """Return the model of a file, and what there is to say of it."""
    assert path is not None
    model = load(path)
    if not isinstance(model, RatingMixture):
        raise TableError(
            f"{path} holds a {type(model).__name__}, which knows no users; give a model that "
            "mixtura recommend --save wrote."
        )
    return model, description(model)


def description(model: RatingMixture) -> dict[str, Any]:
    """Return what there is to know of a model but its ratings and means, for machines."""
    return {
        "users": len(model.users_),
        "items": len(model.items_),
        "n_ratings": len(model._ratings.values),
        "rating_range": model.rating_range_,
        "components": len(model.weights_),
        "covariance_type": model.covariance_type,
        "converged": model.converged_,
        "status": str(model.status_.value),
        "iterations": model.n_iter_,
        "weights": model.weights_,
        "standard_deviations": np.sqrt(model.variances_),
    }


def model_lines(about: dict[str, Any]) -> dict[str, str]:
    """Return what a model is and has seen as names and values for people."""
    components = counted(about["components"], "component")
    return {
        "ratings": f"{counted(about['n_ratings'], 'rating')} of "
        f"{counted(about['items'], 'item')} by {counted(about['users'], 'user')}",
        "model": f"{components} of users, {about['covariance_type']} noise",
        "status": f"{about['status']} ({counted(about['iterations'], 'iteration')})",
    }


def weights_table(about: dict[str, Any]) -> RenderableType:
    """Return the components' shares of the users."""
    rows = [[str(j), f"{weight:.4f}"] for j, weight in enumerate(about["weights"])]
    return grid(["component", "weight"], rows)


def for_newcomer(
    model: RatingMixture, table: Table, names: tuple[str, ...], how: dict[str, Any]
) -> tuple[NDArray[Any], ...]:
    """Return items, ratings and standard deviations for a new user who gave these ratings."""
    items, values = rated(table, names)
    with naming(table, []):
        return model.recommend((as_known(model.items_, items), values), **how)


def as_known(known: NDArray[Any], given: NDArray[Any]) -> NDArray[Any]:
    """Return ids as the model has them: numbers or text."""
    if known.dtype.kind == "U" or given.dtype.kind != "U":
        return given.astype(str) if known.dtype.kind == "U" else given
    for each in given.tolist():
        if not re.fullmatch(r"-?\d{1,19}", each) or abs(int(each)) >= 2**63:
            raise TableError(f"'{each}' is no id of this model, whose ids are whole numbers.")
    return given.astype(np.int64)


def ids(table: Table, name: str) -> NDArray[Any]:
    """Return a column of ids: text as it is written, or whole numbers."""
    check_column(table, name)
    column = table.columns.column(name)
    cells = column.to_pylist()
    empty = [row for row, cell in enumerate(cells) if cell is None or cell == ""]
    if empty:
        raise TableError(
            f"{table.source}: column '{name}' is empty on {table.where(empty[0])}; every rating "
            "needs a user and an item."
        )
    return np.array(cells) if pa.types.is_integer(column.type) else np.array(list(map(str, cells)))


def rated(table: Table, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    """Return ids and, last, ratings of the rows that have a rating."""
    columns = [ids(table, name) for name in names[:-1]]
    check_column(table, names[-1])
    values = numeric_columns(table, [names[-1]], allow_missing=True).X[:, 0].astype(np.float64)
    there = ~np.isnan(values)
    if not there.all():
        say(f"{table.source}: left out {counted(int((~there).sum()), 'row')} without a rating")
    return *(each[there] for each in columns), values[there]


def check_column(table: Table, name: str) -> None:
    """Raise where a column is not there, with the options that name columns."""
    if name not in table.names:
        raise TableError(
            f"{table.source} has no column '{name}', only {quoted(table.names)}; --user-column, "
            "--item-column and --rating-column say what the columns are called."
        )


def deliver(
    result: dict[str, Any], output: str | None, save: Path | None, *, as_json: bool
) -> None:
    """Print the result for machines or people, unless the items go to standard output."""
    if output == STREAM:
        return
    if as_json:
        print_json({**result, "output": output, "model": save})
        return
    found, lines = result.get("recommendations"), model_lines(result)
    if "table" in result:
        lines["ratings"] = f"{result['table']}: {lines['ratings']}"
        lines["status"] += f" in {result['seconds']:.2f} s"
    show(facts(lines))
    if found is not None:
        rows = [
            [str(each["item"]), number(each["rating"]), number(each["std"], 3)] for each in found
        ]
        show("", grid(["item", "rating", "± sd"], rows))
    if save is not None:
        show(f"\nmodel written to {save}; mixtura recommend -m {save} uses it")
