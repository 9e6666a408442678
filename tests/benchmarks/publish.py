"""How long the exports of a class take, how much memory, and how both grow with the class.

Grades are stored without grading. Each export is made in a process of its own, twice: the second
time nothing has changed.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing import Pipe
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import nbgrader.api  # noqa: F401  so that its import is not counted, nor its memory

from autograder.course.folder import Course
from autograder.publishing.exporting import (
    Request,
    to_canvas,
    to_csv,
    to_gradescope,
    to_moodle,
    to_nbgrader,
)
from tests.making import published
from tests.making.importers import (
    LANGUAGES,
    CanvasBook,
    CanvasUser,
    MoodleBook,
    gradebook,
    worksheet,
)
from tests.making.published import Pupil

CLASSES = (100, 1000)
LAB3 = 12345


def tables(folder: Path, pupils: list[Pupil]) -> tuple[Path, Path]:
    """Write what Moodle and Canvas give of a class."""
    numbers = [int(p.lms_number) for p in pupils]
    people = {int(p.lms_number): (p.own_name, p.id, p.email) for p in pupils}
    users = [CanvasUser(int(p.lms_number), p.own_name, p.id, p.login) for p in pupils]
    canvas = CanvasBook(users, {LAB3: "Lab 3"}, {LAB3: Decimal(100)})
    (folder / "w.csv").write_bytes(worksheet(MoodleBook(LANGUAGES["en"], numbers), people))
    (folder / "g.csv").write_bytes(gradebook(canvas))
    return folder / "w.csv", folder / "g.csv"


def measured(work: Callable[[], object]) -> tuple[float, int]:
    """Do something in a process of its own; return its seconds, and bytes of memory beside ours."""
    reader, writer = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        before = memory()
        began = time.perf_counter()
        work()
        writer.send((time.perf_counter() - began, memory() - before))
        os._exit(0)
    writer.close()
    result: tuple[float, int] = reader.recv()
    os.waitpid(pid, 0)
    return result


def memory() -> int:
    """Return the most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print all of it."""
    for count in CLASSES:
        with tempfile.TemporaryDirectory() as name:
            top, pupils = Path(name), published.mixed(count)
            course = published.write(top / "course", pupils)
            moodle, canvas = tables(top, pupils)
            request = Request(Course.find(course.folder), top / "upload")
            works: dict[str, Callable[[], object]] = {
                "csv": lambda: to_csv(request),  # noqa: B023
                "moodle": lambda: to_moodle(request, moodle),  # noqa: B023
                "canvas": lambda: to_canvas(request, canvas, "Lab 3"),  # noqa: B023
                "gradescope": lambda: to_gradescope(request),  # noqa: B023
                "nbgrader": lambda: to_nbgrader(request.course, lambda _: None),  # noqa: B023
            }
            for kind, work in works.items():
                (first_s, first), (again_s, again) = measured(work), measured(work)
                print(
                    f"{count} students, {kind}: {first_s:.1f} s, again {again_s:.1f} s; "
                    f"{max(first, again) / 1e6:.0f} MB more memory"
                )


if __name__ == "__main__":
    main()
