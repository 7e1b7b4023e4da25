"""scikit-learn's own tests of its GaussianMixture, read from its wheel and run against ours."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import sklearn.mixture

from mixtura import GaussianMixture

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
#: The version whose tests the lists below describe.
VERSION = "1.9."
FILES = ("test_gaussian_mixture", "test_mixture")

WORDS = "The error or warning is of the same kind, in words of our own."
#: Tests that cannot pass, and why: a name stands for all its cases, name[case] for one. The page
#: on compatibility holds the same list.
CANNOT_PASS = {
    "test_check_weights": WORDS,
    "test_check_means": WORDS,
    "test_check_precisions": WORDS,
    "test_gaussian_mixture_fit_convergence_warning": WORDS,
    "test_regularisation": WORDS,
    "test_sample": WORDS,
    "test_mixture_n_components_greater_than_n_samples_error": WORDS,
    "test_score[float32]": "Log-densities are double precision for rows of any precision.",
    "test_gaussian_mixture_precisions_init_diag[float32]": (
        "It expects as many iterations from precisions that were rounded to single precision. "
        "Sums are double precision here, so that undoing the rounding takes one update more."
    ),
    "test_gaussian_mixture_precisions_init": (
        "It calls the private methods _set_parameters and _initialize of scikit-learn's class."
    ),
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "It counts calls of a private function of scikit-learn's."
    ),
    "test_gaussian_mixture_raises_where_array_api_not_implemented": (
        "It expects starts by k-means to be refused for arrays of the array API; ours run."
    ),
}

pytestmark = [
    pytest.mark.skipif(
        not sklearn.__version__.startswith(VERSION),
        reason=f"the list of exceptions describes the tests of scikit-learn {VERSION}x",
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def suite(name: str) -> ModuleType:
    """Return a test module of scikit-learn's in which ``GaussianMixture`` is ours."""
    path = Path(sklearn.mixture.__file__).parent / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sklearn_{name}_on_mixtura", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sklearn.mixture, "GaussianMixture", GaussianMixture):
        spec.loader.exec_module(module)
    return module


def collected() -> dict[str, FunctionType]:
    """Return the tests that make a GaussianMixture, by name; other estimators' cases left out."""
    found = {}
    for file in FILES:
        for name, function in vars(suite(file)).items():
            if not name.startswith("test_"):
                continue
            marks = [narrowed(mark) for mark in getattr(function, "pytestmark", [])]
            if "GaussianMixture" in function.__code__.co_names or estimators(marks):
                function.pytestmark = marks
                found[name] = function
    return found


def narrowed(mark: pytest.Mark) -> pytest.Mark:
    """Return a mark without the cases of other estimators and array libraries."""
    if mark.name != "parametrize":
        return mark
    cases = list(mark.args[1])
    if mark.args[0] == "estimator":
        cases = [case for case in cases if isinstance(case, GaussianMixture)]
    elif "array_namespace" in mark.args[0]:
        cases = [case for case in cases if case[0] == "numpy"]
    return pytest.mark.parametrize(mark.args[0], cases).mark


def estimators(marks: list[pytest.Mark]) -> list[GaussianMixture]:
    """Return the estimators that a test is given."""
    return [case for mark in marks if mark.args[0] == "estimator" for case in mark.args[1]]


TESTS = collected()
WITH_DISPATCH = os.environ.get("SCIPY_ARRAY_API") == "1"
globals().update(
    {name: test for name, test in TESTS.items() if ("array_api" in name) == WITH_DISPATCH}
)


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
    node: Any = request.node
    reason = CANNOT_PASS.get(node.name, CANNOT_PASS.get(node.originalname))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def only_words() -> list[str]:
    """Return the names of the tests that fail on nothing but the words of a message."""
    return [name for name, reason in CANNOT_PASS.items() if reason == WORDS]


@pytest.mark.parametrize("name", only_words())
def test_but_for_words(name: str) -> None:
    wordless = SimpleNamespace(
        raises=lambda kind, match: pytest.raises(kind),
        warns=lambda kind, match: pytest.warns(kind),
    )
    test: Any = TESTS[name]
    given = [{"estimator": case} for case in estimators(test.pytestmark)] or [{}]
    with mock.patch.dict(test.__globals__, pytest=wordless):
        for arguments in given:
            test(**arguments)


@pytest.mark.slow
def test_with_array_api_dispatch() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-k", "array_api and not dispatch", __file__]
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert re.search(r"\b16 passed", run.stdout), run.stdout


def test_exceptions_name_tests() -> None:
    assert {name.partition("[")[0] for name in CANNOT_PASS} <= set(TESTS)


def test_page_lists_the_exceptions() -> None:
    text = page()
    rows = re.findall(r"^\| `(test_\S+)` \| (.+) \|$", text, re.MULTILINE)
    assert dict(rows) == CANNOT_PASS


def test_page_counts_the_tests() -> None:
    text = page()
    whole = len(TESTS) - len({name.partition("[")[0] for name in CANNOT_PASS})
    assert f"Of its {len(TESTS)} tests" in text
    assert f"{whole} pass as they stand" in text
    assert f"{len(only_words())} pass but for the words" in text


def page() -> str:
    """Return what the page on compatibility says of GaussianMixture."""
    return PAGE.read_text(encoding="utf-8").partition("\n## KMeans\n")[0]
