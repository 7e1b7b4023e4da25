"""k-means beside scikit-learn's and faiss's: what is measured, and how."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.cluster import kmeans_plusplus as sklearn_plusplus
from sklearn.metrics import pairwise_distances_argmin

from benchmarks import processes
from benchmarks.cases import Case, Shape, first_centres, table
from benchmarks.machine import rates
from benchmarks.timing import Measurement, Row, Subject, compared, default_fits, fit, interleaved
from mixtura import KMeans, kmeans_plusplus
from mixtura.algorithms.seeding import seed
from mixtura.estimators.centres import source_of
from mixtura.model.families.base import FloatArray
from mixtura.sources.threads import n_threads

# Imported before the thread pools are listed; measurements against it are left out without it.
faiss = importlib.import_module("faiss") if importlib.util.find_spec("faiss") else None

TITLE = "k-means beside its peers"
COLUMNS = ("numbers", "data")
#: Iterations of a fit to convergence, and of one beside faiss, which does not stop by itself.
MAX_ITER, FEW_ITER = 100, 25
#: Largest relative difference between two libraries' inertias after the same iterations.
SAME_WORK = 1e-6
#: Seconds that pairs after the first may take in one comparison.
BUDGET = 15.0
TO_CONVERGENCE, SAME_ITERATIONS = "fit to convergence", "fit of as many iterations"
#: What geometric means over the panel are to be.
MEANS = {TO_CONVERGENCE: 2.0, SAME_ITERATIONS: 1.5}

EIGHT, MANY, THOUSAND = (
    Shape(1_000_000, 8, 16),
    Shape(200_000, 64, 100),
    Shape(200_000, 32, 1000),
)
SHAPES = (Shape(1_000_000, 2, 3), EIGHT, Shape(500_000, 16, 64), MANY, THOUSAND)
DIGITS, BIRCH = Case("digits", Shape(70_000, 784, 10)), Case("birch1", Shape(100_000, 2, 100))
#: Rounding in float32 leads to other labels of rows between two centres, and these to objectives
#: that differ by so much either way.
FLOAT32_PATHS = 1e-5
PANEL = (
    *(Case(data, shape) for shape in SHAPES for data in ("clustered", "noise")),
    DIGITS,
    Case("digits", Shape(70_000, 784, 100)),
    BIRCH,
    Case("covertype", Shape(92_962, 54, 50)),
    Case("kdd99", Shape(494_021, 41, 100)),
)
#: Where seeding is measured, and what it is to be in times scikit-learn's speed.
SEEDING = {THOUSAND: 3.0, MANY: None, BIRCH.shape: None}
DEFAULT_FITS = (Case("clustered", EIGHT), DIGITS, BIRCH)
MEMORY = (Case("clustered", EIGHT), Case("clustered", MANY))


@dataclass(frozen=True)
class Settings:
    """How thorough to be; ``repeats`` is the largest number of pairs per comparison."""

    repeats: int = 5
    quick: bool = False

    def case(self, case: Case) -> Case:
        """Return the case to measure, with fewer rows to see that everything runs."""
        n, d, k = case.shape.n, case.shape.d, case.shape.k
        return Case(case.data, Shape(min(n, 4 * k + 1000), d, k)) if self.quick else case


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements, those on the same rows after one another."""
    repeats, quick = settings.repeats, settings.quick
    for whole in PANEL[:: 2 if quick else 1]:
        case = settings.case(whole)
        yield _on(case, "scikit-learn", to_convergence, repeats)
        yield _on(case, "faiss", same_iterations, repeats)
        if whole.shape in SEEDING:
            seeds = range(2 if quick else 10)
            yield _on(case, "seeding", seeding, seeds, SEEDING[whole.shape])
        if whole in DEFAULT_FITS:
            yield _on(case, "default_fit", default_fit, range(1 if quick else 5))
        for order in "CF" if whole in MEMORY else "":
            for init in ("random",) if quick else ("random", "k-means++"):
                yield _on(case, f"memory/{order}/{init}", memory, order, init)


