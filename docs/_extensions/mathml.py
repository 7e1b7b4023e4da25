"""Formulas as MathML: no script, no font and no network, neither to build nor to read."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
TAG = re.compile(r"\\tag\{(\d+)\}")
#: What the converter does not know, as it knows it.
SYNONYMS = {r"\arg": r"\operatorname{arg}", "{aligned}": "{align*}"}
#: What opens and what closes: a formula is not taken apart between the two.
PAIRS = (("{", "}"), (r"\left", r"\right"), (r"\begin", r"\end"))
#: A function in MathML, and the parenthesis that may follow.
FUNCTION = re.compile(r"<mi>(log|exp|sin|cos)</mi>(<mo[^>]*>(?:\(|&#x00028;)</mo>)?")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer, which Sphinx takes as the only one there is."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    app.add_css_file("mathml.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node.astext(), "inline", node))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own lines, with its number to the right."""
    numbers = TAG.findall(node.astext())
    number = numbers[0] if numbers else ""
    anchor = f' id="equation-{number}"' if number else ""
    label = f'<span class="number">({number})</span>' if number else ""
    each = (mathml(part, "block", node) for part in parts(node.astext()))
    formulas = " ".join(f'<div class="formula">{formula}</div>' for formula in each)
    translator.body.append(
        f'<div class="equation"{anchor}><div class="formulas">{formulas}</div>{label}</div>\n'
    )
    raise nodes.SkipNode


def parts(latex: str) -> list[str]:
    """Return the formulas that stand side by side, so that narrow screens have them in lines."""
    found = [""]
    for piece in latex.split(r"\qquad"):
        if all(found[-1].count(a) == found[-1].count(b) for a, b in PAIRS):
            found.append(piece)
        else:
            found[-1] += r"\qquad" + piece
    return [part for part in found if part.strip()]


def mathml(latex: str, display: str, node: nodes.Node) -> str:
    """Return a formula as MathML; what is not understood is a warning, not text."""
    latex = TAG.sub("", latex).strip()
    for name, known in SYNONYMS.items():
        latex = latex.replace(name, known)
    text = convert(latex, display=display)
    if strange := re.findall(r"\\[A-Za-z]+|>&<", text):
        LOGGER.warning("no MathML for %s in %s", ", ".join(strange), latex, location=node)
    return FUNCTION.sub(spaced, text)


def spaced(match: re.Match[str]) -> str:
    """Return the name of a function as an operator, which has space around it, as in print."""
    after = "0" if match[2] else "0.17em"
    return f'<mo form="prefix" lspace="0.17em" rspace="{after}">{match[1]}</mo>{match[2] or ""}'
