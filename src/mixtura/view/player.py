"""A replay as HTML: two figures, and a slider that moves both (assets/replay.js)."""

from __future__ import annotations

import base64
import gzip
import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2

from mixtura.model.families.base import FloatArray
from mixtura.view.interactive import figure, label, page
from mixtura.view.interactive import fragment as figure_html
from mixtura.view.palette import HUES, NONE_COLOUR, colours, dash, hexadecimal
from mixtura.view.recording import MASS, strewn

if TYPE_CHECKING:
    from mixtura.view.replay import Replay

#: What a document with replays needs beside its figures.
ASSETS = ("replay.css", "replay.js")
#: plotly's names of line styles.
DASHES = {"solid": "solid", "dashed": "dash", "dashdot": "dashdot", "dotted": "dot"}
#: Points that a density is drawn through.
GRID = 240
GREY = hexadecimal(NONE_COLOUR)


def document(replay: Replay, title: str) -> str:
    """Return a document that holds a replay alone; its slider has the keyboard."""
    body = f"<main><h1>{html.escape(title)}</h1>\n{fragment(replay, 'replay', focused=True)}</main>"
    return page(title, body, assets=ASSETS)


def fragment(replay: Replay, name: str, *, focused: bool = False) -> str:
    """Return the HTML of a replay; the ids in it begin with ``name``."""
    last = len(replay.iterations) - 1
    scene = figure_html(scene_of(replay), f"{name}-scene", title="Rows and components", height=440)
    curve = figure_html(curve_of(replay), f"{name}-curve", title=replay.quantity, height=440)
    note = f'<p class="quiet">{html.escape(replay.note)}</p>\n' if replay.note else ""
    packed = base64.b64encode(gzip.compress(json.dumps(recording(replay)).encode(), mtime=0))
    return (
        f'<section class="replay" id="{name}" aria-label="Replay of the fit">\n'
        '<div class="controls"><button type="button"'
        f"{'' if last else ' disabled'}>Play</button>"
        f'<input type="range" min="0" max="{last}" value="0" aria-label="Iteration"'
        f"{' autofocus' if focused else ''}><output></output></div>\n"
        f'<div class="columns">{scene}{curve}</div>\n'
        f'{note}<script type="text/plain">{packed.decode()}</script>\n</section>'
    )


def recording(replay: Replay) -> dict[str, Any]:
    """Return what the script needs of the frames; colours as whole numbers."""
    k, f = replay.n_components, len(replay.iterations)
    parts, rows = replay.components, replay.assignments
    shape = [name for name in ("xx", "xy", "yy") if name in parts and not np.isnan(parts[name][0])]
    places = [name for name in ("weight", "x", "y") if name in parts]
    rgb = (255 * rows["colour"]).round().astype(int) @ [65536, 256, 1]
    seen = np.stack([parts[name] for name in (*places, *shape)], axis=1)
    return {
        "iterations": replay.iterations.tolist(),
        "values": replay.curve["value"][replay.iterations].tolist(),
        "last": int(replay.curve["iteration"][-1]),
        "quantity": replay.quantity,
        "flat": "y" not in parts,
        "shaped": bool(shape),
        "radius": float(np.sqrt(chi2.ppf(MASS, 2))),
        "grid": np.linspace(replay.limits[0, 0], replay.limits[0, 1], GRID).tolist(),
        "components": [
            [[float(f"{value:.7g}") for value in row] for row in frame]
            for frame in seen.reshape(f, k, -1).tolist()
        ],
        "colours": rgb.reshape(f, -1).tolist(),
        "likely": rows["component"].reshape(f, -1).tolist(),
        "sure": (100 * rows["probability"]).round().astype(int).reshape(f, -1).tolist(),
        "text": [
            "<br>".join([f"row {row}", *map(label, text.split("\n"))])
            for row, text in zip(replay.rows["row"], replay.rows["text"], strict=True)
        ],
    }


def scene_of(replay: Replay) -> Any:
    """Return the figure of rows and components, those without places: the script gives them."""
    k, limits = replay.n_components, replay.limits
    own = [hexadecimal(colour) for colour in colours(k)]
    lines = [
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"color": own[j], "dash": DASHES[dash(j)], "width": 2.5 if k <= 10 else 1.5},
            "hoverinfo": "skip",
        }
        for j in range(k)
    ]
    means = {
        "type": "scatter",
        "mode": "markers+text",
        "text": [f"<b>{j}</b>" for j in range(k)],
        "textposition": "top center",
        "textfont": {"size": 14},
        "marker": {"symbol": "x", "size": 9, "color": own, "line": {"width": 1, "color": "#fff"}},
        "hoverinfo": "skip",
    }
    flat = [] if "y" in replay.rows else flat_traces(replay)
    names = [label(name) for name in replay.axes]
    vertical = names[1] if len(names) > 1 else "density"
    return figure(
        [points_trace(replay, limits), *lines, means, *flat],
        showlegend=False,
        bargap=0,
        xaxis={"title": titled(names[0]), "range": limits[0].tolist()},
        yaxis={"title": titled(vertical), "range": limits[1].tolist()},
    )


def titled(text: str) -> dict[str, Any]:
    """Return the title of an axis, small enough for phones."""
    return {"text": text, "font": {"size": 13}, "standoff": 8}


def points_trace(replay: Replay, limits: FloatArray) -> dict[str, Any]:
    """Return the rows; of one axis, strewn below it."""
    rows = replay.rows
    return {
        "type": "scatter",
        "mode": "markers",
        "x": rows["x"],
        "y": rows["y"] if "y" in rows else strewn(rows.n_rows, limits),
        "marker": {
            "size": 6 if rows.n_rows <= 500 else 4,
            "symbol": np.where(rows["filled"], "circle-open", "circle").tolist(),
            "opacity": 0.75,
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def flat_traces(replay: Replay) -> list[dict[str, Any]]:
    """Return the total density, for the script to fill in, and the bars of the rows."""
    bars = replay.histogram
    assert bars is not None
    total = {"type": "scatter", "mode": "lines", "line": {"color": GREY, "width": 1.5}}
    histogram = {
        "type": "bar",
        "x": (bars["left"] + bars["right"]) / 2,
        "y": bars["density"],
        "width": bars["right"] - bars["left"],
        "marker": {"color": GREY, "opacity": 0.35},
    }
    return [{**trace, "hoverinfo": "skip"} for trace in (total, histogram)]


def curve_of(replay: Replay) -> Any:
    """Return the figure of the objective, with the place of the iteration shown."""
    x, y = replay.curve["iteration"], replay.curve["value"]
    blue, orange = (hexadecimal(hue) for hue in HUES[[0, 5]])
    line = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": blue}}
    now = {
        "type": "scatter",
        "mode": "markers",
        "x": x[:1],
        "y": y[:1],
        "marker": {"color": orange, "size": 13},
        "hoverinfo": "skip",
    }
    return figure(
        [{**line, "hovertemplate": "iteration %{x}: %{y:.6g}<extra></extra>"}, now],
        showlegend=False,
        xaxis={"title": titled("iteration"), "rangemode": "tozero"},
        yaxis={"title": titled(replay.quantity)},
    )
