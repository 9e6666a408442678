"""``grades/index.html``: what a class's grades say together, written after each grading."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tools.staff.board import lateness

if TYPE_CHECKING:
    from autograder.course.counting import Counted
    from autograder.course.folder import Course
    from autograder.exports.overview import Student
    from autograder.grades.items import Item
    from autograder.results import Grade

NOT_YET, NEWER = "not graded yet", "handed in something newer, which is not graded yet"


def write_overview(
    items: Sequence[Item], top: Path, course: Course | None, by: tuple[str, str]
) -> Path:
    """Write the page beside the grades of a class; return the file.

    ``by`` are the hashes of rubric and sources that grades should be by.
    """
    from autograder.exports.files import write_text
    from autograder.exports.overview import OVERVIEW_NAME, Overview, Student
    from autograder.grades.choosing import counted_in
    from autograder.grades.storing import Store

    store = Store(top)
    counted = {one.folder: one for one in counted_in(course, store)} if course else {}
    name = course.settings.name if course else f"Grades in {top.parent.name}/{top.name}"
    overview = Overview(name, *by)
    for item in sorted(items, key=lambda item: item.folder):
        grade, made = store.grade(item.folder), store.made(item.folder)
        is_newer = course is None or course.settings.rule != "best"
        is_old = bool(made and is_newer and made.key.content != item.content)
        overview.add(student_of(item, grade, counted, is_old), grade)
    for row in course.missing() if course else ():
        overview.add(Student(row.name or row.id, row.id, why_not="handed in nothing"), None)
    path = top / OVERVIEW_NAME
    write_text(path, overview.page(datetime.now(UTC)))
    return path


def student_of(
    item: Item, grade: Grade | None, counted: Mapping[str, Counted], is_old: bool
) -> Student:
    """Return somebody who handed in, with what lateness takes."""
    from autograder.exports.overview import Student
    from autograder.marks import final_mark

    one = counted.get(item.folder)
    why_not = NOT_YET if grade is None else NEWER if is_old else ""
    return Student(
        name=item.title,
        folder=item.folder,
        late=lateness(one) if one else "",
        mark=float(final_mark(grade, one)) if grade and one else None,
        why_not=why_not,
    )


def present(rubric: Path | None) -> tuple[str, str]:
    """Return the hashes of a rubric, or the kit's, and of our sources, without grading anything."""
    from autograder.host.contents import sources_sha256
    from autograder.rubric import RUBRIC

    return hashlib.sha256((rubric or RUBRIC).read_bytes()).hexdigest(), sources_sha256()
