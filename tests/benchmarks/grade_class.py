"""How many submissions a minute a class takes, how much memory each process, and how both grow.

Graded are reference solutions that differ in a comment, by every code check; then growing numbers
of files that are no archive, which takes so little itself that what the class takes is seen.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import psutil

from autograder.batch.local import LocalPool
from autograder.batch.orders import Task
from autograder.grades.gathering import items_in
from autograder.grades.items import Graded
from autograder.grades.made import key_of
from autograder.grades.storing import Store
from autograder.options import Options
from tests.conftest import SOLVED
from tests.making.killing import family

CLASS, GROWTH = 32, (10, 100, 1000)
MB = 10**6


def write_class(folder: Path, count: int) -> Path:
    """Write submissions of right code."""
    for number in range(count):
        lab = folder / f"s{number:04}" / "lab3"
        lab.mkdir(parents=True)
        for name, content in SOLVED.items():
            (lab / name).write_bytes(content + f"# {number}\n".encode())
    return folder


def write_broken(folder: Path, count: int) -> Path:
    """Write files that are no archives."""
    folder.mkdir()
    for number in range(count):
        (folder / f"s{number:04}.zip").write_text(f"see my repository {number}")
    return folder


@contextmanager
def opened(jobs: int) -> Iterator[tuple[LocalPool, float]]:
    """A pool, and the seconds until its first process could grade."""
    began = time.perf_counter()
    with LocalPool(Task(options=Options(run_groups=())), jobs) as pool:
        yield pool, time.perf_counter() - began


def warm_up(pool: LocalPool, jobs: int, folder: Path, grades: Path) -> None:
    """Grade some until all processes are there: starting takes its own time, told apart."""
    write_class(folder, jobs)
    while len(pool._all) < jobs or not all(handle.is_ready for handle in pool._all):
        grade_all(pool, folder, grades)


def grade_all(pool: LocalPool, folder: Path, grades: Path) -> tuple[float, int]:
    """Grade and store a class; return the seconds, and the bytes of memory of a job by then."""
    items = items_in(folder)
    by_folder = {item.folder: item for item in items}
    store, options, memory = Store(grades), Options(), 0
    began = time.perf_counter()
    for message in pool.grade(items):
        if isinstance(message, Graded):
            assert message.grade.needs_staff == bool(message.grade.unread)
            key = key_of(by_folder[message.folder], pool.facts, options)
            store.write(message, key, pool.facts.document.hidden)
            memory = memory or pss()
    return time.perf_counter() - began, memory


def pss() -> int:
    """Return the memory of a job, on average: of all processes but the caller and the server.

    What is shared counts in part.
    """
    kinds = dict(family(psutil.Process()))
    for kind in ("caller", "fork server", "whole tree"):
        del kinds[kind]
    members = [member for processes in kinds.values() for member in processes]
    return sum(m.memory_full_info().pss for m in members) // len(kinds["grading process"])


def main() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        folder = write_class(top / "class", CLASS)
        took: dict[int, float] = {}
        for jobs in (1, 2):
            with opened(jobs) as (pool, start_s):
                warm_up(pool, jobs, top / f"warm-{jobs}", top / f"grades-warm-{jobs}")
                took[jobs], memory = grade_all(pool, folder, top / f"grades-{jobs}")
            print(
                f"{jobs} job{'s' * (jobs > 1)}: {CLASS * 60 / took[jobs]:.0f} submissions a minute"
                f" ({CLASS} in {took[jobs]:.1f} s, start {start_s:.1f} s), memory (PSS) of each "
                f"{memory / MB:.0f} MB"
            )
        print(f"two jobs are {took[1] / took[2]:.2f} times one")
        with opened(1) as (pool, _):
            for count in GROWTH:
                folder = write_broken(top / f"broken-{count}", count)
                seconds, _ = grade_all(pool, folder, top / f"grades-broken-{count}")
                rss = psutil.Process().memory_info().rss
                print(
                    f"{count:>5} unreadable files: {seconds:.2f} s, "
                    f"{1000 * seconds / count:.1f} ms each; caller {rss / MB:.1f} MB"
                )


if __name__ == "__main__":
    main()
