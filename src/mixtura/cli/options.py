"""Arguments and options that several commands share, and what they have in common."""

from __future__ import annotations

import csv
import math
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

ENDINGS = ".csv .tsv .txt (also .gz) .parquet .arrow .feather .npy .npz"

TableArgument = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help=f"Table to read: {ENDINGS}; '-' reads standard input, file.npz::NAME one array.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="Model file written by 'fit'.", show_default=False),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Threads to use; the result does not depend on it.", show_default="all"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, notes or warnings; errors remain.")
]


def names_in(option: str | None) -> list[str] | None:
    """Split an option such as ``a,b`` into names; a name with a comma goes in double quotes."""
    if option is None:
        return None
    cells = next(csv.reader([option], skipinitialspace=True), [])
    return [cell.strip() for cell in cells if cell.strip()]


def number_or_auto(option: str) -> float | str:
    """Return ``auto`` as it is and anything else as a number of at least 0."""
    if option == "auto":
        return option
    with suppress(ValueError):
        if 0 <= float(option) < math.inf:
            return float(option)
    raise typer.BadParameter(f"'{option}' is neither a number of at least 0 nor 'auto'.")
