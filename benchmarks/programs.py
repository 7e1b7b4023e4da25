"""Programs that answer requests in a process of their own, watched from outside.

``with Program("spark", threads=2) as spark`` starts ``python -m benchmarks.spark``, which calls
``serve``; ``spark(n_iter=3)`` asks it for something, so that programs can be timed in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.machine import ROOT

#: Seconds between two looks at how much memory a program has.
INTERVAL = 0.02
ENDING = 60.0


def serve(make: Callable[..., Callable[..., Any]]) -> None:
    """Answer requests with what ``make(**settings)`` returns, until there are no more.

    Whatever libraries print goes to the log.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        function = make(**json.loads(sys.argv[1]))
        for line in sys.stdin:
            print(json.dumps(function(**json.loads(line))), file=answers, flush=True)


class Program:
    """A module of this package that serves, in a process that ends with the ``with`` block."""

    def __init__(self, module: str, **settings: Any) -> None:
        self._module = module
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, until the end
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", json.dumps(settings)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.polled = 0.0
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watcher.join()
        self._log.close()

    def __call__(self, **request: Any) -> Any:
        """Return the answer to a request, or raise with what the program complains of."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait()
            self._log.seek(0)
            raise RuntimeError(f"benchmarks.{self._module} failed:\n{self._log.read()[-4000:]}")
        return json.loads(answer)

    def mib(self, field: str) -> float:
        """Return a field of /proc/PID/status: resident memory now (VmRSS) or at most (VmHWM)."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in text.splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) / 1024

    def _watch(self) -> None:
        """Keep the most resident memory that was seen (MiB)."""
        while self._process.poll() is None:
            try:
                resident = psutil.Process(self._process.pid).memory_info().rss
            except psutil.Error:
                return
            self.polled = max(self.polled, resident / 2**20)
            threading.Event().wait(INTERVAL)
