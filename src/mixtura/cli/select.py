"""``mixtura select``: which covariance structure, and how many components."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from mixtura import MixtureSearch, TableError
from mixtura._text import counted
from mixtura.cli.console import INTERRUPTED, hush, number
from mixtura.cli.fit import parameters_of, report_constant
from mixtura.cli.fitting import Rows, deliver, missing_line, read_rows
from mixtura.cli.models import (
    description,
    likelihood_lines,
    log_likelihood_facts,
    model_line,
    side_by_side,
)
from mixtura.cli.options import (
    ColumnsOption,
    Covariance,
    DropOption,
    JsonOption,
    LabelsOption,
    NaOption,
    OutputModelOption,
    QuietOption,
    SeedOption,
    TableArgument,
    ThreadsOption,
    WeightsOption,
    names_in,
    naming,
)
from mixtura.cli.progress import models_shown
from mixtura.estimators.automatic import MOST
from mixtura.estimators.survey import letters_of
from mixtura.model.criteria import counts
from mixtura.selection.choosing import NEAR, Table
from mixtura.selection.search import names_of
from mixtura.view.report.choice import structure

BEST, NEARLY, DEGENERATE = "*", "+", "-"
TOLD = 5  # models nearly as good


class Criterion(StrEnum):
    """What the best model has least of."""

    bic = "bic"
    aic = "aic"
    aicc = "aicc"
    icl = "icl"
    sabic = "sabic"
    nec = "nec"


def select(
    table: TableArgument,
    max_k: Annotated[
        int, typer.Option("--max-k", min=1, help="Most components; at most as many as rows.")
    ] = MOST,
    min_k: Annotated[int, typer.Option("--min-k", min=1, help="Fewest components.")] = 1,
    structures: Annotated[
        str, typer.Option(help="Covariance structures to try, as EEE,VVV, or 'all' fourteen.")
    ] = "all",
    criterion: Annotated[
        Criterion, typer.Option(help="What the best model has least of.")
    ] = Criterion.bic,
    prior: Annotated[
        bool, typer.Option("--prior", help="A conjugate prior, which keeps fits from collapsing.")
    ] = False,
    output: OutputModelOption = None,
    columns: ColumnsOption = None,
    drop: DropOption = None,
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    na: NaOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Choose the covariance structure and the number of components of a mixture.

    Mixtures of every structure and number are fitted to the columns of numbers, compared, and the
    best is printed and written. Columns and missing cells are taken as fit takes them. Ctrl-C
    reports and writes the best of the models that are done.
    """
    if quiet:
        hush()
    names = structures_in(structures)
    check_sizes(min_k, max_k, criterion)
    rows = read_rows([table], columns, drop, weights, output, na, labels)
    sizes = sizes_for(min_k, max_k, rows)
    report_constant(rows)
    search = MixtureSearch(
        sizes,
        covariance_types=names,
        criterion=criterion.value,
        n_jobs=threads,
        random_state=seed,
        prior="conjugate" if prior else None,
    )
    started = time.monotonic()
    with naming(rows.table, rows.numeric.names):
        n_models = len(sizes) * len(names_of(names, rows.numeric.X.shape[1]))
    run(search, rows, n_models, visible=not quiet)
    result, best = found(search, rows), search.best_estimator_
    result |= {"seconds": time.monotonic() - started, "seed": seed}
    result, parameters = parameters_of(best, rows, result)
    tables = Group(models_table(result), "", legend(result), "", parameters)
    deliver(best, result, lines(result), tables, output, as_json=as_json)
    if len(result["models"]) < n_models:
        raise typer.Exit(INTERRUPTED)


def structures_in(option: str) -> str | list[str]:
    """Return the names of structures, or ``all``; raise naming one that is none."""
    names = names_in(option) or []
    if names == ["all"]:
        return "all"
    if not names or "all" in names:
        problem = "'all' stands alone" if names else "it names no structure"
        raise typer.BadParameter(
            f"{problem}: give 'all', or names such as EEE,VVV.", param_hint="--structures"
        )
    for name in names:
        if name not in list(Covariance):
            raise typer.BadParameter(
                f"'{name}' is not one of {', '.join(Covariance)}.", param_hint="--structures"
            )
    return names


def check_sizes(min_k: int, max_k: int, criterion: Criterion) -> None:
    """Raise where numbers of components, or a criterion and those, do not go together."""
    if min_k > max_k:
        raise typer.BadParameter(f"it is more than --max-k {max_k}.", param_hint="--min-k")
    if criterion is Criterion.nec and min_k > 1:
        raise typer.BadParameter(
            "nec compares with one component: --min-k must be 1.", param_hint="--criterion"
        )


def sizes_for(min_k: int, max_k: int, rows: Rows) -> range:
    """Return the numbers of components to try, as far as there are rows that count."""
    n = int(np.count_nonzero(counts(rows.numeric.X, rows.weights)))
    if n < max(2, min_k):
        what = f"--min-k {min_k}" if min_k > 1 else "a search"
        raise TableError(
            f"{rows.table.source} has {counted(n, 'row')} that {'counts' if n == 1 else 'count'}; "
            f"{what} needs at least {max(2, min_k)}."
        )
    return range(min_k, min(max_k, n) + 1)


