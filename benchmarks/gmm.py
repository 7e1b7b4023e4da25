"""What is measured, and how."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture as SklearnMixture
from sklearn.utils._array_api import get_namespace

from benchmarks import cases, peers, processes
from benchmarks.cases import OVERLAPS, Problem, Shape, as_sklearn, problem
from benchmarks.machine import yardsticks
from benchmarks.timing import Measurement, Row, compared, default_fits, interleaved
from mixtura import GaussianMixture, Mixture
from mixtura.estimators import fitting
from mixtura.model.families.base import FloatArray

TITLE = "Gaussian mixtures beside their peers"
COLUMNS = ("covariances", "data (error rate)")
#: A whole fit may end this much below scikit-learn's and count as no lower (nats per row).
LOGLIK_TOLERANCE = 1e-6
#: Largest difference between the two libraries' parameters after the same number of iterations,
#: in units of the largest mean; more would say that they have not done the same work.
SAME_WORK = 1e-6
#: Methods whose memory is measured.
METHODS = ("fit", "predict", "score_samples")


@dataclass(frozen=True)
class Settings:
    """How thorough to be."""

    repeats: int = 11
    quick: bool = False

    def shape(self, shape: Shape) -> Shape:
        """Return the shape to measure."""
        return shape.quick() if self.quick else shape


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements, those on the same rows after one another."""
    repeats, quick = settings.repeats, settings.quick
    for shape, target in cases.ITERATION_TARGETS.items():
        if quick and shape not in cases.PEER_SHAPES:
            continue
        size = settings.shape(shape)
        for overlap in OVERLAPS:
            yield _on(size, overlap, iteration, "full", repeats, target)
        yield from moderate(shape, settings)
    for overlap in OVERLAPS:
        seeds = range(1 if quick else 5)
        yield _on(settings.shape(cases.WHOLE_FIT), overlap, whole_fit, "full", seeds)
    for shape in cases.SMALL_FITS:
        yield _on(shape, "moderate", small_fit, "full", range(5 if quick else 31))
    for family in cases.FAMILIES[: 1 if quick else None]:
        run = partial(processes.first_call, family, 1 if quick else 3)
        yield Measurement(f"first_call/{family}", run)
    yield Measurement("imports", partial(processes.imports, 2 if quick else 11))


