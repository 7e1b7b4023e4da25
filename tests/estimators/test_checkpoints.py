"""Fits that are killed go on to the end of an undisturbed one, to the bit."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from mixtura import (
    CheckpointError,
    GaussianMixture,
    InputError,
    KMeans,
    Mixture,
    RatingMixture,
    Status,
    load,
)
from mixtura.estimators import checkpoints
from mixtura.estimators.checkpoints import packed, seconds, unpacked
from mixtura.io.checkpoint import read_checkpoint, write_checkpoint
from reading import Opened

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Killed(BaseException):
    """The end of a process, as far as a fit can tell."""


def groups(n: int = 60, d: int = 3) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(mean, 1.0, (n, d)) for mean in (0.0, 2.0, 4.0, 5.0)])


def with_holes(X: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.random.default_rng(1).random(X.shape) < 0.15, np.nan, X)


def ratings() -> NDArray[np.float64]:
    values = np.random.default_rng(2).integers(1, 6, (60, 30)).astype(float)
    return np.where(np.random.default_rng(3).random(values.shape) < 0.6, np.nan, values)


X = groups()
FLAT = np.random.default_rng(2).normal(size=(44, 3))  # a component collapses onto the last rows
FLAT[40:] += 30.0
FLAT[[1, 5, 41, 43], [0, 2, 1, 2]] = np.nan
FAR = np.concatenate([X[:3], X[:6] + 1000.0])  # of nine clusters, some run empty
MODELS: dict[str, tuple[Any, Any]] = {
    "full": (
        GaussianMixture(4, n_init=3, init_params="random", max_iter=30, random_state=1),
        X,
    ),
    "holes": (GaussianMixture(3, n_init=2, max_iter=25, random_state=1), with_holes(X)),
    "collapsing": (GaussianMixture(2, random_state=0), FLAT),
    "on disk": (GaussianMixture(4, n_init=2, max_iter=15, random_state=1), Opened(X, memory=1)),
    "k-means on disk": (
        KMeans(9, n_init=2, init="k-means||", record=True, tol=0, random_state=2),
        Opened(X, memory=1),
    ),
    "recorded": (GaussianMixture(3, n_init=3, record=True, max_iter=20, random_state=1), X),
    "tied": (GaussianMixture(4, covariance_type="tied", random_state=1), X),
    "VVE": (GaussianMixture(3, covariance_type="VVE", max_iter=20, random_state=1), X),
    "EVI": (GaussianMixture(3, covariance_type="EVI", random_state=1), X),
    "prior": (GaussianMixture(3, prior="conjugate", init_params="random", random_state=1), X),
    "numba": (GaussianMixture(4, n_init=2, engine="numba", max_iter=25, random_state=1), X),
    "k-means": (KMeans(9, n_init=3, init="random", tol=0, random_state=2), X),
    "k-means with holes": (
        KMeans(9, n_init=2, init="random", record=True, tol=0, random_state=2),
        with_holes(X),
    ),
    "empty clusters": (KMeans(9, init=FAR, tol=0), X),
    "yinyang": (KMeans(9, init=FAR, tol=0, algorithm="yinyang", record=True), X),
    "exponion": (KMeans(9, n_init=2, algorithm="exponion", tol=0, random_state=2), X[:, :2]),
    "ratings": (RatingMixture(3, n_init=3, random_state=0), ratings()),
    "ratings, diag": (
        RatingMixture(3, n_init=2, covariance_type="diag", random_state=0),
        ratings(),
    ),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk, which the end of a process is not about."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def killed_after(steps: int) -> Any:
    """Return a callback that ends the fit in the step after so many."""
    left = [steps]

    def callback(step: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    return callback


def run(model: Any, data: Any, path: Path, steps: int, **others: Any) -> Any:
    """Return the fitted model, or None if it was killed."""
    fresh = clone(model).set_params(checkpoint=path, checkpoint_every=0, **others)
    try:
        fresh.set_params(callback=killed_after(steps)).fit(data)
    except Killed:
        assert path.exists() or steps == 0
        return None
    assert not path.exists()
    return fresh.set_params(callback=None, n_jobs=None)


def survived(model: Any, data: Any, path: Path, every: Any, **others: Any) -> tuple[Any, int]:
    """Return the model fitted in runs of so many steps, and how many runs were killed."""
    kills = 0
    for steps in every:
        fitted = run(model, data, path, steps, **others)
        if fitted is not None:
            return fitted, kills
        kills += 1
    return run(model, data, path, 10**9, **others), kills


def saved(model: Any, folder: Path) -> bytes:
    model.save(folder / "model")
    return (folder / "model").read_bytes()


def same(left: Any, right: Any) -> bool:
    if isinstance(left, Mixture):
        parts = ("weights", "means", "covariances")
        return all(same(getattr(left, part), getattr(right, part)) for part in parts)
    if isinstance(left, tuple | list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, np.ndarray) and left.dtype.kind == "f":
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    return bool(np.all(left == right))


@pytest.mark.parametrize("name", MODELS)
def test_a_killed_fit_ends_as_an_undisturbed_one(name: str, tmp_path: Path) -> None:
    model, data = MODELS[name]
    whole = clone(model).fit(data)
    fitted, kills = survived(model, data, tmp_path / "c", [0, 1, 2, 3, 5, 1, 4, 7, 2, 6] * 3)
    assert kills > 2
    assert saved(fitted, tmp_path) == saved(whole, tmp_path)
    for attribute in vars(whole):
        if attribute.endswith("_") and attribute != "status_":
            assert same(getattr(fitted, attribute), getattr(whole, attribute)), attribute
    assert fitted.status_ is whole.status_
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("threads", [(1, 2), (2, 1)])
def test_threads_do_not_matter(threads: tuple[int, int], tmp_path: Path) -> None:
    model, data = MODELS["numba"]
    whole = clone(model).fit(data)
    assert run(model, data, tmp_path / "c", 30, n_jobs=threads[0]) is None
    fitted = run(model, data, tmp_path / "c", 10**9, n_jobs=threads[1])
    assert saved(fitted, tmp_path) == saved(whole, tmp_path)


@pytest.mark.parametrize("name", ["full", "k-means", "ratings"])
@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_random_numbers_go_on(name: str, bits: Any, tmp_path: Path) -> None:
    model, data = MODELS[name]
    whole = clone(model).set_params(random_state=np.random.RandomState(bits(5))).fit(data)
    state = np.random.RandomState(bits(5))
    assert run(model, data, tmp_path / "c", 12, random_state=state) is None
    fitted, _ = survived(model, data, tmp_path / "c", [9, 30], random_state=state)
    none = {"random_state": None}
    assert saved(fitted.set_params(**none), tmp_path) == saved(whole.set_params(**none), tmp_path)


def test_starts_that_a_callable_draws_go_on(tmp_path: Path) -> None:
    def init(rows: Any, k: int, random_state: Any) -> Any:
        return rows[random_state.randint(0, len(rows), k)]

    model = KMeans(7, init=init, n_init=4, tol=0, random_state=3)
    whole = clone(model).fit(X)
    fitted, kills = survived(model, X, tmp_path / "c", [5] * 20)
    assert kills > 3
    assert same(fitted.cluster_centers_, whole.cluster_centers_)


@pytest.mark.parametrize("name", ["full", "k-means", "ratings"])
def test_a_fit_that_a_callback_ends_goes_on(name: str, tmp_path: Path) -> None:
    model, data = MODELS[name]
    path, seen = tmp_path / "c", list[Any]()
    early = clone(model).set_params(checkpoint=path)

    def callback(step: Any) -> bool:
        seen.append(step)
        return len(seen) == 15

    early.set_params(callback=callback, n_jobs=1).fit(data)
    assert path.exists()
    fitted = run(model, data, path, 10**9)
    assert saved(fitted, tmp_path) == saved(clone(model).fit(data), tmp_path)


def test_what_has_ended_is_not_run_again(tmp_path: Path) -> None:
    model, steps = clone(MODELS["k-means"][0]), list[int]()
    model.set_params(checkpoint=tmp_path / "c", checkpoint_every=0)
    end = clone(model).fit(X).n_iter_
    model.callback = lambda step: steps.append(step.restart)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "remove_checkpoint", lambda path: None)
        model.fit(X)  # killed just before the file would have been removed
    done, centres = len(steps), model.cluster_centers_
    assert done >= end
    model.fit(X)
    assert len(steps) == done
    assert same(model.cluster_centers_, centres)
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.parametrize("name", ["full", "k-means", "ratings"])
def test_chunks_of_a_stream_have_none(name: str, left: Path) -> None:
    content, (model, data) = left.read_bytes(), MODELS[name]
    clone(model).set_params(checkpoint=left, checkpoint_every=0).partial_fit(data)
    assert left.read_bytes() == content  # of a fit that can still go on


# --- other settings, other data ---


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Return the checkpoint of a killed GaussianMixture(3)."""
    assert run(GaussianMixture(3, random_state=0), X, tmp_path / "c", 3) is None
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 4}, "n_components is 3 there and 4 here"),
        ({"tol": 1e-3}, "tol is 'auto' there and 0.001 here"),
        ({"random_state": None}, "random_state is 0 there and None here"),
        ({"max_iter": 7, "n_init": 2}, "max_iter is 1000 there and 7 here; n_init is 1 there"),
        ({"means_init": X[:3]}, r"means_init is None there and 'an array of shape \(3, 3\) \("),
        ({"init_params": len}, "init_params is 'kmeans' there and 'builtins.len' here"),
        ({"init_params": np.arange(len(X)) % 3}, "init_params is 'kmeans' there and 'an array"),
    ],
)
def test_other_settings_are_named(params: dict[str, Any], words: str, left: Path) -> None:
    content = left.read_bytes()
    model = GaussianMixture(3, random_state=0).set_params(checkpoint=left, **params)
    with pytest.raises(CheckpointError, match=f"{left}: .* of a fit with other settings: {words}"):
        model.fit(X)
    assert left.read_bytes() == content


