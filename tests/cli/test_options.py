"""Options as values."""

from __future__ import annotations

import pytest
import typer

from mixtura.cli.options import names_in, number_or_auto


@pytest.mark.parametrize(
    ("option", "names"),
    [
        (None, None),
        ("", []),
        ("a", ["a"]),
        ("a,b c, d ,", ["a", "b c", "d"]),
        ('"a,b",c', ["a,b", "c"]),
        ('x, "a, b"', ["x", "a, b"]),
    ],
)
def test_names(option: str | None, names: list[str] | None) -> None:
    assert names_in(option) == names


def test_numbers_or_auto() -> None:
    assert number_or_auto("auto") == "auto"
    assert number_or_auto("1e-3") == 0.001
    assert number_or_auto("0") == 0.0


@pytest.mark.parametrize("option", ["small", "-1", "nan", "inf", ""])
def test_what_is_neither(option: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        number_or_auto(option)
    assert str(raised.value) == f"'{option}' is neither a number of at least 0 nor 'auto'."
