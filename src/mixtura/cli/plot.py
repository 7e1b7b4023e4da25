"""``mixtura plot``: pictures of a model and of a table."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from mixtura import InputError, MixtureClassifier, TableError, view
from mixtura.cli.assign import labels_aside
from mixtura.cli.console import show
from mixtura.cli.fitting import weight_column
from mixtura.cli.labels import Labels
from mixtura.cli.models import gaussians, load_model, matching_columns
from mixtura.cli.options import (
    ENDINGS,
    LabelsOption,
    NaOption,
    ThreadsOption,
    WeightsOption,
    names_in,
    naming,
)
from mixtura.estimators.centres import CentreModel
from mixtura.io.atomic import atomic_writer, reason
from mixtura.io.table import Table, named, quoted
from mixtura.io.tables import check_model_path, read_table

SUFFIXES = (".png", ".svg", ".pdf")
DPI = 150


class Kind(StrEnum):
    """What can be drawn."""

    density = "density"
    clusters = "clusters"
    pairs = "pairs"
    projection = "projection"
    comparison = "comparison"
    convergence = "convergence"
    criteria = "criteria"
    certainty = "certainty"
    profiles = "profiles"
    contingency = "contingency"
    missing = "missing"
    imputation = "imputation"
    images = "images"


class Picture(NamedTuple):
    """How one kind is drawn.

    Attributes
    ----------
    display : str
        The class in ``mixtura.view``.
    table : bool or None
        Whether it needs a table; None where it can do without.
    options : tuple of str
        The options that it takes.
    needs : str or None
        The one among them that it cannot do without.
    columns : int or None
        How many ``--columns`` must name; None for any number.
    """

    display: str
    table: bool | None = True
    options: tuple[str, ...] = ()
    needs: str | None = None
    columns: int | None = None


PICTURES = {
    Kind.density: Picture("DensityDisplay", True, ("--columns", "--weights"), columns=1),
    Kind.clusters: Picture("ClustersDisplay", True, ("--columns", "--weights"), columns=2),
    Kind.pairs: Picture("PairsDisplay", True, ("--columns", "--weights")),
    Kind.projection: Picture("ProjectionDisplay", True, ("--weights",)),
    Kind.comparison: Picture(
        "ComparisonDisplay", True, ("--columns", "--weights", "--with"), "--with", columns=2
    ),
    Kind.convergence: Picture("ConvergenceDisplay", False),
    Kind.criteria: Picture("CriteriaDisplay", False, ("--heat",)),
    Kind.certainty: Picture("CertaintyDisplay", True, ("--weights",)),
    Kind.profiles: Picture("ProfilesDisplay", None, ("--weights", "--heat")),
    Kind.contingency: Picture("ContingencyDisplay", True, ("--labels", "--weights"), "--labels"),
    Kind.missing: Picture("MissingDisplay", True, ("--weights",)),
    Kind.imputation: Picture("ImputationDisplay"),
    Kind.images: Picture("ImagesDisplay", None, ("--shape",), "--shape"),
}


def plot(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind), show_default=False)],
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Model file that 'fit' or 'kmeans' wrote; for criteria, what 'select --json' "
            "printed.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=f"Write here: {' '.join(SUFFIXES)}.")
    ],
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE", help=f"Table of the rows to draw: {ENDINGS}.", show_default=False
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns to draw, as a,b.", show_default=False)
    ] = None,
    labels: LabelsOption = None,
    other: Annotated[
        Path | None, typer.Option("--with", metavar="MODEL", help="Model to compare with.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help="Height and width of an image, as 28x28; 8x8x3 in colours.")
    ] = None,
    heat: Annotated[
        bool, typer.Option("--heat", help="Criteria or profiles as a heat map.")
    ] = False,
    width: Annotated[
        float | None, typer.Option(min=1, max=40, help="Inches.", show_default="as needed")
    ] = None,
    height: Annotated[
        float | None, typer.Option(min=1, max=40, help="Inches.", show_default="as needed")
    ] = None,
    dpi: Annotated[int, typer.Option(min=20, max=600, help="Dots per inch of a PNG.")] = DPI,
    weights: WeightsOption = None,
    na: NaOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Draw a model and the rows of a table.

    Of a model alone: convergence, criteria, profiles, images. Of its rows, too: density (of one
    column), clusters (of two), pairs, projection, comparison (--with another model), certainty,
    contingency (with --labels), missing, imputation.
    """
    given = {
        "--columns": names_in(columns),
        "--labels": labels,
        "--with": other,
        "--shape": None if shape is None else shape_in(shape),
        "--heat": heat or None,
        "--weights": weights,
    }
    check_options(kind, given, has_table=table is not None)
    check_output(output, model, *(each for each in (table, other) if each is not None))
    os.environ["MPLBACKEND"] = "agg"  # a file needs no screen
    if kind is Kind.criteria:
        models, criterion = search_in(model)
        display = drawn(kind, models, None, criterion=criterion, **heat_in(heat))
    else:
        source = None if table is None else read_table(table, na or ())
        display = drawn_model(kind, model, source, given, threads)
    write_picture(display.figure_, output, (width, height), dpi)
    show(f"{kind} written to {output}")


