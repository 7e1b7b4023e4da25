"""How sure the assignment of rows is, and the rows that are on the fence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura._text import counted
from mixtura.view.report.blocks import Block, Cell, Grid, Section, Text
from mixtura.view.report.study import Study
from mixtura.view.report.words import number, share, short

#: Rows of a list, and the certainty below which a row is worth a look.
LISTED, SURE = 15, 0.95
#: Edges of the bands of certainty.
BANDS = (0.0, 0.5, 0.7, 0.9, 0.99)


def section(study: Study, first_row: int) -> Section | None:
    """Return how sure the assignment is; clusters do not say, nor does one group."""
    if not study.n or study.mixture is None or len(study.sizes) == 1:
        return None
    rows = least_certain(study)
    blocks: list[Block] = [Text(summary(study)), bands(study)]
    if len(rows):
        blocks.append(fence(study, rows, first_row))
    return Section("certainty", "How sure the assignment is", blocks)


def least_certain(study: Study) -> NDArray[np.intp]:
    """Return the rows of least certainty, the least first, of those that are not sure."""
    near = np.argpartition(study.certainty, min(LISTED, study.n) - 1)[:LISTED]
    near = near[np.lexsort((near, study.certainty[near]))]
    return near[study.certainty[near] < SURE]


def summary(study: Study) -> str:
    """Return how many rows are assigned surely."""
    unsure = int(np.count_nonzero(study.certainty < SURE))
    return (
        f"{counted(study.n - unsure, 'row')} of {study.n:,} ({share(1.0 - unsure / study.n)}) "
        f"{'is' if study.n - unsure == 1 else 'are'} in one group with a probability of at least "
        f"{SURE:g}. The probabilities hold as far as the model describes the data."
    )


def bands(study: Study) -> Grid:
    """Return how many rows there are in bands of certainty."""
    which = np.digitize(study.certainty, BANDS[1:])
    counts = np.bincount(which, minlength=len(BANDS))
    names = [
        "below 0.5",
        *(f"{low:g} to {high:g}" for low, high in zip(BANDS[1:], (*BANDS[2:], 1.0), strict=True)),
    ]
    rows = [
        [name, f"{count:,}", Cell(share(count / study.n), bar=float(count / study.n))]
        for name, count in reversed(list(zip(names, counts, strict=True)))
    ]
    return Grid("Certainty", ["largest probability", "rows", "share"], rows)


def fence(study: Study, rows: NDArray[np.intp], first_row: int) -> Grid:
    """Return a table of rows that are on the fence."""
    resp = study.subject.responsibilities(study.rows[rows])
    lines: list[list[str | Cell]] = []
    for row, shares in zip(rows, resp, strict=True):
        line: list[str | Cell] = [f"{row + first_row}"]
        for j in np.argsort(-shares, kind="stable")[:2]:
            line.append(Cell(f"{study.subject.groups[j]} ({shares[j]:.3f})", group=int(j)))
        lines.append([*line[:3], *[""] * (3 - len(line)), *glimpse(study, int(row))])
    return Grid(
        "Rows on the fence",
        ["row", "group (probability)", "or group", *glimpsed(study)],
        lines,
        f"The rows of least certainty below {SURE:g}, {LISTED} at most; rows are counted from "
        f"{first_row}.",
    )


def glimpsed(study: Study) -> list[str]:
    """Return the headers of the columns that lists of rows show."""
    return [short(name, 24) for name in study.subject.columns[:6]]


def glimpse(study: Study, row: int) -> list[str]:
    """Return the first cells of a row."""
    return [number(float(value)) for value in study.rows[row, :6]]
