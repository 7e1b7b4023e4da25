"""The problems that are timed.

For EM, drawn mixtures of a given size and overlap, and starts; for k-means, tables drawn or
stored, and first centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import mixture as sklearn_mixture
from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky

from benchmarks.machine import ROOT
from benchmarks.timing import Subject
from mixtura import Mixture
from mixtura.model.families.base import FloatArray

Labels = NDArray[np.int64]

FAMILIES = ("full", "tied", "diag", "spherical")
#: Share of rows that the true mixture puts into a component they were not drawn from.
OVERLAPS = {"separated": 0.0003, "overlapping": 0.25, "moderate": 0.05}
#: Condition numbers of random covariances.
CONDITION = (5.0, 20.0)
#: Columns from which on the covariances have a part in common: random ones in many dimensions
#: would tell the components apart wherever their means were.
OWN_COLUMNS = 8
PILOT_ROWS = 20_000
DATA = ROOT.parent / "shared" / "data"
FILES = {
    "digits": "mnist_70000.npz",
    "birch1": "sipu_birch1.npz",
    "covertype": "covertype_ramp92k.csv.gz",
    "kdd99": "kdd99_10pct.csv.gz",
}
#: Standard deviation of drawn clusters' centres, in those of a row within its cluster, over all
#: columns together: centres are some 8 apart, neighbours nearer.
SPREAD = 6.0


@dataclass(frozen=True)
class Shape:
    """Rows, columns and components of a problem."""

    n: int
    d: int
    k: int

    def __str__(self) -> str:
        return f"{self.n}x{self.d}-K{self.k}"

    def quick(self) -> Shape:
        """Return a smaller problem, to see that everything runs."""
        return Shape(max(1000, 8 * self.d * self.k), self.d, self.k)


#: What an EM iteration with full covariances is to be, in times scikit-learn's speed.
ITERATION_TARGETS = {
    Shape(1_000_000, 2, 3): 20.0,
    Shape(1_000_000, 2, 10): 45.0,
    Shape(500_000, 8, 8): 25.0,
    Shape(200_000, 16, 16): 25.0,
    Shape(100_000, 32, 16): 15.0,
    Shape(50_000, 64, 16): 8.0,
    Shape(20_000, 128, 10): 4.5,
}
#: Shapes on which every family is measured.
COMMON = tuple(ITERATION_TARGETS)[:5]
WHOLE_FIT = Shape(500_000, 8, 8)
SMALL_FITS = tuple(Shape(100, 2, k) for k in (2, 3, 5))
#: Shapes on which the slower peers are measured, and the only ones of a quick run.
PEER_SHAPES = (Shape(1_000_000, 2, 3), Shape(500_000, 8, 8), Shape(100_000, 32, 16))


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows (n, d) in random order, the mixture they come from, and its error rate on them."""

    shape: Shape
    overlap: str
    X: FloatArray
    truth: Mixture
    error: float

    def start(self, family: str) -> Mixture:
        """Return the truth, disturbed: means by half a standard deviation, rounder covariances."""
        k, d = self.truth.means.shape
        shifts = np.random.default_rng([k, d]).normal(size=(k, d))
        variances = np.trace(self.truth.covariances, axis1=1, axis2=2) / d
        round_ = variances[:, None, None] * np.eye(d)
        full = 0.5 * (self.truth.covariances + round_)
        covariances = {
            "full": full,
            "tied": full.mean(axis=0),
            "diag": np.diagonal(full, axis1=1, axis2=2),
            "spherical": variances,
        }[family]
        means = self.truth.means + 0.5 * np.sqrt(variances[:, None] / d) * shifts
        return Mixture(np.full(k, 1.0 / k), means, covariances, family)

    def subject(self, measure: str, family: str, peer: str = "scikit-learn") -> Subject:
        """Return what a line of the result table is about."""
        case = f"{self.shape.n:,} x {self.shape.d}, K={self.shape.k}"
        return Subject(measure, case, family, f"{self.overlap} ({100 * self.error:.2g} %)", peer)


