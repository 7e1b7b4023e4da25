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
from mixtura import Mixture

#: Rows that are drawn at a time, and files that a table is made of.
CHUNK_ROWS, N_FILES = 500_000, 5
#: Rows of the problem whose mixture the table is drawn from.
PILOT_ROWS = 100_000


@dataclass(frozen=True)
class Drawn:
    """A table drawn from a mixture: its shape, how much the components overlap, its dtype."""

    shape: Shape
    overlap: str = "overlapping"
    dtype: str = "float64"

    def __str__(self) -> str:
        return f"{self.shape}-{self.overlap}-{self.dtype}"

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers."""
        return self.shape.n * self.shape.d * np.dtype(self.dtype).itemsize

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

    def written(self, folder: Path) -> Path:
        """Return a folder of Parquet files, written now unless a run before has kept it.

        The first file is a single row group, the others have those of pyarrow's defaults.
        """
        path = folder / str(self)
        if path.exists():
            return path
        beginning = folder / f"{self}.part"
        shutil.rmtree(beginning, ignore_errors=True)
        beginning.mkdir(parents=True)
        step = -(-self.shape.n // (N_FILES * CHUNK_ROWS)) * CHUNK_ROWS
        for number, start in enumerate(range(0, self.shape.n, step)):
            parts = [_batch(rows) for rows in self.chunks(start, min(start + step, self.shape.n))]
            rows = pa.Table.from_batches(parts)
            size = {"row_group_size": rows.num_rows} if number == 0 else {}
            pq.write_table(rows, beginning / f"part-{number}.parquet", **size)
        return beginning.rename(path)


def _batch(rows: NDArray[Any]) -> pa.RecordBatch:
    columns = np.asfortranarray(rows)
    names = [f"x{j}" for j in range(columns.shape[1])]
    return pa.RecordBatch.from_arrays([pa.array(columns[:, j]) for j in range(len(names))], names)
