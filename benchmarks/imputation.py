"""Imputation beside scikit-learn's: error, time, and what the intervals hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import threadpoolctl
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from benchmarks.cases import Shape, problem
from benchmarks.timing import Measurement, Row, Subject, compared, interleaved
from mixtura import GaussianMixture, MixtureImputer
from mixtura.model.families.base import FloatArray

TITLE = "Imputation beside its peers"
COLUMNS = ("missing", "data")

TABLES: dict[str, Callable[[], Any]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
}
#: Part of the cells that is hidden, in all columns or in half of them.
PARTS = {"at random": (0.1, 0.3), "given others": (0.1, 0.3)}
PEERS: dict[str, Callable[[], Any]] = {
    "IterativeImputer": lambda: IterativeImputer(random_state=0),
    "KNNImputer": KNNImputer,
}
#: It loses much to threads that wait for each other, the more the busier the machine is.
ONE_THREAD = "IterativeImputer, one BLAS thread"
#: How many times IterativeImputer's speed is asked for, and where.
SPEED = {("breast cancer", "IterativeImputer"): 5.0}
#: Standard deviations on either side of the mean, and quantiles of draws, that hold 90 %.
INTERVAL, QUANTILES, DRAWS = 1.645, (0.05, 0.95), 200
HELD = (0.87, 0.93)
#: Drawn mixtures whose cells are hidden.
SIMULATED = (Shape(2000, 4, 3), Shape(5000, 8, 4))
OVERLAPS = ("separated", "moderate", "overlapping")


@dataclass(frozen=True)
class Settings:
    """How thorough to be; ``repeats`` is the number of masks."""

    repeats: int = 6
    quick: bool = False


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements, those on the same table after one another."""
    for name in list(TABLES)[: 2 if settings.quick else None]:
        for way, parts in PARTS.items():
            for part in parts:
                run = partial(real, name, way, part, settings.repeats)
                yield Measurement(f"real/{name}/{way}/{part}", run)
    for shape in SIMULATED[: 1 if settings.quick else None]:
        for overlap in OVERLAPS:
            for part in PARTS["at random"]:
                drawn = partial(simulated, shape, overlap, part)
                yield Measurement(f"simulated/{shape}/{overlap}/{part}", drawn)


def summary(rows: list[Row]) -> list[Row]:
    """Return nothing: there are few enough lines."""
    return []


@lru_cache(maxsize=1)
def table(name: str) -> FloatArray:
    """Return a table of scikit-learn's in standardised columns."""
    X = TABLES[name]().data
    scaled: FloatArray = (X - X.mean(axis=0)) / X.std(axis=0)
    return scaled


