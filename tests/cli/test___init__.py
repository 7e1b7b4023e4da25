"""The entry point."""

from __future__ import annotations

from typing import Any

import pytest

from mixtura._version import __version__


def test_it_runs(program: Any) -> None:
    result = program("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"mixtura {__version__}\n", "")


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_typer_or_rich(program: Any, module: str) -> None:
    result = program("demo", before=f"import sys; sys.modules['{module}'] = None")
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.startswith(f"The mixtura command needs {module}")
    assert result.stderr.endswith(": python -m pip install 'mixtura[app]'\n")


def test_without_pyarrow(program: Any) -> None:
    result = program("demo", before="import sys; sys.modules['pyarrow'] = None")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.endswith(" needs pyarrow: python -m pip install 'mixtura[app]'\n")
    assert result.stderr.count("\n") == 1


def test_other_missing_modules_are_bugs(program: Any) -> None:
    result = program("demo", before="import sys; sys.modules['mixtura.cli.info'] = None")
    assert result.returncode == 1
    assert "import of mixtura.cli.info halted" in result.stderr


def test_interrupted_while_loading(program: Any) -> None:
    before = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mixtura.cli.app': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())"
    )
    result = program("demo", before=before)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_characters_that_the_terminal_does_not_have(program: Any, model: Any) -> None:
    before = "import sys; sys.stdout.reconfigure(encoding='ascii')"
    result = program("info", model, before=before)
    assert result.returncode == 0
    assert "mean ? sd" in result.stdout
