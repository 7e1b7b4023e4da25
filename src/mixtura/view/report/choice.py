"""Which models were tried, and why this one was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura._text import counted
from mixtura.estimators.survey import letters_of
from mixtura.model.families.base import FloatArray
from mixtura.selection.choosing import NEAR
from mixtura.view.criteria import criteria_table
from mixtura.view.frame import Frame
from mixtura.view.interactive import figure, fragment
from mixtura.view.palette import colours, dash, hexadecimal
from mixtura.view.player import DASHES
from mixtura.view.report.blocks import Block, Cell, Figure, Grid, Section, Text
from mixtura.view.report.study import Study
from mixtura.view.report.words import listed, number
from mixtura.view.subject import unnamed_columns

#: Models nearly as good that are told.
TOLD = 5
VOLUME = {"E": "equal volume", "V": "volumes of their own"}
SHAPE = {"E": "equal shape", "V": "shapes of their own"}
ORIENTATION = {
    "I": "axes along the columns",
    "E": "equal orientation",
    "V": "orientations of their own",
}


def section(study: Study, search: Any) -> Section:
    """Return which models were tried, if a search did, and what the model is."""
    blocks: list[Block] = [Text(model_told(study))]
    if search is None:
        blocks.append(Text("No other models were compared with it for this report.", quiet=True))
    else:
        frame = criteria_table(search)
        title = criterion_title(search)
        blocks = [Text(tried(frame, title)), *blocks, lines(frame, title), table(frame, title)]
    fit = fit_told(study)
    return Section("model", "Why this model", [*blocks, Text(fit)] if fit else blocks)


def criterion_title(search: Any) -> str:
    """Return the name of a search's criterion as its field writes it."""
    name = getattr(search, "criterion", "bic")
    return "AICc" if name == "aicc" else str(name).upper()


def model_told(study: Study) -> str:
    """Return what the model is, in words."""
    k = study.subject.k
    if study.mixture is None:
        return f"k-means with {counted(k, 'cluster')}: every row is of the nearest centre."
    mixture = study.mixture
    letters = letters_of(mixture.covariance_type, mixture.n_features)
    noise = " and noise spread evenly" if len(study.subject.groups) > k else ""
    return (
        f"The model is a mixture of {counted(k, 'Gaussian component')}{noise}, with covariances of "
        f"structure {letters} ({structure(letters, mixture.n_features)}): "
        f"{counted(mixture.n_parameters(), 'free parameter')}."
    )


def structure(letters: str, n_columns: int) -> str:
    """Return what the components of a structure have in common."""
    if n_columns == 1:
        return "equal variances" if letters[0] == "E" else "variances of their own"
    if letters[1] == "I":
        return f"spheres, {VOLUME[letters[0]]}"
    return f"{VOLUME[letters[0]]}, {SHAPE[letters[1]]}, {ORIENTATION[letters[2]]}"


def tried(frame: Frame, title: str) -> str:
    """Return how many models were compared, by what, and how clearly the best is that."""
    best = int(np.argmax(frame["best"]))
    near = np.flatnonzero(frame["near"] & ~frame["best"])
    near = near[np.argsort(frame["value"][near], kind="stable")]
    sizes, lost = frame["n_components"], int(np.isnan(frame["value"]).sum())
    told = [named(frame, int(i)) for i in near[:TOLD]]
    told += [f"{len(near) - TOLD} more"] if len(near) > TOLD else []
    text = (
        f"{counted(frame.n_rows, 'model')} of {sizes.min()} to {sizes.max()} components were "
        f"tried and compared by {title}, which weighs the fit against the number of parameters. "
        f"{named(frame, best)} has the least: {frame['value'][best]:,.1f}. "
    )
    text += f"Nearly as good (at most {NEAR:g} more): {listed(told)}. " if told else ""
    if sizes[best] == sizes.max() > sizes.min():
        text += "It has as many components as were tried: more may be better still. "
    if lost:
        text += f"{counted(lost, 'model')} could not be fitted without a collapsed component."
    return text.strip()


