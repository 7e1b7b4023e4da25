"""Spark ML's mixtures and k-means on this machine, in a process of their own (``Program``)."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from pyspark.ml.clustering import GaussianMixture, KMeans
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from benchmarks.programs import serve

#: What Spark may use, and into how many equal parts for each thread rows are divided.
MEMORY, PARTS = "8g", 2


def session(threads: int, folder: str) -> SparkSession:
    """Start Spark on this machine, silent but for errors."""
    logging.getLogger("py4j").setLevel(logging.ERROR)
    settings = {
        "spark.driver.memory": MEMORY,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": folder,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    builder = SparkSession.builder.master(f"local[{threads}]").appName("mixtura benchmarks")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def rows_of(spark: SparkSession, path: str, parts: int) -> DataFrame:
    """Return the table as Spark ML takes it, in memory, in equal parts."""
    table = spark.read.parquet(path)
    rows = VectorAssembler(inputCols=table.columns, outputCol="features").transform(table)
    rows = rows.select("features").repartition(parts).persist(StorageLevel.MEMORY_AND_DISK)
    rows.count()
    return rows


class Fits:
    """Spark ML with a table in memory; each call is a fit."""

    def __init__(self, model: str, k: int, path: str, folder: str, threads: int) -> None:
        self.spark = session(threads, folder)
        self.rows = rows_of(self.spark, path, PARTS * threads)
        self.estimator = partial({"gmm": GaussianMixture, "kmeans": KMeans}[model], k=k, seed=0)
        if model == "kmeans":
            self.estimator = partial(self.estimator, initMode="random")

    def __call__(self, n_iter: int, tol: float = 0.0) -> dict[str, Any]:
        """Return the parameters after so many iterations from the start that the seed gives."""
        start = time.perf_counter()
        found = self.estimator(maxIter=n_iter, tol=tol).fit(self.rows)
        result = {"seconds": time.perf_counter() - start, "n_iter": found.summary.numIter}
        if hasattr(found, "clusterCenters"):
            return result | {"centres": [each.tolist() for each in found.clusterCenters()]}
        normals = found.gaussians
        return result | {
            "weights": list(found.weights),
            "means": [normal.mean.toArray().tolist() for normal in normals],
            "covariances": [normal.cov.toArray().tolist() for normal in normals],
        }


if __name__ == "__main__":
    serve(Fits)
