"""The missing cells, filled in, with how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from mixtura._text import counted
from mixtura.estimators.imputing import imputed
from mixtura.model.families.base import FloatArray
from mixtura.view.report.blocks import Block, Grid, Section, Text
from mixtura.view.report.study import Study, deviations
from mixtura.view.report.words import number, short

#: Incomplete rows that are filled in, cells that are listed, and columns that are told.
ROWS, CELLS, COLUMNS = 20_000, 30, 60
#: Part of what a cell may be that its interval holds.
LEVEL = 0.9
#: What rounding may move an end of an interval by, in units of the widest component.
MARGIN = 1e-6


def section(study: Study, first_row: int) -> Section | None:
    """Return what missing cells may be; only a mixture knows, and only where there are any."""
    if not study.n or study.mixture is None:
        return None
    holes = np.flatnonzero(np.isnan(study.rows).any(axis=1))
    if not len(holes):
        return None
    told = (
        "What the model expects in the missing cells, given the other cells of the row. Nobody has "
        "measured these numbers: the intervals say how far off they may be, if the model holds."
    )
    if len(holes) > ROWS:
        told += f" Of {len(holes):,} incomplete rows, {ROWS:,} drawn at random are looked at."
        holes = np.sort(np.random.default_rng(0).choice(holes, ROWS, replace=False))
    filled, errors = imputed(study.rows[holes], study.mixture, return_std=True)
    blocks: list[Block] = [
        Text(told),
        columns(study, holes, filled, errors),
        cells(study, holes, errors, first_row),
    ]
    return Section("imputed", "Missing cells, filled in", blocks)


def columns(
    study: Study,
    holes: NDArray[np.intp],
    filled: NDArray[np.floating],
    errors: NDArray[np.floating],
) -> Grid:
    """Return how the cells of each column are filled in, on average."""
    missing = np.isnan(study.rows[holes])
    told = np.flatnonzero(missing.any(axis=0))
    rows = [
        [
            short(study.subject.columns[j]),
            f"{np.count_nonzero(missing[:, j]):,}",
            number(study.centre[j]),
            number(float(filled[missing[:, j], j].mean())),
            number(float(errors[missing[:, j], j].mean()), 3),
        ]
        for j in told[:COLUMNS]
    ]
    left = len(told) - len(rows)
    headers = ["column", "filled in", "mean there", "mean filled in", "typical error (sd)"]
    return Grid("By column", headers, rows, f"{left:,} more columns are not shown." if left else "")


def cells(
    study: Study, holes: NDArray[np.intp], errors: NDArray[np.floating], first_row: int
) -> Grid:
    """Return single cells with their intervals, those that are least known first."""
    places = np.argwhere(np.isnan(study.rows[holes]))
    unit = np.where(study.spread > 0.0, study.spread, 1.0)
    vague = errors[tuple(places.T)] / unit[places[:, 1]]
    if len(places) > CELLS:
        places = places[np.argsort(-vague, kind="stable")[:CELLS]]
    rows = []
    for i, j in places:
        row = int(holes[i])
        mean, low, high = interval(study, row, int(j))
        between = f"{number(low)} to {number(high)}"
        name = short(study.subject.columns[j])
        rows.append([f"{row + first_row}", name, number(mean), between])
    which = f"the {CELLS} least known of {np.isnan(study.rows[holes]).sum():,}"
    note = f"{counted(len(rows), 'cell')}, {which}." if len(places) == CELLS else ""
    return Grid(
        "Cells",
        ["row", "column", "expected", f"{LEVEL:.0%} interval"],
        rows,
        f"{note} Rows are counted from {first_row}.".strip(),
    )


def interval(study: Study, row: int, column: int) -> tuple[float, float, float]:
    """Return the mean of a missing cell and the ends of its interval, given the row's others."""
    assert study.mixture is not None
    cells = study.rows[row]
    known = {int(j): float(cells[j]) for j in np.flatnonzero(~np.isnan(cells))}
    place = int(np.count_nonzero(np.isnan(cells[:column])))
    given = study.mixture.condition(known).marginal([place])
    means, spreads = given.means[:, 0], deviations(given)[:, 0]
    tail = 0.5 * (1.0 - LEVEL)
    low, high = (quantile(given.weights, means, spreads, part) for part in (tail, 1.0 - tail))
    return float(given.weights @ means), low, high


def quantile(weights: FloatArray, means: FloatArray, spreads: FloatArray, part: float) -> float:
    """Return the quantile of a mixture (k,) of normal distributions.

    It lies between those of the components; it is found in units of the widest of these.
    """
    centre, unit = float(weights @ means), float(spreads.max())
    places, widths = (means - centre) / unit, spreads / unit
    own = (places + norm.ppf(part) * widths)[weights > 0.0]
    low, high = float(own.min()) - MARGIN, float(own.max()) + MARGIN
    root = brentq(lambda x: weights @ norm.cdf((x - places) / widths) - part, low, high)
    return centre + unit * float(root)
