"""Print line counts per folder, the longest files and the longest functions of src.

Growth is to be argued in review, not discovered: this prints and never fails. A star marks
what is over the limits of CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES = 400
FUNCTION_LINES = 60
KERNEL_LINES = 100
SHOWN = 8


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the body length and place of each function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield code_lines(node), f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def show(title: str, rows: list[tuple[int, str]], limits: dict[str, int]) -> None:
    """Print the largest rows; ``limits`` maps the beginning of a place to its limit."""
    print(f"\n{title}")
    for count, place in sorted(rows, reverse=True)[:SHOWN]:
        limit = max(limit for start, limit in limits.items() if place.startswith(start))
        print(f"{'*' if count > limit else ' '}{count:6d}  {place}")


def main() -> None:
    """Print the report."""
    files = [
        (path.read_bytes().count(b"\n"), path)
        for folder in ("src", "tests", "benchmarks", "examples", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    folders: Counter[str] = Counter()
    for count, path in files:
        parts = path.relative_to(ROOT).parts
        folders["/".join(parts[: 3 if parts[0] == "src" else 1])] += count
    print("lines by folder")
    for folder, count in sorted(folders.items()):
        print(f"{count:7d}  {folder}")
    source = [(count, path) for count, path in files if path.is_relative_to(ROOT / "src")]
    places = [(count, str(path.relative_to(ROOT))) for count, path in source]
    show("longest files of src", places, {"": FILE_LINES})
    lengths = [row for _, path in source for row in functions(path)]
    show(
        "longest functions of src",
        lengths,
        {"": FUNCTION_LINES, "src/mixtura/kernels": KERNEL_LINES},
    )


if __name__ == "__main__":
    main()
