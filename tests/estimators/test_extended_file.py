"""Estimators with noise or labels to files and back."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import InputError, load
from mixtura.estimators import extended_file, model_file
from mixtura.estimators.mixture_classifier import MixtureClassifier
from mixtura.estimators.noise_mixture import NoiseMixture
from mixtura.estimators.semi_supervised_mixture import SemiSupervisedMixture

RNG = np.random.default_rng(0)
NUMBERS = np.repeat([0, 1, 2], 30)
X = 6.0 * NUMBERS[:, None] + RNG.normal(size=(90, 2)) * [1.0, 0.3]
NAMES = np.array(["a", "b", "c"])[NUMBERS]
PARTLY = np.where(np.arange(90) % 3 == 0, NUMBERS, -1)


@cache
def fitted() -> list[Any]:
    """Return a fitted estimator of each kind, and more."""
    return [
        NoiseMixture(3, covariance_type="EVI", random_state=0).fit(X),
        SemiSupervisedMixture(covariance_type="tied").fit(X, PARTLY),
        SemiSupervisedMixture().fit(X, np.where(PARTLY < 0, None, NAMES)),
        MixtureClassifier(2, covariance_type="tied", random_state=0).fit(X, NAMES),
        MixtureClassifier("auto", covariance_type="diag").fit(X, NUMBERS),
    ]


@pytest.mark.parametrize("model", fitted(), ids=lambda model: type(model).__name__)
def test_round_trip(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.mixtura")
    copy = load(tmp_path / "model.mixtura")
    assert type(copy) is type(model)
    assert copy.get_params() == model.get_params()
    assert np.array_equal(copy.predict(X), model.predict(X))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    for name in vars(model):
        if name.endswith("_") and name not in ("mixture_", "models_"):
            assert np.array_equal(getattr(copy, name), getattr(model, name)), name


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (0, {"noise_weight": 2.0}),
        (1, {"component_classes": [0]}),
        (3, {"classes": [0]}),
        (3, {"n_features": 3}),
    ],
)
def test_damage_is_noticed(number: int, changes: dict[str, Any]) -> None:
    model = fitted()[number]
    kind = model_file.KINDS[type(model).__name__]
    arrays, facts = kind.describe(model)
    with pytest.raises(InputError):
        kind.restore(arrays, {**facts, "settings": {}, **changes})


def test_box_of_another_size_is_noticed() -> None:
    arrays, facts = extended_file.describe_noise(fitted()[0])
    with pytest.raises(InputError, match="log_extents"):
        extended_file.restore_noise([*arrays[:3], np.zeros(5)], {**facts, "settings": {}})
