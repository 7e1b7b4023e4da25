"""A mixture of two groups, and rows of which much is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.view.report.study import Study, study_of


@pytest.fixture
def mixture() -> Mixture:
    """Return a quarter around 0 with deviation 1, and the rest around 10 with deviation 2."""
    return Mixture([0.25, 0.75], [[0.0, 0.0], [10.0, 0.0]], [1.0, 4.0], "spherical")


@pytest.fixture
def rows() -> np.ndarray:
    """Return two rows of the first group, four of the other, one far off and one with a hole."""
    cells = [[0, 0], [1, 0], [10, 0], [10, 2], [9, -1], [12, 1], [40, 0], [10, np.nan]]
    return np.array(cells, dtype=np.float64)


@pytest.fixture
def study(mixture: Mixture, rows: np.ndarray) -> Study:
    """Return the mixture on the rows."""
    return study_of(mixture, rows)
