"""Grading on this computer: processes of our own, each with a warm worker behind walls."""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from autograder.batch.handle import Handle
from autograder.batch.orders import (
    Answer,
    Done,
    Failed,
    Message,
    Postponed,
    Progress,
    Ready,
    Reduced,
    Refused,
    Task,
    Vouch,
)
from autograder.batch.pool import NoGraderError, differences, why_again
from autograder.batch.server import Server, ServerError
from autograder.grades.items import Facts, Graded, Item
from autograder.grades.unjudged import unjudged
from autograder.host.processes import temporary_folder

VOUCH_S = 20.0  # of grading at most are lost when a process or the caller is killed
LISTEN_S = 1.0
END_S = 10.0
STARTS = 2  # that fail, one after the other, and no further process is tried


class LocalPool:
    """Grades items in some processes at once; see ``Pool``.

    A grade counts when the reference was graded on the same worker after it, and found well: every
    few seconds, since what is not vouched for is lost with its process. Each has so many
    ``threads``, by default its share of the cores. Without any ``jobs`` nothing is graded, and no
    worker starts: there are ``facts`` alone.
    """

    def __init__(self, task: Task, jobs: int, threads: int | None = None) -> None:
        self._task, self._jobs = task, jobs
        self._threads = threads or threads_for(jobs)
        self._all: list[Handle] = []
        self._started = self._failed_starts = 0
        self._facts: Facts | None = None
        self._retried: set[str] = set()  # folders
        self._again: deque[Item] = deque()
        with ExitStack() as stack:  # it may be interrupted
            self._temporary = Path(stack.enter_context(temporary_folder("lab3-class")))
            self._server = self._new_server()
            stack.callback(lambda: self._server.close())  # whichever is the present one
            while self._facts is None:
                self._start_more(1, grades=jobs > 0)
                for handle, answer in self._heard():
                    self._take(handle, answer)
            if not jobs:
                self._bury(self._all[0])
            self._open: ExitStack = stack.pop_all()

    @property
    def facts(self) -> Facts:
        """What its grades rest on."""
        assert self._facts is not None
        return self._facts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._open:
            if kind is None:
                self._dismiss_all()

    def close(self) -> None:
        """End all processes."""
        self.__exit__(None, None, None)

    def _dismiss_all(self) -> None:
        """Let processes that grade nothing close what they have, and wait for that."""
        leaving = {h.connection: h for h in self._all if h.is_ready and not h.pending}
        for handle in leaving.values():
            handle.dismiss()
        end = time.monotonic() + END_S
        while leaving and (left := end - time.monotonic()) > 0:
            for connection in wait(list(leaving), left):
                if leaving[connection].receive() is None:  # type: ignore[index]
                    del leaving[connection]  # type: ignore[arg-type]

    def grade(self, items: Sequence[Item]) -> Iterator[Message]:
        """Grade items, and yield what happens as it comes."""
        self._retried.clear()
        yield from self._run(deque(items), max(1, self._jobs))
        while self._again:
            self._end_those_that_start()
            yield from self._run(deque([self._again.popleft()]), 1)

    def _end_those_that_start(self) -> None:
        """Leave the computer to what is graded alone."""
        if any(handle.is_ready for handle in self._all):
            for handle in [one for one in self._all if not one.is_ready]:
                self._bury(handle)

    def _run(self, waiting: deque[Item], jobs: int) -> Iterator[Message]:
        """Grade all that waits, until there is a grade of each, or it is postponed."""
        while waiting or any(handle.pending for handle in self._all):
            yield from self._start_more(min(jobs, len(waiting) + self._busy))
            for handle in self._all:
                if handle.is_free:
                    self._give(handle, waiting, jobs)
            for handle, answer in self._heard():
                yield from self._take(handle, answer)

    @property
    def _busy(self) -> int:
        return sum(isinstance(handle.order, Item) for handle in self._all)

    def _new_server(self) -> Server:
        return Server(self._threads, self._temporary, self._task.options.tiers, self._jobs)

    def _start_more(self, wanted: int, grades: bool = True) -> list[Message]:
        """Start processes until there are so many, unless the last ones failed."""
        while len(self._all) < wanted and self._failed_starts < STARTS:
            if self._server.has_died:
                self._server.close()
                self._server = self._new_server()
            self._started += 1
            folder = self._temporary / str(self._started)
            try:
                self._all.append(Handle(self._server, self._task, folder, grades))
            except ServerError as error:
                self._server.close()
                return self._note_failed_start(f"no grading process starts: the server {error}")
        return []

    def _note_failed_start(self, said: str) -> list[Message]:
        """Count it; when it is the last, go on without, or raise NoGraderError."""
        self._failed_starts += 1
        if self._failed_starts < STARTS:
            return []
        if not self._all:
            raise NoGraderError(said)
        return [Reduced(said)]

    def _give(self, handle: Handle, waiting: deque[Item], jobs: int) -> None:
        """Give a free process its next order, if there is one."""
        if handle.pending and (not waiting or handle.pending_s > VOUCH_S):
            handle.give(Vouch())
        elif waiting and self._busy < jobs:
            handle.give(waiting.popleft())

    def _heard(self) -> Iterator[tuple[Handle, Answer | None]]:
        """Yield what processes say; None for one that is gone, or has said nothing for too long."""
        by_connection: dict[object, Handle] = {one.connection: one for one in self._all}
        connections: list[Connection] = [one.connection for one in self._all]
        for connection in wait(connections, LISTEN_S):
            yield by_connection[connection], by_connection[connection].receive()
        for handle in [one for one in self._all if one.is_stuck]:
            yield handle, None

    def _take(self, handle: Handle, answer: Answer | None) -> list[Message]:
        """Take what a process says, and return what there is to tell."""
        match answer:
            case None:
                return self._lose(handle)
            case Ready(facts):
                return self._note_ready(handle, facts)
            case Refused(text) if self._facts is None:
                raise NoGraderError(text)
            case Refused(text) | Failed(text):
                handle.last_words = text
            case Done():
                return handle.note_done()
            case Graded():
                item = handle.pending.pop(answer.folder)
                why = why_again(answer)
                if why and item.folder not in self._retried:
                    return self._postpone(item, why)
                return [answer]
            case Progress():
                return [answer]
        return []

    def _note_ready(self, handle: Handle, facts: Facts) -> list[Message]:
        """Note that a process can grade; what grades rest on is for all what it is for the first.

        Raises NoGraderError when that has changed: half of a class would be graded by each.
        """
        self._facts = self._facts or facts
        for name, *_ in differences(self._facts, facts):
            raise NoGraderError(
                f"the {name} was changed while the class was graded: what is graded is stored, and "
                "the same command goes on, with the new one"
            )
        if facts.tier != self._facts.tier:
            handle.last_words = f"found {facts.tier} where others have {self._facts.tier}"
            return self._lose(handle)
        handle.is_ready, self._failed_starts = True, 0
        return []

    def _lose(self, handle: Handle) -> list[Message]:
        """Take leave of a process, and of what it would have graded."""
        said = self._bury(handle)
        if not handle.is_ready:
            return self._note_failed_start(f"a grading process {said}")
        if not self._all:
            self._failed_starts = 0  # it did start
        told: list[Message] = []
        for item in handle.pending.values():
            told += self._fail(item, f"the process that graded it {said}")
        return told

    def _bury(self, handle: Handle) -> str:
        """End a process and what it has started; say how it died."""
        self._all.remove(handle)
        return handle.end()

    def _fail(self, item: Item, said: str) -> list[Message]:
        """Postpone an item, or leave it to staff."""
        if item.folder not in self._retried:
            return self._postpone(item, said)
        said = f"{said}, as another one did before: grade it again"
        grade = unjudged(item, self.facts, self._task.options, "grader_error", said)
        return [Graded(item.folder, grade)]

    def _postpone(self, item: Item, why: str) -> list[Message]:
        self._retried.add(item.folder)
        self._again.append(item)
        return [Postponed(item.folder, why)]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_for(jobs: int) -> int:
    """Return how many threads each of some processes may have: those that count accuracies do."""
    most = os.environ.get("OMP_NUM_THREADS", "")
    share = max(1, cores() // max(1, jobs))
    return min(share, int(most)) if most.isdecimal() and int(most) else share
