"""Numbers, names and shares in words."""

from __future__ import annotations

import pytest

from mixtura._text import counted
from mixtura.view.report.words import group_name, listed, number, share, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.23456, "1.235"),
        (-4223.4, "-4223"),
        (12345.6, "12,346"),
        (2007.6, "2008"),
        (11670.94, "11,671"),
        (1e300, "1e+300"),
        (2.5e-7, "2.5e-07"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0.0, "0 %"),
        (1e-5, "below 0.1 %"),
        (0.031, "3.1 %"),
        (0.31, "31 %"),
        (0.99999, "above 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_of_something_are_never_nothing_or_all(part: float, text: str) -> None:
    assert share(part).replace("\N{NO-BREAK SPACE}", " ") == text


def test_nouns_are_in_the_plural_where_they_must_be() -> None:
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]


def test_names_are_cut_in_their_middle() -> None:
    assert short("a\n b") == "a b"
    assert short("") == "(no name)"
    assert short("abcdefghij", 5) == "ab…ij"


def test_lists() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]


def test_groups_are_called_by_number_or_by_what_they_are() -> None:
    assert [group_name("3"), group_name("noise")] == ["group 3", "noise"]


def test_rounding_beside_a_scale_is_zero() -> None:
    assert number(-9.2e-8, scale=0.5) == "0"
    assert number(-9.2e-8) == "-9.2e-08"


def test_thousands_are_set_apart_alike_whatever_the_digits() -> None:
    assert [number(2195.4, 2), number(2195.4), number(11670.94, 6)] == ["2195", "2195", "11,670.9"]