def _on(case: Case, name: str, function: Callable[..., list[Row]], *rest: Any) -> Measurement:
    def run() -> list[Row]:
        if case.path is not None and not case.path.exists():
            return [Row(case.subject(name), "s", note=f"not measured: there is no {case.path}")]
        return function(case, *rest)

    return Measurement(f"{name}/{case}", run)


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return geometric means over the panel; those over a part of it are not judged."""
    means = []
    for measure, target in MEANS.items():
        given = [row for row in rows if row.subject.measure == measure]
        ratios = [row.ratio for row in given if row.ratio is not None]
        if not ratios:
            continue
        mean, whole = float(np.exp(np.log(ratios).mean())), len(ratios) == len(PANEL)
        low, high = np.quantile(ratios, [0.25, 0.75]).tolist()
        row = Row(
            Subject(f"{measure}: geometric mean", f"{len(ratios)} of {len(PANEL)} cases", peer=""),
            "x",
            ratio=mean,
            quartiles=(low, high),
            target=f"≥ {target:.2g}x" if whole else "",
            met=mean >= target if whole else None,
        )
        means.append(row)
    return means


def to_convergence(case: Case, repeats: int) -> list[Row]:
    """Time fits from the same centres until nothing moves, beside scikit-learn's faster one."""
    X, k = table(case), case.shape.k
    same: dict[str, Any] = {"n_init": 1, "tol": 0.0, "max_iter": MAX_ITER}
    same["init"] = first_centres(X, k)
    models: dict[str, Any] = {"ours": KMeans(k, **same)}
    models |= {name: SklearnKMeans(k, algorithm=name, **same) for name in ("lloyd", "elkan")}
    for model in models.values():
        fit(clone(model).set_params(max_iter=1), X)
    calls = {name: partial(fit, model, X) for name, model in models.items()}
    seconds, first, peer = paired(calls, repeats)
    ours, theirs = models["ours"], models[peer]
    difference = ours.inertia_ / theirs.inertia_ - 1.0
    labels = float(np.mean(ours.labels_ == theirs.labels_))
    row = compared(
        case.subject(TO_CONVERGENCE, "float64", f"scikit-learn ({peer})"),
        seconds,
        1.0,
        also=abs(difference) <= SAME_WORK,
        note=f"{_pairs(seconds)}; iterations {ours.n_iter_} against {theirs.n_iter_}; "
        f"inertia {difference:+.1g} relative; {100 * labels:.6g} % of labels equal",
        details={
            "first_round": first,
            "iterations": {name: model.n_iter_ for name, model in models.items()},
            "inertias": {name: model.inertia_ for name, model in models.items()},
        },
    )
    return [row, *work(case, X.dtype, seconds["ours"], ours.n_iter_)]


def same_iterations(case: Case, repeats: int) -> list[Row]:
    """Time as many iterations of faiss as ours makes, from the same centres."""
    if faiss is None:
        note = "not measured: it cannot be imported"
        return [Row(case.subject(SAME_ITERATIONS, "float32", "faiss"), "s", note=note)]
    X, k = table(case).astype(np.float32), case.shape.k
    start = first_centres(X, k)
    ours = KMeans(k, init=start, n_init=1, tol=0.0, max_iter=FEW_ITER)
    fit(ours, X)
    runs: dict[int, Any] = {}

    def theirs(n_iter: int) -> None:
        # Its defaults would draw 256 rows per cluster and leave the others out.
        points = {"max_points_per_centroid": 10**9, "min_points_per_centroid": 1}
        runs[n_iter] = faiss.Kmeans(case.shape.d, k, niter=n_iter, **points)
        runs[n_iter].train(X, init_centroids=start)

    faiss.omp_set_num_threads(n_threads(None))
    theirs(1)
    n_iter = ours.n_iter_
    calls = {"ours": partial(fit, ours, X), "faiss": partial(theirs, n_iter)}
    seconds, _, _ = paired(calls, repeats)
    exact = KMeans(k, init=start, n_init=1, tol=0.0, max_iter=n_iter).fit(X.astype(np.float64))
    inertias = inertia(X, ours.cluster_centers_), inertia(X, runs[n_iter].centroids)
    difference = inertias[0] / inertias[1] - 1.0
    strayed = inertias[0] / exact.inertia_ - 1.0
    n_split = int(sum(each["nsplit"] for each in runs[n_iter].iteration_stats))
    row = compared(
        case.subject(SAME_ITERATIONS, "float32", "faiss"),
        seconds,
        1.0,
        also=difference <= FLOAT32_PATHS,
        note=f"{_pairs(seconds)}; {n_iter} iterations; inertia {difference:+.1g} relative, "
        f"{strayed:+.1g} to float64"
        + (f"; faiss split {n_split} clusters where some were empty" if n_split else ""),
        details={"iterations": n_iter, "inertias": inertias, "faiss_splits": n_split},
    )
    return [row, *work(case, X.dtype, seconds["ours"], n_iter)]


def paired(
    calls: Mapping[str, Callable[[], object]], repeats: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], str]:
    """Return seconds of ``ours`` and ``theirs``, those of the first round, and the peer's name.

    After a round of all calls the fastest peer goes on, as often as the time allows.
    """
    first = interleaved(calls, 1, warm_up=False)
    peer = min((name for name in calls if name != "ours"), key=lambda name: first[name][0])
    more = min(repeats - 1, int(BUDGET / (first["ours"][0] + first[peer][0])))
    pair = {name: calls[name] for name in ("ours", peer)}
    seconds = interleaved(pair, more, warm_up=False)
    ours, theirs = (first[name] + seconds[name] for name in pair)
    return {"ours": ours, "theirs": theirs}, first, peer


def _pairs(seconds: Mapping[str, list[float]]) -> str:
    n = len(seconds["ours"])
    return f"{n} pair{'s' if n > 1 else ''}"


