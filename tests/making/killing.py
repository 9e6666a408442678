"""Processes of a running ``lab3 grade`` by what they are, to be killed at random moments."""

import random
from collections.abc import Mapping
from contextlib import suppress

import psutil

VICTIMS = (
    "caller",
    "fork server",
    "grading process",
    "reader",
    "worker",
    "child",
    "bubblewrap",
    "whole tree",
)


def family(caller: psutil.Process) -> Mapping[str, list[psutil.Process]]:
    """Return the processes of a grading that are there at the moment."""
    found: dict[str, list[psutil.Process]] = {name: [] for name in VICTIMS}
    found["caller"] = [caller]
    kinds = {caller.pid: "caller"}
    for process in caller.children(recursive=True):  # parents first
        with suppress(psutil.NoSuchProcess):
            kind = kind_of(process, kinds.get(process.ppid(), ""))
            kinds[process.pid] = kind
            found.setdefault(kind, []).append(process)
    found["whole tree"] = [process for name in VICTIMS for process in found[name]]
    return found


def kind_of(process: psutil.Process, parent: str) -> str:
    """Return what a process is, by its command line and by what its parent is."""
    line = " ".join(process.cmdline())
    if process.name() == "bwrap":
        return "bubblewrap"
    if "autograder.inside.worker" in line:
        return "child" if parent in ("worker", "child") else "worker"
    if "autograder.batch.server" in line:
        return {"caller": "fork server", "fork server": "grading process"}.get(parent, "reader")
    return "another"


def kill(caller: psutil.Process, victim: str, chance: random.Random) -> bool:
    """Kill one process of a kind, or the whole tree; tell whether there was any."""
    there = family(caller)[victim]
    chosen = there if victim == "whole tree" else there and [chance.choice(there)]
    for process in chosen:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return bool(chosen)


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
