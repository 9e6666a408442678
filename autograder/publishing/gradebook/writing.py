"""Writing grades into the gradebook: some students at a time, each whole or not at all.

Only automatic scores, and what lateness takes, are written; what people gave stays.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from autograder.course.index import Student
from autograder.marks import rounded
from autograder.plain_text import one_line
from autograder.publishing.cells import scores
from autograder.publishing.gradebook.layout import CODE, REPORT, Layout, naive
from autograder.publishing.gradebook.rows import (
    COMMENT,
    GRADE,
    NOTEBOOK,
    STUDENT,
    SUBMISSION,
    Changes,
    There,
    Values,
    read,
)
from autograder.publishing.standings import Standing
from autograder.results import exact

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

AT_ONCE = 40  # students in one transaction
MOST = 128  # characters of a text in nbgrader's tables


@dataclass
class Written:
    """What became of a gradebook: folders of students, and lines for staff.

    ``hiding`` are marks of people that stand before an automatic one that has changed since.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)
    hiding: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    later: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def write(
    gradebook: "Gradebook",
    layout: Layout,
    everybody: Iterable[Standing],
    deadline: datetime | None,
    on_written: Callable[[int], None],
) -> Written:
    """Write the grades of everybody; ``on_written`` hears how many are through."""
    written = Written(later=layout.later, gone=layout.gone)
    seen: set[str] = set()
    for batch in batches(everybody):
        there, changes = read(gradebook, layout, [one.folder for one in batch]), Changes()
        for standing in batch:
            seen.add(standing.folder)
            write_one(standing, layout, there, changes, deadline, written)
        changes.apply(gradebook)
        gradebook.db.commit()
        on_written(len(seen))
    written.left = [name for name in all_students(gradebook) if name not in seen]
    return written


def batches(everybody: Iterable[Standing]) -> Iterator[list[Standing]]:
    """Yield a few at a time; grades are read while nobody waits for the gradebook."""
    people = iter(everybody)
    while batch := list(islice(people, AT_ONCE)):
        yield batch


def all_students(gradebook: "Gradebook") -> list[str]:
    from nbgrader import api
    from sqlalchemy import select

    names = sorted(gradebook.db.scalars(select(api.Student.id)))
    gradebook.db.rollback()
    return names


def write_one(
    standing: Standing,
    layout: Layout,
    there: There,
    changes: Changes,
    deadline: datetime | None,
    written: Written,
) -> None:
    """Note all that has to change for a student."""
    folder = standing.folder
    about = about_student(standing.student)
    if row := there.students.get(folder):
        changes.update(STUDENT, row, **about)
    else:
        changes.add(STUDENT, id=folder, **about)
    if standing.counted is None:
        written.nothing.append(folder)
    elif standing.why_open or standing.grade is None:
        written.open.append(f"{title(standing)}: {standing.why_open}")
    else:
        is_new = folder not in there.submissions
        if is_new:
            add_submission(folder, layout, there, changes)
        is_changed = update_submission(standing, layout, there, changes, deadline)
        written.hiding += hiding(standing, layout, there)
        kind = written.new if is_new else written.changed if is_changed else written.same
        kind.append(folder)


def about_student(student: Student) -> Values:
    """Return what nbgrader has of a student; its own export puts commas around names unquoted."""
    last, comma, first = one_line(student.name).partition(",")
    if not comma:
        first, _, last = last.rpartition(" ")
    email, number = one_line(student.email), one_line(student.id)
    texts = {"first_name": first, "last_name": last, "email": email, "lms_user_id": number}
    return {name: " ".join(text.replace(",", " ").split())[:MOST] for name, text in texts.items()}


def title(standing: Standing) -> str:
    student = standing.student
    return one_line(f"{student.name} ({student.id})" if student.name else student.id)


