"""The documentation's links, citations and commands hold."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

import mixtura
import mixtura.view

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
#: What is written; docs/_generated is what a build of the site has left there.
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "_generated" not in path.parts
)
#: Modules that the page for those who come from scikit-learn names things of.
SKLEARN = [
    "cluster",
    "covariance",
    "discriminant_analysis",
    "impute",
    "metrics",
    "metrics.cluster",
    "mixture",
    "model_selection",
    "neighbors",
    "semi_supervised",
]
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
        ("main job", "python -m pip install '.[app,report]' && mixtura demo"),
        ("tests", "python -m pip install '.[test]' && python -m pytest -n auto"),
    ],
)
def test_readme_states_the_commands_that_ci_runs(name: str, command: str) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "readme_command.py"))
    assert tool["marked_block"](README.read_text(encoding="utf-8"), name) == command


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/tutorial.md",
        "docs/coming-from/notebook.md",
        "docs/coming-from/scikit-learn.md",
        pytest.param("docs/howto.md", marks=pytest.mark.slow),
    ],
)
def test_python_in_pages_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert blocks
    space: dict[str, Any] = {}  # one for the page: a tutorial goes on where it was
    for block in blocks:
        exec(compile(block, page, "exec"), space)


def test_api_page_lists_every_public_name_once() -> None:
    text = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", text, flags=re.MULTILINE)
    public = {*mixtura.__all__, *mixtura.view.__all__} - {"__version__"}
    assert sorted(listed) == sorted(public)


@pytest.mark.parametrize("page", ["scikit-learn", "mclust", "notebook"])
def test_names_side_by_side_are_ours(page: str) -> None:
    known = names_of(mixtura, mixtura.__all__) | names_of(mixtura.view, ["ClustersDisplay"])
    known |= set(mixtura.view.__all__)
    cited = cited_names(page, column=1)
    assert len(cited) > 10
    assert sorted(cited - known) == []


def test_names_side_by_side_are_of_scikit_learn() -> None:
    known = {"sample_weight"} | names_of(
        importlib.import_module("sklearn.mixture"), ["GaussianMixture"]
    )
    for module in SKLEARN:
        known |= set(importlib.import_module(f"sklearn.{module}").__all__)
    cited = cited_names("scikit-learn", column=0)
    assert len(cited) > 10
    assert sorted(cited - known) == []


def test_broken_links_of_a_site_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="#top"></a><a href="https://example.org"></a>'
        '<a href="b.html#there"></a><a href="b.html#gone"></a><a href="c.html"></a>'
        '<script src="//cdn.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    tool = runpy.run_path(str(ROOT / "tools" / "site_links.py"))
    assert tool["defects"](tmp_path) == [
        "a.html: loads //cdn.org/x.js",
        "a.html: b.html#gone leads nowhere",
        "a.html: c.html leads nowhere",
    ]


def names_of(module: Any, public: list[str]) -> set[str]:
    """Return public names, with their parameters, attributes and methods."""
    names = set(public)
    for value in (getattr(module, name) for name in public):
        if inspect.isclass(value):
            documented = NumpyDocString(inspect.getdoc(value) or "")
            names |= {
                each.name for part in ("Attributes", "Parameters") for each in documented[part]
            }
            names |= {name for name in dir(value) if not name.startswith("_")}
            names |= {field.name for field in fields(value)} if is_dataclass(value) else set()
        elif inspect.isroutine(value):
            names |= set(inspect.signature(value).parameters)
    return {name.strip() for entry in names for name in entry.split(",")}


def cited_names(page: str, column: int) -> set[str]:
    """Return what is called, accessed, a keyword or named alone in a column of the tables."""
    text = (ROOT / "docs" / "coming-from" / f"{page}.md").read_text(encoding="utf-8")
    names = set()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        for code in re.findall(r"`([^`]+)`", cells[column]) if len(cells) == 3 else []:
            plain = re.sub(r'"[^"]*"', "", code)
            names |= set(re.findall(r"\.([A-Za-z]\w*)|([A-Za-z]\w*)(?=[(=])|^(\w+)$", plain))
    found = {name for groups in names for name in groups if name}
    return found - {"range", "len", "max", "axis"}  # Python's and NumPy's
