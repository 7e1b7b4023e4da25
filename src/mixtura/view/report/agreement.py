"""The groups beside known labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mixtura import Evaluation, evaluate
from mixtura._errors import InputError
from mixtura._text import counted
from mixtura.selection.labels import coded
from mixtura.view.report.blocks import Block, Cell, Grid, Section, Text
from mixtura.view.report.certainty import SURE
from mixtura.view.report.study import Study
from mixtura.view.report.words import number, share, short

#: Labels that a table has columns for, and rows of other labels that are listed.
CLASSES, LISTED = 20, 10


def named_labels(labels: Any) -> tuple[str, list[Any]]:
    """Return what labels are called and those of all rows."""
    if isinstance(labels, Mapping):
        if len(labels) != 1:
            raise InputError(f"labels holds {len(labels)} columns; give one, as {{name: labels}}.")
        name, values = next(iter(labels.items()))
    else:
        name, values = getattr(labels, "name", None) or "label", labels
    return str(name), list(values)


def section(
    study: Study, name: str, values: list[Any], first_row: int, *, seen: bool = False
) -> Section:
    """Return how the groups agree with labels; ``seen`` tells that the fit had some."""
    if not study.n:
        raise InputError("labels need the rows that they are of: give X.")
    weights = study.weights if (study.weights != 1.0).any() else None
    found = evaluate(values, study.assigned, sample_weight=weights)
    blocks: list[Block] = [
        Text(summary(found, short(name), seen)),
        table(study, found, short(name)),
    ]
    others = unlike(study, found, values, first_row)
    if others.rows:
        blocks.append(others)
    return Section("labels", f"Agreement with {short(name)}", blocks)


def summary(found: Evaluation, name: str, seen: bool) -> str:
    """Return in one paragraph how far groups and labels agree."""
    without = ""
    if found.n_unlabelled:
        without = f" {counted(found.n_unlabelled, 'row')} without a label "
        without += f"{'is' if found.n_unlabelled == 1 else 'are'} left out."
    seen_told = (
        "The model was fitted with labels; where they are these, the agreement says less. "
        if seen
        else f"The model has not seen {name}. "
    )
    return (
        f"{seen_told}The adjusted Rand index is "
        f"{number(found.adjusted_rand_index, 3)} (1 where groups and labels are the same partition,"
        f" about 0 where groups are drawn at random). Naming every group for its most frequent "
        f"label, {share(found.majority_error)} of {counted(found.n_rows, 'row')} with a label are "
        f"named wrongly; giving every label to one group at most, {share(found.matched_error)}."
        f"{without}"
    )


def table(study: Study, found: Evaluation, name: str) -> Grid:
    """Return how many rows of each label each group has."""
    within = found.table.sum(axis=0)
    order = np.argsort(-found.table.sum(axis=1), kind="stable")[:CLASSES]
    order = np.sort(order)
    rows: list[list[str | Cell]] = []
    for i, cluster in enumerate(found.clusters):
        j = int(cluster)
        row: list[str | Cell] = [Cell(study.subject.groups[j], group=j)]
        for label in order:
            weight = float(found.table[label, i])
            part = weight / within[i]
            row.append(Cell(f"{number(weight)} ({share(part)})" if weight else "0", shade=part))
        rows.append([*row, short(found.majority[i], 24)])
    left = len(found.classes) - len(order)
    headers = ["group", *(short(found.classes[i], 24) for i in order), "most frequent"]
    note = f"{counted(left, 'rarer label')} have no column." if left else ""
    return Grid(f"Groups and {name}: rows, and parts of the group", headers, rows, note)


def unlike(study: Study, found: Evaluation, values: list[Any], first_row: int) -> Grid:
    """Return the rows that are surely in a group most of whose rows have another label."""
    known = coded("labels", values)
    place = {name: code for code, name in enumerate(known.names)}
    expected = np.full(len(study.sizes), -1)
    expected[np.array(found.clusters, dtype=np.intp)] = [place[name] for name in found.majority]
    others = (known.codes >= 0) & (study.weights > 0.0)
    others &= known.codes != expected[study.assigned]
    candidates = np.flatnonzero(others)
    candidates = candidates[study.certainty[candidates] >= SURE]
    surest = candidates[np.argsort(-study.certainty[candidates], kind="stable")[:LISTED]]
    rows: list[list[str | Cell]] = [
        [
            f"{row + first_row}",
            short(known.names[known.codes[row]], 24),
            Cell(study.subject.groups[study.assigned[row]], group=int(study.assigned[row])),
            short(known.names[expected[study.assigned[row]]], 24),
            f"{study.certainty[row]:.3f}",
        ]
        for row in surest
    ]
    return Grid(
        "Rows that are surely in a group of another label",
        ["row", "its label", "group", "the group's label", "certainty"],
        rows if study.mixture is not None else [],
        f"The {LISTED} surest at most. Some labels may be wrong; some groups may be. Rows are "
        f"counted from {first_row}.",
    )
