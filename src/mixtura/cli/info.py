"""``mixtura info``: say what is in a model file."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType

from mixtura import RatingMixture, load
from mixtura._text import counted
from mixtura.cli import clusters, recommend
from mixtura.cli.console import facts, number, plain, print_json, show
from mixtura.cli.models import (
    class_name,
    collapsed_line,
    column_names,
    components_table,
    description,
    model_line,
)
from mixtura.cli.options import JsonOption, ModelArgument, in_flags
from mixtura.estimators.centres import CentreModel
from mixtura.io.model_file import read_model


def info(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Print what a model file holds: its parameters, settings, how the fit went.

    With --json it is all there: also the covariances and the log-likelihood of every iteration.
    """
    _, metadata = read_model(model)
    fitted = load(model)
    file = {
        "model": str(model),
        "kind": metadata["kind"],
        "schema": metadata["schema"],
        "library_version": metadata["library_version"],
        "settings": fitted.get_params(),
    }
    about, lines, table = shown_as(fitted)
    if as_json:
        print_json({**file, **about})
        return
    show(facts({**file_line(file), **lines, **settings_line(file)}), "", table)


def shown_as(fitted: Any) -> tuple[dict[str, Any], dict[str, str], RenderableType]:
    """Return what is known of a model: all of it, and lines and a table for people."""
    if isinstance(fitted, RatingMixture):
        about = recommend.description(fitted)
        return about, recommend.model_lines(about), recommend.weights_table(about)
    names = column_names(fitted)
    if isinstance(fitted, CentreModel):
        about = clusters.description(fitted, names)
        return about, cluster_lines(about), clusters.centers_table(fitted, names)
    about = description(fitted, names)
    return about, mixture_lines(about), components_table(fitted, names)


def file_line(file: dict[str, Any]) -> dict[str, str]:
    """Return what the file is as a name and a value for people."""
    written = f"written by mixtura {file['library_version']} (schema {file['schema']})"
    return {"file": f"{file['model']}, {written}"}


def settings_line(file: dict[str, Any]) -> dict[str, str]:
    """Return the settings of the fit as a name and a value for people."""
    given = {name: plain(value) for name, value in file["settings"].items() if value is not None}
    return {"settings": ", ".join(f"{name}={value}" for name, value in given.items())}


def fit_lines(about: dict[str, Any], kind: str) -> dict[str, str]:
    """Return what was fitted, by which ``kind`` of model, and why it stopped, for people."""
    return {
        "model": kind,
        "columns": ", ".join(about["columns"] or []) or f"{about['n_columns']}, without names",
        **({"status": in_flags(about["status"])} if "status" in about else {}),
    }


def mixture_lines(about: dict[str, Any]) -> dict[str, str]:
    """Return what is known of a mixture but its parameters, for people."""
    iterations = f"{about['iterations']}"
    if "log_likelihood_per_row_trace" in about:
        trace = counted(len(about["log_likelihood_per_row_trace"]), "value")
        iterations += f", log-likelihood trace of {trace}"
    return {
        **fit_lines(about, model_line(about)),
        **special_lines(about),
        "iterations": iterations,
    }


def special_lines(about: dict[str, Any]) -> dict[str, str]:
    """Return what is known of one kind of mixture alone, for people."""
    if "noise_weight" in about:
        volume = f"the logarithm of its volume is {number(about['log_volume'])}"
        return {"noise": f"{about['noise_weight']:.1%} of the rows; {volume}"}
    if "classes" in about:
        weights = zip(about["classes"], about["class_weights"], strict=True)
        return {"classes": ", ".join(f"{class_name(each)} ({part:.1%})" for each, part in weights)}
    return collapsed_line(about)


def cluster_lines(about: dict[str, Any]) -> dict[str, str]:
    """Return what is known of k-means but its centres, for people."""
    return {
        **fit_lines(about, clusters.model_line(about)),
        **{name: str(about[name]) for name in ("iterations", "steps") if name in about},
        "inertia": number(about["inertia"], 7),
    }
