"""Fits on a local Dask cluster, in a process of their own (``Program``): ours and dask-ml's."""

from __future__ import annotations

import importlib
import time
import warnings
from typing import Any

import dask.dataframe
import numpy as np
from distributed import Client, LocalCluster, wait
from sklearn.exceptions import ConvergenceWarning

from benchmarks.on_disk import parameters
from benchmarks.programs import serve
from mixtura import GaussianMixture, KMeans, Mixture

#: Equal parts of the table that each worker has.
PARTS = 2


class Fits:
    """A table held by single-threaded workers; each call is a fit."""

    def __init__(self, library: str, path: str, folder: str, workers: int) -> None:
        self.library = library
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=folder,
            memory_limit=0,
        )
        self.client = Client(cluster)
        table = dask.dataframe.read_parquet(path).to_dask_array(lengths=True)
        n, d = table.shape
        self.rows = table.rechunk((-(-n // (PARTS * workers)), d)).persist()
        wait(self.rows)

    def __call__(
        self, n_iter: int, start: Any, parts: int = 0, tol: float | str = 0.0
    ) -> dict[str, Any]:
        """Return the parameters after so many iterations from a start.

        ``start`` is centres, a mixture, or a number of components that ours starts by itself.
        """
        model, rows = self.model(n_iter, start, tol), self.rows
        if parts:
            rows = rows.rechunk((-(-len(rows) // parts), rows.shape[1]))
        begun = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows)
        result = {"seconds": time.perf_counter() - begun, "n_iter": int(model.n_iter_)}
        return result | parameters(model)

    def model(self, n_iter: int, start: Any, tol: float | str) -> Any:
        """Return an unfitted estimator."""
        options: dict[str, Any] = {"max_iter": n_iter, "tol": tol, "random_state": 0}
        if isinstance(start, int):
            return GaussianMixture(start, **options)
        if "centres" not in start:
            mixture = Mixture(start["weights"], start["means"], start["covariances"])
            return GaussianMixture(mixture.n_components, init_params=mixture, **options)
        centres = np.array(start["centres"])
        estimator = KMeans
        if self.library != "mixtura":
            estimator = importlib.import_module(f"{self.library}.cluster").KMeans
        return estimator(len(centres), init=centres, **options)


if __name__ == "__main__":
    serve(Fits)
