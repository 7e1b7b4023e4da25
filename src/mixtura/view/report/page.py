"""Sections as one document of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from mixtura._errors import MissingDependencyError
from mixtura.view.interactive import page
from mixtura.view.player import ASSETS
from mixtura.view.report.blocks import Section

HERE = "mixtura.view.report"


def document(title: str, findings: Sequence[str], sections: Sequence[Section], **shown: Any) -> str:
    """Return a report as a document that needs no other file; all text in it is escaped."""
    template = environment().get_template("report.html.j2")
    body = template.render(
        title=title, findings=findings, sections=sections, script=asset("report.js"), **shown
    )
    return page(
        title,
        body,
        assets=ASSETS if with_replay(sections) else (),
        head=f"<style>{asset('style.css')}</style>\n",
    )


def with_replay(sections: Sequence[Section]) -> bool:
    """Return whether a section holds a replay, which needs a script of its own."""
    return any(section.name == "iterations" for section in sections)


@cache
def environment() -> Any:
    """Return the templates, which escape everything that is put into them."""
    try:
        import jinja2
    except ImportError:
        raise MissingDependencyError(
            "Reports need jinja2: python -m pip install 'mixtura[report]'"
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(HERE),
        autoescape=True,  # whatever a template is called
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    options = {"allow_nan": False, "separators": (",", ":"), "ensure_ascii": True}
    environment.policies["json.dumps_kwargs"] = options
    return environment


def asset(name: str) -> str:
    """Return the text of a file beside the templates."""
    return files(HERE).joinpath("templates", name).read_text(encoding="utf-8")
