"""The rule "best": all attempts are graded, each content once, and the best becomes the grade."""

from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.choosing import attempts_store, choose
from autograder.grades.gathering import attempts_of
from autograder.grades.planning import Selection, chosen, matches
from autograder.grades.storing import Store
from autograder.results import Grade
from tests.making.classes import DUE, attempt, collected, write_course
from tests.making.grades import grade, result
from tests.making.stores import OPTIONS, facts_of, put

FACTS = facts_of()
LATE = f'{DUE}rule = "best"\n[late]\npercent = 50\n'
EARLY, LATER = attempt("a", late_h=-2, content="a"), attempt("b", late_h=2, content="b")
SHARED = attempt("g", "ada", "bob", late_h=-3, content="g")
COPY = attempt("h", "cy", late_h=-1, content="a")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course", LATE)


def of_points(points: float) -> Grade:
    return grade(result(points=100, share=points / 100))


def graded(course: Course, **points: float) -> Store:
    """Store grades of attempts by their content, choose, and return the grades of students."""
    store = Store(course.grades)
    for item in attempts_of(course):
        if item.content in points:
            whole = of_points(points[item.content])
            put(attempts_store(store), item.folder, whole, FACTS, item.content)
    choose(course, store, FACTS, OPTIONS)
    return store


def earned(store: Store, student: str) -> float | None:
    made = store.made(student)
    return None if made is None else made.earned


def test_each_content_is_graded_once(course: Course) -> None:
    collected(course, EARLY, LATER, SHARED, COPY)
    items = attempts_of(course)
    assert sorted(item.content for item in items) == ["a", "b", "g"]
    by_content = {item.content: item for item in items}
    assert by_content["g"].names == ("ada", "bob")
    assert matches(by_content["a"], ["cy"])
    assert by_content["a"].path == course.submissions / "attempts/a.zip"
    halves = [chosen(items, Selection(shard=(part, 2))) for part in (1, 2)]
    assert sorted(item.content for half in halves for item in half) == ["a", "b", "g"]


def test_the_best_after_lateness_becomes_the_grade(course: Course) -> None:
    collected(course, EARLY, LATER, SHARED)
    store = graded(course, a=50, b=90, g=40)
    assert (earned(store, "ada"), earned(store, "bob")) == (50, 40)
    there = store.grade("ada")
    assert there is not None
    assert (there.submission, there.source) == ("ada", str(course.submissions / "attempts/a.zip"))
    assert (store.top / "ada" / "feedback.html").exists()
    assert list(store.folders()) == ["ada", "bob"]  # those of attempts are no students'


def test_nobody_is_judged_before_all_attempts_are_graded(course: Course) -> None:
    collected(course, EARLY, LATER, COPY)
    store = graded(course, a=50)
    assert (earned(store, "ada"), earned(store, "cy")) == (None, 50)
    assert earned(graded(course, b=90), "ada") == 50  # 90 less a half


def test_another_policy_chooses_anew_without_grading(course: Course) -> None:
    collected(course, EARLY, LATER)
    store = graded(course, a=50, b=90)
    (course.folder / "course.toml").write_text(LATE.replace("50", "10"))
    choose(Course.find(course.folder), store, FACTS, OPTIONS)
    assert earned(store, "ada") == 90
    assert [made.number for made in store.history("ada")] == [1, 2]
    choose(Course.find(course.folder), store, FACTS, OPTIONS)
    assert [made.number for made in store.history("ada")] == [1, 2]


def test_a_last_day_takes_the_grade_of_what_does_not_count_any_more(course: Course) -> None:
    collected(course, LATER)
    assert earned(graded(course, b=90), "ada") == 90
    last = LATE.replace("percent = 50", "last_day = 0")
    store = graded(write_course(course.folder, last), b=90)
    assert earned(store, "ada") == 0
    assert earned(graded(write_course(course.folder, LATE), b=90), "ada") == 90


def test_who_has_nothing_that_can_be_graded_is_told_why(course: Course) -> None:
    collected(course, attempt("x", "eve", late_h=-1, file=None, problem="is empty"))
    store = graded(course)
    there = store.grade("eve")
    assert there is not None
    assert there.unread == "nothing can be graded: what was handed in is empty"
