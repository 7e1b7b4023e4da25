"""The data: columns, their ranges, and where the holes are."""

from __future__ import annotations

import numpy as np

from mixtura._text import counted
from mixtura.view.report.blocks import Block, Cell, Grid, Section, Text
from mixtura.view.report.study import Study
from mixtura.view.report.words import listed, number, share, short

#: Columns of the table of columns, and patterns of missing cells that are told.
COLUMNS, PATTERNS, IN_PATTERN = 200, 8, 6
#: Different numbers in a column that may well be names of kinds.
FEW = 3


def section(study: Study, source: str | None) -> Section:
    """Return what the data are."""
    d = len(study.subject.columns)
    if not study.n:
        told = f"The report is about a model alone, of {counted(d, 'column')}; no table was given."
        return Section("data", "The data", [Text(told)])
    missing = np.isnan(study.rows).sum(axis=0)
    blocks: list[Block] = [Text(summary(study, source, missing)), columns(study, missing)]
    if missing.any():
        blocks.append(patterns(study))
    return Section("data", "The data", blocks)


def summary(study: Study, source: str | None, missing: np.ndarray) -> str:
    """Return how large the table is, and how many cells are missing."""
    n, d = study.rows.shape
    where = f"{source}: " if source else ""
    size = f"{where}{counted(n, 'row')} and {counted(d, 'column')} of numbers."
    if not (study.weights == 1.0).all():
        size += f" Rows are weighted; the weights sum to {number(float(study.weights.sum()), 6)}."
    if not missing.any():
        return f"{size} No cell is missing."
    complete = int(np.count_nonzero(~np.isnan(study.rows).any(axis=1)))
    cells = int(missing.sum())
    return (
        f"{size} {counted(cells, 'cell')} of {n * d:,} ({share(cells / (n * d))}) "
        f"{'is' if cells == 1 else 'are'} missing; {counted(complete, 'row')} "
        f"{'is' if complete == 1 else 'are'} complete."
    )


def columns(study: Study, missing: np.ndarray) -> Grid:
    """Return a table of the columns."""
    shown = range(min(COLUMNS, len(study.subject.columns)))
    holes = bool(missing.any())
    rows = []
    for j in shown:
        column = study.rows[:, j]
        there = column[~np.isnan(column)]
        quantiles = np.quantile(there, (0.0, 0.5, 1.0)) if len(there) else np.full(3, np.nan)
        least, middle, most = (number(float(value)) for value in quantiles)
        spread = number(study.spread[j], 3)
        row: list[str | Cell] = [
            short(study.subject.columns[j], 300),
            number(study.centre[j]),
            spread,
        ]
        row += [least, middle, most]
        if holes:
            part = float(missing[j] / study.n)
            row.append(Cell(f"{missing[j]:,} ({share(part)})" if part else "0", bar=part))
        rows.append(row)
    left = len(study.subject.columns) - len(shown)
    notes = [f"{left:,} more columns are not shown."] if left else []
    notes += filter(None, [coarse(study)])
    headers = ["column", "mean", "sd", "least", "median", "most"]
    return Grid(
        "Columns",
        [*headers, "missing"] if holes else headers,
        rows,
        " ".join(notes),
    )


def coarse(study: Study) -> str:
    """Return which columns hold few different numbers, which may be names of kinds."""
    if study.n <= FEW**2:
        return ""
    found = [j for j, column in enumerate(study.rows.T) if is_coarse(column)]
    names = [short(study.subject.columns[j], 24) for j in found[:IN_PATTERN]]
    more = len(found) - IN_PATTERN
    names += [counted(more, "more column")] if more > 0 else []
    if not found:
        return ""
    return (
        f"At most {FEW} different numbers are in {listed(names)}. The model takes them for "
        "measurements: where they stand for kinds, their means say little, and the fit may do "
        "better without them."
    )


def is_coarse(column: np.ndarray) -> bool:
    """Return whether there are few different numbers in a column; most show so at its head."""
    heads = (column[:1000], column)
    return all(len(np.unique(part[~np.isnan(part)])) <= FEW for part in heads)


def patterns(study: Study) -> Grid:
    """Return a table of the columns that are missing together, the most frequent first."""
    found, counts = np.unique(np.isnan(study.rows), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:PATTERNS]
    rows: list[list[str | Cell]] = []
    for number_of in order:
        part = float(counts[number_of] / study.n)
        names = [short(study.subject.columns[j], 24) for j in np.flatnonzero(found[number_of])]
        more = len(names) - IN_PATTERN
        if more > 0:
            names = [*names[:IN_PATTERN], counted(more, "more column")]
        rows.append([listed(names) or "none", Cell(f"{counts[number_of]:,}", bar=part)])
    left = len(found) - len(order)
    note = f"{counted(left, 'rarer pattern')} {'is' if left == 1 else 'are'} not shown."
    return Grid("What is missing together", ["missing", "rows"], rows, note if left else "")
