"""``mixtura demo``: the main job from start to end, on a table that comes with scikit-learn."""

from __future__ import annotations

import os
import shlex
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import RenderableType
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score

from mixtura import GaussianMixture, MissingDependencyError, MixtureImputer
from mixtura.cli.assign import assignment, group_sums, groups_table
from mixtura.cli.console import grid, heading, show
from mixtura.cli.report import recorded, save
from mixtura.io.arrow import pa
from mixtura.io.table import Table
from mixtura.io.tables import check_directory, write_table

COVARIANCES = ("full", "tied", "diag", "spherical")
COMPONENTS = 3
STARTS = 10
COLUMNS_SHOWN = 4  # of the profile of a group
BAR_HALF = 8  # characters on either side of a bar's middle
UNSURE_SHOWN = 5
HIDDEN = 0.1  # of the cells
INTERVAL = 1.645  # standard deviations on either side hold 90 % of a normal distribution


def demo(
    output_dir: Annotated[
        Path, typer.Option(help="Directory for the model and the tables.")
    ] = Path("."),
    seed: Annotated[int, typer.Option(min=0, help="Seed.")] = 0,
) -> None:
    """Find the groups in scikit-learn's wine table and show all that there is to see.

    178 wines, 13 measurements each, from three cultivars; the cultivar is not shown to the fit.
    Then a tenth of the cells is hidden and filled in again. Writes mixtura-demo.mixtura,
    mixtura-demo.csv, mixtura-demo.holes.csv and a report, mixtura-demo.html, which is opened where
    there is a terminal and a browser.
    """
    endings = (".mixtura", ".csv", ".holes.csv")
    model_path, table_path, holes_path = (output_dir / f"mixtura-demo{end}" for end in endings)
    check_directory(model_path)
    wine = load_wine()
    names = [str(name) for name in wine.feature_names]
    cultivar = np.asarray(wine.target_names)[wine.target]
    models = {kind: fitted(kind, wine.data, seed) for kind in COVARIANCES}
    criteria = {kind: model.bic(wine.data) for kind, model in models.items()}
    model = models[min(criteria, key=criteria.__getitem__)]
    columns = assignment(model.predict_proba(wine.data))
    hidden = np.random.default_rng(seed).random(wine.data.shape) < HIDDEN
    holes = np.where(hidden, np.nan, wine.data)
    show(
        f"178 wines, 13 measurements, {COMPONENTS} components, {STARTS} starts of each structure",
        heading("Covariance structures (BIC: lower is better)"),
        choice(criteria),
        heading("Groups"),
        groups_table(group_sums(columns).facts()),
        heading("What sets each group apart (standard deviations from the mean of all wines)"),
        profiles(model.means_, wine.data, names),
        heading("Least certain rows (counted from 1)"),
        least_certain(columns, cultivar),
        heading("Groups and cultivars (the fit has not seen the cultivars)"),
        *agreement(columns["component"], cultivar),
        heading(f"Missing values: {HIDDEN:.0%} of the cells hidden, and filled in from the others"),
        *recovery(wine.data, holes, seed),
    )
    model.feature_names_in_ = np.asarray(names, dtype=object)
    model.save(model_path)
    measured = pa.table(list(wine.data.T.copy()), names=names)
    table = Table("the wine table", measured).appended({"cultivar": cultivar, **columns})
    write_table(table_path, table)
    write_table(holes_path, Table("the wine table", pa.table(list(holes.T.copy()), names=names)))
    paths = (str(model_path), str(table_path), str(holes_path))
    show("\nwrote {}, {} and {}".format(*paths))
    show(reported(output_dir / "mixtura-demo.html", model, wine.data, cultivar, paths[1], seed))
    show(heading("Try next"), *(f"  {command}" for command in commands(*paths)))


def fitted(covariance_type: str, X: NDArray[Any], seed: int) -> GaussianMixture:
    """Return the best of a few fits with this covariance structure."""
    model = GaussianMixture(
        COMPONENTS, covariance_type=covariance_type, n_init=STARTS, random_state=seed
    )
    return model.fit(X)


def choice(criteria: dict[str, float]) -> RenderableType:
    """Return the criterion of each covariance structure and which one it favours."""
    best = min(criteria.values())
    rows = [
        [kind, f"{value:,.1f}", "chosen" if value == best else ""]
        for kind, value in criteria.items()
    ]
    return grid(["structure", "BIC", ""], rows)


