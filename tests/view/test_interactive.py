"""HTML files that need nothing but themselves."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mixtura._errors import MissingDependencyError
from mixtura.view import interactive


def test_labels_are_shown_as_they_are() -> None:
    assert interactive.label("<b>a & b</b>\n $x$") == "&lt;b&gt;a &amp; b&lt;/b&gt; &#36;x&#36;"
    assert len(interactive.label("x" * 200)) == 40


def test_figures_have_axes_in_common_and_their_own() -> None:
    shown = interactive.figure(
        [{"type": "scatter", "x": [1], "y": [2]}],
        xaxis={"title": {"text": "a"}, "showgrid": False},
        showlegend=False,
    )
    assert (shown.layout.xaxis.title.text, shown.layout.xaxis.showgrid) == ("a", False)
    assert shown.layout.xaxis.automargin is shown.layout.yaxis.automargin is True
    assert shown.layout.showlegend is False
    assert shown.data[0].y == (2,)


def test_a_page_holds_the_library_once_and_no_address() -> None:
    shown = interactive.figure([{"type": "scatter", "x": [1], "y": [2]}])
    parts = [interactive.fragment(shown, name, title='"<i>"') for name in ("one", "two")]
    document = interactive.page("</title><script>alert(1)</script>", "".join(parts))
    assert document.count("* plotly.js v") == 1
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)" in document
    assert 'aria-label="&quot;&lt;i&gt;&quot;"' in parts[0]
    assert interactive.POLICY in document
    own = document.replace(interactive.plotly().offline.get_plotlyjs(), "")
    assert re.findall(r"""(?:src|href)\s*=|https?://|@import|url\(""", own) == []


def test_assets_are_in_the_page() -> None:
    document = interactive.page("a", "", assets=["replay.css", "replay.js"], head="<meta name=x>")
    for name in ("page.css", "page.js", "replay.css", "replay.js"):
        assert interactive.asset(name) in document
    assert "<meta name=x>" in document


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    interactive.write(path, "é \ud800")
    assert path.read_bytes() == "é ?".encode()


def test_without_plotly_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mixtura\[report\]'"):
        interactive.plotly()
