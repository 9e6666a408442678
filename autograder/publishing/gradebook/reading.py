"""What people gave in the gradebook."""

from collections import defaultdict
from decimal import Decimal

from autograder.course.folder import Course
from autograder.publishing.by_hand import ByHand, Given
from autograder.publishing.cells import LATER
from autograder.publishing.gradebook.layout import ASSIGNMENT, CODE
from autograder.publishing.gradebook.opening import has_gradebook, opened
from autograder.results import exact


def by_hand(course: Course) -> ByHand:
    """Return the marks that people gave, none where there is no gradebook."""
    if not has_gradebook(course):
        return ByHand()
    with opened(course) as gradebook:
        from nbgrader import api
        from sqlalchemy import or_, select

        grade, cell = api.Grade, api.BaseCell
        of_lab = select(cell.id, cell.name, api.Notebook.name).join_from(
            cell, api.Notebook, cell.notebook_id == api.Notebook.id
        )
        of_lab = of_lab.join(api.Assignment, api.Notebook.assignment_id == api.Assignment.id).where(
            api.Assignment.name == ASSIGNMENT
        )
        names = {row[0]: (row[1], row[2]) for row in gradebook.db.execute(of_lab)}
        asked = (
            select(
                api.SubmittedAssignment.student_id,
                grade.cell_id,
                grade.manual_score,
                grade.extra_credit,
            )
            .join_from(grade, api.SubmittedNotebook, grade.notebook_id == api.SubmittedNotebook.id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id,
            )
            .where(or_(grade.manual_score.is_not(None), grade.extra_credit.is_not(None)))
        )
        given: dict[str, dict[str, Given]] = defaultdict(dict)
        for student, cell_id, points, extra in gradebook.db.execute(asked):
            if cell_id in names:
                own = None if points is None else exact(points)
                given[student][names[cell_id][0]] = Given(own, exact(extra) if extra else Decimal())
        gradebook.db.rollback()
    checks = {name for name, notebook in names.values() if notebook == CODE}
    return ByHand(frozenset(checks - {LATER}), given)
