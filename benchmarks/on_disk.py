"""Fits of tables on disk and of streams, in a process of their own (``Program``)."""

from __future__ import annotations

import time
import warnings
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from benchmarks.programs import serve
from mixtura import GaussianMixture, Mixture, open_table

#: Rows that are read at a time where nothing is computed, and in a batch of a stream.
READ_ROWS, BATCH_ROWS = 250_000, 1000


class OnDisk:
    """What a program does with one table; a request names one of its methods."""

    def __init__(self, path: str, memory: str) -> None:
        self.path, self.memory = path, memory

    def __call__(self, do: str, **request: Any) -> Any:
        """Do what is asked for."""
        return getattr(self, do)(**request)

    def load(self) -> None:
        """Load the machine code of fits and the readers, on next to no rows."""
        X = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
        GaussianMixture(2, engine="numba", max_iter=1, random_state=0).fit(np.asfortranarray(X))
        next(iter(self.table().chunks(1)))

    def table(self) -> Any:
        """Open the table."""
        return open_table(self.path, memory=self.memory)

    def fit(self, k: int, n_iter: int, start: Any = None, rows: int | None = None) -> Any:
        """Return the seconds of each iteration and the parameters; ``rows`` are read at first."""
        return timed_fit(self.table() if rows is None else self.first(rows), k, n_iter, start)

    def first(self, n: int) -> NDArray[Any]:
        """Return the first rows (n, d)."""
        chunks = islice(self.table().chunks(READ_ROWS), -(-n // READ_ROWS))
        return np.concatenate([rows.copy(order="C") for rows, _ in chunks])[:n]

    def read(self) -> float:
        """Return the seconds that reading takes."""
        table = self.table()
        start = time.perf_counter()
        n = sum(len(rows) for rows, _ in table.chunks(READ_ROWS))
        assert n == table.n_rows
        return time.perf_counter() - start


class Stream:
    """Batches of a file of doubles, of which one is in memory."""

    def __init__(self, path: str, d: int, k: int) -> None:
        self.d = d
        self.model = GaussianMixture(k, random_state=0)
        self.file = open(path, "rb")  # noqa: SIM115, open as long as the program runs

    def __call__(self, batches: int) -> Any:
        """Take that many batches, and return the parameters."""
        start = time.perf_counter()
        for _ in range(batches):
            batch = np.fromfile(self.file, count=BATCH_ROWS * self.d).reshape(-1, self.d)
            self.model.partial_fit(batch)
        return {"seconds": time.perf_counter() - start, **parameters(self.model)}


def timed_fit(X: Any, k: int, n_iter: int, start: Any = None) -> dict[str, Any]:
    """Return the seconds between iterations, of which the first is not known, and parameters."""
    stamps: list[float] = []
    model = GaussianMixture(
        k,
        init_params="kmeans" if start is None else Mixture(**start),
        max_iter=n_iter,
        tol=0.0,
        random_state=0,
        callback=lambda _: stamps.append(time.perf_counter()),
    )
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    whole = time.perf_counter() - begun
    return {"seconds": np.diff(stamps).tolist(), "whole": whole, **parameters(model)}


def parameters(model: Any) -> dict[str, Any]:
    """Return the fitted parameters as lists."""
    if hasattr(model, "cluster_centers_"):
        return {"centres": np.asarray(model.cluster_centers_).tolist()}
    names = ("weights", "means", "covariances")
    return {name: getattr(model, f"{name}_").tolist() for name in names}


if __name__ == "__main__":
    serve(lambda **given: Stream(**given) if "d" in given else OnDisk(**given))
