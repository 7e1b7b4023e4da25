"""Replays as animations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from mixtura import KMeans, Mixture, run_em
from mixtura._errors import InputError, MissingDependencyError
from mixtura.view import Replay, animation
from mixtura.view.frame import Frame
from pictures import assert_same_picture

ROWS = np.random.default_rng(2).normal(size=(90, 2)) + 3.0 * (np.arange(90) % 2)[:, None]
START = Mixture([0.5, 0.5], [[1.0, 0.0], [2.0, 1.0]], [np.eye(2)] * 2)


@pytest.fixture(scope="module")
def replay() -> Replay:
    result = run_em(ROWS, START, max_iter=3, tol=0.0, record=True)
    return Replay.from_estimator(result, ROWS)


@pytest.fixture
def flat() -> Replay:
    result = run_em(ROWS, START, max_iter=3, tol=0.0, record=True)
    return Replay.from_estimator(result, ROWS, columns=[0])


def closed(stage: animation.Theatre) -> None:
    import matplotlib.pyplot as plt

    plt.close(stage.figure)


def test_ellipses_hold_the_stated_mass() -> None:
    covariance = np.array([[2.0, 1.2], [1.2, 1.0]])
    part = Frame({"x": [1.0], "y": [-2.0], "xx": [2.0], "xy": [1.2], "yy": [1.0]})
    around = animation.ellipse(part, 0).T - [1.0, -2.0]
    squares = np.einsum("mi,ij,mj->m", around, np.linalg.inv(covariance), around)
    assert_allclose(1.0 - np.exp(-squares / 2.0), 0.9)


def test_densities_are_weighted(flat: Replay) -> None:
    components, _, _ = flat.frame(3)
    wide = np.array([[-20.0, 20.0], [0.0, 1.0]])
    outlines, total = animation.outlines_of(components, wide)
    for weight, (x, y) in zip(components["weight"], outlines, strict=True):
        assert np.trapezoid(y, x) == pytest.approx(weight, abs=1e-4)
    assert_allclose(total[1], outlines[0][1] + outlines[1][1])
    assert animation.peak(components, 1) == outlines[1][1].max()


def test_everything_moves(replay: Replay) -> None:
    stage = animation.Theatre(replay)
    assert stage.scene.get_title() == "iteration 0 of 3"
    places = [mean.get_position() for mean in stage.means]
    assert_allclose(places, START.means)
    first = stage.points.get_facecolor().copy()
    stage.show(3)
    components, assignments, value = replay.frame(3)
    moved = [mean.get_position() for mean in stage.means]
    assert_allclose(moved, np.c_[components["x"], components["y"]])
    assert_allclose(stage.points.get_facecolor()[:, :3], assignments["colour"])
    assert not np.allclose(first, stage.points.get_facecolor())
    assert stage.now.get_xydata().tolist() == [[3, value]]
    assert_allclose(stage.lines[0].get_data(), animation.ellipse(components, 0))
    closed(stage)


def test_pictures(tmp_path: Path) -> None:
    rows = ROWS[:30]  # few make a small file
    result = run_em(rows, START, max_iter=3, tol=0.0, record=True)
    for name, columns in (("replay", None), ("replay_flat", [0])):
        stage = animation.Theatre(Replay.from_estimator(result, rows, columns))
        stage.show(3)
        assert_same_picture(stage.figure, name, tmp_path)
        closed(stage)


def test_centres_are_drawn_without_outlines() -> None:
    model = KMeans(2, init=START.means, record=True).fit(ROWS)
    stage = animation.Theatre(Replay.from_estimator(model, ROWS, columns=[0]))
    assert [line.get_xdata().size for line in (*stage.lines, stage.total)] == [0, 0, 0]
    assert [mean.get_position()[1] for mean in stage.means] == [0.0, 0.0]
    closed(stage)


def test_a_gif_has_every_frame_and_holds_the_last(replay: Replay, tmp_path: Path) -> None:
    replay.save(tmp_path / "a.GIF", fps=1)
    with Image.open(tmp_path / "a.GIF") as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
    assert durations == [1000, 1000, 1000, 3000]


def test_names_say_what_is_written(replay: Replay, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.webm: the name must end in \.gif or \.mp4"):
        replay.save(tmp_path / "a.webm")
    with pytest.raises(InputError, match="fps=0 must be above 0"):
        replay.save(tmp_path / "a.gif", fps=0)
    assert list(tmp_path.iterdir()) == []


def test_without_a_writer(replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.animation

    def absent(name: str) -> bool:
        return name != "ffmpeg"

    monkeypatch.setattr(matplotlib.animation.writers, "is_available", absent)
    with pytest.raises(MissingDependencyError, match=r"Writing \.mp4 needs ffmpeg: install it"):
        replay.save(tmp_path / "a.mp4")


def test_failure_leaves_the_file_as_it_was(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib.pyplot as plt

    def fail(stage: animation.Theatre, number: int) -> tuple[()]:
        if number == 2:
            raise KeyboardInterrupt
        return ()

    (tmp_path / "a.gif").write_text("before")
    monkeypatch.setattr(animation.Theatre, "show", fail)
    open_before = plt.get_fignums()
    with pytest.raises(KeyboardInterrupt):
        replay.save(tmp_path / "a.gif")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
    assert plt.get_fignums() == open_before
