"""What sections are made of."""

from __future__ import annotations

import pytest

from mixtura.view.report.blocks import NUMERIC, Cell, Grid


@pytest.mark.parametrize("text", ["1", "-1,234.5", "1e+300", "31\N{NO-BREAK SPACE}%", "★ 5.1", "–"])
def test_what_reads_as_a_number(text: str) -> None:
    assert NUMERIC.fullmatch(text)


@pytest.mark.parametrize("text", ["a1", "1 to 2", "none", "1 (2 %)"])
def test_what_does_not(text: str) -> None:
    assert not NUMERIC.fullmatch(text)


def test_columns_of_numbers_alone_are_numeric() -> None:
    grid = Grid("", ["a", "b"], [["x", "1"], [Cell("2"), Cell("3.5 ± 1.2")]])
    assert grid.numeric == [False, True]
    assert grid.cells[0] == [Cell("x"), Cell("1")]
