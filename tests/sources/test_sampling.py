"""The rows that a source without an array of them draws, found again by their ranks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura.algorithms.source import OneBlock
from mixtura.sources.memory import drawn
from mixtura.sources.sampling import sample


class Cut(OneBlock):
    """Rows in blocks of a few."""

    def map_parts(self, function):
        total = []
        for start in range(0, self.n_rows, 7):
            part = slice(start, min(start + 7, self.n_rows))
            own = None if self.weights is None else self.weights[part]
            total = total + function(part, self.rows[part], own)
        return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.integers(0, 9))
def test_ranks_lead_to_the_rows_that_memory_draws(n_rows, n, weighted, seed):
    rows = np.arange(n_rows, dtype=float)[:, None]
    weights = np.random.default_rng(seed).integers(0, 2, n_rows).astype(float) if weighted else None
    found, own = sample(Cut(rows, weights), weighted, n, np.random.default_rng(seed))
    numbers = drawn(n_rows, weights, n, np.random.default_rng(seed))
    numbers = np.arange(n_rows) if numbers is None else numbers
    np.testing.assert_array_equal(found, rows[numbers])
    assert (own is None) == (weights is None)
    if weights is not None:
        np.testing.assert_array_equal(own, weights[numbers])