def test_every_parameter_is_compared_but_those_that_change_nothing() -> None:
    compared = checkpoints.purpose(GaussianMixture())["settings"]
    assert {*compared, *checkpoints.ASIDE} == {*GaussianMixture().get_params()}


def test_another_estimator_is_named(left: Path) -> None:
    with pytest.raises(CheckpointError, match="a GaussianMixture there and a KMeans here"):
        KMeans(3, checkpoint=left).fit(X)


def test_arrays_and_mixtures_are_compared_by_what_they_hold() -> None:
    def words(**params: Any) -> Any:
        return checkpoints.purpose(GaussianMixture(2, **params))["settings"]

    ones = Mixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], "spherical")
    twos = Mixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 2.0], "spherical")
    assert words(init_params=ones) == words(init_params=ones)
    assert words(init_params=ones) != words(init_params=twos)
    assert words(means_init=[[1], [2]]) == words(means_init=np.array([[1.0], [2.0]]))
    assert words(means_init=[[1], [2]]) != words(means_init=[[2], [1]])


def test_a_warm_start_is_a_setting(tmp_path: Path) -> None:
    model = GaussianMixture(3, warm_start=True, random_state=0, max_iter=2).fit(X)
    first = checkpoints.purpose(model)
    assert first != checkpoints.purpose(clone(model))
    assert first != checkpoints.purpose(model.fit(X))


