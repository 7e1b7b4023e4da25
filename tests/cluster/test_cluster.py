"""Fits on real clusters: equal to those in memory, and the same whatever dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client
from distributed.comm.tcp import TCP

from mixtura import GaussianMixture, KMeans, MixturaError
from mixtura._errors import ClusterError

pytestmark = pytest.mark.slow

PARAMETERS = ("weights_", "means_", "covariances_")
#: Enough updates to be killed in the middle of.
FIT: dict[str, Any] = {"n_components": 4, "tol": 1e-6, "max_iter": 200, "random_state": 0}


def rows(n: int = 100_000) -> np.ndarray:
    """Return rows (n, 4) of four groups that overlap, so that EM takes its time."""
    rng = np.random.default_rng(17)
    centres = rng.normal(size=(4, 4))
    return centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 4))


def parted(X: np.ndarray, n: int) -> da.Array:
    """Return rows in ``n`` partitions."""
    return da.from_array(X, chunks=(-(-len(X) // n), X.shape[1]))


def same(model: Any, other: Any, names: tuple[str, ...] = PARAMETERS) -> bool:
    """Return whether the parameters of two fits are equal to the bit."""
    return all(np.array_equal(getattr(model, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.usefixtures("found")
def test_parameters_are_those_of_memory_and_equal_in_every_run(holes: bool) -> None:
    X = rows()
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    if holes:
        X[::5, 1] = X[::7, 3] = np.nan
    memory = GaussianMixture(**FIT).fit(X, sample_weight=weights)
    assert memory.n_iter_ > 10
    for n in (1, 2, 5):
        fits = [GaussianMixture(**FIT).fit(parted(X, n), sample_weight=weights) for _ in "ab"]
        assert same(*fits)
        for name in PARAMETERS:
            np.testing.assert_allclose(
                getattr(fits[0], name), getattr(memory, name), rtol=1e-10, atol=1e-10
            )
    assert fits[0].score(parted(X, 3)) == pytest.approx(memory.score(X), rel=1e-12)


@pytest.mark.usefixtures("found")
def test_centres_are_those_of_memory_and_equal_in_every_run() -> None:
    X = rows()
    memory = KMeans(4, init=X[:4], max_iter=20).fit(X)
    for n in (1, 2, 5):
        one, other = (KMeans(4, init=X[:4], max_iter=20).fit(parted(X, n)) for _ in "ab")
        assert np.array_equal(one.cluster_centers_, other.cluster_centers_)
        np.testing.assert_allclose(one.cluster_centers_, memory.cluster_centers_, rtol=1e-10)


def test_a_worker_killed_in_mid_fit_changes_nothing(found: Client) -> None:
    X = parted(rows(), 5)
    weights = np.random.default_rng(1).integers(1, 3, X.shape[0])
    undisturbed = GaussianMixture(**FIT).fit(X, sample_weight=weights)
    pids = found.run(os.getpid)
    first = next(iter(pids))

    def kill(step: Any) -> None:
        if step.iteration == 4:
            assert found.has_what()[first]  # which goes with it
            os.kill(pids[first], signal.SIGKILL)

    fit = GaussianMixture(**FIT, callback=kill).fit(X, sample_weight=weights)
    assert same(fit, undisturbed)
    assert first not in found.nthreads()


def test_a_worker_that_nobody_starts_again_changes_nothing(processes: Any) -> None:
    X = parted(rows(), 5)
    undisturbed = GaussianMixture(**FIT).fit(X)

    def kill(step: Any) -> None:
        if step.iteration == 4:
            processes.workers[0].kill()

    assert same(GaussianMixture(**FIT, callback=kill).fit(X), undisturbed)
    assert len(processes.client.nthreads()) == 1


def test_a_lost_scheduler_is_named_with_the_checkpoint(processes: Any, tmp_path: Path) -> None:
    address = processes.client.scheduler.address
    path = tmp_path / "fit.checkpoint"

    def kill(step: Any) -> None:
        if step.iteration == 4:
            processes.scheduler.kill()

    fit = GaussianMixture(**FIT, callback=kill, checkpoint=path, checkpoint_every=0)
    with pytest.raises(ClusterError, match=rf"scheduler {address} was lost.*{path}"):
        fit.fit(parted(rows(), 5))
    assert isinstance(ClusterError(), MixturaError)
    assert path.exists()


def test_a_partition_that_workers_die_of_is_named(
    found: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(block: np.ndarray, block_id: Any = None) -> np.ndarray:
        if block_id[0] == 1:
            os._exit(1)
        return block

    X = parted(rows(1000), 3).map_blocks(dies, dtype=float, meta=np.empty((0, 0)))
    monkeypatch.setattr(found.cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(ClusterError, match=r"1 workers died .* with partition 1 of X"):
        GaussianMixture(2).fit(X)
    found.wait_for_workers(2, timeout=60)


def test_the_client_is_sent_no_rows(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read, sizes = TCP.read, []

    async def counted(self: TCP, deserializers: Any = None) -> Any:
        message = await read(self, deserializers)
        sizes.append(dask.sizeof.sizeof(message))
        return message

    monkeypatch.setattr(TCP, "read", counted)
    X = da.random.default_rng(0).normal(size=(1_000_000, 4), chunks=(200_000, 4))
    fit = GaussianMixture(3, random_state=0, tol=0.0, max_iter=30, init_params="random_from_data")
    with pytest.warns(match="max_iter"):
        fit.fit(X)
    labels = fit.predict(X)
    assert fit.score(X) > -10
    assert sum(sizes) < 2_000_000  # a sample of 10,000 rows among them; the rows take 32,000,000
    assert len(labels.compute()) == 1_000_000
    assert sum(sizes) > 8_000_000  # what is asked for is counted
