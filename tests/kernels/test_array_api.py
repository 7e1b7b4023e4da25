"""The blocked kernel on the namespaces at hand, against the oracle."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import oracle
from mixtura.kernels import array_api
from mixtura.model import density, family_named
from problems import FAMILY_NAMES, LAYOUTS, assert_same_statistics, laid_out, random_rows

#: Namespaces that may happen to be installed; nothing requires them.
INSTALLED = [name for name in ("array_api_strict", "torch") if find_spec(name) is not None]


def read_only(array: Any) -> Any:
    """Return a copy that cannot be written."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.fixture(params=["numpy", "read-only numpy", *INSTALLED])
def convert(request: pytest.FixtureRequest) -> Any:
    """Return a function that takes NumPy arrays to a namespace."""
    if request.param == "numpy":
        return lambda array: array
    if request.param == "read-only numpy":
        return read_only
    namespace = importlib.import_module(request.param)
    return lambda array: namespace.asarray(array.copy())


@pytest.mark.parametrize("shape", oracle.SHAPES, ids=str)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_shapes(convert: Any, name: str, shape: tuple[int, int, int]) -> None:
    oracle.check(array_api, name, shape, convert=convert)


@pytest.mark.parametrize("weights", oracle.WEIGHTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_dtypes_and_weights(convert: Any, name: str, dtype: str, weights: str) -> None:
    oracle.check(array_api, name, dtype=dtype, weights=weights, convert=convert)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_layouts(name: str, layout: str) -> None:
    def laid(array: Any) -> Any:
        return laid_out(array, layout) if array.ndim == 2 else array

    oracle.check(array_api, name, weights="fractional", convert=laid)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_hard_cases(name: str) -> None:
    oracle.check_hard_cases(array_api, name)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_several_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "BLOCK_DOUBLES", 1)  # blocks of 64 rows
    oracle.check(array_api, name, weights="zeros")


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_moments_under_given_responsibilities(convert: Any, name: str) -> None:
    rng = np.random.default_rng(23)
    X, resp, weights = random_rows(rng, 90, 3, 4), rng.dirichlet(np.ones(3), 90), rng.random(90)
    centre, family = rng.normal(size=(3, 4)), family_named(name)
    apart = X[:, None, :] - centre
    scatters = np.einsum("n,nk,nki,nkj->kij", weights, resp, apart, apart)
    moments = array_api.moments(convert(X), convert(resp), convert(weights), centre, family)
    assert np.isnan(moments.loglik)
    np.testing.assert_allclose(moments.weight, weights.sum())
    np.testing.assert_allclose(moments.zeroth, weights @ resp)
    np.testing.assert_allclose(moments.first, np.einsum("n,nk,nki->ki", weights, resp, apart))
    second = {
        "full": scatters,
        "tied": scatters.sum(axis=0),
        "diag": np.diagonal(scatters, axis1=1, axis2=2),
        "spherical": np.trace(scatters, axis1=1, axis2=2) / 4,
    }[name]
    np.testing.assert_allclose(moments.second, second, rtol=1e-10, atol=1e-12)


def test_moments_without_weights_count_rows() -> None:
    rng = np.random.default_rng(24)
    X, resp, centre = rng.normal(size=(9, 2)), rng.dirichlet(np.ones(2), 9), rng.normal(size=(2, 2))
    plain, ones = (
        array_api.moments(X, resp, weights, centre, family_named("full"))
        for weights in (None, np.ones(9))
    )
    assert (plain.weight, ones.weight) == (9.0, 9.0)
    for part in ("zeroth", "first", "second"):
        np.testing.assert_allclose(getattr(plain, part), getattr(ones, part))


def test_results_of_other_namespaces_come_home(convert: Any) -> None:
    X, _, mixture = oracle.case("full", oracle.TYPICAL, "float64", "none")
    statistics = array_api.expect(convert(X), None, mixture)
    assert type(statistics.second) is np.ndarray
    assert type(statistics.loglik) is float
    assert_same_statistics(statistics, array_api.expect(X, None, mixture), 1e-12)
