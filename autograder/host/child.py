"""One submission's process, seen from outside: asked within time, its output collected."""

import contextlib
import math
import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Protocol

from autograder.inside import wire
from lab3.errors import LabError

GRACE_S = 0.5
COMPUTES = 0.05  # of the clock's time is what a child that computes gets, also beside twenty others
WORTH_WAITING_S = 0.2
UNCOUNTED_S = 0.05  # of the clock's time may pass before a child's own is counted again
LONGEST = 20  # times its limit is what a question may take by the clock
# In numbers, for which Windows has no names: SIGKILL, and SIGXCPU.
# Nothing of ours ends a child so before it has answered: on a computer without memory, the kernel.
KILLED = "was ended by signal 9"
OUT_OF_TIME = "was ended by signal 24"  # its limit on CPU time


class SandboxError(LabError):
    """The walls don't stand, or the warm process is gone: never the student's fault."""


class SilentError(SandboxError):
    """The warm process has gone without a word: something killed it, no wall kept it out."""


class WorkerError(Exception):
    """A child gave no answer; ``death`` tells how it died, when it did."""

    def __init__(self, text: str, death: str | None = None) -> None:
        super().__init__(text)
        self.death = death


class WorkerTimedOutError(WorkerError):
    """A child took too long; ``by_clock`` where its CPU time doesn't say so."""

    def __init__(self, by_clock: bool) -> None:
        super().__init__("no answer in time")
        self.by_clock = by_clock


@dataclass(frozen=True)
class Limits:
    """What one submission's code may use.

    ``probe_s`` is for one question and ``group_s`` for those of one group of checks: seconds of
    CPU while the process computes, and of the clock while it waits.
    """

    probe_s: float = 20
    group_s: float = 60
    cpu_s: int = 180
    memory_bytes: int = 3 << 30
    files: int = 64
    output_bytes: int = 64 << 10


@dataclass(frozen=True)
class Ending:
    """How a child died, and what the kernel says it used: seconds of CPU, bytes of memory."""

    death: str
    cpu_s: float
    peak_memory_bytes: int


class Warden(Protocol):
    """Who can end a child, and tell the seconds of CPU that it has used, where that is known."""

    def end(self, pid: int, grace_s: float) -> Ending: ...

    def used_s(self, pid: int) -> float | None: ...


class Watch:
    """The time of one question: the child's own while it computes, the clock's while it waits.

    On a loaded machine a child gets little of the clock's time. As long as it computes, it may
    use all of its ``limit_s``; only one that waits, for whatever, is held to the clock. ``used_s``
    is what it had used before, at most.
    """

    def __init__(self, warden: Warden, pid: int, limit_s: float, used_s: float | None) -> None:
        self._warden, self._pid, self._limit_s = warden, pid, limit_s
        self._used_s = used_s
        self._began = time.monotonic()
        self.deadline = self._began + limit_s
        self.spent_s = 0.0
        self.by_clock = True  # what was spent is the clock's time

    def goes_on(self) -> bool:
        """Tell whether the child has time left at the deadline, and move that."""
        self.stop()
        left = self._limit_s - self.spent_s
        elapsed = time.monotonic() - self._began
        if left < WORTH_WAITING_S or elapsed > LONGEST * self._limit_s:
            return False
        self.deadline = time.monotonic() + left
        return True

    def stop(self) -> None:
        """Note what the child has spent so far."""
        elapsed = time.monotonic() - self._began
        now_s = self._warden.used_s(self._pid) if elapsed > WORTH_WAITING_S else None
        if self._used_s is None or now_s is None:
            self.spent_s = elapsed
            return
        used_s = now_s - self._used_s
        self.by_clock = used_s < COMPUTES * elapsed
        self.spent_s = elapsed if self.by_clock else used_s


