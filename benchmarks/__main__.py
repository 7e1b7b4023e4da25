"""Run benchmarks and print their ratios."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from benchmarks import peers, render
from benchmarks.machine import ROOT, load_average, provenance
from benchmarks.timing import Row

NAMES = ("gmm", "imputation", "kmeans", "missing", "ratings", "scale", "selection")
#: Load average above which a run is not worth publishing.
QUIET = 0.5


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=NAMES)
    parser.add_argument("--cases", default="", help="only measurements whose name contains this")
    parser.add_argument("--repeats", type=int, help="pairs per comparison")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--output", type=Path, help="JSON file (default: benchmarks/results)")
    parser.add_argument("--render", action="store_true", help="measure nothing: JSON to table")
    parser.add_argument("--rows", type=int, help="rows of the largest table (scale)")
    parser.add_argument("--folder", help="where tables are kept during the run (scale)")
    parser.add_argument("--keep", action="store_true", help="and after it, for the next (scale)")
    parser.add_argument("--list", action="store_true", help="print names of measurements")
    return parser.parse_args()


def measure(benchmark: Any, settings: Any, cases: str, output: Path | None) -> dict[str, Any]:
    """Return the results of the chosen measurements, stored after each one."""
    result: dict[str, Any] = {
        "provenance": provenance() | {"r": peers.r_versions()},
        "settings": asdict(settings) | {"cases": cases},
        "complete": False,
        "rows": [],
    }
    if load_average()[0] > QUIET:
        print("warning: this machine is busy; the figures will be of little use")
    chosen = [each for each in benchmark.measurements(settings) if cases in each.name]
    rows: list[Row] = []
    for number, each in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {each.name}", flush=True)
        rows += each.run()
        told = rows + benchmark.summary(rows)
        if settings.quick:  # targets are for the whole sizes
            told = [replace(row, target="", met=None) for row in told]
        result["rows"] = [asdict(row) for row in told]
        result["provenance"]["load_average_after"] = load_average()
        result["complete"] = not cases and number == len(chosen)
        store(benchmark, result, output)
    return result


def store(benchmark: Any, result: dict[str, Any], output: Path | None) -> None:
    """Write the result and its table, if anywhere."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        output.with_suffix(".md").write_text(page(benchmark, result), encoding="utf-8")


def page(benchmark: Any, result: dict[str, Any]) -> str:
    """Return the result as a page of markdown."""
    return render.markdown(result, benchmark.TITLE, benchmark.COLUMNS)


def main() -> None:
    """Measure or only render; a partial run is stored only where ``--output`` says."""
    given = arguments()
    benchmark: Any = importlib.import_module(f"benchmarks.{given.benchmark}")
    output: Path | None = given.output
    partial = given.quick or given.cases
    if output is None and (given.render or not partial):
        output = ROOT / "benchmarks" / "results" / f"{given.benchmark}.json"
    repeats = given.repeats or (2 if given.quick else benchmark.Settings.repeats)
    named = {each.name for each in fields(benchmark.Settings)} & {"rows", "folder", "keep"}
    own = {name: getattr(given, name) for name in named if getattr(given, name) is not None}
    settings = benchmark.Settings(repeats, given.quick, **own)
    if given.list:
        print("\n".join(each.name for each in benchmark.measurements(settings)))
        return
    if given.render and output is not None:
        result = json.loads(output.read_text(encoding="utf-8"))
        store(benchmark, result, output)
    else:
        result = measure(benchmark, settings, given.cases, output)
    print(page(benchmark, result))


if __name__ == "__main__":
    main()
