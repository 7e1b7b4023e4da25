"""Numbers and names in sentences."""

from __future__ import annotations


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, in the plural where it must be: ``1 row``, ``1,234 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shortened(text: object, n: int = 24) -> str:
    """Return a text in one line, cut in its middle if it is longer than ``n`` characters."""
    line = " ".join(str(text).split())
    half = (n - 1) // 2
    return line if len(line) <= n else line[: n - 1 - half] + "…" + line[-half:]