def profiles(means: NDArray[Any], X: NDArray[Any], names: list[str]) -> RenderableType:
    """Return, for each group, the columns whose mean is furthest from that of the table."""
    scores = (means - X.mean(axis=0)) / X.std(axis=0)
    rows = []
    for j, group in enumerate(scores):
        for rank, i in enumerate(np.argsort(-np.abs(group))[:COLUMNS_SHOWN]):
            label = f"component {j}" if rank == 0 else ""
            word = "high" if group[i] > 0 else "low"
            rows.append([label, names[i], word, f"{group[i]:+.2f}", bar(group[i])])
    scale = f"{'-2':<{BAR_HALF}}0{'+2':>{BAR_HALF}}"
    return grid(["", "column", "", "sd", scale], rows)


def bar(value: float) -> str:
    """Return a bar to the left (low) or to the right (high) of a middle line; 2 fills a half."""
    bar = "█" * min(BAR_HALF, max(1, round(abs(value) * BAR_HALF / 2)))
    left, right = (bar, "") if value < 0 else ("", bar)
    return f"{left:>{BAR_HALF}}│{right:<{BAR_HALF}}"


def least_certain(columns: dict[str, NDArray[Any]], cultivar: NDArray[Any]) -> RenderableType:
    """Return the rows with the smallest certainty."""
    certainty = columns["certainty"]
    each = [name for name in columns if name.startswith("probability_")]
    rows = []
    for row in np.argsort(certainty, kind="stable")[:UNSURE_SHOWN]:
        probabilities = [f"{columns[name][row]:.4f}" for name in each]
        rows.append([f"row {row + 1}", cultivar[row], f"{certainty[row]:.4f}", *probabilities])
    return grid(["", "cultivar", "certainty", *each], rows)


def agreement(component: NDArray[Any], cultivar: NDArray[Any]) -> list[RenderableType]:
    """Return the contingency table and the adjusted Rand index."""
    kinds = sorted(set(cultivar.tolist()))
    rows = []
    for j in range(COMPONENTS):
        counts = [int(((component == j) & (cultivar == kind)).sum()) for kind in kinds]
        rows.append([f"component {j}", *(str(count) for count in counts)])
    index = adjusted_rand_score(cultivar, component)
    return [grid(["", *kinds], rows), f"adjusted Rand index {index:.3f} (1 perfect, 0 chance)"]


def recovery(X: NDArray[Any], holes: NDArray[Any], seed: int) -> list[RenderableType]:
    """Return how far from the truth ``X`` the missing cells of ``holes`` are filled in.

    Errors are root mean squares in standard deviations of the columns.
    """
    hidden, scale = np.isnan(holes), X.std(axis=0)
    model = MixtureImputer(random_state=seed).fit(holes).model_
    filled, deviations = model.impute(holes, return_std=True)
    guesses = {
        "mean of the column": np.broadcast_to(np.nanmean(holes, axis=0), X.shape),
        "expected by the mixture": filled,
    }
    off = {name: ((values - X) / scale)[hidden] for name, values in guesses.items()}
    rows = [[name, f"{np.sqrt(np.mean(apart**2)):.3f}"] for name, apart in off.items()]
    inside = np.mean(np.abs(filled - X)[hidden] < INTERVAL * deviations[hidden])
    return [
        grid(["filled in with the", "typical error (sd)"], rows),
        f"{np.count_nonzero(hidden)} cells hidden; the mixture's 90 % intervals hold "
        f"{inside:.0%} of them",
    ]


def reported(
    path: Path,
    model: GaussianMixture,
    X: NDArray[Any],
    cultivar: NDArray[Any],
    source: str,
    seed: int,
) -> str:
    """Write the report, open it where somebody looks on, and say so, or what it needs."""
    replay = recorded(model, X, None, seed)
    options: dict[str, Any] = {"source": source, "first_row": 1, "title": "The wines of the demo"}
    try:
        save(path, model, X, labels={"cultivar": cultivar}, replay=replay, **options)
    except MissingDependencyError as error:
        return f"no report: {error}"
    is_open = can_open() and webbrowser.open(path.resolve().as_uri())
    return f"wrote the report {path}{', and opened it' if is_open else '; any browser opens it'}"


def can_open() -> bool:
    """Return whether somebody sits at a terminal, on a desktop where a browser can be opened."""
    is_desktop = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and is_desktop and not os.environ.get("CI")


def commands(model: str, table: str, holes: str) -> list[str]:
    """Return commands to go on with."""
    report = shlex.quote(str(Path(model).with_name("report.html")))
    model, table, holes = (shlex.quote(path) for path in (model, table, holes))
    return [
        f"mixtura info {model}",
        f"mixtura sample {model} -n 5",
        f"mixtura impute {holes} --std",
        f"mixtura report {model} {table} --labels cultivar -o {report}",
        f"mixtura select {table} --columns alcohol,flavanoids,proline --labels cultivar",
        f"mixtura fit {table} -k 3 --covariance tied --columns alcohol,flavanoids,proline",
    ]
