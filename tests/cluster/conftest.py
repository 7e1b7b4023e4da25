"""Clusters of processes on this machine, some of which die."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from mixtura.sources.dask import NO_DASHBOARD

SECONDS = 60.0


@pytest.fixture(scope="package")
def client() -> Iterator[Client]:
    """Yield the client of two workers that nannies start again."""
    with (
        LocalCluster(2, threads_per_worker=1, processes=True, **NO_DASHBOARD) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def found(client: Client) -> Iterator[Client]:
    """Yield that client as the current one."""
    with client.as_current():
        yield client


@dataclass
class Processes:
    """A scheduler and two workers without nannies, each a process to kill, and their client."""

    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    client: Client


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Yield processes of a cluster of their own."""
    place = ["--scheduler-file", str(tmp_path / "scheduler.json")]
    with ExitStack() as stack:

        def started(name: str, *options: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *place, *options]
            log: Any = stack.enter_context((tmp_path / f"{name}.log").open("ab"))
            process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(process.kill)
            return process

        scheduler = started("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        own = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        workers = [started("worker", *own, "--local-directory", str(tmp_path)) for _ in range(2)]
        client = Client(scheduler_file=place[1], timeout=SECONDS, set_as_default=False)
        stack.callback(client.close, timeout=1)
        client.wait_for_workers(2, timeout=SECONDS)
        stack.enter_context(client.as_current())
        yield Processes(scheduler, workers, client)
