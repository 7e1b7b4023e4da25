"""Fits over local processes beside other engines: Spark ML, dask-ml, and fewer of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.big_tables import Drawn
from benchmarks.kmeans import inertia
from benchmarks.on_disk import timed_fit
from benchmarks.programs import Program
from benchmarks.timing import Row, compared, interleaved
from mixtura import GaussianMixture

PARAMETERS = ("weights", "means", "covariances")
#: Worker processes of one thread each, and the peers' threads.
WORKERS = 2
SPARK = f"Spark ML, local[{WORKERS}]"
#: Iterations of a short and of a long fit, of which the difference is timed: of EM, of Spark's,
#: which takes seconds each, and of k-means.
EM_SPAN, SPARK_SPAN, KMEANS_SPAN = (2, 12), (1, 3), (2, 22)
#: Times the peers' speed, and how far from their objective (per row in nats, relative) is equal.
SPARK_EM, SPARK_KMEANS, DASK_ML, EQUAL = 10.0, 5.0, 1.0, 1e-6
#: Spark's rule for the end of EM, in nats, and iterations for both.
SPARK_TOL, MAX_ITER = 0.01, 100

Fit = Callable[[int], dict[str, Any]]


def on_dask(drawn: Drawn, library: str = "mixtura", workers: int = WORKERS) -> Program:
    """Start a Dask cluster that holds a table."""
    folder = str(drawn.folder)
    return Program("on_dask", library=library, path=drawn.path, folder=folder, workers=workers)


def on_spark(drawn: Drawn, model: str) -> Program:
    """Start Spark with a table in memory."""
    folder, k = str(drawn.folder), drawn.shape.k
    return Program("spark", model=model, k=k, path=drawn.path, folder=folder, threads=WORKERS)


def by_iterations(program: Program, **request: Any) -> Fit:
    """Return a function of the number of iterations that asks for a fit."""
    return lambda n_iter: program(n_iter=n_iter, **request)


def per_iteration(
    fits: Mapping[str, Fit], spans: Mapping[str, tuple[int, int]], repeats: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return seconds per iteration, long fits less short ones in turn, and the last long fits."""
    last: dict[str, Any] = {}

    def one(name: str) -> float:
        brief, last[name] = (fits[name](n_iter) for n_iter in spans[name])
        done = last[name]["n_iter"] - brief["n_iter"]
        return (last[name]["seconds"] - brief["seconds"]) / done

    for name, fit in fits.items():
        fit(spans[name][0])
    return interleaved({name: partial(one, name) for name in fits}, repeats, warm_up=False), last


def apart(left: Mapping[str, Any], right: Mapping[str, Any]) -> float:
    """Return the largest difference of parameters, in units of the largest of their kind."""
    pairs = ((np.array(left[name]), np.array(right[name])) for name in PARAMETERS)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def score(found: Mapping[str, Any], X: NDArray[Any]) -> float:
    """Return the log-likelihood per row of found parameters, in nats."""
    parameters = (found[name] for name in PARAMETERS)
    return float(GaussianMixture.from_parameters(*parameters).score(X))


def spark_mixture(drawn: Drawn, repeats: int) -> list[Row]:
    """Time the same EM iterations, from the start that Spark's seed leads to."""
    with on_spark(drawn, "gmm") as spark, on_dask(drawn) as dask:
        fits = {"ours": by_iterations(dask, start=spark(n_iter=0)), "theirs": by_iterations(spark)}
        spans = {"ours": EM_SPAN, "theirs": SPARK_SPAN}
        seconds, last = per_iteration(fits, spans, repeats)
        last["ours"] = fits["ours"](SPARK_SPAN[1])
    X = drawn.rows()
    mine, other = score(last["ours"], X), score(last["theirs"], X)
    row = compared(
        drawn.subject("EM iteration, two workers", SPARK),
        seconds,
        SPARK_EM,
        also=mine >= other - EQUAL,
        note=f"log-likelihood per row after {SPARK_SPAN[1]} iterations from Spark's start: "
        f"{mine - other:+.1g}; parameters {apart(last['ours'], last['theirs']):.1g} apart",
        details={"log_likelihoods": {"ours": mine, "theirs": other}},
    )
    return [row]