def moderate(shape: Shape, settings: Settings) -> Iterator[Measurement]:
    """Yield what is measured on data of moderate overlap only."""
    repeats, quick = settings.repeats, settings.quick
    on = partial(_on, settings.shape(shape), "moderate")
    yield on(rates, "full", repeats)
    for family in cases.FAMILIES if shape in cases.COMMON else ("full",):
        if family != "full":
            yield on(iteration, family, repeats, 10.0)
        if shape in cases.COMMON:
            yield on(prediction, family, repeats)
        if not quick or (shape, family) == (cases.WHOLE_FIT, "full"):
            yield on(memory, family)
    if shape in cases.PEER_SHAPES:
        yield on(peers.pomegranate, "full", OurIterations, repeats)
        yield on(peers.mclust, "full", OurIterations, 2 if quick else 5)


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return what all rows together say: nothing."""
    return []


def _on(
    shape: Shape, overlap: str, function: Callable[..., list[Row]], family: str, *rest: Any
) -> Measurement:
    name = f"{function.__name__}/{family}/{shape}/{overlap}"
    return Measurement(name, lambda: function(problem(shape, overlap), family, *rest))


class OurIterations:
    """EM of mixtura with its default settings; each call is one M-step and one E-step."""

    def __init__(self, X: FloatArray, start: Mixture) -> None:
        model = GaussianMixture(start.n_components, covariance_type=start.covariance_type)
        began = time.perf_counter()
        self.em = fitting.problem(model, X, None, bool(np.isnan(X).any()))
        self.setup_seconds = time.perf_counter() - began
        self.state = (start, self.em.expect(start))

    def __call__(self) -> None:
        self.state, _ = self.em.step(self.state)


class TheirIterations:
    """EM of scikit-learn; each call is one turn of the loop in its ``fit_predict``.

    That loop calls these private methods and nothing else that costs anything. Calling them here
    rather than subtracting a short fit from a long one times single iterations, which can be
    interleaved with ours. The ridge is zero, so that both libraries compute the same numbers.
    """

    def __init__(self, X: FloatArray, start: Mixture) -> None:
        self.X, self.model = X, as_sklearn(start)
        self.xp, _ = get_namespace(X)

    def __call__(self) -> None:
        log_prob_norm, log_resp = self.model._e_step(self.X, xp=self.xp)
        self.model._m_step(self.X, log_resp, xp=self.xp)
        self.model._compute_lower_bound(log_resp, log_prob_norm)


def iteration(given: Problem, family: str, repeats: int, target: float) -> list[Row]:
    """Time the same iterations, from the same start, of both libraries in turn."""
    start = given.start(family)
    ours, theirs = OurIterations(given.X, start), TheirIterations(given.X, start)
    seconds = interleaved({"ours": ours, "theirs": theirs}, repeats)
    mine = ours.state[0]
    scale = max(1.0, float(np.abs(mine.means).max()))
    difference = max(
        float(np.abs(getattr(mine, name) - getattr(theirs.model, f"{name}_")).max()) / scale
        for name in ("weights", "means", "covariances")
    )
    row = compared(
        given.subject("EM iteration", family),
        seconds,
        target,
        also=difference < SAME_WORK,
        note="" if difference < SAME_WORK else f"other iterations: they differ by {difference:.1g}",
        details={
            "parameter_difference": difference,
            "setup_seconds": ours.setup_seconds,
            "kernel": ours.em.kernels.name,
        },
    )
    return [row]


def rates(given: Problem, family: str, repeats: int) -> list[Row]:
    """Compare our E-step's arithmetic with a matrix product's, and its reading with a copy's.

    Two floating-point operations (multiply, add) for each entry of a triangle, twice per row and
    component: the product with the factor, and the scatter. Exponentials, means, and upper
    triangles, which a general matrix product would compute, are not counted. A copy counts what
    it reads and what it writes.
    """
    start = given.start(family)
    em = OurIterations(given.X, start).em
    n, d, k = given.shape.n, given.shape.d, given.shape.k
    machine = yardsticks(given.X.dtype)
    calls = {
        "e_step": lambda: em.expect(start),
        **{name: one.call for name, one in machine.items()},
    }
    seconds = interleaved(calls, repeats)
    amounts = {
        "E-step arithmetic": ("gemm", "GFlop/s", 2e-9 * d * (d + 1) * n * k),
        "E-step reading": ("copy", "GB/s", 1e-9 * given.X.nbytes),
    }
    rows = []
    for measure, (peer, unit, amount) in amounts.items():
        mine = amount / float(np.median(seconds["e_step"]))
        other = machine[peer].amount / float(np.median(seconds[peer]))
        subject = given.subject(measure, family, peer)
        rows.append(Row(subject, unit, mine, other, mine / other, details={"seconds": seconds}))
    return rows


def prediction(given: Problem, family: str, repeats: int) -> list[Row]:
    """Time ``predict`` and ``score_samples`` of estimators with the same parameters."""
    start = given.start(family)
    ours = GaussianMixture.from_parameters(
        start.weights, start.means, start.covariances, start.covariance_type
    )
    theirs = as_sklearn(start)
    rows = []
    for name in ("predict", "score_samples"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        agreement = float(np.isclose(mine(given.X), other(given.X), rtol=1e-6).mean())
        calls = {"ours": partial(mine, given.X), "theirs": partial(other, given.X)}
        seconds = interleaved(calls, repeats)
        details = {"rows_that_agree": agreement}
        rows.append(compared(given.subject(name, family), seconds, 10.0, details=details))
    return rows


def memory(given: Problem, family: str) -> list[Row]:
    """Measure the memory that calls need beyond the rows, in a fresh process per library."""
    parameters = {"n_components": given.shape.k, "covariance_type": family}
    parameters |= {"max_iter": 3, "random_state": 0}
    ours, theirs = (
        processes.memory(given.X, module, "GaussianMixture", parameters, METHODS)
        for module in ("mixtura", "sklearn.mixture")
    )
    rows = []
    for name in ours:
        subject, met = given.subject(f"memory of {name}", family), ours[name] <= 64.0
        rows.append(Row(subject, "MiB", ours[name], theirs[name], target="≤ 64 MiB", met=met))
    return rows


def whole_fit(given: Problem, family: str, seeds: range) -> list[Row]:
    """Time default fits, each seed for itself: the target is at a log-likelihood no lower."""
    rows = []
    for seed in seeds:
        seconds, scores, iterations = _default_fits(given, range(seed, seed + 1))
        gain = scores["ours"][0] - scores["theirs"][0]
        row = compared(
            given.subject("default fit", family),
            seconds,
            10.0,
            also=gain >= -LOGLIK_TOLERANCE,
            note=f"seed {seed}; iterations {iterations['ours'][0]} against "
            f"{iterations['theirs'][0]}; log-likelihood per row {scores['ours'][0]:.6f}, "
            f"{gain:+.1e} against scikit-learn's",
            details={"log_likelihoods": scores, "iterations": iterations},
        )
        rows.append(row)
    return rows


def small_fit(given: Problem, family: str, seeds: range) -> list[Row]:
    """Time default fits of a small table, each pair with a seed of its own."""
    seconds, scores, iterations = _default_fits(given, seeds)
    ours, theirs = (int(np.median(iterations[name])) for name in ("ours", "theirs"))
    subject, note = given.subject("default fit", family), f"iterations {ours} against {theirs}"
    details = {"log_likelihoods": scores, "iterations": iterations}
    return [compared(subject, seconds, 1.0, note=note, details=details)]


def _default_fits(given: Problem, seeds: range) -> list[dict[str, Any]]:
    """Return seconds, log-likelihoods per row by scikit-learn's ``score``, and iterations."""
    estimators = {"ours": GaussianMixture, "theirs": SklearnMixture}
    seconds, models = default_fits(estimators, given.shape.k, given.X, seeds)
    iterations = {name: [model.n_iter_ for model in each] for name, each in models.items()}
    models["ours"] = [model.to_sklearn() for model in models["ours"]]
    scores = {name: [model.score(given.X) for model in each] for name, each in models.items()}
    return [seconds, scores, iterations]
