"""The course folder: staff's working place, found from any folder below it."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.course import counting, index, linking, roster, settings
from autograder.course.counting import Counted, Points
from autograder.course.index import INDEX_NAME, Attempt, Index, Student
from autograder.course.roster import Roster, Row
from autograder.course.settings import COURSE_NAME, CourseError, File, Settings
from autograder.plain_text import one_line
from autograder.rubric import NO_RANDOM_KEY, is_random
from autograder.submissions.places import is_submission


class NoCourseError(CourseError):
    """One stands in no course folder."""


@dataclass(frozen=True)
class Course:
    """A course folder whose ``course.toml`` is right."""

    folder: Path
    settings: Settings
    _file: File

    @classmethod
    def find(cls, start: Path | None = None) -> "Course":
        """Return the course in which one stands; raise CourseError when there is none."""
        here = Path(os.path.realpath(start or Path.cwd()))
        for folder in (here, *here.parents):
            if (folder / COURSE_NAME).is_file():
                for outer in (folder, *folder.parents):
                    if is_submission(outer):
                        raise CourseError(
                            f"{folder / COURSE_NAME} lies in {outer}, which is a submission: "
                            "stand in the course folder"
                        )
                return cls(folder, *settings.load(folder / COURSE_NAME))
        raise NoCourseError(
            f"{here} is in no course folder: stand in one, or make one with lab3 course init DIR"
        )

    @classmethod
    def here(cls) -> "Course | None":
        """Return the course in which one stands, None without one.

        One that a path of a submission lies in may be the submission's own.
        """
        try:
            return cls.find()
        except NoCourseError:
            return None

    @property
    def submissions(self) -> Path:
        """The folder of what was collected."""
        return self.folder / "submissions"

    @property
    def grades(self) -> Path:
        """The folder of grades."""
        return self.folder / "grades"

    @property
    def index_file(self) -> Path:
        return self.submissions / INDEX_NAME

    def key(self) -> str | None:
        """Return the secret key, None where the course has none."""
        path = self.settings.key
        if path is None:
            return None
        try:
            key = path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise self._file.error(("key",), f"{path} can't be read: {error.strerror}") from None
        except UnicodeDecodeError:
            key = ""
        if not is_random(key):
            raise self._file.error(("key",), f"{path}: {NO_RANDOM_KEY}")
        return key

    def roster(self) -> Roster:
        """Return the class list, an empty one where the course has none."""
        return self._roster

    @cached_property
    def _roster(self) -> Roster:
        path = self.settings.students
        try:
            return Roster() if path is None else roster.read_roster(path)
        except OSError as error:
            text = f"{path} can't be read: {error.strerror}"
            raise self._file.error(("students",), text) from None

    def index(self) -> Index:
        """Return all students and attempts, with the ids of the class list."""
        collected = index.read_index(self.index_file)
        return linking.linked(collected, self._roster, self.settings.groups)

    def path(self, attempt: Attempt) -> Path | None:
        """Return our copy of an attempt; None where there is nothing to grade."""
        return None if attempt.file is None else self.submissions / attempt.file

    def counted(self, points: Points | None = None) -> list[Counted]:
        """Return the attempts that count, by student id: see ``counting.counted``.

        Raises CourseError when ``course.toml`` names students or attempts that don't exist.
        """
        everything = self.index()
        self._check(everything)
        return counting.counted(self.settings, everything, self.submissions, points)

    def candidates(self) -> list[tuple[Student, Attempt]]:
        """Return all attempts that can be graded and may count, with their students."""
        everything = self.index()
        self._check(everything)
        return counting.candidates(self.settings, everything)

    def missing(self) -> list[Row]:
        """Return the students of the class list who handed in nothing."""
        there = {student for attempt in self.index().attempts for student in attempt.students}
        staff = set(self.settings.staff)
        return [
            row
            for row in self._roster.rows
            if row.id not in there and not staff & {*row.ids.values()}
        ]

    def _check(self, everything: Index) -> None:
        """Raise CourseError, with the line, for a student or an attempt that doesn't exist."""
        ids = counting.student_ids(everything)
        known = {
            *ids,
            *(value for row in self._roster.rows for value in (row.id, *row.ids.values())),
        }
        named = (("extensions", self.settings.extensions), ("choices", self.settings.choices))
        for table, students in named:
            for student in students:
                if student not in known and (self._roster.rows or table == "choices"):
                    text = f"there is no such student{proposal(student, known)}"
                    raise self._file.error((table, student), text)
        for student, choice in self.settings.choices.items():
            own = [attempt.id for attempt in everything.of(ids.get(student, ""))]
            if choice.attempt not in own:
                there = f"there are {', '.join(own)}" if own else "there is none"
                text = f"this student has no attempt {choice.attempt!r}: {there}"
                raise self._file.error(("choices", student), text)


def course_of(path: Path) -> Path | None:
    """Return the ``course.toml`` that a path lies beside or below; it may be a submission's own."""
    here = Path(os.path.realpath(path))
    files = (folder / COURSE_NAME for folder in (here, *here.parents))
    return next((file for file in files if file.is_file()), None)


def proposal(name: str, known: Iterable[str]) -> str:
    """Say which student may have been meant."""
    near = difflib.get_close_matches(name, known, 1)
    return f": did you mean {one_line(near[0])!r}?" if near else ""


def init(folder: Path) -> Path:
    """Write a commented ``course.toml`` into a folder; raise CourseError when it has one."""
    path = folder / COURSE_NAME
    text = settings.TEMPLATE.read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if not path.exists():
            raise CourseError(f"{folder} is no folder: name another one") from None
        raise CourseError(f"{path} is there already: edit it, or name another folder") from None
    return path
