"""The gradebook's rows of some students: what there is, and what has to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.publishing.gradebook.layout import Layout

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

Values = dict[str, Any]


@dataclass(frozen=True)
class There:
    """What the gradebook has of some students: rows as mappings, by folder."""

    students: dict[str, Values]
    submissions: dict[str, Values]
    notebooks: dict[tuple[str, str], Values]  # by folder and notebook
    grades: dict[tuple[str, str], Values]  # by folder and cell's id


class Changes:
    """Rows to be added and to be changed, by the table's model."""

    def __init__(self) -> None:
        self._added: dict[str, list[Values]] = {}
        self._updated: dict[tuple[str, tuple[str, ...]], list[Values]] = {}
        self._new: set[str] = set()

    def add(self, model: str, **values: Any) -> Values:
        """Note a row that is to be added, and return it."""
        self._added.setdefault(model, []).append(values)
        self._new.add(values["id"])
        return values

    def update(self, model: str, row: Values, **values: Any) -> bool:
        """Note what is different in a row; tell whether anything is."""
        different = {key: value for key, value in values.items() if row[key] != value}
        if different and row["id"] not in self._new:
            rows = self._updated.setdefault((model, tuple(different)), [])
            rows.append({"its_id": row["id"], **{f"new_{k}": v for k, v in different.items()}})
        row.update(different)
        return bool(different)

    def apply(self, gradebook: "Gradebook") -> None:
        """Write all of it, what others refer to first."""
        from nbgrader import api
        from sqlalchemy import bindparam, insert, update

        for model in ORDER:
            table = getattr(api, model).__table__
            if rows := self._added.get(model):
                gradebook.db.execute(insert(table), rows)
        for (model, columns), rows in self._updated.items():
            table = getattr(api, model).__table__
            values: Values = {column: bindparam(f"new_{column}") for column in columns}
            its = table.c.id == bindparam("its_id")
            gradebook.db.connection().execute(update(table).where(its).values(values), rows)


STUDENT, SUBMISSION, NOTEBOOK = "Student", "SubmittedAssignment", "SubmittedNotebook"
GRADE, COMMENT = "Grade", "Comment"
ORDER = (STUDENT, SUBMISSION, NOTEBOOK, GRADE, COMMENT)


def read(gradebook: "Gradebook", layout: Layout, folders: Sequence[str]) -> There:
    """Read what there is of some students; the transaction holds until all is written."""
    from nbgrader import api
    from sqlalchemy import select

    student, handed_in = api.Student.__table__, api.SubmittedAssignment.__table__
    notebook, grade = api.SubmittedNotebook.__table__, api.Grade.__table__

    def rows(statement: Any) -> list[Values]:
        return [dict(row) for row in gradebook.db.execute(statement).mappings()]

    students = rows(select(student).where(student.c.id.in_(folders)))
    own = (handed_in.c.assignment_id == layout.assignment) & handed_in.c.student_id.in_(folders)
    submissions = rows(select(handed_in).where(own))
    owner = {row["id"]: row["student_id"] for row in submissions}
    notebooks = rows(select(notebook).where(notebook.c.assignment_id.in_(owner)))
    kinds = {number: name for name, number in layout.notebooks.items()}
    owner |= {row["id"]: owner[row["assignment_id"]] for row in notebooks}
    grades = rows(select(grade).where(grade.c.notebook_id.in_([row["id"] for row in notebooks])))
    return There(
        {row["id"]: row for row in students},
        {row["student_id"]: row for row in submissions},
        {(owner[row["id"]], kinds[row["notebook_id"]]): row for row in notebooks},
        {(owner[row["notebook_id"]], row["cell_id"]): row for row in grades},
    )
