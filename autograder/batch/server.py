"""The process that all grading processes are forked from: it has imported PyTorch, once for all.

It is a parent that outlives them: what they leave behind is reaped here, a process that is ended
can't be another one by then, and all of them end with it, as it does with whoever started it.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn

START_S = 300.0  # a cold import of PyTorch from a slow disk, on a loaded computer
END_S = 10
BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; from autograder.batch.server import main; "
    "main(int(sys.argv[1]))"
)


class ServerError(Exception):
    """The server has died, or hangs, or can't fork; the text goes on after "the server"."""


class Server:
    """The server, seen from outside. ``threads`` are for each process, to count accuracies."""

    def __init__(self, threads: int) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", BOOTSTRAP, str(theirs.fileno()), *sys.path],
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


class Family:
    """The grading processes that were forked here, and whatever they leave behind."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self._codes: dict[int, int] = {}  # of processes that have ended

    def fork(self, theirs: int, control: socket.socket) -> int:
        """Return the id of a new grading process, which serves the pipe ``theirs``."""
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                control.close()
                become_grader(Connection(theirs), parent)
        finally:
            os.close(theirs)
        self.alive.add(pid)
        return pid

    def end(self, pid: int) -> int:
        """Kill a process unless it has ended, and return its exit code."""
        self.reap()
        if pid in self.alive:
            os.kill(pid, signal.SIGKILL)
            self._note(*os.waitpid(pid, 0))
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

    def end_all(self) -> None:
        """Kill all, and reap them and what dies with them."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(END_S)  # whatever does not die is not waited for
        for pid in self.alive:
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


def become_grader(connection: Connection, parent: int) -> NoReturn:
    """Be a grading process."""
    code = 1
    try:
        from autograder.batch.process import serve
        from autograder.submissions.budgets import die_with

        die_with(parent)
        serve(connection)
        code = 0
    finally:
        os._exit(code)


def main(fd: int) -> None:
    """Fork and end grading processes as whoever started this asks for it, until that is gone."""
    from autograder.batch import process
    from autograder.host.processes import adopt_orphans

    del process  # imported for those that are forked
    gc.collect()
    gc.freeze()
    adopt_orphans()
    family = Family()
    with socket.socket(fileno=fd) as control, contextlib.suppress(ConnectionError):
        while (received := socket.recv_fds(control, 1024, 1))[0]:
            request, fds, *_ = received
            control.sendall(answer(json.loads(request), fds, family, control))
    family.end_all()


def answer(request: Any, fds: list[int], family: Family, control: socket.socket) -> bytes:
    """Do what was asked for, and return the line that tells of it."""
    try:
        value = family.fork(fds[0], control) if fds else family.end(request["pid"])
    except OSError as error:
        return json.dumps({"fault": error.strerror}).encode() + b"\n"
    return json.dumps({"value": value}).encode() + b"\n"
