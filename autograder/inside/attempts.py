"""Attempts to break each promise of the walls, made at the start of every worker, in a child.

The trusted side lays baits that would be harmed or told without walls, and starts no submission
before every attempt has failed.
"""

import contextlib
import ctypes
import encodings.idna  # noqa: F401  # what connecting to an address looks up
import mmap
import os
import socket
import threading
from collections.abc import Callable
from typing import TypedDict

from autograder.inside.walls import libc

PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
PR_GET_NO_NEW_PRIVS = 39
MAP_NORESERVE = 0x4000
CLONE_NEWUSER = 0x10000000
ATTEMPTS: dict[str, list[Callable[["Baits"], bool]]] = {}


class Baits(TypedDict):
    """What the trusted side has laid: its own process among it."""

    folder: str  # anybody may change it; it holds the files ``secret`` and ``victim``
    secret: str
    pid: int
    address: int  # where in that process the secret's bytes begin
    port: int
    path_socket: str
    abstract_socket: str


def against(promise: str) -> Callable[[Callable[["Baits"], bool]], Callable[["Baits"], bool]]:
    """Register an attempt, which tells whether it broke a promise; OSError says it did not."""

    def register(attempt: Callable[["Baits"], bool]) -> Callable[["Baits"], bool]:
        ATTEMPTS.setdefault(promise, []).append(attempt)
        return attempt

    return register


def broken_promises(baits: Baits) -> dict[str, list[str]]:
    """Make every attempt, and return by promise the names of those that succeeded."""
    broken: dict[str, list[str]] = {}
    for promise, attempts in ATTEMPTS.items():
        for attempt in attempts:
            with contextlib.suppress(OSError, MemoryError, RuntimeError, ValueError):
                if attempt(baits):
                    broken.setdefault(promise, []).append(attempt.__name__)
    return broken


@against("files")
def read_a_file(baits: Baits) -> bool:
    with open(os.path.join(baits["folder"], "secret"), encoding="utf-8") as file:
        return file.read() == baits["secret"]


@against("files")
def list_a_folder(baits: Baits) -> bool:
    return bool(os.listdir(baits["folder"]))


@against("files")
def see_a_file(baits: Baits) -> bool:
    return bool(os.stat(os.path.join(baits["folder"], "secret")))


@against("files")
def write_a_file(baits: Baits) -> bool:
    with open(os.path.join(baits["folder"], "victim"), "a", encoding="utf-8") as file:
        return file.write("x") == 1


@against("files")
def create_a_file(baits: Baits) -> bool:
    os.close(os.open(os.path.join(baits["folder"], "created"), os.O_CREAT | os.O_WRONLY))
    return True


@against("files")
def delete_a_file(baits: Baits) -> bool:
    os.unlink(os.path.join(baits["folder"], "victim"))
    return True


@against("processes")
def signal_the_grader(baits: Baits) -> bool:
    os.kill(baits["pid"], 0)
    return True


@against("processes")
def signal_the_warm_process(_: Baits) -> bool:
    os.kill(os.getppid(), 0)
    return True


@against("processes")
def read_memory(baits: Baits) -> bool:
    """Read the grader's memory by process_vm_readv, and compare it with the secret."""
    length = len(baits["secret"])
    buffer = ctypes.create_string_buffer(length)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), length)
    there = (ctypes.c_size_t * 2)(baits["address"], length)
    got = libc().process_vm_readv(baits["pid"], here, 1, there, 1, 0)
    return bool(got == length and buffer.raw == baits["secret"].encode())


@against("processes")
def open_memory(baits: Baits) -> bool:
    os.close(os.open(f"/proc/{baits['pid']}/mem", os.O_RDWR))
    return True


@against("processes")
def trace_the_grader(baits: Baits) -> bool:
    """Seize it, which does not stop it, and let it go."""
    library = libc()
    if library.ptrace(PTRACE_SEIZE, baits["pid"], 0, 0) < 0:
        return False
    library.ptrace(PTRACE_DETACH, baits["pid"], 0, 0)
    return True


@against("network")
def connect_to_a_port(baits: Baits) -> bool:
    with socket.create_connection(("127.0.0.1", baits["port"]), timeout=1):
        return True


@against("network")
def connect_to_a_path(baits: Baits) -> bool:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(baits["path_socket"])
        return True


@against("network")
def connect_to_a_name(baits: Baits) -> bool:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(baits["abstract_socket"])
        return True


@against("network")
def make_a_datagram_socket(_: Baits) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        return True


@against("privileges")
def become_root(_: Baits) -> bool:
    """Be root, or become it again: what a uid is inside says nothing, what it can regain does."""
    os.setuid(0)
    return True


@against("privileges")
def gain_privileges(_: Baits) -> bool:
    return bool(libc().prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)


@against("privileges")
def make_a_namespace(_: Baits) -> bool:
    """Make one of users, in which a process has every capability."""
    return bool(libc().unshare(CLONE_NEWUSER) == 0)


@against("limits")
def take_more_memory(_: Baits) -> bool:
    import resource  # only here: Windows has none

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return True
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    mmap.mmap(-1, limit, flags=flags).close()
    return True


@against("limits")
def raise_a_limit(_: Baits) -> bool:
    import resource  # only here: Windows has none

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard + 1))
    return True


@against("new processes")
def fork_a_process(_: Baits) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


@against("new processes")
def start_a_thread(_: Baits) -> bool:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return True
