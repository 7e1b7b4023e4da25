"""EM iterations of other libraries, where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Problem
from benchmarks.timing import Row, compared, interleaved

SCRIPT = Path(__file__).with_name("mclust.R")
FEW, MANY = 2, 7
DESCRIBE_R = (
    'library(mclust); cat(R.version.string, "; mclust ", format(packageVersion("mclust")), '
    '"; BLAS ", sessionInfo()$BLAS, sep = "")'
)


def pomegranate(
    given: Problem, family: str, iterations: Callable[..., Any], repeats: int
) -> list[Row]:
    """Time the turns of the loop in its ``fit``: ``summarize`` and ``from_summaries``."""
    if importlib.util.find_spec("pomegranate") is None:
        return [_skipped(given, family, "pomegranate", "it cannot be imported")]
    torch, distributions, gmm = map(
        importlib.import_module, ("torch", "pomegranate.distributions", "pomegranate.gmm")
    )
    start = given.start(family)
    normals = [
        distributions.Normal(*each) for each in zip(start.means, start.covariances, strict=True)
    ]
    model = gmm.GeneralMixtureModel(normals, priors=start.weights)
    rows = torch.from_numpy(given.X)

    def theirs() -> None:
        model.summarize(rows)
        model.from_summaries()

    ours = iterations(given.X, start)
    seconds = interleaved({"ours": ours, "theirs": theirs}, repeats)
    means = np.stack([normal.means.numpy() for normal in normals])
    difference = float(np.abs(means - ours.state[0].means).max())
    note = f"{normals[0].means.dtype}; means after the last iteration differ by {difference:.1g}"
    return [compared(given.subject("EM iteration", family, "pomegranate"), seconds, note=note)]


def mclust(given: Problem, family: str, iterations: Callable[..., Any], repeats: int) -> list[Row]:
    """Time ``me`` with model VVV from the responsibilities of our start."""
    if r_versions() is None:
        return [_skipped(given, family, "mclust", "there is no Rscript with mclust")]
    start = given.start(family)
    ours = iterations(given.X, start)
    logliks = []
    with tempfile.TemporaryDirectory() as folder:
        given.X.tofile(f"{folder}/rows")
        start.responsibilities(given.X).tofile(f"{folder}/responsibilities")
        numbers = (given.shape.n, given.shape.d, given.shape.k, FEW, MANY)
        command = ["Rscript", str(SCRIPT), folder, *map(str, numbers)]

        def theirs() -> float:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, loglik = map(float, done.stdout.split())
            logliks.append(loglik)
            return seconds

        for _ in range(FEW):
            ours()
        loglik = ours.state[1].loglik
        seconds = interleaved({"ours": ours, "theirs": theirs}, repeats, warm_up=False)
    difference = (loglik - logliks[0]) / given.shape.n
    note = f"log-likelihood per row after {FEW} iterations: ours {difference:+.1e}"
    return [compared(given.subject("EM iteration", family, "mclust"), seconds, note=note)]


@cache
def r_versions() -> str | None:
    """Return R, mclust and the BLAS they use, or None where they are not installed."""
    if shutil.which("Rscript") is None:
        return None
    command = ["Rscript", "-e", f"suppressPackageStartupMessages({{{DESCRIBE_R}}})"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _skipped(given: Problem, family: str, peer: str, why: str) -> Row:
    subject = given.subject("EM iteration", family, peer)
    return Row(subject, "s", note=f"not measured: {why}")
