"""Tables for data larger than memory: drawn chunk by chunk, written as Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cases import Shape, problem
from benchmarks.timing import Subject
from mixtura import Mixture

#: Rows that are drawn at a time, and files that a table is made of.
CHUNK_ROWS, N_FILES = 500_000, 5
#: Rows of the problem whose mixture the table is drawn from.
PILOT_ROWS = 100_000


@dataclass(frozen=True)
class Drawn:
    """A table drawn from a mixture, and the folder that it is written to when it is needed."""

    shape: Shape
    overlap: str
    dtype: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.shape}-{self.overlap}-{self.dtype}"

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers."""
        return self.shape.n * self.shape.d * np.dtype(self.dtype).itemsize

    @property
    def file_bytes(self) -> int:
        """Bytes of its files."""
        return sum(file.stat().st_size for file in Path(self.path).iterdir())

    def truth(self) -> Mixture:
        """Return the mixture that rows come from."""
        return problem(Shape(PILOT_ROWS, self.shape.d, self.shape.k), self.overlap).truth

    def chunks(self, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Yield rows (m, d) from ``start``, a multiple of ``CHUNK_ROWS``, to ``stop``."""
        truth = self.truth()
        factors = np.linalg.cholesky(truth.covariances).astype(self.dtype)
        means, d = truth.means.astype(self.dtype), self.shape.d
        for first in range(start, stop, CHUNK_ROWS):
            rng = np.random.default_rng([first, d, self.shape.k])
            m = min(CHUNK_ROWS, stop - first)
            counts = rng.multinomial(m, truth.weights)
            rows = rng.standard_normal((m, d), dtype=np.dtype(self.dtype).type)
            ends = np.cumsum(counts)
            for j, (end, count) in enumerate(zip(ends, counts, strict=True)):
                part = slice(end - count, end)
                rows[part] = rows[part] @ factors[j].T + means[j]
            yield rows[rng.permutation(m)]

    @property
    def path(self) -> str:
        """Return a folder of Parquet files, written now unless they are there.

        The first file is a single row group, the others have those of pyarrow's defaults.
        """
        path, beginning = self.folder / str(self), self.folder / f"{self}.part"
        if path.exists():
            return str(path)
        shutil.rmtree(beginning, ignore_errors=True)
        beginning.mkdir(parents=True)
        n, step = self.shape.n, -(-self.shape.n // (N_FILES * CHUNK_ROWS)) * CHUNK_ROWS
        for number, start in enumerate(range(0, n, step)):
            parts = [_batch(rows) for rows in self.chunks(start, min(start + step, n))]
            table = pa.Table.from_batches(parts)
            size = {"row_group_size": len(table)} if number == 0 else {}
            pq.write_table(table, beginning / f"part-{number}.parquet", **size)
        return str(beginning.rename(path))

    def rows(self) -> NDArray[Any]:
        """Return all rows (n, d)."""
        table = pq.read_table(self.path)
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    def subject(self, measure: str, peer: str) -> Subject:
        """Return what a line of the result table is about."""
        n, d, k = self.shape.n, self.shape.d, self.shape.k
        return Subject(measure, f"{n:,} x {d}, K={k}", self.dtype, self.overlap, peer)


def _batch(rows: NDArray[Any]) -> pa.RecordBatch:
    columns = np.asfortranarray(rows)
    names = [f"x{j}" for j in range(columns.shape[1])]
    return pa.RecordBatch.from_arrays([pa.array(columns[:, j]) for j in range(len(names))], names)
