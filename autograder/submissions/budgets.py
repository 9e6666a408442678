"""Reading what a student made, in a process of its own that can be killed.

The process is forked from the grader, runs our readers and nothing of the student's, and sends
bytes. The kernel counts what it uses: a file that is made to take long, or all memory, costs its
own part of a grade.
"""

import ctypes
import gc
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lab3.errors import LabError
from lab3.units import megabytes

DONE, REFUSED, NO_MEMORY, BROKEN = range(4)  # exit codes of a reader
PIECE_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1
IDLE = "try again when the computer is idle"
STATM = Path("/proc/self/statm")  # where the kernel has it: Linux


@dataclass(frozen=True)
class Budget:
    """What one reading may use; ``deadline_s`` is wall-clock time, the backstop of CPU time."""

    cpu_s: int
    memory_bytes: int
    answer_bytes: int
    deadline_s: float


class UnreadableError(LabError):
    """Something can't be read, or not within its budget; the text goes on after its name."""


class StalledError(Exception):
    """A reader was stopped by what this computer had besides: never the student's fault."""


def read_within(budget: Budget, read: Callable[[], bytes]) -> bytes:
    """Return what ``read`` returns in a process of its own.

    Raises UnreadableError with the text of a LabError that it raised, or with what it used up;
    StalledError where the computer had no time for it, RuntimeError for a fault of ours.
    """
    if not hasattr(os, "fork"):  # Windows, where nobody grades but what is their own
        return read_here(read)
    ours, theirs = os.pipe()
    parent = os.getpid()
    with warnings.catch_warnings():
        # Python warns of threads, whose locks nobody opens here. A reader takes none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        serve(theirs, parent, budget, read)
    os.close(theirs)
    try:
        answer = receive(ours, budget)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(ours)
        _, status = os.waitpid(pid, 0)
    return judge(os.waitstatus_to_exitcode(status), answer, budget)


def read_here(read: Callable[[], bytes]) -> bytes:
    """Return what ``read`` returns in this very process, without a budget."""
    try:
        return read()
    except LabError as error:
        raise UnreadableError(str(error)) from None


def serve(theirs: int, parent: int, budget: Budget, read: Callable[[], bytes]) -> NoReturn:
    """Read, send the answer or why there is none, and end without cleaning up for the grader."""
    code, answer = BROKEN, b""
    try:
        die_with(parent)
        confine(budget)
        try:
            answer = read()
            code = DONE
        except MemoryError:
            code = NO_MEMORY
        except LabError as error:
            code, answer = REFUSED, str(error).encode(errors="backslashreplace")
        except Exception as error:
            answer = f"{type(error).__name__}: {error}".encode(errors="backslashreplace")
        left = memoryview(answer)
        while left:
            left = left[os.write(theirs, left[:PIECE_BYTES]) :]
    finally:
        os._exit(code)


def die_with(parent: int) -> None:
    """Let this process be killed when its parent dies, where the system can: Linux."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def confine(budget: Budget) -> None:
    """Take from this process what a reading doesn't need."""
    import resource  # only here: Windows has none

    gc.freeze()  # what was inherited is the grader's to collect
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Rust tells of a lack of memory there
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, budget.deadline_s)  # should nothing else end it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (budget.cpu_s, budget.cpu_s + 1))
    if STATM.exists():
        inherited = int(STATM.read_text().split()[0]) * resource.getpagesize()
        most = inherited + budget.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def receive(ours: int, budget: Budget) -> bytes:
    """Return all that a reader sends until it ends."""
    end = time.monotonic() + budget.deadline_s
    answer = bytearray()
    while True:
        ready, _, _ = select.select([ours], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise StalledError(f"was not read within {budget.deadline_s:g} s: {IDLE}")
        if not (piece := os.read(ours, PIECE_BYTES)):
            return bytes(answer)
        answer += piece
        if len(answer) > budget.answer_bytes:
            raise UnreadableError(f"holds more than {budget.answer_bytes:,} bytes that count")


def judge(code: int, answer: bytes, budget: Budget) -> bytes:
    """Return the answer of a reader that ended well."""
    if code == DONE:
        return answer
    if code == REFUSED:
        raise UnreadableError(answer.decode())
    if code == BROKEN:
        raise RuntimeError(f"a reader failed: {answer.decode()}")
    if code == -signal.SIGXCPU:
        raise UnreadableError(f"takes more than {budget.cpu_s} s of CPU time to read")
    if code in (NO_MEMORY, -signal.SIGABRT):  # the latter from Rust
        most = megabytes(budget.memory_bytes)
        raise UnreadableError(f"takes more than {most} of memory to read")
    if code in (-signal.SIGKILL, -signal.SIGALRM):
        raise StalledError(f"was not read, since the computer ended its reader: {IDLE}")
    raise UnreadableError(f"makes its reader crash with signal {-code}")
