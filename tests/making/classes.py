"""Courses, and what an index says of students and attempts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from autograder.course.folder import Course
from autograder.course.index import Attempt, Index, Source, Student, write_index

DEADLINE = datetime(2026, 12, 1, 23, 59, tzinfo=UTC)
DUE = "deadline = 2026-12-01T23:59:00Z\n"
COLLECTED = DEADLINE + timedelta(days=30)


def attempt(name: str, *students: str, late_h: float | None = None, **fields: Any) -> Attempt:
    """An attempt that was handed in so many hours after the deadline, or nobody knows when."""
    received = None if late_h is None else DEADLINE + timedelta(hours=late_h)
    return Attempt(
        **{
            "id": name,
            "students": students or ("ada",),
            "lms": "moodle",
            "source": Source(name="export.zip"),
            "handed_in_as": f"{name}.zip",
            "received": received,
            "collected": COLLECTED,
            "file": f"attempts/{name}.zip",
            **fields,
        }
    )


def index(*attempts: Attempt, **students: Student) -> Index:
    """An index of attempts, with the students who made them."""
    ids = {student for attempt in attempts for student in attempt.students}
    plain = {student: Student(id=student, ids={"id": student}) for student in ids}
    return Index(students=tuple({**plain, **students}.values()), attempts=attempts).in_order()


def write_course(folder: Path, settings: str = "", **files: str) -> Course:
    """Write a course folder, with files such as ``students_csv`` beside its settings."""
    folder.mkdir(exist_ok=True)
    (folder / "course.toml").write_text(settings)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return Course.find(folder)


def collected(course: Course, *attempts: Attempt) -> Course:
    """Write the index of a course."""
    write_index(course.index_file, index(*attempts))
    return course
