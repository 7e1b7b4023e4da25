"""Filled tables: GaussianMixture.impute and complete."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura import GaussianMixture, InputError, Mixture, complete
from problems import random_mixture

D = 4


@pytest.fixture
def model() -> GaussianMixture:
    mixture = random_mixture(np.random.default_rng(0), "full", 3, D)
    return GaussianMixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariances, random_state=4
    )


@pytest.fixture(name="X")
def rows_with_holes(model: GaussianMixture) -> Any:
    """Return rows with holes, the first with all of its cells, the second with none."""
    rng = np.random.default_rng(1)
    X = rng.permutation(model.sample(50, 2)[0])
    hidden = rng.random(X.shape) < 0.3
    hidden[0], hidden[1] = False, True
    return np.where(hidden, np.nan, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_observed_cells_are_kept_to_the_bit(model: GaussianMixture, X: Any, dtype: Any) -> None:
    X = X.astype(dtype)
    X[0, 0] = -0.0
    before, there = X.copy(), ~np.isnan(X)
    filled, std = model.impute(X, return_std=True)
    draws = model.impute(X, "draw", 2)
    assert draws.shape == (2, *X.shape)
    for table in (filled, *draws, complete(X, model.mixture_)):
        assert table.dtype == dtype
        assert np.isfinite(table).all()
        assert table[there].tobytes() == X[there].tobytes()
    assert std.dtype == dtype
    assert ((std == 0) == there).all()
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(complete(X, model.mixture_), filled)


def test_a_row_without_values_gets_the_mean(model: GaussianMixture, X: Any) -> None:
    np.testing.assert_allclose(model.impute(X)[1], model.weights_ @ model.means_)


def test_one_draw_is_one_table_and_seeds_count(model: GaussianMixture, X: Any) -> None:
    one, several = model.impute(X, "draw"), model.impute(X, "draw", 3)
    assert one.shape == X.shape
    np.testing.assert_array_equal(one, several[0])  # the estimator's own seed
    assert (several[1] != several[2])[np.isnan(X)].all()
    other = model.impute(X, "draw", random_state=np.random.default_rng(5))
    assert (other != one)[np.isnan(X)].all()
    np.testing.assert_array_equal(other, model.impute(X, "draw", random_state=5))


def test_draws_spread_as_the_standard_deviations_say(model: GaussianMixture, X: Any) -> None:
    filled, std = model.impute(X, return_std=True)
    draws = model.impute(X, "draw", 1000)
    hidden = np.isnan(X)
    error = (draws.mean(axis=0) - filled)[hidden] / std[hidden] * np.sqrt(1000)
    assert np.abs(error).max() < 5
    np.testing.assert_allclose(draws.std(axis=0)[hidden], std[hidden], rtol=0.2)


def test_intervals_hold_nine_cells_in_ten(model: GaussianMixture) -> None:
    rng = np.random.default_rng(3)
    X = model.sample(4000, 3)[0]
    hidden = rng.random(X.shape) < 0.3
    filled, std = model.impute(np.where(hidden, np.nan, X), return_std=True)
    assert np.mean(np.abs(filled - X)[hidden] < 1.645 * std[hidden]) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "median"}, "kind='median' is not one of mean, draw."),
        ({"n_draws": 0}, "n_draws=0 must be a whole number of at least 1."),
        ({"n_draws": True}, "n_draws=True must be"),
        ({"n_draws": 2}, "n_draws=2 needs kind='draw'"),
        ({"kind": "draw", "return_std": True}, "return_std=True needs kind='mean'"),
    ],
)
def test_wrong_requests(
    model: GaussianMixture, X: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as error:
        model.impute(X, **options)
    assert words in str(error.value)


def test_wrong_tables(model: GaussianMixture) -> None:
    for function in (model.impute, lambda X: complete(X, model.mixture_)):
        with pytest.raises(ValueError, match=r"row 0, column 1; .* NaN where it is missing"):
            function([[1.0, np.inf, 1.0, 1.0]])
        with pytest.raises(ValueError, match="3"):
            function([[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="mixture is a GaussianMixture; pass a Mixture"):
        complete([[1.0] * D], model)
    with pytest.raises(ValueError, match="not fitted"):
        GaussianMixture().impute([[1.0]])


def test_complete_without_holes_is_a_copy() -> None:
    X = np.ones((2, 1))
    filled = complete(X, Mixture([1.0], [[0.0]], [1.0], "spherical"))
    assert filled is not X
    np.testing.assert_array_equal(filled, X)
