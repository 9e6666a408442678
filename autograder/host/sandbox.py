"""The trusted side's walls: a warm worker process, and one shut-in child for each submission."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from autograder.host import bubblewrap, cgroups, contents, processes, proof
from autograder.host.child import (
    Child,
    Ending,
    Limits,
    SandboxError,
    SilentError,
    WorkerError,
)
from autograder.host.remedies import remedy
from autograder.inside import landlock, wire

Tier = Literal["namespaces", "landlock", "none"]
TIERS: dict[Tier, str] = {
    "namespaces": "a container of its own (bubblewrap), limits, system call filter",
    "landlock": "Landlock, limits, system call filter; for where no containers can be made",
    "none": "no walls: only for code that you trust",
}
WALLED: tuple[Tier, ...] = ("namespaces", "landlock")  # strongest first
START_S = 120  # a cold import of torch from a slow disk
END_S = 5  # a worker that doesn't end by itself in this time is killed
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
    "PATH": "",  # no program is looked for
    "TORCHINDUCTOR_CACHE_DIR": "/",  # it makes sure of one as it is imported
    # A network's weights come and go several times: keep their pages instead of returning them.
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=8589934592:glibc.malloc.top_pad=268435456",
}
SCM_CREDENTIALS, CREDENTIALS_BYTES = 2, 28  # struct ucred behind its header
BOOTSTRAP = (
    "import sys; sys.path[:0] = sys.argv[2:]; from autograder.inside.worker import main; "
    "main(int(sys.argv[1]))"
)


class WorkerProcess:
    """One warm process behind the walls of one tier, seen from outside."""

    def __init__(self, tier: Tier, is_lean: bool) -> None:
        self.tier = tier
        self.is_proved = False
        self.uid: int | None = None  # the worker's own user, when it has one
        self._peer_uid: int | None = None
        self._first: int | None = None  # of the container: ours to reap when bubblewrap has gone
        self._children: set[int] = set()
        self._pending = b""
        self._maker = self._parent = os.getpid()
        self._is_closed = False
        try:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115
            self._folder = processes.temporary_folder("lab3-worker")
        except OSError as error:
            raise SandboxError(f"no temporary folder can be used: {error}") from error
        self._group: cgroups.Group | None = None
        self._control, theirs = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            self._process = self._start(theirs, is_lean)
        except BaseException as error:
            self._control.close()
            self._release()
            if isinstance(error, OSError):
                raise SandboxError(f"the worker can't be started: {error}") from error
            raise
        finally:
            theirs.close()
        self._killed: SilentError | None = None
        try:
            self._receive(START_S)  # the outer walls let it in
        except SilentError as error:  # told to who waits for it
            self._killed = error
        except BaseException:
            self.close()
            raise

    def _start(self, theirs: socket.socket, is_lean: bool) -> "subprocess.Popen[bytes]":
        """Start the process; its group, its user and what it may read are known then."""
        no_landlock = why_no_landlock()
        if self.tier == "landlock" and no_landlock:
            raise SandboxError(no_landlock)
        folder = Path(self._folder.name)
        plan: dict[str, Any] = {
            "has_walls": self.tier != "none",
            "has_landlock": self.tier != "none" and no_landlock is None,
            "is_lean": is_lean,
        }
        if self.tier != "none":
            self._group = cgroups.make()
        if self.tier == "namespaces":
            try:
                return self._start_in(bubblewrap.container(folder), theirs, plan)
            except bubblewrap.MappingError:
                return self._start_in(bubblewrap.container(folder, may_map=False), theirs, plan)
        paths = [str(path) for path in contents.stage(folder)]
        here = bubblewrap.Container([], paths)
        if self.tier == "landlock":
            plan["readable"] = contents.readable(folder)
            if os.geteuid() == 0:
                here.inside = here.outside = processes.unused_id()
        return self._start_in(here, theirs, plan)

    def _start_in(
        self, container: bubblewrap.Container, theirs: socket.socket, plan: dict[str, Any]
    ) -> "subprocess.Popen[bytes]":
        self.uid = container.outside
        worker = [str(contents.python()), "-I", "-S", "-B", "-X", "utf8", "-c", BOOTSTRAP]
        processes.adopt_orphans()
        prefix = self._group.prefix if self._group else ()
        started = subprocess.Popen(
            [*prefix, *container.arguments, *worker, str(theirs.fileno()), *container.paths],
            stdin=subprocess.PIPE,  # closed at once: a device of the computer stays outside
            stdout=self._log,
            stderr=self._log,
            pass_fds=[theirs.fileno(), *container.far_ends],
            env={**ENVIRONMENT, **(self._group.environment if self._group else {})},
            cwd=self._folder.name,
            start_new_session=True,
        )
        assert started.stdin is not None
        started.stdin.close()
        try:
            container.await_start()
        except bubblewrap.MappingError:
            processes.kill([started.pid, *processes.below(started.pid)])
            started.wait()
            raise
        finally:
            container.close()
        self._first = container.first_pid
        # Not on the command line, which children could read: it has paths of this computer.
        line = json.dumps({**plan, "uid": container.inside}).encode()
        with contextlib.suppress(BrokenPipeError):  # why it has gone is told by _receive
            self._control.sendall(line + b"\n")
        return started

    @property
    def walls(self) -> tuple[str, ...]:
        """What stands between student code and this computer, in words."""
        if self.tier == "none":
            return ("none",)
        walls = ["namespaces"] if self.tier == "namespaces" else []
        if why_no_landlock() is None:
            walls.append(f"Landlock {landlock.version()}")
        walls += ["system call filter", "limits"]
        walls.append("another user" if self.uid is not None else "the grader's own user")
        if self._group:
            walls.append(f"control group: {', '.join(self._group.limited)}")
        return tuple(walls)

    def wait_until_ready(self) -> None:
        """Return when torch is imported and every promise of the walls proven.

        Raises SandboxError when the worker can't start, or a promise doesn't hold.
        """
        if self._is_closed:
            raise SandboxError("the worker process has been ended")
        if self.is_proved:
            return
        if self._killed:
            raise self._killed
        self._receive(START_S)
        self.is_proved = True  # for the fork below
        if self.tier == "none":
            return
        if self.uid is not None and self.uid != self._peer_uid:
            raise SandboxError(f"the worker should be user {self.uid} and is {self._peer_uid}")
        child = self.fork(Limits())
        try:
            proof.prove(child)
        finally:
            child.close()

    def fork(self, limits: Limits) -> Child:
        """Return a fresh child, which has been sent nothing yet."""
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        granted = {
            "memory_bytes": limits.memory_bytes,
            "cpu_s": limits.cpu_s,
            "files": limits.files,
        }
        try:
            line = json.dumps({"do": "fork", "limits": granted}).encode() + b"\n"
            socket.send_fds(self._control, [line], [theirs.fileno(), write])
            pid = int(self._receive(START_S)["pid"])
        except BaseException as error:
            ours.close()
            os.close(read)
            if isinstance(error, OSError):
                raise self._gone() from error
            raise
        finally:
            theirs.close()
            os.close(write)
        self._children.add(pid)
        return Child(self, pid, ours, read, limits)

    def end(self, pid: int, grace_s: float) -> Ending:
        """Let a child die within ``grace_s``, else kill it; return how it died."""
        line = json.dumps({"do": "end", "pid": pid, "grace_s": grace_s}).encode() + b"\n"
        try:
            self._control.sendall(line)
        except OSError as error:
            raise self._gone() from error
        ending = self._receive(START_S)
        self._children.discard(pid)
        if "exit" in ending:
            death = f"ended itself with exit code {ending['exit']}"
        else:
            death = f"was ended by signal {ending['signal']}"
        return Ending(death, ending["cpu_s"], ending["peak_memory_bytes"])

    def used_s(self, pid: int) -> float | None:
        """Return the seconds of CPU that a child has used, or None where nobody counts them."""
        line = json.dumps({"do": "count", "pid": pid}).encode() + b"\n"
        try:
            self._control.sendall(line)
        except OSError as error:
            raise self._gone() from error
        seconds = self._receive(START_S)["cpu_s"]
        return None if seconds is None else float(seconds)

    def adopt(self) -> None:
        """Take over what the process that this one was forked from has started."""
        self._maker = os.getpid()

    def let_go(self) -> None:
        """Leave it to a process that was forked, and has adopted it, to end it."""
        self._maker = 0
        self._control.close()
        self._log.close()

    def kill(self) -> None:
        """End the warm process after the process that has adopted it, which may have left it."""
        processes.kill([self.pid, *processes.below(self.pid)])
        self._process.wait()
        self._folder.cleanup()
        if self._group:
            self._group.remove()

    @property
    def pid(self) -> int:
        """The process that was started: ours to reap, or that of who let it go."""
        return self._process.pid

    def close(self) -> None:
        """End the warm process and with it every child, and leave nothing of them behind.

        A copy of this object in a process that was forked has nothing to end.
        """
        if self._is_closed or os.getpid() != self._maker:
            return
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)  # it kills and reaps its children, and goes
        if not self._has_gone(END_S if self.is_proved else 0):  # one that imports hears nothing
            processes.kill([self.pid, *processes.below(self.pid)])
        self._control.close()
        if self._parent == self._maker:
            self._process.wait()
        if self._first is not None:
            processes.reap([self._first])
        if self.tier != "namespaces":  # there, the numbers are those of another namespace
            processes.reap(self._children)
        self._release()

    def _has_gone(self, timeout_s: float) -> bool:
        """Tell whether the warm process and all that it has started go in time."""
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                wire.wait([self._control.fileno()], [], deadline)
                if not self._control.recv(65536):
                    return True
        except wire.FrameTimeoutError:
            return False
        except OSError:
            return True

    def _release(self) -> None:
        self._log.close()
        self._folder.cleanup()
        if self._group:
            self._group.remove()

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            try:
                wire.wait([self._control.fileno()], [], deadline)
                data, more, _, _ = self._control.recvmsg(65536, CREDENTIALS_BYTES)
            except wire.FrameTimeoutError as error:
                raise SandboxError(self._obituary()) from error
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            for _level, kind, credentials in more:
                if kind == SCM_CREDENTIALS:  # written by the kernel, in our own ids
                    _, self._peer_uid, _ = struct.unpack("iII", credentials)
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if "fault" in answer:
            raise SandboxError(answer["fault"])
        return answer

    def _gone(self) -> SandboxError:
        """Return the error that tells of a warm process that has gone."""
        kind = SandboxError if self._log.closed or self._last_words() else SilentError
        return kind(self._obituary())

    def _obituary(self) -> str:
        if self._log.closed:
            return "the worker process has been ended"
        said = self._last_words()
        return f"the worker process does not answer{f': {said}' if said else ''}"

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


class Sandbox:
    """Warm worker behind the strongest walls that can be proven here; a context manager.

    ``tiers`` are tried in their order. The worker starts at once and imports torch meanwhile;
    ``fork`` waits for it. A Sandbox serves the thread that made it: use one for each process.
    ``anomalies`` counts children that died, hung or sent nonsense; ``renew`` starts a new worker.
    A worker that is killed as it starts is started once more, and no weaker tier taken for it.
    Raises SandboxError, with the remedy, when no tier can be had.
    """

    def __init__(self, tiers: Sequence[Tier] = WALLED, is_lean: bool = False) -> None:
        self._owner = os.getpid(), threading.get_ident()
        self._tiers, self._is_lean = list(tiers), is_lean
        self.refusals: dict[Tier, str] = {}
        self.anomalies = 0
        self._was_killed = False
        self._worker = self._first_that_starts()

    @property
    def tier(self) -> Tier:
        """The walls that stand, as far as it is known: for certain once the worker is ready."""
        return self._worker.tier

    @property
    def walls(self) -> tuple[str, ...]:
        """What stands between student code and this computer, in words."""
        return self._worker.walls

    def _first_that_starts(self) -> WorkerProcess:
        while self._tiers:
            tier = self._tiers[0]
            try:
                return WorkerProcess(tier, self._is_lean)
            except SandboxError as error:
                self.refusals[tier] = str(error)
                del self._tiers[0]
        raise SandboxError(
            f"student code can't be shut in on this computer\n{self.why_not_stronger}"
        )

    @property
    def why_not_stronger(self) -> str:
        """Which stronger walls don't stand here, why, and what lets them: two lines each."""
        return "\n".join(
            f"  {tier}: {fault}\n    {remedy(tier, fault)}" for tier, fault in self.refusals.items()
        )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker and with it every child."""
        self._worker.close()

    def adopt(self) -> None:
        """Serve this process from now on, which was forked from the one that made this."""
        self._owner = os.getpid(), threading.get_ident()
        self._worker.adopt()

    def let_go(self) -> None:
        """Serve a process that was forked from this one from now on."""
        self._worker.let_go()

    def kill(self) -> None:
        """End the worker of a sandbox that was let go, unless its ``pid`` was reaped."""
        self._worker.kill()

    @property
    def pid(self) -> int:
        """The process that was started for the worker."""
        return self._worker.pid

    def renew(self) -> None:
        """Replace the worker by a new one behind the same walls."""
        self._check_owner()
        self._worker.close()
        self.anomalies = 0
        self._tiers = [self.tier]  # no weaker ones for those who come later
        self._worker = self._first_that_starts()

    def wait_until_ready(self) -> None:
        """Return when a worker is warm and its walls are proven; see ``WorkerProcess``."""
        self._check_owner()
        while True:
            try:
                self._worker.wait_until_ready()
                self._was_killed = False
                return
            except SilentError as error:
                self._worker.close()
                if self._was_killed:
                    self._tiers = []
                    raise SandboxError(f"{error}: it was killed twice as it started") from None
                self._was_killed = True
                self._worker = self._first_that_starts()
            except SandboxError as error:
                if not self._tiers:
                    raise
                self._worker.close()
                self.refusals[self.tier] = str(error)
                del self._tiers[0]
                self._worker = self._first_that_starts()

    def fork(self, files: dict[str, bytes], limits: Limits) -> Child:
        """Return a fresh child that has the student's files and nothing else of them."""
        self.wait_until_ready()
        child = self._worker.fork(limits)
        child.send({"files": {name: content.hex() for name, content in files.items()}})
        return child

    def _check_owner(self) -> None:
        if self._owner != (os.getpid(), threading.get_ident()):
            raise SandboxError(
                "a Sandbox serves one thread of one process: give each process a Sandbox of its own"
            )


def why_no_landlock() -> str | None:
    """Return why the kernel's Landlock can't be used, or None when it can."""
    if sys.platform != "linux":
        return "Landlock is a part of Linux"
    try:
        landlock.version()
    except OSError as error:
        return f"Landlock can't be used: {error.strerror}"
    return None


def why_not(tier: Tier) -> str | None:
    """Return why a tier doesn't work on this computer, with the remedy; None when it does."""
    if not hasattr(os, "fork"):
        if tier == "none":
            return None
        return "this system can't fork processes: use Linux, macOS or WSL"
    try:
        worker = WorkerProcess(tier, is_lean=True)
        try:
            worker.wait_until_ready()
        finally:
            worker.close()
    except SandboxError as error:
        return f"{error}; {remedy(tier, str(error))}"
    except WorkerError as error:
        return f"a child of the worker {error.death or error}"
    return None
