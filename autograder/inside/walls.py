"""The walls that the worker and its children raise around themselves (Linux).

The worker shuts itself in before it imports anything large, and takes another user's id when it
has. A child calls ``raise_walls`` on itself, before any student code runs.
"""

import ctypes
import os
import struct
from collections.abc import Sequence
from typing import Any

from autograder.inside import landlock, system_calls

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_READ, PR_CAPBSET_DROP = 1, 4, 23, 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITIES_V3 = 0x20080522
SIGKILL = 9


class WallError(Exception):
    """A wall of the worker can't be raised here: which one, and why."""


def libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def call(result: int, what: str) -> None:
    """Raise OSError when a C function has failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def die_with_parent(library: Any) -> None:
    call(library.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "die with the parent")


def shut_in(readable: Sequence[str]) -> None:
    """Keep the worker to what may be read, before it imports torch. Raises WallError."""
    try:
        call(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
        landlock.restrict(readable)
    except OSError as error:
        raise WallError(f"Landlock can't be raised: {error.strerror}") from None


def become(uid: int) -> None:
    """Take a user's and group's id, and no other group's. Raises WallError."""
    library = libc()
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise WallError(f"becoming another user is impossible: {error.strerror}") from None
    die_with_parent(library)  # a change of user takes this promise back
    drop_privileges(library)


def raise_walls(limits: dict[str, int], has_landlock: bool) -> None:
    """Shut a child in for good.

    ``limits``: ``address_space_bytes``, ``data_bytes``, ``cpu_s``, ``files``. Raises OSError when a
    wall can't be raised: the caller must not go on then.
    """
    library = libc()
    die_with_parent(library)
    set_limits(limits)
    drop_privileges(library)
    if has_landlock:
        landlock.restrict()
    system_calls.refuse_all_others(library)


def set_limits(limits: dict[str, int]) -> None:
    """Set the limits, or lower ones where somebody has set these already."""
    import resource  # only here: Windows has none

    for name, value in (
        (resource.RLIMIT_AS, limits["address_space_bytes"]),
        (resource.RLIMIT_DATA, limits["data_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        hard = resource.getrlimit(name)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (least, least))


def drop_privileges(library: Any) -> None:
    """Give up every capability, and every way to gain one."""
    call(library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    for capability in range(64):
        if library.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0:
            break  # past the last capability
        library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused to who holds none anyway
    header = struct.pack("Ii", CAPABILITIES_V3, 0)
    call(library.capset(header, bytes(24)), "drop capabilities")
    call(library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "not dumpable")


def in_use(limit: int) -> int:
    """Return how many bytes of RLIMIT_AS or RLIMIT_DATA this process has, without /proc.

    The smallest limit under which one more page can be had is found by halving, to the megabyte.
    """
    import mmap
    import resource

    soft, hard = resource.getrlimit(limit)
    low, high = 0, 1 << 47 if hard == resource.RLIM_INFINITY else hard
    while high - low > 1 << 20:
        middle = (low + high) // 2
        resource.setrlimit(limit, (middle, hard))
        try:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            mmap.mmap(-1, mmap.PAGESIZE, flags=flags).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(limit, (soft, hard))
    return high
