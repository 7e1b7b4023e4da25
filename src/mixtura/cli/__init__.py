"""The command ``mixtura``: parsing and printing only."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from mixtura._errors import MissingDependencyError

INSTALL = "python -m pip install 'mixtura[app]'"


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        from mixtura.cli.app import app
    except MissingDependencyError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich"):
            raise
        print(f"The mixtura command needs {error.name}: {INSTALL}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # bars and signs that the terminal may not have
    app(prog_name="mixtura")
