"""src/mixtura/a/b.py is tested by tests/a/test_b.py, and by no file of another name."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "mixtura"
TESTS = ROOT / "tests"

#: Modules without a test file of their own, and where their lines are tested.
UNMIRRORED = {
    "_errors.py": "wherever an error is raised",
    "_version.py": "holds one string",
    "model/families/base.py": "by every family",
}
#: Test files without a module of their own, and what they test.
CROSS_CUTTING = {
    "test_docs.py": "links, citations and commands of the documentation",
    "test_docstrings.py": "all public names",
    "test_examples.py": "the scripts in examples",
    "test_import.py": "what an import brings with it",
    "test_layout.py": "the tree",
    "estimators/test_sklearn_checks.py": "scikit-learn's conventions",
    "estimators/test_sklearn_kmeans_suite.py": "compatibility with scikit-learn's estimator",
    "estimators/test_sklearn_suite.py": "compatibility with scikit-learn's estimator",
    "browser": "pages as a browser shows them",
    "cluster": "fits on clusters of processes",
    "properties": "laws that hold across modules",
}


def test_every_module_has_its_tests() -> None:
    modules = [
        path.relative_to(SOURCE)
        for path in SOURCE.rglob("*.py")
        if path.name != "__init__.py" and path.relative_to(SOURCE).as_posix() not in UNMIRRORED
    ]
    expected = {path.with_name(f"test_{path.name.lstrip('_')}") for path in modules}
    assert sorted(str(path) for path in expected if not (TESTS / path).exists()) == []


def test_every_test_file_has_its_module() -> None:
    strays = []
    for path in TESTS.rglob("test_*.py"):
        name = path.relative_to(TESTS)
        if any(name.is_relative_to(exempt) for exempt in CROSS_CUTTING):
            continue
        module = name.name.removeprefix("test_")
        if not any((SOURCE / name.with_name(prefix + module)).exists() for prefix in ("", "_")):
            strays.append(str(name))
    assert sorted(strays) == []


def test_exemptions_are_needed() -> None:
    missing = [name for name in UNMIRRORED if not (SOURCE / name).exists()]
    missing += [name for name in CROSS_CUTTING if not (TESTS / name).exists()]
    assert missing == []
