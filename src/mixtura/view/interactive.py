"""plotly, or the command that installs it, and HTML files that need nothing but themselves."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import ModuleType
from typing import Any

from mixtura._errors import MissingDependencyError
from mixtura._text import shortened
from mixtura.io.atomic import atomic_writer

#: Lets a document run its own scripts and show its own pictures, and ask no network for anything.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
#: What figures have in common; their colours are those of assets/page.css, light or dark.
LAYOUT: dict[str, Any] = {
    "template": "none",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 56, "r": 12, "t": 28, "b": 48},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "hovermode": "closest",
    "dragmode": "pan",
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    "hoverlabel": {"align": "left", "font": {"family": "system-ui, sans-serif", "size": 13}},
    "modebar": {"bgcolor": "rgba(0,0,0,0)"},
}
AXIS: dict[str, Any] = {"automargin": True, "zeroline": False, "showgrid": True}
#: A wheel over a figure scrolls the page.
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtons": [["toImage", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
}


def plotly() -> ModuleType:
    """Return ``plotly``, with its ``graph_objects``, ``io`` and ``offline``."""
    try:
        import plotly
        import plotly.graph_objects
        import plotly.io
        import plotly.offline
    except ImportError:
        raise MissingDependencyError(
            "Interactive pictures need plotly: python -m pip install 'mixtura[report]'"
        ) from None
    return plotly


def label(text: object, n: int = 40) -> str:
    """Return a name as plotly is to show it: as it is, in one line, cut in its middle.

    What plotly would take for markup or, beside MathJax, for a formula is escaped.
    """
    return html.escape(shortened(text, n)).replace("$", "&#36;")


def figure(traces: Iterable[Mapping[str, Any]], **layout: Any) -> Any:
    """Return a ``plotly.graph_objects.Figure`` of traces as plain mappings, ``type`` in each.

    ``layout`` is plotly's, by attribute; axes and margins that it says nothing of are as in all
    figures. Names and titles go through ``label`` first.
    """
    axes = {name: {**AXIS, **axis} for name, axis in layout.items() if re.match("[xy]axis", name)}
    base = {"xaxis": AXIS, "yaxis": AXIS, **LAYOUT}
    return plotly().graph_objects.Figure(
        data=[dict(trace) for trace in traces], layout={**base, **layout, **axes}
    )


def fragment(shown: Any, name: str, *, title: str, height: int = 420) -> str:
    """Return the HTML of a figure for the body of a ``page``.

    ``name`` is the figure's id in the document, ``title`` what it is called where it is not seen;
    ``height`` is in pixels, the width that of what it is in.
    """
    inner = plotly().io.to_html(
        shown,
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        div_id=name,
        config=CONFIG,
        default_height=f"{height}px",
    )
    named = html.escape(title, quote=True)
    return f'<div class="figure" role="figure" aria-label="{named}">{inner}</div>'


def page(title: str, body: str, *, assets: Iterable[str] = (), head: str = "") -> str:
    """Return a document of HTML that needs no other file and no network.

    Parameters
    ----------
    title : str
        Its title, as text.
    body : str
        What is seen, as HTML: what was not written by mixtura in it has been escaped.
    assets : iterable of str
        Names of further files of ``mixtura/view/assets``, .css and .js.
    head : str
        Further HTML of the head.
    """
    names = ("page.css", "page.js", *assets)
    styles = "".join(asset(name) for name in names if name.endswith(".css"))
    scripts = "".join(f"<script>{asset(name)}</script>\n" for name in names if name.endswith(".js"))
    library = plotly().offline.get_plotlyjs()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(title)}</title>\n<style>{styles}</style>\n{head}"
        f"<script>{library}</script>\n</head>\n<body>\n{body}\n{scripts}</body>\n</html>\n"
    )


def asset(name: str) -> str:
    """Return the text of a file of ``mixtura/view/assets``."""
    return files("mixtura.view").joinpath("assets", name).read_text(encoding="utf-8")


def write(path: str | os.PathLike[str], document: str) -> None:
    """Write a document to a file, whole or not at all."""
    with atomic_writer(path) as file:
        # A lone surrogate, such as file names can hold, has no place in UTF-8.
        file.write(document.encode("utf-8", errors="replace"))
