"""Grading on an existing Dask cluster: each task is one submission, and results are kept here.

A worker that dies takes its finished results with it, and Dask counts its death against every task
that waited there. So few tasks are under way at once, a result is taken as soon as it is there,
and what Dask gives up is tried once more, alone, before staff has to look.
"""

import hashlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from autograder.batch import remote
from autograder.batch.orders import Message, Postponed, Task
from autograder.batch.pool import NoGraderError, differences, why_again
from autograder.batch.remote import Refusal, Reply
from autograder.grades.items import Facts, Graded, Item
from autograder.grades.made import key_of
from autograder.grades.unjudged import unjudged

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 15.0
LOOK_S = 5.0  # between looks at whether there are workers
ALONE_S = 120.0  # without a worker
GIVEN_UP = "its computer's worker died each time, says Dask"


class ClusterPool:
    """Grades items on the workers of a cluster; see ``Pool``."""

    def __init__(self, task: Task, address: str, items: Sequence[Item]) -> None:
        self._task = replace(task, rubric=task.rubric and task.rubric.absolute())
        self._address = address
        self._retried: set[str] = set()  # folders
        self._again: deque[Item] = deque()
        self._client = connected(address)
        try:
            self._sizes = remote.sizes_of(*self._shared_paths(items))
            self._facts = self._common_facts()
        except BaseException:
            self._client.close()
            raise

    @property
    def facts(self) -> Facts:
        """What its grades rest on."""
        return self._facts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            if kind is None:  # else processes end when nobody has asked them for some time
                self._client.run(remote.dismiss, on_error="return")
        self._client.close()

    def _shared_paths(self, items: Sequence[Item]) -> list[Any]:
        options = self._task.options
        paths = [self._task.rubric, options.test_set, options.data_dir, *(i.path for i in items)]
        return [path.absolute() for path in paths if path is not None]

    def _common_facts(self) -> Facts:
        """Start a grading process on each worker; return what all of them agree on."""
        try:
            replies = self._client.run(remote.prepare, self._task, self._sizes, on_error="return")
        except Exception as error:
            raise NoGraderError(lacks_kit(error)) from None
        refusals = {worker: reason(reply) for worker, reply in replies.items()}
        if named := [f"{worker} {text}" for worker, text in refusals.items() if text]:
            raise NoGraderError("no grading with workers that can't:\n" + "\n".join(named))
        first, *others = [(w, r.facts) for w, r in replies.items() if isinstance(r, Reply)]
        for worker, facts in others:
            require_same(first, (worker, facts))
        return first[1]

    def grade(self, items: Sequence[Item]) -> Iterator[Message]:
        """Grade items, and yield what happens as it comes."""
        self._retried.clear()
        yield from self._run(deque(items), is_alone=False)
        while self._again:
            yield from self._run(deque([self._again.popleft()]), is_alone=True)

    def _run(self, waiting: deque[Item], is_alone: bool) -> Iterator[Message]:
        flying: dict[Future[Any], Item] = {}
        try:
            while waiting or flying:
                room = 1 if is_alone else self._threads() + 1
                while waiting and len(flying) < room:
                    item = waiting.popleft()
                    flying[self._submit(item)] = item
                for future in self._landed(list(flying)):
                    yield from self._take(flying.pop(future), future)
        except (OSError, CancelledError):
            raise NoGraderError(f"the scheduler at {self._address} has gone") from None
        finally:
            with suppress(OSError):
                self._client.cancel(list(flying), force=True)

    def _threads(self) -> int:
        return sum(self._client.nthreads().values())

    def _submit(self, item: Item) -> "Future[Any]":
        """Send an item; the same work has the same name, whoever sends it how often."""
        where = item.path and item.path.absolute()
        key = key_of(item, self.facts, self._task.options).model_dump_json()
        again = item.folder in self._retried
        work = f"{key}{item.folder}{where}{again}{self._task.options}"
        name = hashlib.sha256(work.encode()).hexdigest()
        sizes = {path: size for path, size in self._sizes.items() if path == where}
        sent = replace(item, path=where)
        return self._client.submit(
            remote.grade, self._task, sent, sizes, key=f"lab3-grade-{name}", pure=False
        )

    def _landed(self, flying: "list[Future[Any]]") -> "list[Future[Any]]":
        """Wait for some; raise NoGraderError when there is nobody who could bring them."""
        from distributed import wait

        alone_since = time.monotonic()
        while time.monotonic() - alone_since < ALONE_S:
            try:
                return list(wait(flying, timeout=LOOK_S, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                if self._threads():
                    alone_since = time.monotonic()
        raise NoGraderError(f"the scheduler at {self._address} has no worker any more")

    def _take(self, item: Item, future: "Future[Any]") -> Iterator[Message]:
        """Take what came of an item."""
        if future.status != "finished":
            error = future.exception()
            said = GIVEN_UP if type(error).__name__ == "KilledWorker" else f"failed: {error!r}"
            yield self._postponed(item, said) or self._left_to_staff(item, said)
            return
        reply: Reply | Refusal = future.result()
        if isinstance(reply, Refusal):
            raise NoGraderError(f"a worker {reply.text}")
        require_same(("the first", self.facts), ("a worker that came later", reply.facts))
        assert reply.graded is not None
        why = why_again(reply.graded)
        yield (self._postponed(item, why) if why else None) or reply.graded

    def _postponed(self, item: Item, why: str) -> Postponed | None:
        """Postpone an item, unless it was before."""
        if item.folder in self._retried:
            return None
        self._retried.add(item.folder)
        self._again.append(item)
        return Postponed(item.folder, why)

    def _left_to_staff(self, item: Item, said: str) -> Graded:
        said = f"nothing was graded: {said}: grade it again"
        options = self._task.options
        return Graded(item.folder, unjudged(item, self.facts, options, "grader_error", said))


def connected(address: str) -> "Client":
    """Return a client of the scheduler at an address that has workers."""
    try:
        from distributed import Client
    except ImportError:
        raise NoGraderError(
            "--scheduler needs Dask, which is not installed here: pip install distributed"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what counts is raised
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise NoGraderError(
            f"no scheduler answers at {address!r} ({error}): start one with dask scheduler, and "
            "name the address that it prints"
        ) from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        client.close()
        raise NoGraderError(
            f"the scheduler at {address} has no workers: start some with dask worker {address}"
        ) from None
    return client


def reason(reply: object) -> str:
    """Say why a worker can't grade; empty where it can."""
    if isinstance(reply, Refusal):
        return reply.text
    return "" if isinstance(reply, Reply) else lacks_kit(reply)


def lacks_kit(error: object) -> str:
    return (
        f"can't run the kit ({type(error).__name__}: {error}): install the same version there "
        "that is here"
    )


def require_same(first: tuple[str, Facts], other: tuple[str, Facts]) -> None:
    """Raise NoGraderError unless two workers give the same grades."""
    for name, one, two in differences(first[1], other[1]):
        raise NoGraderError(
            f"{other[0]} has another {name} than {first[0]}, {two} instead of {one}: all workers "
            "need the same kit, PyTorch and INT8 engine, or grades would depend on who graded"
        )
