"""``--labels``: what several commands do to compare groups with a column of known labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from mixtura import Evaluation, evaluate
from mixtura.cli.console import heading
from mixtura.cli.options import naming
from mixtura.io.columns import check_known, read_cells
from mixtura.io.table import Table
from mixtura.selection.evaluation import report

HARDEST_TOLD = 10


class Labels(NamedTuple):
    """A column of a table that holds known labels, and each row's, None where it is missing."""

    table: Table
    column: str
    values: list[Any]

    def compared(
        self,
        assigned: NDArray[Any],
        responsibilities: NDArray[Any] | None = None,
        weights: NDArray[Any] | None = None,
    ) -> Comparison:
        """Compare the clusters of all rows with their labels."""
        with naming(self.table, []):
            found = evaluate(self.values, assigned, responsibilities, weights)
        return Comparison(self, found)


class Comparison(NamedTuple):
    """Clusters compared with known labels."""

    labels: Labels
    evaluation: Evaluation

    def facts(self) -> dict[str, Any]:
        """Return what was found, for machines."""
        found = self.evaluation
        about = {
            "column": self.labels.column,
            "rows": found.n_rows,
            "rows_without_label": found.n_unlabelled,
            "classes": found.classes,
            "clusters": found.clusters,
            "table": found.table,
            "majority": found.majority,
            "matched": found.matched,
            "majority_error": found.majority_error,
            "matched_error": found.matched_error,
            "adjusted_rand_index": found.adjusted_rand_index,
            "normalized_mutual_info": found.normalized_mutual_info,
        }
        if found.certainty is not None:
            hardest = found.hardest(HARDEST_TOLD).tolist()
            about["hardest"] = [
                {"row": row + 1, "certainty": found.certainty[row]} for row in hardest
            ]
        return {"labels": about}

    def text(self) -> str:
        """Return what was found as a table, for people."""
        return report(self.evaluation, self.labels.table.where)

    def below(self, first: RenderableType) -> RenderableType:
        """Return what was found below something else."""
        return Group(first, heading(f"against {self.labels.column}"), Text(self.text()))


def read_labels(table: Table, option: str) -> Labels:
    """Return the labels in the column that ``--labels`` names, or means by its number from 1."""
    column = option
    if option not in table.names and option.isdecimal() and 0 < int(option) <= len(table.names):
        column = table.names[int(option) - 1]
    check_known(table, [column])
    return Labels(table, column, cells_of(table, column))


def cells_of(table: Table, column: str) -> list[Any]:
    """Return the cells of a column as they are written, None where they are missing."""
    cells = table.columns.column(column)
    read = read_cells(cells, table.na)
    missing = np.isnan(read.values) & ~read.bad
    if missing.all() and read.kind != "empty":  # dates and the like: no numbers in any case
        missing = np.array(cells.is_null())
    return [
        None if absent else value.strip() if isinstance(value, str) else value
        for value, absent in zip(cells.to_pylist(), missing, strict=True)
    ]
