"""What the script of a replay is given."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from mixtura import GaussianMixture, KMeans, Mixture, run_em
from mixtura.view import Replay, player
from mixtura.view.palette import mixed

ROWS = np.random.default_rng(2).normal(size=(90, 2)) + 3.0 * (np.arange(90) % 2)[:, None]
MODEL = GaussianMixture(2, random_state=0, record=True, init_params="random").fit(ROWS)


def unpacked(fragment: str) -> dict[str, Any]:
    found = re.search(r'<script type="text/plain">([^<]*)</script>', fragment)
    assert found is not None
    told: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return told


def test_frames_are_those_of_the_replay() -> None:
    replay = Replay.from_estimator(MODEL, ROWS)
    told = unpacked(replay.fragment())
    last = MODEL.mixture_
    assert (told["iterations"][-1], told["last"]) == (MODEL.n_iter_, MODEL.n_iter_)
    assert told["values"] == MODEL.snapshot_lower_bounds_.tolist()
    expected = np.c_[last.weights, last.means, last.covariances.reshape(2, 4)[:, [0, 1, 3]]]
    assert_allclose(told["components"][-1], expected, rtol=1e-6)
    resp = MODEL.predict_proba(ROWS)
    assert told["likely"][-1] == resp.argmax(axis=1).tolist()
    assert told["sure"][-1] == (100 * resp.max(axis=1)).round().astype(int).tolist()
    bytes_ = np.array(told["colours"][-1])[:, None] >> np.array([16, 8, 0]) & 255
    assert_allclose(bytes_ / 255, mixed(resp), atol=0.5 / 255 + 1e-9)
    assert told["radius"] ** 2 == pytest.approx(-2 * np.log(0.1))


def test_traces_are_where_the_script_looks_for_them() -> None:
    for columns, n_more in ((None, 0), ([0], 2)):
        scene = player.scene_of(Replay.from_estimator(MODEL, ROWS, columns))
        modes = [trace.mode if trace.type == "scatter" else trace.type for trace in scene.data]
        assert modes == ["markers", "lines", "lines", "markers+text", "lines", "bar"][: 4 + n_more]


def test_centres_have_no_outlines() -> None:
    model = KMeans(2, random_state=0, record=True).fit(ROWS)
    told = unpacked(Replay.from_estimator(model, ROWS).fragment())
    assert (told["shaped"], told["flat"]) == (False, False)
    assert_allclose(np.array(told["components"][-1])[:, 1:], model.cluster_centers_, rtol=1e-6)


def test_names_are_text_for_plotly_too() -> None:
    table = pd.DataFrame(ROWS, columns=["<script>alert(1)</script>", "$x$" * 80])
    model = GaussianMixture(2, random_state=0, record=True).fit(table)
    replay = Replay.from_estimator(model, table)
    scene = player.scene_of(replay)
    assert scene.layout.xaxis.title.text == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert len(scene.layout.yaxis.title.text) < 400
    fragment = replay.fragment()
    assert "<script>alert" not in fragment
    assert all("<script" not in text and "$" not in text for text in unpacked(fragment)["text"])


def test_one_frame_cannot_be_played() -> None:
    model = GaussianMixture(1, max_iter=0, record=True).fit(ROWS)
    fragment = Replay.from_estimator(model, ROWS).fragment()
    assert " disabled>Play</button>" in fragment
    assert 'max="0"' in fragment


def test_a_large_replay_is_small() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(12, 2)) * 6
    rows = means[rng.integers(12, size=3000)] + rng.normal(size=(3000, 2))
    start = Mixture(np.full(12, 1 / 12), rows[:12], np.full(12, 9.0), "spherical")
    replay = Replay.from_estimator(run_em(rows, start, max_iter=60, tol=0.0, record=True), rows)
    assert replay.rows.n_rows == 2000
    assert len(player.document(replay, "large").encode()) < 6e6
