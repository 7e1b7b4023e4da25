"""The command tree."""

from __future__ import annotations

from typing import Any

import pytest

from mixtura._version import __version__

COMMANDS = ("fit", "select", "kmeans", "assign", "score", "sample", "info", "demo")


def test_help_lists_the_commands_and_exit_codes(run: Any) -> None:
    for flag in ("--help", "-h"):
        text = run(flag).stdout
        for word in (*COMMANDS, "Exit codes"):
            assert word in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Any, command: str) -> None:
    text = run(command, "-h").stdout
    assert "Usage" in text
    assert text.count("default:") >= ("--threads" in text)


def test_version(run: Any) -> None:
    assert run("--version").stdout == f"mixtura {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("cluster",), ("fit",), ("kmeans", "t.csv"), ("select",), ("info", "-x")]
)
def test_wrong_usage(run: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, code=2)
    assert result.stdout == ""
    assert "Usage" in result.stderr


def test_errors_are_one_sentence(run: Any) -> None:
    result = run("info", "none.mixtura", code=3)
    assert result.stdout == ""
    assert result.stderr == "error: none.mixtura: there is no such file; check the path.\n"
