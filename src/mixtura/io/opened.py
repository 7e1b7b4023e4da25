"""Tables on disk that are read in chunks of rows, whatever their size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura._errors import InputError, TableError
from mixtura._text import counted
from mixtura.io.arrow import pa
from mixtura.io.columns import ROW_LABELS
from mixtura.io.files import called, find_files, partition_types
from mixtura.io.opening import (
    check_files,
    check_names,
    check_survey,
    listed,
    memory_bytes,
    open_reader,
)
from mixtura.io.readers import MatrixReader, Reader
from mixtura.io.streaming import write_results
from mixtura.io.survey import Columns, survey
from mixtura.io.table import named
from mixtura.io.text_reader import TextReader


def open_table(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    memory: str | int = "512MB",
    na: Sequence[str] = (),
) -> OpenTable:
    """Open a table on disk, of any size, that is read in chunks of rows.

    Parameters
    ----------
    path : str or path-like, or a sequence of these
        A file, a pattern such as ``"data/*.parquet"`` (``**`` stands for any number of
        directories), a directory, whose files are all taken, or a URI such as ``s3://...`` that
        Arrow knows. The ending says the format: Parquet (``.parquet .pq``), Arrow (``.arrow
        .feather .ipc``), delimited text (``.csv .tsv .txt``, also with ``.gz``) or ``.npy``.
        Several files are read in the order of their names, ``part-2`` before ``part-10``;
        directories called NAME=VALUE below the given one make a column of their own. Several
        paths are one table, in the order that they are given in.
    columns : sequence of str, optional
        The columns to use, in this order; true/false columns named here count as 1 and 0. By
        default all columns of numbers are, but for the weight.
    weight : str, optional
        The column that holds the weight of each row, at least 0.
    memory : str or int
        How much memory reading and computing may use: bytes, or a size such as ``"512MB"`` or
        ``"2GiB"``. It holds the interpreter too, which takes some 200 MB.
    na : sequence of str
        What stands for a missing cell beside null, NaN and, in text, nothing, NA, N/A, NaN, null,
        none and ?; a number stands for it however it is written.

    Returns
    -------
    OpenTable
        The table, which estimators take in the place of an array. No file stays open.

    Raises
    ------
    TableError
        If no file is found, one cannot be read, their columns differ, or a column cannot be used,
        naming the file, the column and the row.
    InputError
        If ``memory`` is no size, ``columns`` names a column twice or the weight, or something is
        no list of text.

    Notes
    -----
    What a column of text holds is found from its first cells that are not missing; a cell further
    down that is no number is an error, which names its line, once it is read. The rows of
    delimited text are counted where their number is needed, by reading it once. The smallest part
    of a file that can be read is one page of each column of Parquet, and one batch of rows of
    a compressed Arrow file, which whoever wrote the file may have made as large as the file.

    Examples
    --------
    >>> import tempfile
    >>> import mixtura, numpy as np
    >>> path = tempfile.mkdtemp() + "/x.npy"
    >>> np.save(path, np.arange(10.0).reshape(5, 2))
    >>> table = mixtura.open_table(path, memory="64MB")
    >>> table.names, table.shape
    (['x0', 'x1'], (5, 2))
    >>> [rows.sum() for rows, weights in table.chunks(2)]
    [np.float64(6.0), np.float64(22.0), np.float64(17.0)]
    """
    paths = listed("path", [path] if isinstance(path, str | os.PathLike) else path)
    if not isinstance(weight, str | None):
        raise InputError(f"weight must be the name of a column, got {weight!r}.")
    columns = columns if columns is None else listed("columns", columns)
    return open_files(paths, columns, (), weight, memory, listed("na", na))


def open_files(
    paths: Sequence[str],
    columns: Sequence[str] | None,
    drop: Sequence[str],
    weight: str | None,
    memory: str | int,
    na: Sequence[str],
    *,
    allow_empty: bool = False,
) -> OpenTable:
    """Open what ``open_table`` does, but for the columns in ``drop`` where ``columns`` is None.

    Columns without any value count as numbers where ``allow_empty`` says so.
    """
    if not paths:
        raise InputError("path is empty; name a file.")
    source, budget = called(paths), memory_bytes(memory)
    readers = [open_reader(file, na) for file in find_files(*paths)]
    partitions = partition_types([reader.file for reader in readers])
    layout = Columns(readers, partitions, tuple(na), budget)
    check_names(source, layout.names, columns, weight, drop)
    wanted = [name for name in columns or layout.names if name not in (weight, *drop)]
    if columns is None:
        wanted = [name for name in wanted if name not in ROW_LABELS]
    kinds = survey(layout, wanted, explicit=columns is not None)
    if allow_empty:
        kinds = {name: "numbers" if kind == "empty" else kind for name, kind in kinds.items()}
    if all(reader.n_rows == 0 for reader in readers):
        raise TableError(f"{source} has no rows.")
    names = list(wanted) if columns is not None else [n for n in wanted if kinds[n] == "numbers"]
    ignored = {name: kind for name, kind in kinds.items() if name not in names}
    ignored |= {
        name: "row labels"
        for name in layout.names
        if columns is None and name in ROW_LABELS and name not in drop
    }
    check_survey(source, names, ignored, kinds)
    if weight is not None:
        kinds |= survey(layout, [weight], explicit=True)
    used = [*names, *([weight] if weight is not None else [])]
    check_files(layout, used, kinds)
    for reader in readers:
        if isinstance(reader, TextReader):
            reader.numbers = {name for name in used if kinds[name] == "numbers"}
    return OpenTable(source, names, weight, layout, ignored)


@dataclass(frozen=True, eq=False, repr=False)
class OpenTable:
    """A table on disk that is read in chunks of rows; :func:`mixtura.open_table` makes it.

    It may be read any number of times and by several readers at once; it holds no open file and
    can be pickled. A file that has changed since it was opened is an error.

    Parameters
    ----------
    source : str
        The path, pattern or URI.
    names : list of str
        The columns that are used, in order.
    weight : str or None
        The column of weights.
    layout : object
        The files and how their columns are read.
    ignored : dict of str to str
        The columns that are not used, with the reason for each.

    Examples
    --------
    >>> import tempfile
    >>> import mixtura, numpy as np
    >>> path = tempfile.mkdtemp() + "/x.npy"
    >>> np.save(path, np.arange(10.0).reshape(5, 2))
    >>> table = mixtura.open_table(path)
    >>> len(table), table.dtype, table.where(3)
    (5, dtype('float64'), 'x.npy, row 4')
    """

    source: str
    names: list[str]
    weight: str | None
    layout: Columns
    ignored: dict[str, str]

    @property
    def memory(self) -> int:
        """The budget of memory, in bytes."""
        return self.layout.memory

    @property
    def n_rows(self) -> int:
        """The number of rows; delimited text is read once to count them."""
        return sum(self.layout.count(reader) for reader in self.layout.readers)

    @property
    def is_named(self) -> bool:
        """Whether the files name their columns; those of a matrix are called x0, x1..."""
        return not isinstance(self.layout.readers[0], MatrixReader)

    @property
    def n_features(self) -> int:
        """The number of columns that are used."""
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns that are used."""
        return self.n_rows, self.n_features

    @property
    def n_bytes(self) -> int:
        """The size of the files, in bytes."""
        return sum(reader.file.size for reader in self.layout.readers)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the rows: float32 if no column that is used needs more, else float64."""
        types = [
            self.layout.type(reader, name) for reader in self.layout.readers for name in self.names
        ]
        is_text = isinstance(self.layout.readers[0], TextReader)
        single = not is_text and all(kind in (pa.float16(), pa.float32()) for kind in types)
        return np.dtype(np.float32 if single else np.float64)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    def __repr__(self) -> str:
        """Return the place, the number of rows if it is known, the columns and the budget."""
        known = all(reader.n_rows is not None for reader in self.layout.readers)
        rows = counted(self.n_rows, "row") if known else "rows not counted yet"
        return (
            f"OpenTable({self.source!r}: {rows}, {named('column', self.names)}, "
            f"{counted(self.memory, 'byte')} of memory)"
        )

    def chunks(self, n: int) -> Iterator[tuple[NDArray[Any], NDArray[np.float64] | None]]:
        """Yield the rows and their weights, ``n`` at a time, in order.

        Parameters
        ----------
        n : int
            The number of rows of each chunk; the last may have fewer.

        Yields
        ------
        rows : ndarray of shape (m, n_features)
            The columns that are used, NaN where a cell is missing.
        weights : ndarray of shape (m,) or None
            The weights, or None without a column of weights.

        Raises
        ------
        TableError
            If a file has changed or cannot be read, or a cell or a weight cannot be used.
        InputError
            If ``n`` is less than 1.

        Notes
        -----
        The arrays are used again: what is yielded is valid until the next chunk but one is asked
        for.
        """
        if n < 1:
            raise InputError(f"n must be at least 1, got {n}.")
        ring = [self._buffers(n), self._buffers(n)]
        done, (rows, weights) = 0, ring[0]
        for reader, row, piece in self.layout.every([*self.names, *self._weight_name]):
            start = 0
            while start < len(piece):
                m = min(n - done, len(piece) - start)
                part = piece[start : start + m]
                self._copy(reader, part, row + start, rows[done : done + m])
                if weights is not None:
                    weights[done : done + m] = self._weights(reader, part, row + start)
                done, start = done + m, start + m
                if done == n:
                    yield rows, weights
                    ring.reverse()
                    done, (rows, weights) = 0, ring[0]
        if done:
            yield rows[:done], None if weights is None else weights[:done]

    def where(self, row: int) -> str:
        """Say in which file a row lies, and where in it.

        Parameters
        ----------
        row : int
            The number of the row within the table, from 0.

        Returns
        -------
        str
            Words such as ``part-3.parquet, row 17``, from 1, or for text ``part-3.csv, line 18``.

        Raises
        ------
        InputError
            If the table has no such row.
        """
        left = row
        for reader in self.layout.readers:
            count = self.layout.count(reader)
            if 0 <= left < count:
                return f"{reader.file.label}, {reader.where(left)}"
            left -= count
        raise InputError(f"{self.source} has no row {row}; it has {counted(self.n_rows, 'row')}.")

    def write(
        self,
        path: str | os.PathLike[str],
        *functions: Callable[[NDArray[Any]], NDArray[Any]],
        keep: bool = True,
        **columns: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        """Write a table of what functions of the rows return, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file: Parquet, Arrow, delimited text (also .gz) or NPY by its ending, or ``-`` for
            CSV on standard output.
        *functions : callable
            Each takes rows (m, d) and returns rows (m, d), whose numbers replace the missing
            cells of the columns that are used. Columns of whole numbers become float64.
        keep : bool
            Whether the columns of the table are written too: all of them, or only those that are
            used if false and there are ``functions``, else none.
        **columns : callable
            Each takes rows (m, d) and returns a column (m,), written under the name of the
            keyword, or a matrix (m, j), written as NAME_0, NAME_1 and so on.

        Raises
        ------
        TableError
            If the file cannot be written or the format cannot hold a column, if it is one that
            is read, or if a column of that name is there already.
        InputError
            If a function returns something else.

        Notes
        -----
        Cells of delimited text stay as they are written where text is written again; in formats
        that know types, the columns that are used are stored as numbers. The rows that a function
        is given are overwritten later.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import mixtura, numpy as np
        >>> folder = Path(tempfile.mkdtemp())
        >>> np.save(folder / "x.npy", np.eye(3))
        >>> table = mixtura.open_table(folder / "x.npy")
        >>> table.write(folder / "sums.csv", keep=False, total=lambda rows: rows.sum(axis=1))
        >>> (folder / "sums.csv").read_text().split()
        ['total', '1', '1', '1']
        """
        write_results(self, str(path), functions, columns, keep=keep)

    @property
    def _weight_name(self) -> list[str]:
        """The column of weights, if there is one."""
        return [] if self.weight is None else [self.weight]

    def _buffers(self, n: int) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Return memory for ``n`` rows and weights; pages of it that are not used cost nothing."""
        first = self.layout.readers[0]
        by_rows = isinstance(first, MatrixReader) and not first.is_fortran
        rows = np.empty((n, self.n_features), self.dtype, order="C" if by_rows else "F")
        return rows, None if self.weight is None else np.empty(n)

    def _copy(self, reader: Reader, piece: Any, row: int, rows: NDArray[Any]) -> None:
        """Write the columns that are used into ``rows`` (m, d)."""
        if isinstance(piece, np.ndarray):
            rows[:] = self.layout.without(piece[:, : self.n_features])
            return
        for j, name in enumerate(self.names):
            rows[:, j] = self.layout.numbers(reader, piece, name, row)

    def _weights(self, reader: Reader, piece: Any, row: int) -> NDArray[np.float64]:
        """Return the weights of the rows of a piece, which must be finite and not negative."""
        if isinstance(piece, np.ndarray):
            weights = piece[:, self.n_features].astype(np.float64)
        else:
            weights = self.layout.numbers(reader, piece, str(self.weight), row).astype(np.float64)
        bad = ~((weights >= 0) & (weights < np.inf))
        if bad.any():
            i = int(np.argmax(bad))
            value = "missing" if np.isnan(weights[i]) else f"{weights[i]:g}"
            raise TableError(
                f"{reader.file.label}: the weight '{self.weight}' on {reader.where(row + i)} is "
                f"{value}; weights must be finite and not negative."
            )
        return weights
