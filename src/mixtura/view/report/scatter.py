"""The groups on two axes of choice: rows to point at, ellipses, and the axes there are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from mixtura._text import counted
from mixtura.estimators.imputing import imputed
from mixtura.model.families.base import FloatArray
from mixtura.view.interactive import AXIS, CONFIG, LAYOUT
from mixtura.view.palette import hexadecimal
from mixtura.view.projection import mixture_of, projection_of
from mixtura.view.report.blocks import Map
from mixtura.view.report.certainty import SURE
from mixtura.view.report.groups import standardised
from mixtura.view.report.outliers import remotest
from mixtura.view.report.study import Study
from mixtura.view.report.words import share, short

#: Rows that are drawn, those of them that are the least certain, and columns that are offered.
POINTS, FENCE, COLUMNS = 2500, 250, 12
#: Part of a component that its ellipse holds.
MASS = 0.9
#: Letters of a name beside a point, which a phone has room for.
HOVERED = 28
#: Significant digits of the numbers in the file.
DIGITS = 5


def scatter(study: Study, labels: list[Any] | None, first_row: int) -> Map:
    """Return the rows and the components on columns and on what separates them best."""
    shown = drawn_rows(study)
    rows = filled(study, study.rows[shown])
    columns = offered(study)
    weights, origin, names = axes(study, columns)
    return Map(
        names,
        {
            "axes": [short(name) for name in names],
            "start": start(len(study.subject.columns)),
            "columns": [short(study.subject.columns[j], HOVERED) for j in columns],
            "more": len(study.subject.columns) - len(columns),
            "cells": plain(study.rows[shown][:, columns].T),
            "values": plain((rows @ weights - origin).T),
            "sure": SURE,
            "guessed": guessed(study, shown, weights),
            "rows": (shown + first_row).tolist(),
            "group": study.assigned[shown].tolist(),
            "certainty": [] if study.mixture is None else plain(study.certainty[shown]),
            "labels": None if labels is None else [short(labels[row], HOVERED) for row in shown],
            "groups": list(study.subject.groups),
            "colours": [hexadecimal(hue) for hue in study.subject.hues],
            "centres": plain(study.subject.means @ weights - origin),
            "covariances": covariances(study, weights),
            "radius": float(np.sqrt(chi2.ppf(MASS, 2))),
            "layout": LAYOUT,
            "axis": AXIS,
            "config": CONFIG,
        },
    )


def told(study: Study) -> str:
    """Return what the map shows."""
    which = f"All {counted(study.n, 'row')}"
    if study.n > POINTS:
        which = (
            f"{POINTS:,} of {study.n:,} rows (the {FENCE} least certain, the remotest, and others "
            "at random)"
        )
    rows = f"{which} are drawn; pointing at one shows it. " if study.n else ""
    if study.n and (study.certainty < SURE).any():
        rows += f"Those with a probability below {SURE:g} are outlined. "
    ellipses = f"Ellipses hold {share(MASS)} of each component. " if study.mixture else ""
    open_ones = "Open markers: a cell that the axes need is missing, and is filled in. "
    return rows + ellipses + (open_ones if np.isnan(study.rows).any() else "")


def drawn_rows(study: Study) -> NDArray[np.intp]:
    """Return the rows that are drawn, the surest first, so that others lie on top of them."""
    rows = np.arange(study.n)
    if study.n > POINTS:
        unsure = np.argpartition(study.certainty, FENCE)[:FENCE]
        kept = np.union1d(unsure, remotest(study))
        rest = np.setdiff1d(rows, kept, assume_unique=True)
        rng = np.random.default_rng(0)
        rows = np.union1d(kept, rng.choice(rest, POINTS - len(kept), replace=False))
    return rows[np.argsort(-study.certainty[rows], kind="stable")]


def filled(study: Study, rows: NDArray[Any]) -> FloatArray:
    """Return rows with missing cells at what the model expects in them."""
    if not np.isnan(rows).any():
        return rows.astype(np.float64)
    if study.mixture is not None:
        return np.asarray(imputed(rows, study.mixture), dtype=np.float64)
    nearest = study.subject.means[study.subject.responsibilities(rows).argmax(axis=1)]
    return np.where(np.isnan(rows), nearest, rows)


def offered(study: Study) -> list[int]:
    """Return the columns that may be axes: those in which groups differ most."""
    order = np.argsort(-np.ptp(standardised(study), axis=0), kind="stable")[:COLUMNS]
    return sorted(int(j) for j in order)


def start(n_columns: int) -> tuple[int, int]:
    """Return the two axes that are shown at first: two columns, or the first two directions."""
    return (0, 1) if n_columns <= 2 else (-2, -1)


def axes(study: Study, columns: list[int]) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return what takes rows (n, d) to places on axes, (d, m), their origins (m,) and names."""
    d = len(study.subject.columns)
    weights, names = np.eye(d)[:, columns], [study.subject.columns[j] for j in columns]
    if d <= 2 or (study.mixture is None and not study.n):
        return weights, np.zeros(len(columns)), names
    mixture = mixture_of(study.subject, study.rows, study.weights)
    projection, shows = projection_of(mixture, "separation")
    names += [
        f"direction {i + 1} ({share(part)} of the {shows})"
        for i, part in enumerate(projection.parts)
    ]
    origin = np.append(np.zeros(len(columns)), projection.centre @ projection.directions)
    return np.hstack([weights, projection.directions]), origin, names


def guessed(study: Study, shown: NDArray[np.intp], weights: FloatArray) -> list[list[int]]:
    """Return, for each axis, the places of the rows of which a cell is missing that it needs."""
    missing = np.isnan(study.rows[shown])
    needed = np.abs(weights) > 1e-12 * np.abs(weights).max(axis=0, initial=0.0)
    return [np.flatnonzero(missing[:, own].any(axis=1)).tolist() for own in needed.T]


def covariances(study: Study, weights: FloatArray) -> list[Any] | None:
    """Return the covariances (k, m, m) of the axes in every component."""
    if study.mixture is None:
        return None
    k, d = study.mixture.means.shape
    matrices = study.mixture.family.full(study.mixture.covariances, k, d)
    return plain(weights.T @ matrices @ weights)


def plain(values: NDArray[Any]) -> list[Any]:
    """Return numbers as lists, rounded, None where there is none."""
    if values.ndim > 1:
        return [plain(part) for part in values]
    return [float(f"{v:.{DIGITS}g}") if np.isfinite(v) else None for v in values.tolist()]
