"""Data larger than memory, several processes, streams: what is measured, and how."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import engines
from benchmarks.big_tables import Drawn
from benchmarks.cases import Shape, problem
from benchmarks.engines import PARAMETERS, apart, score
from benchmarks.on_disk import BATCH_ROWS, timed_fit
from benchmarks.programs import Program
from benchmarks.timing import Measurement, Row
from mixtura import GaussianMixture

TITLE = "Data larger than memory, and several processes"
COLUMNS = ("numbers", "data")
#: What ``open_table`` may use, and how much longer than the larger of reading and computing
#: alone an iteration may take.
BUDGET, SLOWDOWN = "512MB", 1.3
BUDGET_MIB = 512e6 / 2**20
#: EM updates of the fits of tables on disk, and after which parameters are compared.
UPDATES = 5
#: Rows of the largest table that computing alone is measured on, and of all tables in a quick run.
HELD, QUICK = 5_000_000, 50_000
#: How far apart parameters may be, relative to the largest of their kind; a budget that makes
#: chunks of a small table, and parts of one on Dask.
SAME, SMALL_BUDGET, PARTS = 1e-10, "16MB", (1, 2, 5)
#: Distance of one pass of ``partial_fit`` from the optimum (nats per row), how much memory the
#: pass may add (MiB) after that many batches, and fits of which the best is the optimum.
ONLINE, CONSTANT, FIRST_BATCHES, N_INIT = 0.02, 1.0, 100, 5


@dataclass(frozen=True)
class Settings:
    """How thorough to be, how many rows the largest table has, and where tables are kept."""

    repeats: int = 3
    quick: bool = False
    rows: int = 50_000_000
    folder: str = ""
    keep: bool = False

    def drawn(self, shape: Shape, overlap: str, dtype: str = "float64") -> Drawn:
        """Return a table to measure on."""
        n = min(shape.n, QUICK) if self.quick else shape.n
        return Drawn(Shape(n, shape.d, shape.k), overlap, dtype, scratch(self.folder, self.keep))


@cache
def scratch(folder: str, keep: bool) -> Path:
    """Return a folder for tables; what is not kept goes when the run ends."""
    if keep and folder:
        return Path(folder)
    path = Path(tempfile.mkdtemp(prefix="mixtura-scale-", dir=folder or None))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def measurements(settings: Settings) -> Iterator[Measurement]:
    """Yield all measurements."""
    large = settings.drawn(Shape(settings.rows, 16, 8), "overlapping", "float32")
    million = settings.drawn(Shape(1_000_000, 8, 8), "moderate")
    yield Measurement(f"disk/{large}", partial(on_disk, large, settings.repeats))
    yield Measurement(f"same/{million}", partial(same, million))
    wide = settings.drawn(Shape(5_000_000, 16, 16), "overlapping")
    half = settings.drawn(Shape(500_000, 16, 16), "overlapping")
    for peer, name, function, drawn in (
        ("pyspark", "spark/gmm", engines.spark_mixture, wide),
        ("pyspark", "spark/kmeans", engines.spark_kmeans, wide),
        ("dask_ml", "dask_ml", engines.dask_ml, wide),
        ("distributed", "workers", engines.workers, wide),
        ("distributed", "threads", engines.threads, wide),
        ("pyspark", "spark/converged", engines.spark_converged, half),
    ):
        there = importlib.util.find_spec(peer) is not None
        run = partial(function, drawn, settings.repeats) if there else partial(absent, drawn, peer)
        yield Measurement(f"{name}/{drawn}", run)
    yield Measurement(f"online/{million}", partial(online, million))


def absent(drawn: Drawn, peer: str) -> list[Row]:
    """Return a row that says what is not installed."""
    return [Row(drawn.subject(peer, peer), "s", note="not measured: it cannot be imported")]


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return what all rows together say: nothing."""
    return []


class Watched(NamedTuple):
    """A fit in a process of its own, and its resident memory (MiB)."""

    fit: dict[str, Any]
    before: float
    peak: float
    polled: float


def watched(drawn: Drawn) -> Watched:
    """Fit a table within the budget, watched from outside."""
    with Program("on_disk", path=drawn.path, memory=BUDGET) as program:
        program(do="load")
        before = program.mib("VmRSS")
        fit = program(do="fit", k=drawn.shape.k, n_iter=UPDATES)
        return Watched(fit, before, program.mib("VmHWM"), program.polled)


