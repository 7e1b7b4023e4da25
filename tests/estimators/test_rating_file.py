"""A RatingMixture to a model file and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura import ModelFileError, RatingMixture, load
from mixtura.io.model_file import read_model, write_model
from rating_problems import drawn


def fitted(text: bool, **parameters: Any) -> RatingMixture:
    """Return a small model, of users and items with numbers or names."""
    (users, items, values), _ = drawn(n_users=20, n_items=8)
    ids = ([f"u{u}" for u in users], [f"i{i}" for i in items]) if text else (users, items)
    return RatingMixture(2, random_state=0, **parameters).fit((*ids, values))


@pytest.mark.parametrize("text", [False, True], ids=["numbers", "text"])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"covariance_type": "diag"}, {"clip": (1.5, 4.0)}, {"clip": False}],
    ids=["plain", "diag", "bounds", "free"],
)
def test_what_is_read_predicts_the_same(
    text: bool, parameters: dict[str, Any], tmp_path: Path
) -> None:
    model = fitted(text, **parameters)
    path = tmp_path / "model.mixtura"
    model.save(path)
    other = load(path)
    assert type(other) is RatingMixture
    assert other.get_params() == model.get_params()
    assert other.users_.tolist() == model.users_.tolist()
    assert other.lower_bounds_ == model.lower_bounds_
    assert (other.status_, other.n_iter_) == (model.status_, model.n_iter_)
    assert other.rating_range_ == model.rating_range_
    for name in ("weights_", "means_", "variances_", "responsibilities_"):
        np.testing.assert_array_equal(getattr(other, name), getattr(model, name))
    np.testing.assert_array_equal(other.complete(), model.complete())
    user = model.users_[3]
    for own, again in zip(
        model.recommend(user, return_std=True), other.recommend(user, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(own, again)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("weights", lambda a: a[:1]),
        ("effects", lambda a: np.full_like(a, np.nan)),
        ("variances", lambda a: -a),
        ("freedom", lambda a: np.zeros_like(a)),
        ("deviations", lambda a: a.T.copy()),
        ("columns", lambda a: a + 100),
        ("columns", lambda a: -1 - a),
        ("starts", lambda a: a[::-1].copy()),
        ("starts", lambda a: a[:-1]),
        ("values", lambda a: np.full_like(a, np.inf)),
        ("user_ids", lambda a: a[:-1]),
    ],
)
def test_files_that_are_not_whole_are_refused(name: str, change: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.mixtura"
    fitted(False).save(path)
    arrays, metadata = read_model(path)
    damaged = {**arrays, name: change(arrays[name])}
    facts = {k: v for k, v in metadata.items() if k not in ("schema", "library_version")}
    write_model(path, damaged, facts)
    with pytest.raises(ModelFileError, match="not whole"):
        load(path)
