"""Sections as one document."""

from __future__ import annotations

import builtins
import json
import re
from typing import Any

import pytest

from mixtura import MissingDependencyError
from mixtura.view.report import page
from mixtura.view.report.blocks import Cell, Code, Described, Grid, Map, Section, Text

BAD = "</script><script>alert(1)</script>\"'&"


def document(*blocks: Any) -> str:
    """Return a document of one section, less its library."""
    html = page.document(
        BAD, [BAD], [Section("s", BAD, blocks)], version="1", hues=["#000000", "#ffffff"]
    )
    return html[: html.index("<script>")] + html[html.index("<body>") :]


def test_all_text_is_escaped() -> None:
    grid = Grid(BAD, [BAD, BAD], [[BAD, Cell(BAD, shade=1.0, bar=0.5, group=1)]], BAD)
    html = document(
        Text(BAD),
        Described([(Cell(BAD, group=0), BAD)]),
        Code(BAD, BAD),
        grid,
        Map([BAD], {"a": BAD}),
    )
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 14
    data = re.search(r'<script type="application/json">(.*?)</script>', html)
    assert data is not None
    assert json.loads(data[1]) == {"a": BAD}


def test_cells_show_their_group_shade_and_bar() -> None:
    html = document(Grid("c", ["h", "i"], [["a", Cell("5", shade=-1.0, bar=0.25, group=1)]]))
    assert 'class="number low"' in html.replace("\n", " ")
    assert "--part:55%" in html
    assert "width:25.0%" in html
    assert "background:#ffffff" in html


def test_numbers_that_are_none_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        document(Map([], {"a": float("nan")}))


def test_the_script_of_replays_is_there_where_one_is() -> None:
    assert not page.with_replay([Section("map", "", [])])
    assert page.with_replay([Section("iterations", "", [])])


def test_without_jinja2_the_command_that_installs_it_is_told(monkeypatch: Any) -> None:
    page.environment.cache_clear()
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependencyError, match=r"mixtura\[report\]"):
        page.environment()
