"""``mixtura assign``: say for every row of a table which component or cluster it belongs to."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import TableError
from mixtura.cli.clusters import nearest
from mixtura.cli.console import grid, number, print_json, say, show
from mixtura.cli.labels import Labels, read_labels
from mixtura.cli.models import Groups, groups_of, load_model, matching_columns
from mixtura.cli.options import (
    ENDINGS,
    JsonOption,
    LabelsOption,
    ModelArgument,
    NaOption,
    TableArgument,
    ThreadsOption,
    naming,
)
from mixtura.estimators.centres import CentreModel
from mixtura.io.table import Table
from mixtura.io.tables import STREAM, check_writable, read_table, write_table

SURE = 0.99
PROBABILITY = "probability_"


def assign(
    model: ModelArgument,
    table: TableArgument,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help=f"Write here: {ENDINGS}; '-' is standard output."),
    ] = STREAM,
    labels: LabelsOption = None,
    na: NaOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Append to every row its component or cluster, and how sure or how near that is.

    The new columns of a mixture are component (from 0), probability_0, probability_1 and so on,
    and certainty, the largest of them; rows that are noise have component -1, and there is
    probability_noise. Models of classes append class instead, and probability_NAME for each.
    Those of k-means are cluster (from 0) and distance_to_center. All columns of the table are kept
    as they are. The columns that the model needs are found by their names, in any order. Rows with
    missing cells are assigned by the others. With --labels, what is found is compared with a column
    of the table; where that goes to standard output, the comparison goes to standard error.
    """
    if as_json and output == STREAM:
        raise typer.BadParameter("--json and the table cannot both go to standard output: give -o.")
    check_writable(output, table, model)
    fitted, names = load_model(model, threads)
    source = read_table(table, na or ())
    known = None if labels is None else labels_aside(source, labels, names)
    numeric = matching_columns(source, fitted, names, known and known.column)
    probabilities = None
    with naming(source, numeric.names):
        if isinstance(fitted, CentreModel):
            columns = nearest_clusters(fitted, numeric.X)
            result = cluster_facts(columns, len(fitted.cluster_centers_))
            shown = clusters_table(result)
        else:
            probabilities = fitted.predict_proba(numeric.X)
            groups = groups_of(fitted)
            columns = assignment(probabilities, groups)
            result = group_facts(columns)
            shown = groups_table(result, groups.title)
    found = known and known.compared(next(iter(columns.values())), probabilities)
    write_table(output, source.appended(columns))
    if output == STREAM:
        if found:
            say(found.text())
    elif as_json:
        facts = found.facts() if found else {}
        print_json({"table": source.source, "output": output, **result, **facts})
    else:
        show(found.below(shown) if found else shown)


def labels_aside(table: Table, option: str, names: list[str] | None) -> Labels:
    """Return the labels, or raise where their column is one that the model goes by."""
    labels = read_labels(table, option)
    if labels.column in (names or ()):
        raise TableError(
            f"{table.source}: column '{labels.column}' is one that the model was fitted to, so "
            "that comparing with it says nothing; fit without it (--drop)."
        )
    return labels


def assignment(
    probabilities: NDArray[Any], groups: Groups | None = None
) -> dict[str, NDArray[Any]]:
    """Return the columns that ``assign`` appends; the groups are components unless given."""
    numbers = np.arange(probabilities.shape[1])
    title, labels, names = groups or Groups("component", numbers, [str(j) for j in numbers])
    each = {f"{PROBABILITY}{name}": p for name, p in zip(names, probabilities.T, strict=True)}
    chosen = labels[probabilities.argmax(axis=1)]
    return {title: chosen, **each, "certainty": probabilities.max(axis=1)}


def group_facts(columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return how many rows each group received, and how surely."""
    each = {name: p for name, p in columns.items() if name.startswith(PROBABILITY)}
    group, certainty = np.argmax(list(each.values()), axis=0), columns["certainty"]
    k = len(each)
    sizes = np.bincount(group, minlength=k)
    sums = np.bincount(group, weights=certainty, minlength=k)
    sure = np.bincount(group, weights=certainty > SURE, minlength=k)
    return {
        "rows": len(group),
        "groups": [name.removeprefix(PROBABILITY) for name in each],
        "sizes": sizes,
        "mean_certainty": [s / n if n else None for s, n in zip(sums, sizes, strict=True)],
        "rows_above_99_percent": sure.astype(int),
    }


def groups_table(result: dict[str, Any], title: str = "component") -> RenderableType:
    """Return the facts of the groups as a table for people."""
    rows = []
    for name, size, certainty, sure in zip(
        result["groups"],
        result["sizes"],
        result["mean_certainty"],
        result["rows_above_99_percent"],
        strict=True,
    ):
        share = f"{size / result['rows']:.1%}"
        mean = "-" if certainty is None else f"{certainty:.4f}"
        rows.append([name, f"{size:,}", share, mean, f"{sure:,}"])
    return grid([title, "rows", "share", "mean certainty", "rows above 99 %"], rows)


def nearest_clusters(model: CentreModel, X: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the columns that ``assign`` appends for k-means."""
    labels, squared = nearest(model, X)
    return {"cluster": labels, "distance_to_center": np.sqrt(squared)}


def cluster_facts(columns: dict[str, NDArray[Any]], k: int) -> dict[str, Any]:
    """Return how many rows each cluster received, and how far they are from its centre."""
    labels, distances = columns.values()
    each = [distances[labels == j] for j in range(k)]
    return {
        "rows": len(labels),
        "sizes": [len(own) for own in each],
        "mean_distance": [own.mean() if len(own) else None for own in each],
        "largest_distance": [own.max() if len(own) else None for own in each],
    }


def clusters_table(result: dict[str, Any]) -> RenderableType:
    """Return the facts of the clusters as a table for people."""
    columns = (result[name] for name in ("sizes", "mean_distance", "largest_distance"))
    rows = [
        [
            str(j),
            f"{size:,}",
            f"{size / result['rows']:.1%}",
            *("-" if value is None else number(value) for value in distances),
        ]
        for j, (size, *distances) in enumerate(zip(*columns, strict=True))
    ]
    return grid(["cluster", "rows", "share", "mean distance", "largest distance"], rows)
