"""The groups of one column: its histogram, and the density of the components."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.view.density import density_tables, histogram_table, typical_spread
from mixtura.view.interactive import figure, fragment, label
from mixtura.view.palette import dash, hexadecimal
from mixtura.view.player import DASHES
from mixtura.view.report.blocks import Figure
from mixtura.view.report.study import Study
from mixtura.view.report.words import group_name, short

#: More groups than these have no legend.
NAMED = 10


def density(study: Study) -> Figure:
    """Return the histogram of the column, and the density of each component over it."""
    there = ~np.isnan(study.rows[:, 0]) & (study.weights > 0.0)
    values = study.rows[there, 0].astype(np.float64)
    seen = values if len(values) else study.subject.means
    curves, _ = density_tables(study.subject, 0, (seen.min(), seen.max()))
    traces = bars(study, values, there) + lines(study, curves)
    name = study.subject.columns[0]
    shown = figure(
        traces,
        xaxis={"title": {"text": label(name)}},
        yaxis={
            "title": {"text": "density (per unit)"},
            "rangemode": "tozero",
            "exponentformat": "power",
        },
        bargap=0,
        showlegend=study.subject.k <= NAMED,
    )
    told = f"Histogram of {name}, and the density of each component"
    return Figure(fragment(shown, "density", title=short(told, 200), height=460))


def bars(study: Study, values: Any, there: Any) -> list[dict[str, Any]]:
    """Return the histogram of the rows, if there are any."""
    if not len(values):
        return []
    bins = histogram_table(values, study.weights[there], typical_spread(study.subject, 0))
    return [
        {
            "type": "bar",
            "name": "rows",
            "x": (0.5 * (bins["left"] + bins["right"])).tolist(),
            "y": bins["density"].tolist(),
            "width": (bins["right"] - bins["left"]).tolist(),
            "marker": {"color": "#8c8c8c", "opacity": 0.45},
            "customdata": bins["weight"].tolist(),
            "hovertemplate": "%{x:.5g}: %{customdata:,.6g} rows<extra></extra>",
        }
    ]


def centres(study: Study) -> list[dict[str, Any]]:
    """Return the centres of clusters, below the bars."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": group_name(study.subject.groups[j]),
            "x": [float(centre)],
            "y": [0.0],
            "marker": {"color": hexadecimal(study.subject.hues[j]), "symbol": j % 8, "size": 13},
            "cliponaxis": False,
            "hoverinfo": "name+x",
        }
        for j, centre in enumerate(study.subject.means[:, 0])
    ]


def lines(study: Study, curves: Any) -> list[dict[str, Any]]:
    """Return the densities of the components, weighted, and the sum of all; or the centres."""
    if not curves.n_rows:
        return centres(study)
    x = curves["x"].tolist()
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": group_name(study.subject.groups[j]),
            "x": x,
            "y": curves["components"][:, j].tolist(),
            "line": {"color": hexadecimal(study.subject.hues[j]), "dash": DASHES[dash(j)]},
            "hoverinfo": "name+x",
        }
        for j in range(study.subject.k)
    ]
    total = {"type": "scatter", "mode": "lines", "name": "all", "x": x, "hoverinfo": "name+x"}
    wide = {"color": "#8c8c8c", "width": 4}
    return [{**total, "y": curves["total"].tolist(), "line": wide}, *traces]
