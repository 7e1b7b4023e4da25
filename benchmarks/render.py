"""From a result file to one markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEADER = (
    "measure",
    "case",
    "{}",
    "{}",
    "mixtura",
    "peer",
    "",
    "ratio (quartiles)",
    "target",
    "verdict",
    "note",
)
BAR = "\\|"  # one that does not end a cell
VERDICTS = {True: "met", False: "**not met**", None: ""}


def markdown(result: dict[str, Any], title: str, columns: Sequence[str]) -> str:
    """Return the result as a page: where it is from, the table, and what was not met.

    ``columns`` says what a subject's family and data are called.
    """
    rows, origin = result["rows"], result["provenance"]
    judged = [row for row in rows if row["met"] is not None]
    met = sum(row["met"] for row in judged)
    lines = [
        f"# {title}",
        "",
        *([] if result["complete"] else ["**Not all measurements were made.**", ""]),
        *(f"- {line}" for line in _origin(origin, result["settings"])),
        f"- {met} of {len(judged)} targets met.",
        "",
        "How each line is measured: `docs/benchmarks.md`.",
        "",
        _line(HEADER).format(*columns),
        _line(["---"] * len(HEADER)),
        *(_line(_cells(row)) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _origin(origin: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    versions = origin["libraries"].items()
    pools = {
        f"{pool['internal_api']} {pool['version']} x {pool['num_threads']} ({pool['prefix']})"
        for pool in origin["thread_pools"]
    }
    after = origin.get("load_average_after", [float("nan")])
    return [
        f"commit {origin['commit']}{' with uncommitted changes' if origin['dirty'] else ''}",
        f"{origin['cpu']}, {origin['usable_cores']} of {origin['cores']} cores, "
        f"{origin['memory_gib']} GiB, {origin['os']}",
        f"Python {origin['python']}, mixtura {origin['mixtura']}, "
        + ", ".join(f"{name} {version}" for name, version in versions if version),
        *([origin["r"]] if origin["r"] else []),
        f"{origin['mixtura_threads']} threads in mixtura; {', '.join(sorted(pools))}",
        f"load average {origin['load_average_before'][0]:.1f} before, {after[0]:.1f} after; "
        f"{settings['repeats']} pairs{', quick sizes' if settings['quick'] else ''}",
    ]


def _cells(row: dict[str, Any]) -> list[str]:
    subject, ratio = row["subject"], ""
    if row["unit"] in ("GFlop/s", "GB/s"):
        ratio = f"{100 * row['ratio']:.0f} %"
    elif row["ratio"] is not None:
        low, high = row["quartiles"]
        spread = f" ({low:.3g} to {high:.3g})" if low < high else ""
        ratio = f"{row['ratio']:.3g}x{spread}"
    return [
        subject["measure"],
        subject["case"],
        subject["family"],
        subject["data"],
        _quantity(row["ours"], row["unit"]),
        _quantity(row["theirs"], row["unit"]),
        subject["peer"],
        ratio,
        row["target"],
        VERDICTS[row["met"]],
        row["note"],
    ]


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s" and value < 1.0:
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} {unit}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