def run(search: MixtureSearch, rows: Rows, n_models: int, *, visible: bool) -> None:
    """Fit all models, with a bar of how many are done, and name the columns of the best."""
    with (
        naming(rows.table, rows.numeric.names),
        models_shown(n_models, visible=visible) as search.callback,
    ):
        search.fit(rows.numeric.X, sample_weight=rows.weights)


def found(search: MixtureSearch, rows: Rows) -> dict[str, Any]:
    """Return what the search has found, for machines, and name the columns of the best model."""
    best, X = search.best_estimator_, rows.numeric.X
    total = best.score(X, sample_weight=rows.weights) * rows.weight
    likelihood = log_likelihood_facts(best, total, rows.weight, rows.seen.telling)
    best.feature_names_in_ = np.asarray(rows.numeric.names, dtype=object)
    models = [{**row, "status": row["status"].name} for row in search.table_]
    return {
        **rows.facts(),
        "criterion": search.criterion,
        "models": models,
        "near_best": near_best(search.table_, search.criterion, search.best_index_),
        **likelihood,
        search.criterion: search.best_score_,
        **description(best, rows.numeric.names),
    }


def near_best(table: Table, criterion: str, best: int) -> list[dict[str, Any]]:
    """Return the other models that are nearly as good as the best, the better first."""
    if criterion == "nec":  # no log-likelihood
        return []
    least = table[best][criterion]
    others = [row for row in table if row is not table[best] and not row["degenerate"]]
    near = [row for row in others if row[criterion] <= least + NEAR]
    keys = ("covariance_type", "n_components", criterion)
    return [{key: row[key] for key in keys} for row in sorted(near, key=lambda r: r[criterion])]


def lines(result: dict[str, Any]) -> dict[str, str]:
    """Return what was read and chosen, as names and values for people."""
    criterion = result["criterion"]
    title, value = title_of(criterion), shown_as(result[criterion], criterion, ",.2f")
    models, seconds = counted(len(result["models"]), "model"), result["seconds"]
    near = result["near_best"]
    told = ", ".join(f"{each['covariance_type']} {each['n_components']}" for each in near[:TOLD])
    more = f" and {len(near) - TOLD} more" if len(near) > TOLD else ""
    letters = letters_of(result["covariance_type"], result["n_columns"])
    return {
        "table": f"{result['table']}: {counted(result['rows'], 'row')}",
        "columns": ", ".join(result["columns"]),
        **missing_line(result),
        "searched": f"{models} in {seconds:.2f} s",
        "chosen": f"{model_line(result)}: the least {title}",
        "structure": structure(letters, result["n_columns"]),
        **({"nearly as good": told + more} if near else {}),
        **likelihood_lines(result),
        title: value,
    }


def title_of(criterion: str) -> str:
    """Return the name of a criterion as its field writes it."""
    return "AICc" if criterion == "aicc" else criterion.upper()


def shown_as(value: float, criterion: str, form: str) -> str:
    """Return the value of a criterion in a form; NEC is a ratio, and may be tiny."""
    return number(value, 3) if criterion == "nec" else format(value, form)


def models_table(result: dict[str, Any]) -> RenderableType:
    """Return the criterion of every model: structures across, numbers of components down."""
    models, criterion = result["models"], result["criterion"]
    sizes = sorted({row["n_components"] for row in models})
    names = list(dict.fromkeys(row["covariance_type"] for row in models))
    marks = {
        (each["covariance_type"], each["n_components"]): NEARLY for each in result["near_best"]
    }
    marks[result["covariance_type"], result["components"]] = BEST
    cells = {(row["covariance_type"], row["n_components"]): row for row in models}
    columns = [
        [cell(cells.get((name, k)), criterion, marks.get((name, k), " ")) for k in sizes]
        for name in names
    ]
    needed = 2 + max(len(each.plain) for column in columns for each in column)
    return side_by_side(title_of(criterion), [str(k) for k in sizes], names, columns, needed)


def cell(row: dict[str, Any] | None, criterion: str, mark: str) -> Text:
    """Return the criterion of a model, and what there is to remark on it."""
    if row is None or row["degenerate"]:
        return Text(f"{'' if row is None else DEGENERATE} ")
    return Text(
        shown_as(row[criterion], criterion, ".1f") + mark, style="bold" if mark == BEST else ""
    )


def legend(result: dict[str, Any]) -> str:
    """Return what the marks of the table mean."""
    title = title_of(result["criterion"])
    words = [f"{BEST} least {title}"]
    if result["near_best"]:
        words.append(f"{NEARLY} at most {NEAR:g} more")
    if any(row["degenerate"] for row in result["models"]):
        words.append(f"{DEGENERATE} no fit without a collapsed component")
    return "   ".join(words)
