"""Where everybody in a course stands: the grade of what counts, or why none can be given out."""

from collections.abc import Iterator
from dataclasses import dataclass

from autograder.course.counting import Counted
from autograder.course.folder import Course
from autograder.course.index import Student
from autograder.course.linking import in_class
from autograder.course.naming import folder_name
from autograder.grades.choosing import counted_in
from autograder.grades.gathering import item_of
from autograder.grades.made import Made
from autograder.grades.storing import Store
from autograder.results import Grade

NOTHING, UNGRADED = "handed in nothing", "not graded yet"
OTHER_ATTEMPT = "the grade is of another attempt: lab3 grade"
NOT_WELL = "the worker was not well: lab3 grade --rerun failed"
UNREAD = "nothing could be graded, by no fault of the student's"


@dataclass(frozen=True)
class Standing:
    """A student and the grade of what counts; ``why_open`` says why it can't be given out."""

    student: Student
    folder: str
    counted: Counted | None = None
    grade: Grade | None = None
    why_open: str = ""


def standings(course: Course, store: Store) -> Iterator[Standing]:
    """Yield everybody, one grade after the other, and at last those who handed in nothing."""
    for counted in counted_in(course, store):
        grade, made = store.grade(counted.folder), store.made(counted.folder)
        why = why_open(counted, grade, made)
        yield Standing(counted.student, counted.folder, counted, grade, why)
    for row in course.missing():
        yield Standing(in_class(row), folder_name(row.id), why_open=NOTHING)


def why_open(counted: Counted, grade: Grade | None, made: Made | None) -> str:
    """Say why a grade can't be given out; nothing where it can."""
    if grade is None or made is None:
        return UNGRADED
    if made.key.content != item_of(counted).content:
        return OTHER_ATTEMPT
    if not grade.is_canary_well:
        return NOT_WELL
    return UNREAD if grade.unread and counted.is_for_staff else ""
