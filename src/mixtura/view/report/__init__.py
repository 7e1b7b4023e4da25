"""One file of HTML that explains a model of a table."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mixtura._errors import InputError
from mixtura._version import __version__
from mixtura.view.interactive import plotly, write
from mixtura.view.palette import hexadecimal
from mixtura.view.replay import Replay
from mixtura.view.report import (
    agreement,
    certainty,
    choice,
    data,
    density,
    glance,
    groups,
    holes,
    outliers,
    page,
    reproduce,
    scatter,
)
from mixtura.view.report.blocks import Block, Figure, Section, Text
from mixtura.view.report.study import Study, study_of
from mixtura.view.report.words import number

#: Rows that two fits are compared on, at most, and the difference in nats per row from which they
#: are told to be different.
SCORED, SAME = 20_000, 1e-3

__all__ = ["write_report"]


def write_report(
    path: str | os.PathLike[str],
    model: Any,
    X: Any = None,
    *,
    labels: Any = None,
    sample_weight: ArrayLike | None = None,
    search: Any = None,
    replay: Any = None,
    title: str | None = None,
    source: str | None = None,
    model_file: str | None = None,
    command: str | None = None,
    first_row: int = 0,
) -> None:
    """Write one file of HTML that explains a fitted model of a table.

    It opens from disk without a network, and holds the data and their holes, why this model, the
    groups in words and numbers, a map whose points show their rows, how sure the assignment is,
    outliers, imputed cells, and what it takes to make it again.

    Parameters
    ----------
    path : path-like
        The file, written whole or not at all.
    model : fitted estimator or Mixture
        A mixture, classifier or k-means of mixtura, or a ``MixtureSearch``.
    X : array-like of shape (n_samples, n_features), optional
        Rows; a cell that is NaN is missing. Without any, the report is about the model alone.
    labels : array-like of shape (n_samples,) or mapping of a name to one, optional
        Known labels to compare the groups with; None or NaN where there is none.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative row weights.
    search : MixtureSearch, optional
        The search that chose the model; that in ``model``, if it is one.
    replay : fitted estimator or FitResult, optional
        A fit with ``record=True``, whose iterations are shown; that of ``model``, if it has any.
    title : str, optional
        The title.
    source : str, optional
        What the table is called, such as the name of its file.
    model_file : str, optional
        The file that the model was read from.
    command : str, optional
        The command that makes the report.
    first_row : int, default=0
        The number of the first row.

    Raises
    ------
    MissingDependencyError
        If plotly or jinja2 is not installed.
    ValueError
        If the model is not fitted, the table is not one of its columns, labels or weights are not
        those of its rows, or ``replay`` was not recorded.

    Notes
    -----
    Groups are described by how far their means are from those of all rows, in standard deviations
    of these. The map of more than two columns is that of the two directions along which components
    differ most [1]_. How remote a row is, is told by the chi-squared tail of its squared
    Mahalanobis distance from the nearest mean. Of many rows a part is drawn, the least certain
    always.

    References
    ----------
    .. [1] Scrucca, L. (2010). Dimension reduction for model-based clustering. *Statistics and
       Computing* 20(4). :doi:`10.1007/s11222-009-9138-7`

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from mixtura import GaussianMixture
    >>> from mixtura.view import write_report
    >>> iris = load_iris(as_frame=True)
    >>> model = GaussianMixture(2, random_state=0).fit(iris.data)
    >>> path = Path(tempfile.mkdtemp()) / "iris.html"
    >>> write_report(path, model, iris.data, labels=iris.target, title="Iris")
    >>> path.stat().st_size < 6_000_000
    True
    """
    check_installed()
    if search is None and hasattr(model, "best_estimator_"):
        search = model
    study = study_of(getattr(model, "best_estimator_", model), X, sample_weight)
    named = None if labels is None else agreement.named_labels(labels)
    seen = hasattr(model, "classes_")
    agreed = None if named is None else agreement.section(study, *named, first_row, seen=seen)
    sections = [
        data.section(study, source),
        choice.section(study, search),
        groups.section(study),
        picture(study, None if named is None else named[1], first_row),
        replayed(model, replay, study),
        certainty.section(study, first_row),
        outliers.section(study, first_row),
        holes.section(study, first_row),
        agreed,
        reproduce.section(study, model, source, model_file, command, named and named[0]),
    ]
    shown = page.document(
        title or (f"Groups in {os.path.basename(source)}" if source else "Groups in a table"),
        glance.glance(study),
        [section for section in sections if section is not None],
        version=__version__,
        hues=[hexadecimal(np.asarray(hue)) for hue in study.subject.hues],
    )
    write(path, shown)


def replayed(model: Any, replay: Any, study: Study) -> Section | None:
    """Return how a recorded fit went, if the model's or another was recorded."""
    if replay is None and not (study.n and len(getattr(model, "snapshots_", ()))):
        return None
    if not study.n:
        raise InputError("replay needs the rows of the fit: give X.")
    fit = model if replay is None else replay
    html = Replay.from_estimator(fit, study.rows).fragment("replay")
    told = "How groups are found: every step moves them so that they describe the rows better."
    return Section("iterations", "How the fit went", [Text(told + ends(fit, study)), Figure(html)])


def ends(fit: Any, study: Study) -> str:
    """Return where another fit than that of the model ended, beside the model."""
    mixture = getattr(fit, "mixture_", getattr(fit, "mixture", None))
    if fit is study.subject.estimator or mixture is None or study.mixture is None:
        return ""
    rows = study.rows[np.random.default_rng(0).permutation(study.n)[:SCORED]]
    own, other = (float(each.log_prob(rows).mean()) for each in (study.mixture, mixture))
    of = "" if len(rows) == study.n else f", of {len(rows):,} rows drawn at random"
    where = "at" if abs(own - other) < SAME else "at groups that are not those of this report, at"
    return (
        f" The iterations are those of another fit than the one that led to the model. It ends "
        f"{where} a log-likelihood of {number(other, 6)} nats per row{of}; the model of this "
        f"report has {number(own, 6)}."
    )


def check_installed() -> None:
    """Raise unless what reports need is installed, before any work is done."""
    plotly()
    page.environment()


def picture(study: Study, labels: list[Any] | None, first_row: int) -> Section:
    """Return the groups as a picture: one column's density, or two axes of choice."""
    blocks: list[Block]
    if len(study.subject.columns) == 1:
        blocks = [
            Text("The histogram of the rows, and each group over it."),
            density.density(study),
        ]
    else:
        blocks = [Text(scatter.told(study)), scatter.scatter(study, labels, first_row)]
    return Section("map", "The groups in a picture", blocks)
