"""What is printed, and where."""

from __future__ import annotations

import json
import logging
import math
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from mixtura._errors import InputError
from mixtura.cli import console


def test_plain_values() -> None:
    value = {
        1: np.arange(2),
        "x": np.float32(0.5),
        "n": (np.int64(3), None, True),
        "bad": [math.nan, np.array([math.inf, 1.0])],
        "path": Path("a"),
    }
    assert console.plain(value) == {
        "1": [0, 1],
        "x": 0.5,
        "n": [3, None, True],
        "bad": [None, [None, 1.0]],
        "path": "a",
    }


def test_json_is_one_strict_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"ü": math.nan})
    text = capsys.readouterr().out
    assert text == '{"\\u00fc": null}\n'
    assert json.loads(text) == {"ü": None}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-0.00012345678, "-0.00012346"),
        (12345.678, "12346"),
        (123456.78, "123,457"),
        (1e12, "1,000,000,000,000"),
        (math.nan, "nan"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert console.number(value) == text


def test_results_in_a_pipe_are_neither_cut_nor_padded(capsys: pytest.CaptureFixture[str]) -> None:
    long = "[bold]" + "x" * 500
    console.show(
        console.facts({"a": long, "name": "b"}),
        console.heading("Head [1]"),
        console.grid(["left", "right"], [["[red]", "1"], ["b", "1000"]]),
        "plain [text]",
    )
    assert capsys.readouterr().out == (
        f"a     {long}\nname  b\n\nHead [1]\nleft   right\n[red]      1\nb       1000\n"
        "plain [text]\n"
    )


def test_results_on_a_terminal_are_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    console.show(console.facts({"a": "x " * 40}), "command " * 10)
    lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines[:-1])) <= 30
    assert lines[-1].strip() == ("command " * 10).strip()


def test_messages_and_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with console.messages_shown():
        console.say("one [note]")
        logging.getLogger("mixtura.kernels").info("compiling %s", "it")
        warnings.warn("take care", UserWarning, stacklevel=1)
        warnings.warn("for developers", DeprecationWarning, stacklevel=1)
    console.say("not shown")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "one [note]\ncompiling it\nwarning: take care\n"


def test_a_quiet_run_prints_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    with console.messages_shown():
        console.hush()
        console.say("a note")
        warnings.warn("take care", UserWarning, stacklevel=1)
        console.announce("an error")
    with console.messages_shown():
        console.say("the next run")
    assert capsys.readouterr().err == "an error\nthe next run\n"


def raised(error: BaseException) -> int:
    """Return the exit code that an error leads to."""
    with pytest.raises(typer.Exit) as left, console.errors_as_exit_codes():
        raise error
    return left.value.exit_code


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert raised(InputError("what and where")) == 3
    assert raised(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ("error: what and where\ninterrupted; nothing was written\n")
    with pytest.raises(ZeroDivisionError), console.errors_as_exit_codes():
        raise ZeroDivisionError


@pytest.mark.parametrize("command", [["sample", "-n", "100000"], ["info"]])
def test_a_broken_pipe_is_quiet(model: Path, command: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from mixtura.cli import main; main()", *command, str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGPIPE
    assert errors == b""


def test_a_broken_pipe_on_a_terminal_is_left_to_the_caller() -> None:
    with pytest.raises(BrokenPipeError):
        console._Results().on_broken_pipe()


def test_a_module_that_is_wrong_shows_its_traceback(program: Any) -> None:
    before = "import mixtura.cli.info as info\ninfo.read_model = lambda path: 1 / 0"
    result = program("info", "x.mixtura", before=before)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
