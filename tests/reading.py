"""Tables in memory that are read as those on disk are: in chunks from a ring of two buffers."""

from __future__ import annotations

import numpy as np


class Ring:
    """Rows and weights that are only to be had in chunks, each valid until the next but one."""

    def __init__(self, X, weights=None, memory=2**20):
        self.X, self.weights, self.memory = X, weights, memory
        self.n_rows, self.n_features = X.shape
        self.passes = 0
        self.largest = 0

    def chunks(self, n):
        self.passes += 1
        self.largest = max(self.largest, n)
        buffers = [np.empty((n, self.n_features), self.X.dtype, order="F") for _ in range(2)]
        weights = [np.empty(n) for _ in range(2)]
        for number, start in enumerate(range(0, self.n_rows, n)):
            rows = self.X[start : start + n]
            buffer = buffers[number % 2]
            buffer[:] = np.nan  # what a reader of an old chunk would see
            buffer[: len(rows)] = rows
            own = weights[number % 2]
            own[:] = np.nan
            if self.weights is not None:
                own[: len(rows)] = self.weights[start : start + n]
            yield buffer[: len(rows)], None if self.weights is None else own[: len(rows)]


class Opened(Ring):
    """What ``open_table`` returns, as far as estimators look."""

    source = "a table"

    def __init__(self, X, weights=None, memory=2**20, names=None):
        super().__init__(X, weights, memory)
        self.dtype, self.names = X.dtype, names
        self.weight = None if weights is None else "w"

    def where(self, row):
        return f"a table, row {row + 1}"
