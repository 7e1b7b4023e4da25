"""Replays of recorded fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import GaussianMixture, KMeans, Mixture, run_em
from mixtura._errors import InputError
from mixtura.view import Replay

ROWS = np.random.default_rng(2).normal(size=(300, 2)) + 3.0 * (np.arange(300) % 2)[:, None]
START = Mixture([0.5, 0.5], [[1.0, 0.0], [2.0, 1.0]], [np.eye(2)] * 2)


def fitted(**params: Any) -> GaussianMixture:
    shared = {"init_params": START, "record": True, "tol": 1e-4}
    return GaussianMixture(2, **{**shared, **params}).fit(ROWS)


def test_every_iteration_is_as_it_was() -> None:
    model = fitted()
    replay = Replay.from_estimator(model, ROWS)
    assert replay.iterations.tolist() == list(range(model.n_iter_ + 1))
    assert (replay.n_components, replay.axes) == (2, ("x0", "x1"))
    assert_array_equal(np.c_[replay.rows["x"], replay.rows["y"]], ROWS)
    for number, snapshot in enumerate(model.snapshots_):
        components, assignments, value = replay.frame(number)
        assert_array_equal(components["weight"], snapshot.weights)
        assert_array_equal(np.c_[components["x"], components["y"]], snapshot.means)
        assert_allclose(components["xy"], snapshot.covariances[:, 0, 1])
        assert_array_equal(assignments["component"], snapshot.responsibilities(ROWS).argmax(axis=1))
        assert value == pytest.approx(snapshot.log_prob(ROWS).mean())


def test_results_of_run_em_have_replays() -> None:
    result = run_em(ROWS, START, max_iter=4, tol=0.0, record=True)
    replay = Replay.from_estimator(result, pd.DataFrame(ROWS, columns=["a", "b"]))
    assert_array_equal(replay.curve["value"], result.log_likelihoods)
    assert (replay.quantity, replay.axes) == ("log-likelihood (nats)", ("a", "b"))


def test_k_means_has_replays() -> None:
    model = KMeans(2, init=START.means, record=True, tol=0.0).fit(ROWS)
    replay = Replay.from_estimator(model, ROWS)
    components, assignments, value = replay.frame(len(replay.iterations) - 1)
    assert_array_equal(np.c_[components["x"], components["y"]], model.cluster_centers_)
    assert_array_equal(assignments["component"], model.labels_)
    assert value == pytest.approx(model.inertia_ / 300)
    assert (np.diff(replay.curve["value"]) < 0).all()
    assert replay.quantity == "squared distance per row shown"


def test_one_column_has_a_histogram() -> None:
    replay = Replay.from_estimator(fitted(), ROWS, columns=[1])
    assert replay.histogram is not None
    assert "y" not in replay.rows
    assert replay.limits[1, 0] < 0 < replay.limits[1, 1]


def test_more_columns_are_projected_and_missing_cells_filled_in() -> None:
    table = np.c_[ROWS, ROWS[:, 0] + np.random.default_rng(0).normal(size=300)]
    table[5, 2] = np.nan
    table[7] = np.nan
    model = GaussianMixture(2, random_state=0, record=True).fit(table)
    replay = Replay.from_estimator(model, table)
    assert [name[:11] for name in replay.axes] == ["direction 1", "direction 2"]
    assert replay.rows["row"][replay.rows["filled"]].tolist() == [5]
    assert 7 not in replay.rows["row"]
    assert np.isfinite(replay.rows["x"]).all()
    assert replay.note.startswith("299 of 300 rows are drawn")


def test_rows_and_frames_are_limited() -> None:
    result = run_em(ROWS, START, max_iter=80, tol=0.0, record=True)
    replay = Replay.from_estimator(result, ROWS, max_rows=50, max_frames=10)
    assert replay.rows.n_rows == 50
    assert len(replay.iterations) <= 10
    assert replay.iterations[[0, -1]].tolist() == [0, 80]
    assert replay.curve.n_rows == 81
    assert replay.assignments.n_rows == 50 * len(replay.iterations)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (GaussianMixture(2).fit(ROWS), {}, "GaussianMixture holds no snapshots: .* record=True"),
        (run_em(ROWS, START, max_iter=1), {}, "FitResult holds no snapshots"),
        (fitted(), {"X": ROWS[:, :1]}, "X has 1 columns; the fit had 2"),
        (fitted(), {"max_rows": 0}, "max_rows=0 must be a whole number of at least 1"),
        (fitted(), {"max_frames": 1}, "max_frames=1 must be a whole number of at least 2"),
        (fitted(), {"columns": [2]}, r"columns=\[2\] must hold"),
    ],
    ids=["unrecorded", "unrecorded run", "columns", "max_rows", "max_frames", "no such column"],
)
def test_what_cannot_be_replayed(model: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Replay.from_estimator(model, **{"X": ROWS, **options})


def test_files(tmp_path: Path) -> None:
    replay = Replay.from_estimator(run_em(ROWS, START, max_iter=1, record=True), ROWS)
    replay.to_html(tmp_path / "replay.html", title="<two> groups")
    text = (tmp_path / "replay.html").read_text(encoding="utf-8")
    assert text.count('<section class="replay" id="replay"') == 1
    assert "<h1>&lt;two&gt; groups</h1>" in text
    assert 'id="other-scene"' in replay.fragment("other")
    replay.save(tmp_path / "replay.gif", fps=0.5)
    assert (tmp_path / "replay.gif").read_bytes()[:6] == b"GIF89a"