def changed(X: NDArray[Any], row: int, value: float) -> NDArray[Any]:
    other = X.copy()
    other[row, 1] = value
    return other


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (X[:-1], "rows: 240 there and 239 here"),
        (X[:, :2], "columns: 3 there and 2 here"),
        (changed(X, 7, np.nextafter(X[7, 1], 9)), "cells differ"),
        (changed(X, 7, np.nan), "cells differ"),
        (X[::-1], "cells differ"),
        (X[:, [1, 0, 2]], "cells differ"),
        (X.astype(np.float32), "cells differ"),
    ],
)
def test_other_rows_are_named(data: Any, words: str, left: Path) -> None:
    model = GaussianMixture(3, random_state=0, checkpoint=left)
    with pytest.raises(CheckpointError, match=f"is of a fit of other data: {words}"):
        model.fit(data)
    assert run(GaussianMixture(3, random_state=0), X, left, 10**9) is not None


def test_other_names_and_weights_are_named(left: Path) -> None:
    pandas = pytest.importorskip("pandas")
    model = GaussianMixture(3, random_state=0, checkpoint=left)
    with pytest.raises(CheckpointError, match="names of columns: None there and a, b, c here"):
        model.fit(pandas.DataFrame(X, columns=["a", "b", "c"]))
    with pytest.raises(CheckpointError, match="weights differ"):
        model.fit(X, sample_weight=np.ones(len(X)))


def test_other_ratings_are_named(tmp_path: Path) -> None:
    model, data = MODELS["ratings"]
    assert run(model, data, tmp_path / "c", 2) is None
    fewer, other = data.copy(), data.copy()
    user, item = np.argwhere(~np.isnan(data))[0]
    fewer[user, item], other[user, item] = np.nan, data[user, item] + 0.5
    with pytest.raises(CheckpointError, match=r"ratings: \d+ there and \d+ here"):
        run(model, fewer, tmp_path / "c", 2)
    with pytest.raises(CheckpointError, match="cells differ"):
        run(model, other, tmp_path / "c", 2)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("30s", 30), ("5min", 300), ("1.5h", 5400), ("2", 2), (" 7 s ", 7), ("0s", 0), (0.25, 0.25)],
)
def test_times(value: Any, wanted: float) -> None:
    assert seconds(value) == wanted


