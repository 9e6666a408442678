"""What a course folder has of one student: the grade, how it came about, and what counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tools.shared.console import UserError, out, print_table
from tools.shared.table import Table
from tools.staff.board import lateness
from tools.staff.diff import HEADERS, cells

if TYPE_CHECKING:
    from autograder.changes import Change
    from autograder.course.counting import Counted
    from autograder.course.folder import Course
    from autograder.course.index import Student
    from autograder.grades.made import Made
    from autograder.results import Grade

LISTED = 8  # students with one name


@dataclass(frozen=True)
class Record:
    """A student's grade, how it and those before it came about, and the attempt that counts now.

    ``before`` is the last grade before it with its number, None where there was none.
    """

    counted: Counted
    grade: Grade
    is_of_counted: bool
    history: list[Made]
    before: tuple[int, Grade] | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The marks that changed since the grade before."""
        from autograder.changes import changes

        return changes(self.before[1], self.grade) if self.before else ()


def student_record(name: str) -> Record | None:
    """Return what the course has of a student, None where one stands in no course.

    Raises UserError when it is not clear who is meant, or there is no grade.
    """
    from autograder.course.folder import Course
    from autograder.grades.choosing import counted_in
    from autograder.grades.gathering import item_of
    from autograder.grades.storing import Store

    course = Course.here()
    if course is None:
        return None
    store = Store(course.grades)
    counted = one_student(course, counted_in(course, store), name, "a grade.json")
    grade, made = store.grade(counted.folder), store.made(counted.folder)
    if grade is None:
        raise UserError(f"{title_of(counted.student)} has no grade yet: lab3 grade makes it")
    return Record(
        counted=counted,
        grade=grade,
        is_of_counted=made is not None and made.key.content == item_of(counted).content,
        history=store.history(counted.folder),
        before=store.before(counted.folder),
    )


def student_counted(name: str) -> Counted | None:
    """Return what counts of a student, graded or not, None where one stands in no course."""
    from autograder.course.folder import Course
    from autograder.grades.choosing import counted_in
    from autograder.grades.storing import Store

    course = Course.here()
    if course is None:
        return None
    return one_student(course, counted_in(course, Store(course.grades)), name, "an archive")


def one_student(course: Course, everybody: Sequence[Counted], name: str, other: str) -> Counted:
    """Return the student who is meant; raise UserError, with those who may be, unless it is one.

    ``other`` is what might have been named by its path instead.
    """
    from autograder.course.finding import find

    found = find(everybody, name)
    if len(found) == 1:
        return found[0]
    if found:
        who = [title_of(one.student) for one in found[:LISTED]]
        more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise UserError(f"{name!r} may be {', '.join(who)}{more}: name one by id")
    if any(name in (row.id, row.name, *row.ids.values()) for row in course.missing()):
        raise UserError(f"{name!r} has handed in nothing")
    raise UserError(
        f"{name!r} is nobody who handed in, and no path: see the table of lab3 grade, or name the "
        f"path of {other}"
    )


def title_of(student: Student) -> str:
    """Return name and id."""
    from autograder.plain_text import one_line

    return one_line(f"{student.name} ({student.id})" if student.name else student.id)


def student_facts(record: Record) -> dict[str, str]:
    """Return who it is, which attempt counts and why, and what lateness takes."""
    from autograder.marks import final_mark
    from autograder.messages import number

    one, grade = record.counted, record.grade
    ids = ", ".join(f"{kind} {value}" for kind, value in one.student.ids.items())
    facts = {
        "student": title_of(one.student) + (f"; {ids}" if ids else ""),
        "attempt": f"{one.attempt.id}: {one.why}",
        "late": lateness(one) or "no",
        "mark": f"{number(float(final_mark(grade, one)))} of {number(grade.points)}",
    }
    if not record.is_of_counted:
        facts["out of date"] = "the grade is of another attempt: lab3 grade grades this one"
    if one.asks_staff:
        facts["to be decided"] = one.asks_staff
    return facts


def print_history(record: Record) -> None:
    """Print how a student's grades came about, and what changed since the last one."""
    from autograder.changes import differences

    rows = [history_row(made) for made in record.history]
    headers = ("Grade", "When (UTC)", "By", "How", "Rubric", "Kit", "Points", "of")
    print_table("Grades so far", Table(headers, rows, left=6))
    if record.before is None:
        return
    title = f"Changed since grade {record.before[0]}"
    if record.changes:
        rows = [(change.title, *cells(change)) for change in record.changes]
        print_table(title, Table(("Check", *HEADERS), rows, left=2))
    else:
        different = ", ".join(differences(record.before[1], record.grade))
        out.print(f"{title}: no mark; what is different: {different or 'nothing'}", markup=False)


def history_row(made: Made) -> tuple[str, ...]:
    """Say when, by whom and by what a grade was made."""
    from autograder.messages import number

    when = made.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    how = "recomputed" if made.is_recomputed else "graded"
    hashes = (made.key.rubric_sha256[:8], made.key.sources_sha256[:8])
    return str(made.number), when, made.by, how, *hashes, number(made.earned), number(made.points)


def student_data(record: Record, grade: Grade) -> dict[str, Any]:
    """Return all of it for programs, with this of the grade."""
    from autograder.marks import final_mark

    one = record.counted
    return {
        "student": one.student.model_dump(mode="json"),
        "attempt": one.attempt.id,
        "why": one.why,
        "asks_staff": one.asks_staff,
        "is_of_counted": record.is_of_counted,
        "late_by_s": None if one.late_by is None else one.late_by.total_seconds(),
        "lost": float(one.lost),
        "mark": float(final_mark(record.grade, one)),
        "history": [made.model_dump(mode="json") for made in record.history],
        "before": record.before and record.before[0],
        "changes": [asdict(change) for change in record.changes],
        "grade": grade.model_dump(mode="json"),
    }
