"""Compilation on demand: a function per pass and types of its arguments, cached on disk."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, types

from mixtura.kernels.cpu import masked, passes, patterns
from mixtura.kernels.cpu.densities import FLAGS

logger = logging.getLogger("mixtura")
_lock = threading.RLock()


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # another thread may hold the lock, and is not in the child
    os.register_at_fork(after_in_child=_new_lock)

FAMILIES = ("full", "tied", "diag", "spherical")
FACTOR_DIMENSIONS = {"full": 3, "tied": 3, "diag": 2, "spherical": 1}
#: Compilations shorter than this are not worth a message (seconds).
ANNOUNCE_AFTER = 1.0


def once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes each thing once, whatever threads ask for it together."""
    made = cache(make)

    @wraps(make)
    def under_lock(*arguments: Any) -> Any:
        with _lock:  # the cache alone would let two threads make the same thing
            return made(*arguments)

    return under_lock


def machine_code(name: str, family: str, dtype: np.dtype[Any]) -> Callable[..., Any]:
    """Return the machine code of one of ``PASSES`` for a family and the dtype of the rows.

    Passes over rows with missing cells are made for a way rather than a family.
    """
    with _lock:  # the cache alone would let two threads compile the same function
        return _machine_code(name, family, str(dtype))


@cache
def _machine_code(name: str, family: str, dtype: str) -> Callable[..., Any]:
    what = "E-step" if name.startswith("expect") else "prediction"
    kind = f"{family} covariances and" if family in FAMILIES else "incomplete"
    subject = f"{what} kernel for {kind} {dtype} rows"
    return compiled(PASSES[name], _signature(name, family, dtype), subject)


PASSES = {
    each.__name__: each
    for each in (
        passes.expect,
        passes.describe,
        masked.expect_masked,
        masked.describe_masked,
        patterns.expect_patterns,
        patterns.describe_patterns,
    )
}
#: Types of the arguments between the rows, with their weights where sums are asked for, and the
#: results: the dimensions of arrays that are only read.
MIXTURES = {"masked": (2, 2, 2, 1), "patterns": (2, 3, 3, 3, 1, 1)}
SUMS = {"masked": (1, 2, 2, 2), "patterns": (1, 1, 2, 3)}


def compiled(
    function: Callable[..., Any], signature: tuple[Any, ...], subject: str
) -> Callable[..., Any]:
    """Return the machine code of a function for arguments of the given types."""
    start = time.perf_counter()
    timer = threading.Timer(ANNOUNCE_AFTER, _announce, (subject,))
    timer.daemon = True
    timer.start()
    try:
        with _lock:
            kernel = _njit(_versioned(function), signature)
    finally:
        timer.cancel()
    logger.debug("%s ready in %.2f s", subject, time.perf_counter() - start)
    return kernel


@cache
def _source_digest() -> str:
    """Return a digest of this package's source: Numba looks at one file to date its cache."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _versioned(function: Any) -> Any:
    """Return ``function`` under a name that changes whenever anything it calls may have."""
    copy = FunctionType(function.__code__, function.__globals__)
    copy.__qualname__ = f"{function.__name__}_{_source_digest()}"
    return copy


def _njit(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    options: dict[str, Any] = {"nogil": True, "fastmath": FLAGS, "error_model": "numpy"}
    try:
        return njit(signature, cache=True, **options)(function)
    except (RuntimeError, OSError) as error:  # no folder is writable, or the disk is full
        logger.warning(
            "compiled code cannot be cached (%s): each process compiles anew. Set NUMBA_CACHE_DIR "
            "to a folder that can be written.",
            error,
        )
        return njit(signature, **options)(function)


def _announce(subject: str) -> None:
    logger.warning(
        "compiling the %s; this happens once on this machine and takes a few seconds", subject
    )


def _signature(name: str, family: str, dtype: str) -> tuple[Any, ...]:
    """Return the argument types: rows in any memory order, inputs read-only."""
    rows = row_type(dtype)
    described = (output_type(1), output_type(1, types.int64), output_type(2))
    kind, _, way = name.partition("_")
    if way:
        mixture = [input_type(dimensions) for dimensions in MIXTURES[way]]
        if kind == "describe":
            return (rows, *mixture, *described)
        sums = [output_type(dimensions) for dimensions in SUMS[way]]
        return (rows, input_type(1), *mixture, *sums)
    dimensions = FACTOR_DIMENSIONS[family]
    factors = [input_type(dimensions) if family == each else types.none for each in FAMILIES]
    if name == "expect":
        totals = (output_type(1), output_type(2), output_type(dimensions))
        return (
            rows,
            input_type(1),
            input_type(1),
            input_type(2),
            input_type(2),
            *factors,
            input_type(1),
            *totals,
        )
    return (rows, input_type(1), input_type(2), *factors, input_type(1), *described)


def row_type(dtype: str) -> Any:
    """Return the type of rows (n, d) in any memory order."""
    return types.Array(getattr(types, dtype), 2, "A", readonly=True)


def input_type(dimensions: int, dtype: Any = types.float64) -> Any:
    """Return the type of a contiguous array that is only read."""
    return types.Array(dtype, dimensions, "C", readonly=True)


def output_type(dimensions: int, dtype: Any = types.float64) -> Any:
    """Return the type of a contiguous array that is written to."""
    return types.Array(dtype, dimensions, "C")