def work(case: Case, dtype: np.dtype[Any], seconds: Sequence[float], n_iter: int) -> list[Row]:
    """Compare what a plain Lloyd iteration would compute and read with what the machine does.

    Two floating-point operations per row, column and centre; each row read and its label, of
    four bytes, written once. Bounds that spare distances bring the former beyond 100 %.
    """
    n, d, k = case.shape.n, case.shape.d, case.shape.k
    numbers = f"{dtype}, {n_iter} iterations"
    amounts = {
        "Lloyd arithmetic": ("gemm", "GFlop", 2e-9 * n * d * k),
        "Lloyd reading": ("copy", "GB", 1e-9 * n * (d * dtype.itemsize + 4)),
    }
    rows = []
    for measure, (yardstick, unit, amount) in amounts.items():
        ours = amount * n_iter / float(np.median(seconds))
        theirs = rates(dtype)[yardstick]
        subject = case.subject(measure, numbers, yardstick)
        note = f"{amount:.3g} {unit} an iteration"
        rows.append(Row(subject, f"{unit}/s", ours, theirs, ours / theirs, note=note))
    return rows


def inertia(X: NDArray[Any], centres: NDArray[Any]) -> float:
    """Return the sum of squared distances from the nearest centres, all in float64."""
    centres = centres.astype(np.float64)
    total = 0.0
    for start in range(0, len(X), 10_000):
        rows = X[start : start + 10_000].astype(np.float64)
        total += float(np.sum((rows - centres[pairwise_distances_argmin(rows, centres)]) ** 2))
    return total


def seeding(case: Case, seeds: range, target: float | None) -> list[Row]:
    """Time seedings, and compare the mean potentials they end at with scikit-learn's.

    That of greedy k-means++ is no worse if it exceeds scikit-learn's by at most two standard
    errors of the difference; that of k-means|| is told.
    """
    X = table(case)
    functions = {"ours": kmeans_plusplus, "k-means||": _oversampled, "theirs": sklearn_plusplus}
    centres: dict[str, FloatArray] = {}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    potentials: dict[str, list[float]] = {name: [] for name in functions}

    def draw(name: str, k: int, number: int) -> None:
        centres[name] = functions[name](X, k, random_state=number)[0]

    for name in functions:
        draw(name, 3, 0)
    for number in seeds:
        calls = {name: partial(draw, name, case.shape.k, number) for name in functions}
        for name, values in interleaved(calls, 1, warm_up=False).items():
            seconds[name] += values
            potentials[name].append(inertia(X, centres[name]))
    theirs, other = _mean(potentials["theirs"])
    rows = []
    for name, measure, asked in (
        ("ours", "greedy k-means++", target),
        ("k-means||", "k-means||", None),
    ):
        ours, own = _mean(potentials[name])
        row = compared(
            case.subject(measure, "float64", "scikit-learn (greedy k-means++)"),
            {"ours": seconds[name], "theirs": seconds["theirs"]},
            asked,
            also=ours - theirs <= 2.0 * float(np.hypot(own, other)),
            note=f"{len(seeds)} seeds; mean potential {ours:.6g} ± {own:.2g} against "
            f"{theirs:.6g} ± {other:.2g}",
            details={"potentials": {"ours": potentials[name], "theirs": potentials["theirs"]}},
        )
        rows.append(row)
    return rows


def _oversampled(X: FloatArray, k: int, *, random_state: int) -> tuple[FloatArray, None]:
    """Return the centres of k-means||, which has no public function of its own."""
    rng = np.random.default_rng(random_state)
    return seed(source_of(X, None, k, None), k, "k-means||", rng), None


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def default_fit(case: Case, seeds: range) -> list[Row]:
    """Time whole fits with default settings, each pair with a seed of its own."""
    X = table(case)
    estimators = {"ours": KMeans, "theirs": SklearnKMeans}
    seconds, models = default_fits(estimators, case.shape.k, X, seeds)
    inertias = {name: [model.inertia_ for model in each] for name, each in models.items()}
    iterations = {name: [model.n_iter_ for model in each] for name, each in models.items()}
    ours, theirs = (float(np.mean(values)) for values in inertias.values())
    mine, other = (int(np.median(values)) for values in iterations.values())
    row = compared(
        case.subject("default fit", "float64"),
        seconds,
        note=f"{len(seeds)} seeds; iterations {mine} against {other}; "
        f"mean inertia {ours / theirs - 1.0:+.1e} relative",
        details={"inertias": inertias, "iterations": iterations},
    )
    return [row]


def memory(case: Case, order: str, init: str) -> list[Row]:
    """Measure what ``fit`` without bounds needs beyond the rows, in a fresh process each."""
    X = np.asarray(table(case), order="F" if order == "F" else "C")
    parameters = {"n_clusters": case.shape.k, "init": init, "n_init": 1, "max_iter": 3}
    parameters |= {"algorithm": "lloyd", "random_state": 0}
    ours, theirs = (
        processes.memory(X, module, "KMeans", parameters, ["fit"])["fit"]
        for module in ("mixtura", "sklearn.cluster")
    )
    limit = 64.0 + 16 * case.shape.n / 2**20
    subject = case.subject(f"memory of fit from {init}", f"float64, {order}-ordered")
    target, met = f"≤ {limit:.1f} MiB", ours <= limit
    return [Row(subject, "MiB", ours, theirs, target=target, met=met)]
