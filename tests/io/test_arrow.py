"""Without pyarrow, the install command."""

from __future__ import annotations

import subprocess
import sys

from mixtura.io import arrow


def test_everything_is_there() -> None:
    assert all(hasattr(arrow, name) for name in arrow.__all__)


def test_without_pyarrow() -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from importlib import import_module\n"
        "from mixtura import MissingDependencyError\n"
        "for name in ('arrow', 'table', 'columns', 'arrays', 'delimited', 'tables'):\n"
        "    try: import_module(f'mixtura.io.{name}')\n"
        "    except MissingDependencyError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    line = "Reading and writing tables needs pyarrow: python -m pip install 'mixtura[app]'\n"
    assert result.stdout == 6 * line
    assert result.stderr == ""


def test_the_library_does_not_load_it() -> None:
    program = (
        "import sys, sklearn.mixture\n"
        "before = set(sys.modules)\n"  # scikit-learn loads pandas, and that pyarrow, if they exist
        "import mixtura, mixtura.io.model_file\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'pyarrow', 'typer', 'rich'}), 'mixtura.io.arrow' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "[] False\n"
