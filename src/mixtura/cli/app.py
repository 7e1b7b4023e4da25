"""The command tree."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mixtura._version import __version__
from mixtura.cli.assign import assign
from mixtura.cli.console import errors_as_exit_codes, messages_shown
from mixtura.cli.demo import demo
from mixtura.cli.fit import fit
from mixtura.cli.impute import impute
from mixtura.cli.info import info
from mixtura.cli.kmeans import kmeans
from mixtura.cli.plot import plot
from mixtura.cli.recommend import recommend
from mixtura.cli.report import report
from mixtura.cli.sample import sample
from mixtura.cli.score import score
from mixtura.cli.select import select

HELP = """Fit mixtures of Gaussians, or k-means, to tables, and use the fitted models.

Arguments come in the order MODEL, then TABLE. Results go to standard output, everything else to
standard error.

Exit codes: 0 done (also where a fit stopped at --max-iter, with a warning), 1 a bug, 2 wrong
usage, 3 data or a file that cannot be used, 130 interrupted.
"""


class Commands(TyperGroup):
    """The commands, with messages and exit codes in one place."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            with errors_as_exit_codes(), messages_shown():
                return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # a word of typer's own
            raise


app = typer.Typer(
    cls=Commands,
    name="mixtura",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"mixtura {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options that stand before the command."""


for command in (
    fit,
    select,
    kmeans,
    assign,
    score,
    impute,
    sample,
    plot,
    report,
    recommend,
    info,
    demo,
):
    app.command()(command)