def on_disk(drawn: Drawn, repeats: int) -> list[Row]:
    """Fit a table twice within the budget; read it alone, compute alone on rows in memory."""
    fits = [watched(drawn) for _ in range(2)]
    start = {name: fits[0].fit[name] for name in PARAMETERS}
    identical = all(fits[1].fit[name] == start[name] for name in PARAMETERS)
    n, k, held = drawn.shape.n, drawn.shape.k, min(HELD, drawn.shape.n)
    with Program("on_disk", path=drawn.path, memory=BUDGET) as program:
        program(do="load")
        reading = [program(do="read") for _ in range(repeats)]
        alone = program(do="fit", k=k, n_iter=UPDATES, start=start, rows=held)["seconds"]
    computing = [seconds * n / held for seconds in alone]
    ours = [seconds for each in fits for seconds in each.fit["seconds"]]
    seconds, read, computed = (float(np.median(each)) for each in (ours, reading, computing))
    note = (
        f"{n / seconds:.3g} rows/s; reading {read:.3g} s, computing {computed:.3g} s, as "
        f"{held:,} rows take; {1e-9 * drawn.file_bytes:.3g} GB on disk; two fits "
        + ("bit-identical" if identical else "differ")
    )
    rate = 1e-9 * drawn.nbytes
    return [
        slowdown(drawn, ours, max(read, computed), note, {"reads": reading, "computes": computing}),
        Row(
            drawn.subject("rows streamed", "reading alone"),
            "GB/s",
            rate / seconds,
            rate / read,
            read / seconds,
        ),
        resident(drawn, fits),
    ]


def slowdown(
    drawn: Drawn, ours: Sequence[float], alone: float, note: str, details: dict[str, Any]
) -> Row:
    """Return the row of iterations from disk beside what takes longer alone."""
    low, ratio, high = (alone / np.quantile(ours, [0.75, 0.5, 0.25])).tolist()
    return Row(
        drawn.subject("EM iteration from disk", "the larger of reading and computing alone"),
        "s",
        float(np.median(ours)),
        alone,
        ratio,
        (low, high),
        f"≥ {1 / SLOWDOWN:.2g}x",
        ratio >= 1 / SLOWDOWN,
        note,
        {"seconds": ours} | details,
    )


def resident(drawn: Drawn, fits: Sequence[Watched]) -> Row:
    """Return the row of the memory of fits within the budget."""
    most = max(fits, key=lambda each: each.peak)
    return Row(
        drawn.subject("resident memory of a fit from disk", "before the fit"),
        "MiB",
        most.peak,
        most.before,
        target=f"≤ {BUDGET_MIB:.0f} MiB",
        met=most.peak <= BUDGET_MIB,
        note=f"budget {BUDGET}; polled: {most.polled:.0f} MiB; whole fit {most.fit['whole']:.3g} s",
        details={"before, peak, polled": [each[1:] for each in fits]},
    )


def same(drawn: Drawn) -> list[Row]:
    """Compare fits of the same seed in memory, from disk, and on Dask in parts, twice each."""
    k, X, folder = drawn.shape.k, drawn.rows(), str(drawn.folder)
    with (
        Program("on_disk", path=drawn.path, memory=SMALL_BUDGET) as disk,
        Program("on_dask", library="mixtura", path=drawn.path, folder=folder, workers=2) as dask,
    ):
        runs: dict[str, Callable[[], Any]] = {
            "in memory": partial(timed_fit, X, k, UPDATES),
            "from disk": partial(disk, do="fit", k=k, n_iter=UPDATES),
        }
        for n in PARTS:
            run = partial(dask, n_iter=UPDATES, start=k, parts=n)
            runs[f"on Dask, partitions: {n}"] = run
        found = {name: [run() for _ in range(2)] for name, run in runs.items()}
    rows = []
    for name, (once, again) in found.items():
        difference, repeated = apart(once, found["in memory"][0]), apart(again, once)
        row = Row(
            drawn.subject(f"parameters {name}", "in memory"),
            "",
            difference,
            target=f"≤ {SAME:g}, and 0 for the same fit again",
            met=difference <= SAME and repeated == 0.0,
            note=f"again: {repeated:g}",
        )
        rows.append(row)
    return rows


def online(drawn: Drawn) -> list[Row]:
    """Take shuffled rows once in batches, and compare with the best of several fits of all rows."""
    shape, path = drawn.shape, drawn.folder / "stream"
    X = problem(shape, drawn.overlap).X
    drawn.folder.mkdir(parents=True, exist_ok=True)
    X.tofile(path)
    few = min(FIRST_BATCHES, shape.n // BATCH_ROWS // 2)
    with Program("on_disk", path=str(path), d=shape.d, k=shape.k) as stream:
        stream(batches=few)
        before = stream.mib("VmHWM")
        found = stream(batches=shape.n // BATCH_ROWS - few)
        after = stream.mib("VmHWM")
    path.unlink()
    batch = GaussianMixture(shape.k, n_init=N_INIT, random_state=0).fit(X).score(X)
    ours = score(found, X)
    return [
        Row(
            drawn.subject("log-likelihood per row after one pass", f"best of {N_INIT} fits"),
            "nats",
            ours,
            batch,
            target=f"≥ peer - {ONLINE:g}",
            met=batch - ours <= ONLINE,
            note=f"{batch - ours:.2g} below; batches of {BATCH_ROWS:,} rows; "
            f"{found['seconds']:.2g} s",
        ),
        Row(
            drawn.subject("resident memory of one pass", f"after {few} batches"),
            "MiB",
            after,
            before,
            target=f"≤ peer + {CONSTANT:g} MiB",
            met=after <= before + CONSTANT,
        ),
    ]
