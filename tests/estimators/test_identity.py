"""What tells data from others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.algorithms.source import OneBlock
from mixtura.estimators.identity import digest, rows_in

X = np.random.default_rng(0).normal(size=(300, 3))


class Halves(OneBlock):
    """Rows in two blocks."""

    def map_parts(self, function: Any) -> Any:
        parts = slice(0, 100), slice(100, len(self.rows))
        own = [None if self.weights is None else self.weights[part] for part in parts]
        first, second = (function(p, self.rows[p], w) for p, w in zip(parts, own, strict=True))
        return first + second


def test_digests_of_rows_do_not_depend_on_blocks_and_memory_order() -> None:
    weights = np.arange(len(X)) + 0.5
    found = rows_in(Halves(np.asfortranarray(X), weights), None)
    assert found == rows_in(OneBlock(X, weights), None)
    assert found["weights"] != rows_in(OneBlock(X, weights[::-1].copy()), None)["weights"]


OTHERS = {
    "rows": X[::-1],
    "columns": X[:, ::-1],
    "a cell": np.where(np.isclose(X, X[7, 1]), X + 1e-15, X),
    "signs": -X,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_other_cells_and_other_places_of_them_have_other_digests(other: Any) -> None:
    assert rows_in(OneBlock(other), None)["cells"] != rows_in(OneBlock(X), None)["cells"]


def test_digests_of_arrays_are_of_their_bytes() -> None:
    assert digest(X) == digest(np.asfortranarray(X)) != digest(X + 1e-15)
