"""A report in a browser: hostile names stay text, points tell their rows, keys reach everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, MixtureSearch
from mixtura.view import write_report

SCRIPT = "<script>alert(1)</script>"
IMAGE = "</script><img src=x onerror=alert(2)>"
NAMES = [
    SCRIPT,
    "\"quotes' & <b>bold</b>\n%{x} $y$ {{ 7 * 7 }}",
    "\N{GRINNING FACE} " + "h" * 200,
    IMAGE,
    "tiny",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a table whose names, labels and numbers are as bad as can be."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5)) + 5.0 * (np.arange(80) % 2)[:, None]
    X *= [1.0, 1.0, 1.0, 1e150, 1e-300]
    X[[3, 7], [0, 1]] = np.nan
    frame = pd.DataFrame(X, columns=NAMES)
    labels = pd.Series([SCRIPT, IMAGE] * 40, name=IMAGE)
    path = tmp_path_factory.mktemp("report") / "r.html"
    model = GaussianMixture(2, covariance_type="diag", random_state=0, record=True).fit(frame)
    write_report(path, model, frame, labels=labels, title=SCRIPT, source=IMAGE, command=SCRIPT)
    return path


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a search in three columns."""
    X = np.random.default_rng(1).normal(size=(50, 3)) + 6.0 * (np.arange(50) % 2)[:, None]
    frame = pd.DataFrame(X, columns=["length", "depth", "mass"])
    search = MixtureSearch([1, 2, 3], covariance_types=["EII", "VVI"], random_state=0).fit(frame)
    path = tmp_path_factory.mktemp("report") / "r.html"
    write_report(path, search, frame)
    return path


def point_at(page: Any) -> str:
    """Move the mouse onto a point of the map, and return what is then shown."""
    point = page.locator(".map .point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".map .hoverlayer .hovertext")
    text: str = page.text_content(".map .hoverlayer")
    return text


def title_is(page: Any, text: str) -> None:
    """Wait until the axis across has a title."""
    page.wait_for_function(
        "(t) => document.querySelector('.map .xtitle')?.textContent === t", arg=text
    )


def test_hostile_names_are_text_everywhere(hostile: Path, visit: Any, assert_fits: Any) -> None:
    page = visit(hostile)
    page.on("dialog", lambda dialog: pytest.fail(f"alert: {dialog.message}"))
    page.reload()
    page.wait_for_selector(".map .point")
    assert page.title() == page.inner_text("h1") == SCRIPT
    seen = page.inner_text("main").replace("\n", " ")
    for text in (SCRIPT, IMAGE, "\"quotes' & <b>bold</b> %{x} $y$ {{ 7 * 7 }}", "h" * 200):
        assert text in seen
    assert page.locator("main img, main b").count() == 0
    page.select_option("[data-axis='0']", "0")
    title_is(page, SCRIPT)
    hover = point_at(page)
    for text in (SCRIPT, "\"quotes' & <b>…$ {{ 7 * 7 }}", "</script><img …ror=alert(2)>"):
        assert text in hover
    assert_fits(page)
    page.set_viewport_size({"width": 380, "height": 900})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.main-svg')].every((e) => e.clientWidth <= 380)"
    )


def test_keys_reach_everything_and_points_tell_their_rows(groups: Path, visit: Any) -> None:
    page = visit(groups)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "report"
    page.wait_for_selector(".map .point")
    assert "direction 1" in page.text_content(".map .xtitle")
    place = "document.querySelector('.map .point').getAttribute('transform')"
    before = page.evaluate(place)
    page.focus("[data-axis='0']")
    page.keyboard.press("Home")
    title_is(page, "length")
    assert page.evaluate(place) != before
    hover = point_at(page)
    for text in ("row ", "group ", "certainty", "length: ", "depth: ", "mass: "):
        assert text in hover


@pytest.mark.parametrize("dark", [False, True])
def test_light_dark_and_print(groups: Path, visit: Any, assert_fits: Any, dark: bool) -> None:
    page = visit(groups, dark=dark)
    page.wait_for_selector(".map .xtitle")

    def lightness(selector: str, what: str) -> float:
        style = f"getComputedStyle(document.querySelector('{selector}')).{what}"
        numbers: list[float] = page.evaluate(f"{style}.match(/[0-9.]+/g).slice(0, 3).map(Number)")
        return sum(numbers) / 765

    paper, ink = lightness("body", "backgroundColor"), lightness(".map .xtitle", "fill")
    assert (paper < 0.2, ink > 0.8) == (dark, dark)
    assert_fits(page)
    page.emulate_media(media="print")
    assert not page.is_visible("nav")
    assert not page.is_visible(".map .controls")
    assert page.is_visible("table")
    assert lightness("body", "backgroundColor") == 1.0


def test_tables_figures_and_controls_have_names(groups: Path, visit: Any) -> None:
    page = visit(groups)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('table')].filter((t) => !t.caption?.textContent).length"
        " + document.querySelectorAll('[role=figure]:not([aria-label])').length"
        " + [...document.querySelectorAll('select')].filter((s) => !s.labels.length).length"
    )
    assert unnamed == 0
    assert page.locator("h1").count() == 1
