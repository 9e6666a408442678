"""One worker process for each submission, where the system can't fork: for one's own code alone.

It has a Sandbox's face and no walls. A process that has read checkpoints, and no student code, is
kept for the next ones: importing PyTorch takes seconds.
"""

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

from autograder.host.child import (
    GRACE_S,
    Child,
    Ending,
    Limits,
    SandboxError,
    WorkerError,
    WorkerTimedOutError,
)
from autograder.host.sandbox import ENVIRONMENT, START_S, WALLED, Sandbox, Tier
from autograder.inside import wire

WHY = "this system can't fork processes, so that none can be shut in"
BOOTSTRAP = "from autograder.inside.alone import main; main()"
PIECE_BYTES = 1 << 20


def strongest_or_none() -> Sandbox:
    """Return the strongest sandbox for one's own code: one without walls where none stand."""
    return Sandbox((*WALLED, "none")) if hasattr(os, "fork") else LoneSandbox()


class LoneSandbox(Sandbox):
    """Starts a process whenever a child is wanted; the first one gets warm at once."""

    def __init__(self) -> None:
        self.refusals: dict[Tier, str] = {}
        self.anomalies = 0
        self._spare: LoneChild | None = LoneChild()
        self._reader: LoneChild | None = None
        self._all = [self._spare]

    @property
    def tier(self) -> Tier:
        return "none"

    @property
    def walls(self) -> tuple[str, ...]:
        return ("none",)

    @property
    def why_not_stronger(self) -> str:
        return f"  {WHY}\n    it is your own code; it is graded behind walls"

    def wait_until_ready(self) -> None:
        """Return when a process is warm; raise SandboxError when it can't start."""
        if self._spare is None:
            self._spare = LoneChild()
            self._all.append(self._spare)
        self._spare.wait_until_ready()

    def fork(self, files: dict[str, bytes], limits: Limits) -> Child:
        """Return a process that has the student's files, or one that reads checkpoints."""
        if not files and self._reader and self._reader.is_alive:
            return self._reader
        self.wait_until_ready()
        assert self._spare is not None
        child, self._spare = self._spare, None
        child.lend(limits, is_kept=not files)
        child.send({"files": {name: content.hex() for name, content in files.items()}})
        if not files:
            self._reader = child
        return child

    def renew(self) -> None:
        """Forget what went wrong: every submission has a process of its own anyway."""
        self.anomalies = 0

    def close(self) -> None:
        """End all processes."""
        for child in self._all:
            child.end()


class LoneChild(Child):
    """One submission's process, asked through pipes; one that is kept is not ended by ``close``."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="lab3-output-")
        self._printed, self._read_bytes = Path(name), 0
        self._limits, self._is_kept, self._is_ready = Limits(), False, False
        self.output = bytearray()
        self.printed_bytes = 0
        self.is_alive = True
        self.ending: Ending | None = None
        self.spent_s = 0.0
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-c", BOOTSTRAP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                env={**os.environ, "OMP_NUM_THREADS": ENVIRONMENT["OMP_NUM_THREADS"]},
            )
        except OSError as error:
            raise SandboxError(f"the worker can't be started: {error}") from error
        finally:
            os.close(handle)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions: IO[bytes] = self._process.stdin
        answers = self._process.stdout.fileno()
        threading.Thread(target=self._receive, args=(answers,), daemon=True).start()

    def _receive(self, answers: int) -> None:
        """Take what arrives, until the end, which is an empty piece."""
        try:
            while piece := os.read(answers, PIECE_BYTES):
                self._arrived.put(piece)
        except OSError:
            pass
        self._arrived.put(b"")

    def lend(self, limits: Limits, is_kept: bool) -> None:
        """Set what the process may use, and whether it goes on after ``close``."""
        self._limits, self._is_kept = limits, is_kept

    def wait_until_ready(self) -> None:
        """Return when PyTorch is imported; raise SandboxError when that fails."""
        if self._is_ready:
            return
        try:
            self._frame(wire.FrameReader(), time.monotonic() + START_S)
        except (WorkerError, wire.FrameError) as error:
            self.end()
            lines = self._printed_since().decode(errors="replace").strip().splitlines()
            raise SandboxError(
                f"the worker process does not answer: {lines[-1] if lines else error}"
            ) from None
        self._is_ready = True

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send a frame that asks for no answer."""
        try:
            for piece in wire.pack(header, body):
                self._questions.write(piece)
            self._questions.flush()
        except OSError as error:
            raise WorkerError(str(error), self.end(GRACE_S)) from None

    def converse(
        self, header: dict[str, Any], body: bytes, answer_bytes: int, timeout_s: float
    ) -> tuple[bytes, bytes]:
        """Send a frame and return the header and body of the next one, unchecked."""
        began = time.monotonic()
        limit_s = min(self._limits.probe_s, timeout_s)
        try:
            self.send(header, body)
            return self._frame(wire.FrameReader(body_bytes=answer_bytes), began + limit_s)
        except wire.FrameTimeoutError:
            self.end()
            raise WorkerTimedOutError(by_clock=True) from None
        except wire.FrameError as error:
            raise WorkerError(str(error), self.end(GRACE_S)) from None
        finally:
            self.spent_s += time.monotonic() - began

    def _frame(self, reader: wire.FrameReader, deadline: float) -> tuple[bytes, bytes]:
        is_done = False
        while not is_done:
            if not self._rest:
                try:
                    self._rest = self._arrived.get(timeout=wire.seconds_left(deadline))
                except queue.Empty:
                    raise wire.FrameTimeoutError("no answer in time") from None
                if not self._rest:
                    raise wire.PeerGoneError("the process has gone")
            taken, self._rest = self._rest[: reader.missing], self._rest[reader.missing :]
            is_done = reader.feed(taken)
        return reader.frame

    def take_output(self) -> bytes:
        """Return what the process has printed since the last call."""
        return self._printed_since()

    def _printed_since(self) -> bytes:
        try:
            with self._printed.open("rb") as file:
                file.seek(self._read_bytes)
                printed = file.read()
        except OSError:  # it was removed with its process
            printed, self.output = bytes(self.output), bytearray()
            return printed
        self._read_bytes += len(printed)
        self.printed_bytes += len(printed)
        return printed[: self._limits.output_bytes]

    def close(self, grace_s: float = 0) -> str | None:
        """End the process and tell how it died, unless it is kept."""
        return None if self._is_kept else self.end(grace_s)

    def end(self, grace_s: float = 0) -> str | None:
        """End the process and tell how it died; None when that is known already."""
        if not self.is_alive:
            return None
        self.is_alive = False
        try:
            code: int | None = self._process.wait(grace_s) if grace_s else self._process.poll()
        except subprocess.TimeoutExpired:
            code = None
        if code is None:
            self._process.kill()
        status = self._process.wait()
        death = f"ended itself with exit code {status}"
        if code is None or status < 0:
            death = "was ended by signal 9" if code is None else f"was ended by signal {-status}"
        self.ending = Ending(death, 0.0, 0)
        self.output += self._printed_since()
        self._printed.unlink(missing_ok=True)
        return death
