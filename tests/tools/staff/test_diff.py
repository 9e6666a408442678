"""``lab3 grade --diff``: whose marks changed, by how much, and why."""

import json
import shutil
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grades.storing import Store
from tests.conftest import Command
from tests.making.classes import attempt, collected, write_course
from tests.making.grades import grade, result
from tests.making.stores import facts_of, put

FACTS = facts_of()
FAILED, PASSED = result(), result(outcome="passed")
HIDDEN = result("ptq.converts", visibility="hidden", points=0.5)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Ada's mark changes, Bob's rests on another PyTorch, and Cy's is the same."""
    course = write_course(
        tmp_path / "course", students_csv="id,name\n1,Ada \x1b[2JL\n2,Bob\n3,Cy\n"
    )
    collected(course, *(attempt(name, name, late_h=-1) for name in ("1", "2", "3")))
    (course.folder / "course.toml").write_text('students = "students.csv"\n')
    store = Store(course.grades)
    for student in ("1", "2", "3"):
        put(store, student, grade(FAILED, HIDDEN), FACTS)
    shutil.copytree(course.grades, tmp_path / "old")
    put(store, "1", grade(PASSED, HIDDEN, submission_sha256="8" * 64), FACTS, "new")
    put(store, "2", grade(FAILED, HIDDEN, torch="2.15.0"), facts_of(torch="2.15.0"))
    return course


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("old", ["../old", "previous"])
def test_marks_that_changed_are_listed_with_the_reason(
    lab3: Command, course: Course, old: str
) -> None:
    done = lab3("grade", "--diff", old, cwd=course.folder)
    lines = squeezed(done.stdout)
    assert lines[0] == f"1 of {3 if old == '../old' else 2} changed"
    assert "Ada \\x1b[2JL total submission 0 of 4.5 4 of 4.5" in lines
    assert "observer.whole_power_of_two submission 0 of 4 4 of 4" in lines
    assert not [line for line in lines if "Bob" in line or "ptq" in line]
    assert "1 have the same marks, and rest on other conditions" in done.stderr
    assert "\x1b" not in done.stdout


def test_the_same_grades_are_no_change(lab3: Command, course: Course) -> None:
    done = lab3("grade", "--diff", course.grades, cwd=course.folder)
    assert done.stdout == "nothing changed: 3 grades have the same marks\n"
    assert done.stderr == ""
    some = lab3("grade", "--diff", "../old", "--only", "2", "--only", "Cy", cwd=course.folder)
    assert some.stdout == "nothing changed: 2 grades have the same marks\n"


def test_programs_get_all_of_it(lab3: Command, course: Course) -> None:
    shutil.rmtree(course.grades / "3")
    put(Store(course.grades), "4", grade(PASSED), FACTS)
    document = json.loads(lab3("grade", "--diff", "../old", "--json", cwd=course.folder).stdout)
    assert (document["compared"], document["rest_on_other_conditions"]) == (4, 1)
    ada, cy, new = document["changed"]
    assert ada["before"] == {"earned": 0, "points": 4.5, "is_open": False}
    assert (ada["after"]["earned"], ada["why"]) == (4, ["submission"])
    (check,) = ada["checks"]
    assert (check["check"], check["before"]["earned"], check["after"]["earned"]) == (
        "observer.whole_power_of_two",
        0,
        4,
    )
    assert (cy["folder"], cy["after"], cy["why"]) == ("3", None, ["no grade any more"])
    assert (new["folder"], new["before"], new["why"]) == ("4", None, ["not graded before"])


def test_who_has_one_grade_is_compared_with_nothing(lab3: Command, course: Course) -> None:
    done = lab3("grade", "--diff", "previous", "--only", "3", cwd=course.folder)
    assert done.stdout.startswith("nothing to compare: nobody has an earlier grade; the same ")


def test_it_works_outside_a_course(lab3: Command, course: Course) -> None:
    there = course.folder.parent
    done = lab3("grade", "--diff", "old", "--out", course.grades, cwd=there)
    assert "1 of 3 changed" in done.stdout
    done = lab3("grade", "2.zip", "--diff", "old", "--out", course.grades, cwd=there)
    assert done.stdout.startswith("nothing changed: 1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diff", "nowhere"], "nowhere holds no grades: name a copy of the folder of grades"),
        (["--diff", "../old", "--out", "new"], "new holds no grades: lab3 grade makes them"),
        (["--diff", "previous", "--only", "eve"], "'eve' is no submission of this class"),
    ],
)
def test_a_mistake_is_named(lab3: Command, course: Course, arguments: list[str], said: str) -> None:
    assert said in lab3("grade", *arguments, cwd=course.folder, fails=1).stderr
