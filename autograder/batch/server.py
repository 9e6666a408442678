"""The process that all grading processes are forked from: it has imported PyTorch, once for all.

It is a parent that outlives them: what they leave behind is reaped here, a process that is ended
can't be another one by then, and all of them end with it, as it does with whoever started it.
The first workers are started here too: they import PyTorch at the same time.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

from autograder.host.child import SandboxError
from autograder.host.processes import adopt_orphans
from autograder.host.sandbox import Sandbox, Tier

START_S = 300.0  # a cold import of PyTorch from a slow disk, on a loaded computer
END_S = 10
MIDDLE_S = 60  # from one part of a message to the next
AHEAD = 4  # workers at most are started before there are processes for them, one after the other
BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; from autograder.batch.server import main; "
    "main(sys.argv[1])"
)


class ServerError(Exception):
    """The server has died, or hangs, or can't fork; the text goes on after "the server"."""


class Server:
    """The server, seen from outside. ``threads`` are for each process, to count accuracies.

    It starts workers ``ahead``, behind the first of ``tiers``; their files are in ``folder``.
    """

    def __init__(self, threads: int, folder: Path, tiers: Sequence[Tier], ahead: int) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        with theirs:
            plan = {
                "fd": theirs.fileno(),
                "folder": str(folder),
                "tiers": list(tiers),
                "ahead": min(ahead, AHEAD),
            }
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", BOOTSTRAP, json.dumps(plan), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                start_new_session=True,  # Ctrl-C is for whoever started it
            )
        self._answers = self._control.makefile("rb")

    @property
    def has_died(self) -> bool:
        return self._process.poll() is not None

    def fork(self) -> tuple[int, Connection]:
        """Return the id of a new grading process, and our end of its pipe."""
        ours, theirs = Pipe()
        try:
            with theirs:
                limit_waiting(ours)
                return self._ask({"do": "fork"}, [theirs.fileno()]), ours
        except BaseException:
            ours.close()
            raise

    def end(self, pid: int) -> int:
        """End a grading process, if it has not ended; return its exit code as Python has it."""
        return self._ask({"do": "end", "pid": pid})

    def _ask(self, request: dict[str, Any], fds: Sequence[int] = ()) -> int:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], fds)
            line = self._answers.readline()
        except TimeoutError as error:
            raise ServerError(f"says nothing for {START_S:.0f} s") from error
        except OSError:
            line = b""
        if not line:
            raise ServerError("has died")
        answer: dict[str, Any] = json.loads(line)
        if "fault" in answer:
            raise ServerError(f"can't fork: {answer['fault']}")
        return int(answer["value"])

    def close(self) -> None:
        """End it and all grading processes."""
        self._answers.close()
        self._control.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # it imports, or is stopped
            self._process.kill()
            self._process.wait()


def limit_waiting(connection: Connection) -> None:
    """Let the rest of a message be waited for so long: whoever sends it may have been stopped."""
    limit = struct.pack("ll", MIDDLE_S, 0)
    with socket.socket(fileno=os.dup(connection.fileno())) as its:
        its.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


class Family:
    """The grading processes that were forked here, and whatever they leave behind.

    ``started`` are workers that wait for a process to serve.
    """

    def __init__(self, started: Sequence[Sandbox]) -> None:
        self.alive: set[int] = set()
        self._codes: dict[int, int] = {}  # of processes that have ended
        self._started = list(started)
        self._given: dict[int, Sandbox] = {}  # by the process that it serves

    def fork(self, theirs: int, control: socket.socket) -> int:
        """Return the id of a new grading process, which serves the pipe ``theirs``."""
        parent = os.getpid()
        sandbox = self._started[0] if self._started else None
        try:
            pid = os.fork()
            if pid == 0:
                control.close()
                for other in self._started[1:]:
                    other.let_go()
                become_grader(Connection(theirs), parent, sandbox)
        finally:
            os.close(theirs)
        self.alive.add(pid)
        if sandbox:
            del self._started[0]
            sandbox.let_go()
            self._given[pid] = sandbox
        return pid

    def end(self, pid: int) -> int:
        """Kill a process unless it has ended, and return its exit code."""
        self.reap()
        if pid in self.alive:
            os.kill(pid, signal.SIGKILL)
            self._note(*os.waitpid(pid, 0))
        if worker := self._given.pop(pid, None):
            worker.kill()
        return self._codes.pop(pid)

    def reap(self) -> None:
        """Reap what has ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._note(*ended)

    def _note(self, pid: int, status: int) -> None:
        if pid in self.alive:
            self.alive.remove(pid)
            self._codes[pid] = os.waitstatus_to_exitcode(status)
        # It may be another's number from now on.
        self._started = [sandbox for sandbox in self._started if sandbox.pid != pid]
        self._given = {of: sandbox for of, sandbox in self._given.items() if sandbox.pid != pid}

    def end_all(self) -> None:
        """Kill all, and reap them and what dies with them."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(END_S)  # whatever does not die is not waited for
        for pid in self.alive:
            os.kill(pid, signal.SIGKILL)
        for worker in (*self._given.values(), *self._started):
            worker.kill()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def become_grader(connection: Connection, parent: int, sandbox: Sandbox | None) -> NoReturn:
    """Be a grading process, perhaps with a worker that was started before."""
    code = 1
    try:
        from autograder.batch.process import serve
        from autograder.submissions.budgets import die_with

        die_with(parent)
        if sandbox:
            sandbox.adopt()
        serve(connection, sandbox)
        code = 0
    finally:
        os._exit(code)


def main(plan: str) -> None:
    """Fork and end grading processes as whoever started this asks for it, until that is gone."""
    serve(**json.loads(plan))
    os._exit(0)  # nothing is left to be done, and taking PyTorch down takes long


def serve(fd: int, folder: str, tiers: list[Tier], ahead: int) -> None:
    adopt_orphans()
    tempfile.tempdir = folder
    family = Family(started(tiers, ahead))
    gc.disable()  # what is imported stays: it would be looked through many times
    from autograder.batch import process  # PyTorch with it

    process.get_ready()
    gc.freeze()
    gc.enable()
    with socket.socket(fileno=fd) as control, contextlib.suppress(ConnectionError):
        while (received := socket.recv_fds(control, 1024, 1))[0]:
            request, fds, *_ = received
            control.sendall(answer(json.loads(request), fds, family, control))
    family.end_all()


def started(tiers: Sequence[Tier], count: int) -> list[Sandbox]:
    """Start some workers; why one can't be is told by the process that it would serve."""
    sandboxes: list[Sandbox] = []
    with contextlib.suppress(SandboxError):
        while len(sandboxes) < count:
            sandboxes.append(Sandbox(tiers))
    return sandboxes


def answer(request: Any, fds: list[int], family: Family, control: socket.socket) -> bytes:
    """Do what was asked for, and return the line that tells of it."""
    try:
        value = family.fork(fds[0], control) if fds else family.end(request["pid"])
    except OSError as error:
        return json.dumps({"fault": error.strerror}).encode() + b"\n"
    return json.dumps({"value": value}).encode() + b"\n"
