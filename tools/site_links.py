"""Follow every link within a built site, and see that no page loads anything from elsewhere.

Usage: python tools/site_links.py FOLDER
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Elements that a browser fetches as it opens the page, and where from.
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src")}
#: Relations of <link> that are no more than a statement.
STATED = {"canonical", "index", "search", "next", "prev", "author", "copyright", "license"}


class Page(HTMLParser):
    """What a page points to, what it loads, and the names of its parts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        for name in ("href", "src"):
            if name in given:
                self.links.append(given[name])
                if (tag, name) in LOADED and given.get("rel") not in STATED:
                    self.loaded.append(given[name])


def defects(folder: Path) -> list[str]:
    """Return a sentence for each link that leads nowhere, and for each thing from elsewhere."""
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in paths}
    found = []
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        found += [f"{where}: loads {link}" for link in page.loaded if urlsplit(link).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            names = pages[target].names if target in pages else {unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in names:
                found.append(f"{where}: {link} leads nowhere")
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sentences = defects(Path(sys.argv[1]))
    print("\n".join(sentences) or f"every link within {sys.argv[1]} leads somewhere")
    sys.exit(bool(sentences))
