"""Processes of a running ``lab3 grade`` by what they are, to be killed at random moments."""

import random
from collections.abc import Mapping

import psutil

VICTIMS = ("caller", "fork server", "grading process", "worker", "bubblewrap", "whole tree")


def family(caller: psutil.Process) -> Mapping[str, list[psutil.Process]]:
    """Return the processes of a grading that are there at the moment."""
    found: dict[str, list[psutil.Process]] = {name: [] for name in VICTIMS}
    found["caller"] = [caller]
    for process in caller.children(recursive=True):
        try:
            kind, parent = kind_of(process), process.parent()
        except psutil.NoSuchProcess:
            continue
        if kind == "fork server" and parent is not None and parent.pid != caller.pid:
            kind = "grading process"
        if kind:
            found[kind].append(process)
    found["whole tree"] = [process for several in found.values() for process in several]
    return found


def kind_of(process: psutil.Process) -> str | None:
    """Return what a process below the caller is, as its command line tells."""
    line = " ".join(process.cmdline())
    if process.name() == "bwrap":
        return "bubblewrap"
    if "autograder.inside.worker" in line:
        return "worker"
    return "fork server" if "autograder.batch.server" in line else None


def kill(caller: psutil.Process, victim: str, chance: random.Random) -> bool:
    """Kill one process of a kind, or the whole tree; tell whether there was any."""
    there = family(caller)[victim]
    chosen = there if victim == "whole tree" else there and [chance.choice(there)]
    for process in chosen:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return bool(chosen)


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
