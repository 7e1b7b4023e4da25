"""Spark ML's mixtures and k-means on this machine, in a process of their own.

``python -m benchmarks.spark ARGUMENTS`` takes and prints JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from pyspark.ml.clustering import GaussianMixture, KMeans
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

MEMORY = "8g"
#: Iterations of the fit that the virtual machine compiles its code in.
WARM_UP = 3


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


def rows_of(spark: SparkSession, path: str) -> DataFrame:
    """Return the table as Spark ML takes it, in memory."""
    table = spark.read.parquet(path)
    rows = VectorAssembler(inputCols=table.columns, outputCol="features").transform(table)
    rows = rows.select("features").persist(StorageLevel.MEMORY_AND_DISK)
    rows.count()
    return rows


def fitted(model: str, k: int, rows: DataFrame, n_iter: int, tol: float) -> dict[str, Any]:
    """Return parameters after that many iterations, what they say they were, and seconds."""
    estimator = {"gmm": GaussianMixture, "kmeans": KMeans}[model]
    start = time.perf_counter()
    found = estimator(k=k, maxIter=n_iter, tol=tol, seed=0).fit(rows)
    result: dict[str, Any] = {"seconds": time.perf_counter() - start}
    result["n_iter"] = found.summary.numIter
    if model == "kmeans":
        return result | {"centres": [centre.tolist() for centre in found.clusterCenters()]}
    normals = found.gaussians
    return result | {
        "weights": list(found.weights),
        "means": [normal.mean.toArray().tolist() for normal in normals],
        "covariances": [normal.cov.toArray().tolist() for normal in normals],
    }


def main() -> None:
    """Fit as often as asked for: the same seed is the same start, whatever the iterations."""
    given = json.loads(sys.argv[1])
    spark = session(given["threads"], given["folder"])
    start = time.perf_counter()
    rows = rows_of(spark, given["path"])
    result: dict[str, Any] = {
        "version": spark.version,
        "partitions": rows.rdd.getNumPartitions(),
        "loading": time.perf_counter() - start,
    }
    fitted(given["model"], given["k"], rows, WARM_UP, 0.0)
    result["fits"] = [
        fitted(given["model"], given["k"], rows, n_iter, tol) for n_iter, tol in given["fits"]
    ]
    spark.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
