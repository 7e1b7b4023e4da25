"""A replay as a browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, KMeans, Mixture, run_em
from mixtura.view import Replay

HOSTILE = ("<script>alert('x')</script>", "$x_1$ & 'quoted' \"text\" 🐧 " + "long" * 50)
ROWS = np.random.default_rng(2).normal(size=(120, 2)) + 4.0 * (np.arange(120) % 2)[:, None]
TABLE = pd.DataFrame(ROWS, columns=list(HOSTILE))
START = Mixture([0.5, 0.5], [[1.0, 0.0], [2.0, 1.0]], [9.0, 9.0], "spherical")
LAST = 12

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def replay() -> Replay:
    result = run_em(ROWS, START, max_iter=LAST, tol=0.0, record=True)
    return Replay.from_estimator(result, TABLE)


@pytest.fixture(scope="module")
def path(replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("replay") / "<replay> & more.html"
    replay.to_html(found, title=HOSTILE[0])
    return found


def shown(page: Any, frame: int) -> Any:
    """Wait until a frame is drawn and return the page."""
    page.wait_for_selector(f'section[data-frame="{frame}"]')
    return page


def drawn(page: Any) -> dict[str, Any]:
    """Return what is drawn: means, the first outline, a row's colour, the place on the curve."""
    told: dict[str, Any] = page.evaluate(
        """() => {
          const [scene, curve] = document.querySelectorAll(".js-plotly-plot");
          const at = (figure, trace) => [...figure.querySelectorAll(
            `.trace:nth-child(${trace}) path.point`)].map((p) => p.getAttribute("transform"));
          return {
            means: at(scene, 4),
            outline: scene.querySelector(".trace:nth-child(2) path.js-line").getAttribute("d"),
            colour: scene.querySelector("path.point").style.fill,
            now: at(curve, 2),
            values: [scene.data[3].x, scene.data[3].y, curve.data[1].x],
          };
        }"""
    )
    return told


def move(page: Any, frame: int) -> None:
    """Move the slider as a reader does."""
    page.locator(".controls input").evaluate(
        "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')); }", frame
    )
    shown(page, frame)


def test_the_slider_moves_everything(visit: Visit, path: Path, replay: Replay) -> None:
    page = shown(visit(path), 0)
    before = drawn(page)
    move(page, 9)
    after = drawn(page)
    assert [name for name in before if before[name] == after[name]] == []
    components, _, _ = replay.frame(9)
    x, y, now = after["values"]
    assert np.allclose([x, y], [components["x"], components["y"]], rtol=1e-6)
    assert now == [9]
    assert page.locator("output").inner_text().startswith("Iteration 9 of 12, log-likelihood")
    assert len(after["means"]) == 2


def test_it_plays_pauses_and_plays_again(visit: Visit, path: Path) -> None:
    page = shown(visit(path), 0)
    play, pause = (page.get_by_role("button", name=name) for name in ("Play", "Pause"))
    play.click()
    shown(page, 2)
    pause.click()
    move(page, LAST - 1)
    play.click()
    shown(page, LAST)
    play.click()  # which is back once it has ended, and begins anew
    shown(page, 1)
    pause.wait_for()


def test_arrow_keys_move_it(visit: Visit, path: Path) -> None:
    page = shown(visit(path), 0)
    page.keyboard.press("ArrowRight")  # the slider has the keyboard from the start
    shown(page, 1)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "Play"
    page.keyboard.press("ArrowRight")
    shown(page, 2)
    page.keyboard.press("ArrowLeft")
    shown(page, 1)
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    shown(page, LAST)


def test_hover_shows_the_row(visit: Visit, path: Path) -> None:
    page = shown(visit(path), 0)
    move(page, LAST)
    lone = int(np.linalg.norm(ROWS - 2.0, axis=1).argmax())
    box = page.locator(".js-plotly-plot .trace").first.locator("path.point").nth(lone)
    box.hover(force=True)
    told = page.locator(".hoverlayer .hovertext").text_content()
    assert f"row {lone}" in told
    assert f"{HOSTILE[0][:3]}" in told
    assert f"= {ROWS[lone, 0]:.4g}" in told
    assert "component" in told
    assert told.endswith(" %")


def test_names_are_text_and_nothing_is_too_wide(
    visit: Visit, path: Path, assert_fits: Callable[[Any], None]
) -> None:
    page = shown(visit(path), 0)
    assert page.locator("h1").inner_text() == HOSTILE[0]
    assert page.title() == HOSTILE[0]
    assert page.locator(".xtitle").first.text_content() == HOSTILE[0]
    assert page.locator(".ytitle").first.text_content().startswith("$x_1$ & 'quoted'")
    assert_fits(page)
    widths = page.evaluate(
        "[...document.querySelectorAll('.figure')].map((f) => "
        "[f.clientWidth, f.querySelector('.main-svg').clientWidth])"
    )
    assert all(inner <= outer for outer, inner in widths)


def test_it_is_light_or_dark(visit: Visit, path: Path) -> None:
    page = shown(visit(path, dark=True), 0)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, "
            "getComputedStyle(document.querySelector('.xtitle')).fill]"
        )
        assert (brightness(paper) < brightness(ink)) == (scheme == "dark")


def brightness(colour: str) -> int:
    """Return how bright ``rgb(r, g, b)`` is."""
    return sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))


@pytest.mark.parametrize(
    "model",
    [
        GaussianMixture(2, init_params=START, covariance_type="spherical", record=True),
        KMeans(2, init=START.means, record=True),
    ],
    ids=["mixture", "k-means"],
)
def test_one_column(visit: Visit, tmp_path: Path, model: Any) -> None:
    replay = Replay.from_estimator(model.fit(ROWS), ROWS, columns=[0])
    replay.to_html(tmp_path / "flat.html")
    page = shown(visit(tmp_path / "flat.html"), 0)
    last = len(replay.iterations) - 1
    page.keyboard.press("End")
    shown(page, last)
    curves = page.locator(".js-plotly-plot").first.locator(".scatterlayer path.js-line").count()
    assert curves == (3 if isinstance(model, GaussianMixture) else 0)
    assert page.locator(".barlayer .point").count() == 10
