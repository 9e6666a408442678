"""The assignment in the gradebook: two notebooks, and the cells in them, which stay the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from autograder.publishing.cells import LATER, Cells

if TYPE_CHECKING:
    from nbgrader.api import Assignment, Gradebook, Notebook

ASSIGNMENT, CODE, REPORT = "lab3", "code", "report"
AUTOMATIC, MANUAL = "code", "markdown"  # nbgrader's types of cells


@dataclass(frozen=True)
class Layout:
    """Ids of the gradebook's rows: of the assignment, its notebooks, and their cells by name.

    ``comments`` are cells, too, which nbgrader has beside those of points. ``later`` are checks
    that the gradebook has no cell for, ``gone`` those that only it has.
    """

    assignment: str
    notebooks: Mapping[str, str]
    checks: Mapping[str, str]
    sections: Mapping[str, str]
    comments: Mapping[str, str]
    worth: Mapping[str, Decimal]  # by cell of a section
    later: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def naive(time: datetime | None) -> datetime | None:
    """Return a time as nbgrader stores it: in UTC, without saying so."""
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None)


def lay_out(gradebook: "Gradebook", cells: Cells, deadline: datetime | None) -> Layout:
    """Make the assignment with its cells, or bring up to date what they are worth.

    Once there are submissions, nbgrader takes no other cells: the points of checks that came later
    are in one cell that was there from the beginning, and cells of checks that are gone are worth
    nothing.
    """
    from nbgrader import api

    db = gradebook.db
    assignment = db.query(api.Assignment).filter_by(name=ASSIGNMENT).one_or_none()
    if assignment is None:
        assignment = api.Assignment(name=ASSIGNMENT, course_id=gradebook.course_id)
        db.add(assignment)
    if assignment.duedate != naive(deadline):
        assignment.duedate = naive(deadline)
    for name in (CODE, REPORT):
        if name not in [notebook.name for notebook in assignment.notebooks]:
            db.add(api.Notebook(name=name, assignment=assignment, kernelspec="{}"))
    db.flush()
    submissions = db.query(api.SubmittedAssignment.id).filter_by(assignment_id=assignment.id)
    is_fixed = submissions.first() is not None
    code, report = (notebook_of(assignment, name) for name in (CODE, REPORT))
    checks = {**cells.checks, LATER: Decimal()}
    there = {cell.name for cell in code.grade_cells}
    later = tuple(name for name in checks if name not in there) if is_fixed and there else ()
    gone = tuple(sorted(there - checks.keys()))
    checks[LATER] = sum((checks.pop(name) for name in later if name != LATER), Decimal())
    if is_fixed:
        checks |= dict.fromkeys(gone, Decimal())
    set_cells(gradebook, code, checks, AUTOMATIC)
    set_cells(gradebook, report, cells.sections, MANUAL)
    db.flush()
    db.expire_all()
    layout = Layout(
        assignment.id,
        {CODE: code.id, REPORT: report.id},
        {cell.name: cell.id for cell in code.grade_cells},
        {cell.name: cell.id for cell in report.grade_cells},
        {cell.name: cell.id for cell in report.solution_cells},
        dict(cells.sections),
        later,
        gone if is_fixed else (),
    )
    db.commit()
    return layout


def notebook_of(assignment: "Assignment", name: str) -> "Notebook":
    return next(notebook for notebook in assignment.notebooks if notebook.name == name)


def set_cells(
    gradebook: "Gradebook", notebook: "Notebook", worth: Mapping[str, Decimal], kind: str
) -> None:
    """Make the cells of a notebook, and remove others; people's cells take comments as well."""
    from nbgrader import api

    there = {cell.name: cell for cell in notebook.grade_cells}
    for name, points in worth.items():
        if name not in there:
            fields = {"name": name, "notebook": notebook}
            gradebook.db.add(api.GradeCell(max_score=float(points), cell_type=kind, **fields))
            if kind == MANUAL:
                gradebook.db.add(api.SolutionCell(**fields))
        elif there[name].max_score != float(points):
            there[name].max_score = float(points)
    for name in there.keys() - worth.keys():
        gradebook.db.delete(there[name])
