"""The search for structure and number of components beside mclust's and scikit-learn's."""

from __future__ import annotations

import gzip
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture as Peer
from sklearn.neural_network import MLPClassifier

from benchmarks import peers
from benchmarks.cases import DATA, Shape, problem
from benchmarks.timing import Measurement, Row, Subject, compared, fit, interleaved
from mixtura import KMeans, MixtureSearch, evaluate
from mixtura.model.families.base import FloatArray

TITLE = "The search for the model beside its peers"
COLUMNS = ("", "")
SCRIPT = Path(__file__).with_name("mclust_search.R")
#: Small tables, those of which a share of mclust's time may be taken, and how large it may be.
SMALL = (
    *("iris", "faithful", "diabetes_mclust"),
    *("thyroid", "wine13", "penguins", "acidity", "galaxies"),
)
#: Columns that are no measurements.
LEFT_OUT = ("class", "diagnosis", "island", "sex", "species", "year")
TIMED = ("iris", "faithful", "diabetes_mclust")
SLOWDOWN = 3.0
#: Large ones, on which the search is to be that many times as fast.
LARGE = ("gvhd_control", "magic04", "100000x8")
SPEED = 10.0
#: scikit-learn's structures.
FOUR = ("full", "tied", "diag", "spherical")
#: Rows that mclust's starts come from in large tables, as it allows.
SUBSET = 2000
#: Handwritten digits: rows to fit to, principal components, and clusters.
TRAINING_ROWS, DIMENSIONS, CLUSTERS = 5000, (10, 20, 30, 50), 10
#: BICs closer than this are equal.
EQUAL = 0.05
SIZES = range(1, 10)


@dataclass(frozen=True)
class Settings:
    """How thorough to be; ``repeats`` is the number of pairs of searches of a small table."""

    repeats: int = 5
    quick: bool = False


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements."""
    for name in SMALL:
        yield Measurement(f"small/{name}", partial(small, name, settings.repeats))
    for name in LARGE[: 1 if settings.quick else None]:
        yield Measurement(f"large/{name}", partial(large, name))
    for dimensions in DIMENSIONS[: 1 if settings.quick else None]:
        yield Measurement(f"digits/{dimensions}", partial(digits, dimensions))


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return what all rows together say: nothing."""
    return []


@lru_cache(maxsize=1)
def table(name: str) -> FloatArray:
    """Return the rows of a stored table, complete ones of its numbers, or drawn ones."""
    if name == "100000x8":
        return problem(Shape(100_000, 8, 6), "moderate").X
    (path,) = DATA.glob(f"{name}.csv*")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        columns = file.readline().strip().replace('"', "").lower().split(",")
        X = np.genfromtxt(file, delimiter=",")
    X = X.reshape(len(X), -1)[:, [column not in LEFT_OUT for column in columns]]
    X = X[:, ~np.isnan(X).all(axis=0)]  # without columns of text
    return X[~np.isnan(X).any(axis=1)]


class Ours:
    """Our search, and the BIC of its models, the higher the better."""

    def __init__(self, X: FloatArray, structures: Any = "all") -> None:
        self.X, self.structures = X, structures
        self.bic: dict[tuple[str, int], float] = {}

    def __call__(self) -> None:
        """Search."""
        search = MixtureSearch(SIZES, covariance_types=self.structures, random_state=0)
        found = search.fit(self.X)
        self.bic = {
            (row["covariance_type"], row["n_components"]): np.nan
            if row["degenerate"]
            else -row["bic"]
            for row in found.table_
        }


class Theirs(Ours):
    """mclust's search, in an R process that times itself."""

    def __init__(self, X: FloatArray, folder: str, subset: int = 0) -> None:
        super().__init__(X)
        self.command = ["Rscript", str(SCRIPT), f"{folder}/table.csv", str(subset)]
        np.savetxt(
            f"{folder}/table.csv",
            X,
            "%.17g",
            ",",
            header=",".join(map(str, range(X.shape[1]))),
            comments="",
        )

    def __call__(self) -> float:  # type: ignore[override]
        """Search, and return the seconds it took."""
        told = subprocess.run(self.command, capture_output=True, check=True, text=True).stdout
        seconds, names, *cells = told.splitlines()
        for k, line in zip(SIZES, cells, strict=True):
            values = [float(value) if value != "NA" else np.nan for value in line.split()]
            self.bic |= {(a, k): bic for a, bic in zip(names.split(), values, strict=True)}
        return float(seconds)


