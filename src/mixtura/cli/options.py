"""Arguments and options that several commands share, and what they have in common."""

from __future__ import annotations

import csv
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from mixtura._errors import CheckpointError, InputError, ModelFileError, TableError
from mixtura.io.opening import memory_bytes
from mixtura.io.table import named

MEMORY = "512MB"
ENDINGS = ".csv .tsv .txt (also .gz) .parquet .arrow .feather .npy .npz"

FLAGS = {
    "algorithm": "--algorithm",
    "checkpoint_every": "--checkpoint-every",
    "covariance_type": "--covariance",
    "covariance_types": "--structures",
    "criterion": "--criterion",
    "engine": "--engine",
    "init_params": "--init",
    "max_iter": "--max-iter",
    "n_clusters": "-k",
    "n_components": "-k",
    "n_init": "--n-init",
    "n_jobs": "--threads",
    "random_state": "--seed",
    "reg_covar": "--reg-covar",
    "sample_weight": "--weights",
    "tol": "--tol",
}
ASIDE = re.compile(r"( in GaussianMixture)?,( or)? min_variance in [\w ]+(?=\))")
PARAMETER = re.compile(rf"(?<![\w'./-])\b({'|'.join(FLAGS)})\b(=)?(?!\.\w)")  # whole words


class Covariance(StrEnum):
    """The covariance structures: scikit-learn's names, and mclust's."""

    full = "full"
    tied = "tied"
    diag = "diag"
    spherical = "spherical"
    EII = "EII"
    VII = "VII"
    EEI = "EEI"
    VEI = "VEI"
    EVI = "EVI"
    VVI = "VVI"
    EEE = "EEE"
    VEE = "VEE"
    EVE = "EVE"
    VVE = "VVE"
    EEV = "EEV"
    VEV = "VEV"
    EVV = "EVV"
    VVV = "VVV"
    E = "E"
    V = "V"


class Engine(StrEnum):
    """The kernels."""

    auto = "auto"
    numpy = "numpy"
    numba = "numba"


def a_size(value: str) -> str:
    """Return a size of memory as it is, or raise where it is none."""
    try:
        memory_bytes(value)
    except InputError:
        raise typer.BadParameter(f"'{value}' is no size such as 512MB or 2GiB.") from None
    return value


TableArgument = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help=f"Table to read: {ENDINGS}; '-' reads standard input, file.npz::NAME one array.",
        show_default=False,
    ),
]
TablesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE",
        help=f"Table to read: {ENDINGS}; '-' reads standard input, file.npz::NAME one array. "
        "Several files, a directory, a pattern in quotes or a URI are one table, read in parts.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="Model file that 'fit' or 'kmeans' wrote.", show_default=False
    ),
]
OutputModelOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the model here.")
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns", help="Columns to fit, as a,b.", show_default="every column of numbers"
    ),
]
DropOption = Annotated[str | None, typer.Option("--drop", help="Columns to leave out, as a,b.")]
WeightsOption = Annotated[
    str | None, typer.Option("--weights", help="Column that holds the weight of each row.")
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="COLUMN",
        help="Column of known labels to compare with, by name or number (from 1); not fitted.",
    ),
]
NaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--na",
        metavar="TEXT",
        help="A cell that reads so is missing, as are empty ones, NA, NaN, null and the like; "
        "may be repeated.",
        show_default=False,
    ),
]
MemoryOption = Annotated[
    str,
    typer.Option(
        "--memory",
        metavar="SIZE",
        callback=a_size,
        help="Memory for a table, as 512MB or 2GiB. A file of more than a quarter of it (a "
        "sixteenth, if compressed text) is read in parts, anew for every iteration.",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Fit on the workers of the Dask scheduler there, as tcp://host:8786, or of one that "
        "is started here ('local'). They read the files, and keep the rows in memory: a path "
        "must lead to the same file on every machine.",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed; equal seeds give equal models.")]
MaxIterOption = Annotated[int, typer.Option(min=1, help="Most iterations of one start.")]
EngineOption = Annotated[Engine, typer.Option(help="Kernels.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Threads to use; the result does not depend on it.", show_default="all"
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="PATH",
        help="Keep the fit in this file until it ends; where it was killed or interrupted, the "
        "same command goes on from there.",
    ),
]
CheckpointEveryOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint-every",
        metavar="TIME",
        help="Time between two checkpoints, as 30s, 5min or 1h.",
        show_default="30s",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, notes or warnings; errors remain.")
]


class Sourced(Protocol):
    """What messages name."""

    @property
    def source(self) -> str:
        """Where it was read from."""


def names_in(option: str | None) -> list[str] | None:
    """Split an option such as ``a,b`` into names; a name with a comma goes in double quotes."""
    if option is None:
        return None
    cells = next(csv.reader([option], skipinitialspace=True), [])
    return [cell.strip() for cell in cells if cell.strip()]


def number_or_auto(option: str, name: str) -> float | str:
    """Return ``auto`` as it is and anything else as a number of at least 0."""
    if option == "auto":
        return option
    with suppress(ValueError):
        if 0 <= float(option) < math.inf:
            return float(option)
    message = f"'{option}' is neither a number of at least 0 nor 'auto'."
    raise typer.BadParameter(message, param_hint=name)


def finite(value: float) -> float:
    """Return a number as it is, or raise where it is infinite or none."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def check_choice(
    columns: list[str] | None,
    drop: list[str] | None,
    weights: str | None,
    labels: str | None = None,
) -> None:
    """Raise where ``--columns`` names nothing, or two options name one column."""
    if columns == []:
        raise typer.BadParameter("it names no column.", param_hint="--columns")
    chosen = {
        "--columns": columns,
        "--drop": drop,
        "--weights": weights and [weights],
        "--labels": labels and [labels],
    }
    for (one, left), (other, right) in combinations(chosen.items(), 2):
        shared = [name for name in left or () if name in (right or ())]
        if shared:
            raise typer.BadParameter(f"{one} and {other} both name {named('column', shared)}.")


def check_no_fit(model: Path | None, options: dict[str, Any]) -> None:
    """Raise where an option is about a fit, and a model is given that has been fitted."""
    given = [flag for flag, value in options.items() if value is not None]
    if model is not None and given:
        raise typer.BadParameter(f"{given[0]} is about a fit, and --model brings a fitted one.")


def in_flags(text: str) -> str:
    """Return a message of the library with its parameters called as the options are."""
    text = ASIDE.sub("", text).replace("prior='conjugate'", "--prior")
    return PARAMETER.sub(lambda match: FLAGS[match[1]] + (" " if match[2] else ""), text)


def in_names(text: str, names: list[str]) -> str:
    """Return a message of the library with its columns called by their names."""

    def called(match: re.Match[str]) -> str:
        return named("column", [names[int(number)] for number in match[1].split(", ")])

    return re.sub(r"\bcolumn (\d+(?:, \d+)*)\b", called, text)


@contextmanager
def naming(table: Sourced, names: list[str]) -> Iterator[None]:
    """Let an error or a warning of the library name the columns of the table.

    Errors name the table, too, and call parameters as the options are called.
    """
    show = warnings.showwarning

    def shown(message: Warning | str, *rest: Any, **more: Any) -> None:
        show(in_names(str(message), names), *rest, **more)

    warnings.showwarning = shown
    try:
        yield
    except (TableError, ModelFileError):
        raise
    except CheckpointError as error:
        raise CheckpointError(in_flags(str(error))) from None
    except InputError as error:
        text = in_names(in_flags(str(error)), names)
        raise TableError(f"{table.source}: {text}") from None
    finally:
        warnings.showwarning = show
