"""Processes and users of this computer: nothing is left behind, nobody is met outside."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36
MAX_ID = 2**31 - 2


def adopt_orphans() -> None:
    """Let processes whose parent dies become ours, so that they are reaped where init doesn't."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def below(pid: int) -> list[int]:
    """Return the ids of all processes below one."""
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(pids: Iterable[int]) -> None:
    """Kill processes and wait for them, as far as they are ours.

    Those of another user can't be killed: they die with their parent.
    """
    pids = list(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    reap(pids)


def reap(pids: Iterable[int]) -> None:
    """Wait for processes that have ended or been killed, as far as they are ours."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def temporary_folder(prefix: str) -> "tempfile.TemporaryDirectory[str]":
    """Return a fresh folder, which only we can enter, after removing those of killed graders."""
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}-*-*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            is_ours = old.lstat().st_uid == os.geteuid()
            if is_ours and not psutil.pid_exists(int(old.name[len(prefix) :].split("-")[1])):
                shutil.rmtree(old, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{prefix}-{os.getpid()}-")


def unused_id(uid_map: Path = Path("/proc/self/uid_map")) -> int:
    """Return an id that no user, group or process has, and that this process may take.

    It is drawn at random, so that two graders meet each other hardly ever: from high ids, or,
    in a container that has few, from the highest of them.
    """
    try:
        lines = [list(map(int, line.split())) for line in uid_map.read_text().splitlines()]
    except OSError:
        lines = []
    first, count = max(
        ((inside, n) for inside, _, n in lines), key=lambda m: m[1], default=(0, MAX_ID)
    )
    end = min(first + count, MAX_ID)
    lowest = max(first + 1, end - (end - first) // 4)
    in_use = {process.uids().real for process in psutil.process_iter() if process.is_running()}
    while True:
        candidate = random.SystemRandom().randrange(lowest, end)
        if candidate not in in_use and not is_known(candidate):
            return candidate


def id_set_aside(folder: Path = Path("/etc")) -> int | None:
    """Return an id that is set aside for this user's containers, for users and groups alike.

    None when there is none, or no program that maps it: the package uidmap has them.
    """
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        return None
    ranges = [range_set_aside(folder / name) for name in ("subuid", "subgid")]
    first, end = max(r.start for r in ranges), min(r.stop for r in ranges)
    return random.SystemRandom().randrange(first, end) if first < end else None


def range_set_aside(file: Path) -> range:
    """Return this user's first range in a file as subuid(5) describes it; empty without one."""
    import pwd  # only here: Windows has none

    with contextlib.suppress(OSError, ValueError, KeyError):
        own = {str(os.geteuid()), pwd.getpwuid(os.geteuid()).pw_name}
        for line in file.read_text().splitlines():
            name, first, count = line.split(":")
            if name in own:
                return range(int(first), int(first) + int(count))
    return range(0)


def is_known(number: int) -> bool:
    """Tell whether a user or group of this number exists."""
    import grp
    import pwd

    for find in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            find(number)
            return True
    return False