class Child:
    """One submission's process: converses with it, within time, and collects what it prints."""

    def __init__(
        self, warden: Warden, pid: int, channel: socket.socket, output: int, limits: Limits
    ) -> None:
        self._warden, self._pid, self._limits = warden, pid, limits
        self._channel, self._output = channel, output
        channel.setblocking(False)
        os.set_blocking(output, False)
        self._spare: int | None = None
        self.output = bytearray()
        self.printed_bytes = 0
        self.is_alive = True
        self.ending: Ending | None = None
        self.spent_s = 0.0  # of its time, by all questions so far
        self._counted_s: float | None = None  # of CPU, when it was last asked for
        self._since_s = math.inf  # spent since then

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send a frame that asks for no answer."""
        watch = Watch(self._warden, self._pid, self._limits.probe_s, self._used_s())
        self._exchange(wire.pack(header, body), None, watch)

    def converse(
        self, header: dict[str, Any], body: bytes, answer_bytes: int, timeout_s: float
    ) -> tuple[bytes, bytes]:
        """Send a frame and return the header and body of the next one, unchecked.

        ``answer_bytes`` limits the body. Raises WorkerError, and the child is gone then.
        """
        reader = wire.FrameReader(body_bytes=answer_bytes)
        limit_s = min(self._limits.probe_s, timeout_s)
        watch = Watch(self._warden, self._pid, limit_s, self._used_s())
        try:
            self._exchange(wire.pack(header, body), reader, watch)
        finally:
            self.spent_s += watch.spent_s
            self._since_s += watch.spent_s
        return reader.frame

    def _used_s(self) -> float | None:
        """Return the CPU that it has used, at most; None where nobody counts it.

        What it has spent since the last count stands for it while that is little: asking takes as
        long as a short question.
        """
        if self._since_s > UNCOUNTED_S:
            self._counted_s, self._since_s = self._warden.used_s(self._pid), 0.0
        return None if self._counted_s is None else self._counted_s + self._since_s

    def _exchange(
        self, pieces: list[memoryview], reader: wire.FrameReader | None, watch: "Watch"
    ) -> None:
        """Write all pieces and read a frame, both as far as the child goes along."""
        channel = self._channel.fileno()
        try:
            is_done = False
            while pieces or (reader and not is_done):
                reading = [self._output] + ([channel] if reader else [])
                try:
                    ready, writable = wire.wait(
                        reading, [channel] if pieces else [], watch.deadline
                    )
                except wire.FrameTimeoutError:
                    if not watch.goes_on():
                        raise
                    continue
                if self._output in ready:
                    self._drain()
                if writable:
                    self._write(pieces)
                if channel in ready and reader:
                    data = self._read(reader.missing)
                    if pieces and data:
                        raise wire.FrameError("it answered before it was asked")
                    is_done = reader.feed(data)
            watch.stop()
        except wire.FrameTimeoutError:
            watch.stop()
            self.close(0)
            raise WorkerTimedOutError(watch.by_clock) from None
        except (wire.FrameError, OSError) as error:
            death = self.close(GRACE_S)
            if death == OUT_OF_TIME:
                raise WorkerTimedOutError(by_clock=False) from None
            raise WorkerError(str(error), death) from None

    def take_output(self) -> bytes:
        """Return what the child has printed since the last call."""
        if self.is_alive:
            with contextlib.suppress(wire.FrameError):  # a flood ends it at the next question
                self._drain()
        taken = bytes(self.output)
        self.output.clear()
        return taken

    def _write(self, pieces: list[memoryview]) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = self._channel.send(pieces[0][: wire.CHUNK_BYTES])
            pieces[0] = pieces[0][sent:]
        if not pieces[0]:
            del pieces[0]

    def _read(self, most: int) -> bytes:
        try:
            data = self._channel.recv(min(most, wire.CHUNK_BYTES))
        except BlockingIOError:
            return b""
        if not data:
            raise wire.PeerGoneError("the process has gone")
        return data

    def _drain(self) -> None:
        """Take what the child has printed; keep only so much of it, and stop a flood."""
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if not data:  # it closed its output, which is its business: wait for the answer only
            self._output_closed()
            return
        self._keep(data)
        if self.printed_bytes > 256 * self._limits.output_bytes:
            raise wire.FrameError(f"it printed more than {self.printed_bytes:,} bytes")

    def _keep(self, data: bytes) -> None:
        self.printed_bytes += len(data)
        self.output += data[: max(0, self._limits.output_bytes - len(self.output))]

    def _output_closed(self) -> None:
        if self._spare is not None:
            return
        read, self._spare = os.pipe()  # never closed by a child, so that it has nothing to read
        os.set_blocking(read, False)
        os.dup2(read, self._output)
        os.close(read)

    def close(self, grace_s: float = 0) -> str | None:
        """End the child and tell how it died; None when that is known already."""
        if not self.is_alive:
            return None
        self.is_alive = False
        try:
            self.ending = self._warden.end(self._pid, grace_s)
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self._output, 65536):
                    self._keep(data)
        finally:
            self._channel.close()
            os.close(self._output)
            if self._spare is not None:
                os.close(self._spare)
        return self.ending.death
