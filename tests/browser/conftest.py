"""One Chromium for all tests of this folder, that no page may complain or call out in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: Widths of a phone and of a desktop, in pixels.
WIDTHS = (380, 1400)
#: What a page may load: itself, and what it holds.
OWN = ("file:", "data:", "blob:")

Visit = Callable[..., Any]


@pytest.fixture(scope="package")  # an event loop runs as long; other folders want none
def browser() -> Iterator[Any]:
    """Yield Debian's Chromium, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium (tools/browser does)")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """Yield a function that opens a file and returns Playwright's page of it.

    The test fails if a page has an error, writes a warning or an error to the console, or asks
    for anything but itself.
    """
    complaints: list[str] = []
    contexts: list[Any] = []

    def watch(page: Any) -> None:
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.on("console", lambda message: heard(message, complaints))
        page.on("request", lambda request: requested(request.url, complaints))

    def opened(path: Path, *, width: int = 1400, dark: bool = False, **options: Any) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        watch(page)
        page.goto(path.resolve().as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def heard(message: Any, complaints: list[str]) -> None:
    """Note a message on the console that complains."""
    if message.type in ("error", "warning"):
        complaints.append(f"console: {message.text}")


def requested(url: str, complaints: list[str]) -> None:
    """Note a request for anything that is not part of the page."""
    if not url.startswith(OWN):
        complaints.append(f"request: {url}")


@pytest.fixture
def assert_fits() -> Callable[[Any], None]:
    """Return a function that asserts that a page is no wider than a phone or a desktop is."""

    def fits(page: Any) -> None:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(150)  # figures resize after the window
            seen = page.evaluate("document.documentElement.scrollWidth")
            assert seen <= width, f"{seen} px of content in a window of {width} px"

    return fits
