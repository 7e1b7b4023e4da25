"""What it takes to make the report again: settings, versions, commands."""

from __future__ import annotations

import inspect
import platform
import re
from importlib.metadata import version
from typing import Any

import numpy as np

from mixtura._version import __version__
from mixtura.model import Mixture
from mixtura.view.report.blocks import Block, Code, Grid, Section, Text
from mixtura.view.report.study import Study
from mixtura.view.report.words import number, short

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "plotly", "jinja2")
#: Columns that a line of Python names one by one.
NAMED = 30


def section(
    study: Study,
    model: Any,
    source: str | None,
    model_file: str | None,
    command: str | None,
    labels: str | None = None,
) -> Section:
    """Return settings and versions, and what to run."""
    blocks: list[Block] = []
    if command is not None:
        blocks.append(Code("On the command line", command))
    if not isinstance(model, Mixture):
        blocks.append(Code("In Python", lines(study, model, source, model_file, labels)))
        if model_file is None and model.get_params().get("random_state", 0) is None:
            blocks.append(Text("random_state is None: another fit may end elsewhere."))
        rows = [[name, setting(value)] for name, value in sorted(model.get_params().items())]
        blocks.append(Grid(f"Settings of {type(model).__name__}", ["parameter", "value"], rows))
    installed = [[name, version(name)] for name in PACKAGES]
    versions = [["mixtura", __version__], ["Python", platform.python_version()], *installed]
    blocks.append(Grid("Versions", ["package", "version"], versions))
    return Section("reproduce", "To make this again", blocks)


def lines(
    study: Study,
    model: Any,
    source: str | None,
    model_file: str | None,
    labels: str | None = None,
) -> str:
    """Return lines of Python that fit or load the model and write the report."""
    kind, given = type(model).__name__, "X"
    found = ["from mixtura.view import write_report"]
    if study.n:
        found += table_lines(list(study.subject.columns), source)
    if model_file is None and hasattr(model, "classes_"):
        found.append("y = ...  # the labels of the rows, None where there is none")
        given += ", y"
    if study.n and (study.weights != 1.0).any():
        found.append("w = ...  # the weights of the rows")
        given += ", sample_weight=w"
    if labels is not None:
        found.append(f"labels = ...  # what the groups are compared with, {short(labels)!r}")
    if model_file is None:
        call = f"{kind}({', '.join(changed(model))}).fit({given})"
        found = [f"from mixtura import {kind}", *found, f"model = {call}"]
    else:
        found = ["from mixtura import load", *found, f"model = load({model_file!r})"]
    rows = ", X" * (study.n > 0) + ", sample_weight=w" * ("=w" in given)
    rows += ", labels=labels" * (labels is not None)
    return "\n".join([*found, f"write_report('report.html', model{rows})"])


def table_lines(names: list[str], source: str | None) -> list[str]:
    """Return lines that read the columns of a table, where pandas reads it as the command does."""
    if source is None or not re.search(r"\.csv(\.gz)?$", source) or len(names) > NAMED:
        return [f"X = ...  # the table, its columns {short(names, 200)}"]
    return ["import pandas as pd", "", f"X = pd.read_csv({source!r})[{names!r}]"]


def changed(model: Any) -> list[str]:
    """Return the settings that are not as they are by default, as Python writes them."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(type(model).__init__).parameters.items()
    }
    return [
        f"{name}={setting(value)}"
        for name, value in model.get_params(deep=False).items()
        if name != "callback" and not same(value, defaults.get(name))
    ]


def same(value: Any, default: Any) -> bool:
    """Return whether a setting is as it is by default; arrays never are."""
    return type(value) is type(default) and not isinstance(value, np.ndarray) and value == default


def setting(value: Any) -> str:
    """Return a setting as Python writes it; of what is long, what it is."""
    if isinstance(value, float):
        return number(value, 6) if value.is_integer() is False else repr(value)
    text = repr(value)
    return text if len(text) <= 100 else f"<{type(value).__name__}>"
