"""``mixtura assign``: say for every row of a table which component or cluster it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType

from mixtura import OpenTable, TableError
from mixtura.cli.clusters import nearest
from mixtura.cli.console import grid, number, print_json, say, show
from mixtura.cli.fitting import rows_for
from mixtura.cli.labels import Labels, read_labels
from mixtura.cli.models import Groups, Model, groups_of, load_model, takes_holes
from mixtura.cli.options import (
    ENDINGS,
    MEMORY,
    JsonOption,
    LabelsOption,
    MemoryOption,
    ModelArgument,
    NaOption,
    TablesArgument,
    ThreadsOption,
    naming,
)
from mixtura.cli.streaming import Columns, written
from mixtura.estimators.centres import CentreModel
from mixtura.io.table import Table
from mixtura.io.tables import STREAM, check_writable, write_table

SURE = 0.99
PROBABILITY = "probability_"


def assign(
    model: ModelArgument,
    tables: TablesArgument,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help=f"Write here: {ENDINGS}; '-' is standard output."),
    ] = STREAM,
    labels: LabelsOption = None,
    na: NaOption = None,
    memory: MemoryOption = MEMORY,
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
    check_writable(output, *tables, model)
    fitted, names = load_model(model, threads)
    aside = None if labels is None else partial(labels_aside, option=labels, names=names)
    rows = rows_for(fitted, names, tables, None, na, memory, aside)
    found = None
    with naming(rows.table, rows.numeric.names):
        if isinstance(rows.table, OpenTable):
            sums = written(
                rows.table, output, partial(assigned, fitted), allow_nan=takes_holes(fitted)
            )
        else:
            columns, sums = assigned(fitted, rows.numeric.X)
            found = rows.labels and rows.labels.compared(*in_order(columns))
            write_table(output, rows.table.appended(columns))
    result = sums.facts()
    is_mixture = not isinstance(fitted, CentreModel)
    shown = groups_table(result, groups_of(fitted).title) if is_mixture else clusters_table(result)
    if output == STREAM:
        if found:
            say(found.text())
    elif as_json:
        facts = found.facts() if found else {}
        print_json({"table": rows.table.source, "output": output, **result, **facts})
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


def assigned(model: Model, X: NDArray[Any]) -> tuple[Columns, GroupSums | ClusterSums]:
    """Return the columns that ``assign`` appends to rows, and what is told of them."""
    if isinstance(model, CentreModel):
        columns = nearest_clusters(model, X)
        return columns, cluster_sums(columns, len(model.cluster_centers_))
    columns = assignment(model.predict_proba(X), groups_of(model))
    return columns, group_sums(columns)


def in_order(columns: Columns) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the groups or clusters of rows, and the probabilities (n, k) where there are any."""
    each = [values for name, values in columns.items() if name.startswith(PROBABILITY)]
    return next(iter(columns.values())), np.column_stack(each) if each else None


def assignment(probabilities: NDArray[Any], groups: Groups | None = None) -> Columns:
    """Return the columns that ``assign`` appends; the groups are components unless given."""
    numbers = np.arange(probabilities.shape[1])
    title, labels, names = groups or Groups("component", numbers, [str(j) for j in numbers])
    each = {f"{PROBABILITY}{name}": p for name, p in zip(names, probabilities.T, strict=True)}
    chosen = labels[probabilities.argmax(axis=1)]
    return {title: chosen, **each, "certainty": probabilities.max(axis=1)}


@dataclass(frozen=True, eq=False)
class GroupSums:
    """How many rows each of the named groups received, and how surely; parts of a table add up.

    ``sums`` (3, k) holds rows, the sum of their certainties, and the rows above 99 %.
    """

    names: list[str]
    sums: NDArray[np.float64]

    def __add__(self, other: GroupSums) -> GroupSums:
        return GroupSums(self.names, self.sums + other.sums)

    def facts(self) -> dict[str, Any]:
        """Return how many rows each group received, and how surely."""
        sizes, sums, sure = self.sums
        return {
            "rows": int(sizes.sum()),
            "groups": self.names,
            "sizes": sizes.astype(int),
            "mean_certainty": [s / n if n else None for s, n in zip(sums, sizes, strict=True)],
            "rows_above_99_percent": sure.astype(int),
        }


def group_sums(columns: Columns) -> GroupSums:
    """Return how many rows each group received, and how surely."""
    each = {name: p for name, p in columns.items() if name.startswith(PROBABILITY)}
    group, certainty = np.argmax(list(each.values()), axis=0), columns["certainty"]
    weights = (None, certainty, certainty > SURE)
    sums = np.stack([np.bincount(group, own, len(each)).astype(float) for own in weights])
    return GroupSums([name.removeprefix(PROBABILITY) for name in each], sums)


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


def nearest_clusters(model: CentreModel, X: NDArray[Any]) -> Columns:
    """Return the columns that ``assign`` appends for k-means."""
    labels, squared = nearest(model, X)
    return {"cluster": labels, "distance_to_center": np.sqrt(squared)}


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """How many rows each cluster received, their distances from its centre, and the largest."""

    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]
    largest: NDArray[np.float64]

    def __add__(self, other: ClusterSums) -> ClusterSums:
        largest = np.maximum(self.largest, other.largest)
        return ClusterSums(self.sizes + other.sizes, self.sums + other.sums, largest)

    def facts(self) -> dict[str, Any]:
        """Return how many rows each cluster received, and how far they are from its centre."""
        each = list(zip(self.sizes, self.sums, self.largest, strict=True))
        return {
            "rows": int(self.sizes.sum()),
            "sizes": self.sizes,
            "mean_distance": [total / size if size else None for size, total, _ in each],
            "largest_distance": [most if size else None for size, _, most in each],
        }


def cluster_sums(columns: Columns, k: int) -> ClusterSums:
    """Return how many rows each cluster received, and how far they are from its centre."""
    labels, distances = columns.values()
    largest = np.zeros(k)
    np.maximum.at(largest, labels, distances)
    sizes, sums = np.bincount(labels, minlength=k), np.bincount(labels, distances, k)
    return ClusterSums(sizes, sums.astype(np.float64), largest)


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
