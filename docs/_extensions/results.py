"""The pages of benchmarks, from the results that benchmarks/results stores."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from outside import led, write
from sphinx.application import Sphinx

INTRODUCTION = """# Benchmarks

Every figure is from a stored run, and this page is made from the files when the site is built:
nothing is copied by hand, and what fell short of its target is counted like what met it.
[How it is measured](../../benchmarks.md), and how to measure it again. A ratio above 1 says that
mixtura needs less, of time or of whatever is measured; given are the median over cases, and
the least and the largest.

"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before any is read."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx, config: Any) -> None:
    """Write a page for each stored result, and the one that sums them up."""
    docs = Path(app.srcdir)
    stored = docs.parent / "benchmarks" / "results"
    folder = docs / "_generated" / "benchmarks"
    names = sorted(path.stem for path in stored.glob("*.json"))
    for name in names:
        page = (stored / f"{name}.md").read_text(encoding="utf-8")
        page = page.replace("`docs/benchmarks.md`", "[benchmarks](../../docs/benchmarks.md)")
        write(folder / f"{name}.md", led(page, "benchmarks/results", "docs/_generated/benchmarks"))
    parts = [INTRODUCTION, *(summary(name, stored) for name in names), contents(names)]
    write(folder / "index.md", "\n".join(parts))


def contents(names: list[str]) -> str:
    """Return the list of pages for the site's navigation."""
    entries = "\n".join(["How it is measured </benchmarks>", *names])
    return f"```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def summary(name: str, stored: Path) -> str:
    """Return a section: what one run measured, on what, and how it came out."""
    result = json.loads((stored / f"{name}.json").read_text(encoding="utf-8"))
    title = (stored / f"{name}.md").read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
    origin = result["provenance"]
    judged = [row["met"] for row in result["rows"] if row["met"] is not None]
    lines = [
        f"## {title}",
        "",
        f"{sum(judged)} of {len(judged)} targets met, on {origin['cpu']} "
        f"({origin['usable_cores']} cores): [every line]({name}.md).",
        "" if result["complete"] else "Not all measurements were made.",
        "",
        "| measure | peer | cases | ratio |",
        "|---|---|---|---|",
        *(line(key, ratios) for key, ratios in grouped(result["rows"]).items()),
        "",
    ]
    return "\n".join(lines)


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    """Return the ratios to a peer by measure and peer, where there are any."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["ratio"] is not None and row["unit"] not in ("GFlop/s", "GB/s"):
            key = (row["subject"]["measure"], row["subject"]["peer"])
            groups.setdefault(key, []).append(row["ratio"])
    return groups


def line(key: tuple[str, str], ratios: list[float]) -> str:
    """Return a line of the table: the median and the range of ratios."""
    ordered = sorted(ratios)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    spread = f" ({ordered[0]:.3g} to {ordered[-1]:.3g})" if len(ordered) > 1 else ""
    measure, peer = (text.replace("|", "\\|") for text in key)
    assert all(math.isfinite(ratio) for ratio in ratios)
    return f"| {measure} | {peer} | {len(ratios)} | {middle:.3g}x{spread} |"
