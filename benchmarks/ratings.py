"""Rating matrices beside scikit-surprise: what is measured, and how."""

from __future__ import annotations

import importlib
import importlib.util
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import DATA
from benchmarks.timing import Measurement, Row, Subject, fit, interleaved
from mixtura import RatingMixture
from mixtura.model.families.base import FloatArray

# Imported once, before anything is timed; measurements against it are left out without it.
surprise = importlib.import_module("surprise") if importlib.util.find_spec("surprise") else None

TITLE = "Rating matrices beside scikit-surprise"
COLUMNS = ("matrix", "ratings")
#: Peers with their defaults; errors are to be below the first factor times the peer's.
FACTORS = {"BaselineOnly": 1.0, "SVD": 1.01, "CoClustering": None}
#: Data sets: the scale of their ratings, and whether the split is the file's.
SCALES = {"douban": (1.0, 5.0), "flixster": (0.5, 5.0), "jester5k": (-10.0, 10.0)}
#: Part of the ratings of a set without a split that is held out, drawn anew by each seed.
HELD_OUT = 0.1
COVERAGE = (0.85, 0.95)
ITERATION, FOLD_IN = 0.3, 1e-3
#: Calls that are timed together where one is short.
MANY = 100
N_USERS, N_ITEMS, N_RATINGS, K = 6000, 4000, 1_000_000, 20


@dataclass(frozen=True)
class Settings:
    """How thorough to be; ``repeats`` is the number of seeds."""

    repeats: int = 5
    quick: bool = False


class Split(NamedTuple):
    """Ratings to fit and ratings held out, as users, items and values."""

    train: tuple[NDArray[Any], ...]
    test: tuple[NDArray[Any], ...]


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements."""
    n = settings.repeats
    for name in SCALES:
        yield Measurement(f"errors/{name}", partial(errors, name, n, settings.quick))
    yield Measurement("iteration", partial(iteration, n, settings.quick))
    yield Measurement("fold-in", partial(fold_in, settings.quick))


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return nothing: the data sets stand for themselves."""
    return []


def split(name: str, seed: int) -> Split:
    """Return the file's split, or one drawn by the seed."""
    with np.load(DATA / f"cf_{name}.npz") as file:
        users, items = file["row"].astype(np.int64), file["col"].astype(np.int64)
        values = file["value"].astype(np.float64)
        if "is_test" in file:
            held = file["is_test"]
        else:
            held = np.random.default_rng(seed).random(len(values)) < HELD_OUT
    return Split(*((users[part], items[part], values[part]) for part in (~held, held)))


def errors(name: str, n_seeds: int, quick: bool) -> list[Row]:
    """Fit all libraries in turn, a seed each time, and compare errors on the same held-out part."""
    if not (DATA / f"cf_{name}.npz").exists():
        return [Row(Subject("RMSE", name), "", note=f"not measured: no {DATA}/cf_{name}.npz")]
    if surprise is None:
        return [Row(Subject("RMSE", name), "", note="not measured: surprise cannot be imported")]
    peers = list(FACTORS)[: 2 if quick else None]
    subjects: dict[str, Callable[[Split, int], Fitted]] = {"ours": ours}
    subjects |= {peer: partial(theirs, peer, SCALES[name]) for peer in peers}
    found: dict[str, list[Fitted]] = {each: [] for each in subjects}
    subjects["ours"](split(name, 0), 0)  # loads machine code
    for seed in range(n_seeds):
        part = split(name, seed)
        for each, function in subjects.items():
            found[each].append(function(part, seed))
    own, size = found.pop("ours"), matrix(part.train)
    rows = [row for peer, each in found.items() for row in compared(name, size, peer, own, each)]
    return [*rows, coverage(name, size, own)]


class Fitted(NamedTuple):
    """What a fit took (seconds), what it predicts, and how far off that is."""

    seconds: float
    rmse: float
    mae: float
    coverage: float


def ours(part: Split, seed: int) -> Fitted:
    """Fit a RatingMixture with default settings."""
    model = RatingMixture(random_state=seed)
    seconds = once(lambda: model.fit(part.train))
    found = model.rating_errors(part.test)
    return Fitted(seconds, found["rmse"], found["mae"], found["coverage"])


def theirs(peer: str, scale: tuple[float, float], part: Split, seed: int) -> Fitted:
    """Fit a model of surprise with default settings to ratings already in its own form."""
    assert surprise is not None
    named = {"random_state": seed} if peer in ("SVD", "CoClustering") else {"verbose": False}
    model = getattr(surprise, peer)(**named)
    trainset = surprises(part, scale)
    seconds = once(lambda: model.fit(trainset))
    users, items, values = part.test
    pairs = zip(users.tolist(), items.tolist(), strict=True)
    apart = np.array([model.predict(*pair).est for pair in pairs]) - values
    return Fitted(
        seconds, float(np.sqrt(np.mean(apart**2))), float(np.abs(apart).mean()), float("nan")
    )


def surprises(part: Split, scale: tuple[float, float]) -> Any:
    """Return the ratings as surprise keeps them, with users and items that have none left out."""
    assert surprise is not None
    by_user: dict[int, list[tuple[int, float]]] = defaultdict(list)
    by_item: dict[int, list[tuple[int, float]]] = defaultdict(list)
    known = (np.unique(each).tolist() for each in part.train[:2])
    numbers = [{raw: inner for inner, raw in enumerate(each)} for each in known]
    for raw_user, raw_item, value in zip(*(a.tolist() for a in part.train), strict=True):
        user, item = numbers[0][raw_user], numbers[1][raw_item]
        by_user[user].append((item, value))
        by_item[item].append((user, value))
    sizes = (len(numbers[0]), len(numbers[1]), len(part.train[2]))
    return surprise.Trainset(by_user, by_item, *sizes, scale, *numbers)


