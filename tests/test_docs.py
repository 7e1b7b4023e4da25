"""The documentation's links, citations and commands hold."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_equations_are_numbered_without_gaps() -> None:
    assert sorted(equation_numbers()) == list(range(1, len(equation_numbers()) + 1))


def test_cited_equations_exist() -> None:
    known = set(equation_numbers())
    strays = []
    for folder in ("src", "tests", "docs"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in {".py", ".md"}:
                cited = cited_equations(path.read_text(encoding="utf-8"))
                strays += [f"{path.relative_to(ROOT)}: {n}" for n in sorted(cited - known)]
    assert strays == []


def equation_numbers() -> list[int]:
    """Return the numbers of the guide's equations, page by page."""
    text = "".join(page.read_text(encoding="utf-8") for page in GUIDE)
    return [int(number) for number in re.findall(r"\\tag\{(\d+)\}", text)]


def cited_equations(text: str) -> set[int]:
    """Return the equation numbers that a text refers to."""
    citations = re.findall(r"\bequations?\s+((?:\d+|,|\s|and\b|to\b)+)", text)
    return {int(number) for citation in citations for number in re.findall(r"\d+", citation)}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("main job", "python -m pip install '.[app]' && mixtura demo"),
        ("tests", "python -m pip install '.[test]' && python -m pytest"),
    ],
)
def test_readme_states_the_commands_that_ci_runs(name: str, command: str) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "readme_command.py"))
    assert tool["marked_block"](README.read_text(encoding="utf-8"), name) == command


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
