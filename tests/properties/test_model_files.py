"""Any model comes back from its file as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtura
from mixtura import GaussianMixture
from problems import random_mixture, random_rows
from strategies import families, n_components, n_features, seeds


@given(
    name=families,
    k=n_components,
    d=n_features,
    seed=seeds,
    units=st.sampled_from([1e-100, 1e-8, 1.0, 1e100]),
    tol=st.one_of(st.just("auto"), st.floats(0, 1e300)),
    max_iter=st.integers(0, 10**6),
)
@settings(max_examples=40)
def test_round_trip(
    name: str, k: int, d: int, seed: int, units: float, tol: float | str, max_iter: int
) -> None:
    rng = np.random.default_rng(seed)
    mixture = random_mixture(rng, name, k, d)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        units * mixture.means,
        units**2 * mixture.covariances,
        name,
        tol=tol,
        max_iter=max_iter,
        random_state=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mixtura"
        model.save(path)
        loaded = mixtura.load(path)
    assert loaded.get_params() == model.get_params()
    for attribute in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert np.array_equal(getattr(loaded, attribute), getattr(model, attribute))
    X = units * random_rows(rng, 10, k, d)
    assert np.array_equal(loaded.score_samples(X), model.score_samples(X))
    assert np.array_equal(loaded.sample(3)[0], model.sample(3)[0])
