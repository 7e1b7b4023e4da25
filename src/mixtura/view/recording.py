"""What a replay is made of: tables of a recorded fit, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from mixtura._errors import InputError
from mixtura._text import shortened
from mixtura.algorithms.em import FitResult
from mixtura.estimators.imputing import imputed
from mixtura.model import Mixture
from mixtura.model.families.base import FloatArray
from mixtura.model.projection import Projection, principal, separating
from mixtura.view.convergence import PER_ROW, TOTAL
from mixtura.view.frame import Frame
from mixtura.view.palette import colours, mixed

#: Of a component within its ellipse.
MASS = 0.9
#: Bars of a histogram, at most.
MOST_BARS = 60
#: Columns that are told of a row.
TOLD = 4
#: Densities are drawn up to so many times the highest bar.
HIGHEST = 2.0
DISTANCE = "squared distance per row shown"


@dataclass(frozen=True, eq=False)
class Stage:
    """A model at one iteration: weights (k,), means (k, d), covariances (k, d, d) if it has any,
    and responsibilities (n, k) of the rows that are drawn.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray | None
    responsibilities: FloatArray

    @classmethod
    def of(cls, snapshot: Mixture | NDArray[Any], rows: FloatArray) -> Stage:
        """Return what a snapshot, a mixture or centres, is about the rows."""
        if isinstance(snapshot, Mixture):
            covariances = snapshot.family.full(snapshot.covariances, *snapshot.means.shape)
            resp = snapshot.responsibilities(rows)
            return cls(snapshot.weights, snapshot.means, covariances, resp)
        hard = np.eye(len(snapshot))[squares(snapshot, rows).argmin(axis=1)]
        return cls(hard.mean(axis=0), np.asarray(snapshot, dtype=np.float64), None, hard)


@dataclass(frozen=True, eq=False)
class Axes:
    """The one or two axes of a picture.

    Directions (d, 1) or (d, 2) from an origin (d,), what each column has to do with them, and
    their names.
    """

    origin: FloatArray
    directions: FloatArray
    loadings: FloatArray
    names: tuple[str, ...]


def recording_of(fit: Any) -> tuple[Sequence[Any], FloatArray | None, str]:
    """Return snapshots, the objective's values if they are known, and what they are."""
    if isinstance(fit, FitResult) and fit.snapshots:
        return fit.snapshots, fit.log_likelihoods, TOTAL
    snapshots: Sequence[Any] = getattr(fit, "snapshots_", ())
    if not len(snapshots):
        raise InputError(
            f"{type(fit).__name__} holds no snapshots: fit a GaussianMixture or KMeans with "
            "record=True, or give what run_em(..., record=True) returns. Model files hold none."
        )
    if isinstance(snapshots[0], Mixture):
        return snapshots, np.asarray(fit.snapshot_lower_bounds_), PER_ROW
    return snapshots, None, DISTANCE


def last_model(fit: Any) -> Any:
    """Return the fitted model that a recording led to."""
    return fit.mixture if isinstance(fit, FitResult) else fit


def squares(centres: NDArray[Any], rows: FloatArray) -> FloatArray:
    """Return squared distances (n, k), over the observed cells."""
    apart = rows[:, None, :] - np.asarray(centres, dtype=np.float64)
    return np.nansum(apart * apart, axis=2)


def drawn_rows(table: NDArray[Any], most: int) -> NDArray[np.intp]:
    """Return the numbers of the rows to draw, without those of which no cell is observed."""
    numbers = np.arange(len(table))
    if len(table) > most:
        rng = np.random.default_rng(0)
        numbers = np.sort(rng.choice(len(table), most, replace=False, shuffle=False))
    numbers = numbers[~np.isnan(table[numbers]).all(axis=1)]
    if len(numbers) == 0:
        raise InputError("X has no row with an observed cell; there is nothing to draw.")
    return numbers