@pytest.mark.parametrize("value", ["", "s", "-1s", "5 days", "nan", -1, np.nan, np.inf, True])
def test_times_that_are_none(value: Any, tmp_path: Path) -> None:
    model = KMeans(2, checkpoint=tmp_path / "c", checkpoint_every=value)
    with pytest.raises(InputError, match=r"checkpoint_every=.* must be a number of seconds"):
        model.fit(X)


def test_places_are_refused_before_the_fit(tmp_path: Path) -> None:
    def never(step: Any) -> None:
        raise AssertionError

    for path in (tmp_path, tmp_path / "no" / "c"):
        for kind, data in ((GaussianMixture, X), (KMeans, X), (RatingMixture, ratings())):
            with pytest.raises(CheckpointError, match=f"^{path}: "):
                kind(2, checkpoint=path, callback=never).fit(data)


def test_a_search_has_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not go with n_components='auto'"):
        GaussianMixture("auto", checkpoint=tmp_path / "c").fit(X)


def test_a_damaged_file_is_refused_and_stays(left: Path) -> None:
    left.write_bytes(left.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="damaged or cut short; delete it"):
        GaussianMixture(3, random_state=0, checkpoint=left).fit(X)
    left.write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match="no checkpoint of mixtura"):
        GaussianMixture(3, random_state=0, checkpoint=left).fit(X)
    assert left.read_text() == "a,b\n1,2\n"


def test_a_file_that_no_fit_has_written_makes_no_objects(left: Path) -> None:
    found = read_checkpoint(left)
    assert found is not None
    arrays, facts = found
    facts["running"]["0"]["record"] = "Popen"
    write_checkpoint(left, arrays, facts)
    with pytest.raises(CheckpointError, match="damaged"):
        GaussianMixture(3, random_state=0, checkpoint=left).fit(X)


def test_a_fit_that_fails_at_once_leaves_nothing(tmp_path: Path) -> None:
    model = GaussianMixture(3, init_params=np.zeros(7, int), checkpoint=tmp_path / "c")
    with pytest.raises(InputError, match="init_params"):
        model.fit(X)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_does_not_end_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, path, contents = clone(MODELS["k-means"][0]), tmp_path / "c", list[bytes]()

    def full(*_: Any) -> None:
        contents.append(path.read_bytes())
        raise OSError(errno.ENOSPC, "No space left on device")

    def callback(step: Any) -> None:
        if (step.restart, step.iteration) == (0, 3):
            monkeypatch.setattr(checkpoints, "write_checkpoint", full)

    model.set_params(checkpoint=path, checkpoint_every=0, callback=callback)
    with pytest.warns(UserWarning, match=rf"{path}: .* no space left on device.* goes on") as told:
        model.fit(X)
    assert len(told) == 1
    assert len(contents) > 2
    assert len(set(contents)) == 1  # the last checkpoint stays
    assert same(model.cluster_centers_, clone(MODELS["k-means"][0]).fit(X).cluster_centers_)


def test_it_is_written_when_it_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = list[int]()
    monkeypatch.setattr(checkpoints, "write_checkpoint", lambda *_: writes.append(1))
    model = clone(MODELS["k-means"][0]).set_params(checkpoint=tmp_path / "c", n_init=1)
    iterations = model.fit(X).n_iter_
    assert len(writes) == 1  # the random numbers, before the first start
    model.set_params(checkpoint_every=0).fit(X)
    assert len(writes) == 1 + 1 + iterations


def test_threads_write_in_turn(tmp_path: Path) -> None:
    model, data = MODELS["recorded"]
    fresh = clone(model).set_params(checkpoint=tmp_path / "c", checkpoint_every=0, n_jobs=2)
    ended, bad = threading.Event(), list[BaseException]()

    def watch() -> None:
        while not ended.is_set():
            try:
                read_checkpoint(tmp_path / "c")
            except CheckpointError as error:
                bad.append(error)

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        fresh.fit(data)
    finally:
        ended.set()
        reader.join()
    assert bad == []
    assert os.listdir(tmp_path) == []


def test_memory_order_is_kept() -> None:
    table = np.arange(24.0).reshape(2, 3, 4)
    state = (table, table.transpose(2, 0, 1), table[:, ::2], (None, 0.1), Status.MAX_ITER)
    arrays: dict[str, NDArray[Any]] = {}
    back = unpacked(packed(state, arrays), arrays)
    assert same(back, state)
    assert back[1].strides == np.array(table).transpose(2, 0, 1).strides
    assert back[4] is Status.MAX_ITER


