"""A course's grades on disk: one folder a student, each file written whole, nothing lost."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from autograder.exports.feedback import Version
from autograder.exports.files import GRADE_NAME, for_staff, pages, write_text
from autograder.grades import history
from autograder.grades.items import Graded
from autograder.grades.made import Key, Made, user
from autograder.results import Grade
from autograder.rubric import Policy

MADE_NAME, LOCK_NAME = "made.json", ".lock"


@dataclass
class Store:
    """Reads and writes the grades of a class below one folder.

    ``has_pages`` tells whether they are for students to read.
    """

    top: Path
    by: str = field(default_factory=user)
    has_pages: bool = True

    def made(self, folder: str) -> Made | None:
        """Return how a grade came about, None where there is none or it can't be told."""
        try:
            return Made.model_validate_json((self.top / folder / MADE_NAME).read_bytes())
        except (OSError, ValidationError):
            return None

    def grade(self, folder: str) -> Grade | None:
        """Return a grade, None where there is none that can be read."""
        return history.read_grade(self.top / folder / GRADE_NAME)

    def is_as_made(self, folder: str, grade: Grade) -> bool:
        """Tell whether a grade is the one whose making is told beside it."""
        made = self.made(folder)
        return made is None or made.is_of(grade)

    def history(self, folder: str) -> list[Made]:
        """Return how a student's grades came about, oldest first."""
        return history.read_history(self.top / folder)

    def before(self, folder: str) -> tuple[int, Grade] | None:
        """Return the grade before the present one with its number, None where there is none."""
        made = self.made(folder)
        return None if made is None else history.version_before(self.top / folder, made.number)

    def write(self, graded: Graded, key: Key, policy: Policy, is_recomputed: bool = False) -> None:
        """Store a grade. What says that it is complete is written last, and taken away first.

        ``policy`` says what the pages tell of hidden checks.
        """
        with self._alone():
            self._write(graded, key, policy, is_recomputed)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until nobody else writes here: files of two grades would be taken for one."""
        self.top.mkdir(parents=True, exist_ok=True)
        with (self.top / LOCK_NAME).open("a") as file:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, graded: Graded, key: Key, policy: Policy, is_recomputed: bool) -> None:
        folder, grade = self.top / graded.folder, graded.grade
        made = self._made(graded, key, is_recomputed)
        (folder / MADE_NAME).unlink(missing_ok=True)
        texts = {GRADE_NAME: for_staff(grade)}
        if self.has_pages:
            before = history.version_before(folder, made.number)
            shown = Version(made.number, made.at, before)
            texts = pages(grade, policy.at(datetime.now(UTC)), shown) | texts
        for name, text in texts.items():
            write_text(folder / name, text)
        history.add_to_history(folder, made)
        write_text(folder / MADE_NAME, made.model_dump_json(indent=1) + "\n")

    def _made(self, graded: Graded, key: Key, is_recomputed: bool) -> Made:
        """Return how a grade comes about, and keep the one before, if that was different."""
        folder, grade = self.top / graded.folder, graded.grade
        made = Made(
            key=key,
            at=datetime.now(UTC),
            by=self.by,
            is_recomputed=is_recomputed,
            earned=grade.earned,
            points=grade.points,
        )
        last = next(iter(self.history(graded.folder)[-1:]), None)
        if last is None:
            return made
        there = history.version(folder, last.number) or self.grade(graded.folder)
        if last.key == key and there is not None and marks(there) == marks(grade):
            return last
        history.keep_version(folder, last.number)
        return made.model_copy(update={"number": last.number + 1})

    def folders(self) -> Iterator[str]:
        """Yield the names of all folders that hold a grade, in order."""
        if self.top.is_dir():
            for path in sorted(self.top.iterdir()):
                if (path / GRADE_NAME).is_file():
                    yield path.name


def marks(grade: Grade) -> list[tuple[object, ...]]:
    """Return what makes a grade another one than the last: verdicts and points."""
    return [(r.check, r.visibility, r.points, r.share, r.outcome) for r in grade.results]
