"""The rows that are far from all groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura._text import counted
from mixtura.model.families.base import FloatArray
from mixtura.view.report.blocks import Cell, Grid, Section, Text
from mixtura.view.report.study import Study, deviations
from mixtura.view.report.words import group_name, number, short

#: Rows of a list, the chance below which a row is called remote, and the smallest that is told.
LISTED, REMOTE, SMALLEST = 15, 1e-3, 1e-12
#: Chance from which a row is not listed: there is nothing odd about it.
ORDINARY = 0.05


def section(study: Study, first_row: int) -> Section | None:
    """Return the rows that are far from all groups."""
    if not study.n:
        return None
    rows = remotest(study)
    if study.mixture is None:
        told = "The rows furthest from the centre of their cluster."
        caption, header = "Furthest rows", "distance"
    else:
        told, caption, header = expected(study), "Remotest rows", "chance of one so remote"
    lines: list[list[str | Cell]] = [
        [
            f"{row + first_row}",
            Cell(study.subject.groups[study.assigned[row]], group=int(study.assigned[row])),
            remote(study, int(row)),
            striking(study, int(row)),
        ]
        for row in rows
    ]
    headers = ["row", "group", header, "the cell furthest out"]
    note = f"Rows are counted from {first_row}; {LISTED} at most."
    table = [Grid(caption, headers, lines, note)] if lines else []
    return Section("outliers", "Outliers", [Text(told), *table])


def remotest(study: Study) -> NDArray[np.intp]:
    """Return the remotest rows, the remotest first; those that were not measured are none."""
    far = study.remoteness if study.mixture is not None else -study.remoteness
    near = np.argpartition(far, min(LISTED, study.n) - 1)[:LISTED]  # NaN comes last
    near = near[np.lexsort((near, far[near]))]
    return near[far[near] < (ORDINARY if study.mixture is not None else np.inf)]


def expected(study: Study) -> str:
    """Return how many rows are remote, and how many would be if the model were right."""
    measured = study.remoteness[~np.isnan(study.remoteness)]
    found = int(np.count_nonzero(measured < REMOTE))
    left = study.n - len(measured)
    aside = (
        f" {counted(left, 'row')} without any cell, or with a rare pattern of missing cells, "
        f"{'is' if left == 1 else 'are'} left out."
        if left
        else ""
    )
    return (
        f"For each row: the chance that a row of the group nearest to it is at least as far from "
        f"the group's mean (by the Mahalanobis distance, whose square has a chi-squared "
        f"distribution). {counted(found, 'row')} {'has' if found == 1 else 'have'} one below "
        f"{REMOTE:g}; if the model described the data exactly, at most about "
        f"{number(REMOTE * len(measured), 2)} of {len(measured):,} would. Where there are many "
        f"more, groups are less regular than the model supposes.{aside}"
    )


def remote(study: Study, row: int) -> str:
    """Return how remote a row is."""
    value = float(study.remoteness[row])
    if study.mixture is not None and value < SMALLEST:
        return f"below {SMALLEST:g}"
    return number(value, 2)


def striking(study: Study, row: int) -> str:
    """Return the cell of a row that is furthest from what its group has there."""
    j = int(study.assigned[row])
    j = j if j < study.subject.k else int(np.nanargmin(distances(study, row)))
    scores = scores_in(study, row, j)
    if np.isnan(scores).all():
        return "–"
    i = int(np.nanargmax(np.abs(scores)))
    return (
        f"{short(study.subject.columns[i], 24)} {number(float(study.rows[row, i]))} "
        f"({group_name(study.subject.groups[j])}: mean {number(study.subject.means[j, i])})"
    )


def scores_in(study: Study, row: int, j: int) -> FloatArray:
    """Return how far the cells (d,) of a row are from a component's means, in deviations."""
    spread = study.spread if study.mixture is None else deviations(study.mixture)[j]
    unit = np.where(spread > 0.0, spread, 1.0)
    return np.asarray((study.rows[row] - study.subject.means[j]) / unit, dtype=np.float64)


def distances(study: Study, row: int) -> FloatArray:
    """Return how far a row is from each component (k,), in the components' deviations."""
    scores = [scores_in(study, row, j) for j in range(study.subject.k)]
    return np.array([np.nansum(np.minimum(np.abs(score), 1e100) ** 2) for score in scores])
