"""Where the command line prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np
import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mixtura._errors import MixturaError
from mixtura.cli.options import in_flags

INPUT_ERROR = 3
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, as a shell reports it
PIPE_WIDTH = 140  # at which tables turn where no terminal says so
UNLIMITED = 1_000_000  # characters a line may have where no terminal ends it

logger = logging.getLogger("mixtura")
messages = Console(stderr=True)


class _Results(Console):
    """A console that leaves a broken pipe to the caller."""

    def on_broken_pipe(self) -> None:
        """Raise what rich caught."""
        raise BrokenPipeError


def show(*results: RenderableType) -> None:
    """Print results on standard output; in a pipe no line is cut and none is padded."""
    if sys.stdout.isatty():
        terminal = _Results()
        for result in results:  # terminals wrap plain lines, so that they can be copied whole
            soft = isinstance(result, str)
            terminal.print(result, markup=False, highlight=False, soft_wrap=soft)
        return
    console = Console(width=UNLIMITED, color_system=None)
    with console.capture() as capture:
        console.print(*results, sep="\n", markup=False, highlight=False)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def width() -> int:
    """Return how many characters a line of results should have."""
    return Console().width if sys.stdout.isatty() else PIPE_WIDTH


def heading(text: str) -> RenderableType:
    """Return a heading under a blank line."""
    return Text(f"\n{text}", style="bold")


def say(text: str) -> None:
    """Print one message on standard error, unless the command is quiet."""
    logger.info("%s", text)


def hush() -> None:
    """Print no more messages in this run."""
    logger.setLevel(logging.CRITICAL)


def print_json(result: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output; what is not a finite number is null."""
    sys.stdout.write(json.dumps(plain(result), allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Return a value in JSON's types."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return str(value)


def facts(pairs: Mapping[str, str]) -> Table:
    """Return names and values as two columns."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, _safe(value))
    return table


def grid(headers: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return rows of text under headers, the first column left and the others right aligned."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for j, header in enumerate(headers):
        table.add_column(_safe(header), justify="left" if j == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_safe(cell) for cell in row))
    return table


def number(value: float, digits: int = 5) -> str:
    """Return a number with a few significant digits."""
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def _safe(text: str | Text) -> Text:
    """Return text that rich prints as it is, whatever brackets it holds."""
    return text if isinstance(text, Text) else Text(text)


class _Messages(logging.Handler):
    """Print log records on standard error, as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        announce(record.getMessage())


def announce(text: str) -> None:
    """Print one line on standard error, also where the command is quiet."""
    messages.print(text, markup=False, highlight=False, soft_wrap=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning that is meant for users as one line."""
    if issubclass(category, UserWarning):
        logger.warning("warning: %s", in_flags(str(message)))


@contextmanager
def messages_shown() -> Iterator[None]:
    """Show the library's log and warnings as plain lines on standard error."""
    handler, level = _Messages(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = _show_warning
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn the errors that users can meet into one sentence and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except MixturaError as error:
        announce(f"error: {error}")
        raise typer.Exit(INPUT_ERROR) from None
    except KeyboardInterrupt:
        announce("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        raise typer.Exit(BROKEN_PIPE) from None
