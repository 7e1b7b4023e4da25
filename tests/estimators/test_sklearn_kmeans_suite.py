"""scikit-learn's own tests of its KMeans, read from its wheel and run against ours."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
import sklearn.cluster

from mixtura import KMeans, kmeans_plusplus

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
#: The version whose tests the lists below describe.
VERSION = "1.9."
OURS = {"KMeans": KMeans, "kmeans_plusplus": kmeans_plusplus}

WORDS = "The error or warning is of the same kind, in words of our own."
PRIVATE = "It uses a private attribute or method of scikit-learn's class."
NORMS = "It passes x_squared_norms, which is no parameter here: distances are not taken from norms."
#: Tests that cannot pass, and why. The page on compatibility holds the same list.
CANNOT_PASS = {
    "test_warning_n_init_precomputed_centers": WORDS,
    "test_kmeans_warns_less_centers_than_unique_points": WORDS,
    "test_wrong_params": WORDS,
    "test_relocating_with_duplicates": WORDS,
    "test_kmeans_init_auto_with_initial_centroids": PRIVATE,
    "test_n_init_auto": PRIVATE,
    "test_sample_weight_init": PRIVATE,
    "test_sample_weight_zero": PRIVATE,
    "test_kmeans_plusplus_wrong_params": NORMS,
    "test_kmeans_plusplus_norms": NORMS,
    "test_kmeans_copyx": "There is no copy_x: rows are never changed.",
    "test_kmeans_verbose": "Progress goes to the log, not to standard output.",
    "test_warning_elkan_1_cluster": "The algorithm in place of elkan has no trouble with one.",
}

pytestmark = [
    pytest.mark.skipif(
        not sklearn.__version__.startswith(VERSION),
        reason=f"the list of exceptions describes the tests of scikit-learn {VERSION}x",
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def suite() -> ModuleType:
    """Return the test module of scikit-learn's in which ``KMeans`` is ours."""
    path = Path(sklearn.cluster.__file__).parent / "tests" / "test_k_means.py"
    spec = importlib.util.spec_from_file_location("sklearn_test_k_means_on_mixtura", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(sklearn.cluster, **OURS):
        spec.loader.exec_module(module)
    return module


def collected() -> dict[str, FunctionType]:
    """Return the tests that use what is ours, by name, without those of sparse rows alone."""
    found = {}
    for name, test in vars(suite()).items():
        if not name.startswith("test_"):
            continue
        marks = [narrowed(mark) for mark in getattr(test, "pytestmark", [])]
        cases = [mark.args[1] for mark in marks if mark.name == "parametrize"]
        given = any(KMeans in parts(case) for values in cases for case in values)
        if all(cases) and (given or OURS.keys() & test.__code__.co_names):
            test.pytestmark = marks
            found[name] = test
    return found


def narrowed(mark: pytest.Mark) -> pytest.Mark:
    """Return a mark without the cases of sparse rows and of another class."""
    if mark.name != "parametrize":
        return mark
    cases = [case for case in mark.args[1] if not any(map(is_foreign, parts(case)))]
    return pytest.mark.parametrize(mark.args[0], cases).mark


def parts(case: Any) -> list[Any]:
    """Return what a case consists of, as far as classes and tables go."""
    several = case if isinstance(case, tuple) else (case,)
    return [part for part in several if isinstance(part, type) or scipy.sparse.issparse(part)]


def is_foreign(part: Any) -> bool:
    """Return whether this is a sparse table, a class of such, or MiniBatchKMeans."""
    kinds = (scipy.sparse.csr_matrix, scipy.sparse.csr_array, sklearn.cluster.MiniBatchKMeans)
    return scipy.sparse.issparse(part) or part in kinds


TESTS = collected()
globals().update(TESTS)


@pytest.fixture(params=["float64", "float32"])
def global_dtype(request: pytest.FixtureRequest) -> np.dtype[Any]:
    """Stand in for the fixture of scikit-learn's that sets the precision of the rows."""
    return np.dtype(request.param)


@pytest.fixture
def global_random_seed() -> int:
    """Stand in for the fixture of scikit-learn's; 42 is its default."""
    return 42


@pytest.fixture(autouse=True)
def exceptions(request: pytest.FixtureRequest) -> None:
    """Expect failure, and nothing else, of the tests that cannot pass."""
    reason = CANNOT_PASS.get(request.node.originalname)
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def cases_but_for_words() -> list[tuple[str, dict[str, Any]]]:
    """Return the tests that fail on nothing but the words of a message, with their arguments."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name in (name for name, reason in CANNOT_PASS.items() if reason == WORDS):
        arguments: list[dict[str, Any]] = [{}]
        for mark in getattr(TESTS[name], "pytestmark", []):
            names = [each.strip() for each in mark.args[0].split(",")]
            values = [case if len(names) > 1 else (case,) for case in mark.args[1]]
            arguments = [
                {**old, **dict(zip(names, case, strict=True))}
                for old in arguments
                for case in values
            ]
        found += [(name, given) for given in arguments]
    return found


@pytest.mark.parametrize(("name", "arguments"), cases_but_for_words())
def test_but_for_words(name: str, arguments: dict[str, Any]) -> None:
    wordless = SimpleNamespace(
        raises=lambda kind, match: pytest.raises(kind),
        warns=lambda kind, match: pytest.warns(kind),
    )
    test: Any = TESTS[name]
    if "global_random_seed" in test.__code__.co_varnames:
        arguments = {**arguments, "global_random_seed": 42}
    with mock.patch.dict(test.__globals__, pytest=wordless):
        test(**arguments)


def test_exceptions_name_tests() -> None:
    assert set(CANNOT_PASS) <= set(TESTS)


def test_page_lists_the_exceptions() -> None:
    rows = re.findall(r"^\| `(test_\S+)` \| (.+) \|$", page(), re.MULTILINE)
    assert dict(rows) == CANNOT_PASS


def test_page_counts_the_tests() -> None:
    words = sum(reason == WORDS for reason in CANNOT_PASS.values())
    assert f"Of its {len(TESTS)} tests" in page()
    assert f"{len(TESTS) - len(CANNOT_PASS)} pass as they stand" in page()
    assert f"{words} pass but for the words" in page()


def page() -> str:
    """Return what the page on compatibility says of KMeans."""
    return PAGE.read_text(encoding="utf-8").partition("\n## KMeans\n")[2]