def once(function: Callable[[], object]) -> float:
    """Return the seconds of one call after a rest."""
    return interleaved({"": function}, 1, warm_up=False)[""][0]


def compared(
    name: str, size: str, peer: str, own: Sequence[Fitted], other: Sequence[Fitted]
) -> list[Row]:
    """Return the rows of error and time beside one peer."""
    mine, yours = (np.array([each.rmse for each in side]) for side in (own, other))
    factor, fixed = FACTORS[peer], name != "jester5k"
    seeds = f"{len(own)} seeds, {'the split of the file' if fixed else 'a split each'}"
    absolute = [float(np.mean([each.mae for each in side])) for side in (own, other)]
    low, ratio, high = np.quantile(yours / mine, [0.25, 0.5, 0.75]).tolist()
    times = [np.array([each.seconds for each in side]) for side in (own, other)]
    quick, faster, quicker = np.quantile(times[1] / times[0], [0.25, 0.5, 0.75]).tolist()
    return [
        Row(
            Subject("RMSE", name, size, "held out", peer),
            "",
            float(mine.mean()),
            float(yours.mean()),
            ratio,
            (low, high),
            "" if factor is None else f"< {factor:.3g} x peer",
            None if factor is None else bool((mine < factor * yours).all()),
            f"{seeds}; {mine.mean():.4f} ± {mine.std():.4f} against {yours.mean():.4f} ± "
            f"{yours.std():.4f}; MAE {absolute[0]:.4f} against {absolute[1]:.4f}",
            {"ours": [each._asdict() for each in own], "theirs": [o._asdict() for o in other]},
        ),
        Row(
            Subject("fit", name, size, "fitted", peer),
            "s",
            float(np.median(times[0])),
            float(np.median(times[1])),
            faster,
            (quick, quicker),
            "≥ 1x" if peer == "SVD" else "",
            faster >= 1.0 if peer == "SVD" else None,
            seeds,
        ),
    ]


def coverage(name: str, size: str, own: Sequence[Fitted]) -> Row:
    """Return the row of how many held-out ratings the 90 % intervals hold."""
    held = np.array([each.coverage for each in own])
    return Row(
        Subject("coverage of 90 % intervals", name, size, "held out", ""),
        "",
        float(held.mean()),
        target=f"{COVERAGE[0]:.2f} to {COVERAGE[1]:.2f}",
        met=bool(((held >= COVERAGE[0]) & (held <= COVERAGE[1])).all()),
        note=f"from {held.min():.3f} to {held.max():.3f}",
    )


@cache
def drawn(quick: bool) -> tuple[NDArray[Any], NDArray[Any], FloatArray]:
    """Return ratings of random pairs, from a mixture of twenty components and noise."""
    n_users, n_items, n = (N_USERS, N_ITEMS, N_RATINGS) if not quick else (600, 400, 10_000)
    rng = np.random.default_rng(0)
    cells = np.sort(rng.choice(n_users * n_items, n, replace=False))
    users, items = cells // n_items, cells % n_items
    component = rng.integers(0, K, n_users)
    means = rng.normal(3.5, 0.7, (K, n_items))
    values = means[component[users], items] + rng.normal(0.0, 0.8, n)
    return users, items, np.clip(np.round(values), 1.0, 5.0)


def iteration(repeats: int, quick: bool) -> list[Row]:
    """Time fits of one and of six iterations: the difference is five iterations."""
    X = drawn(quick)

    models = {n: RatingMixture(K, max_iter=n, tol=0.0, random_state=0) for n in (1, 6)}
    calls = {str(n): partial(fit, model, X) for n, model in models.items()}
    seconds = interleaved(calls, repeats)
    each = (np.array(seconds["6"]) - np.array(seconds["1"])) / 5.0
    return [
        Row(
            Subject("EM iteration", f"K={K}", matrix(X), f"{len(X[2]):,} drawn", peer=""),
            "s",
            float(np.median(each)),
            target=f"< {ITERATION:.2g} s",
            met=float(np.median(each)) < ITERATION,
            note=f"a fit of one, with reading the ratings, {np.median(seconds['1']):.2f} s",
            details={"seconds": seconds},
        )
    ]


def fold_in(quick: bool) -> list[Row]:
    """Time folding in users of 10 to 1,000 ratings, and recommending to them."""
    X = drawn(quick)
    model = RatingMixture(K, random_state=0).fit(X)
    rng, rows = np.random.default_rng(1), []
    for n in (10, 100) if quick else (10, 100, 1000):
        given = rng.choice(model.items_, n, replace=False), rng.integers(1, 6, n).astype(float)
        calls: dict[str, Callable[[], object]] = {"fold_in": partial(model.fold_in, given)}
        calls["recommend"] = partial(model.recommend, given)
        for name, call in calls.items():
            value = float(np.median(interleaved({name: partial(many, call)}, 5)[name])) / MANY
            rows.append(
                Row(
                    Subject(name, f"K={K}", matrix(X), f"{n} of a new user", peer=""),
                    "s",
                    value,
                    target=f"< {1000 * FOLD_IN:.2g} ms" if name == "fold_in" else "",
                    met=value < FOLD_IN if name == "fold_in" else None,
                )
            )
    return rows


def matrix(X: tuple[NDArray[Any], ...]) -> str:
    """Return the numbers of users and items that rate and are rated."""
    return " x ".join(str(len(np.unique(each))) for each in X[:2])


def many(call: Callable[[], object]) -> None:
    """Make a short call often enough to be timed."""
    for _ in range(MANY):
        call()