def frames_of(values: FloatArray, most: int) -> NDArray[np.intp]:
    """Return the iterations to show, in order, the first and the last among them.

    Evenly in the objective alone they would crowd at the beginning, and evenly in time they would
    miss it.
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    progress = np.maximum.accumulate(np.abs(values - values[0]))
    steps = np.searchsorted(progress, np.linspace(0.0, progress[-1], most // 2))
    return np.union1d(steps, np.linspace(0, n - 1, most - most // 2).round().astype(np.intp))


def filled_rows(rows: FloatArray, last: Mixture | NDArray[Any]) -> FloatArray:
    """Return rows with missing cells at their expectation, or at that of the nearest centre."""
    holes = np.isnan(rows)
    if not holes.any():
        return rows
    if isinstance(last, Mixture):
        return np.asarray(imputed(rows, last), dtype=np.float64)
    return np.where(holes, last[squares(last, rows).argmin(axis=1)], rows)


def axes_of(
    columns: Sequence[int | str] | None,
    names: tuple[str, ...],
    rows: FloatArray,
    last: Mixture | NDArray[Any],
) -> Axes:
    """Return the axes of some columns; by default of all, or of two directions of many."""
    d = len(names)
    if columns is None and d > 2:
        return plane_of(rows, last)
    wanted: list[Any] = list(range(d)) if columns is None else list(columns)
    numbers = [names.index(c) if c in names else c for c in wanted]
    usable = all(isinstance(c, int | np.integer) and 0 <= c < d for c in numbers)
    if not usable or len(numbers) not in (1, 2) or len(set(numbers)) < len(numbers):
        raise InputError(
            f"columns={columns!r} must hold one or two different numbers from 0 to {d - 1}, or "
            "names of columns."
        )
    chosen = np.eye(d)[:, numbers]
    return Axes(np.zeros(d), chosen, chosen, tuple(names[int(c)] for c in numbers))


def plane_of(rows: FloatArray, last: Mixture | NDArray[Any]) -> Axes:
    """Return the directions that separate the last components best, or show most of the rows."""
    found = separating(last) if isinstance(last, Mixture) else None
    shown = "variance" if found is None else "separation"
    if found is None:
        found = principal(last) if isinstance(last, Mixture) else principal_of(rows)
    names = (f"direction {i}: {part:.0%} of the {shown}" for i, part in enumerate(found.parts, 1))
    return Axes(found.centre, found.directions, found.loadings, tuple(names))


def principal_of(rows: FloatArray) -> Projection:
    """Return the principal axes of rows, of columns scaled to variance 1 where they vary."""
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > 0.0, spread, 1.0)
    scaled = (rows - centre) / scale
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    best, parts = vectors[:, :-3:-1], np.maximum(values[:-3:-1], 0.0)
    total = max(float(values.sum()), np.finfo(float).tiny)
    return Projection(centre, best / scale[:, None], best, parts / total)


def curve_table(values: FloatArray, frames: NDArray[np.intp]) -> Frame:
    """Return the objective at every iteration, and which are shown."""
    iteration = np.arange(len(values))
    return Frame({"iteration": iteration, "value": values, "shown": np.isin(iteration, frames)})


def row_table(
    numbers: NDArray[np.intp],
    rows: FloatArray,
    filled: FloatArray,
    axes: Axes,
    names: Sequence[str],
) -> Frame:
    """Return where rows are, and what they hold of the columns that make up the axes most."""
    placed = (filled - axes.origin) @ axes.directions
    share = np.abs(axes.loadings).max(axis=1)
    told = np.sort(np.argsort(-share, kind="stable")[:TOLD])
    told = told[share[told] > 0]
    text = ["\n".join(f"{shortened(names[c])} = {cell_text(row[c])}" for c in told) for row in rows]
    columns = {
        "row": numbers,
        "x": placed[:, 0],
        "filled": np.isnan(rows[:, share > 0]).any(axis=1),
    }
    if placed.shape[1] == 2:
        columns["y"] = placed[:, 1]
    return Frame({**columns, "text": np.array(text)})


def cell_text(value: float) -> str:
    """Return a cell in words."""
    return "missing" if np.isnan(value) else f"{value:.4g}"


def component_table(frames: NDArray[np.intp], stages: Sequence[Stage], axes: Axes) -> Frame:
    """Return weights, means and covariances as they are seen."""
    k = len(stages[0].means)
    means = np.concatenate([(stage.means - axes.origin) @ axes.directions for stage in stages])
    seen = np.full((len(means), means.shape[1], means.shape[1]), np.nan)
    matrices = [stage.covariances for stage in stages if stage.covariances is not None]
    if matrices:
        seen = axes.directions.T @ np.concatenate(matrices) @ axes.directions
    columns = {
        "iteration": np.repeat(frames, k),
        "component": np.tile(np.arange(k), len(frames)),
        "weight": np.concatenate([stage.weights for stage in stages]),
        "x": means[:, 0],
        "xx": seen[:, 0, 0],
    }
    if means.shape[1] == 2:
        columns |= {"y": means[:, 1], "xy": seen[:, 0, 1], "yy": seen[:, 1, 1]}
    return Frame(columns)


def assignment_table(
    frames: NDArray[np.intp], numbers: NDArray[np.intp], stages: Sequence[Stage]
) -> Frame:
    """Return the most probable component of each row, and the colour that all of them mix to."""
    own = colours(len(stages[0].means))
    columns: dict[str, list[NDArray[Any]]] = {"component": [], "probability": [], "colour": []}
    for stage in stages:
        columns["component"].append(stage.responsibilities.argmax(axis=1))
        columns["probability"].append(stage.responsibilities.max(axis=1))
        columns["colour"].append(mixed(stage.responsibilities, own))
    return Frame(
        {
            "iteration": np.repeat(frames, len(numbers)),
            "row": np.tile(numbers, len(frames)),
            **{name: np.concatenate(values) for name, values in columns.items()},
        }
    )


def histogram_table(table: NDArray[Any], axes: Axes) -> Frame | None:
    """Return the histogram of all rows along the axis, if there is one."""
    if len(axes.names) > 1:
        return None
    values = table[:, int(axes.directions[:, 0].argmax())]
    values = values[~np.isnan(values)].astype(np.float64)
    bars = int(np.clip(np.sqrt(len(values)), 5, MOST_BARS))
    density, edges = np.histogram(values, bars, density=True)
    return Frame({"left": edges[:-1], "right": edges[1:], "density": density})


def note_of(frames: tuple[int, int], rows: tuple[int, int], stage: Stage, axes: Axes) -> str:
    """Return what is seen of all frames and rows, in words."""
    parts = []
    for (seen, every), what in ((frames, "steps are shown"), (rows, "rows are drawn")):
        if seen < every:
            parts.append(f"{seen:,} of {every:,} {what}")
    if stage.covariances is not None and len(axes.names) == 2:
        parts.append(f"ellipses hold {MASS:.0%} of a component")
    note = "; ".join(parts)
    return f"{note[:1].upper()}{note[1:]}." if note else ""


def limits_of(rows: Frame, components: Frame, histogram: Frame | None) -> FloatArray:
    """Return the range (2, 2) along each axis that holds all rows and means, and the last ellipses.

    Along one axis, the second is that of densities, 0 somewhat above its lower end.
    """
    flat = "y" not in rows
    limits = np.empty((2, 2))
    last = components["iteration"] == components["iteration"][-1]
    for axis, name in enumerate("x" if flat else "xy"):
        reach = np.zeros(int(last.sum()))
        if not flat:
            reach = np.sqrt(chi2.ppf(MASS, 2) * np.nan_to_num(components[2 * name][last]))
        ends = (components[name][last] - reach, components[name][last] + reach)
        values = np.concatenate([rows[name], components[name], *ends])
        low, high = float(values.min()), float(values.max())
        margin = 0.06 * (high - low) or 1.0
        limits[axis] = low - margin, high + margin
    if histogram is not None:
        bars = float(histogram["density"].max())
        with np.errstate(divide="ignore", invalid="ignore"):
            tops = components["weight"] / np.sqrt(2.0 * np.pi * components["xx"])
        top = np.nanmax(tops, initial=bars)
        limits[1] = np.array([-0.12, 1.08]) * min(top, HIGHEST * bars)
    return limits


def strewn(n: int, limits: FloatArray) -> FloatArray:
    """Return where ``n`` rows of one column are drawn below its axis."""
    below: FloatArray = 0.85 * limits[1, 0] * (0.1 + 0.9 * ((np.arange(n) * 0.618034) % 1.0))
    return below
