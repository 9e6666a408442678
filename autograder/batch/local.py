"""Grading on this computer: processes of our own, each with a warm worker behind walls."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import TracebackType

from autograder.batch.items import (
    Done,
    Facts,
    Graded,
    Item,
    Message,
    Ready,
    Refused,
    Task,
)
from autograder.batch.unjudged import unjudged
from lab3.errors import LabError

STUCK_S = 1800.0  # without a word: more than the longest question may take on a loaded computer
TRIES = 2  # a process that dies costs its item one more try
END_S = 10.0


class NoGraderError(LabError):
    """No process can grade anything here; the text says why and what to do."""


class Grading:
    """A grading process as the caller sees it; ``item`` is what it grades at the moment."""

    def __init__(self, context: ForkServerContext, task: Task) -> None:
        from autograder.batch.entrance import enter

        self.connection, theirs = context.Pipe()
        self.process: ForkServerProcess = context.Process(
            target=enter, args=(theirs, task), daemon=True
        )
        self.process.start()
        theirs.close()
        self.item: Item | None = None
        self.is_ready = self.is_over = False
        self.heard_at = time.monotonic()

    def send(self, item: Item | None) -> None:
        """Give it an item, or let it grade its canary and go."""
        self.item, self.is_over, self.heard_at = item, item is None, time.monotonic()
        self.connection.send(item)

    def receive(self) -> Message | None:
        """Return what it says; None when it is gone."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.heard_at = time.monotonic()
        return message

    def end(self) -> None:
        """End it and what it has started, which dies with it."""
        self.connection.close()
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(END_S)

    @property
    def death(self) -> str:
        """Say how it died."""
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


class LocalPool:
    """Grades items in some processes at once; a context manager.

    A process that dies is replaced, and its item tried once more; should that end the same way, the
    item gets a grade that leaves it to staff, and the others go on. What ran out of time is graded
    again when nothing else runs, and that counts.
    """

    def __init__(self, task: Task, jobs: int) -> None:
        self._task, self._jobs = task, jobs
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        threads = max(1, (cores or 1) // jobs)
        os.environ["OMP_NUM_THREADS"] = str(threads)  # of what counts accuracies
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["autograder.batch.process"])
        self._all: list[Grading] = [self._start()]
        self.facts = self._await_facts(self._all[0])
        self._tries: dict[str, int] = {}

    def __enter__(self) -> "LocalPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for grading in self._all:
            grading.end()

    def _start(self) -> Grading:
        return Grading(self._context, self._task)

    def _await_facts(self, grading: Grading) -> Facts:
        message = grading.receive()
        if isinstance(message, Ready):
            grading.is_ready = True
            return message.facts
        grading.process.join(END_S)
        raise NoGraderError(
            message.text if isinstance(message, Refused) else f"the grading process {grading.death}"
        )

    def grade(self, items: Sequence[Item]) -> Iterator[Message]:
        """Grade items, and yield what happens as it comes."""
        waiting = deque(items)
        again: deque[Item] = deque()
        yield from self._grade(waiting, again, min(self._jobs, len(items)))
        yield from self._grade(again, None, 1)
        yield from self._retire()

    def _grade(
        self, waiting: deque[Item], again: deque[Item] | None, jobs: int
    ) -> Iterator[Message]:
        while waiting or any(grading.item for grading in self._all):
            while len(self._all) < min(jobs, len(waiting) + self._busy):
                self._all.append(self._start())
            for grading in self._all[:jobs]:
                if waiting and grading.is_ready and grading.item is None:
                    self._give(grading, waiting)
            for grading, message in self._heard():
                if message is None:
                    yield from self._bury(grading, waiting)
                    continue
                if isinstance(message, Refused):
                    raise NoGraderError(message.text)
                if isinstance(message, Ready):
                    grading.is_ready = True
                elif isinstance(message, Done):
                    grading.item = None
                if isinstance(message, Graded) and again is not None and ran_out(message):
                    assert grading.item is not None
                    again.append(grading.item)
                    continue
                yield message

    @property
    def _busy(self) -> int:
        return sum(grading.item is not None for grading in self._all)

    def _give(self, grading: Grading, waiting: deque[Item]) -> None:
        try:
            grading.send(waiting[0])
        except OSError:
            return  # it is gone, which is heard next
        waiting.popleft()

    def _heard(self) -> Iterator[tuple[Grading, Message | None]]:
        """Yield what processes say; None for one that is gone, or has said nothing for too long."""
        by_connection: dict[Connection, Grading] = {g.connection: g for g in self._all}
        for connection in wait(list(by_connection), timeout=1):
            grading = by_connection[connection]  # type: ignore[index]
            yield grading, grading.receive()
        for grading in list(self._all):
            if grading.item and time.monotonic() - grading.heard_at > STUCK_S:
                yield grading, None

    def _bury(self, grading: Grading, waiting: deque[Item]) -> Iterator[Message]:
        """Take leave of a process, and try its item again, or leave it to staff."""
        grading.end()
        self._all.remove(grading)
        item = grading.item
        if item is None:
            if not grading.is_ready and not self._all:
                raise NoGraderError(f"the grading process {grading.death}")
            return
        self._tries[item.folder] = self._tries.get(item.folder, 1) + 1
        if self._tries[item.folder] <= TRIES:
            waiting.appendleft(item)
            return
        said = f"the process that graded it {grading.death}, {TRIES} times: grade it again"
        grade = unjudged(item, self.facts, self._task.options, "grader_error", said)
        yield Graded(item.folder, grade, is_final=True)
        yield Done(item.folder)

    def _retire(self) -> Iterator[Message]:
        """Let all processes grade their canaries and go."""
        for grading in self._all:
            if grading.is_ready:
                grading.send(None)
        while any(grading.is_ready for grading in self._all):
            for grading, message in self._heard():
                if message is None:
                    grading.end()
                    self._all.remove(grading)
                else:
                    yield message


def ran_out(message: Graded) -> bool:
    """Tell whether code ran out of time by the clock: on a loaded computer that may be no fault."""
    return any(result.by_clock for result in message.grade.results)
