"""The same seed and rows give the same bits, for any number of threads and in every run."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import GaussianMixture
from mixtura.sources import memory
from problems import FAMILY_NAMES, random_rows

X = random_rows(np.random.default_rng(110), 3_000, 4, 3, spread=4.0)
WEIGHTS = np.random.default_rng(111).exponential(size=3_000)


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small tables into many blocks too."""
    monkeypatch.setattr(memory, "BLOCK_WORK", 5e3)
    monkeypatch.setattr(memory, "BLOCK_ROWS", 200)


def bits(**params: object) -> list[bytes]:
    """Return all that a fit and its predictions give, to the bit."""
    model = GaussianMixture(4, random_state=3, tol=1e-2, **params)  # type: ignore[arg-type]
    model.fit(X, sample_weight=WEIGHTS)
    fitted = (model.weights_, model.means_, model.covariances_, np.array(model.lower_bounds_))
    described = (model.predict(X), model.predict_proba(X), model.score_samples(X))
    return [np.asarray(array).tobytes() for array in (*fitted, *described, model.restarts_)]


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("n_init", [1, 3])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_threads_and_runs(name: str, n_init: int) -> None:
    settings = {"covariance_type": name, "engine": "numba", "n_init": n_init}
    expected = bits(**settings, n_jobs=1)
    for n_jobs in (1, 2, 3) if n_init == 1 else (2,):
        assert bits(**settings, n_jobs=n_jobs) == expected


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_runs_of_the_numpy_kernel(name: str) -> None:
    settings = {"covariance_type": name, "engine": "numpy", "n_init": 2}
    assert bits(**settings) == bits(**settings, n_jobs=2)


def test_another_seed_gives_other_bits() -> None:
    models = [
        GaussianMixture(4, random_state=seed, init_params="random", max_iter=0).fit(X[:500])
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(models[0].means_, models[1].means_)
    assert not np.array_equal(models[0].means_, models[2].means_)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_tables_of_several_blocks_as_they_are(name: str, dtype: type) -> None:
    rows = np.tile(X, (200, 1)).astype(dtype)
    one, two = (
        GaussianMixture(4, covariance_type=name, random_state=0, n_jobs=n, tol=1e-3).fit(rows)
        for n in (1, 2)
    )
    for attribute in ("weights_", "means_", "covariances_"):
        assert np.array_equal(getattr(one, attribute), getattr(two, attribute))
    assert one.lower_bounds_ == two.lower_bounds_
    assert np.array_equal(one.score_samples(rows), two.score_samples(rows))
