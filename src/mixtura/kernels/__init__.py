"""The hot code, one module per way to run it, all with the same four functions."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

import numpy as np

from mixtura._errors import InputError
from mixtura.kernels.patterns import Patterns, pair_work
from mixtura.model import Mixture, Statistics, family_named

ENGINES = ("auto", "numpy", "numba")
#: Cost of one pass (see ``work``) from which machine code pays for loading it. Measured: a pass
#: of this size takes NumPy about 30 ms, and loading Numba with cached code takes about 0.6 s.
NUMBA_WORK = 2e6
#: The same where cells are missing: NumPy then takes some twenty times as long as machine code.
INCOMPLETE_WORK = 1e5
#: What a pass costs where columns are independent and every cell is asked whether it is observed.
MASKED = 1.5


class Kernels(Protocol):
    """What a kernel module offers; every function takes a block of rows (b, d)."""

    name: str
    compiled: bool
    #: Whether cells may be missing (NaN).
    allows_missing: bool

    def expect(
        self, block: Any, sample_weight: Any, mixture: Mixture, scatter: bool = True
    ) -> Statistics:
        """Return the statistics of the block."""

    def log_prob(self, block: Any, mixture: Mixture) -> Any:
        """Return the log-density (b,) of each row, in nats."""

    def labels(self, block: Any, mixture: Mixture) -> Any:
        """Return the most probable component (b,) of each row."""

    def responsibilities(self, block: Any, mixture: Mixture) -> Any:
        """Return the responsibilities (b, k)."""


def work(
    n_rows: int,
    n_features: int,
    n_components: int,
    covariance_type: str,
    patterns: Patterns | None = None,
) -> float:
    """Return the cost of one pass, in units of about a nanosecond of one core in machine code.

    ``patterns`` are those of missing cells, where there are any.
    """
    per_row = 4.0 + 0.3 * n_features
    family = family_named(covariance_type)
    if patterns is not None and family.correlated:
        return n_rows * per_row + n_components * pair_work(patterns, n_features, _full_pair)
    per_pair = _full_pair(n_features) if family.form == "full" else 1.2 + 0.25 * n_features
    masked = 1.0 if patterns is None else MASKED
    return masked * n_rows * (per_row + n_components * per_pair)


def _full_pair(n_features: Any) -> Any:
    """Return the cost of a row and a component with a covariance matrix of its own."""
    return 1.2 + 0.25 * n_features + 0.045 * n_features**2


def choose(engine: str, block: Any, cost: float, incomplete: bool = False) -> Kernels:
    """Return the kernels for rows like ``block`` and a pass that costs ``cost``.

    Those for complete rows are faster and do not look for missing cells.
    """
    if engine not in ENGINES:
        raise InputError(f"engine={engine!r} is not one of {', '.join(ENGINES)}.")
    if not isinstance(block, np.ndarray):
        if engine == "numba":
            raise InputError(f"engine='numba' needs NumPy arrays, not {type(block).__name__}.")
        return _array_api()
    enough = cost >= (INCOMPLETE_WORK if incomplete else NUMBA_WORK)
    if engine == "numba" or (engine == "auto" and enough):
        return _cpu(incomplete)
    return _numpy_incomplete() if incomplete else _array_api()


def _array_api() -> Kernels:
    from mixtura.kernels import array_api

    return _checked(array_api)


def _numpy_incomplete() -> Kernels:
    from mixtura.kernels import incomplete

    return _checked(incomplete)


def _cpu(incomplete: bool) -> Kernels:
    from mixtura.kernels import cpu  # imports Numba

    if not incomplete:
        return _checked(cpu)
    from mixtura.kernels.cpu import incomplete as kernels

    return _checked(kernels)


def _checked(module: ModuleType) -> Kernels:
    kernels: Any = module  # mypy compares modules with protocols only where they are named
    return kernels
