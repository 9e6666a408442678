"""The rule "best": all attempts of a student are graded, and the best becomes the grade."""

from collections.abc import Callable
from decimal import Decimal

from autograder.course.counting import Counted
from autograder.course.folder import Course
from autograder.course.index import Attempt
from autograder.grades.gathering import attempt_folder, item_of
from autograder.grades.items import Facts, Graded
from autograder.grades.made import key_of
from autograder.grades.storing import Store
from autograder.grades.unjudged import unread
from autograder.options import Options
from autograder.results import exact
from autograder.submissions.places import source_of

ATTEMPTS_NAME = ".attempts"  # below the grades; no student's folder begins with a dot


def attempts_store(store: Store) -> Store:
    """Return where the grades of attempts lie, beside those of students."""
    return Store(store.top / ATTEMPTS_NAME, store.by, has_pages=False)


def counted_in(course: Course, store: Store) -> list[Counted]:
    """Return what counts of everybody, by the points of attempts where the rule asks for them."""
    is_best = course.settings.rule == "best"
    return course.counted(points_of(attempts_store(store)) if is_best else None)


def points_of(attempts: Store) -> Callable[[Attempt], Decimal | None]:
    """Return what tells the points of attempts that are graded."""

    def points(attempt: Attempt) -> Decimal | None:
        folder = attempt_folder(attempt)
        made, grade = attempts.made(folder), attempts.grade(folder)
        if grade is None or made is None:
            return None
        return exact(grade.earned)

    return points


def choose(course: Course, store: Store, facts: Facts, options: Options) -> list[Counted]:
    """Store the best of each student whose attempts are all graded; return what counts of them."""
    attempts = attempts_store(store)
    points, ungraded = points_of(attempts), set()
    for student, attempt in course.candidates():
        if points(attempt) is None:
            ungraded.add(student.id)
    chosen = [one for one in course.counted(points) if one.student.id not in ungraded]
    for counted in chosen:
        if counted.path is None:
            store_unread(counted, store, facts, options)
        else:
            store_attempt(counted, attempts, store, facts)
    return chosen


def store_unread(counted: Counted, store: Store, facts: Facts, options: Options) -> None:
    """Store the grade of a student none of whose attempts can be graded."""
    item = item_of(counted)
    key, made = key_of(item, facts, options), store.made(item.folder)
    if made is None or made.key != key or store.grade(item.folder) is None:
        grade = unread(item, facts, options, item.problem)
        store.write(Graded(item.folder, grade), key, facts.document.hidden)


def store_attempt(counted: Counted, attempts: Store, store: Store, facts: Facts) -> None:
    """Store an attempt's grade as the grade of its student, unless it is there."""
    folder = attempt_folder(counted.attempt)
    made, grade = attempts.made(folder), attempts.grade(folder)
    if made is None or grade is None or counted.path is None:
        return
    names = {"submission": counted.folder, "source": source_of(counted.path)}
    grade = grade.model_copy(update=names)
    there = store.made(counted.folder)
    if there is None or there.key != made.key or store.grade(counted.folder) != grade:
        graded = Graded(counted.folder, grade)
        store.write(graded, made.key, facts.document.hidden, made.is_recomputed)
