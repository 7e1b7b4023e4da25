"""``mixtura report``: one file of HTML that explains the groups in a table."""

from __future__ import annotations

import shlex
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, InputError, Mixture, MixtureSearch, Status
from mixtura.cli.assign import labels_aside
from mixtura.cli.console import INTERRUPTED, hush, show
from mixtura.cli.fit import report_constant
from mixtura.cli.fitting import read_rows, weight_column
from mixtura.cli.labels import Labels
from mixtura.cli.models import load_model, matching_columns
from mixtura.cli.options import (
    ColumnsOption,
    DropOption,
    LabelsOption,
    NaOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    WeightsOption,
    naming,
)
from mixtura.cli.select import run, sizes_for
from mixtura.estimators.automatic import MOST
from mixtura.io.atomic import reason
from mixtura.io.tables import ENDINGS, STREAM, check_model_path, read_table
from mixtura.model.projection import total_moments
from mixtura.selection.search import names_of
from mixtura.view import write_report
from mixtura.view.report import check_installed

SUFFIXES = (".html", ".htm")
#: Rows and iterations, at most, of the fit that is replayed, and tries at it.
REPLAYED, ITERATIONS, ROUGH = 20_000, 200, 3


def report(
    first: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|MODEL",
            help="Table whose groups are looked for, or a model file.",
            show_default=False,
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(metavar="TABLE", help="Table, after a model.", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Write the report here.")] = Path(
        "report.html"
    ),
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    max_k: Annotated[
        int | None,
        typer.Option("--max-k", min=1, help="Most components to look for.", show_default=str(MOST)),
    ] = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    na: NaOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write one file of HTML that explains the groups in a table.

    Of a table alone, the model is chosen as mixtura select chooses it. After a model file, the
    groups are those of the model; without a table, the report is about the model alone. The file
    opens in any browser, without a network. Rows are counted from 1, below a header.
    """
    if quiet:
        hush()
    fitting = {"--max-k": max_k, "--columns": columns, "--drop": drop}
    is_alone = check_usage(first, second, fitting, {"--weights": weights, "--labels": labels})
    check_output(output, *filter(None, (first, second)))
    check_installed()
    given = fitting | {"--weights": weights, "--labels": labels, "--title": title}
    words = ["mixtura", "report", first, *filter(None, [second]), "-o", str(output)]
    words += [word for flag, value in given.items() if value for word in (flag, str(value))]
    words += [word for text in na or () for word in ("--na", text)]
    options: dict[str, Any] = {"title": title, "first_row": 1}
    options["command"] = shlex.join([*words, "--seed", str(seed)])
    if is_alone:
        done = report_table(first, given, na, seed, threads, output, options, visible=not quiet)
    else:
        done = True
        report_model(Path(first), second, given, na, seed, threads, output, options)
    show(f"report written to {output}; any browser opens it")
    if not done:
        raise typer.Exit(INTERRUPTED)


def check_usage(
    first: str, second: str | None, fitting: dict[str, Any], aside: dict[str, Any]
) -> bool:
    """Return whether the first argument is a table, or raise where things do not go together."""
    is_table = named_as_table(first)
    if is_table and second is not None:
        raise typer.BadParameter(
            f"{first} is a table: give it alone, or after a model file.", param_hint="TABLE|MODEL"
        )
    for flag, value in fitting.items():
        if value is not None and not is_table:
            raise typer.BadParameter(f"{flag} is about a fit, and {first} is a fitted model.")
    for flag, value in aside.items():
        if value is not None and not is_table and second is None:
            raise typer.BadParameter(f"{flag} is about rows of a table: give TABLE after MODEL.")
    return is_table


def named_as_table(name: str) -> bool:
    """Return whether a name is one that a table has, which a model file cannot have."""
    path = Path(name)
    is_pipe = path.exists() and not path.is_file() and not path.is_dir()
    return name == STREAM or is_pipe or name.partition("::")[0].lower().endswith(ENDINGS)


def check_output(output: Path, *inputs: str) -> None:
    """Raise unless a report may be written here: a known ending, a directory, and no input."""
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output}: a report is HTML; name a file such as {output.stem}.html.")
    check_model_path(output, *inputs)


def report_table(
    path: str,
    given: dict[str, Any],
    na: list[str] | None,
    seed: int,
    threads: int | None,
    output: Path,
    options: dict[str, Any],
    *,
    visible: bool,
) -> bool:
    """Choose a model of a table and report on it; return whether all models were done."""
    columns, drop, weights, labels = (
        given[flag] for flag in ("--columns", "--drop", "--weights", "--labels")
    )
    rows = read_rows([path], columns, drop, weights, None, na, labels)
    sizes = sizes_for(1, given["--max-k"] or MOST, rows)
    report_constant(rows)
    search = MixtureSearch(sizes, n_jobs=threads, random_state=seed)
    X, names = rows.numeric.X, rows.numeric.names
    n_models = len(sizes) * len(names_of("all", X.shape[1]))
    run(search, rows, n_models, visible=visible)
    search.set_params(callback=None, n_components=tuple(sizes))
    search.best_estimator_.feature_names_in_ = np.asarray(names, dtype=object)
    options |= labels_option(rows.labels) | {"source": rows.table.source}
    with naming(rows.table, names):
        replay = recorded(search.best_estimator_, X, rows.weights, seed)
        save(output, search, X, sample_weight=rows.weights, replay=replay, **options)
    return len(search.table_) == n_models


def report_model(
    path: Path,
    table: str | None,
    given: dict[str, Any],
    na: list[str] | None,
    seed: int,
    threads: int | None,
    output: Path,
    options: dict[str, Any],
) -> None:
    """Report on a model file, and on the rows of a table if there is one."""
    model: Any
    model, names = load_model(path, threads)
    options["model_file"] = str(path)
    if table is None:
        model.feature_names_in_ = np.asarray(names or generic(model), dtype=object)
        save(output, model, **options)
        return
    source = read_table(table, na or ())
    labels, weights = given["--labels"], given["--weights"]
    known = None if labels is None else labels_aside(source, labels, names)
    numeric = matching_columns(source, model, names, weights or (known and known.column))
    counts = None if weights is None else weight_column(source, weights)
    model.feature_names_in_ = np.asarray(numeric.names, dtype=object)
    options |= labels_option(known) | {"source": source.source}
    with naming(source, numeric.names):
        replay = recorded(model, numeric.X, counts, seed)
        save(output, model, numeric.X, sample_weight=counts, replay=replay, **options)


def generic(model: Any) -> list[str]:
    """Return the names of columns that have none."""
    return [f"x{j}" for j in range(model.n_features_in_)]


def labels_option(labels: Labels | None) -> dict[str, Any]:
    """Return the labels as a report takes them."""
    return {} if labels is None else {"labels": {labels.column: labels.values}}


def save(output: Path, *arguments: Any, **options: Any) -> None:
    """Write the report, whole or not at all."""
    try:
        write_report(output, *arguments, **options)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {reason(error)}.") from None


def recorded(
    model: Any, X: NDArray[Any], weights: NDArray[Any] | None, seed: int
) -> GaussianMixture | None:
    """Return a fit from a rough start to, if it goes well, a mixture, its iterations recorded.

    The fit that has led to the model starts too near its end to show how groups are found. There
    is none of other models, of a single component, and where every fit collapses.
    """
    if not isinstance(model, GaussianMixture) or model.mixture_.n_components == 1:
        return None
    rng = np.random.default_rng(seed)
    if len(X) > REPLAYED:
        rows = rng.choice(len(X), REPLAYED, replace=False)
        X, weights = X[rows], None if weights is None else weights[rows]
    settings = {name: getattr(model, name) for name in ("prior", "reg_covar", "n_jobs")}
    settings |= {"max_iter": ITERATIONS, "random_state": seed, "record": True}
    fits = []
    for _ in range(ROUGH):
        start = rough_start(model.mixture_, rng)
        fit = GaussianMixture(start.n_components, init_params=start, **settings)
        fit.set_params(covariance_type=start.covariance_type)
        with warnings.catch_warnings(), suppress(InputError):  # that a component has collapsed
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits.append(fit.fit(X, sample_weight=weights))
    whole = [fit for fit in fits if fit.status_ is not Status.COLLAPSED]
    sound = [fit for fit in whole if not fit.collapsed_.any()]
    best = max(sound, key=lambda fit: fit.lower_bound_, default=None)
    if best is not None and hasattr(model, "feature_names_in_"):
        best.feature_names_in_ = model.feature_names_in_
    return best


def rough_start(mixture: Mixture, rng: np.random.Generator) -> Mixture:
    """Return a mixture of a draw from each component, each with the covariance of all rows."""
    k, d = mixture.means.shape
    _, within, between = total_moments(mixture)
    matrices = mixture.family.full(mixture.covariances, k, d)
    normal = rng.standard_normal((k, d, 1))
    means = mixture.means + (np.linalg.cholesky(matrices) @ normal)[..., 0]
    covariances = mixture.family.pooled(within + between, k)
    return Mixture(np.full(k, 1.0 / k), means, covariances, mixture.covariance_type)
