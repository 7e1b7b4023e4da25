"""Numbers and names in sentences."""

from __future__ import annotations

from mixtura._text import counted, shortened


def test_nouns_agree_with_their_number() -> None:
    assert counted(0, "row") == "0 rows"
    assert counted(1, "row") == "1 row"
    assert counted(12_345, "row") == "12,345 rows"


def test_long_names_are_cut_in_their_middle() -> None:
    assert shortened("a\n b") == "a b"
    assert shortened("abcdefgh", 8) == "abcdefgh"
    assert shortened("abcdefghi", 8) == "abcd…ghi"