@lru_cache(maxsize=1)  # measurements are ordered by problem
def problem(shape: Shape, overlap: str) -> Problem:
    """Draw a problem: the same one for the same arguments."""
    rng = np.random.default_rng([shape.n, shape.d, shape.k, list(OVERLAPS).index(overlap)])
    weights = rng.dirichlet(np.full(shape.k, 10.0))
    directions = rng.normal(size=(shape.k, shape.d))
    own = min(1.0, (OWN_COLUMNS / shape.d) ** 0.5)
    covariances = own * np.stack([_covariance(shape.d, rng) for _ in range(shape.k)])
    covariances += (1.0 - own) * _covariance(shape.d, rng)
    pilot = _draw(weights, covariances, PILOT_ROWS, rng)

    def spread(scale: float) -> Mixture:
        return Mixture(weights, scale * directions, covariances)

    low, high = 1e-3, 1e4  # the error falls with the means' scale: bisect its logarithm
    while high / low > 1.001:
        middle = float(np.sqrt(low * high))
        too_hard = _error(spread(middle), *pilot) > OVERLAPS[overlap]
        low, high = (middle, high) if too_hard else (low, middle)
    truth = spread(high)
    labels, noise = _draw(weights, covariances, shape.n, rng)
    part = slice(0, PILOT_ROWS * 5)
    error = _error(truth, labels[part], noise[part])
    noise += truth.means[labels]
    return Problem(shape, overlap, noise, truth, error)


def as_sklearn(mixture: Mixture) -> sklearn_mixture.GaussianMixture:
    """Return scikit-learn's estimator with a mixture's parameters, without a ridge."""
    family = mixture.covariance_type
    model = sklearn_mixture.GaussianMixture(
        mixture.n_components, covariance_type=family, reg_covar=0.0
    )
    model.weights_, model.means_ = mixture.weights.copy(), mixture.means.copy()
    model.covariances_ = mixture.covariances.copy()
    model.precisions_cholesky_ = _compute_precision_cholesky(model.covariances_, family)
    return model


def _covariance(d: int, rng: np.random.Generator) -> FloatArray:
    """Return a covariance (d, d) of determinant 1 in a random orientation."""
    condition = np.exp(rng.uniform(*np.log(CONDITION)))
    logs = np.log(condition) * np.concatenate([[0.0, 1.0], rng.uniform(size=d - 2)])
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    covariance: FloatArray = (rotation * np.exp(logs - logs.mean())) @ rotation.T
    return covariance


def _draw(
    weights: FloatArray, covariances: FloatArray, n: int, rng: np.random.Generator
) -> tuple[Labels, FloatArray]:
    """Return labels (n,) and what the rows (n, d) add to their component's mean."""
    labels = rng.choice(len(weights), n, p=weights)
    noise = rng.normal(size=(n, covariances.shape[1]))
    for j, covariance in enumerate(covariances):
        noise[labels == j] = noise[labels == j] @ np.linalg.cholesky(covariance).T
    return labels, noise


def _error(truth: Mixture, labels: Labels, noise: FloatArray) -> float:
    """Return the share of rows whose most probable component is not their own."""
    predicted = as_sklearn(truth).predict(noise + truth.means[labels])
    return float(np.mean(predicted != labels))


class Case(NamedTuple):
    """Where rows come from, and their shape with the number of clusters."""

    data: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.data}/{self.shape}"

    @property
    def path(self) -> Path | None:
        """Return where the rows are stored, or None for drawn ones."""
        return DATA / FILES[self.data] if self.data in FILES else None

    def subject(self, measure: str, numbers: str = "", peer: str = "scikit-learn") -> Subject:
        """Return what a line of the result table is about."""
        n, d, k = self.shape.n, self.shape.d, self.shape.k
        return Subject(measure, f"{n:,} x {d}, K={k}", numbers, self.data, peer)


@lru_cache(maxsize=1)  # measurements are ordered by case
def table(case: Case) -> FloatArray:
    """Draw or read the rows (n, d) of a case in float64: the same ones for the same case."""
    n, d, k = case.shape.n, case.shape.d, case.shape.k
    rng = np.random.default_rng([n, d, k])
    if case.path is not None:
        X = _stored(case.path)
        return X[np.sort(rng.choice(len(X), n, replace=False))] if n < len(X) else X
    X = rng.normal(size=(n, d))
    if case.data == "clustered":
        centres = SPREAD / np.sqrt(d) * rng.normal(size=(k, d))
        X += centres[rng.integers(k, size=n)]
    return X


def _stored(path: Path) -> FloatArray:
    """Return the rows of a file without the class, the last column of a text file."""
    if path.suffix == ".npz":
        rows: FloatArray = np.load(path)["X"].astype(np.float64)
        return rows
    return np.ascontiguousarray(np.loadtxt(path, delimiter=",", skiprows=1)[:, :-1])


def first_centres(X: NDArray[Any], k: int) -> NDArray[Any]:
    """Return k different rows, drawn at random."""
    drawn = np.random.default_rng(0).permutation(len(X))[: 100 * k]
    first = np.unique(X[drawn], axis=0, return_index=True)[1]
    return X[drawn[np.sort(first)[:k]]]
