"""Dask clusters of real processes on this computer, or on others that it is made into."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.making import machines

QUIET = ("--no-dashboard",)
SCRIPTED = ("--preload", "tests.making.scripted_workers")


@dataclass
class Cluster:
    """A scheduler and its workers, by their process ids."""

    address: str
    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)


@contextmanager
def cluster(
    folder: Path,
    workers: int = 2,
    options: Sequence[str] = (),
    machine: str = "",
    nanny: str = "--no-nanny",
    failures: int = 3,
) -> Iterator[Cluster]:
    """A cluster for the time of a block; what it says is in files of the folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(machines.ROOT),
        "OMP_NUM_THREADS": "1",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures),
    }
    with ExitStack() as stack:

        def start(name: str, command: list[str]) -> "subprocess.Popen[bytes]":
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        file = folder / "scheduler.json"
        arguments = ["--host", "127.0.0.1", "--port", "0", *QUIET, "--scheduler-file", str(file)]
        python = [sys.executable, "-W", "ignore"]
        scheduler = start(
            "scheduler", [*python, "-m", "distributed.cli.dask_scheduler", *arguments]
        )
        while not file.exists() or not (text := file.read_text()).strip():
            assert scheduler.poll() is None, (folder / "scheduler.log").read_text()
            time.sleep(0.05)
        made = Cluster(json.loads(text)["address"], scheduler)
        for number in range(workers):
            one = [
                *(*python, "-m", "distributed.cli.dask_worker", made.address),
                *("--nthreads", "1", nanny, *QUIET, *options),
            ]
            made.workers.append(start(f"worker-{number}", machines.there(machine, one)))
        yield made
