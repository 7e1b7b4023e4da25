"""`import mixtura` is light: what is optional or heavy waits until it is needed."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

import pytest

HEAVY = ("jinja2", "matplotlib", "numba", "pandas", "plotly", "pyarrow", "rich", "typer")
#: scikit-learn imports pandas and PyArrow where they are installed; that is not ours to change.
LOADED = f"""
import sys
import sklearn.utils.validation
before = set(sys.modules)
import mixtura.view
print(*[name for name in {HEAVY} if name in set(sys.modules) - before])
"""
FIT = """
import numpy as np
X = np.random.default_rng(0).normal(size=(100, 2))
model = mixtura.GaussianMixture(2, random_state=0).fit(X)
print(model.predict(X).shape, model.score_samples(X).shape, model.sample(3)[0].shape)
"""
BLOCKED = f"""
import sys
for name in {HEAVY}:
    sys.modules[name] = None  # importing it fails
import mixtura.view
"""


def output(code: str) -> str:
    """Return what a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_import_brings_nothing_heavy() -> None:
    assert output(LOADED) == ""


def test_small_fits_need_nothing_heavy() -> None:
    assert output(BLOCKED + FIT) == "(100,) (100,) (3, 2)"


def seconds(code: str) -> float:
    """Return how long a fresh interpreter takes."""
    start = time.perf_counter()
    output(code)
    return time.perf_counter() - start


@pytest.mark.slow
def test_import_is_about_as_fast_as_sklearns() -> None:
    modules = ("mixtura", "sklearn.mixture")
    taken = [[seconds(f"import {module}") for module in modules] for _ in range(15)]
    ours, theirs = (median(column) for column in zip(*taken, strict=True))
    assert ours <= 1.2 * theirs
