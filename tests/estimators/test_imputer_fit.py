"""The mixture of an imputer, on rows that are read in chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import InputError, MixtureImputer
from reading import Opened


@pytest.fixture(scope="module", name="X")
def table() -> Any:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 1)) @ rng.normal(size=(1, 4)) + 0.3 * rng.normal(size=(1500, 4))
    rows[:700] += 6.0
    rows[rng.random(rows.shape) < [0.0, 0.2, 0.2, 0.1]] = np.nan
    return rows


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_what_is_filled_in_is_that_of_the_array(X: Any, covariance_type: str) -> None:
    settings = {"covariance_type": covariance_type, "random_state": 0, "tol": 1e-7}
    inside = MixtureImputer(2, **settings).fit(X)
    outside = MixtureImputer(2, **settings).fit(Opened(X))
    found = outside.transform(Opened(X))
    np.testing.assert_allclose(found, inside.transform(X), atol=0.01)
    np.testing.assert_allclose(found, outside.transform(X), rtol=1e-10)


def test_the_number_of_components_may_be_chosen(X: Any) -> None:
    model = MixtureImputer("auto", n_init=2, random_state=0).fit(Opened(X))
    assert model.model_.n_components == 2


def test_indicators_and_names_are_those_of_the_array(X: Any) -> None:
    names = ["a", "b", "c", "d"]
    outside = MixtureImputer(2, add_indicator=True, random_state=0).fit(Opened(X, names=names))
    assert list(outside.get_feature_names_out()) == [
        *names,
        *(f"missingindicator_{name}" for name in "bcd"),
    ]
    filled = outside.transform(Opened(X, names=names))
    np.testing.assert_array_equal(filled[:, 4:], np.isnan(X[:, 1:]))


def test_weights_are_refused(X: Any) -> None:
    with pytest.raises(InputError, match=r"takes no weights of rows: open .* without weight='w'"):
        MixtureImputer(2).fit(Opened(X, np.ones(len(X))))


def test_draws_need_the_rows_in_memory(X: Any) -> None:
    model = MixtureImputer(2, kind="draw", random_state=0).fit(Opened(X))
    with pytest.raises(InputError, match="kind='draw' needs the rows in memory"):
        model.transform(Opened(X))
