"""Pages and links from outside docs/: written as they work in the repository, led to the site."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from sphinx.application import Sphinx

#: Files and folders of the repository, and the site's pages of them.
PAGES = [
    (r"examples", r"docs/_generated/gallery/index.rst"),
    (r"examples/(\w+)\.py", r"docs/_generated/gallery/\1.rst"),
    (r"benchmarks/results", r"docs/_generated/benchmarks/index.md"),
    (r"benchmarks/results/(\w+)\.md", r"docs/_generated/benchmarks/\1.md"),
    (r"CHANGELOG\.md", r"docs/_generated/changelog.md"),
    (r"CONTRIBUTING\.md", r"docs/_generated/contributing.md"),
]
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Copy pages before any is read, and look at every page as it is read."""
    app.connect("config-inited", copy_pages)
    app.connect("source-read", lead)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def copy_pages(app: Sphinx, config: Any) -> None:
    """Copy the pages of the repository's root."""
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = (Path(app.srcdir).parent / name).read_text(encoding="utf-8")
        write(Path(app.srcdir) / "_generated" / name.lower(), led(text, ".", "docs/_generated"))


def lead(app: Sphinx, name: str, source: list[str]) -> None:
    """Lead the links of one page to the site's own pages."""
    folder = str(PurePosixPath("docs", name).parent)
    if not name.startswith("_generated/"):
        source[0] = led(source[0], folder, folder)


def led(text: str, written: str, read: str) -> str:
    """Return a text that was written in one folder for a page that is read in another."""

    def found(match: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(written, match[1]))
        for pattern, page in PAGES:
            if fitting := re.fullmatch(pattern, target):
                target = fitting.expand(page)
                break
        return "](" + os.path.relpath(target, read)

    return LINK.sub(found, text)


def write(path: Path, text: str) -> None:
    """Write a page, if it is another: Sphinx reads again what is newer than before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