def mask(X: FloatArray, way: str, part: float, number: int) -> NDArray[np.bool_]:
    """Return which cells to hide: any, or those of half of the columns given the others.

    Then the probability is twice ``part`` times the rank of the row in another column, which has
    all of its cells.
    """
    rng = np.random.default_rng(number)
    n, d = X.shape
    if way == "at random":
        return rng.random(X.shape) < part
    order = rng.permutation(d)
    hidden, shown = order[: d // 2], order[d // 2 :]
    ranks = X[:, rng.choice(shown, len(hidden))].argsort(axis=0).argsort(axis=0) / (n - 1)
    found = np.zeros(X.shape, dtype=bool)
    found[:, hidden] = rng.random(ranks.shape) < 2.0 * part * ranks
    return found


def real(name: str, way: str, part: float, n_masks: int) -> list[Row]:
    """Compare errors and times on several masks, and say what our intervals hold."""
    X = table(name)
    makers = {"ours": lambda: MixtureImputer(random_state=0), **PEERS}
    makers[ONE_THREAD] = PEERS["IterativeImputer"]
    seconds: dict[str, list[float]] = {each: [] for each in makers}
    errors: dict[str, list[float]] = {each: [] for each in makers}
    held: list[tuple[float, float]] = []
    filled: dict[str, Any] = {}

    def run(each: str, holes: FloatArray) -> None:
        imputer = makers[each]()
        with threadpoolctl.threadpool_limits(1 if each == ONE_THREAD else None):
            filled[each] = imputer.fit_transform(holes), imputer

    for number in range(n_masks):
        hidden = mask(X, way, part, number)
        holes = np.where(hidden, np.nan, X)
        calls = {each: partial(run, each, holes) for each in makers}
        for each, values in interleaved(calls, 1, warm_up=number == 0).items():
            seconds[each] += values
            apart = (filled[each][0] - X)[hidden]
            errors[each].append(float(np.sqrt(np.mean(apart**2))))
        held.append(coverage(filled["ours"][1].model_, X, hidden))

    def subject(measure: str, peer: str) -> Subject:
        return Subject(measure, name, f"{100 * part:.0f} % {way}", "real", peer)

    rows = []
    for peer in [each for each in makers if each != "ours"]:
        if peer != ONE_THREAD:
            rows.append(errors_compared(subject("error", peer), errors["ours"], errors[peer]))
        pair = {"ours": seconds["ours"], "theirs": seconds[peer]}
        rows.append(compared(subject("fit and fill", peer), pair, SPEED.get((name, peer))))
    return [*rows, *held_rows(partial(subject, peer=""), held)]


def errors_compared(subject: Subject, ours: list[float], theirs: list[float]) -> Row:
    """Return the row of mean errors, theirs over ours; quartiles are of the masks' ratios."""
    means = float(np.mean(ours)), float(np.mean(theirs))
    low, high = np.quantile(np.divide(theirs, ours), [0.25, 0.75]).tolist()
    ratio, details = means[1] / means[0], {"ours": ours, "theirs": theirs}
    note = f"{len(ours)} masks, better in {np.sum(np.less(ours, theirs))}"
    asked = {"target": "≥ 1x", "met": ratio > 1.0} if subject.family.endswith("random") else {}
    return Row(subject, "sd", *means, ratio, (low, high), note=note, details=details, **asked)


def coverage(
    model: GaussianMixture, X: FloatArray, hidden: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return what part of the hidden cells the 90 % intervals of deviations and draws hold."""
    holes = np.where(hidden, np.nan, X)
    mean, deviations = model.impute(holes, return_std=True)
    draws = model.impute(holes, "draw", DRAWS, random_state=0)[:, hidden]
    low, high = np.quantile(draws, QUANTILES, axis=0)
    inside = np.abs(mean - X)[hidden] < INTERVAL * deviations[hidden]
    return float(np.mean(inside)), float(np.mean((low < X[hidden]) & (X[hidden] < high)))


def held_rows(
    subject: Callable[[str], Subject], held: list[tuple[float, float]], *, judged: bool = False
) -> list[Row]:
    """Return what the two kinds of intervals hold on average."""
    rows = []
    for kind, values in zip(("deviations", "draws"), zip(*held, strict=True), strict=True):
        mean = float(np.mean(values))
        low, high = (100 * limit for limit in HELD)
        asked: dict[str, Any] = {}
        if judged:
            met = HELD[0] <= mean <= HELD[1]
            asked = {"target": f"{low:.0f} to {high:.0f} %", "met": met}
        details = {"each": list(values)}
        rows.append(
            Row(subject(f"90 % interval by {kind}"), "%", 100 * mean, details=details, **asked)
        )
    return rows


def simulated(shape: Shape, overlap: str, part: float) -> list[Row]:
    """Say what intervals hold where the model is true, as the default and a plain fit find it."""
    whole = problem(shape, overlap)
    hidden = mask(whole.X, "at random", part, 0)
    holes = np.where(hidden, np.nan, whole.X)
    models = {
        "MixtureImputer": MixtureImputer(shape.k, random_state=0).fit(holes).model_,
        "GaussianMixture": GaussianMixture(shape.k, random_state=0).fit(holes),
    }
    rows = []
    for name, model in models.items():
        subject = partial(_simulated_subject, name, whole, part)
        rows += held_rows(subject, [coverage(model, whole.X, hidden)], judged=True)
    return rows


def _simulated_subject(name: str, whole: Any, part: float, measure: str) -> Subject:
    subject: Subject = whole.subject(f"{measure}, {name}", f"{100 * part:.0f} % at random", "")
    return subject