def add_submission(folder: str, layout: Layout, there: There, changes: Changes) -> None:
    """Add all rows of a submission, with no scores yet."""
    submission = changes.add(
        SUBMISSION,
        id=uuid4().hex,
        assignment_id=layout.assignment,
        student_id=folder,
        timestamp=None,
        extension=None,
    )
    there.submissions[folder] = submission
    for name, notebook_id in layout.notebooks.items():
        notebook = changes.add(
            NOTEBOOK,
            id=uuid4().hex,
            assignment_id=submission["id"],
            notebook_id=notebook_id,
            flagged=False,
            late_submission_penalty=0.0,
        )
        there.notebooks[folder, name] = notebook
        cells = layout.checks if name == CODE else layout.sections
        for cell, cell_id in cells.items():
            is_worthless = name == REPORT and not layout.worth.get(cell)
            there.grades[folder, cell_id] = changes.add(
                GRADE,
                id=uuid4().hex,
                notebook_id=notebook["id"],
                cell_id=cell_id,
                auto_score=0.0 if is_worthless else None,
                manual_score=None,
                extra_credit=None,
                needs_manual_grade=not is_worthless,
            )
            if name == REPORT:
                add_comment(changes, notebook["id"], layout.comments[cell])


def add_comment(changes: Changes, notebook_id: str, cell_id: str) -> None:
    changes.add(
        COMMENT,
        id=uuid4().hex,
        notebook_id=notebook_id,
        cell_id=cell_id,
        auto_comment=None,
        manual_comment=None,
    )


def update_submission(
    standing: Standing, layout: Layout, there: There, changes: Changes, deadline: datetime | None
) -> bool:
    """Note what is different in a submission; rows that are only now added are changed in place."""
    assert standing.grade is not None
    assert standing.counted is not None
    folder, counted = standing.folder, standing.counted
    extension: timedelta | None = None
    if deadline is not None and counted.deadline is not None and counted.deadline != deadline:
        extension = counted.deadline - deadline
    is_changed = changes.update(
        SUBMISSION,
        there.submissions[folder],
        timestamp=naive(counted.attempt.received),
        extension=extension,
    )
    earned = scores(standing.grade.results, layout.checks.keys())
    for cell, cell_id in layout.checks.items():
        row, points = there.grades[folder, cell_id], earned[cell]
        score = None if points is None else float(points)
        if row["auto_score"] != score:
            manual = row["manual_score"]
            needs = score is None or (manual is not None and manual != score)
            is_changed |= changes.update(GRADE, row, auto_score=score, needs_manual_grade=needs)
    penalty = penalty_of(standing, layout, there)
    code = there.notebooks[folder, CODE]
    return changes.update(NOTEBOOK, code, late_submission_penalty=penalty) or is_changed


def penalty_of(standing: Standing, layout: Layout, there: There) -> float:
    """Return what lateness takes, as nbgrader subtracts it from all points of the submission."""
    assert standing.counted is not None
    if not standing.counted.lost:
        return 0.0
    cells = (*layout.checks.values(), *layout.sections.values())
    points = sum((score_of(there.grades[standing.folder, cell]) for cell in cells), Decimal())
    return float(max(points - rounded(points * (1 - standing.counted.lost)), Decimal()))


def score_of(row: Values) -> Decimal:
    """Return the points of a cell, as nbgrader counts them."""
    points = row["auto_score"] if row["manual_score"] is None else row["manual_score"]
    if points is None:
        return Decimal()
    return exact(points) + exact(row["extra_credit"] or 0.0)


def hiding(standing: Standing, layout: Layout, there: There) -> Iterator[str]:
    """Yield the marks of people behind which an automatic one has changed."""
    for cell, cell_id in layout.checks.items():
        row = there.grades[standing.folder, cell_id]
        manual, automatic = row["manual_score"], row["auto_score"]
        if manual is not None and row["needs_manual_grade"] and manual != automatic:
            shown = "undecided" if automatic is None else f"{automatic:g}"
            yield f"{title(standing)}: {cell}: {manual:g} by hand, {shown} automatically now"