def test_models_do_not_tell_where_they_were_kept(tmp_path: Path) -> None:
    model = KMeans(2, checkpoint=str(tmp_path / "c"), checkpoint_every=1).fit(X)
    model.save(tmp_path / "m")
    assert load(tmp_path / "m").checkpoint is None
    assert b"checkpoint" not in (tmp_path / "m").read_bytes()


# --- real processes, killed ---

LIBRARY = """
from ast import literal_eval
import numpy as np
import mixtura
warnings.simplefilter("ignore")
kind, params, data, path, model = sys.argv[1:6]
data = np.load(data)
def end(model):
    fit = getattr(mixtura, kind)(**literal_eval(params), checkpoint=path, checkpoint_every=0)
    fit.set_params(callback=lambda step: time.sleep(0.005)).fit(data)
    fit.set_params(callback=None).save(model)
"""
COMMAND = """
from mixtura.cli import main
path, model, *command = sys.argv[1:]
def end(model):
    sys.argv[1:] = [*command, "-o", model, "--checkpoint", path, "--checkpoint-every", "0s"]
    sys.stdout = open(os.devnull, "w")
    try:
        main()
    except SystemExit as exit:
        assert not exit.code
"""
#: Ends a fit again and again, each in a process of its own, until twenty of these were killed.
KILLS = """
import os, random, signal, sys, time, warnings
{preparation}
draw, kills, ended, restarts = random.Random(0), 0, 0, 0
while kills < 20 or os.path.exists(path):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            end(f"{{model}}{{ended}}")
            status = 0
        finally:
            os._exit(status)
    moment, done = draw.uniform(0.0, 0.4), 0
    begun = time.monotonic()
    while done == 0 and time.monotonic() - begun < moment:
        if not os.path.exists(path):
            begun = time.monotonic()
        time.sleep(0.001)
        done, status = os.waitpid(child, os.WNOHANG)
    if done == 0 and kills < 20:
        os.kill(child, signal.SIGKILL)
        kills += 1
        restarts += os.path.exists(path)
    if done == 0:
        status = os.waitpid(child, 0)[1]
    if status == 0:
        ended += 1
    else:
        assert os.WIFSIGNALED(status), status
print(kills, restarts, ended)
"""


def models_of_killed(preparation: str, arguments: list[str], folder: Path) -> list[bytes]:
    """Return what all fits that came to their end have saved, of twenty that were killed."""
    code = KILLS.format(preparation=preparation)
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kills, restarts, ended = map(int, done.stdout.split())
    assert kills == 20
    assert restarts > 15  # of the others the kill came just as the file had been removed
    found = sorted(folder.glob("model*"))
    assert len(found) == ended
    assert not (folder / "c").exists()
    return [path.read_bytes() for path in found]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "params", "data"),
    [
        (
            "GaussianMixture",
            {"n_components": 5, "n_init": 3, "init_params": "random", "random_state": 0},
            groups(200),
        ),
        (
            "GaussianMixture",
            {"n_components": 4, "n_init": 3, "init_params": "random", "random_state": 0},
            with_holes(groups(60)),
        ),
        (
            "KMeans",
            {"n_clusters": 40, "n_init": 20, "init": "random", "tol": 0.0, "random_state": 0},
            groups(3000, 2),
        ),
        (
            "RatingMixture",
            {"n_components": 6, "n_init": 9, "tol": 1e-7, "random_state": 0},
            ratings(),
        ),
    ],
    ids=["mixture", "mixture with holes", "k-means", "ratings"],
)
def test_twenty_kills_change_no_byte(kind: str, params: Any, data: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", data)
    files = [str(tmp_path / name) for name in ("data.npy", "c", "model")]
    found = models_of_killed(LIBRARY, [kind, repr(params), *files], tmp_path)
    own = {"GaussianMixture": GaussianMixture, "KMeans": KMeans, "RatingMixture": RatingMixture}
    whole = own[kind](**params).fit(data)
    assert set(found) == {saved(whole, tmp_path)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("fit", "-k", "5", "--n-init", "3"), ("kmeans", "-k", "60", "--tol", "0")]
)
def test_twenty_kills_of_a_command_change_no_byte(command: Any, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "data.csv", groups(5000, 4), delimiter=",", header="a,b,c,d", comments="")
    own = [command[0], str(tmp_path / "data.csv"), *command[1:]]
    found = models_of_killed(
        COMMAND, [str(tmp_path / "c"), str(tmp_path / "model"), *own], tmp_path
    )
    whole = [sys.executable, "-c", "from mixtura.cli import main; main()", *own, "-o"]
    subprocess.run([*whole, str(tmp_path / "whole")], check=True, capture_output=True)
    assert set(found) == {(tmp_path / "whole").read_bytes()}
