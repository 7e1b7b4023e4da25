"""The groups: how large they are, what is special about each, how they differ column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixtura._text import counted
from mixtura.model.families.base import FloatArray
from mixtura.view.report.blocks import Block, Cell, Described, Grid, Section, Text
from mixtura.view.report.study import Study, deviations
from mixtura.view.report.words import group_name, listed, number, share, short

#: Differences from the mean of all rows, in standard deviations of these, and words for them.
WORDS = ((2.0, "very "), (1.0, ""), (0.5, "somewhat "))
#: Columns that a description names, columns of the table of profiles, and the difference that is
#: coloured most.
NAMED, PROFILED, DARKEST = 4, 60, 2.0
#: Part of a group's responsibility that another must have to be told as close.
CLOSE = 0.02


def section(study: Study) -> Section:
    """Return what there is to say about the groups."""
    scores = standardised(study)
    blocks: list[Block] = [
        Text(
            "A column is called high or low in a group where the group's mean is at least half a "
            "standard deviation away from the mean of all rows: somewhat from 0.5 on, very from 2 "
            "on. That says how groups differ, not why."
        ),
        Described([described(study, scores, j) for j in range(len(study.sizes))]),
        sizes(study),
        profiles(study, scores),
    ]
    return Section("groups", "The groups", blocks)


def standardised(study: Study) -> FloatArray:
    """Return how far means (k, d) are from those of all rows, in standard deviations of these."""
    spread = np.where(study.spread > 0.0, study.spread, np.inf)
    means: FloatArray = (study.subject.means - study.centre) / spread
    return means


def described(study: Study, scores: FloatArray, j: int) -> tuple[Cell, str]:
    """Return the name of a group and a sentence about it."""
    name = group_name(study.subject.groups[j])
    about = [share(study.sizes[j])]
    if study.n:
        about.append(counted(int(np.count_nonzero(study.assigned == j)), "row"))
    term = Cell(f"{name[:1].upper()}{name[1:]} ({', '.join(about)})", group=j)
    if j >= study.subject.k:
        return term, "Rows that no component accounts for: they are spread over the whole range."
    return term, sentence(study, scores[j], study.subject.means[j])


def sentence(study: Study, scores: FloatArray, means: FloatArray) -> str:
    """Return the columns that set a group apart most, in words, the furthest first."""
    order = np.argsort(-np.abs(scores), kind="stable")
    telling = [int(i) for i in order if abs(scores[i]) >= WORDS[-1][0]]
    if not telling:
        return "Close to the mean of all rows in every column."
    parts = [
        f"{degree(scores[i])} {short(study.subject.columns[i])} "
        f"(mean {number(means[i], scale=study.spread[i])}; all rows {number(study.centre[i])})"
        for i in telling[:NAMED]
    ]
    more = len(telling) - NAMED
    rest = f"; and {counted(more, 'more column')} at least somewhat high or low" if more > 0 else ""
    text = "; ".join(parts) + rest + "."
    return text[:1].upper() + text[1:]


def degree(score: float) -> str:
    """Return how high or low a standardised difference is, in words."""
    word = next(word for least, word in WORDS if abs(score) >= least)
    return word + ("high" if score > 0.0 else "low")


def sizes(study: Study) -> Grid:
    """Return a table of the groups' sizes."""
    counts = np.bincount(study.assigned, minlength=len(study.sizes))
    headers = ["group", "share"]
    sure = study.n > 0 and study.mixture is not None
    headers += ["rows assigned"] if study.n else []
    headers += ["mean certainty", "shares rows with"] if sure else []
    rows = []
    for j, name in enumerate(study.subject.groups):
        row: list[str | Cell] = [
            Cell(name, group=j),
            Cell(share(study.sizes[j]), bar=float(study.sizes[j])),
        ]
        row += [f"{counts[j]:,}"] if study.n else []
        if sure:
            own = study.certainty[study.assigned == j]
            row += [f"{own.mean():.3f}" if len(own) else "–", close(study, j)]
        rows.append(row)
    note = "The share counts every row in parts, by its probabilities of being in each group."
    return Grid("Sizes", headers, rows, note if study.mixture is not None else "")


def close(study: Study, j: int) -> str:
    """Return the groups to which rows of a group may belong as well, the closest first."""
    row = study.shared[j].copy()
    row /= row.sum() or 1.0
    row[j] = 0.0
    near = [i for i in np.argsort(-row, kind="stable")[:2] if row[i] >= CLOSE]
    return listed([f"{study.subject.groups[i]} ({share(row[i])})" for i in near]) or "–"


def profiles(study: Study, scores: FloatArray) -> Grid:
    """Return a table of means and standard deviations: columns down, groups across."""
    shown = furthest(scores)
    spreads = None if study.mixture is None else deviations(study.mixture)
    rows: list[Sequence[str | Cell]] = []
    for i in shown:
        cells: list[str | Cell] = [short(study.subject.columns[i])]
        for j, mean in enumerate(study.subject.means[:, i]):
            spread = "" if spreads is None else f" ± {number(spreads[j, i], 2)}"
            shade = float(np.clip(scores[j, i] / DARKEST, -1.0, 1.0))
            cells.append(Cell(number(mean, scale=study.spread[i]) + spread, shade))
        rows.append([*cells, f"{number(study.centre[i])} ± {number(study.spread[i], 2)}"])
    left = len(study.subject.columns) - len(shown)
    which = f" The {PROFILED} columns that differ most; {left:,} more are left out." if left else ""
    spreads_told = "" if spreads is None else " ± standard deviation"
    names = [group_name(name) for name in study.subject.groups[: study.subject.k]]
    return Grid(
        "Profiles",
        ["column", *names, "all rows"],
        rows,
        f"Means{spreads_told}, in the units of the columns. Blue is above the mean of all rows, "
        f"orange below; the strongest is {DARKEST:g} standard deviations away or more.{which}",
    )


def furthest(scores: FloatArray) -> list[int]:
    """Return the columns in which the groups differ most, in the order of the table."""
    order = np.argsort(-np.ptp(scores, axis=0), kind="stable")[:PROFILED]
    return sorted(int(i) for i in order)
