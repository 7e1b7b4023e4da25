"""Sums of many results in a fixed order, of which few are held at a time."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

#: Results that are added one after the other before their sum joins those of their kind.
RADIX = 64


class Fold(Generic[T]):
    """The sum of results 0, 1, 2...: of 64 of them, of 64 such sums, and so on.

    Rounding then grows with the logarithm of their number, and a few sums are held. Results may
    come in any order; those that come early wait.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, T] = {}
        self._next = 0
        self._levels: list[tuple[int, T | None]] = []

    def add(self, number: int, result: T) -> None:
        """Take result ``number``."""
        self._waiting[number] = result
        while self._next in self._waiting:
            self._carry(0, self._waiting.pop(self._next))
            self._next += 1

    def _carry(self, level: int, value: T) -> None:
        if level == len(self._levels):
            self._levels.append((0, None))
        count, so_far = self._levels[level]
        value = value if so_far is None else so_far + value  # type: ignore[operator]
        if count + 1 < RADIX:
            self._levels[level] = (count + 1, value)
            return
        self._levels[level] = (0, None)
        self._carry(level + 1, value)

    def total(self) -> T:
        """Return the sum of what came."""
        held = [value for _, value in self._levels if value is not None]
        total = held[0]
        for value in held[1:]:
            total = value + total  # type: ignore[operator]
        return total
