"""What a section of a report is made of: paragraphs, tables, lists, figures, lines of code.

Everything is text; the templates escape it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

#: What reads as a number, or as numbers with signs between.
NUMERIC = re.compile(
    "[★<]? ?-?[\\d.,]+(e[+-]?\\d+)?(\N{NO-BREAK SPACE}%)?( ± [\\d.,]+(e[+-]?\\d+)?)?|–|"
)


class Cell(NamedTuple):
    """A cell of a table.

    ``shade`` from -1 (low) to 1 (high) colours it, ``bar`` from 0 to 1 draws a bar in it, and
    ``group`` is the number of the group whose colour it shows.
    """

    text: str
    shade: float = 0.0
    bar: float | None = None
    group: int | None = None


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: headers, and rows of which the first cell is a header, too."""

    kind: ClassVar[str] = "grid"
    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers alone, which are aligned on the right."""
        columns = zip(*self.cells, strict=True)
        return [all(NUMERIC.fullmatch(cell.text) for cell in column) for column in columns]

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows, as cells."""
        return [
            [cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows
        ]


@dataclass(frozen=True)
class Described:
    """Terms, each with what there is to say about it."""

    kind: ClassVar[str] = "described"
    items: Sequence[tuple[Cell, str]]


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    kind: ClassVar[str] = "code"
    caption: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A figure: HTML that ``view.interactive`` or ``view.replay`` made."""

    kind: ClassVar[str] = "figure"
    html: str


@dataclass(frozen=True)
class Map:
    """Points and ellipses on two axes of choice, from numbers that report.js draws."""

    kind: ClassVar[str] = "map"
    axes: Sequence[str]
    data: dict[str, Any] = field(repr=False)


Block = Text | Grid | Described | Code | Figure | Map


@dataclass(frozen=True)
class Section:
    """A section of a report: its name in links, its heading and what is in it."""

    name: str
    title: str
    blocks: Sequence[Block]
