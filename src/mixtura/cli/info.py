"""``mixtura info``: say what is in a model file."""

from __future__ import annotations

from typing import Any

from mixtura import load
from mixtura.cli.console import facts, plain, print_json, show
from mixtura.cli.models import (
    collapsed_line,
    column_names,
    components_table,
    description,
    model_line,
)
from mixtura.cli.options import JsonOption, ModelArgument, in_flags
from mixtura.io.model_file import read_model
from mixtura.io.table import counted


def info(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Print what a model file holds: weights, means and deviations, settings, how the fit went.

    With --json it is all there: also the covariances and the log-likelihood of every iteration.
    """
    _, metadata = read_model(model)
    fitted = load(model)
    names = column_names(fitted)
    about = description(fitted, names)
    file = {
        "model": str(model),
        "schema": metadata["schema"],
        "library_version": metadata["library_version"],
        "settings": fitted.get_params(),
    }
    if as_json:
        print_json({**file, **about})
        return
    show(facts(info_facts({**file, **about})), "", components_table(fitted, names))


def info_facts(about: dict[str, Any]) -> dict[str, str]:
    """Return what is not a parameter as names and values for people."""
    trace = counted(len(about["log_likelihood_per_row_trace"]), "value")
    settings = [
        f"{name}={plain(value)}" for name, value in about["settings"].items() if value is not None
    ]
    return {
        "file": f"{about['model']}, written by mixtura {about['library_version']} "
        f"(schema {about['schema']})",
        "model": model_line(about),
        "columns": ", ".join(about["columns"] or []) or f"{about['n_columns']}, without names",
        "status": in_flags(about["status"]),
        **collapsed_line(about),
        "iterations": f"{about['iterations']}, log-likelihood trace of {trace}",
        "settings": ", ".join(settings),
    }
