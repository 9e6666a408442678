"""Who is who: the ids of LMSs beside those of the class list, and groups beside their members."""

from collections import Counter

from autograder.course.index import Attempt, Index, Student
from autograder.course.roster import Roster, Row
from autograder.submissions.lms.handed_in import LMS

# Which columns of the class list may hold an id of each kind, the surest first.
COLUMNS = {
    **{lms: (lms,) for lms in LMS},
    "id": ("id", "login", "email", "github"),
    "login": ("login", "id"),
    "email": ("email", "login"),
}


def linked(index: Index, roster: Roster, has_groups: bool = False) -> Index:
    """Return the index with the ids of the class list, as far as it has them.

    Students whom it links become one. With ``has_groups`` an attempt is that of the whole group of
    whoever handed it in; a group is known by its number, or by a name that nobody else has.
    """
    names = Counter(s.name for s in index.students)
    alone = {name for name, number in names.items() if number == 1}
    owners = {s.id: owners_of(s, roster, alone if has_groups else None) for s in index.students}
    students: dict[str, Student] = {}
    for owner in (owner for several in owners.values() for owner in several):
        there = students.get(owner.id)
        students[owner.id] = owner if there is None else merged(there, owner)
    attempts = tuple(with_owners(attempt, owners) for attempt in index.attempts)
    everyone = tuple(students.values())
    return index.model_copy(update={"students": everyone, "attempts": attempts}).in_order()


def owners_of(student: Student, roster: Roster, alone: set[str] | None) -> list[Student]:
    """Return the students of the class list who stand behind one of the index.

    ``alone`` are names that only one has, where somebody may be a group.
    """
    row = row_of(student, roster)
    own = [student] if row is None else [merged(in_class(row), student)]
    if alone is None:
        return own
    names = {row.group} if row else {student.group, *student.ids.values()}
    names |= {student.name} & {*alone} if row is None else set()
    members = [other for other in roster.rows if other.group in names - {""} and other != row]
    return [*(own if row or not members else ()), *map(in_class, members)]


def row_of(student: Student, roster: Roster) -> Row | None:
    """Return a student's row of the class list, found by an id and never by a name."""
    for kind, columns in COLUMNS.items():
        if value := student.ids.get(kind):
            for column in columns:
                if row := roster.find(column, value):
                    return row
    return None


def in_class(row: Row) -> Student:
    """Return a student as the class list has them."""
    email = row.ids.get("email", "")
    return Student(
        id=row.id, name=row.name, email=email, ids=row.ids, group=row.group, section=row.section
    )


def merged(first: Student, other: Student) -> Student:
    """Return one student of two records; what the first one says counts."""
    return Student(
        id=first.id,
        name=first.name or other.name,
        email=first.email or other.email,
        ids={**other.ids, **first.ids},
        group=first.group or other.group,
        section=first.section or other.section,
    )


def with_owners(attempt: Attempt, owners: dict[str, list[Student]]) -> Attempt:
    """Return an attempt with the ids of those who stand behind its students."""
    ids = sorted({owner.id for student in attempt.students for owner in owners[student]})
    return attempt.model_copy(update={"students": tuple(ids)})