def small(name: str, repeats: int) -> list[Row]:
    """Compare the searches of a small table, cell by cell and in time."""
    if peers.r_versions() is None:
        return [
            Row(Subject("search", name, peer="mclust"), "s", note="there is no Rscript with mclust")
        ]
    X = table(name)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Ours(X), Theirs(X, folder)
        seconds = interleaved({"ours": ours, "theirs": theirs}, repeats)
    case = f"{name}, {X.shape[0]:,} x {X.shape[1]}"
    target = 1.0 / SLOWDOWN if name in TIMED else None
    timed = compared(Subject("search", case, peer="mclust"), seconds, target)
    return [timed, cells(case, ours.bic, theirs.bic)]


def large(name: str) -> list[Row]:
    """Compare one search of a large table with those of both peers."""
    X = table(name)
    case = f"{name}, {X.shape[0]:,} x {X.shape[1]}"
    ours, four = Ours(X), Ours(X, FOUR)
    ours()  # may compile
    calls = {"ours": four, "theirs": partial(four_structures, X), "all": ours}
    seconds = interleaved(calls, 1, warm_up=False)
    note = f"four structures, {len(SIZES)} sizes each, one start in scikit-learn"
    both = {**seconds, "ours": seconds["all"]}
    rows = [
        compared(Subject("search of four structures", case), seconds, SPEED, note=note),
        compared(Subject("search of fourteen beside its four", case), both),
    ]
    if peers.r_versions() is not None:
        with tempfile.TemporaryDirectory() as folder:
            theirs = Theirs(X, folder, SUBSET)
            pair = interleaved({"ours": ours, "theirs": theirs}, 1, warm_up=False)
        rows.append(compared(Subject("search", case, peer="mclust"), pair, SPEED))
        rows.append(cells(case, ours.bic, theirs.bic))
    return rows


def four_structures(X: FloatArray) -> None:
    """Fit scikit-learn's mixtures of every structure and size."""
    for name in FOUR:
        for k in SIZES:
            fit(Peer(k, covariance_type=name, random_state=0), X)


def cells(case: str, ours: dict[Any, float], theirs: dict[Any, float]) -> Row:
    """Return the row that says in how many models whose BIC is better."""
    apart = np.array([ours[cell] - theirs[cell] for cell in theirs])
    missing = [np.isnan([values[cell] for cell in theirs]) for values in (ours, theirs)]
    better, worse = int((apart > EQUAL).sum()), int((apart < -EQUAL).sum())
    best = {
        name: max(v for v in b.values() if v == v)
        for name, b in (("ours", ours), ("theirs", theirs))
    }
    note = (
        f"{better} better, {int((np.abs(apart) <= EQUAL).sum())} equal, {worse} worse; "
        f"{int((missing[1] & ~missing[0]).sum())} only ours, "
        f"{int((missing[0] & ~missing[1]).sum())} only theirs; "
        f"best {best['ours']:.2f} against {best['theirs']:.2f}"
    )
    worst = {
        f"{a},{k}": ours[a, k] - theirs[a, k]
        for a, k in theirs
        if ours[a, k] < theirs[a, k] - EQUAL
    }
    return Row(
        Subject("BIC of the models", case, peer="mclust"),
        "",
        target="none worse",
        met=worse == 0,
        note=note,
        details={"worse": worst},
    )


def digits(dimensions: int) -> list[Row]:
    """Compare errors on digits not fitted to: clusters, named by the majority of those fitted.

    The structure is the one of lowest BIC with ten components; labels name clusters only.
    """
    data = np.load(DATA / "mnist_70000.npz")
    X, y = data["X"] / 255.0, data["y"]
    order = np.random.default_rng(0).permutation(len(y))
    fitted, rest = order[:TRAINING_ROWS], order[TRAINING_ROWS:]
    axes = PCA(dimensions, random_state=0).fit(X[fitted])
    A, B = axes.transform(X[fitted]), axes.transform(X[rest])
    ours = MixtureSearch(CLUSTERS, random_state=0).fit(A)

    def error(model: Any) -> float:
        told = evaluate(y[fitted], model.predict(A))
        named = dict(zip(told.clusters, told.majority, strict=True))
        return float(np.mean([named.get(c) for c in model.predict(B).tolist()] != y[rest]))

    case = f"{dimensions} principal components of digits"
    supervised = MLPClassifier(random_state=0).fit(X[fitted], y[fitted])
    values = {
        "KMeans": error(KMeans(CLUSTERS, random_state=0).fit(A)),
        "scikit-learn, full": error(Peer(CLUSTERS, random_state=0).fit(A)),
        "MLPClassifier, with labels": 1.0 - supervised.score(X[rest], y[rest]),
    }
    own, chosen = error(ours), ours.best_params_["covariance_type"]
    return [
        Row(
            Subject("test error", case, peer=peer),
            "%",
            100.0 * own,
            100.0 * theirs,
            theirs / own,
            (theirs / own,) * 2,
            note=f"{chosen} by BIC; {len(rest):,} rows named by the majority of {len(fitted):,}",
        )
        for peer, theirs in values.items()
    ]
