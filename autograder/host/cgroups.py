"""Control groups: limits on memory, processes and CPU of a whole worker, where the host allows.

They are one more wall around the limits that each child has anyway, never the only one. Where
systemd runs, it is asked for a group; elsewhere groups of both versions are made below the
grader's own, when it may write there (root, or a delegated group).
"""

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

MEMORY_BYTES = 5 << 30  # a warm worker and one child
PROCESSES = 32
SYSTEMD = Path("/run/systemd/system")  # there when it runs
WAY_TO_SYSTEMD = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
PERIOD_US = 100_000  # of CPU time in each period: one core
# The shell moves itself into the groups, and becomes the worker.
ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit; shift; done; shift; exec "$@"'
# controller: (what it limits, {file: value} of version 1, the same of version 2)
CONTROLLERS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "memory": (
        "memory",
        {"memory.limit_in_bytes": str(MEMORY_BYTES)},
        {"memory.max": str(MEMORY_BYTES), "memory.oom.group": "0"},
    ),
    "pids": ("processes", {"pids.max": str(PROCESSES)}, {"pids.max": str(PROCESSES)}),
    "cpu": (
        "CPU",
        {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(PERIOD_US)},
        {"cpu.max": f"{PERIOD_US} {PERIOD_US}"},
    ),
}
COUNTER = itertools.count()


@dataclass(frozen=True)
class Group:
    """A place for one worker: ``prefix`` starts a program there, ``limited`` says what is."""

    prefix: tuple[str, ...]
    limited: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)  # what the prefix needs

    def remove(self) -> None:
        """Remove what was made, as soon as the kernel has let go of the processes in it."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)
                else:
                    break


@dataclass(frozen=True)
class Hierarchy:
    """Where the kernel shows groups with some controllers, and where in it we are."""

    version: int
    controllers: tuple[str, ...]  # of version 1; of version 2, the group itself says
    own: Path
    top: Path  # where it is mounted

    @property
    def parents(self) -> list[Path]:
        """Where a group may be made: a version 2 group with processes in it can have no others."""
        places = [self.own, self.own.parent] if self.version == 2 else [self.own]
        return [place for place in places if place == self.top or self.top in place.parents]


def make() -> Group | None:
    """Return a fresh group with as many limits as can be had, or None."""
    if group := group_of_systemd():
        return group
    folders: list[Path] = []
    limited: list[str] = []
    for hierarchy in hierarchies():
        for parent in hierarchy.parents:
            folder, here = make_below(parent, hierarchy)
            if folder:
                folders.append(folder)
                limited += here
                break
    if folders:
        files = [str(folder / "cgroup.procs") for folder in folders]
        prefix = ("/bin/sh", "-c", ENTER, "sh", *files, "--")
        group = Group(prefix, tuple(limited), tuple(folders))
        if can_be_entered(prefix):
            return group
        group.remove()
    return None


def can_be_entered(prefix: tuple[str, ...], environment: Mapping[str, str] = {}) -> bool:
    """Tell whether a program starts behind a prefix, with nothing else in its environment."""
    try:
        done = subprocess.run(
            [*prefix, "/bin/sh", "-c", ":"],
            env={"PATH": "", **environment},
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def make_below(parent: Path, hierarchy: Hierarchy) -> tuple[Path | None, list[str]]:
    """Return a new group below another and what it limits; nothing when it can limit nothing."""
    folder = parent / f"lab3-{os.getpid()}-{next(COUNTER)}"
    limited = []
    try:
        forget_dead_graders(parent)
        folder.mkdir()
    except OSError:
        return None, []
    for name, (what, first, second) in CONTROLLERS.items():
        if hierarchy.version == 2:
            with contextlib.suppress(OSError):
                (parent / "cgroup.subtree_control").write_text(f"+{name}")
        elif name not in hierarchy.controllers:
            continue
        try:
            for file, value in (first if hierarchy.version == 1 else second).items():
                (folder / file).write_text(value)
        except OSError:
            continue
        limited.append(what)
    if limited:
        return folder, limited
    folder.rmdir()
    return None, []


def forget_dead_graders(parent: Path) -> None:
    """Remove the empty groups of graders that were killed."""
    for old in parent.glob("lab3-*-*"):
        pid = old.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(OSError):
                old.rmdir()


def hierarchies(proc: Path = Path("/proc/self")) -> Iterator[Hierarchy]:
    """Find where this process's groups are shown, with a controller of ours."""
    try:
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return
    for _, names, group in groups:
        controllers = tuple(name for name in names.split(",") if name in CONTROLLERS)
        if names and not controllers:
            continue
        for mount in mounts:
            kind, _source, options = mount[mount.index("-") + 1 :]
            if kind == ("cgroup" if names else "cgroup2") and (
                not names or set(controllers) <= set(options.split(","))
            ):
                below = os.path.relpath(group, mount[3])
                if not below.startswith(".."):
                    yield Hierarchy(
                        1 if names else 2, controllers, Path(mount[4], below), Path(mount[4])
                    )
                    break


@cache
def group_of_systemd() -> Group | None:
    """Return how systemd starts a program in a group with our limits; None when it can't."""
    program, env = shutil.which("systemd-run"), shutil.which("env")
    if not (program and env and SYSTEMD.exists()):
        return None
    whose = () if os.geteuid() == 0 else ("--user",)
    limits = (f"MemoryMax={MEMORY_BYTES}", f"TasksMax={PROCESSES}", "CPUQuota=100%")
    given = (f"--property={limit}" for limit in limits)
    # What leads to the user's systemd is forgotten again before the program starts.
    environment = {name: os.environ[name] for name in WAY_TO_SYSTEMD if name in os.environ}
    forgotten = (f"--unset={name}" for name in WAY_TO_SYSTEMD)
    prefix = (program, *whose, "--scope", "--quiet", "--collect", *given, "--", env, *forgotten)
    if not can_be_entered(prefix, environment):
        return None
    limited = tuple(what for what, _, _ in CONTROLLERS.values())
    return Group(prefix, limited, environment=environment)


def describe() -> str:
    """Return what can be limited for a whole worker here, for ``lab3 doctor``."""
    if group := make():
        group.remove()
        return ", ".join(group.limited)
    return "none: no delegated group, and no systemd that would make one; children have limits"
