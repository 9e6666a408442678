"""Grades of a whole class as they have to be, stored without grading, and the marks to give out."""

from decimal import Decimal

from autograder.course.folder import Course
from autograder.grades.gathering import item_of
from autograder.grades.storing import Store
from autograder.results import CheckResult, Grade
from tests.making.course.comparing import CODE, UNPROMISED
from tests.making.course.people import Person
from tests.making.stores import facts_of, grade_by, put

UNREAD = "nothing can be graded: it is no archive"


def grade_of(person: Person) -> Grade:
    """Return the grade that a person's work has to get."""
    attempt = person.counting
    assert attempt is not None
    work, whole = attempt.work, grade_by(facts_of())
    results = []
    for result in whole.results:
        is_code = result.group in CODE
        outcome = (work.lost or {}).get(result.check)
        is_right = outcome is None and (work.lost is not None or work.points == 100)
        is_right = is_right and result.check != UNPROMISED if work.lost else is_right
        is_right = is_right and (is_code or work.points == 100)
        results.append(judged(result, is_right, outcome or "failed"))
    unread = UNREAD if work.raw is not None else ""
    grade = whole.model_copy(update={"results": tuple(results), "unread": unread})
    assert work.points in (None, grade.earned)
    return grade


def judged(result: CheckResult, is_right: bool, outcome: str) -> CheckResult:
    """Return a result as it was seen."""
    if is_right:
        return result
    return result.model_copy(update={"outcome": outcome, "share": 0.0})


def mark_of(person: Person) -> Decimal | None:
    """Return the mark to give out, with 10 % less for a day; None for nothing handed in."""
    if person.counting is None:
        return None
    share = 9 if person.is_late and person.kind != "canvas" else 10  # which tells no hours
    return Decimal(str(grade_of(person).earned)) * share / 10


def store_grades(course: Course, people: list[Person]) -> None:
    """Store the grades of a class that was collected."""
    store, facts, own = Store(course.grades), facts_of(), {p.id: p for p in people}
    for counted in course.counted():
        person = own[counted.student.id]
        put(store, counted.folder, grade_of(person), facts, item_of(counted).content)