def named(frame: Frame, i: int) -> str:
    """Return what a model is called."""
    return (
        f"{frame['covariance_type'][i]} with {counted(int(frame['n_components'][i]), 'component')}"
    )


def lines(frame: Frame, title: str) -> Figure:
    """Return the criterion over the number of components, a line for each structure."""
    names = list(dict.fromkeys(frame["covariance_type"].tolist()))
    traces: list[dict[str, Any]] = []
    for i, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
        own = np.flatnonzero((frame["covariance_type"] == name) & ~np.isnan(frame["value"]))
        own = own[np.argsort(frame["n_components"][own])]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": frame["n_components"][own].tolist(),
                "y": frame["value"][own].tolist(),
                "line": {"color": hexadecimal(colour), "dash": DASHES[dash(i)]},
                "marker": {"symbol": i % 8, "size": 7},
                "hovertemplate": f"{name}, %{{x}} components: %{{y:,.1f}}<extra></extra>",
            }
        )
    best = int(np.argmax(frame["best"]))
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "chosen",
            "x": [int(frame["n_components"][best])],
            "y": [float(frame["value"][best])],
            "marker": {"symbol": "star", "size": 18, "color": "#d55e00"},
            "hoverinfo": "skip",
        }
    )
    shown = figure(
        traces,
        xaxis={"title": {"text": "number of components"}, "dtick": 1},
        yaxis={"title": {"text": f"{title} (lower is better)"}, "range": seen(frame["value"])},
    )
    told = f"{title} over the number of components, a line for each covariance structure"
    return Figure(fragment(shown, "criteria", title=told, height=460))


def seen(values: FloatArray) -> list[float] | None:
    """Return the range that is seen at first, which a few bad models are not to flatten."""
    known = values[~np.isnan(values)]
    low, high = float(known.min()), float(np.quantile(known, 0.75))
    if known.max() - low < 3.0 * (high - low) or low == high:
        return None
    return [low - 0.1 * (high - low), high + 0.05 * (high - low)]


def table(frame: Frame, title: str) -> Grid:
    """Return the criterion of every model: structures down, numbers of components across."""
    names = list(dict.fromkeys(frame["covariance_type"].tolist()))
    sizes = sorted(set(frame["n_components"].tolist()))
    keys = zip(frame["covariance_type"].tolist(), frame["n_components"].tolist(), strict=True)
    place = {key: i for i, key in enumerate(keys)}
    rows = [[name, *(value(frame, place.get((name, k))) for k in sizes)] for name in names]
    return Grid(
        f"{title} of every model",
        ["structure", *(str(k) for k in sizes)],
        rows,
        f"★ chosen; shaded: at most {NEAR:g} more; – no fit without a collapsed component.",
    )


def value(frame: Frame, i: int | None) -> str | Cell:
    """Return the criterion of a model as a cell."""
    if i is None or np.isnan(frame["value"][i]):
        return "–"
    text = f"{frame['value'][i]:,.1f}"
    if frame["best"][i]:
        return Cell(f"★ {text}", shade=1.0)
    return Cell(text, shade=0.4 if frame["near"][i] else 0.0)


def fit_told(study: Study) -> str:
    """Return how the fit ended and how well it describes the rows."""
    model, sentences = study.subject.estimator, []
    status = getattr(model, "status_", None)
    if status is not None:
        sentences.append(str(status.value))
    if study.n and study.mixture is not None:
        score = getattr(model, "score_samples", None) or study.mixture.log_prob
        with unnamed_columns():
            each = np.asarray(score(study.rows))
        total, weight = float(study.weights @ each), float(study.weights.sum())
        sentences.append(
            f"The log-likelihood of the rows is {number(total, 7)} nats, "
            f"{number(total / weight, 5)} per row."
        )
    return " ".join(sentences)
