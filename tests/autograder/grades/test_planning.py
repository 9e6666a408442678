"""What is graded now, and what has its grade already."""

from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.gathering import item_of
from autograder.grades.items import Graded
from autograder.grades.made import key_of
from autograder.grades.planning import Selection, plan
from autograder.grades.storing import Store
from autograder.options import Options
from tests.making import stores
from tests.making.classes import DUE, attempt, collected, write_course
from tests.making.grades import grade, result
from tests.making.stores import OPTIONS, facts_of, put

FACTS = facts_of()
STRICT = f"{DUE}[late]\nlast_day = 1\n"
LATE = attempt("late", late_h=48, sha256="1" * 64)


def test_another_private_test_set_of_the_same_name_is_another(tmp_path: Path) -> None:
    private, store = tmp_path / "private.npz", Store(tmp_path / "grades")
    private.write_bytes(b"some labels are wrong")
    item, options = stores.item_of("ada"), Options(test_set=private)
    whole = Graded("ada", stores.grade_by(FACTS))
    store.write(whole, key_of(item, FACTS, options), stores.POLICY)

    def stale() -> list[str]:
        return [i.folder for i in plan([item], Selection(), store, FACTS, options).stale]

    assert stale() == []
    private.write_bytes(b"all labels are right")
    assert stale() == ["ada"]


def planned(course: Course) -> list[str]:
    items = [item_of(one) for one in course.counted()]
    return [i.folder for i in plan(items, Selection(), Store(course.grades), FACTS, OPTIONS).todo]


def with_grade(course: Course) -> None:
    """Store a grade of what counts of everybody."""
    for one in course.counted():
        item = item_of(one)
        put(Store(course.grades), item.folder, grade(result()), FACTS, item.content)


@pytest.mark.parametrize("settings", [(DUE, STRICT), (STRICT, DUE)], ids=["stricter", "milder"])
def test_whether_an_attempt_counts_may_change(settings: tuple[str, str], tmp_path: Path) -> None:
    """What was handed in is the same, and what there is to grade is not."""
    before, after = settings
    course = collected(write_course(tmp_path / "course", before), LATE)
    assert planned(course) == ["ada"]
    with_grade(course)
    assert planned(course) == []
    assert planned(write_course(course.folder, after)) == ["ada"]
    assert planned(write_course(course.folder, before)) == []


def test_what_staff_decides_is_graded(tmp_path: Path) -> None:
    twins = [attempt(name, collected=LATE.collected, content=name) for name in ("a", "b")]
    course = collected(write_course(tmp_path / "course", "timezone = 'UTC'\n"), *twins)
    assert course.counted()[0].problem
    with_grade(course)
    assert planned(course) == []
    choice = '[choices]\nada = { attempt = "b", reason = "they said so" }\n'
    assert planned(write_course(course.folder, choice)) == ["ada"]
