"""What a table is, between the file it came from and the columns that are used."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import TableError
from mixtura.io.arrow import pa, pc


def row_number(row: int) -> str:
    """Say where a row is by its number, counted from 1."""
    return f"row {row + 1}"


@dataclass(frozen=True)
class Table:
    """Columns, each with a name of its own, as they were read, and where each row stands.

    ``where`` turns a row index from 0 into the words ``line 7`` (text) or ``row 6`` (other kinds);
    ``is_text`` says that every column is text because the format knows nothing else; ``na`` holds
    what else stands for a missing cell.
    """

    source: str
    columns: pa.Table
    where: Callable[[int], str] = row_number
    is_text: bool = False
    na: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise where columns share a name, with their positions."""
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if not repeated:
            return
        where = ", ".join(str(j + 1) for j, name in enumerate(self.names) if name == repeated[0])
        if not repeated[0]:
            raise TableError(f"{self.source}: columns {where} have no name; give each one a name.")
        raise TableError(
            f"{self.source} has several columns called {quoted(repeated)} (columns {where}); give "
            "each one a name of its own."
        )

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return list(self.columns.column_names)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return int(self.columns.num_rows)

    def appended(self, columns: Mapping[str, NDArray[np.generic]]) -> Table:
        """Return the table with more columns on its right."""
        clashes = [name for name in columns if name in self.names]
        one = len(clashes) == 1
        if clashes:
            raise TableError(
                f"{self.source} already has {'a column' if one else 'columns'} called "
                f"{quoted(clashes)}; rename or remove {'it' if one else 'them'} first."
            )
        extended = self.columns
        for name, values in columns.items():
            extended = extended.append_column(name, pa.array(values))
        return replace(self, columns=extended)

    def filled(
        self, columns: Mapping[str, NDArray[Any]], missing: Mapping[str, NDArray[np.bool_]]
    ) -> Table:
        """Return the table with the ``missing`` cells of columns replaced by these numbers.

        Text and floating-point columns keep their type and all other cells; columns of other
        types become the numbers.
        """
        changed = self.columns
        for name, values in columns.items():
            new, column = missing[name], changed.column(name)
            if not new.any():
                continue
            if self.is_text:
                texts = np.full(len(values), None, dtype=object)
                texts[new] = [repr(float(value)) for value in values[new]]
                column = pc.if_else(pa.array(new), pa.array(texts, pa.string()), column)
            elif pa.types.is_floating(column.type):
                column = pc.if_else(pa.array(new), pa.array(values).cast(column.type), column)
            else:
                column = pa.array(values)
            changed = changed.set_column(changed.column_names.index(name), name, column)
        return replace(self, columns=changed)


def quoted(names: list[str]) -> str:
    """Return names for a message: quoted, separated by commas, the tail of a long list counted."""
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def named(noun: str, names: list[str]) -> str:
    """Return a noun with the names it stands for, in the plural where it must be."""
    return f"{noun if len(names) == 1 else noun + 's'} {quoted(names)}"


def as_option(names: Sequence[str]) -> str:
    """Return names as the shell takes them after an option such as ``--drop``."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return shlex.quote(text.getvalue())
