"""Compilation on demand, its cache on disk, and what users are told."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import types

import mixtura
from mixtura.kernels.cpu import passes

#: Not an attribute of its package: that says by a flag of this name that it is machine code.
module: Any = importlib.import_module("mixtura.kernels.cpu.compiled")
DOUBLE = np.dtype(np.float64)


@pytest.fixture
def emptied() -> Iterator[None]:
    """Forget what this process has compiled, before the test and after it."""
    module._machine_code.cache_clear()
    yield
    module._machine_code.cache_clear()


def test_rows_come_in_any_order_and_inputs_may_be_read_only() -> None:
    for name in ("expect", "describe"):
        for family in module.FAMILIES:
            signature = module._signature(name, family, "float32")
            assert signature[0] == types.Array(types.float32, 2, "A", readonly=True)
            factors = [kind for kind in signature if kind is not types.none]
            assert len(signature) - len(factors) == len(module.FAMILIES) - 1
            assert len(signature) == getattr(passes, name).__code__.co_argcount


def test_each_function_is_made_once() -> None:
    one = module.machine_code("expect", "spherical", DOUBLE)
    assert module.machine_code("expect", "spherical", DOUBLE) is one
    assert module.machine_code("describe", "spherical", DOUBLE) is not one


@pytest.mark.usefixtures("emptied")
def test_threads_do_not_compile_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def slow(function: Any, signature: Any) -> Any:
        time.sleep(0.02)
        made.append(function)
        return function

    monkeypatch.setattr(module, "_njit", slow)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(module.machine_code, "expect", "diag", DOUBLE) for _ in range(8)]
    assert len({call.result() for call in calls}) == len(made) == 1


@pytest.mark.usefixtures("emptied")
@pytest.mark.parametrize(("takes", "announced"), [(0.0, 0), (0.3, 1)])
def test_slow_compilation_is_announced_once(
    takes: float, announced: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ANNOUNCE_AFTER", 0.1)
    monkeypatch.setattr(module, "_njit", lambda function, signature: time.sleep(takes))
    with caplog.at_level(logging.WARNING, "mixtura"):
        for _ in range(2):
            module.machine_code("expect", "tied", DOUBLE)
        time.sleep(0.15)
    assert [record.getMessage() for record in caplog.records] == announced * [
        "compiling the E-step kernel for tied covariances and float64 rows; this happens once "
        "on this machine and takes a few seconds"
    ]


def test_without_a_cache_each_process_compiles(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def njit(signature: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: (function, options)

    monkeypatch.setattr(module, "njit", njit)
    function, options = module._njit(passes.expect, ())
    assert function is passes.expect
    assert options["nogil"]
    assert "no locator available" in caplog.text
    assert "Set NUMBA_CACHE_DIR to a folder that can be written" in caplog.text


def test_the_name_changes_with_every_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "cpu"
    shutil.copytree(Path(module.__file__).parent, folder, ignore=shutil.ignore_patterns("__py*"))
    monkeypatch.setattr(module, "__file__", str(folder / "compiled.py"))
    digests = {module._source_digest.__wrapped__()}
    assert digests == {module._source_digest()}
    for path in sorted(folder.glob("*.py")):
        path.write_text(path.read_text() + "\n")
        digests.add(module._source_digest.__wrapped__())
    assert len(digests) == 1 + len(list(folder.glob("*.py")))
    assert module._versioned(passes.expect).__qualname__ == f"expect_{module._source_digest()}"


#: Prints whether the kernel came from the cache, and what was logged.
PROBE = """
import importlib, json, logging
import numpy as np
module = importlib.import_module("mixtura.kernels.cpu.compiled")
messages = []
handler = logging.Handler()
handler.emit = lambda record: messages.append(record.getMessage())
module.logger.addHandler(handler)
module.ANNOUNCE_AFTER = 0.2
kernel = module.machine_code("expect", "spherical", np.dtype(np.float64))
print(json.dumps({"hits": sum(kernel.stats.cache_hits.values()), "messages": messages}))
"""


def probe(source: Path, home: Path, **environment: str) -> tuple[int, str]:
    """Return the number of functions taken from the cache and what was logged."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        **environment,
    }
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    outcome = json.loads(done.stdout)
    return outcome["hits"], " ".join(outcome["messages"])


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Return a copy of the package in which nothing has been compiled."""
    source = tmp_path / "source"
    package = Path(mixtura.__file__).parent
    shutil.copytree(package, source / "mixtura", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "home").mkdir()
    return source


def lock(installation: Path) -> None:
    """Make the cache beside the kernels impossible, even for a user who may write anywhere."""
    (installation / "mixtura" / "kernels" / "cpu" / "__pycache__").write_text("")


@pytest.mark.slow
def test_the_cache_serves_the_next_process(installation: Path, tmp_path: Path) -> None:
    hits, messages = probe(installation, tmp_path / "home")
    assert hits == 0
    assert messages.count("compiling the E-step kernel") == 1
    assert probe(installation, tmp_path / "home") == (1, "")
    assert not (tmp_path / "home" / "cache").exists()


@pytest.mark.slow
def test_a_read_only_installation_caches_in_the_home_folder(
    installation: Path, tmp_path: Path
) -> None:
    lock(installation)
    assert probe(installation, tmp_path / "home")[0] == 0
    assert probe(installation, tmp_path / "home") == (1, "")
    assert list((tmp_path / "home").rglob("*.nbc"))


@pytest.mark.slow
def test_no_writable_folder_at_all(installation: Path, tmp_path: Path) -> None:
    lock(installation)
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    hits, messages = probe(installation, nowhere, XDG_CACHE_HOME=str(nowhere / "cache"))
    assert hits == 0
    assert messages.count("cannot be cached") == 1
    folder = str(tmp_path / "chosen")
    for expected in (0, 1):
        hits, messages = probe(installation, nowhere, NUMBA_CACHE_DIR=folder)
        assert hits == expected
        assert "cannot be cached" not in messages


@pytest.mark.slow
def test_a_change_of_any_kernel_makes_the_cache_stale(installation: Path, tmp_path: Path) -> None:
    assert probe(installation, tmp_path / "home")[0] == 0
    callee = installation / "mixtura" / "kernels" / "cpu" / "vector_math.py"
    callee.write_text(callee.read_text() + "\n")
    assert probe(installation, tmp_path / "home")[0] == 0
    assert probe(installation, tmp_path / "home")[0] == 1
