"""What a worker of a cluster does: it has a grading process for each task that it does at once.

Processes stay warm from one task to the next. Whoever sends the tasks imports this module too, so
it must need nothing of Dask's.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.batch.local import LocalPool
from autograder.batch.orders import Task
from autograder.batch.pool import NoGraderError
from autograder.grades.items import Facts, Graded, Item

IDLE_S = 600.0  # after which nobody is going to ask for a process again
Sizes = Mapping[Path, int | None]  # of files that a worker has to see; None for a folder


@dataclass(frozen=True)
class Reply:
    """What a worker that can grade says: its facts, and with an item, its grade."""

    facts: Facts
    graded: Graded | None = None


@dataclass(frozen=True)
class Refusal:
    """Why a worker can't grade."""

    text: str


class Benches:
    """The grading processes of this worker that are free, all of them for the same task."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._task: Task | None = None
        self._round = 0  # of those who came with a class: files may have changed since the last
        self._free: list[LocalPool] = []
        self._timer = threading.Timer(IDLE_S, self.dismiss)

    @contextmanager
    def lent(self, task: Task) -> Iterator[LocalPool]:
        """Lend a process; one that failed its user, or is for something else, is not lent again."""
        with self._lock:
            old = self._free if task != self._task else []
            self._free = [] if task != self._task else self._free
            self._task, round_ = task, self._round
            pool = self._free.pop() if self._free else None
        for other in old:
            other.close()
        pool = pool or LocalPool(task, jobs=1, threads=1)
        try:
            yield pool
        except BaseException:
            pool.close()
            raise
        with self._lock:
            is_of_use = (task, round_) == (self._task, self._round)
            self._free += [pool] if is_of_use else []
            self._timer.cancel()
            self._timer = threading.Timer(IDLE_S, self.dismiss)
            self._timer.daemon = True
            self._timer.start()
        if not is_of_use:
            pool.close()

    def begin(self) -> None:
        """End those that are left of an earlier class: they have read its rubric."""
        with self._lock:
            self._round += 1
        self.dismiss()

    def dismiss(self) -> None:
        """End those that are free."""
        with self._lock:
            free, self._free = self._free, []
        for pool in free:
            pool.close()


BENCHES = Benches()


def sizes_of(*paths: Path) -> Sizes:
    """Return what others have to find under these paths, as far as something is there."""
    return {p: None if p.is_dir() else p.stat().st_size for p in paths if p.exists()}


def unseen(sizes: Sizes) -> str:
    """Say what is not here, or another file; empty where all is as it should be."""
    for path, size in sizes.items():
        try:
            here = None if path.is_dir() else path.stat().st_size
        except OSError as error:
            why = error.strerror or str(error)
        else:
            if here == size:
                continue
            why = f"a file of {here} bytes instead of {size}" if size and here else "another one"
        return (
            f"can't see {path}: {why}; the course folder and the data sets have to lie on a file "
            "system that all computers share, under the same path"
        )
    return ""


async def prepare(task: Task, sizes: Sizes) -> Reply | Refusal:
    """Start a grading process on this worker, beside whatever else it does."""
    return await asyncio.to_thread(prepare_here, task, sizes)


def prepare_here(task: Task, sizes: Sizes) -> Reply | Refusal:
    """Tell what a grade rests on here, or why there can be none."""
    if said := unseen(sizes):
        return Refusal(said)
    BENCHES.begin()
    try:
        with BENCHES.lent(task) as pool:
            return Reply(pool.facts)
    except NoGraderError as error:
        return Refusal(str(error))


def grade(task: Task, item: Item, sizes: Sizes) -> Reply | Refusal:
    """Grade an item on this worker."""
    if said := unseen(sizes):
        return Refusal(said)
    try:
        with BENCHES.lent(task) as pool:
            (graded,) = [m for m in pool.grade([item]) if isinstance(m, Graded)]
            return Reply(pool.facts, graded)
    except NoGraderError as error:
        return Refusal(str(error))


def dismiss() -> None:
    """End the grading processes of this worker."""
    BENCHES.dismiss()