def spark_converged(drawn: Drawn, _: int) -> list[Row]:
    """Time one fit of each with its own default rule, from the same start."""
    with on_spark(drawn, "gmm") as spark, on_dask(drawn) as dask:
        start = spark(n_iter=0)
        dask(n_iter=1, start=start)
        found = {
            "ours": dask(n_iter=MAX_ITER, start=start, tol="auto"),
            "theirs": spark(n_iter=MAX_ITER, tol=SPARK_TOL),
        }
    X = drawn.rows()
    mine, other = (score(each, X) for each in found.values())
    row = compared(
        drawn.subject("fit with default rules, two workers", SPARK),
        {name: [each["seconds"]] for name, each in found.items()},
        1.0,
        also=mine >= other - EQUAL,
        note=f"iterations {found['ours']['n_iter']} against {found['theirs']['n_iter']}; "
        f"log-likelihood per row {mine:.7g} against {other:.7g}",
        details={"log_likelihoods": {"ours": mine, "theirs": other}},
    )
    return [row]


def spark_kmeans(drawn: Drawn, repeats: int) -> list[Row]:
    """Time the same Lloyd iterations, from the centres that Spark's seed leads to."""
    with on_spark(drawn, "kmeans") as spark, on_dask(drawn) as dask:
        fits = {"ours": by_iterations(dask, start=spark(n_iter=0)), "theirs": by_iterations(spark)}
        found = per_iteration(fits, dict.fromkeys(fits, KMEANS_SPAN), repeats)
    return [centres_row(drawn, *found, SPARK, SPARK_KMEANS)]


def dask_ml(drawn: Drawn, repeats: int) -> list[Row]:
    """Time the same Lloyd iterations of two libraries on workers of the same kind."""
    start = {"centres": drawn.truth().means.tolist()}
    with on_dask(drawn) as dask, on_dask(drawn, "dask_ml") as peer:
        programs = {"ours": dask, "theirs": peer}
        fits = {name: by_iterations(each, start=start) for name, each in programs.items()}
        found = per_iteration(fits, dict.fromkeys(fits, KMEANS_SPAN), repeats)
    return [centres_row(drawn, *found, "dask-ml, two workers", DASK_ML)]


def centres_row(
    drawn: Drawn,
    seconds: Mapping[str, list[float]],
    last: Mapping[str, Any],
    peer: str,
    target: float,
) -> Row:
    """Return the row of two k-means that made the same iterations."""
    X = drawn.rows()
    inertias = {name: inertia(X, np.array(found["centres"])) for name, found in last.items()}
    difference = inertias["ours"] / inertias["theirs"] - 1.0
    return compared(
        drawn.subject("k-means iteration, two workers", peer),
        seconds,
        target,
        also=difference <= EQUAL,
        note=f"iterations {last['ours']['n_iter']} and {last['theirs']['n_iter']} from the same "
        f"centres; inertia {difference:+.1g} relative",
        details={"inertias": inertias},
    )


def workers(drawn: Drawn, repeats: int) -> list[Row]:
    """Time EM iterations over two workers beside one."""
    start = truth_of(drawn)
    with on_dask(drawn) as two, on_dask(drawn, workers=1) as one:
        programs = {"ours": two, "theirs": one}
        fits = {name: by_iterations(each, start=start) for name, each in programs.items()}
        seconds, _ = per_iteration(fits, dict.fromkeys(fits, EM_SPAN), repeats)
    return [compared(drawn.subject("EM iteration, two workers", "one worker"), seconds)]


def threads(drawn: Drawn, repeats: int) -> list[Row]:
    """Time EM iterations over two workers, and from disk, beside threads on rows in memory."""
    start, X, k = truth_of(drawn), drawn.rows(), drawn.shape.k
    short, long = EM_SPAN
    with on_dask(drawn) as dask, Program("on_disk", path=drawn.path, memory="512MB") as disk:
        disk(do="load")
        calls: dict[str, Callable[[], float]] = {
            "memory": lambda: float(np.median(timed_fit(X, k, short + 3, start)["seconds"])),
            "disk": lambda: float(
                np.median(disk(do="fit", k=k, n_iter=short + 3, start=start)["seconds"])
            ),
            "dask": lambda: (
                (
                    dask(n_iter=long, start=start)["seconds"]
                    - dask(n_iter=short, start=start)["seconds"]
                )
                / (long - short)
            ),
        }
        seconds = interleaved(calls, repeats)
    peer = "threads, in memory"
    return [
        compared(drawn.subject(measure, peer), {"ours": seconds[name], "theirs": seconds["memory"]})
        for measure, name in (
            ("EM iteration, two workers", "dask"),
            ("EM iteration from disk", "disk"),
        )
    ]


def truth_of(drawn: Drawn) -> dict[str, Any]:
    """Return the parameters that rows were drawn with."""
    truth = drawn.truth()
    return {name: getattr(truth, name).tolist() for name in PARAMETERS}