def check_options(kind: Kind, given: dict[str, Any], *, has_table: bool) -> None:
    """Raise where a kind of picture does not take what is given, or lacks what it needs."""
    picture = PICTURES[kind]
    for name, value in given.items():
        if value is not None and name not in picture.options:
            takers = [each for each in Kind if name in PICTURES[each].options]
            raise typer.BadParameter(f"{name} is for {', '.join(takers)}; not for {kind}.")
    if picture.needs is not None and given[picture.needs] is None:
        raise typer.BadParameter(f"{kind} needs {picture.needs}.")
    if picture.table is True and not has_table:
        raise typer.BadParameter(f"{kind} shows rows of a table: give TABLE after MODEL.")
    if picture.table is False and has_table:
        raise typer.BadParameter(f"{kind} shows no rows: leave TABLE out.")
    if given["--weights"] is not None and not has_table:
        raise typer.BadParameter("--weights is about rows of a table: give TABLE after MODEL.")
    names = given["--columns"]
    if names is not None and len(names) != (picture.columns or max(2, len(names))):
        raise typer.BadParameter(
            f"{kind} takes {picture.columns or '2 or more'} of them.", param_hint="--columns"
        )


def shape_in(option: str) -> tuple[int, ...]:
    """Return the numbers of an option such as ``28x28``."""
    parts = option.lower().split("x")
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"'{option}' is no shape such as 28x28.", param_hint="--shape")
    return tuple(map(int, parts))


def heat_in(heat: bool | None) -> dict[str, str]:
    """Return what ``--heat`` asks a display for."""
    return {"kind": "heat"} if heat else {}


def check_output(output: Path, *inputs: str | Path) -> None:
    """Raise unless a picture may be written here: a known ending, a directory, and no input."""
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{output}: the ending says no kind of picture that mixtura draws; use one of "
            f"{' '.join(SUFFIXES)}."
        )
    check_model_path(output, *inputs)


def search_in(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the models of a search, and its criterion, that ``mixtura select --json`` printed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found["models"], found["criterion"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}.") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: criteria are drawn from what a search has found: "
            "mixtura select TABLE --json > search.json."
        ) from None


def drawn(kind: Kind, model: Any, X: Any, /, **options: Any) -> Any:
    """Return the display of a kind, drawn."""
    return getattr(view, PICTURES[kind].display).from_estimator(model, X, **options)


def drawn_model(
    kind: Kind, path: Path, source: Table | None, given: dict[str, Any], threads: int | None
) -> Any:
    """Return the display of a model and the rows of a table, if there are any."""
    fitted, names = load_model(path, threads)
    if kind is Kind.convergence and not len(getattr(fitted, "lower_bounds_", ())):
        raise InputError(f"{path}: this kind of model file keeps no trace of its iterations.")
    if kind is Kind.profiles and given["--weights"] and not isinstance(fitted, CentreModel):
        raise InputError(f"{path}: profiles of a mixture are its parameters: leave out --weights.")
    if source is None:
        return drawn(kind, seen(kind, fitted, names), None, **options_of(kind, given))
    known = None if given["--labels"] is None else labels_aside(source, given["--labels"], names)
    aside = given["--weights"] or (known and known.column)
    numeric = matching_columns(source, fitted, names, aside)
    check_drawable(source, given["--columns"] or [], numeric.names)
    options, counts = options_of(kind, given), None
    if given["--weights"] is not None:
        options["sample_weight"] = counts = weight_column(source, given["--weights"])
    with naming(source, numeric.names):
        if known is not None:
            return drawn_labels(known, fitted.predict(numeric.X), counts)
        subject = seen(kind, fitted, numeric.names)
        if kind is Kind.comparison:
            subject = [subject, other_model(given["--with"], numeric.names, names, threads)]
            options["names"] = [path.stem, given["--with"].stem]
        return drawn(kind, subject, numeric.X, **options)


def check_drawable(source: Table, columns: list[str], names: list[str]) -> None:
    """Raise where columns to draw are none of the model's."""
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise TableError(
            f"{source.source}: the model knows no {named('column', unknown)}; it was fitted to "
            f"{quoted(names)}."
        )


def options_of(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """Return what a display is asked for beside its model and its rows."""
    options: dict[str, Any] = heat_in(given["--heat"])
    if given["--shape"] is not None:
        options["shape"] = given["--shape"]
    if given["--columns"] is not None:
        one = kind is Kind.density
        options |= {"column": given["--columns"][0]} if one else {"columns": given["--columns"]}
    return options


def drawn_labels(known: Labels, assigned: Any, weights: Any) -> Any:
    """Return the display of groups against labels."""
    found = known.compared(assigned, None, weights)
    return view.ContingencyDisplay.from_evaluation(found.evaluation)


def seen(kind: Kind, fitted: Any, names: list[str] | None) -> Any:
    """Return a model as displays take it, with the names of its columns.

    One mixture for each class is drawn as the mixture of all of them, but for how sure it is of
    the classes.
    """
    if isinstance(fitted, MixtureClassifier) and kind is not Kind.certainty:
        fitted = gaussians(fitted)
    if names is not None:
        fitted.feature_names_in_ = np.asarray(names, dtype=object)
    return fitted


def other_model(
    path: Path, columns: list[str], names: list[str] | None, threads: int | None
) -> Any:
    """Return the model to compare with, or raise where it is one of other columns."""
    fitted, own = load_model(path, threads)
    if fitted.n_features_in_ != len(columns) or (own != names and None not in (own, names)):
        shown = "columns of other names" if own is None or names is None else ", ".join(own)
        raise TableError(f"{path}: this model is of other columns ({shown}) than the first.")
    return seen(Kind.comparison, fitted, columns)


def write_picture(
    figure: Any, output: Path, size: tuple[float | None, float | None], dpi: int
) -> None:
    """Write a figure, whole or not at all."""
    own = figure.get_size_inches()
    figure.set_size_inches([given or usual for given, usual in zip(size, own, strict=True)])
    try:
        with atomic_writer(output) as handle:
            figure.savefig(handle, format=output.suffix[1:].lower(), dpi=dpi)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {reason(error)}.") from None
